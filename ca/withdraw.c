/* Owns: the ends. Leaves telling the proxies and the world to deny lists, CRL and OCSP. */
#include "ca/withdraw.h"

#include <stdio.h>
#include <string.h>

#include "auth/revoke/deny_line.h"
#include "base/clock.h"

#define TICK_BATCH          256
#define TICK_ROUNDS         16
#define WITHDRAW_OTHERS_MAX 64 /* certificates of one key */

static const struct actor system_actor = {{"system", 6}, {"local", 5}};

const char *withdraw_reason_name(int reason)
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

int withdraw_reason_of(struct str name)
{
    for (int reason = 0; reason <= WITHDRAW_PRIVILEGE_WITHDRAWN; reason++) {
        if (withdraw_reason_name(reason) != NULL &&
            str_eq(name, str_of(withdraw_reason_name(reason)))) {
            return reason;
        }
    }
    return name.n == 0 ? WITHDRAW_UNSPECIFIED : -1;
}

struct found {
    bool found;
    enum life_state state;
    enum life_state before; /* what a hold was laid on */
    int reason;
    enum withdraw_for held_for;
    struct life_id id;
    char spki[32];
    size_t spki_n;
};

static int take_found(void *arg, const struct db_row *r)
{
    struct found *f = arg;
    struct str id = db_octets(r, 2);
    struct str spki = db_octets(r, 5);
    if (id.n != LIFE_ID_LEN || spki.n > sizeof(f->spki)) {
        return -ERR_MALFORMED;
    }
    f->found = true;
    f->state = (enum life_state)db_number(r, 0);
    f->reason = (int)db_number(r, 1);
    f->before = (enum life_state)db_number(r, 3);
    f->held_for = (enum withdraw_for)db_number(r, 4);
    memcpy(f->id.text, id.p, id.n);
    memcpy(f->spki, spki.p, spki.n);
    f->spki_n = spki.n;
    return 0;
}

