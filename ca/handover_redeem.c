/* Owns: what a code is exchanged for. The try is counted and on the disk before the code is
 * compared with the right one; all that the comparison needs is made before that, so that none is
 * counted that did not take place. The code is used up in the transaction that signs. */
#include <stdio.h>
#include <string.h>

#include <openssl/x509.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ca/authority.h"
#include "ca/certificate.h"
#include "ca/csr.h"
#include "ca/deliver.h"
#include "ca/handover.h"
#include "ca/issue.h"
#include "ca/library.h"
#include "ca/people.h"
#include "ca/pkcs12.h"
#include "ca/records.h"

#define CLOCK_SLACK_MS INT64_C(60000) /* a clock that is set right may go back a little */
#define NOT_APPROVED   "the request is not approved any more"

/* The request that somebody comes for, and its code. */
struct wanted {
    bool found;
    enum life_state state;
    const struct conf_ca_profile *profile;
    char user[CSR_TEXT_MAX + 1];
    char company[CSR_TEXT_MAX + 1];
    struct code_kept kept;
    int64_t made_ms;
    int64_t ends_ms;
    int64_t used_ms;
    int64_t tries;
    bool over; /* its end was seen, or something was recorded after it */
    const struct life *life;
};

/* What somebody has typed, and what it is compared by. */
struct guess {
    struct code code;
    unsigned char hash[CODE_HASH];
};

static bool copy_text(char *out, size_t size, struct str s)
{
    if (s.n >= size) {
        return false;
    }
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return true;
}

static int take_wanted(void *arg, const struct db_row *r)
{
    struct wanted *w = arg;
    struct str hash = db_octets(r, 4);
    struct str salt = db_octets(r, 5);
    if (hash.n != CODE_HASH || salt.n != CODE_SALT ||
        !copy_text(w->user, sizeof(w->user), db_octets(r, 2)) ||
        !copy_text(w->company, sizeof(w->company), db_octets(r, 3))) {
        return -ERR_MALFORMED;
    }
    w->found = true;
    w->state = (enum life_state)db_number(r, 0);
    w->profile = life_profile(w->life, db_octets(r, 1));
    memcpy(w->kept.hash, hash.p, CODE_HASH);
    memcpy(w->kept.salt, salt.p, CODE_SALT);
    w->ends_ms = db_number(r, 6);
    w->used_ms = db_number(r, 7);
    w->tries = db_number(r, 8);
    w->over = db_number(r, 9) != 0;
    w->made_ms = db_number(r, 10);
    return 0;
}

static int find(const struct life *l, struct str id, struct wanted *w, struct err *e)
{
    *w = (struct wanted){.life = l};
    return db_query(
        l->db,
        "SELECT r.state, r.profile, r.user, r.company, o.hash, o.salt, o.ends_ms, "
        "o.used_ms, o.tries, o.over, o.made_ms FROM code o JOIN request r ON r.id = o.request "
        "WHERE o.request = ?1",
        DB_VALUES(DB_TEXT(id)), take_wanted, w, e);
}

/* A transaction of its own: a guess counts although nothing comes of it. */
static int count_try(const struct life *l, struct str id, struct wanted *w, struct err *e)
{
    int rc = db_begin(l->db, e);
    if (rc != 0) {
        return rc;
    }
    rc = db_query(l->db,
                  "UPDATE code SET tries = tries + 1 WHERE request = ?1 AND tries < ?2 AND "
                  "used_ms = 0",
                  DB_VALUES(DB_TEXT(id), DB_NUMBER(l->conf->code_tries)), NULL, NULL, e);
    bool counted = rc == 0 && db_changes(l->db) > 0;
    rc = rc == 0 ? db_query(l->db,
                            "UPDATE code SET over = 1 WHERE request = ?1 AND over = 0 AND "
                            "used_ms = 0 AND ends_ms <= ?2",
                            DB_VALUES(DB_TEXT(id), DB_NUMBER(clock_wall_ms())), NULL, NULL, e)
                 : rc;
    rc = rc == 0 ? find(l, id, w, e) : rc;
    rc = db_end(l->db, rc, e);
    if (rc == 0 && w->found && !counted && w->used_ms == 0) {
        return err_set(e, ERR_DENIED,
                       "there were too many wrong codes for this request: ask for a new one");
    }
    return rc;
}

