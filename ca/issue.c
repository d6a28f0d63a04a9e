/* Owns: the step from approved to issued. Leaves what a certificate looks like to leaf. */
#include "ca/issue.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "auth/revoke/asn1time.h"
#include "base/clock.h"
#include "ca/leaf.h"
#include "ca/library.h"

#define USER_MAX   255
#define BATCH      64
#define SERIAL_HEX ((size_t)2 * CERTIFICATE_SERIAL_OCTETS)

static const struct actor system_actor = {{"system", 6}, {"local", 5}};

/* What is to be signed; copied out of the row, because the statements that follow end it. */
struct approved {
    bool found;
    bool counted; /* the decisions bear the state out */
    bool has_csr;
    int64_t needed;
    enum life_state state;
    const struct conf_ca_profile *profile;
    char user[USER_MAX + 1];
    char company[USER_MAX + 1];
    struct life_id renews;
    X509_REQ *req;
    const struct life *life;
};

static void copy_text(char *out, size_t size, struct str s)
{
    size_t n = s.n < size ? s.n : size - 1;
    memcpy(out, s.p, n);
    out[n] = '\0';
}

/* The state is one word, the decisions are another: both must say yes. */
static bool is_counted(const struct db_row *r)
{
    int64_t needed = db_number(r, 6);
    int64_t agreed = db_number(r, 7);
    int64_t refused = db_number(r, 8);
    return refused == 0 && agreed >= needed;
}

static int take_approved(void *arg, const struct db_row *r)
{
    struct approved *a = arg;
    struct str csr = db_octets(r, 4);
    const unsigned char *p = (const unsigned char *)csr.p;
    a->found = true;
    a->state = (enum life_state)db_number(r, 0);
    a->profile = life_profile(a->life, db_octets(r, 1));
    copy_text(a->user, sizeof(a->user), db_octets(r, 2));
    copy_text(a->company, sizeof(a->company), db_octets(r, 3));
    copy_text(a->renews.text, sizeof(a->renews.text), db_octets(r, 5));
    a->counted = is_counted(r);
    a->needed = db_number(r, 6);
    a->has_csr = csr.n > 0;
    a->req = csr.n > 0 ? d2i_X509_REQ(NULL, &p, (long)csr.n) : NULL;
    return 0;
}

static int find_approved(const struct life *l, struct str id, struct approved *a, struct err *e)
{
    *a = (struct approved){.life = l};
    int rc = db_query(l->db,
                      "SELECT state, profile, user, company, csr, renews, approvals_needed, "
                      "(SELECT count(*) FROM decision d WHERE d.request = id AND d.agreed = 1), "
                      "(SELECT count(*) FROM decision d WHERE d.request = id AND d.agreed = 0) "
                      "FROM request WHERE id = ?1",
                      DB_VALUES(DB_TEXT(id)), take_approved, a, e);
    if (rc != 0) {
        return rc;
    }
    if (!a->found) {
        return err_set(e, ERR_NOT_FOUND, "there is no request \"%.*s\"", STR_ARG(id));
    }
    if (a->state >= LIFE_ISSUED) {
        return 0;
    }
    if (a->state != LIFE_APPROVED || !a->counted) {
        return err_set(e, ERR_DENIED, "the request is not approved: it is %s",
                       life_state_name(a->state));
    }
    if (!a->has_csr) {
        return err_set(e, ERR_DENIED, "the request waits for its one-time code: it has no key yet");
    }
    if (a->req == NULL) {
        return library_failed(e, ERR_MALFORMED, "the request in the database is damaged");
    }
    if (a->profile == NULL || l->key == NULL) {
        return err_set(e, ERR_CONFIG, "request \"%.*s\" cannot be signed: %s", STR_ARG(id),
                       a->profile == NULL ? "its profile is not in the configuration any more"
                                          : "the CA's key is not here");
    }
    return 0;
}

static int sign(const struct life *l, const struct approved *a, unsigned char *serial, X509 **out,
                struct err *e)
{
    struct leaf_wish wish = {.key = X509_REQ_get0_pubkey(a->req),
                             .user = str_of(a->user),
                             .company = str_of(a->company),
                             .now_ms = clock_wall_ms(),
                             .life_days = a->profile->life_days,
                             .crl_url = str_of(l->conf->crl_url.p),
                             .ocsp_url = str_of(l->conf->ocsp_url.p)};
    *out = NULL;
    if (wish.key == NULL || certificate_serial(wish.serial) != 0) {
        return library_failed(e, ERR_CRYPTO,
                              "the library has no random numbers, or cannot read the key");
    }
    memcpy(serial, wish.serial, CERTIFICATE_SERIAL_OCTETS);
    return leaf_sign(l->key, &wish, out, e);
}