static int find(const struct life *l, struct str serial, struct found *f, struct err *e)
{
    *f = (struct found){0};
    int rc = db_query(l->db,
                      "SELECT r.state, c.withdrawn_reason, r.id, c.state_before, c.held_for, "
                      "r.spki FROM certificate c "
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

/* The end of its overlap stays noted with a hold, which may be lifted before. Of a hold that
 * becomes a withdrawal for good the proxies' list is told again: a copy is restored by what stands
 * there. */
static int set_withdrawn(const struct life *l, const struct found *f, const struct withdraw_wish *w,
                         struct err *e)
{
    int64_t now_ms = clock_wall_ms();
    int64_t at_ms = w->at_ms > 0 && w->at_ms < now_ms ? w->at_ms : now_ms;
    struct str id = str_of(f->id.text);
    bool again = f->state == LIFE_WITHDRAWN;
    int rc = again ? 0 : life_move(l, id, f->state, LIFE_WITHDRAWN, e);
    return rc == 0 ? db_query(l->db,
                              "UPDATE certificate SET withdrawn_ms = ?2, withdrawn_reason = ?3, "
                              "state_before = ?4, held_for = ?5, "
                              "overlap_ends_ms = CASE ?3 WHEN ?6 THEN overlap_ends_ms ELSE 0 END, "
                              "published = CASE WHEN ?7 AND ?3 <> ?6 THEN 0 ELSE published END "
                              "WHERE request = ?1",
                              DB_VALUES(DB_TEXT(id), DB_NUMBER(at_ms), DB_NUMBER(w->reason),
                                        DB_NUMBER(again ? f->before : f->state), DB_NUMBER(w->why),
                                        DB_NUMBER(WITHDRAW_HOLD), DB_NUMBER(again)),
                              NULL, NULL, e)
                   : rc;
}

static bool is_done(const struct found *f, int reason, enum withdraw_for why)
{
    bool held = f->state == LIFE_WITHDRAWN && f->reason == WITHDRAW_HOLD;
    if (held && reason == WITHDRAW_HOLD) {
        return f->held_for == WITHDRAW_FOR_ACTOR || why == WITHDRAW_FOR_ACCOUNT;
    }
    return f->state == LIFE_WITHDRAWN && !held;
}

/* f was read in this transaction. */
static int withdraw_found(const struct life *l, const struct actor *who, const struct found *f,
                          const struct withdraw_wish *w, struct err *e)
{
    char detail[96];
    if (f->state == LIFE_EXPIRED) {
        return err_set(e, ERR_CLOSED, "the certificate has expired");
    }
    if (is_done(f, w->reason, w->why)) {
        return err_set(e, ERR_EXISTS, "the certificate is withdrawn already (%s)",
                       withdraw_reason_name(f->reason));
    }
    int rc = set_withdrawn(l, f, w, e);
    (void)snprintf(detail, sizeof(detail), "%s%s%s", withdraw_reason_name(w->reason),
                   w->detail != NULL ? ": " : "", w->detail != NULL ? w->detail : "");
    return rc == 0 ? audit_append(l->db, who, "certificate.withdrawn", w->serial, str_of(detail), e)
                   : rc;
}

struct others {
    char serial[WITHDRAW_OTHERS_MAX][DENY_SERIAL_MAX + 1];
    size_t n;
};

static int take_other(void *arg, const struct db_row *r)
{
    struct others *o = arg;
    (void)snprintf(o->serial[o->n++], DENY_SERIAL_MAX + 1, "%.*s", STR_ARG(db_octets(r, 0)));
    return 0;
}

/* Who has the key has it for all certificates of that key. */
static int withdraw_same_key(const struct life *l, const struct actor *who, const struct found *f,
                             int64_t at_ms, struct err *e)
{
    struct others others = {.n = 0};
    struct str spki = {f->spki, f->spki_n};
    int rc = spki.n == 0 ? 0
                         : db_query(l->db,
                                    "SELECT c.serial FROM request r JOIN certificate c "
                                    "ON c.request = r.id WHERE r.spki = ?1 AND r.state BETWEEN 3 "
                                    "AND 7 AND c.withdrawn_reason IN (-1, 6) LIMIT ?2",
                                    DB_VALUES(DB_BLOB(spki), DB_NUMBER(WITHDRAW_OTHERS_MAX)),
                                    take_other, &others, e);
    for (size_t i = 0; i < others.n && rc == 0; i++) {
        struct found other;
        const struct withdraw_wish w = {.serial = str_of(others.serial[i]),
                                        .reason = WITHDRAW_KEY_COMPROMISE,
                                        .detail = "another certificate's key, which is this one's",
                                        .at_ms = at_ms};
        rc = find(l, w.serial, &other, e);
        rc = rc == 0 ? withdraw_found(l, who, &other, &w, e) : rc;
    }
    return rc;
}

int withdraw_now(const struct life *l, const struct actor *who, const struct withdraw_wish *w,
                 struct err *e)
{
    struct found f;
    int rc = find(l, w->serial, &f, e);
    rc = rc == 0 ? withdraw_found(l, who, &f, w, e) : rc;
    return rc == 0 && w->reason == WITHDRAW_KEY_COMPROMISE
               ? withdraw_same_key(l, who, &f, w->at_ms, e)
               : rc;
}

int withdraw(const struct life *l, const struct actor *who, struct str serial, int reason,
             struct err *e)
{
    const struct withdraw_wish w = {.serial = serial, .reason = reason};
    if (withdraw_reason_name(reason) == NULL) {
        return err_set(e, ERR_MALFORMED,
                       "this is no reason to withdraw a client's certificate: unspecified, "
                       "keyCompromise, affiliationChanged, superseded, cessationOfOperation, "
                       "certificateHold or privilegeWithdrawn");
    }
    int rc = db_begin(l->db, e);
    return rc == 0 ? db_end(l->db, withdraw_now(l, who, &w, e), e) : rc;
}

int withdraw_lift_now(const struct life *l, const struct actor *who, struct str serial,
                      enum withdraw_for why, struct err *e)
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
                       withdraw_reason_name(f.reason));
    }
    if (f.held_for != why) {
        return err_set(e, ERR_DENIED,
                       "the certificate is on hold because its user's account is closed: it comes "
                       "back when that is open again");
    }
    struct str id = str_of(f.id.text);
    rc = life_move(l, id, LIFE_WITHDRAWN, f.before, e);
    rc = rc == 0 ? db_query(l->db,
                            "UPDATE certificate SET withdrawn_ms = 0, withdrawn_reason = -1, "
                            "held_for = 0 WHERE request = ?1",
                            DB_VALUES(DB_TEXT(id)), NULL, NULL, e)
                 : rc;
    return rc == 0 ? audit_append(l->db, who, "certificate.restored", serial, STR_NONE, e) : rc;
}

