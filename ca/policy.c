/* Owns: which certificates follow from the state of an account. Leaves what a withdrawal is to
 * withdraw, and the users' store to people. */
#include "ca/policy.h"

#include <stdlib.h>
#include <string.h>

#include "auth/pairing.h"
#include "auth/revoke/deny_line.h"
#include "base/clock.h"
#include "base/mem.h"
#include "ca/withdraw.h"

#define BATCH     64
#define LOOK_MS   INT64_C(3600000) /* even if nothing seems to have changed */
#define USERS_MAX (SIZE_MAX / 2 / sizeof(struct account))

static const struct actor policy_actor = {{"policy", 6}, {"local", 5}};

struct account {
    char *name; /* normalised; owned */
    bool open;
};

/* All accounts, in order of name once they are sorted. */
struct accounts {
    struct account *v;
    size_t n;
    size_t room;
    const struct conf_identity *rule;
    int64_t now_ms;
    int64_t next_ms; /* the next end of an account */
    bool failed;
};

static void accounts_free(struct accounts *a)
{
    for (size_t i = 0; i < a->n; i++) {
        mem_free(a->v[i].name);
    }
    mem_free(a->v);
}

static bool make_room(struct accounts *a)
{
    if (a->n < a->room) {
        return true;
    }
    size_t room = a->room > 0 ? a->room * 2 : 64;
    struct account *v = room < USERS_MAX ? mem_realloc(a->v, room * sizeof(*v)) : NULL;
    if (v == NULL) {
        return false;
    }
    a->v = v;
    a->room = room;
    return true;
}

/* A name that cannot be a user's is nobody's. */
static bool take_account(void *arg, const struct user *u)
{
    struct accounts *a = arg;
    char name[PAIRING_NAME_MAX];
    size_t n = 0;
    bool over = u->expires_ms != 0 && u->expires_ms <= a->now_ms;
    if (!pairing_normalise(u->name, a->rule, name, &n)) {
        return true;
    }
    char *copy = make_room(a) ? mem_dup(name, n) : NULL;
    if (copy == NULL) {
        a->failed = true;
        return false;
    }
    a->v[a->n++] = (struct account){copy, !u->disabled && !over};
    if (!over && u->expires_ms != 0 && u->expires_ms < a->next_ms) {
        a->next_ms = u->expires_ms;
    }
    return true;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct account *)a)->name, ((const struct account *)b)->name);
}

static int load(struct people *p, struct accounts *a, struct err *e)
{
    int rc = people_each(p, take_account, a, e);
    if (rc == 0 && a->failed) {
        rc = err_set(e, ERR_NOMEM, "out of memory");
    }
    if (rc == 0 && a->n == 0) {
        rc = err_set(e, ERR_NOT_FOUND, "the users' store holds nobody: no certificate follows it");
    }
    if (rc == 0) {
        qsort(a->v, a->n, sizeof(*a->v), compare);
    }
    return rc;
}

static const struct account *find(const struct accounts *a, struct str user)
{
    char name[PAIRING_NAME_MAX + 1];
    size_t n = 0;
    if (!pairing_normalise(user, a->rule, name, &n)) {
        return NULL;
    }
    name[n] = '\0';
    const struct account key = {name, false};
    return bsearch(&key, a->v, a->n, sizeof(*a->v), compare);
}

/* What is to be done about a user. */
enum todo { NOTHING = 0, NOTE, GIVE_BACK, HOLD, END };

struct task {
    char *user; /* owned */
    enum todo todo;
};

struct tasks {
    const struct accounts *accounts;
    struct task v[BATCH];
    size_t n;
    struct str after; /* behind this user the next batch begins */
    char last[PAIRING_NAME_MAX + 1];
    int64_t next_ms;
    bool more;
    struct err *e;
};

/* had: has had an account; held_ms: since when the first is on hold for the account, 0: none;
 * in_use: whether any is not on hold. */
struct situation {
    bool had;
    bool in_use;
    int64_t held_ms;
};

static enum todo judge(struct tasks *t, const struct account *a, const struct situation *s)
{
    if (a != NULL && a->open) {
        return s->held_ms > 0 ? GIVE_BACK : s->had ? NOTHING : NOTE;
    }
    if (a == NULL && !s->had) {
        return NOTHING;
    }
    if (a == NULL && s->held_ms > 0) {
        int64_t ends_ms = s->held_ms + POLICY_GONE_MS;
        if (ends_ms <= t->accounts->now_ms) {
            return END;
        }
        t->next_ms = ends_ms < t->next_ms ? ends_ms : t->next_ms;
    }
    return s->in_use ? HOLD : NOTHING;
}

static int take_user(void *arg, const struct db_row *r)
{
    struct tasks *t = arg;
    struct str user = db_octets(r, 0);
    const struct situation s = {db_number(r, 1) != 0, db_number(r, 2) != 0, db_number(r, 3)};
    enum todo todo = judge(t, find(t->accounts, user), &s);
    if (todo == NOTHING) {
        return 0;
    }
    t->v[t->n] = (struct task){mem_dup(user.p, user.n), todo};
    if (t->v[t->n].user == NULL) {
        return err_set(t->e, ERR_NOMEM, "out of memory");
    }
    t->more = ++t->n == BATCH;
    return t->more ? 1 : 0;
}