static void serial_text(const unsigned char *serial, char out[SERIAL_HEX + 1])
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < CERTIFICATE_SERIAL_OCTETS; i++) {
        out[2 * i] = digits[serial[i] >> 4];
        out[2 * i + 1] = digits[serial[i] & 0xfU];
    }
    out[SERIAL_HEX] = '\0';
}

static int store_der(const struct life *l, struct str id, const char *serial, X509 *x,
                     struct str der, struct err *e)
{
    unsigned char fingerprint[32];
    unsigned n = 0;
    int64_t from_s = 0;
    int64_t to_s = 0;
    if (X509_digest(x, EVP_sha256(), fingerprint, &n) != 1 ||
        !asn1time_seconds(X509_get0_notBefore(x), &from_s) ||
        !asn1time_seconds(X509_get0_notAfter(x), &to_s)) {
        return library_failed(e, ERR_CRYPTO,
                              "the library cannot read the certificate that it made");
    }
    return db_query(l->db,
                    "INSERT INTO certificate (serial, request, der, fingerprint, not_before_ms, "
                    "not_after_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    DB_VALUES(DB_TEXT(str_of(serial)), DB_TEXT(id), DB_BLOB(der),
                              DB_BLOB(((struct str){(const char *)fingerprint, n})),
                              DB_NUMBER(from_s * 1000), DB_NUMBER(to_s * 1000)),
                    NULL, NULL, e);
}

static int store(const struct life *l, struct str id, const char *serial, X509 *x, struct err *e)
{
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);
    if (n <= 0) {
        return library_failed(e, ERR_CRYPTO, "the certificate cannot be encoded");
    }
    int rc = store_der(l, id, serial, x, (struct str){(const char *)der, (size_t)n}, e);
    OPENSSL_free(der);
    return rc == 0 ? life_move(l, id, LIFE_APPROVED, LIFE_ISSUED, e) : rc;
}

static int take_state(void *arg, const struct db_row *r)
{
    *(enum life_state *)arg = (enum life_state)db_number(r, 0);
    return 0;
}

/* What the certificate that is renewed is now; LIFE_STATE_COUNT: nothing is renewed. */
static int find_old(const struct life *l, const struct approved *a, enum life_state *old,
                    struct err *e)
{
    *old = LIFE_STATE_COUNT;
    return a->renews.text[0] == '\0'
               ? 0
               : db_query(l->db, "SELECT state FROM request WHERE id = ?1",
                          DB_VALUES(DB_TEXT(str_of(a->renews.text))), take_state, old, e);
}

static bool is_in_use(enum life_state s)
{
    return s == LIFE_ISSUED || s == LIFE_DELIVERED || s == LIFE_ACTIVE;
}

/* The one that is renewed stays good for the overlap. */
static int retire(const struct life *l, const struct approved *a, enum life_state state,
                  struct err *e)
{
    if (!is_in_use(state)) {
        return 0;
    }
    struct str old = str_of(a->renews.text);
    int64_t ends_ms = clock_wall_ms() + (int64_t)a->profile->overlap_ms;
    int rc = life_move(l, old, state, LIFE_RENEWED, e);
    rc = rc == 0 ? db_query(l->db, "UPDATE certificate SET overlap_ends_ms = ?2 WHERE request = ?1",
                            DB_VALUES(DB_TEXT(old), DB_NUMBER(ends_ms)), NULL, NULL, e)
                 : rc;
    return rc == 0 ? audit_append(l->db, &system_actor, "certificate.renewed", old, STR_NONE, e)
                   : rc;
}

/* Nobody was asked because a certificate in use was there to be renewed; if it is none any more,
 * withdrawn meanwhile or renewed by another request, its word is worth nothing. */
static int refuse(const struct life *l, struct str id, enum life_state old, struct err *e)
{
    char why[80];
    (void)snprintf(why, sizeof(why), "what was to be renewed is %s", life_state_name(old));
    int rc = life_move(l, id, LIFE_APPROVED, LIFE_DENIED, e);
    rc = rc == 0
             ? db_query(l->db,
                        "UPDATE request SET decided_ms = ?2, denied_reason = ?3 WHERE id = ?1",
                        DB_VALUES(DB_TEXT(id), DB_NUMBER(clock_wall_ms()), DB_TEXT(str_of(why))),
                        NULL, NULL, e)
             : rc;
    return rc == 0 ? audit_append(l->db, &system_actor, "request.denied", id, str_of(why), e) : rc;
}

