/* Owns: what makes a request pending, approved or denied. Leaves signing to issue. */
#include "ca/request.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "auth/pairing.h"
#include "base/clock.h"
#include "ca/library.h"
#include "ca/people.h"
#include "ca/policy.h"

#define REASON_MAX 500

/* What stands in the database about the key of a filing, or about what it renews. */
struct known {
    bool found;
    struct life_id id;
    enum life_state state;
    bool same_account; /* user and company are those of the filing */
    bool same_wish;    /* profile and what it renews are, too */
    bool same_profile;
    bool in_time; /* its certificate is */
    const struct life *life;
    const struct request_filing *filing;
};

#define KNOWN_COLUMNS                                                                              \
    "r.id, r.state, r.user, r.company, c.not_before_ms, c.not_after_ms, r.profile, r.renews"

static int take_known(void *arg, const struct db_row *r)
{
    struct known *k = arg;
    struct str id = db_octets(r, 0);
    int64_t now_ms = clock_wall_ms();
    if (id.n != LIFE_ID_LEN) {
        return -ERR_MALFORMED;
    }
    memcpy(k->id.text, id.p, id.n);
    k->found = true;
    k->state = (enum life_state)db_number(r, 1);
    k->same_account = life_same_user(k->life, db_octets(r, 2), k->filing->user) &&
                      str_eq(db_octets(r, 3), k->filing->company);
    k->same_wish =
        str_eq(db_octets(r, 6), k->filing->profile) && str_eq(db_octets(r, 7), k->filing->renews);
    k->in_time = db_number(r, 4) <= now_ms && now_ms < db_number(r, 5);
    k->same_profile = str_eq(db_octets(r, 6), k->filing->profile);
    return 0;
}

static struct str spki_of(const struct request_filing *f)
{
    return (struct str){(const char *)f->csr->spki, sizeof(f->csr->spki)};
}

/* The key of the CA, or of one above it: who files that has what nobody should. */
static bool is_cas_key(const struct life *l, const struct request_filing *f)
{
    EVP_PKEY *key = X509_REQ_get0_pubkey(f->csr->req);
    const struct ca_key *ca = l->key;
    bool own = ca != NULL && EVP_PKEY_eq(key, X509_get0_pubkey(ca->certificate)) == 1;
    for (int i = 0; ca != NULL && !own && i < sk_X509_num(ca->chain); i++) {
        own = EVP_PKEY_eq(key, X509_get0_pubkey(sk_X509_value(ca->chain, i))) == 1;
    }
    return own;
}

static int take_number(void *arg, const struct db_row *r)
{
    *(int64_t *)arg = db_number(r, 0);
    return 0;
}

/* A key that was reported stolen once is nobody's any more, and one of a CA's never was. */
static int check_stolen(const struct life *l, const struct request_filing *f, struct err *e)
{
    int64_t stolen = 0;
    if (is_cas_key(l, f)) {
        return err_set(e, ERR_DENIED, "this is the key of a CA");
    }
    int rc = db_query(l->db,
                      "SELECT count(*) FROM request r JOIN certificate c ON c.request = r.id "
                      "WHERE r.spki = ?1 AND c.withdrawn_reason = 1",
                      DB_VALUES(DB_BLOB(spki_of(f))), take_number, &stolen, e);
    return rc == 0 && stolen > 0
               ? err_set(e, ERR_DENIED,
                         "a certificate of this key was withdrawn because the key was stolen "
                         "(keyCompromise): make a new key")
               : rc;
}

/* *waiting: the same request, if it is on its way already. */
static int check_key(const struct life *l, const struct request_filing *f, struct life_id *waiting,
                     struct err *e)
{
    struct known k = {.life = l, .filing = f};
    int rc = db_query(l->db,
                      "SELECT " KNOWN_COLUMNS " FROM request r "
                      "LEFT JOIN certificate c ON c.request = r.id "
                      "WHERE r.spki = ?1 AND (r.state <> ?2 OR r.user <> ?3) "
                      "ORDER BY r.seq DESC LIMIT 1",
                      DB_VALUES(DB_BLOB(spki_of(f)), DB_NUMBER(LIFE_DENIED), DB_TEXT(f->user)),
                      take_known, &k, e);
    if (rc != 0 || !k.found) {
        return rc;
    }
    if ((k.state == LIFE_PENDING || k.state == LIFE_APPROVED) && k.same_account) {
        if (!k.same_wish) {
            return err_set(e, ERR_EXISTS,
                           "this key is in request %s already, which asks for something else: make "
                           "a new key, or wait for that one",
                           k.id.text);
        }
        *waiting = k.id;
        return 0;
    }
    if (k.same_account && str_eq(f->renews, str_of(k.id.text))) {
        return 0;
    }
    return err_set(e, ERR_EXISTS,
                   "this key was in a request before: make a new key for a new certificate");
}

