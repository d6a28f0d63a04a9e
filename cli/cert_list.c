/* Owns: the form of the list. Leaves lines to auth/revoke/deny_line. */
#include "cli/cert_list.h"

#include <stdio.h>

#include "auth/revoke/deny.h"
#include "base/clock.h"
#include "base/enc.h"
#include "cli/table.h"

#define LIST_MAX ((size_t)1 << 30)

static const char *const kinds[DENY_KIND_COUNT] = {
    [DENY_SERIAL] = "serial", [DENY_FINGERPRINT] = "fingerprint", [DENY_USER] = "user"};

static int add_member(struct buf *out, const char *name, struct str value)
{
    int rc = buf_printf(out, ",\"%s\":", name);
    return rc == 0 ? enc_json_string(out, value) : rc;
}

static int add_date(struct buf *out, const char *name, int64_t s)
{
    char text[CLOCK_RFC3339_LEN + 1] = "";
    if (s != INT64_MIN && s != INT64_MAX) {
        clock_rfc3339(s * 1000, text);
    }
    return add_member(out, name, str_of(text));
}

static int add_entry(struct buf *out, const struct deny_entry *entry, const char *path)
{
    char hex[2 * DENY_DIGEST];
    struct str what = str_of(entry->kind == DENY_USER ? entry->user : entry->serial);
    if (entry->kind == DENY_FINGERPRINT) {
        enc_hex(entry->fingerprint, DENY_DIGEST, hex);
        what = (struct str){hex, sizeof(hex)};
    }
    int rc = buf_printf(out, "{\"kind\":\"%s\"", kinds[entry->kind]);
    rc = rc == 0 ? add_member(out, "value", what) : rc;
    rc = rc == 0 ? add_member(out, "reason", str_of(deny_reason_name(entry->reason))) : rc;
    rc = rc == 0 ? add_date(out, "date", entry->date_s) : rc;
    rc = rc == 0 ? add_date(out, "until", entry->until_s) : rc;
    rc = rc == 0 ? add_member(out, "subject", str_of(entry->subject)) : rc;
    rc = rc == 0 ? add_member(out, "issuer", str_of(entry->issuer_name)) : rc;
    rc = rc == 0 ? add_member(out, "file", str_of(path)) : rc;
    return rc == 0 ? buf_append(out, STR("}")) : rc;
}

static int add_file(struct buf *out, const char *path, struct str text, bool *any)
{
    int rc = 0;
    struct str rest = text;
    struct str line = STR_NONE;
    for (unsigned number = 1; rest.n > 0 && rc == 0; number++) {
        struct deny_entry entry;
        struct deny_fault fault;
        (void)str_cut(rest, '\n', &line, &rest);
        if (deny_line_is_blank(line)) {
            continue;
        }
        if (!deny_line_read(line, &entry, &fault)) {
            (void)fprintf(stderr, "%s:%u:%zu: error: %s\n", path, number, fault.column, fault.what);
            continue;
        }
        rc = *any ? buf_append(out, STR(",")) : 0;
        *any = true;
        rc = rc == 0 ? add_entry(out, &entry, path) : rc;
    }
    return rc;
}

static int print_table(struct str text)
{
    struct buf table;
    struct json whole = json_value(text);
    buf_init(&table, LIST_MAX);
    int rc = table_render(&whole, &table);
    (void)printf("%.*s", STR_ARG(buf_str(&table)));
    buf_release(&table);
    return rc;
}

int cert_list_print(const struct conf *conf, struct files *files, bool json, struct err *e)
{
    struct buf out;
    bool any = false;
    buf_init(&out, LIST_MAX);
    int rc = buf_append(&out, STR("{\"entries\":["));
    for (size_t i = 0; i < conf->revocation.deny.n && rc == 0; i++) {
        struct str text = STR_NONE;
        const char *path = conf->revocation.deny.v[i].p;
        rc = files_read(files, path, &text, e);
        rc = rc == 0 ? add_file(&out, path, text, &any) : rc;
    }
    rc = rc == 0 ? buf_append(&out, STR("]}")) : rc;
    if (rc == 0 && json) {
        (void)printf("%.*s\n", STR_ARG(buf_str(&out)));
    } else if (rc == 0 && any) {
        rc = print_table(buf_str(&out));
    } else if (rc == 0) {
        (void)puts("nothing is withdrawn");
    }
    buf_release(&out);
    return rc == 0 ? 0 : err_set(e, (enum err_code) - rc, "%s", err_name(rc));
}
