/* Owns: the grammar of a line of a deny file. Pure, any thread. */
#include "auth/revoke/deny_line.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/enc.h"

enum { STAMP_N = 20, VALUE_MAX = 2048 };
#define DIGITS ((size_t)2 * DENY_DIGEST) /* of a digest */

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

#define NAME(text)                                                                                 \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }
static const struct str field_names[FIELD_COUNT] = {
    [FIELD_SERIAL] = NAME("serial"),
    [FIELD_ISSUER] = NAME("issuer"),
    [FIELD_FINGERPRINT] = NAME("fingerprint"),
    [FIELD_USER] = NAME("user"),
    [FIELD_REASON] = NAME("reason"),
    [FIELD_DATE] = NAME("date"),
    [FIELD_UNTIL] = NAME("until"),
    [FIELD_SUBJECT] = NAME("subject"),
    [FIELD_ISSUER_NAME] = NAME("issuer_name"),
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

/* The value of a hexadecimal digit; 16 for another octet. Without a branch that depends on the
 * digit: those of a serial number cannot be foretold. */
static unsigned hex_value(char c)
{
    unsigned digit = (unsigned char)c - (unsigned)'0';
    unsigned letter = ((unsigned char)c | 0x20U) - (unsigned)'a';
    unsigned value = letter < 6 ? letter + 10 : 16;
    return digit < 10 ? digit : value;
}

/* The digits of text in upper case into out[max + 1]; colons may stand between octets. */
static bool take_digits(struct str text, char *out, size_t max, size_t *n)
{
    unsigned bad = 0;
    *n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == ':' && i % 3 == 2 && i + 1 < text.n) {
            continue;
        }
        if (*n == max) {
            return false;
        }
        unsigned value = hex_value(text.p[i]);
        bad |= value & 16U;
        out[(*n)++] = "0123456789ABCDEF-"[value];
    }
    out[*n] = '\0';
    return *n > 0 && bad == 0;
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
    char digits[DIGITS + 1];
    unsigned bad = 0;
    size_t n = 0;
    if (text.n != DIGITS) {
        if (!take_digits(text, digits, DIGITS, &n) || n != DIGITS) {
            return false;
        }
        text = (struct str){digits, n};
    }
    for (size_t i = 0; i < DENY_DIGEST; i++) {
        unsigned high = hex_value(text.p[2 * i]);
        unsigned low = hex_value(text.p[2 * i + 1]);
        bad |= (high | low) & 16U;
        out[i] = (unsigned char)(high * 16 + low);
    }
    return bad == 0;
}