/* Whether it renews something, and may do so without being asked about. */
static int check_renewal(const struct life *l, const struct request_filing *f, bool *good,
                         struct err *e)
{
    struct known k = {.life = l, .filing = f};
    *good = false;
    if (f->renews.n == 0) {
        return 0;
    }
    int rc = db_query(l->db,
                      "SELECT " KNOWN_COLUMNS " FROM request r "
                      "JOIN certificate c ON c.request = r.id WHERE r.id = ?1",
                      DB_VALUES(DB_TEXT(f->renews)), take_known, &k, e);
    if (rc != 0) {
        return rc;
    }
    if (!k.found) {
        return err_set(e, ERR_NOT_FOUND, "there is no certificate to renew under this id");
    }
    if (!k.same_account) {
        return err_set(e, ERR_DENIED,
                       "what is to be renewed is for another user or company: file a new request");
    }
    if (!k.same_profile) {
        return err_set(e, ERR_DENIED,
                       "what is to be renewed is of another profile: file a new request");
    }
    if (k.state == LIFE_WITHDRAWN || k.state == LIFE_RENEWED) {
        return err_set(e, ERR_DENIED, "what is to be renewed was %s already: file a new request",
                       life_state_name(k.state));
    }
    *good = f->held && k.in_time &&
            (k.state == LIFE_ISSUED || k.state == LIFE_DELIVERED || k.state == LIFE_ACTIVE);
    return 0;
}

/* A certificate is renewed once: two requests on their way would make two of one. */
static int check_other_renewal(const struct life *l, const struct request_filing *f, struct err *e)
{
    int64_t others = 0;
    int rc =
        f->renews.n == 0
            ? 0
            : db_query(l->db, "SELECT count(*) FROM request WHERE renews = ?1 AND state IN (0, 1)",
                       DB_VALUES(DB_TEXT(f->renews)), take_number, &others, e);
    return rc == 0 && others > 0
               ? err_set(e, ERR_EXISTS, "another request to renew this certificate is on its way")
               : rc;
}

static int insert(const struct life *l, const struct actor *who, const struct request_filing *f,
                  uint32_t approvals, const struct life_id *id, struct err *e)
{
    unsigned char *der = NULL;
    int n = i2d_X509_REQ(f->csr->req, &der);
    if (n <= 0) {
        return library_failed(e, ERR_CRYPTO, "the request cannot be encoded");
    }
    int64_t now_ms = clock_wall_ms();
    enum life_state state = approvals == 0 ? LIFE_APPROVED : LIFE_PENDING;
    int rc = db_query(
        l->db,
        "INSERT INTO request (id, state, kind, profile, user, company, requester, origin, csr, "
        "spki, filed_ms, decided_ms, approvals_needed, renews) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        DB_VALUES(DB_TEXT(str_of(id->text)), DB_NUMBER(state),
                  DB_NUMBER(f->renews.n > 0 ? LIFE_KIND_RENEWAL : LIFE_KIND_CSR),
                  DB_TEXT(f->profile), DB_TEXT(f->user), DB_TEXT(f->company), DB_TEXT(who->name),
                  DB_TEXT(who->origin), DB_BLOB(((struct str){(const char *)der, (size_t)n})),
                  DB_BLOB(spki_of(f)), DB_NUMBER(now_ms), DB_NUMBER(approvals == 0 ? now_ms : 0),
                  DB_NUMBER(approvals), f->renews.n > 0 ? DB_TEXT(f->renews) : DB_NULL),
        NULL, NULL, e);
    OPENSSL_free(der);
    return rc;
}

static int file(const struct life *l, const struct actor *who, const struct request_filing *f,
                bool has_account, struct life_id *id, struct err *e)
{
    const struct conf_ca_profile *profile = life_profile(l, f->profile);
    struct life_id waiting = {""};
    char detail[64];
    bool renewal = false;
    if (profile == NULL) {
        return err_set(e, ERR_NOT_FOUND, "there is no profile \"%.*s\"", STR_ARG(f->profile));
    }
    int rc = check_renewal(l, f, &renewal, e);
    rc = rc == 0 ? check_stolen(l, f, e) : rc;
    rc = rc == 0 ? check_key(l, f, &waiting, e) : rc;
    if (rc == 0 && waiting.text[0] != '\0') {
        *id = waiting;
        return 0;
    }
    rc = rc == 0 ? check_other_renewal(l, f, e) : rc;
    rc = rc == 0 ? life_new_id(id, e) : rc;
    uint32_t approvals = renewal ? 0 : profile->approvals;
    rc = rc == 0 ? insert(l, who, f, approvals, id, e) : rc;
    rc = rc == 0 && has_account ? policy_note(l, f->user, e) : rc;
    (void)snprintf(detail, sizeof(detail), "%u approvals needed", approvals);
    return rc == 0 ? audit_append(l->db, who, renewal ? "request.renewal" : "request.filed",
                                  str_of(id->text), str_of(detail), e)
                   : rc;
}

