/* Owns: the steps from issued to delivered and active. */
#include "ca/deliver.h"

#include <openssl/pem.h>

#include "base/clock.h"
#include "ca/records.h"

struct wanted {
    enum life_state state;
    bool expired;
    X509 *certificate;
};

static bool take(void *arg, const struct record *r)
{
    struct wanted *w = arg;
    const unsigned char *p = (const unsigned char *)r->certificate.p;
    w->state = r->state;
    w->expired = r->not_after_ms <= clock_wall_ms();
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

static int write_all(const struct life *l, X509 *leaf, struct buf *out, struct err *e)
{
    if (!append_pem(out, leaf)) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    return l->key != NULL ? deliver_chain(l, out, e) : 0;
}

static int check(const struct wanted *w, struct err *e)
{
    if (w->certificate == NULL) {
        return err_set(e, ERR_CLOSED, "there is no certificate yet: the request is %s",
                       life_state_name(w->state));
    }
    if (w->state == LIFE_WITHDRAWN || w->state == LIFE_EXPIRED || w->expired) {
        return err_set(e, ERR_CLOSED, "the certificate is %s",
                       w->state == LIFE_WITHDRAWN ? "withdrawn" : "expired");
    }
    return 0;
}

static int mark(const struct life *l, const struct actor *who, struct str id, struct err *e)
{
    int rc = db_query(l->db, "UPDATE request SET state = ?2 WHERE id = ?1 AND state = ?3",
                      DB_VALUES(DB_TEXT(id), DB_NUMBER(LIFE_DELIVERED), DB_NUMBER(LIFE_ISSUED)),
                      NULL, NULL, e);
    return rc == 0 && db_changes(l->db) > 0
               ? audit_append(l->db, who, "certificate.delivered", id, STR_NONE, e)
               : rc;
}

static int deliver_now(const struct life *l, const struct actor *who, struct str id,
                       struct buf *out, struct err *e)
{
    struct wanted w = {.certificate = NULL};
    int rc = record_show(l, id, take, &w, e);
    rc = rc == 0 ? check(&w, e) : rc;
    rc = rc == 0 ? write_all(l, w.certificate, out, e) : rc;
    X509_free(w.certificate);
    return rc == 0 ? mark(l, who, id, e) : rc;
}

int deliver(const struct life *l, const struct actor *who, struct str id, struct buf *out,
            struct err *e)
{
    int rc = db_begin(l->db, e);
    return rc == 0 ? db_end(l->db, deliver_now(l, who, id, out, e), e) : rc;
}

int deliver_seen(const struct life *l, struct str fingerprint, struct err *e)
{
    return db_query(l->db,
                    "UPDATE request SET state = ?2 WHERE state IN (?3, ?4) AND id = "
                    "(SELECT request FROM certificate WHERE fingerprint = ?1)",
                    DB_VALUES(DB_BLOB(fingerprint), DB_NUMBER(LIFE_ACTIVE), DB_NUMBER(LIFE_ISSUED),
                              DB_NUMBER(LIFE_DELIVERED)),
                    NULL, NULL, e);
}
