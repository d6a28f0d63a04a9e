/* Owns: opening the CA's key that a configuration names. Leaves reading to key_file, and whether it
 * may be used to issuer. */
#include "ca/key.h"

#include <openssl/err.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ca/issuer.h"
#include "ca/key_file.h"

int ca_key_load_certificates(const struct conf_ca *conf, struct ca_key *k, struct err *e)
{
    STACK_OF(X509) *all = NULL;
    *k = (struct ca_key){.key = NULL};
    int rc = key_file_certificates(conf->certificate.p, &all, e);
    if (rc != 0) {
        return rc;
    }
    k->certificate = sk_X509_shift(all);
    k->chain = issuer_chain(k->certificate, all);
    k->others = all;
    return k->chain != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory");
}

/* Whether its time is over is not asked: then nobody asks for an answer, and it does no harm. */
static int load_former(const char *where, const struct key_passphrase *p, struct ca_key *k,
                       struct err *e)
{
    struct ca_former *f = &k->former[k->former_count];
    if (k->former_count == CA_FORMER_MAX) {
        return err_set(e, ERR_CONFIG, "ca.former_keys: more than %d", CA_FORMER_MAX);
    }
    int rc = key_file_open(where, p, &f->key, e);
    if (rc != 0) {
        return rc;
    }
    k->former_count++;
    for (int i = 0; i < sk_X509_num(k->others) && f->certificate == NULL; i++) {
        X509 *x = sk_X509_value(k->others, i);
        f->certificate = X509_check_private_key(x, f->key) == 1 ? x : NULL;
    }
    ERR_clear_error();
    return f->certificate != NULL
               ? 0
               : err_set(e, ERR_CONFIG,
                         "ca.former_keys: no certificate in ca.certificate, behind the first, "
                         "belongs to %s",
                         where);
}

static int load_key(const struct conf_ca *conf, struct ca_key *k, struct err *e)
{
    struct key_passphrase p = {.given = false};
    struct err inner = {0};
    int rc = conf->key_passphrase_file.p != NULL
                 ? key_file_passphrase(conf->key_passphrase_file.p, &p, e)
                 : 0;
    if (rc == 0) {
        rc = key_file_open(conf->key.p, &p, &k->key, &inner);
    }
    for (size_t i = 0; i < conf->former_keys.n && rc == 0; i++) {
        rc = load_former(conf->former_keys.v[i].p, &p, k, &inner);
    }
    if (inner.text[0] != '\0') {
        bool secret = rc == -ERR_DENIED && conf->key_passphrase_file.p == NULL;
        (void)err_set(e, inner.code, "%s%s", inner.text,
                      secret ? " (ca.key_passphrase_file names the file with it)" : "");
    }
    mem_wipe(&p, sizeof(p));
    return rc;
}

static int check(const struct conf_ca *conf, const struct ca_key *k, struct err *e)
{
    struct err inner = {0};
    int rc =
        issuer_check(ISSUER_TAKEN, k->certificate, NULL, k->key, clock_wall_ms() / 1000, &inner);
    return rc == 0 ? 0 : err_set(e, ERR_CONFIG, "%s: %s", conf->certificate.p, inner.text);
}

int ca_key_load(const struct conf_ca *conf, struct ca_key *k, struct err *e)
{
    int rc = ca_key_load_certificates(conf, k, e);
    rc = rc == 0 ? load_key(conf, k, e) : rc;
    rc = rc == 0 ? check(conf, k, e) : rc;
    if (rc != 0) {
        ca_key_fini(k);
    }
    return rc;
}

void ca_key_fini(struct ca_key *k)
{
    for (size_t i = 0; i < k->former_count; i++) {
        EVP_PKEY_free(k->former[i].key);
    }
    X509_free(k->certificate);
    sk_X509_pop_free(k->chain, X509_free);
    sk_X509_pop_free(k->others, X509_free);
    EVP_PKEY_free(k->key);
    *k = (struct ca_key){.key = NULL};
}