int request_file(const struct life *l, const struct actor *who, const struct request_filing *f,
                 struct life_id *id, struct err *e)
{
    char user[PAIRING_NAME_MAX];
    size_t n = 0;
    bool has_account = false;
    struct request_filing mine = *f;
    if (!pairing_normalise(f->user, life_rule(l), user, &n)) {
        return err_set(e, ERR_MALFORMED, "\"%.*s\" is no name that a user can have",
                       (int)(f->user.n < 100 ? f->user.n : 100), f->user.p);
    }
    mine.user = (struct str){user, n};
    int rc = people_admit(l->people, mine.user, f->company, &has_account, e);
    rc = rc == 0 ? db_begin(l->db, e) : rc;
    return rc == 0 ? db_end(l->db, file(l, who, &mine, has_account, id, e), e) : rc;
}

/* A request that is to be decided. */
struct open_request {
    bool found;
    enum life_state state;
    uint32_t approvals_needed;
    bool own; /* the operator filed it, or it is for them */
    char user[CSR_TEXT_MAX + 1];
    char company[CSR_TEXT_MAX + 1];
    const struct conf_ca_profile *profile;
    const struct life *life;
    const struct request_operator *decider;
};

/* Whether a user of this machine, who filed it under that name, has this account. */
static bool is_account_of(const struct life *l, struct str local, struct str name)
{
    const struct conf_ca *conf = l->conf;
    if (!str_starts(local, STR(REQUEST_LOCAL))) {
        return false;
    }
    struct str here = str_slice(local, sizeof(REQUEST_LOCAL) - 1, local.n);
    for (size_t i = 0; i < conf->local_account_count; i++) {
        if (str_eq(str_of(conf->local_accounts[i].name.p), here) &&
            life_same_user(l, str_of(conf->local_accounts[i].value.p), name)) {
            return true;
        }
    }
    return false;
}

static int take_open(void *arg, const struct db_row *r)
{
    struct open_request *o = arg;
    struct str name = o->decider->who.name;
    o->found = true;
    o->state = (enum life_state)db_number(r, 0);
    o->approvals_needed = (uint32_t)db_number(r, 1);
    o->own = life_same_user(o->life, db_octets(r, 2), name) ||
             life_same_user(o->life, db_octets(r, 3), name) ||
             is_account_of(o->life, db_octets(r, 3), name);
    o->profile = life_profile(o->life, db_octets(r, 4));
    (void)snprintf(o->user, sizeof(o->user), "%.*s", STR_ARG(db_octets(r, 2)));
    (void)snprintf(o->company, sizeof(o->company), "%.*s", STR_ARG(db_octets(r, 5)));
    return 0;
}

bool request_is_operator(const struct request_operator *o, const struct conf_ca_profile *p)
{
    for (size_t i = 0; p != NULL && i < p->operators.n; i++) {
        for (size_t k = 0; k < o->group_count; k++) {
            if (str_eq(o->groups[k], str_of(p->operators.v[i].p))) {
                return true;
            }
        }
    }
    return false;
}

static int find_open(const struct life *l, const struct request_operator *o, struct str id,
                     struct open_request *out, struct err *e)
{
    *out = (struct open_request){.life = l, .decider = o};
    int rc =
        db_query(l->db,
                 "SELECT state, approvals_needed, user, requester, profile, company FROM request "
                 "WHERE id = ?1",
                 DB_VALUES(DB_TEXT(id)), take_open, out, e);
    if (rc != 0) {
        return rc;
    }
    if (!out->found) {
        return err_set(e, ERR_NOT_FOUND, "there is no request \"%.*s\"", STR_ARG(id));
    }
    if (!request_is_operator(o, out->profile)) {
        return err_set(e, ERR_DENIED, "\"%.*s\" is not an operator for this profile",
                       STR_ARG(o->who.name));
    }
    return 0;
}