/* The right code was no guess. */
static int uncount_try(const struct life *l, struct str id, struct err *e)
{
    return db_query(l->db, "UPDATE code SET tries = tries - 1 WHERE request = ?1 AND tries > 0",
                    DB_VALUES(DB_TEXT(id)), NULL, NULL, e);
}

static int check_right(const struct wanted *w, const struct guess *g, struct err *e)
{
    return w->found && code_is(g->hash, &w->kept)
               ? 0
               : err_set(e, ERR_DENIED, "this is not the code for this request");
}

/* What stands against a code that is the right one. */
static int check_code(const struct wanted *w, struct err *e)
{
    int64_t now_ms = clock_wall_ms();
    if (w->used_ms > 0) {
        return err_set(e, ERR_DENIED,
                       "this code was used already: if it was not by you, say so to "
                       "whoever gave it to you");
    }
    /* A clock from before it was made was set back: nobody knows how long the code has been good.
     */
    if (w->over || w->ends_ms <= now_ms || now_ms < w->made_ms - CLOCK_SLACK_MS) {
        return err_set(e, ERR_DENIED, "the time of this code is over: ask for a new one");
    }
    if (w->state != LIFE_APPROVED || w->profile == NULL) {
        return err_set(e, ERR_CLOSED, "%s", NOT_APPROVED);
    }
    return 0;
}

static int check_visitor(const struct handover *h, const struct wanted *w,
                         const struct handover_visit *v, struct err *e)
{
    struct user *account = NULL;
    if (v->user.n > 0 && !life_same_user(h->life, v->user, str_of(w->user))) {
        return err_set(e, ERR_DENIED, "this code is for another user than the one that you are");
    }
    struct err mine = {0};
    int rc = people_find(h->life->people, str_of(w->user), &account, &mine);
    user_unref(account);
    if (rc == -ERR_NOT_FOUND || rc == -ERR_DENIED) {
        return err_set(e, ERR_DENIED, "your account is closed");
    }
    return rc == 0 ? people_company(h->life->people, str_of(w->user), str_of(w->company), e)
                   : err_set(e, mine.code, "%s", mine.text);
}

/* The kind of key that is made: what a profile allows, and most can read. */
static const char *key_kind(const struct conf_ca_profile *p)
{
    static const char *const kinds[] = {"p256", "p384", "rsa", "ed25519"};
    const char *kind = kinds[0];
    for (size_t i = sizeof(kinds) / sizeof(kinds[0]); p->keys.n > 0 && i > 0; i--) {
        for (size_t k = 0; k < p->keys.n; k++) {
            kind = strcmp(p->keys.v[k].p, kinds[i - 1]) == 0 ? kinds[i - 1] : kind;
        }
    }
    if (strcmp(kind, "rsa") == 0) {
        return p->rsa_bits_min > 3072 ? "rsa4096" : p->rsa_bits_min > 2048 ? "rsa3072" : "rsa2048";
    }
    return kind;
}

/* Through the same gate as everybody's: a request, signed by its key. */
static int make_csr(const struct wanted *w, EVP_PKEY *key, struct csr **out, struct err *e)
{
    unsigned char *der = NULL;
    X509_REQ *req = X509_REQ_new();
    X509_NAME *name = req != NULL ? X509_REQ_get_subject_name(req) : NULL;
    bool ok = name != NULL && X509_REQ_set_version(req, X509_REQ_VERSION_1) == 1 &&
              X509_NAME_add_entry_by_NID(name, NID_organizationName, MBSTRING_UTF8,
                                         (const unsigned char *)w->company, -1, -1, 0) == 1 &&
              X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                         (const unsigned char *)w->user, -1, -1, 0) == 1 &&
              X509_REQ_set_pubkey(req, key) == 1 &&
              X509_REQ_sign(req, key, certificate_digest(key)) > 0;
    int n = ok ? i2d_X509_REQ(req, &der) : 0;
    int rc = n > 0 ? csr_read((struct str){(const char *)der, (size_t)n}, out, e)
                   : certificate_failed(e, "a signing request");
    OPENSSL_free(der);
    X509_REQ_free(req);
    return rc;
}

