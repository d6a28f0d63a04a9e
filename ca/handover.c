/* Owns: who is registered, and which code is good. Leaves what is given for it to
 * handover_redeem.c.
 */
#include "ca/handover.h"

#include <stdio.h>
#include <string.h>

#include "auth/pairing.h"
#include "base/clock.h"
#include "base/mem.h"
#include "ca/address.h"
#include "ca/people.h"
#include "ca/withdraw.h"

#define USER_MAX ADDRESS_MAX

/* How long a file may be under way before nobody is thought to have got it. */
#define ARRIVAL_MS INT64_C(120000)

#define LOST_MAX 64 /* at a time */

static const struct actor system_actor = {{"system", 6}, {"local", 5}};

/* A person as they are registered. */
struct newcomer {
    char user[USER_MAX + 1]; /* normalised */
    char company[USER_COMPANY_MAX + 1];
};

static void copy_text(char *out, size_t size, struct str s)
{
    size_t n = s.n < size ? s.n : size - 1;
    memcpy(out, s.p != NULL ? s.p : "", n);
    out[n] = '\0';
}

/* Whoever is registered has an account. */
static int find_account(const struct handover *h, struct str user, struct user **out, struct err *e)
{
    struct err mine = {0};
    int rc = people_find(h->life->people, user, out, &mine);
    if (rc == -ERR_NOT_FOUND) {
        return err_set(e, ERR_NOT_FOUND, "there is no account \"%.*s\": make it first",
                       STR_ARG(user));
    }
    return rc == 0 ? 0 : err_set(e, mine.code, "%s", mine.text);
}

/* The company that was named, or else the account's, or the profile's. */
static int choose_company(const struct handover *h, const struct handover_person *p,
                          const struct conf_ca_profile *profile, struct newcomer *n, struct err *e)
{
    struct user *account = NULL;
    struct str company = p->company;
    int rc = find_account(h, p->user, &account, e);
    if (rc != 0) {
        return rc;
    }
    if (company.n == 0) {
        company = account->company.n > 0 ? account->company : str_of(profile->company.p);
    }
    const char *fault = company.n == 0 ? "say of which company the person is: neither the account "
                                         "nor the profile names one"
                                       : user_company_fault(company);
    if (fault == NULL) {
        copy_text(n->company, sizeof(n->company), company);
    }
    user_unref(account);
    return fault == NULL ? 0 : err_set(e, ERR_MALFORMED, "%s", fault);
}

static int check_person(const struct handover *h, const struct request_operator *o,
                        const struct handover_person *p, struct newcomer *n, struct err *e)
{
    const struct conf_ca_profile *profile = life_profile(h->life, p->profile);
    char name[PAIRING_NAME_MAX];
    size_t length = 0;
    if (profile == NULL) {
        return err_set(e, ERR_NOT_FOUND, "there is no profile \"%.*s\"", STR_ARG(p->profile));
    }
    if (!request_is_operator(o, profile)) {
        return err_set(e, ERR_DENIED, "\"%.*s\" is not an operator for this profile",
                       STR_ARG(o->who.name));
    }
    if (!address_is(p->user) || !pairing_normalise(p->user, life_rule(h->life), name, &length)) {
        return err_set(e, ERR_MALFORMED, "the user must be an e-mail address");
    }
    copy_text(n->user, sizeof(n->user), (struct str){name, length});
    int rc = choose_company(h, p, profile, n, e);
    if (rc == 0 && profile->company.p != NULL && strcmp(n->company, profile->company.p) != 0) {
        rc = err_set(e, ERR_DENIED, "the company must be \"%s\" for this profile",
                     profile->company.p);
    }
    return rc == 0 ? people_company(h->life->people, str_of(n->user), str_of(n->company), e) : rc;
}

static int name_waiting(void *arg, const struct db_row *r)
{
    return err_set(arg, ERR_EXISTS, "this person is registered already: request %.*s",
                   STR_ARG(db_octets(r, 0)));
}

