/* Owns: the steps from issued to delivered and active. */
#include "ca/deliver.h"

#include <stdio.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "ca/certificate.h"
#include "ca/csr.h"
#include "ca/issuer.h"
#include "ca/library.h"
#include "ca/records.h"

struct wanted {
    enum life_state state;
    bool expired;
    bool has_certificate;
    X509 *certificate;
};

static bool take(void *arg, const struct record *r)
{
    struct wanted *w = arg;
    const unsigned char *p = (const unsigned char *)r->certificate.p;
    w->state = r->state;
    w->expired = r->not_after_ms <= clock_wall_ms();
    w->has_certificate = r->certificate.n > 0;
    w->certificate = r->certificate.n > 0 ? d2i_X509(NULL, &p, (long)r->certificate.n) : NULL;
    return true;
}

static bool append_pem(struct buf *out, X509 *x)
{
    char *p = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = bio != NULL && PEM_write_bio_X509(bio, x) == 1;
    if (ok) {
        long n = BIO_get_mem_data(bio, &p);
        ok = buf_append(out, (struct str){p, (size_t)n}) == 0;
    }
    BIO_free(bio);
    return ok;
}

int deliver_chain(const struct life *l, struct buf *out, struct err *e)
{
    bool ok = append_pem(out, l->key->certificate);
    for (int i = 0; ok && i < sk_X509_num(l->key->chain); i++) {
        ok = append_pem(out, sk_X509_value(l->key->chain, i));
    }
    return ok ? 0 : err_set(e, ERR_NOMEM, "out of memory");
}

/* Those above one that a former CA of ours has issued, as far as they are known. */
static bool append_former(const struct life *l, X509 *leaf, struct buf *out)
{
    STACK_OF(X509) *above = issuer_chain(leaf, l->key->others);
    bool ok = above != NULL;
    for (int i = 0; ok && i < sk_X509_num(above); i++) {
        ok = append_pem(out, sk_X509_value(above, i));
    }
    sk_X509_pop_free(above, X509_free);
    return ok;
}

static int write_all(const struct life *l, X509 *leaf, struct buf *out, struct err *e)
{
    if (!append_pem(out, leaf)) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    if (l->key == NULL) {
        return 0;
    }
    int issued = certificate_is_issued(l->key->certificate, leaf);
    if (issued != 0) {
        return issued > 0 ? deliver_chain(l, out, e) : certificate_failed(e, "a chain");
    }
    return append_former(l, leaf, out) ? 0 : err_set(e, ERR_NOMEM, "out of memory");
}

static int check(const struct wanted *w, struct err *e)
{
    if (!w->has_certificate) {
        return err_set(e, ERR_CLOSED, "there is no certificate yet: the request is %s",
                       life_state_name(w->state));
    }
    if (w->state == LIFE_WITHDRAWN || w->state == LIFE_EXPIRED || w->expired) {
        return err_set(e, ERR_CLOSED, "the certificate is %s",
                       w->state == LIFE_WITHDRAWN ? "withdrawn" : "expired");
    }
    if (w->certificate == NULL) {
        return library_failed(e, ERR_MALFORMED, "the certificate in the database is damaged");
    }
    return 0;
}

/* From state, which was read in this transaction. */
static int mark(const struct life *l, const struct actor *who, struct str id, enum life_state state,
                struct err *e)
{
    if (state != LIFE_ISSUED) {
        return 0;
    }
    int rc = life_move(l, id, LIFE_ISSUED, LIFE_DELIVERED, e);
    return rc == 0 ? audit_append(l->db, who, "certificate.delivered", id, STR_NONE, e) : rc;
}

static int deliver_now(const struct life *l, const struct actor *who, struct str id,
                       struct buf *out, struct err *e)
{
    struct wanted w = {.certificate = NULL};
    library_forget();
    int rc = record_show(l, id, take, &w, e);
    rc = rc == 0 ? check(&w, e) : rc;
    rc = rc == 0 ? write_all(l, w.certificate, out, e) : rc;
    X509_free(w.certificate);
    return rc == 0 ? mark(l, who, id, w.state, e) : rc;
}

int deliver(const struct life *l, const struct actor *who, struct str id, struct buf *out,
            struct err *e)
{
    int rc = db_begin(l->db, e);
    return rc == 0 ? db_end(l->db, deliver_now(l, who, id, out, e), e) : rc;
}

/* A certificate that was seen; state is LIFE_STATE_COUNT for one that is not known. */
struct seen {
    struct life_id id;
    enum life_state state;
    char user[CSR_TEXT_MAX + 1];
};

static int take_seen(void *arg, const struct db_row *r)
{
    struct seen *s = arg;
    (void)snprintf(s->id.text, sizeof(s->id.text), "%.*s", STR_ARG(db_octets(r, 0)));
    s->state = (enum life_state)db_number(r, 1);
    (void)snprintf(s->user, sizeof(s->user), "%.*s", STR_ARG(db_octets(r, 2)));
    return 0;
}

static int find_seen(const struct life *l, struct str fingerprint, struct seen *s, struct err *e)
{
    *s = (struct seen){.state = LIFE_STATE_COUNT};
    return db_query(l->db,
                    "SELECT r.id, r.state, r.user FROM certificate c "
                    "JOIN request r ON r.id = c.request "
                    "WHERE c.fingerprint = ?1",
                    DB_VALUES(DB_BLOB(fingerprint)), take_seen, s, e);
}

static bool is_new(const struct seen *s)
{
    return s->state == LIFE_ISSUED || s->state == LIFE_DELIVERED;
}

/* who->name empty: the certificate's own user. */
static int seen_now(const struct life *l, const struct actor *who, struct str fingerprint,
                    struct err *e)
{
    struct seen s;
    int rc = find_seen(l, fingerprint, &s, e);
    if (rc != 0 || !is_new(&s)) {
        return rc;
    }
    const struct actor by = {who->name.n > 0 ? who->name : str_of(s.user), who->origin};
    rc = life_move(l, str_of(s.id.text), s.state, LIFE_ACTIVE, e);
    return rc == 0 ? audit_append(l->db, &by, "certificate.active", str_of(s.id.text), STR_NONE, e)
                   : rc;
}

/* Most are known to be in use: those cost a look, and no transaction. */
int deliver_seen(const struct life *l, const struct actor *who, struct str fingerprint,
                 struct err *e)
{
    struct seen s;
    int rc = find_seen(l, fingerprint, &s, e);
    if (rc != 0 || !is_new(&s)) {
        return rc;
    }
    rc = db_begin(l->db, e);
    return rc == 0 ? db_end(l->db, seen_now(l, who, fingerprint, e), e) : rc;
}

static struct str print_of(const struct sighting *s)
{
    return (struct str){(const char *)s->digest, sizeof(s->digest)};
}

static int sighted_now(const struct life *l, const struct sighting *v, size_t n, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct actor who = {STR_NONE, str_of(v[i].from)};
        rc = seen_now(l, &who, print_of(&v[i]), e);
    }
    return rc;
}

int deliver_sighted(const struct life *l, const struct sighting *v, size_t n, struct err *e)
{
    bool any = false;
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0 && !any; i++) {
        struct seen s;
        rc = find_seen(l, print_of(&v[i]), &s, e);
        any = rc == 0 && is_new(&s);
    }
    if (rc != 0 || !any) {
        return rc;
    }
    rc = db_begin(l->db, e);
    return rc == 0 ? db_end(l->db, sighted_now(l, v, n, e), e) : rc;
}
