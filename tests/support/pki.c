/* Owns: making certificates for tests. Nothing here is fit for use outside of them. */
#include "tests/support/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

static void need(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "pki: %s failed\n", what);
        ERR_print_errors_fp(stderr);
        abort();
    }
}

EVP_PKEY *pki_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    need(key != NULL, "making a P-256 key");
    return key;
}

EVP_PKEY *pki_rsa_key(unsigned bits)
{
    EVP_PKEY *key = EVP_RSA_gen(bits);
    need(key != NULL, "making an RSA key");
    return key;
}

static void set_subject(X509 *x, const struct pki_spec *spec)
{
    X509_NAME *name = X509_get_subject_name(x);
    if (spec->common_name != NULL) {
        need(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                        (const unsigned char *)spec->common_name, -1, -1, 0) == 1,
             "setting the common name");
    }
    for (size_t i = 0; i < spec->subject_count; i++) {
        const struct pki_entry *e = &spec->subject[i];
        size_t n = e->length != 0 ? e->length : strlen(e->value);
        need(X509_NAME_add_entry_by_NID(name, e->nid, e->type, (const unsigned char *)e->value,
                                        (int)n, -1, e->same_rdn ? -1 : 0) == 1,
             "adding a name entry");
    }
}

static void set_serial(X509 *x, uint64_t serial)
{
    while (serial == 0) {
        need(RAND_bytes((unsigned char *)&serial, sizeof(serial)) == 1, "drawing a serial");
        serial >>= 1;
    }
    need(ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial) == 1, "setting the serial");
}

static void set_times(X509 *x, const struct pki_spec *spec)
{
    int64_t from = spec->not_before_s != 0 ? spec->not_before_s : PKI_NOW_S - PKI_DAY_S;
    int64_t to = spec->not_after_s != 0 ? spec->not_after_s : PKI_NOW_S + 30 * PKI_DAY_S;
    need(ASN1_TIME_set(X509_getm_notBefore(x), (time_t)from) != NULL, "setting notBefore");
    need(ASN1_TIME_set(X509_getm_notAfter(x), (time_t)to) != NULL, "setting notAfter");
}

static X509_EXTENSION *make_extension(X509V3_CTX *ctx, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
    need(e != NULL, value);
    return e;
}

static void add_extension(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
    if (value == NULL || value[0] == '\0') {
        return;
    }
    X509_EXTENSION *e = make_extension(ctx, nid, value);
    need(X509_add_ext(x, e, -1) == 1, "adding an extension");
    X509_EXTENSION_free(e);
}

static const char *or_default(const char *given, const char *otherwise)
{
    return given != NULL ? given : otherwise;
}

static void add_extensions(X509 *x, X509V3_CTX *ctx, const struct pki_spec *spec)
{
    add_extension(x, ctx, NID_basic_constraints,
                  or_default(spec->basic, spec->ca ? "critical,CA:TRUE" : NULL));
    add_extension(x, ctx, NID_key_usage,
                  or_default(spec->usage, spec->ca ? "critical,keyCertSign,cRLSign"
                                                   : "critical,digitalSignature"));
    add_extension(x, ctx, NID_ext_key_usage,
                  or_default(spec->purpose, spec->ca ? NULL : "clientAuth"));
    add_extension(x, ctx, NID_subject_alt_name, spec->san);
    add_extension(x, ctx, NID_subject_key_identifier, "hash");
    add_extension(x, ctx, NID_authority_key_identifier, "keyid:always");
    for (size_t i = 0; i < spec->extension_count; i++) {
        add_extension(x, ctx, spec->extensions[i].nid, spec->extensions[i].value);
    }
}

