/* Owns: the way of a deny entry from a command into force. Leaves files to auth/revoke/deny_change,
 * asking to proxy/proc/control. */
#include "cli/withdraw.h"

#include <stdio.h>
#include <string.h>

#include "auth/pairing.h"
#include "auth/revoke/deny_change.h"
#include "base/clock.h"
#include "cli/json.h"
#include "proxy/proc/control.h"

enum { ANSWER_MAX = 65536, TELL_MS = 10000 };

static int complain(const char *verb, const char *text)
{
    (void)fprintf(stderr, "countersign %s: %s\n", verb, text);
    return 1;
}

/* Tell what the master said. Returns the exit status. */
static int show(const char *verb, const struct buf *answer)
{
    struct json whole = json_value(buf_str(answer));
    struct json error = json_member(&whole, STR("error"));
    struct json have = json_member(&whole, STR("in_force"));
    struct json all = json_member(&whole, STR("workers"));
    struct json ended = json_member(&whole, STR("ended"));
    if (whole.kind != JSON_OBJECT || (error.kind == JSON_NONE && have.kind == JSON_NONE)) {
        return complain(verb, "the answer is not understood: is that another version?");
    }
    if (error.kind != JSON_NONE) {
        struct buf text;
        buf_init(&text, ANSWER_MAX);
        if (json_text(&error, &text) == 0) {
            (void)fprintf(stderr, "countersign %s: the running proxy refuses the list: %.*s\n",
                          verb, STR_ARG(buf_str(&text)));
        }
        buf_release(&text);
        return 1;
    }
    (void)printf("in force on %.*s of %.*s workers, %.*s open connections ended\n",
                 STR_ARG(have.text), STR_ARG(all.text), STR_ARG(ended.text));
    return str_eq(have.text, all.text) ? 0 : 1;
}

int withdraw_tell(const char *verb, const struct conf *conf)
{
    struct err e = {0};
    struct buf answer;
    if (conf->admin.socket.p == NULL) {
        (void)puts("a running proxy takes it up by itself: the configuration names no "
                   "admin.socket to ask by");
        return 0;
    }
    buf_init(&answer, ANSWER_MAX);
    int rc = control_ask(conf->admin.socket.p, "deny", STR_NONE, TELL_MS, &answer, &e);
    int status = 0;
    if (rc == 0) {
        status = show(verb, &answer);
    } else if (rc == -ERR_NOT_FOUND) {
        (void)puts("in force from the next start: countersign does not run");
    } else {
        status = complain(verb, e.text);
    }
    buf_release(&answer);
    return status;
}

static bool has_files(const char *verb, const struct conf *conf)
{
    if (conf->revocation.deny.n > 0) {
        return true;
    }
    (void)complain(verb, "the configuration names no revocation.deny file to write to");
    return false;
}

static struct deny_names names_of(const struct conf *conf)
{
    return (struct deny_names){pairing_normalise, &conf->identity};
}

int withdraw_add(const char *verb, const struct conf *conf, const struct deny_entry *entry)
{
    struct err e = {0};
    const struct deny_names names = names_of(conf);
    if (!has_files(verb, conf)) {
        return 1;
    }
    int rc = deny_change_add(conf->revocation.deny.v[0].p, entry, &names, &e);
    if (rc == -ERR_EXISTS) {
        (void)puts("withdrawn already");
    } else if (rc != 0) {
        return complain(verb, e.text);
    }
    return withdraw_tell(verb, conf);
}

/* Take entry out of every file. Returns 0; -ERR_NOT_FOUND with e if it is in none; another negative
 * err_code with e. */
static int take_out(const struct conf *conf, const struct deny_entry *entry, struct err *e)
{
    const struct deny_names names = names_of(conf);
    size_t removed = 0;
    struct err absent = {0};
    for (size_t i = 0; i < conf->revocation.deny.n; i++) {
        int rc = deny_change_remove(conf->revocation.deny.v[i].p, entry, &names, e);
        if (rc == -ERR_NOT_FOUND) {
            absent = *e;
        } else if (rc != 0) {
            return rc;
        }
        removed += rc == 0 ? 1 : 0;
    }
    if (removed == 0) {
        *e = absent;
    }
    return removed > 0 ? 0 : -ERR_NOT_FOUND;
}

int withdraw_remove(const char *verb, const struct conf *conf, const struct deny_entry *entry,
                    bool must)
{
    struct err e = {0};
    if (!has_files(verb, conf)) {
        return 1;
    }
    int rc = take_out(conf, entry, &e);
    if (rc == -ERR_NOT_FOUND && !must) {
        return 0;
    }
    return rc == 0 ? withdraw_tell(verb, conf) : complain(verb, e.text);
}

static bool user_entry(const char *verb, const char *name, struct deny_entry *entry)
{
    deny_entry_init(entry, DENY_USER);
    struct str text = str_of(name);
    if (text.n == 0 || text.n >= sizeof(entry->user) || str_has_control(text) ||
        !str_is_utf8(text) || str_chr(text, ':') != STR_NPOS || str_trim(text).n != text.n) {
        (void)complain(verb, "no user can have that name");
        return false;
    }
    memcpy(entry->user, text.p, text.n + 1);
    return true;
}

int withdraw_user(const char *verb, const struct conf *conf, const char *name,
                  enum deny_reason reason)
{
    struct deny_entry entry;
    if (!user_entry(verb, name, &entry)) {
        return 1;
    }
    entry.reason = reason;
    entry.date_s = clock_wall_ms() / 1000;
    return withdraw_add(verb, conf, &entry);
}

int withdraw_user_back(const char *verb, const struct conf *conf, const char *name, bool must)
{
    struct deny_entry entry;
    return user_entry(verb, name, &entry) ? withdraw_remove(verb, conf, &entry, must) : 1;
}