static void write_stamp(int64_t s, char out[STAMP_N + 1])
{
    struct tm tm = {0};
    time_t t = (time_t)s;
    if (gmtime_r(&t, &tm) == NULL || strftime(out, STAMP_N + 1, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        out[0] = '\0';
    }
}

/* Days from 1970-01-01 to that date of the Gregorian calendar; year from 1. March is counted as the
 * first month, so that a leap day is the last of its year. */
static int64_t days_of(unsigned year, unsigned month, unsigned day)
{
    unsigned shifted = month > 2 ? month - 3 : month + 9;
    unsigned y = month > 2 ? year : year - 1;
    unsigned in_year = (153 * shifted + 2) / 5 + day - 1;
    return (int64_t)y * 365 + y / 4 - y / 100 + y / 400 + in_year - 719468;
}

static unsigned days_in(unsigned year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

/* Strict: the form that write_stamp() gives, and a moment that exists. By hand, as a long list has
 * two of them in each line. */
static bool read_stamp(struct str text, int64_t *out)
{
    static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
    unsigned part[6] = {0};
    size_t at = 0;
    if (text.n != STAMP_N) {
        return false;
    }
    for (size_t i = 0; i < STAMP_N; i++) {
        unsigned digit = (unsigned char)text.p[i] - (unsigned)'0';
        if (form[i] != 'd' ? text.p[i] != form[i] : digit > 9) {
            return false;
        }
        if (form[i] == 'd') {
            part[at] = part[at] * 10 + digit;
        } else {
            at++;
        }
    }
    if (part[0] < 1000 || part[1] < 1 || part[1] > 12 || part[2] < 1 ||
        part[2] > days_in(part[0], part[1]) || part[3] > 23 || part[4] > 59 || part[5] > 59) {
        return false;
    }
    *out = days_of(part[0], part[1], part[2]) * 86400 + (int64_t)part[3] * 3600 +
           (int64_t)part[4] * 60 + part[5];
    return true;
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

/* What ends or interrupts a value: 1 outside of quotation marks, 2 inside, 3 both. */
static const unsigned char stops[256] = {[' '] = 1, ['\t'] = 1, ['"'] = 3, ['\\'] = 3};

static size_t run_of(struct str s, unsigned char mask)
{
    size_t i = 0;
    while (i < s.n && (stops[(unsigned char)s.p[i]] & mask) == 0) {
        i++;
    }
    return i;
}

/* The inside of quotation marks, of which the first is gone, from the front of *rest, the other
 * mark included. */
static const char *cut_quoted(struct str *rest, char *scratch, struct str *value)
{
    size_t n = 0;
    for (;;) {
        size_t run = run_of(*rest, 2);
        if (n + run > VALUE_MAX) {
            return "the value is too long";
        }
        memcpy(scratch + n, rest->p, run);
        n += run;
        if (run == rest->n) {
            return "the closing quotation mark is missing";
        }
        char c = rest->p[run];
        *rest = str_slice(*rest, run + 1, rest->n);
        if (c == '"') {
            break;
        }
        if (rest->n == 0 || (rest->p[0] != '"' && rest->p[0] != '\\')) {
            return "a backslash in quotation marks stands before \" or \\ only";
        }
        if (n == VALUE_MAX) {
            return "the value is too long";
        }
        scratch[n++] = rest->p[0];
        *rest = str_slice(*rest, 1, rest->n);
    }
    *value = (struct str){scratch, n};
    return rest->n > 0 && rest->p[0] != ' ' && rest->p[0] != '\t'
               ? "a blank is missing behind the quotation mark"
               : NULL;
}

/* A value from the front of *rest, without its quotes; where there are some, in
 * scratch[VALUE_MAX]. */
static const char *cut_value(struct str *rest, char *scratch, struct str *value)
{
    if (rest->n > 0 && rest->p[0] == '"') {
        *rest = str_slice(*rest, 1, rest->n);
        return cut_quoted(rest, scratch, value);
    }
    size_t run = run_of(*rest, 1);
    *value = str_slice(*rest, 0, run);
    if (run < rest->n && (stops[(unsigned char)rest->p[run]] & 2) != 0) {
        return "a value with \" or \\ stands in quotation marks";
    }
    if (run > VALUE_MAX) {
        return "the value is too long";
    }
    *rest = str_slice(*rest, run, rest->n);
    return NULL;
}

/* FIELD_COUNT if there is no such field. */
static enum field find_field(struct str name)
{
    unsigned i = 0;
    while (i < FIELD_COUNT && !str_eq(field_names[i], name)) {
        i++;
    }
    return (enum field)i;
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
    if (str_cut(*rest, '=', &name, &behind)) {
        field = find_field(name);
    }
    if (field == FIELD_COUNT) {
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
    /* The texts, long as they are, need no more than their end. */
    e->kind = kind;
    e->reason = DENY_UNSPECIFIED;
    e->date_s = INT64_MIN;
    e->until_s = INT64_MAX;
    memset(e->issuer, 0, sizeof(e->issuer));
    memset(e->spelled, 0, sizeof(e->spelled));
    memset(e->fingerprint, 0, sizeof(e->fingerprint));
    e->serial[0] = '\0';
    e->user[0] = '\0';
    e->subject[0] = '\0';
    e->issuer_name[0] = '\0';
}

static struct str without_cr(struct str line)
{
    return str_ends(line, STR("\r")) ? str_slice(line, 0, line.n - 1) : line;
}

/* A CR within a comment may be the only line end that its writer knows: what follows is no comment
 * then, and is told as a fault. */
bool deny_line_is_blank(struct str line)
{
    struct str text = without_cr(line);
    return str_trim(text).n == 0 || (text.p[0] == '#' && str_chr(text, '\r') == STR_NPOS);
}

bool deny_line_read(struct str line, struct deny_entry *e, struct deny_fault *fault)
{
    unsigned seen = 0;
    struct str rest = str_trim(without_cr(line));
    deny_entry_init(e, DENY_SERIAL);
    *fault = (struct deny_fault){.column = 1};
    if (!str_is_utf8(line) || str_has_control(rest)) {
        fault->what = str_chr(rest, '\r') != STR_NPOS
                          ? "a CR within the line: lines end with LF, or CR and LF"
                          : "the line is not UTF-8, or holds a control character";
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
    char hex[DIGITS + 1];
    enc_hex(digest, DENY_DIGEST, hex);
    hex[DIGITS] = '\0';
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
        return strcmp(a->serial, b->serial) == 0 &&
               (memcmp(a->issuer, b->issuer, DENY_DIGEST) == 0 ||
                memcmp(a->issuer, b->spelled, DENY_DIGEST) == 0);
    case DENY_FINGERPRINT:
        return memcmp(a->fingerprint, b->fingerprint, DENY_DIGEST) == 0;
    case DENY_USER:
        return strcmp(a->user, b->user) == 0;
    case DENY_KIND_COUNT:
        break;
    }
    return false;
}

/* True if the digits of text, colons between them aside, are the last ones of those that digit(arg,
 * i) gives, i counted from the end; or the other way around. */
static bool ends_alike(struct str text, unsigned (*digit)(const void *arg, size_t i),
                       const void *arg, size_t n)
{
    size_t i = 0;
    for (size_t at = text.n; at > 0 && i < n; at--) {
        if (text.p[at - 1] != ':' && hex_value(text.p[at - 1]) != digit(arg, i++)) {
            return false;
        }
    }
    return true;
}

static unsigned serial_digit(const void *arg, size_t i)
{
    const struct str *serial = arg;
    return hex_value(serial->p[serial->n - 1 - i]);
}

static unsigned digest_digit(const void *arg, size_t i)
{
    const unsigned char *digest = arg;
    unsigned octet = digest[DENY_DIGEST - 1 - i / 2];
    return i % 2 == 0 ? octet & 15U : octet >> 4;
}

bool deny_line_may_be(struct str line, const struct deny_entry *e)
{
    static const struct {
        struct str front;
        enum deny_kind kind;
    } fronts[] = {{NAME("serial="), DENY_SERIAL},
                  {NAME("fingerprint="), DENY_FINGERPRINT},
                  {NAME("user="), DENY_USER}};
    for (size_t i = 0; i < sizeof(fronts) / sizeof(fronts[0]); i++) {
        if (!str_starts(line, fronts[i].front)) {
            continue;
        }
        /* A line names one thing: if it begins with this one, it is that or nothing. */
        if (fronts[i].kind != e->kind || e->kind == DENY_USER) {
            return fronts[i].kind == e->kind;
        }
        struct str value = str_slice(without_cr(line), fronts[i].front.n, line.n);
        value = str_slice(value, 0, run_of(value, 1));
        if (value.n == 0) {
            return true; /* in quotation marks, perhaps */
        }
        if (e->kind == DENY_FINGERPRINT) {
            return ends_alike(value, digest_digit, e->fingerprint, DIGITS);
        }
        struct str serial = str_of(e->serial);
        return ends_alike(value, serial_digit, &serial, serial.n);
    }
    return true;
}
