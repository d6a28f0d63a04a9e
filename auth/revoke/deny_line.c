/* Owns: the grammar of a line of a deny file. Pure, any thread. */
#include "auth/revoke/deny_line.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/enc.h"

enum { STAMP_N = 20, VALUE_MAX = 2048 };

static const char *const reason_names[] = {
    [DENY_UNSPECIFIED] = "unspecified",
    [DENY_KEY_COMPROMISE] = "keyCompromise",
    [DENY_CA_COMPROMISE] = "cACompromise",
    [DENY_AFFILIATION_CHANGED] = "affiliationChanged",
    [DENY_SUPERSEDED] = "superseded",
    [DENY_CESSATION_OF_OPERATION] = "cessationOfOperation",
    [DENY_CERTIFICATE_HOLD] = "certificateHold",
    [DENY_PRIVILEGE_WITHDRAWN] = "privilegeWithdrawn",
    [DENY_AA_COMPROMISE] = "aACompromise",
};

enum field {
    FIELD_SERIAL = 0,
    FIELD_ISSUER,
    FIELD_FINGERPRINT,
    FIELD_USER,
    FIELD_REASON,
    FIELD_DATE,
    FIELD_UNTIL,
    FIELD_SUBJECT,
    FIELD_ISSUER_NAME,
    FIELD_COUNT
};

static const char *const field_names[FIELD_COUNT] = {
    [FIELD_SERIAL] = "serial", [FIELD_ISSUER] = "issuer",   [FIELD_FINGERPRINT] = "fingerprint",
    [FIELD_USER] = "user",     [FIELD_REASON] = "reason",   [FIELD_DATE] = "date",
    [FIELD_UNTIL] = "until",   [FIELD_SUBJECT] = "subject", [FIELD_ISSUER_NAME] = "issuer_name",
};

static const char *const field_faults[FIELD_COUNT] = {
    [FIELD_SERIAL] = "serial is no hexadecimal number of at most 64 octets",
    [FIELD_ISSUER] = "issuer is not the SHA-256 of a name: 64 hexadecimal digits",
    [FIELD_FINGERPRINT] = "fingerprint is not a SHA-256: 64 hexadecimal digits",
    [FIELD_USER] = "no user can have that name",
    [FIELD_REASON] = "reason is no name of RFC 5280 5.3.1",
    [FIELD_DATE] = "date is not a date like 2026-11-21T18:16:54Z",
    [FIELD_UNTIL] = "until is not a date like 2026-11-21T18:16:54Z",
    [FIELD_SUBJECT] = "subject is longer than 511 octets",
    [FIELD_ISSUER_NAME] = "issuer_name is longer than 511 octets",
};

const char *deny_reason_name(enum deny_reason r)
{
    return r < DENY_NOT_LISTED ? reason_names[r] : "";
}

enum deny_reason deny_reason_find(struct str name)
{
    for (unsigned i = 0; i < DENY_NOT_LISTED; i++) {
        if (str_eq(str_of(reason_names[i]), name)) {
            return (enum deny_reason)i;
        }
    }
    return DENY_NOT_LISTED;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = str_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The digits of text in upper case into out[max + 1]; colons may stand between octets. */
static bool take_digits(struct str text, char *out, size_t max, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == ':' && i % 3 == 2 && i + 1 < text.n) {
            continue;
        }
        int value = hex_value(text.p[i]);
        if (value < 0 || *n == max) {
            return false;
        }
        out[(*n)++] = "0123456789ABCDEF"[value];
    }
    out[*n] = '\0';
    return *n > 0;
}

bool deny_serial_read(struct str text, char out[DENY_SERIAL_MAX + 1])
{
    char digits[DENY_SERIAL_MAX + 1];
    size_t n = 0;
    if (!take_digits(text, digits, DENY_SERIAL_MAX, &n)) {
        return false;
    }
    const char *first = digits;
    while (*first == '0') {
        first++;
    }
    size_t left = strlen(first);
    if (left == 0) {
        memcpy(out, "00", sizeof("00"));
        return true;
    }
    size_t pad = left % 2;
    out[0] = '0';
    memcpy(out + pad, first, left + 1);
    return true;
}

bool deny_digest_read(struct str text, unsigned char out[DENY_DIGEST])
{
    char digits[2 * DENY_DIGEST + 1];
    size_t n = 0;
    if (!take_digits(text, digits, 2 * DENY_DIGEST, &n) || n != 2 * DENY_DIGEST) {
        return false;
    }
    for (size_t i = 0; i < DENY_DIGEST; i++) {
        out[i] = (unsigned char)(hex_value(digits[2 * i]) * 16 + hex_value(digits[2 * i + 1]));
    }
    return true;
}