static int insert(const struct handover *h, const struct actor *who,
                  const struct handover_person *p, const struct life_id *id, struct err *e)
{
    uint32_t approvals = life_profile(h->life, p->profile)->approvals;
    int64_t now_ms = clock_wall_ms();
    char detail[64];
    int rc = db_query(
        h->life->db,
        "INSERT INTO request (id, state, kind, profile, user, company, requester, origin, "
        "filed_ms, decided_ms, approvals_needed) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        DB_VALUES(DB_TEXT(str_of(id->text)),
                  DB_NUMBER(approvals == 0 ? LIFE_APPROVED : LIFE_PENDING),
                  DB_NUMBER(LIFE_KIND_REGISTERED), DB_TEXT(p->profile), DB_TEXT(p->user),
                  DB_TEXT(p->company), DB_TEXT(who->name), DB_TEXT(who->origin), DB_NUMBER(now_ms),
                  DB_NUMBER(approvals == 0 ? now_ms : 0), DB_NUMBER(approvals)),
        NULL, NULL, e);
    (void)snprintf(detail, sizeof(detail), "%u approvals needed", approvals);
    return rc == 0 ? audit_append(h->life->db, who, "request.registered", str_of(id->text),
                                  str_of(detail), e)
                   : rc;
}

static int register_now(const struct handover *h, const struct actor *who,
                        const struct handover_person *p, struct life_id *id, struct err *e)
{
    int rc =
        db_query(h->life->db,
                 "SELECT id FROM request WHERE user = ?1 AND profile = ?2 AND kind = ?3 AND "
                 "state IN (?4, ?5)",
                 DB_VALUES(DB_TEXT(p->user), DB_TEXT(p->profile), DB_NUMBER(LIFE_KIND_REGISTERED),
                           DB_NUMBER(LIFE_PENDING), DB_NUMBER(LIFE_APPROVED)),
                 name_waiting, e, e);
    rc = rc == 0 ? life_new_id(id, e) : rc;
    return rc == 0 ? insert(h, who, p, id, e) : rc;
}

int handover_register(const struct handover *h, const struct request_operator *o,
                      const struct handover_person *p, struct life_id *id, struct err *e)
{
    struct newcomer n;
    int rc = check_person(h, o, p, &n, e);
    const struct handover_person person = {str_of(n.user), str_of(n.company), p->profile};
    rc = rc == 0 ? db_begin(h->life->db, e) : rc;
    return rc == 0 ? db_end(h->life->db, register_now(h, &o->who, &person, id, e), e) : rc;
}

/* A registered request, as it stands. */
struct registered {
    bool found;
    enum life_state state;
    enum life_kind kind;
    const struct conf_ca_profile *profile;
    char user[USER_MAX + 1];
    char company[USER_MAX + 1];
    char serial[64];
    const struct life *life;
};

static int take_registered(void *arg, const struct db_row *r)
{
    struct registered *g = arg;
    g->found = true;
    g->state = (enum life_state)db_number(r, 0);
    g->kind = (enum life_kind)db_number(r, 1);
    g->profile = life_profile(g->life, db_octets(r, 2));
    copy_text(g->user, sizeof(g->user), db_octets(r, 3));
    copy_text(g->serial, sizeof(g->serial), db_octets(r, 4));
    copy_text(g->company, sizeof(g->company), db_octets(r, 5));
    return 0;
}

static int find(const struct life *l, struct str id, struct registered *out, struct err *e)
{
    *out = (struct registered){.life = l};
    int rc =
        db_query(l->db,
                 "SELECT r.state, r.kind, r.profile, r.user, c.serial, r.company FROM request r "
                 "LEFT JOIN certificate c ON c.request = r.id WHERE r.id = ?1",
                 DB_VALUES(DB_TEXT(id)), take_registered, out, e);
    if (rc == 0 && !out->found) {
        rc = err_set(e, ERR_NOT_FOUND, "there is no request \"%.*s\"", STR_ARG(id));
    }
    return rc;
}

static int check_open(const struct registered *r, struct err *e)
{
    if (r->kind != LIFE_KIND_REGISTERED) {
        return err_set(e, ERR_CLOSED, "the request brought its own key: it needs no code");
    }
    if (r->state == LIFE_PENDING) {
        return err_set(e, ERR_CLOSED, "the request is not approved yet");
    }
    if (r->state != LIFE_APPROVED && r->state != LIFE_ISSUED && r->state != LIFE_DELIVERED) {
        return err_set(e, ERR_CLOSED, "there is nothing to hand over: the request is %s",
                       life_state_name(r->state));
    }
    return 0;
}