/* The certificates of a user that a task is about. */
struct held {
    char serial[BATCH][DENY_SERIAL_MAX + 1];
    size_t n;
};

static int take_serial(void *arg, const struct db_row *r)
{
    struct held *h = arg;
    struct str serial = db_octets(r, 0);
    memcpy(h->serial[h->n], serial.p, serial.n < DENY_SERIAL_MAX ? serial.n : DENY_SERIAL_MAX);
    h->serial[h->n++][serial.n < DENY_SERIAL_MAX ? serial.n : DENY_SERIAL_MAX] = '\0';
    return 0;
}

static int do_one(const struct life *l, enum todo todo, struct str serial, struct err *e)
{
    const struct withdraw_wish hold = {.serial = serial,
                                       .reason = WITHDRAW_HOLD,
                                       .why = WITHDRAW_FOR_ACCOUNT,
                                       .detail = "the user's account is closed"};
    const struct withdraw_wish end = {.serial = serial,
                                      .reason = WITHDRAW_CESSATION,
                                      .why = WITHDRAW_FOR_ACCOUNT,
                                      .detail = "the user's account is gone"};
    if (todo == GIVE_BACK) {
        return withdraw_lift_now(l, &policy_actor, serial, WITHDRAW_FOR_ACCOUNT, e);
    }
    return withdraw_now(l, &policy_actor, todo == HOLD ? &hold : &end, e);
}

/* Each that is done is not found the next time round. */
static int do_task(const struct life *l, const struct task *t, size_t *changed, struct err *e)
{
    struct held h;
    struct str user = str_of(t->user);
    if (t->todo == NOTE) {
        return policy_note(l, user, e);
    }
    do {
        h.n = 0;
        int rc = db_query(l->db,
                          "SELECT c.serial FROM request r JOIN certificate c ON c.request = r.id "
                          "WHERE r.user = ?1 AND r.state BETWEEN 3 AND 7 AND CASE ?2 WHEN 0 "
                          "THEN c.withdrawn_ms = 0 ELSE c.held_for = 1 AND c.withdrawn_reason = 6 "
                          "END LIMIT ?3",
                          DB_VALUES(DB_TEXT(user), DB_NUMBER(t->todo != HOLD), DB_NUMBER(BATCH)),
                          take_serial, &h, e);
        for (size_t i = 0; i < h.n && rc == 0; i++) {
            rc = do_one(l, t->todo, str_of(h.serial[i]), e);
            *changed += rc == 0 ? 1 : 0;
        }
        if (rc != 0) {
            return rc;
        }
    } while (h.n == BATCH);
    return 0;
}

/* One batch: look, then do, in one transaction. */
static int batch(const struct life *l, struct tasks *t, size_t *changed, struct err *e)
{
    t->n = 0;
    t->more = false;
    int rc = db_query(l->db,
                      "SELECT r.user, EXISTS (SELECT 1 FROM account a WHERE a.user = r.user), "
                      "min(r.state) < 7, CASE WHEN max(r.state) < 7 THEN 0 ELSE coalesce(("
                      "SELECT min(c.withdrawn_ms) FROM request q "
                      "JOIN certificate c ON c.request = q.id "
                      "WHERE q.user = r.user AND q.state = 7 AND c.held_for = 1 "
                      "AND c.withdrawn_reason = 6), 0) END FROM request r "
                      "WHERE r.state BETWEEN 3 AND 7 AND r.user > ?1 GROUP BY r.user "
                      "ORDER BY r.user",
                      DB_VALUES(DB_TEXT(t->after)), take_user, t, e);
    rc = rc == 1 ? 0 : rc;
    for (size_t i = 0; i < t->n && rc == 0; i++) {
        rc = do_task(l, &t->v[i], changed, e);
    }
    if (rc == 0 && t->more) {
        size_t n = strlen(t->v[t->n - 1].user);
        n = n < sizeof(t->last) ? n : sizeof(t->last) - 1;
        memcpy(t->last, t->v[t->n - 1].user, n);
        t->after = (struct str){t->last, n};
    }
    for (size_t i = 0; i < t->n; i++) {
        mem_free(t->v[i].user);
    }
    return rc;
}

int policy_apply(const struct life *l, struct people *p, size_t *changed, int64_t *next_ms,
                 struct err *e)
{
    int64_t now_ms = clock_wall_ms();
    struct accounts a = {.rule = life_rule(l), .now_ms = now_ms, .next_ms = now_ms + LOOK_MS};
    *changed = 0;
    *next_ms = a.next_ms;
    int rc = load(p, &a, e);
    struct tasks t = {.accounts = &a, .next_ms = a.next_ms, .e = e};
    do {
        size_t n = 0;
        t.more = false;
        rc = rc == 0 ? db_begin(l->db, e) : rc;
        rc = rc == 0 ? db_end(l->db, batch(l, &t, &n, e), e) : rc;
        *changed += rc == 0 ? n : 0;
    } while (rc == 0 && t.more);
    *next_ms = t.next_ms;
    accounts_free(&a);
    return rc;
}

int policy_note(const struct life *l, struct str user, struct err *e)
{
    return db_query(l->db, "INSERT OR IGNORE INTO account (user) VALUES (?1)",
                    DB_VALUES(DB_TEXT(user)), NULL, NULL, e);
}