int withdraw_lift(const struct life *l, const struct actor *who, struct str serial, struct err *e)
{
    int rc = db_begin(l->db, e);
    return rc == 0 ? db_end(l->db, withdraw_lift_now(l, who, serial, WITHDRAW_FOR_ACTOR, e), e)
                   : rc;
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
                      "FROM certificate INDEXED BY certificate_withdrawn "
                      "WHERE withdrawn_ms > 0 AND not_after_ms > ?1",
                      DB_VALUES(DB_NUMBER(now_ms)), show_withdrawn, &w, e);
    return rc == ENDED ? 0 : rc;
}

/* Certificates whose time has come, copied out of their rows. */
struct due {
    struct life_id id;
    enum life_state state;
    char serial[DENY_SERIAL_MAX + 1];
};

struct dues {
    struct due v[TICK_BATCH];
    size_t n;
};

static int take_due(void *arg, const struct db_row *r)
{
    struct dues *d = arg;
    struct due *one = &d->v[d->n++];
    (void)snprintf(one->id.text, sizeof(one->id.text), "%.*s", STR_ARG(db_octets(r, 0)));
    one->state = (enum life_state)db_number(r, 1);
    (void)snprintf(one->serial, sizeof(one->serial), "%.*s", STR_ARG(db_octets(r, 2)));
    return 0;
}

static int expire_some(const struct life *l, size_t *n, struct err *e)
{
    struct dues due = {.n = 0};
    int rc =
        db_query(l->db,
                 "SELECT r.id, r.state, c.serial FROM certificate c JOIN request r "
                 "ON r.id = c.request WHERE c.not_after_ms <= ?1 AND c.expired = 0 LIMIT ?2",
                 DB_VALUES(DB_NUMBER(clock_wall_ms()), DB_NUMBER(TICK_BATCH)), take_due, &due, e);
    for (size_t i = 0; i < due.n && rc == 0; i++) {
        struct str id = str_of(due.v[i].id.text);
        if (due.v[i].state != LIFE_EXPIRED) {
            rc = life_move(l, id, due.v[i].state, LIFE_EXPIRED, e);
            rc = rc == 0 ? audit_append(l->db, &system_actor, "certificate.expired",
                                        str_of(due.v[i].serial), STR_NONE, e)
                         : rc;
        }
        rc = rc == 0 ? db_query(l->db, "UPDATE certificate SET expired = 1 WHERE request = ?1",
                                DB_VALUES(DB_TEXT(id)), NULL, NULL, e)
                     : rc;
    }
    *n = due.n;
    return rc;
}

/* On hold or not, it was renewed, and the time in which both are good is over. */
static int supersede_some(const struct life *l, size_t *n, struct err *e)
{
    struct dues due = {.n = 0};
    int rc =
        db_query(l->db,
                 "SELECT r.id, r.state, c.serial FROM certificate c JOIN request r "
                 "ON r.id = c.request WHERE c.overlap_ends_ms > 0 AND c.overlap_ends_ms <= ?1 "
                 "AND c.expired = 0 LIMIT ?2",
                 DB_VALUES(DB_NUMBER(clock_wall_ms()), DB_NUMBER(TICK_BATCH)), take_due, &due, e);
    for (size_t i = 0; i < due.n && rc == 0; i++) {
        const struct withdraw_wish w = {.serial = str_of(due.v[i].serial),
                                        .reason = WITHDRAW_SUPERSEDED,
                                        .detail = "its overlap is over"};
        rc = withdraw_now(l, &system_actor, &w, e);
    }
    *n = due.n;
    return rc;
}

/* In transactions of TICK_BATCH, so that others get their turn between. */
int withdraw_tick(const struct life *l, size_t *withdrawn_n, struct err *e)
{
    size_t n = 0;
    int rc = 0;
    *withdrawn_n = 0;
    for (int i = 0; i < TICK_ROUNDS && rc == 0 && (i == 0 || n == TICK_BATCH); i++) {
        rc = db_begin(l->db, e);
        rc = rc == 0 ? db_end(l->db, expire_some(l, &n, e), e) : rc;
    }
    n = 0;
    for (int i = 0; i < TICK_ROUNDS && rc == 0 && (i == 0 || n == TICK_BATCH); i++) {
        rc = db_begin(l->db, e);
        rc = rc == 0 ? db_end(l->db, supersede_some(l, &n, e), e) : rc;
        *withdrawn_n += rc == 0 ? n : 0;
    }
    return rc;
}
