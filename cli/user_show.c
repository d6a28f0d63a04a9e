/* countersign user ls, show: users as a table or as JSON. Secrets and hashes are not shown. */
#include <stdio.h>

#include "auth/store/pwhash.h"
#include "base/clock.h"
#include "base/enc.h"
#include "cli/table.h"
#include "cli/user_request.h"

static const char *kind_text(enum pwhash_kind kind)
{
    static const char *const texts[] = {
        [PWHASH_UNKNOWN] = "unknown",      [PWHASH_BCRYPT] = "bcrypt",
        [PWHASH_YESCRYPT] = "yescrypt",    [PWHASH_SHA512] = "SHA-512-crypt",
        [PWHASH_SHA256] = "SHA-256-crypt", [PWHASH_APR1] = "apr1 (weak)",
        [PWHASH_SHA1] = "SHA-1 (weak)",    [PWHASH_MD5] = "MD5 (weak)",
    };
    return texts[kind];
}

static const char *const needs[] = {
    [USER_CERTIFICATE_UNSET] = "unset",
    [USER_CERTIFICATE_REQUIRED] = "required",
    [USER_CERTIFICATE_OPTIONAL] = "optional",
};

static const char *date_of(const struct user *u, char date[CLOCK_RFC3339_LEN + 1])
{
    clock_rfc3339(u->expires_ms, date);
    date[19] = 'Z';
    date[20] = '\0';
    return date;
}

static int json_groups(const struct user *u, struct buf *out)
{
    int rc = buf_append(out, STR(",\"groups\":["));
    for (size_t i = 0; i < u->group_count && rc == 0; i++) {
        rc = i > 0 ? buf_append(out, STR(",")) : 0;
        rc = rc == 0 ? enc_json_string(out, u->groups[i]) : rc;
    }
    return rc == 0 ? buf_append(out, STR("]")) : rc;
}

static int json_pins(const struct user *u, struct buf *out)
{
    int rc = buf_append(out, STR(",\"pins\":["));
    for (size_t i = 0; i < u->pin_count && rc == 0; i++) {
        char hex[64];
        enc_hex(u->pins[i].digest, sizeof u->pins[i].digest, hex);
        rc = buf_printf(out, "%s\"%.64s\"", i > 0 ? "," : "", hex);
    }
    return rc == 0 ? buf_append(out, STR("]")) : rc;
}

static int json_company(const struct user *u, struct buf *out)
{
    int rc = buf_append(out, u->company.n > 0 ? STR(",\"company\":") : STR(",\"company\":null"));
    return rc == 0 && u->company.n > 0 ? enc_json_string(out, u->company) : rc;
}

static const char *truth(bool yes)
{
    return yes ? "true" : "false";
}

static int write_json(const struct user *u, struct buf *out)
{
    char date[CLOCK_RFC3339_LEN + 1];
    int rc = buf_append(out, STR("{\"name\":"));
    rc = rc == 0 ? enc_json_string(out, u->name) : rc;
    rc = rc == 0 ? buf_printf(out, ",\"password\":\"%s\",\"certificate\":\"%s\",\"disabled\":%s",
                              kind_text(pwhash_kind(u->hash)), needs[u->certificate],
                              truth(u->disabled))
                 : rc;
    if (rc == 0) {
        rc = u->expires_ms != 0 ? buf_printf(out, ",\"expires\":\"%s\"", date_of(u, date))
                                : buf_append(out, STR(",\"expires\":null"));
    }
    rc = rc == 0 ? json_groups(u, out) : rc;
    rc = rc == 0 ? json_company(u, out) : rc;
    rc = rc == 0 ? json_pins(u, out) : rc;
    return rc == 0 ? buf_printf(out, ",\"totp\":%s,\"totp_required\":%s}",
                                truth(u->totp_secret.n > 0), truth(u->totp_required))
                   : rc;
}

