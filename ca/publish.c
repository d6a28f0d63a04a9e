/* Owns: the difference between what is withdrawn and what the proxies were told. Leaves the file to
 * auth/revoke/deny_change. */
#include "ca/publish.h"

#include <string.h>

#include "auth/pairing.h"
#include "auth/revoke/deny_change.h"
#include "base/clock.h"
#include "ca/withdraw.h"

#define BATCH      64
#define SERIAL_MAX 40

struct difference {
    char serial[SERIAL_MAX + 1];
    bool withdrawn;
    struct deny_entry entry;
};

struct batch {
    struct difference v[BATCH];
    size_t n;
};

static enum deny_reason reason_of(int64_t code)
{
    switch (code) {
    case WITHDRAW_KEY_COMPROMISE:
        return DENY_KEY_COMPROMISE;
    case WITHDRAW_AFFILIATION_CHANGED:
        return DENY_AFFILIATION_CHANGED;
    case WITHDRAW_SUPERSEDED:
        return DENY_SUPERSEDED;
    case WITHDRAW_CESSATION:
        return DENY_CESSATION_OF_OPERATION;
    case WITHDRAW_HOLD:
        return DENY_CERTIFICATE_HOLD;
    case WITHDRAW_PRIVILEGE_WITHDRAWN:
        return DENY_PRIVILEGE_WITHDRAWN;
    default:
        return DENY_UNSPECIFIED;
    }
}

static int take(void *arg, const struct db_row *r)
{
    struct batch *b = arg;
    struct difference *d = &b->v[b->n++];
    struct str serial = db_octets(r, 0);
    struct str fingerprint = db_octets(r, 1);
    if (serial.n > SERIAL_MAX || fingerprint.n != DENY_DIGEST) {
        return -ERR_MALFORMED;
    }
    memcpy(d->serial, serial.p, serial.n);
    d->serial[serial.n] = '\0';
    deny_entry_init(&d->entry, DENY_FINGERPRINT);
    memcpy(d->entry.fingerprint, fingerprint.p, DENY_DIGEST);
    d->entry.reason = reason_of(db_number(r, 2));
    d->withdrawn = db_number(r, 3) > 0;
    d->entry.date_s = d->withdrawn ? db_number(r, 3) / 1000 : d->entry.date_s;
    d->entry.until_s = db_number(r, 4) / 1000 + 1;
    return 0;
}

/* One that is there already, or is gone already, is as it should be. */
static int write_one(const struct life *l, const char *path, const struct difference *d,
                     struct err *e)
{
    const struct deny_names names = {pairing_normalise, life_rule(l)};
    struct err mine = {0};
    int rc = d->withdrawn ? deny_change_add(path, &d->entry, &names, &mine)
                          : deny_change_remove(path, &d->entry, &names, &mine);
    if (rc == 0 || rc == (d->withdrawn ? -ERR_EXISTS : -ERR_NOT_FOUND)) {
        return 0;
    }
    return err_set(e, mine.code, "%s", mine.text);
}

static int note(const struct life *l, const struct difference *d, struct err *e)
{
    return db_query(l->db, "UPDATE certificate SET published = ?2 WHERE serial = ?1",
                    DB_VALUES(DB_TEXT(str_of(d->serial)), DB_NUMBER(d->withdrawn)), NULL, NULL, e);
}

int publish_denied(const struct life *l, const char *path, size_t *changed, struct err *e)
{
    struct batch b;
    *changed = 0;
    do {
        b.n = 0;
        int rc =
            db_query(l->db,
                     "SELECT serial, fingerprint, withdrawn_reason, withdrawn_ms, not_after_ms "
                     "FROM certificate WHERE (withdrawn_ms > 0) <> published "
                     "AND +not_after_ms > ?1 LIMIT ?2",
                     DB_VALUES(DB_NUMBER(clock_wall_ms()), DB_NUMBER(BATCH)), take, &b, e);
        for (size_t i = 0; i < b.n && rc == 0; i++) {
            rc = write_one(l, path, &b.v[i], e);
            rc = rc == 0 ? note(l, &b.v[i], e) : rc;
            *changed += rc == 0 ? 1 : 0;
        }
        if (rc != 0) {
            return rc;
        }
    } while (b.n == BATCH);
    return 0;
}