static int sign_and_store(const struct life *l, struct str id, const struct approved *a,
                          enum life_state old, struct err *e)
{
    unsigned char serial[CERTIFICATE_SERIAL_OCTETS];
    char text[SERIAL_HEX + 1];
    X509 *x = NULL;
    int rc = sign(l, a, serial, &x, e);
    if (rc == 0) {
        serial_text(serial, text);
        rc = store(l, id, text, x, e);
    }
    X509_free(x);
    rc = rc == 0 ? retire(l, a, old, e) : rc;
    return rc == 0 ? audit_append(l->db, &system_actor, "certificate.issued", id, str_of(text), e)
                   : rc;
}

int issue_within(const struct life *l, struct str id, struct err *e)
{
    struct approved a;
    enum life_state old = LIFE_STATE_COUNT;
    library_forget();
    int rc = find_approved(l, id, &a, e);
    if (rc == 0 && a.state == LIFE_APPROVED) {
        rc = find_old(l, &a, &old, e);
        bool unasked = a.renews.text[0] != '\0' && a.needed == 0 && a.profile->approvals > 0;
        if (rc == 0) {
            rc = unasked && !is_in_use(old) ? refuse(l, id, old, e)
                                            : sign_and_store(l, id, &a, old, e);
        }
    }
    X509_REQ_free(a.req);
    library_forget();
    return rc;
}

int issue(const struct life *l, struct str id, struct err *e)
{
    int rc = db_begin(l->db, e);
    return rc == 0 ? db_end(l->db, issue_within(l, id, e), e) : rc;
}

struct batch {
    struct life_id v[BATCH];
    size_t n;
    int64_t last; /* row of the last one */
};

static int take_id(void *arg, const struct db_row *r)
{
    struct batch *b = arg;
    copy_text(b->v[b->n].text, sizeof(b->v[b->n].text), db_octets(r, 0));
    b->n++;
    b->last = db_number(r, 1);
    return 0;
}

/* One of many in a transaction: what fails leaves nothing of its own behind, and all others stand.
 * Returns as issue(); *broken: the database failed, and the transaction with it. */
static int issue_among(const struct life *l, struct str id, bool *broken, struct err *e)
{
    static const struct db_values none = {NULL, 0};
    struct err mine = {0};
    int rc = db_query(l->db, "SAVEPOINT one", none, NULL, NULL, e);
    *broken = rc != 0;
    if (*broken) {
        return rc;
    }
    rc = issue_within(l, id, &mine);
    if (rc != 0) {
        (void)err_set(e, mine.code, "%s", mine.text);
        *broken = db_query(l->db, "ROLLBACK TO one", none, NULL, NULL, NULL) != 0;
    }
    *broken = db_query(l->db, "RELEASE one", none, NULL, NULL, NULL) != 0 || *broken;
    return rc;
}

/* The disk is waited for once for all of them. Killed before that, none was issued; after it, all
 * were. *n: how many; *failed: whether any was not, which e tells. */
static int issue_batch(const struct life *l, const struct batch *b, size_t *n, bool *failed,
                       struct err *e)
{
    struct err first = {0};
    bool broken = false;
    int rc = db_begin(l->db, e);
    *n = 0;
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < b->n && !broken; i++) {
        rc = issue_among(l, str_of(b->v[i].text), &broken, &first);
        *n += rc == 0 ? 1 : 0;
        *failed = *failed || rc != 0;
    }
    rc = db_end(l->db, broken ? rc != 0 ? rc : -ERR_IO : 0, &first);
    if (rc != 0) {
        *n = 0;
    }
    if (first.code != ERR_OK) {
        (void)err_set(e, first.code, "%s", first.text);
    }
    return rc;
}

int issue_all(const struct life *l, size_t *issued, struct err *e)
{
    struct batch b = {.last = 0};
    int result = 0;
    *issued = 0;
    do {
        b.n = 0;
        int rc = db_query(
            l->db,
            "SELECT id, seq FROM request WHERE state = ?1 AND seq > ?2 AND csr IS NOT NULL "
            "ORDER BY seq LIMIT ?3",
            DB_VALUES(DB_NUMBER(LIFE_APPROVED), DB_NUMBER(b.last), DB_NUMBER(BATCH)), take_id, &b,
            e);
        if (rc != 0) {
            return rc;
        }
        size_t n = 0;
        bool failed = false;
        rc = b.n > 0 ? issue_batch(l, &b, &n, &failed, e) : 0;
        *issued += n;
        if (rc != 0) {
            return rc;
        }
        result = failed ? -ERR_INTERNAL : result;
    } while (b.n == BATCH);
    return result;
}
