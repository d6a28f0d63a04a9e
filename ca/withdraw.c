/* Owns: the ends. Leaves telling the proxies and the world to deny lists, CRL and OCSP. */
#include "ca/withdraw.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static const struct actor system_actor = {{"system", 6}, {"local", 5}};

static const char *reason_name(int reason)
{
    switch (reason) {
    case WITHDRAW_UNSPECIFIED:
        return "unspecified";
    case WITHDRAW_KEY_COMPROMISE:
        return "keyCompromise";
    case WITHDRAW_AFFILIATION_CHANGED:
        return "affiliationChanged";
    case WITHDRAW_SUPERSEDED:
        return "superseded";
    case WITHDRAW_CESSATION:
        return "cessationOfOperation";
    case WITHDRAW_HOLD:
        return "certificateHold";
    case WITHDRAW_PRIVILEGE_WITHDRAWN:
        return "privilegeWithdrawn";
    default:
        return NULL;
    }
}

struct found {
    bool found;
    enum life_state state;
    int reason;
    struct life_id id;
};

static int take_found(void *arg, const struct db_row *r)
{
    struct found *f = arg;
    struct str id = db_octets(r, 2);
    if (id.n != LIFE_ID_LEN) {
        return -ERR_MALFORMED;
    }
    f->found = true;
    f->state = (enum life_state)db_number(r, 0);
    f->reason = (int)db_number(r, 1);
    memcpy(f->id.text, id.p, id.n);
    return 0;
}

static int find(const struct life *l, struct str serial, struct found *f, struct err *e)
{
    *f = (struct found){0};
    int rc = db_query(l->db,
                      "SELECT r.state, c.withdrawn_reason, r.id FROM certificate c "
                      "JOIN request r ON r.id = c.request WHERE c.serial = ?1",
                      DB_VALUES(DB_TEXT(serial)), take_found, f, e);
    if (rc != 0) {
        return rc;
    }
    return f->found ? 0
                    : err_set(e, ERR_NOT_FOUND,
                              "this CA has issued no certificate with the serial "
                              "number %.*s",
                              STR_ARG(serial));
}

static int set_withdrawn(const struct life *l, const struct found *f, int reason, struct err *e)
{
    int rc =
        db_query(l->db, "UPDATE request SET state = ?2 WHERE id = ?1",
                 DB_VALUES(DB_TEXT(str_of(f->id.text)), DB_NUMBER(LIFE_WITHDRAWN)), NULL, NULL, e);
    return rc == 0 ? db_query(l->db,
                              "UPDATE certificate SET withdrawn_ms = ?2, withdrawn_reason = ?3, "
                              "overlap_ends_ms = 0 WHERE request = ?1",
                              DB_VALUES(DB_TEXT(str_of(f->id.text)), DB_NUMBER(clock_wall_ms()),
                                        DB_NUMBER(reason)),
                              NULL, NULL, e)
                   : rc;
}

static int withdraw_now(const struct life *l, const struct actor *who, struct str serial,
                        int reason, struct err *e)
{
    struct found f;
    int rc = find(l, serial, &f, e);
    if (rc != 0) {
        return rc;
    }
    if (f.state == LIFE_EXPIRED) {
        return err_set(e, ERR_CLOSED, "the certificate has expired");
    }
    if (f.state == LIFE_WITHDRAWN && (f.reason != WITHDRAW_HOLD || reason == WITHDRAW_HOLD)) {
        return err_set(e, ERR_EXISTS, "the certificate is withdrawn already (%s)",
                       reason_name(f.reason));
    }
    rc = set_withdrawn(l, &f, reason, e);
    return rc == 0 ? audit_append(l->db, who, "certificate.withdrawn", serial,
                                  str_of(reason_name(reason)), e)
                   : rc;
}

int withdraw(const struct life *l, const struct actor *who, struct str serial, int reason,
             struct err *e)
{
    if (reason_name(reason) == NULL) {
        return err_set(e, ERR_MALFORMED, "%d is no reason to withdraw a client's certificate",
                       reason);
    }
    int rc = db_begin(l->db, e);
    return rc == 0 ? db_end(l->db, withdraw_now(l, who, serial, reason, e), e) : rc;
}