static int write_line(const struct user *u, struct buf *out)
{
    char date[CLOCK_RFC3339_LEN + 1];
    int rc = buf_printf(out, "%-40.*s %s", STR_ARG(u->name), kind_text(pwhash_kind(u->hash)));
    if (rc == 0 && u->certificate != USER_CERTIFICATE_UNSET) {
        rc = buf_printf(out, " certificate=%s", needs[u->certificate]);
    }
    for (size_t i = 0; i < u->group_count && rc == 0; i++) {
        rc = buf_printf(out, "%s%.*s", i > 0 ? "," : " groups=", STR_ARG(u->groups[i]));
    }
    if (rc == 0 && u->company.n > 0) {
        rc = buf_append(out, STR(" company="));
        rc = rc == 0 ? enc_json_string(out, u->company) : rc;
    }
    if (rc == 0 && u->expires_ms != 0) {
        rc = buf_printf(out, " expires=%s", date_of(u, date));
    }
    if (rc == 0 && u->pin_count > 0) {
        rc = buf_printf(out, " pins=%zu", u->pin_count);
    }
    if (rc == 0 && u->totp_secret.n > 0) {
        rc = buf_append(out, STR(" totp"));
    }
    if (rc == 0 && u->disabled) {
        rc = buf_append(out, STR(" disabled"));
    }
    return rc;
}

/* A walk that prints as it goes. */
struct listing {
    bool json;
    bool failed;
    struct buf line;
    size_t limit;
    size_t told;
    bool more;
    char last[USER_NAME_MAX];
    size_t last_n;
};

static bool print_one(void *arg, const struct user *u)
{
    struct listing *l = arg;
    if (l->limit > 0 && l->told == l->limit) {
        l->more = true;
        return false;
    }
    buf_clear(&l->line);
    l->failed = (l->json ? write_json(u, &l->line) : write_line(u, &l->line)) != 0;
    if (l->failed) {
        return false;
    }
    if (l->json && l->told > 0) {
        (void)putchar(',');
    }
    (void)fwrite(buf_str(&l->line).p, 1, buf_len(&l->line), stdout);
    (void)putchar('\n');
    l->told++;
    memcpy(l->last, u->name.p, u->name.n);
    l->last_n = u->name.n;
    return true;
}

static void print_end(struct listing *l)
{
    buf_clear(&l->line);
    if (l->more && enc_json_string(&l->line, (struct str){l->last, l->last_n}) == 0) {
        printf("],\"next\":%.*s}\n", STR_ARG(buf_str(&l->line)));
    } else {
        puts("],\"next\":null}");
    }
}

int user_list(const struct user_request *r)
{
    struct err e = {0};
    struct listing l = {.json = r->json, .limit = r->limit};
    const struct store_page page = {.after = str_of(r->after),
                                    .limit = r->limit > 0 ? r->limit + 1 : 0};
    buf_init(&l.line, 65536);
    if (l.json) {
        fputs("{\"users\":[\n", stdout);
    }
    int rc = store_each(r->store, &page, print_one, &l, &e);
    if (l.json) {
        print_end(&l);
    }
    buf_release(&l.line);
    if (l.failed) {
        rc = err_set(&e, ERR_NOMEM, "out of memory");
    }
    return rc == 0 ? 0 : user_complain(&e);
}

int user_show(const struct user_request *r)
{
    struct err e = {0};
    struct user *user = NULL;
    struct buf json;
    struct buf text;
    buf_init(&json, 65536);
    buf_init(&text, 131072);
    int rc = store_find(r->store, str_of(r->name), &user, &e);
    if (rc == 0) {
        rc = write_json(user, &json);
        if (rc == 0 && !r->json) {
            struct json object = json_value(buf_str(&json));
            rc = table_render(&object, &text);
        }
        rc = rc == 0 ? 0 : err_set(&e, ERR_NOMEM, "out of memory");
    }
    if (rc == 0 && r->json) {
        printf("%.*s\n", STR_ARG(buf_str(&json)));
    } else if (rc == 0) {
        (void)fwrite(buf_str(&text).p, 1, buf_len(&text), stdout);
    }
    user_unref(user);
    buf_release(&json);
    buf_release(&text);
    return rc == 0 ? 0 : user_complain(&e);
}