static int get_csr(const struct wanted *w, const struct handover_visit *v, EVP_PKEY **key,
                   struct csr **csr, struct err *e)
{
    int rc = 0;
    if (v->csr.n > 0) {
        rc = csr_read(v->csr, csr, e);
    } else {
        rc = authority_key(str_of(key_kind(w->profile)), key, e);
        rc = rc == 0 ? make_csr(w, *key, csr, e) : rc;
    }
    rc = rc == 0 ? csr_check(*csr, w->profile, str_of(w->user), life_rule(w->life), e) : rc;
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): there is one where rc is 0 */
    if (rc == 0 && strcmp((*csr)->company, w->company) != 0) {
        rc = err_set(e, ERR_DENIED, "the request's organization (O) must be \"%s\"", w->company);
    }
    return rc;
}

static int refuse_known(void *arg, const struct db_row *r)
{
    (void)r;
    return err_set(arg, ERR_EXISTS,
                   "this key was in a request before: make a new key for a new certificate");
}

static int put_csr(const struct life *l, struct str id, const struct csr *csr, struct err *e)
{
    unsigned char *der = NULL;
    struct str spki = {(const char *)csr->spki, sizeof(csr->spki)};
    int rc = db_query(l->db, "SELECT 1 FROM request WHERE spki = ?1 AND state <> ?2 LIMIT 1",
                      DB_VALUES(DB_BLOB(spki), DB_NUMBER(LIFE_DENIED)), refuse_known, e, e);
    int n = rc == 0 ? i2d_X509_REQ(csr->req, &der) : 0;
    if (rc == 0 && n <= 0) {
        rc = library_failed(e, ERR_CRYPTO, "the request cannot be encoded");
    }
    rc = rc == 0
             ? db_query(
                   l->db, "UPDATE request SET csr = ?2, spki = ?3 WHERE id = ?1 AND csr IS NULL",
                   DB_VALUES(DB_TEXT(id), DB_BLOB(((struct str){(const char *)der, (size_t)n})),
                             DB_BLOB(spki)),
                   NULL, NULL, e)
             : rc;
    OPENSSL_free(der);
    return rc == 0 && db_changes(l->db) != 1 ? err_set(e, ERR_CLOSED, "%s", NOT_APPROVED) : rc;
}

/* All of it, or nothing: who comes second finds the code used. */
static int exchange(const struct handover *h, const struct handover_visit *v,
                    const struct guess *guess, const struct csr *csr, struct err *e)
{
    const struct life *l = h->life;
    struct wanted w;
    int rc = find(l, v->id, &w, e);
    rc = rc == 0 ? check_right(&w, guess, e) : rc;
    rc = rc == 0 ? check_code(&w, e) : rc;
    rc = rc == 0 ? put_csr(l, v->id, csr, e) : rc;
    rc = rc == 0 ? issue_within(l, v->id, e) : rc;
    rc = rc == 0 ? find(l, v->id, &w, e) : rc;
    if (rc == 0 && w.state != LIFE_ISSUED) {
        rc = err_set(e, ERR_CLOSED, "%s", NOT_APPROVED);
    }
    rc = rc == 0
             ? db_query(l->db, "UPDATE code SET used_ms = ?2 WHERE request = ?1 AND used_ms = 0",
                        DB_VALUES(DB_TEXT(v->id), DB_NUMBER(clock_wall_ms())), NULL, NULL, e)
             : rc;
    const struct actor who = {str_of(w.user), v->origin};
    return rc == 0 ? audit_append(l->db, &who, "code.used", v->id,
                                  v->csr.n > 0 ? STR("with their own key") : STR("for a file"), e)
                   : rc;
}

struct leaf {
    X509 *certificate;
};

static bool take_leaf(void *arg, const struct record *r)
{
    struct leaf *leaf = arg;
    const unsigned char *p = (const unsigned char *)r->certificate.p;
    leaf->certificate = d2i_X509(NULL, &p, (long)r->certificate.n);
    return true;
}

/* user@example.com.p12, whatever the user is called. */
static void name_file(const char *user, const char *end, char *out, size_t size)
{
    (void)snprintf(out, size - strlen(end), "%s", user);
    for (char *p = out; *p != '\0'; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     (*p >= '0' && *p <= '9') || *p == '.' || *p == '-';
        if (!plain) {
            *p = '_';
        }
    }
    memcpy(out + strlen(out), end, strlen(end) + 1);
}