static int decide(const struct life *l, const struct request_operator *o, struct str id,
                  bool agreed, struct err *e)
{
    struct err mine = {0};
    int rc = db_query(
        l->db,
        "INSERT INTO decision (request, operator, agreed, at_ms) "
        "VALUES (?1, ?2, ?3, ?4)",
        DB_VALUES(DB_TEXT(id), DB_TEXT(o->who.name), DB_NUMBER(agreed), DB_NUMBER(clock_wall_ms())),
        NULL, NULL, &mine);
    return rc == 0             ? 0
           : rc == -ERR_EXISTS ? err_set(e, ERR_EXISTS, "you have agreed to this request already")
                               : err_set(e, mine.code, "%s", mine.text);
}

static int set_decided(const struct life *l, struct str id, enum life_state from,
                       enum life_state to, struct str reason, struct err *e)
{
    int rc = life_move(l, id, from, to, e);
    return rc == 0
               ? db_query(l->db,
                          "UPDATE request SET decided_ms = ?2, denied_reason = ?3 WHERE id = ?1",
                          DB_VALUES(DB_TEXT(id), DB_NUMBER(clock_wall_ms()), DB_TEXT(reason)), NULL,
                          NULL, e)
               : rc;
}

static int approve(const struct life *l, const struct request_operator *o, struct str id,
                   struct err *e)
{
    struct open_request r;
    bool has_account = false;
    int64_t agreed = 0;
    int rc = find_open(l, o, id, &r, e);
    if (rc != 0) {
        return rc;
    }
    if (r.own) {
        return err_set(e, ERR_DENIED, "nobody agrees to a request of their own");
    }
    if (r.state != LIFE_PENDING) {
        return err_set(e, ERR_CLOSED, "the request is not pending: it is %s",
                       life_state_name(r.state));
    }
    if (r.approvals_needed > 1 && str_starts(o->who.name, STR(REQUEST_LOCAL))) {
        return err_set(e, ERR_DENIED,
                       "%u must agree, and \"%.*s\" may be one of them under another name: name "
                       "the account in ca.local_accounts",
                       r.approvals_needed, STR_ARG(o->who.name));
    }
    rc = people_admit(l->people, str_of(r.user), str_of(r.company), &has_account, e);
    rc = rc == 0 ? decide(l, o, id, true, e) : rc;
    rc = rc == 0
             ? db_query(l->db, "SELECT count(*) FROM decision WHERE request = ?1 AND agreed = 1",
                        DB_VALUES(DB_TEXT(id)), take_number, &agreed, e)
             : rc;
    if (rc == 0 && agreed >= (int64_t)r.approvals_needed) {
        rc = set_decided(l, id, r.state, LIFE_APPROVED, STR_NONE, e);
    }
    return rc == 0 ? audit_append(l->db, &o->who,
                                  agreed >= (int64_t)r.approvals_needed ? "request.approved"
                                                                        : "request.agreed",
                                  id, STR_NONE, e)
                   : rc;
}

static int deny(const struct life *l, const struct request_operator *o, struct str id,
                struct str reason, struct err *e)
{
    struct open_request r;
    int rc = find_open(l, o, id, &r, e);
    if (rc != 0) {
        return rc;
    }
    if (r.state != LIFE_PENDING && r.state != LIFE_APPROVED) {
        return err_set(e, ERR_CLOSED, "the request cannot be denied any more: it is %s",
                       life_state_name(r.state));
    }
    rc = db_query(l->db,
                  "INSERT INTO decision (request, operator, agreed, at_ms) VALUES (?1, ?2, 0, ?3) "
                  "ON CONFLICT (request, operator) DO UPDATE SET agreed = 0, at_ms = ?3",
                  DB_VALUES(DB_TEXT(id), DB_TEXT(o->who.name), DB_NUMBER(clock_wall_ms())), NULL,
                  NULL, e);
    rc = rc == 0 ? set_decided(l, id, r.state, LIFE_DENIED, reason, e) : rc;
    return rc == 0 ? audit_append(l->db, &o->who, "request.denied", id, reason, e) : rc;
}

int request_approve(const struct life *l, const struct request_operator *o, struct str id,
                    struct err *e)
{
    int rc = db_begin(l->db, e);
    return rc == 0 ? db_end(l->db, approve(l, o, id, e), e) : rc;
}

int request_deny(const struct life *l, const struct request_operator *o, struct str id,
                 struct str reason, struct err *e)
{
    if (reason.n == 0 || reason.n > REASON_MAX || !str_is_utf8(reason) || str_has_control(reason)) {
        return err_set(e, ERR_MALFORMED, "say why, in 1 to %d octets of text on one line",
                       REASON_MAX);
    }
    int rc = db_begin(l->db, e);
    return rc == 0 ? db_end(l->db, deny(l, o, id, reason, e), e) : rc;
}