static int lift_now(const struct life *l, const struct actor *who, struct str serial, struct err *e)
{
    struct found f;
    int rc = find(l, serial, &f, e);
    if (rc != 0) {
        return rc;
    }
    if (f.state != LIFE_WITHDRAWN) {
        return err_set(e, ERR_CLOSED, "the certificate is not withdrawn: it is %s",
                       life_state_name(f.state));
    }
    if (f.reason != WITHDRAW_HOLD) {
        return err_set(e, ERR_DENIED, "the certificate is withdrawn for good (%s)",
                       reason_name(f.reason));
    }
    struct str id = str_of(f.id.text);
    rc = db_query(l->db, "UPDATE request SET state = ?2 WHERE id = ?1",
                  DB_VALUES(DB_TEXT(id), DB_NUMBER(LIFE_ACTIVE)), NULL, NULL, e);
    rc = rc == 0 ? db_query(l->db,
                            "UPDATE certificate SET withdrawn_ms = 0, withdrawn_reason = -1 "
                            "WHERE request = ?1",
                            DB_VALUES(DB_TEXT(id)), NULL, NULL, e)
                 : rc;
    return rc == 0 ? audit_append(l->db, who, "certificate.restored", serial, STR_NONE, e) : rc;
}

int withdraw_lift(const struct life *l, const struct actor *who, struct str serial, struct err *e)
{
    int rc = db_begin(l->db, e);
    return rc == 0 ? db_end(l->db, lift_now(l, who, serial, e), e) : rc;
}

struct walk {
    withdraw_each_fn each;
    void *arg;
};

enum { ENDED = 1 };

static int show_withdrawn(void *arg, const struct db_row *r)
{
    const struct walk *w = arg;
    struct withdrawn one = {.serial = db_octets(r, 0),
                            .fingerprint = db_octets(r, 1),
                            .reason = (int)db_number(r, 2),
                            .at_ms = db_number(r, 3),
                            .not_after_ms = db_number(r, 4)};
    return w->each(w->arg, &one) ? 0 : ENDED;
}

int withdraw_list(const struct life *l, int64_t now_ms, withdraw_each_fn each, void *arg,
                  struct err *e)
{
    struct walk w = {each, arg};
    int rc = db_query(l->db,
                      "SELECT serial, fingerprint, withdrawn_reason, withdrawn_ms, not_after_ms "
                      "FROM certificate WHERE withdrawn_ms > 0 AND not_after_ms > ?1 "
                      "ORDER BY serial",
                      DB_VALUES(DB_NUMBER(now_ms)), show_withdrawn, &w, e);
    return rc == ENDED ? 0 : rc;
}

/* One line of the record for all, as time does not choose. */
static int tick_record(const struct life *l, const char *action, int64_t n, struct err *e)
{
    char detail[48];
    if (n == 0) {
        return 0;
    }
    (void)snprintf(detail, sizeof(detail), "%lld certificates", (long long)n);
    return audit_append(l->db, &system_actor, action, STR_NONE, str_of(detail), e);
}

static int tick_now(const struct life *l, size_t *withdrawn_n, struct err *e)
{
    int64_t now_ms = clock_wall_ms();
    int rc = db_query(l->db,
                      "UPDATE request SET state = ?1 WHERE state BETWEEN ?2 AND ?3 AND id IN "
                      "(SELECT request FROM certificate WHERE not_after_ms <= ?4)",
                      DB_VALUES(DB_NUMBER(LIFE_EXPIRED), DB_NUMBER(LIFE_ISSUED),
                                DB_NUMBER(LIFE_WITHDRAWN), DB_NUMBER(now_ms)),
                      NULL, NULL, e);
    rc = rc == 0 ? tick_record(l, "certificate.expired", db_changes(l->db), e) : rc;
    if (rc == 0) {
        rc = db_query(
            l->db,
            "UPDATE request SET state = ?1 WHERE state = ?2 AND id IN (SELECT request "
            "FROM certificate WHERE overlap_ends_ms > 0 AND overlap_ends_ms <= ?3)",
            DB_VALUES(DB_NUMBER(LIFE_WITHDRAWN), DB_NUMBER(LIFE_RENEWED), DB_NUMBER(now_ms)), NULL,
            NULL, e);
        *withdrawn_n = rc == 0 ? (size_t)db_changes(l->db) : 0;
    }
    rc = rc == 0
             ? db_query(l->db,
                        "UPDATE certificate SET withdrawn_ms = ?1, withdrawn_reason = ?2, "
                        "overlap_ends_ms = 0 "
                        "WHERE overlap_ends_ms > 0 AND overlap_ends_ms <= ?1",
                        DB_VALUES(DB_NUMBER(now_ms), DB_NUMBER(WITHDRAW_SUPERSEDED)), NULL, NULL, e)
             : rc;
    return rc == 0 ? tick_record(l, "certificate.superseded", (int64_t)*withdrawn_n, e) : rc;
}

int withdraw_tick(const struct life *l, size_t *withdrawn_n, struct err *e)
{
    *withdrawn_n = 0;
    int rc = db_begin(l->db, e);
    return rc == 0 ? db_end(l->db, tick_now(l, withdrawn_n, e), e) : rc;
}