static int wrap(const struct handover_visit *v, const struct wanted *w, const struct code *code,
                EVP_PKEY *key, struct handover_gift *g, struct err *e)
{
    struct leaf leaf = {NULL};
    struct code password = {.text = ""};
    int rc = record_show(w->life, v->id, take_leaf, &leaf, e);
    if (rc == 0 && leaf.certificate == NULL) {
        rc = certificate_failed(e, "a certificate of what was issued");
    }
    rc = rc == 0 ? code_password(code, v->id, &w->kept, &password, e) : rc;
    if (rc == 0) {
        const struct pkcs12_wish wish = {.key = key,
                                         .leaf = leaf.certificate,
                                         .ca = w->life->key,
                                         .name = w->user,
                                         .password = password.text,
                                         .old = w->profile->insecure_old_pkcs12};
        rc = pkcs12_write(&wish, &g->file, e);
        memcpy(g->password, password.text, sizeof(g->password));
    }
    g->type = "application/x-pkcs12";
    name_file(w->user, ".p12", g->name, sizeof(g->name));
    code_wipe(&password);
    X509_free(leaf.certificate);
    return rc;
}

/* By the second way, if there is one; otherwise an operator was told it with the code. If it
 * cannot even begin, there is no file: nobody could open it. */
static int send_password(const struct handover *h, const struct handover_visit *v,
                         const struct wanted *w, struct handover_gift *g, struct err *e)
{
    const struct message message = {.kind = MESSAGE_PASSWORD,
                                    .to = str_of(w->user),
                                    .request = v->id,
                                    .user = str_of(w->user),
                                    .company = str_of(w->company),
                                    .secret = str_of(g->password)};
    if (h->notify == NULL || notify_by(h->life->conf, MESSAGE_PASSWORD) == NULL) {
        return 0;
    }
    int rc = notify_post(h->notify, &message, e);
    mem_wipe(g->password, sizeof(g->password));
    return rc;
}

static int give(const struct handover *h, const struct handover_visit *v, const struct wanted *w,
                const struct guess *guess, struct handover_gift *g, struct err *e)
{
    EVP_PKEY *key = NULL;
    struct csr *csr = NULL;
    const struct actor who = {str_of(w->user), v->origin};
    int rc = get_csr(w, v, &key, &csr, e);
    rc = rc == 0 ? db_begin(h->life->db, e) : rc;
    rc = rc == 0 ? db_end(h->life->db, exchange(h, v, guess, csr, e), e) : rc;
    if (rc == 0 && key != NULL) {
        rc = wrap(v, w, &guess->code, key, g, e);
        rc = rc == 0 ? send_password(h, v, w, g, e) : rc;
    } else if (rc == 0) {
        g->type = "application/x-pem-file";
        name_file(w->user, ".pem", g->name, sizeof(g->name));
        rc = deliver(h->life, &who, v->id, &g->file, e);
    }
    csr_free(csr);
    EVP_PKEY_free(key);
    library_forget();
    return rc;
}

/* An id that is none belongs to no request, and needs no hash. */
static int read_guess(const struct handover_visit *v, struct guess *g, struct err *e)
{
    *g = (struct guess){.hash = {0}};
    int rc = code_read(v->code, &g->code, e);
    library_forget();
    return rc == 0 && life_is_id(v->id) ? code_hash(&g->code, v->id, g->hash, e) : rc;
}

int handover_redeem(const struct handover *h, const struct handover_visit *v,
                    struct handover_gift *g, struct err *e)
{
    struct wanted w = {.life = h->life};
    struct guess guess;
    *g = (struct handover_gift){.type = NULL};
    buf_init(&g->file, HANDOVER_FILE_MAX);
    int rc = read_guess(v, &guess, e);
    rc = rc == 0 ? count_try(h->life, v->id, &w, e) : rc;
    rc = rc == 0 ? check_right(&w, &guess, e) : rc;
    if (rc == 0) {
        rc = w.used_ms == 0 ? uncount_try(h->life, v->id, e) : 0;
        rc = rc == 0 ? check_code(&w, e) : rc;
        rc = rc == 0 ? check_visitor(h, &w, v, e) : rc;
        rc = rc == 0 ? give(h, v, &w, &guess, g, e) : rc;
    }
    mem_wipe(&guess, sizeof(guess));
    if (rc != 0) {
        handover_gift_wipe(g);
    }
    return rc;
}

void handover_gift_wipe(struct handover_gift *g)
{
    buf_wipe(&g->file);
    mem_wipe(g->password, sizeof(g->password));
}