static void write_stamp(int64_t s, char out[STAMP_N + 1])
{
    struct tm tm = {0};
    time_t t = (time_t)s;
    if (gmtime_r(&t, &tm) == NULL || strftime(out, STAMP_N + 1, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        out[0] = '\0';
    }
}

/* Strict: what is read must be what would be written. */
static bool read_stamp(struct str text, int64_t *out)
{
    char copy[STAMP_N + 1];
    char again[STAMP_N + 1];
    struct tm tm = {0};
    if (text.n != STAMP_N || memchr(text.p, '\0', text.n) != NULL) {
        return false;
    }
    memcpy(copy, text.p, STAMP_N);
    copy[STAMP_N] = '\0';
    const char *end = strptime(copy, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (end == NULL || *end != '\0') {
        return false;
    }
    *out = (int64_t)timegm(&tm);
    write_stamp(*out, again);
    return strcmp(copy, again) == 0;
}

static bool user_fits(struct str name)
{
    return name.n > 0 && name.n <= 255 && str_is_utf8(name) && !str_has_control(name) &&
           str_chr(name, ':') == STR_NPOS && str_trim(name).n == name.n;
}

static bool copy_text(struct str value, char *out, size_t size)
{
    if (value.n >= size || memchr(value.p, '\0', value.n) != NULL) {
        return false;
    }
    memcpy(out, value.p, value.n);
    out[value.n] = '\0';
    return true;
}

static bool take_value(struct deny_entry *e, enum field field, struct str value)
{
    switch (field) {
    case FIELD_SERIAL:
        return deny_serial_read(value, e->serial);
    case FIELD_ISSUER:
        return deny_digest_read(value, e->issuer);
    case FIELD_FINGERPRINT:
        return deny_digest_read(value, e->fingerprint);
    case FIELD_USER:
        return user_fits(value) && copy_text(value, e->user, sizeof(e->user));
    case FIELD_REASON:
        e->reason = deny_reason_find(value);
        return e->reason != DENY_NOT_LISTED;
    case FIELD_DATE:
        return read_stamp(value, &e->date_s);
    case FIELD_UNTIL:
        return read_stamp(value, &e->until_s);
    case FIELD_SUBJECT:
        return copy_text(value, e->subject, sizeof(e->subject));
    case FIELD_ISSUER_NAME:
        return copy_text(value, e->issuer_name, sizeof(e->issuer_name));
    case FIELD_COUNT:
        break;
    }
    return false;
}

/* A value from the front of *rest, without its quotes, into scratch[VALUE_MAX]. */
static const char *cut_value(struct str *rest, char *scratch, struct str *value)
{
    size_t n = 0;
    size_t i = 0;
    bool quoted = rest->n > 0 && rest->p[0] == '"';
    for (i = quoted ? 1 : 0; i < rest->n; i++) {
        char c = rest->p[i];
        if (quoted ? c == '"' : c == ' ' || c == '\t') {
            break;
        }
        if (quoted && c == '\\') {
            i++;
            if (i == rest->n || (rest->p[i] != '"' && rest->p[i] != '\\')) {
                return "a backslash in quotation marks stands before \" or \\ only";
            }
            c = rest->p[i];
        } else if (c == '"' || c == '\\') {
            return "a value with \" or \\ stands in quotation marks";
        }
        if (n == VALUE_MAX) {
            return "the value is too long";
        }
        scratch[n++] = c;
    }
    if (quoted && i == rest->n) {
        return "the closing quotation mark is missing";
    }
    *value = (struct str){scratch, n};
    *rest = str_slice(*rest, quoted ? i + 1 : i, rest->n);
    if (rest->n > 0 && rest->p[0] != ' ' && rest->p[0] != '\t') {
        return "a blank is missing behind the quotation mark";
    }
    return NULL;
}

static bool find_field(struct str name, enum field *out)
{
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        if (str_eq(str_of(field_names[i]), name)) {
            *out = (enum field)i;
            return true;
        }
    }
    return false;
}

static bool has(unsigned seen, enum field f)
{
    return (seen & (1U << f)) != 0;
}

/* Read one field from the front of *rest. Returns what is wrong, or NULL. */
static const char *read_field(struct str *rest, struct deny_entry *e, unsigned *seen)
{
    char scratch[VALUE_MAX];
    struct str name = STR_NONE;
    struct str behind = STR_NONE;
    struct str value = STR_NONE;
    enum field field = FIELD_COUNT;
    if (!str_cut(*rest, '=', &name, &behind) || !find_field(name, &field)) {
        return "no such field: serial, issuer, fingerprint, user, reason, date, until, subject "
               "and issuer_name are known";
    }
    if (has(*seen, field)) {
        return "the field stands there twice";
    }
    *rest = behind;
    const char *fault = cut_value(rest, scratch, &value);
    if (fault != NULL) {
        return fault;
    }
    *seen |= 1U << field;
    return take_value(e, field, value) ? NULL : field_faults[field];
}

/* What is withdrawn must be told in exactly one way. */
static const char *pick_kind(unsigned seen, struct deny_entry *e)
{
    bool serial = has(seen, FIELD_SERIAL);
    unsigned ways = (serial ? 1U : 0U) + (has(seen, FIELD_FINGERPRINT) ? 1U : 0U) +
                    (has(seen, FIELD_USER) ? 1U : 0U);
    if (ways != 1) {
        return "a line names one thing: serial with issuer, or fingerprint, or user";
    }
    if (serial != has(seen, FIELD_ISSUER)) {
        return "serial and issuer stand together";
    }
    e->kind = serial ? DENY_SERIAL : has(seen, FIELD_USER) ? DENY_USER : DENY_FINGERPRINT;
    return NULL;
}

void deny_entry_init(struct deny_entry *e, enum deny_kind kind)
{
    *e = (struct deny_entry){.kind = kind, .date_s = INT64_MIN, .until_s = INT64_MAX};
}

static struct str without_cr(struct str line)
{
    return str_ends(line, STR("\r")) ? str_slice(line, 0, line.n - 1) : line;
}

bool deny_line_is_blank(struct str line)
{
    return str_trim(without_cr(line)).n == 0 || line.p[0] == '#';
}

bool deny_line_read(struct str line, struct deny_entry *e, struct deny_fault *fault)
{
    unsigned seen = 0;
    struct str rest = str_trim(without_cr(line));
    deny_entry_init(e, DENY_SERIAL);
    *fault = (struct deny_fault){.column = 1};
    if (!str_is_utf8(line) || str_has_control(rest)) {
        fault->what = "the line is not UTF-8, or holds a control character";
        return false;
    }
    while (rest.n > 0 && fault->what == NULL) {
        fault->column = (size_t)(rest.p - line.p) + 1;
        fault->what = read_field(&rest, e, &seen);
        rest = str_trim(rest);
    }
    if (fault->what == NULL) {
        fault->column = 1;
        fault->what = pick_kind(seen, e);
    }
    fault->help = fault->what != NULL ? "\"countersign cert withdraw\" writes such lines." : NULL;
    return fault->what == NULL;
}

static int add_value(struct buf *out, const char *name, const char *value)
{
    bool plain = value[0] != '\0' && strpbrk(value, " \"\\") == NULL;
    int rc = buf_printf(out, "%s%s=%s", buf_len(out) > 0 ? " " : "", name, plain ? "" : "\"");
    for (const char *p = value; *p != '\0' && rc == 0; p++) {
        if (*p == '"' || *p == '\\') {
            rc = buf_append(out, STR("\\"));
        }
        rc = rc == 0 ? buf_append(out, (struct str){p, 1}) : rc;
    }
    return rc == 0 && !plain ? buf_append(out, STR("\"")) : rc;
}

static int add_digest(struct buf *out, const char *name, const unsigned char *digest)
{
    char hex[2 * DENY_DIGEST + 1];
    enc_hex(digest, DENY_DIGEST, hex);
    hex[2 * DENY_DIGEST] = '\0';
    return add_value(out, name, hex);
}

static int add_what(struct buf *out, const struct deny_entry *e)
{
    if (e->kind == DENY_USER) {
        return add_value(out, "user", e->user);
    }
    if (e->kind == DENY_FINGERPRINT) {
        return add_digest(out, "fingerprint", e->fingerprint);
    }
    int rc = add_value(out, "serial", e->serial);
    return rc == 0 ? add_digest(out, "issuer", e->issuer) : rc;
}

int deny_line_write(const struct deny_entry *e, struct buf *out)
{
    struct buf line;
    char stamp[STAMP_N + 1];
    buf_init(&line, 8192);
    int rc = add_what(&line, e);
    rc = rc == 0 ? add_value(&line, "reason", deny_reason_name(e->reason)) : rc;
    if (rc == 0 && e->date_s != INT64_MIN) {
        write_stamp(e->date_s, stamp);
        rc = add_value(&line, "date", stamp);
    }
    if (rc == 0 && e->until_s != INT64_MAX) {
        write_stamp(e->until_s, stamp);
        rc = add_value(&line, "until", stamp);
    }
    if (rc == 0 && e->subject[0] != '\0') {
        rc = add_value(&line, "subject", e->subject);
    }
    if (rc == 0 && e->issuer_name[0] != '\0') {
        rc = add_value(&line, "issuer_name", e->issuer_name);
    }
    rc = rc == 0 ? buf_append(&line, STR("\n")) : rc;
    rc = rc == 0 ? buf_append(out, buf_str(&line)) : rc;
    buf_release(&line);
    return rc;
}

bool deny_entry_same(const struct deny_entry *a, const struct deny_entry *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case DENY_SERIAL:
        return strcmp(a->serial, b->serial) == 0 && memcmp(a->issuer, b->issuer, DENY_DIGEST) == 0;
    case DENY_FINGERPRINT:
        return memcmp(a->fingerprint, b->fingerprint, DENY_DIGEST) == 0;
    case DENY_USER:
        return strcmp(a->user, b->user) == 0;
    case DENY_KIND_COUNT:
        break;
    }
    return false;
}
