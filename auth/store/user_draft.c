/* Owns: the form of each field of a user as text. Leaves files to fields and sqlite. Pure, any
 * thread. */
#include "auth/store/user_draft.h"

#include <time.h>

#include "base/clock.h"
#include "base/enc.h"
#include "base/mem.h"

void user_draft_begin(struct user_draft *d, const struct user *from)
{
    memset(d, 0, sizeof(*d));
    if (from != NULL) {
        d->user = *from;
        d->user.refs = NULL;
        for (size_t i = 0; i < from->group_count && i < USER_GROUPS_MAX; i++) {
            d->groups[i] = from->groups[i];
        }
        for (size_t i = 0; i < from->pin_count && i < USER_PINS_MAX; i++) {
            d->pins[i] = from->pins[i];
        }
    }
    d->user.groups = d->groups;
    d->user.pins = d->pins;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = str_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Read hex, colons between octets allowed, into at most max octets. Returns their number, 0 for
 * anything else. */
static size_t read_hex(struct str text, unsigned char *out, size_t max)
{
    size_t n = 0;
    size_t at = 0;
    while (at < text.n) {
        if (n > 0 && text.p[at] == ':') {
            at++;
        }
        int high = at + 1 < text.n ? hex_digit(text.p[at]) : -1;
        int low = at + 1 < text.n ? hex_digit(text.p[at + 1]) : -1;
        if (high < 0 || low < 0 || n == max) {
            return 0;
        }
        out[n++] = (unsigned char)(high * 16 + low);
        at += 2;
    }
    return n;
}

static const char *set_certificate(struct user *u, struct str value)
{
    if (str_eq(value, STR("required"))) {
        u->certificate = USER_CERTIFICATE_REQUIRED;
    } else if (str_eq(value, STR("optional"))) {
        u->certificate = USER_CERTIFICATE_OPTIONAL;
    } else if (str_eq(value, STR("unset"))) {
        u->certificate = USER_CERTIFICATE_UNSET;
    } else {
        return "certificate is required, optional or unset";
    }
    return NULL;
}

static const char *set_groups(struct user_draft *d, struct str value)
{
    d->user.group_count = 0;
    while (value.n > 0) {
        struct str name = STR_NONE;
        bool more = str_cut(value, ',', &name, &value);
        const char *fault = user_group_fault(name);
        if (fault == NULL && more && value.n == 0) {
            fault = "there is nothing behind the last comma";
        }
        if (fault == NULL && d->user.group_count == USER_GROUPS_MAX) {
            fault = "more than 64 groups";
        }
        for (size_t i = 0; fault == NULL && i < d->user.group_count; i++) {
            fault = str_eq(d->groups[i], name) ? "a group stands there twice" : NULL;
        }
        if (fault != NULL) {
            return fault;
        }
        d->groups[d->user.group_count++] = name;
    }
    return NULL;
}

static const char *add_pin(struct user_draft *d, struct str value)
{
    struct user_pin pin;
    if (value.n == 0) {
        d->user.pin_count = 0;
        return NULL;
    }
    if (read_hex(value, pin.digest, sizeof(pin.digest)) != sizeof(pin.digest)) {
        return "pin is the SHA-256 fingerprint of a certificate, 64 hex digits";
    }
    if (d->user.pin_count > 0 && !user_refuses_pin(&d->user, pin.digest)) {
        return "the same certificate is pinned twice";
    }
    if (d->user.pin_count == USER_PINS_MAX) {
        return "more than 16 pinned certificates";
    }
    d->pins[d->user.pin_count++] = pin;
    return NULL;
}

static const char *set_secret(struct user_draft *d, struct str value)
{
    size_t n = read_hex(value, d->secret, sizeof(d->secret));
    if (n == 0 && value.n > 0) {
        return "totp is a secret of 1 to 64 octets in hex";
    }
    d->user.totp_secret = (struct str){(const char *)d->secret, n};
    return NULL;
}

static const char *set_company(struct user_draft *d, struct str value)
{
    const char *fault = value.n > 0 ? user_company_fault(value) : NULL;
    if (fault == NULL) {
        memmove(d->company, value.p != NULL ? value.p : "", value.n);
        d->user.company = (struct str){d->company, value.n};
    }
    return fault;
}

static const char *set_flag(bool *flag, struct str value)
{
    *flag = str_eq(value, STR("yes"));
    return *flag || str_eq(value, STR("no")) ? NULL : "is yes or no";
}

const char *user_draft_set(struct user_draft *d, struct str key, struct str value)
{
    struct user *u = &d->user;
    if (str_eq(key, STR("certificate"))) {
        return set_certificate(u, value);
    }
    if (str_eq(key, STR("groups"))) {
        return set_groups(d, value);
    }
    if (str_eq(key, STR("expires"))) {
        u->expires_ms = 0;
        return str_eq(value, STR("never")) || user_draft_date(value, &u->expires_ms)
                   ? NULL
                   : "expires is a date such as 2027-01-31 or 2027-01-31T12:00:00Z, or never";
    }
    if (str_eq(key, STR("pin"))) {
        return add_pin(d, value);
    }
    if (str_eq(key, STR("company"))) {
        return set_company(d, value);
    }
    if (str_eq(key, STR("totp"))) {
        return set_secret(d, value);
    }
    if (str_eq(key, STR("disabled"))) {
        return set_flag(&u->disabled, value);
    }
    if (str_eq(key, STR("totp_required"))) {
        return set_flag(&u->totp_required, value);
    }
    return "there is no such field (there are certificate, groups, company, expires, pin, "
           "disabled, "
           "totp, totp_required)";
}

/* Take %HH for what it stands for. Returns false if one is not well-formed, or out is too small. */
static bool unescape(struct str text, char *out, size_t size, size_t *n)
{
    *n = 0;
    for (size_t at = 0; at < text.n; at++) {
        char c = text.p[at];
        if (c == '%') {
            int high = at + 2 < text.n ? hex_digit(text.p[at + 1]) : -1;
            int low = at + 2 < text.n ? hex_digit(text.p[at + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = (char)(high * 16 + low);
            at += 2;
        }
        if (*n == size) {
            return false;
        }
        out[(*n)++] = c;
    }
    return true;
}

const char *user_draft_read(struct user_draft *d, struct str key, struct str value)
{
    char company[USER_COMPANY_MAX];
    size_t n = 0;
    if (!str_eq(key, STR("company"))) {
        return user_draft_set(d, key, value);
    }
    if (!unescape(value, company, sizeof(company), &n)) {
        return "the name of a company is too long, or has a % without two hex digits (a percent "
               "sign is %25, a blank %20)";
    }
    return set_company(d, (struct str){company, n});
}

/* The number that the n digits at from are; -1 if one is no digit. */
static int number_at(struct str text, size_t from, size_t n)
{
    int number = 0;
    for (size_t i = from; i < from + n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') {
            return -1;
        }
        number = number * 10 + (text.p[i] - '0');
    }
    return number;
}

bool user_draft_date(struct str text, int64_t *ms)
{
    static const char date_form[] = "0000-00-00T00:00:00Z";
    if (text.n != 10 && text.n != sizeof(date_form) - 1) {
        return false;
    }
    for (size_t i = 0; i < text.n; i++) {
        if (date_form[i] != '0' && text.p[i] != date_form[i]) {
            return false;
        }
    }
    struct tm wanted = {.tm_year = number_at(text, 0, 4) - 1900,
                        .tm_mon = number_at(text, 5, 2) - 1,
                        .tm_mday = number_at(text, 8, 2)};
    if (text.n > 10) {
        wanted.tm_hour = number_at(text, 11, 2);
        wanted.tm_min = number_at(text, 14, 2);
        wanted.tm_sec = number_at(text, 17, 2);
    }
    struct tm made = wanted;
    time_t seconds = timegm(&made);
    /* timegm() moves what no calendar has (a 31st of June, digits that are none) to another day. */
    if (seconds < 0 || made.tm_year != wanted.tm_year || made.tm_mon != wanted.tm_mon ||
        made.tm_mday != wanted.tm_mday || made.tm_hour != wanted.tm_hour ||
        made.tm_min != wanted.tm_min || made.tm_sec != wanted.tm_sec) {
        return false;
    }
    *ms = seconds > 0 ? (int64_t)seconds * 1000 : 1; /* 0 would mean never */
    return true;
}

static int write_groups(const struct user *u, struct buf *out)
{
    int rc = u->group_count > 0 ? buf_append(out, STR(" groups=")) : 0;
    for (size_t i = 0; i < u->group_count && rc == 0; i++) {
        rc = i > 0 ? buf_append(out, STR(",")) : 0;
        rc = rc == 0 ? buf_append(out, u->groups[i]) : rc;
    }
    return rc;
}

static int write_company(const struct user *u, struct buf *out)
{
    int rc = u->company.n > 0 ? buf_append(out, STR(" company=")) : 0;
    for (size_t i = 0; i < u->company.n && rc == 0; i++) {
        char c = u->company.p[i];
        rc = c != '%' && c != ' ' ? buf_append(out, str_slice(u->company, i, i + 1))
                                  : buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
    return rc;
}

static int write_hex(struct buf *out, const char *key, const void *octets, size_t n)
{
    char hex[2 * USER_SECRET_MAX];
    enc_hex(octets, n, hex);
    int rc = buf_printf(out, " %s=%.*s", key, (int)(2 * n), hex);
    mem_wipe(hex, sizeof(hex));
    return rc;
}

static int write_expiry(const struct user *u, struct buf *out)
{
    char date[CLOCK_RFC3339_LEN + 1];
    clock_rfc3339(u->expires_ms, date);
    return buf_printf(out, " expires=%.19sZ", date);
}

int user_draft_write(const struct user *u, struct buf *out)
{
    int rc = 0;
    if (u->certificate != USER_CERTIFICATE_UNSET) {
        rc = buf_printf(out, " certificate=%s",
                        u->certificate == USER_CERTIFICATE_OPTIONAL ? "optional" : "required");
    }
    rc = rc == 0 ? write_groups(u, out) : rc;
    rc = rc == 0 ? write_company(u, out) : rc;
    if (rc == 0 && u->expires_ms != 0) {
        rc = write_expiry(u, out);
    }
    for (size_t i = 0; i < u->pin_count && rc == 0; i++) {
        rc = write_hex(out, "pin", u->pins[i].digest, sizeof(u->pins[i].digest));
    }
    if (rc == 0 && u->disabled) {
        rc = buf_append(out, STR(" disabled=yes"));
    }
    if (rc == 0 && u->totp_required) {
        rc = buf_append(out, STR(" totp_required=yes"));
    }
    if (rc == 0 && u->totp_secret.n > 0) {
        rc = write_hex(out, "totp", u->totp_secret.p, u->totp_secret.n);
    }
    return rc;
}