/* Withdraw what nobody holds, and let another request with the same agreements follow. */
static int replace(const struct life *l, const struct actor *who, struct str id, const char *serial,
                   struct life_id *next, struct err *e)
{
    const struct withdraw_wish gone = {.serial = str_of(serial),
                                       .reason = WITHDRAW_SUPERSEDED,
                                       .detail = "nobody has come for it"};
    int rc = withdraw_now(l, who, &gone, e);
    rc = rc == 0 ? life_new_id(next, e) : rc;
    struct str to = str_of(next->text);
    rc = rc == 0 ? db_query(l->db,
                            "INSERT INTO request (id, state, kind, profile, user, company, "
                            "requester, origin, filed_ms, decided_ms, approvals_needed, renews) "
                            "SELECT ?2, ?3, kind, profile, user, company, requester, origin, ?4, "
                            "decided_ms, approvals_needed, id FROM request WHERE id = ?1",
                            DB_VALUES(DB_TEXT(id), DB_TEXT(to), DB_NUMBER(LIFE_APPROVED),
                                      DB_NUMBER(clock_wall_ms())),
                            NULL, NULL, e)
                 : rc;
    rc = rc == 0 ? db_query(l->db,
                            "INSERT INTO decision (request, operator, agreed, at_ms) "
                            "SELECT ?2, operator, agreed, at_ms FROM decision WHERE request = ?1",
                            DB_VALUES(DB_TEXT(id), DB_TEXT(to)), NULL, NULL, e)
                 : rc;
    return rc == 0 ? audit_append(l->db, who, "request.replaced", id, to, e) : rc;
}

static int keep_code(const struct life *l, struct str id, const struct code_kept *kept,
                     int64_t ends_ms, struct err *e)
{
    return db_query(
        l->db,
        "INSERT INTO code (request, hash, salt, made_ms, ends_ms) VALUES (?1, ?2, ?3, ?4, ?5) "
        "ON CONFLICT (request) DO UPDATE SET hash = ?2, salt = ?3, made_ms = ?4, ends_ms = ?5, "
        "tries = 0, used_ms = 0, over = 0",
        DB_VALUES(DB_TEXT(id), DB_BLOB(((struct str){(const char *)kept->hash, CODE_HASH})),
                  DB_BLOB(((struct str){(const char *)kept->salt, CODE_SALT})),
                  DB_NUMBER(clock_wall_ms()), DB_NUMBER(ends_ms)),
        NULL, NULL, e);
}

static int tell(const struct life *l, struct str id, struct handover_told *told,
                struct code_kept *kept, struct err *e)
{
    struct code code;
    struct code password = {.text = ""};
    int rc = code_make(id, &code, kept, e);
    rc = rc == 0 ? code_password(&code, id, kept, &password, e) : rc;
    if (rc == 0) {
        memcpy(told->code, code.text, sizeof(told->code));
        memcpy(told->password, password.text, sizeof(told->password));
        told->ends_ms = clock_wall_ms() + (int64_t)l->conf->code_life_ms;
        if (l->conf->public_url.p != NULL) {
            (void)snprintf(told->link, sizeof(told->link), "%s" HANDOVER_PATH "%.*s",
                           l->conf->public_url.p, STR_ARG(id));
        }
    }
    code_wipe(&code);
    code_wipe(&password);
    return rc;
}

/* The account may have been closed, or have come to another company, meanwhile. */
static int check_registered(const struct handover *h, const struct registered *r, struct err *e)
{
    struct user *account = NULL;
    int rc = find_account(h, str_of(r->user), &account, e);
    user_unref(account);
    return rc == 0 ? people_company(h->life->people, str_of(r->user), str_of(r->company), e) : rc;
}

/* A code that is made. */
struct making {
    struct registered of;
    struct handover_told *told;
};

static int code_now(const struct handover *h, const struct request_operator *o, struct str id,
                    struct making *m, struct err *e)
{
    struct registered *r = &m->of;
    struct handover_told *told = m->told;
    struct code_kept kept;
    int rc = find(h->life, id, r, e);
    if (rc != 0) {
        return rc;
    }
    if (!request_is_operator(o, r->profile)) {
        return err_set(e, ERR_DENIED, "\"%.*s\" is not an operator for this profile",
                       STR_ARG(o->who.name));
    }
    rc = check_open(r, e);
    rc = rc == 0 ? check_registered(h, r, e) : rc;
    if (rc == 0 && r->state != LIFE_APPROVED) {
        rc = replace(h->life, &o->who, id, r->serial, &told->id, e);
    } else {
        copy_text(told->id.text, sizeof(told->id.text), id);
    }
    id = str_of(told->id.text);
    rc = rc == 0 ? tell(h->life, id, told, &kept, e) : rc;
    rc = rc == 0 ? keep_code(h->life, id, &kept, told->ends_ms, e) : rc;
    return rc == 0 ? audit_append(h->life->db, &o->who, "code.made", id, STR_NONE, e) : rc;
}