X509 *pki_cert(const struct pki_spec *spec, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
    X509 *x = X509_new();
    need(x != NULL, "making a certificate");
    need(X509_set_version(x, X509_VERSION_3) == 1, "setting the version");
    set_serial(x, spec->serial);
    set_times(x, spec);
    set_subject(x, spec);
    need(X509_set_issuer_name(x, X509_get_subject_name(issuer != NULL ? issuer : x)) == 1,
         "setting the issuer");
    need(X509_set_pubkey(x, key) == 1, "setting the key");
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer != NULL ? issuer : x, x, NULL, NULL, 0);
    add_extensions(x, &ctx, spec);
    need(X509_sign(x, issuer_key != NULL ? issuer_key : key, EVP_sha256()) > 0, "signing");
    return x;
}

X509 *pki_ca(const char *common_name, EVP_PKEY *key)
{
    return pki_cert(&(struct pki_spec){.common_name = common_name, .ca = true}, key, NULL, NULL);
}

X509 *pki_leaf(const char *common_name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
    return pki_cert(&(struct pki_spec){.common_name = common_name}, key, issuer, issuer_key);
}

static X509_CRL *new_crl(X509 *issuer, int64_t this_s, int64_t next_s)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)this_s);
    need(crl != NULL && time != NULL, "making a CRL");
    need(X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
             X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)) == 1 &&
             X509_CRL_set1_lastUpdate(crl, time) == 1,
         "filling a CRL");
    if (next_s != 0) {
        need(ASN1_TIME_set(time, (time_t)next_s) != NULL &&
                 X509_CRL_set1_nextUpdate(crl, time) == 1,
             "setting nextUpdate");
    }
    ASN1_TIME_free(time);
    return crl;
}

X509_CRL *pki_crl(X509 *issuer, EVP_PKEY *issuer_key, int64_t this_s, int64_t next_s,
                  X509 *const *revoked, size_t n)
{
    X509_CRL *crl = new_crl(issuer, this_s, next_s);
    for (size_t i = 0; i < n; i++) {
        X509_REVOKED *r = X509_REVOKED_new();
        ASN1_TIME *when = ASN1_TIME_set(NULL, (time_t)this_s);
        need(r != NULL && when != NULL &&
                 X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(revoked[i])) == 1 &&
                 X509_REVOKED_set_revocationDate(r, when) == 1 &&
                 X509_CRL_add0_revoked(crl, r) == 1,
             "adding a revoked certificate");
        ASN1_TIME_free(when);
    }
    need(X509_CRL_sign(crl, issuer_key, EVP_sha256()) > 0, "signing a CRL");
    return crl;
}

X509_CRL *pki_crl_with(X509 *issuer, EVP_PKEY *issuer_key, int64_t this_s, int64_t next_s,
                       const struct pki_extension *extensions, size_t n)
{
    X509_CRL *crl = new_crl(issuer, this_s, next_s);
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, NULL, NULL, crl, 0);
    for (size_t i = 0; i < n; i++) {
        X509_EXTENSION *e = make_extension(&ctx, extensions[i].nid, extensions[i].value);
        need(X509_CRL_add_ext(crl, e, -1) == 1, "adding an extension to a CRL");
        X509_EXTENSION_free(e);
    }
    need(X509_CRL_sign(crl, issuer_key, EVP_sha256()) > 0, "signing a CRL");
    return crl;
}

static char *text_of(BIO *bio)
{
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);
    char *text = n > 0 ? malloc((size_t)n + 1) : NULL;
    if (text == NULL) {
        abort();
    }
    memcpy(text, p, (size_t)n);
    text[n] = '\0';
    BIO_free(bio);
    return text;
}

char *pki_cert_pem(X509 *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());
    need(bio != NULL && PEM_write_bio_X509(bio, cert) == 1, "writing a certificate");
    return text_of(bio);
}

char *pki_crl_pem(X509_CRL *crl)
{
    BIO *bio = BIO_new(BIO_s_mem());
    need(bio != NULL && PEM_write_bio_X509_CRL(bio, crl) == 1, "writing a CRL");
    return text_of(bio);
}

char *pki_key_pem(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    need(bio != NULL && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1,
         "writing a key");
    return text_of(bio);
}

void pki_write(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    need(f != NULL && chmod(path, 0600) == 0 && fputs(text, f) >= 0, path);
    need(fclose(f) == 0, path);
}