/* The code goes out by its notifier; a password that another sends later is not shown. */
static int send_out(const struct handover *h, const struct making *m, struct err *e)
{
    struct handover_told *told = m->told;
    const struct message message = {.kind = MESSAGE_CODE,
                                    .to = str_of(m->of.user),
                                    .request = str_of(told->id.text),
                                    .user = str_of(m->of.user),
                                    .company = str_of(m->of.company),
                                    .link = str_of(told->link),
                                    .secret = str_of(told->code),
                                    .until_ms = told->ends_ms};
    if (h->notify == NULL) {
        return 0;
    }
    if (notify_by(h->life->conf, MESSAGE_PASSWORD) != NULL) {
        mem_wipe(told->password, sizeof(told->password));
    }
    if (notify_by(h->life->conf, MESSAGE_CODE) == NULL) {
        return 0;
    }
    int rc = notify_post(h->notify, &message, e);
    mem_wipe(told->code, sizeof(told->code));
    return rc;
}

int handover_code(const struct handover *h, const struct request_operator *o, struct str id,
                  struct handover_told *told, struct err *e)
{
    struct making m = {.told = told};
    *told = (struct handover_told){.link = ""};
    int rc = db_begin(h->life->db, e);
    rc = rc == 0 ? db_end(h->life->db, code_now(h, o, id, &m, e), e) : rc;
    rc = rc == 0 ? send_out(h, &m, e) : rc;
    if (rc != 0) {
        handover_told_wipe(told);
    }
    return rc;
}

void handover_told_wipe(struct handover_told *told)
{
    mem_wipe(told, sizeof(*told));
}

int handover_arrived(const struct life *l, struct str id, struct err *e)
{
    struct err mine = {0};
    int rc = db_begin(l->db, e);
    if (rc != 0) {
        return rc;
    }
    rc = life_move(l, id, LIFE_ISSUED, LIFE_DELIVERED, &mine);
    if (rc == -ERR_CLOSED) {
        return db_end(l->db, 0, e); /* it was seen in use before */
    }
    rc = rc == 0 ? audit_append(l->db, &system_actor, "certificate.delivered", id, STR_NONE, e)
                 : err_set(e, mine.code, "%s", mine.text);
    return db_end(l->db, rc, e);
}

struct lost {
    struct life_id ids[LOST_MAX];
    char serials[LOST_MAX][64];
    size_t n;
};

static int take_lost(void *arg, const struct db_row *r)
{
    struct lost *l = arg;
    copy_text(l->ids[l->n].text, sizeof(l->ids[0].text), db_octets(r, 0));
    copy_text(l->serials[l->n], sizeof(l->serials[0]), db_octets(r, 1));
    l->n++;
    return 0;
}

static int replace_lost(const struct life *l, size_t *n, struct err *e)
{
    struct lost lost = {.n = 0};
    int rc = db_query(l->db,
                      "SELECT r.id, c.serial FROM code o JOIN request r ON r.id = o.request "
                      "JOIN certificate c ON c.request = r.id "
                      "WHERE o.used_ms > 0 AND o.used_ms < ?1 AND r.state = ?2 LIMIT ?3",
                      DB_VALUES(DB_NUMBER(clock_wall_ms() - ARRIVAL_MS), DB_NUMBER(LIFE_ISSUED),
                                DB_NUMBER(LOST_MAX)),
                      take_lost, &lost, e);
    for (size_t i = 0; i < lost.n && rc == 0; i++) {
        struct life_id next;
        rc = replace(l, &system_actor, str_of(lost.ids[i].text), lost.serials[i], &next, e);
    }
    *n = lost.n;
    return rc;
}

static int note_any(void *arg, const struct db_row *r)
{
    (void)r;
    *(bool *)arg = true;
    return 0;
}

/* Nothing is written where none is over. */
static int end_codes(const struct life *l, struct err *e)
{
    bool any = false;
    const struct db_value now = DB_NUMBER(clock_wall_ms());
    int rc = db_query(l->db,
                      "SELECT 1 FROM code WHERE over = 0 AND used_ms = 0 AND ends_ms <= ?1 LIMIT 1",
                      DB_VALUES(now), note_any, &any, e);
    return rc == 0 && any
               ? db_query(
                     l->db,
                     "UPDATE code SET over = 1 WHERE over = 0 AND used_ms = 0 AND ends_ms <= ?1",
                     DB_VALUES(now), NULL, NULL, e)
               : rc;
}

int handover_tick(const struct life *l, size_t *lost, struct err *e)
{
    *lost = 0;
    int rc = end_codes(l, e);
    rc = rc == 0 ? db_begin(l->db, e) : rc;
    rc = rc == 0 ? db_end(l->db, replace_lost(l, lost, e), e) : rc;
    *lost = rc == 0 ? *lost : 0;
    return rc;
}
