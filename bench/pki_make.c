/* Owns: the CA's key and what all clients' certificates have in common. Leaves files to gen_pki. */
#include "bench/pki_make.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "base/mem.h"

#define BEGINS_BEFORE_S (-60L * 60)
#define DAY_S           (24L * 60 * 60)
#define SERIAL_LEN      16
#define NAME_MAX_LEN    253
#define EXTENSION_COUNT 4

struct key_type {
    const char *algorithm; /* as OpenSSL calls it */
    const char *group;     /* of EC */
    size_t bits;           /* of RSA */
    const char *digest;    /* that it signs with; NULL: its own */
};

static const char *const type_names[] = {"p256",    "p384",    "p521",    "rsa2048",
                                         "rsa3072", "rsa4096", "ed25519", NULL};
static const struct key_type types[] = {
    {"EC", "P-256", 0, "SHA256"},  {"EC", "P-384", 0, "SHA384"},  {"EC", "P-521", 0, "SHA512"},
    {"RSA", NULL, 2048, "SHA256"}, {"RSA", NULL, 3072, "SHA256"}, {"RSA", NULL, 4096, "SHA256"},
    {"ED25519", NULL, 0, NULL},
};

struct pki_make {
    const struct key_type *type;
    long life_s;
    char *names; /* subjectAltName of the server */
    EVP_PKEY *key;
    X509 *cert;
    EVP_PKEY **shared;
    size_t shared_count;
    X509_EXTENSION *client[EXTENSION_COUNT]; /* what every client's certificate has */
};

const char *const *pki_make_key_types(void)
{
    return type_names;
}

static const struct key_type *type_of(const char *name)
{
    for (size_t i = 0; type_names[i] != NULL; i++) {
        if (strcmp(type_names[i], name) == 0) {
            return &types[i];
        }
    }
    return NULL;
}

static EVP_PKEY *new_key(const struct key_type *t)
{
    if (t->group != NULL) {
        return EVP_EC_gen(t->group);
    }
    return t->bits > 0 ? EVP_RSA_gen((unsigned)t->bits)
                       : EVP_PKEY_Q_keygen(NULL, NULL, t->algorithm);
}

static X509_EXTENSION *extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    return X509V3_EXT_conf_nid(NULL, &context, nid, value);
}

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509_EXTENSION *made = extension(cert, issuer, nid, value);
    bool added = made != NULL && X509_add_ext(cert, made, -1) == 1;
    X509_EXTENSION_free(made);
    return added;
}

static bool random_serial(ASN1_INTEGER *out)
{
    unsigned char octets[SERIAL_LEN];
    if (RAND_bytes(octets, sizeof(octets)) != 1) {
        return false;
    }
    octets[0] = (unsigned char)((octets[0] & 0x3f) | 0x40); /* positive, no leading zero */
    BIGNUM *number = BN_bin2bn(octets, sizeof(octets), NULL);
    bool set = number != NULL && BN_to_ASN1_INTEGER(number, out) != NULL;
    BN_free(number);
    return set;
}

static bool add_entry(X509_NAME *name, int nid, const char *text)
{
    return X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, (const unsigned char *)text, -1, -1,
                                      0) == 1;
}

/* Put key into cert. The library's own way encodes, decodes and encodes again, and takes longer
 * than all the rest of a certificate; for an elliptic curve its parts are simple. */
static bool set_key(const struct pki_make *p, X509 *cert, EVP_PKEY *key)
{
    if (p->type->group == NULL) {
        return X509_set_pubkey(cert, key) == 1;
    }
    unsigned char *point = NULL;
    size_t n = EVP_PKEY_get1_encoded_public_key(key, &point);
    ASN1_OBJECT *curve = OBJ_nid2obj(EC_curve_nist2nid(p->type->group));
    bool set =
        n > 0 && curve != NULL &&
        X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(cert), OBJ_nid2obj(NID_X9_62_id_ecPublicKey),
                               V_ASN1_OBJECT, curve, point, (int)n) == 1;
    if (!set) {
        OPENSSL_free(point);
    }
    return set;
}

/* A certificate for key without extensions and signature; NULL on failure. */
static X509 *new_cert(const struct pki_make *p, EVP_PKEY *key, const char *common_name)
{
    X509 *cert = X509_new();
    if (cert == NULL) {
        return NULL;
    }
    X509_NAME *subject = X509_get_subject_name(cert);
    X509_NAME *issuer = p->cert != NULL ? X509_get_subject_name(p->cert) : subject;
    bool made = X509_set_version(cert, X509_VERSION_3) == 1 &&
                random_serial(X509_get_serialNumber(cert)) &&
                X509_gmtime_adj(X509_getm_notBefore(cert), BEGINS_BEFORE_S) != NULL &&
                X509_gmtime_adj(X509_getm_notAfter(cert), p->life_s) != NULL &&
                add_entry(subject, NID_organizationName, "countersign-bench") &&
                add_entry(subject, NID_commonName, common_name) &&
                X509_set_issuer_name(cert, issuer) == 1 && set_key(p, cert, key);
    if (!made) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

static bool sign(const struct pki_make *p, X509 *cert)
{
    const EVP_MD *digest = p->type->digest != NULL ? EVP_get_digestbyname(p->type->digest) : NULL;
    return X509_sign(cert, p->key, digest) > 0;
}

/* What stands in memory m, appended to out. */
static bool drain(BIO *m, struct buf *out)
{
    char *octets = NULL;
    long n = BIO_get_mem_data(m, &octets);
    return n > 0 && buf_append(out, (struct str){octets, (size_t)n}) == 0;
}

/* Either may be NULL. */
static bool write_pem(X509 *cert, EVP_PKEY *key, struct buf *out)
{
    BIO *m = BIO_new(BIO_s_mem());
    bool written =
        m != NULL && (cert == NULL || PEM_write_bio_X509(m, cert) == 1) &&
        (key == NULL || PEM_write_bio_PKCS8PrivateKey(m, key, NULL, NULL, 0, NULL, NULL) == 1) &&
        drain(m, out);
    BIO_free(m);
    return written;
}

/* ---- The CA ---- */

static bool make_authority(struct pki_make *p)
{
    p->key = new_key(p->type);
    X509 *cert = p->key != NULL ? new_cert(p, p->key, "load test CA") : NULL;
    p->cert = cert;
    return cert != NULL &&
           add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
           add_extension(cert, cert, NID_subject_key_identifier, "hash") &&
           add_extension(cert, cert, NID_authority_key_identifier, "keyid") && sign(p, cert);
}

static bool make_common(struct pki_make *p)
{
    static const struct {
        int nid;
        const char *value;
    } rows[EXTENSION_COUNT] = {{NID_basic_constraints, "critical,CA:FALSE"},
                               {NID_key_usage, "critical,digitalSignature"},
                               {NID_ext_key_usage, "clientAuth"},
                               {NID_authority_key_identifier, "keyid"}};
    for (size_t i = 0; i < EXTENSION_COUNT; i++) {
        p->client[i] = extension(NULL, p->cert, rows[i].nid, rows[i].value);
        if (p->client[i] == NULL) {
            return false;
        }
    }
    return true;
}

static bool make_shared(struct pki_make *p, size_t count)
{
    p->shared = mem_calloc(count + 1, sizeof(EVP_PKEY *));
    while (p->shared != NULL && p->shared_count < count) {
        EVP_PKEY *key = new_key(p->type);
        if (key == NULL) {
            return false;
        }
        p->shared[p->shared_count++] = key;
    }
    return p->shared != NULL;
}

static bool is_address(const char *name)
{
    unsigned char octets[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, name, octets) == 1 || inet_pton(AF_INET6, name, octets) == 1;
}

/* A DNS name, perhaps with a "*", or an address: nothing that the syntax of extensions knows. */
static bool is_name(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char)name[i]) && strchr(".-_*", name[i]) == NULL) {
            return is_address(name);
        }
    }
    return n > 0 && n <= NAME_MAX_LEN;
}

static int make_names(struct pki_make *p, const struct pki_make_options *o, struct err *e)
{
    struct buf text;
    buf_init(&text, 65536);
    int rc = buf_printf(&text, "DNS:localhost,IP:127.0.0.1,IP:::1");
    for (size_t i = 0; rc == 0 && i < o->name_count; i++) {
        const char *name = o->names[i];
        if (!is_name(name)) {
            buf_release(&text);
            return err_set(e, ERR_MALFORMED, "\"%s\" is no DNS name and no address", name);
        }
        rc = buf_printf(&text, ",%s:%s", is_address(name) ? "IP" : "DNS", name);
    }
    if (rc == 0) {
        p->names = mem_dup(buf_str(&text).p, buf_len(&text));
    }
    buf_release(&text);
    return p->names != NULL ? 0 : err_set(e, ERR_NOMEM, "no room for the server's names");
}

struct pki_make *pki_make_new(const struct pki_make_options *o, struct err *e)
{
    const struct key_type *type = type_of(o->key);
    if (type == NULL) {
        err_set(e, ERR_MALFORMED, "there is no type of key \"%s\"", o->key);
        return NULL;
    }
    struct pki_make *p = mem_calloc(1, sizeof(*p));
    if (p == NULL) {
        err_set(e, ERR_NOMEM, "out of memory");
        return NULL;
    }
    p->type = type;
    p->life_s = (long)o->days * DAY_S;
    if (make_names(p, o, e) == 0) {
        if (make_authority(p) && make_common(p) && make_shared(p, o->shared_keys)) {
            return p;
        }
        err_set(e, ERR_CRYPTO, "cannot make a CA with keys of type %s", o->key);
    }
    pki_make_free(p);
    return NULL;
}

void pki_make_free(struct pki_make *p)
{
    if (p == NULL) {
        return;
    }
    for (size_t i = 0; i < EXTENSION_COUNT; i++) {
        X509_EXTENSION_free(p->client[i]);
    }
    for (size_t i = 0; i < p->shared_count; i++) {
        EVP_PKEY_free(p->shared[i]);
    }
    mem_free(p->shared);
    mem_free(p->names);
    X509_free(p->cert);
    EVP_PKEY_free(p->key);
    mem_free(p);
}

static int put(X509 *cert, EVP_PKEY *key, struct buf *cert_out, struct buf *key_out, struct err *e)
{
    bool written = (cert_out == NULL || write_pem(cert, NULL, cert_out)) &&
                   (key_out == NULL || write_pem(NULL, key, key_out));
    return written ? 0 : err_set(e, ERR_NOMEM, "no room for a certificate as text");
}

int pki_make_ca(struct pki_make *p, struct buf *cert, struct buf *key, struct err *e)
{
    return put(p->cert, p->key, cert, key, e);
}

/* ---- The server and the clients ---- */

int pki_make_server(struct pki_make *p, struct buf *cert_out, struct buf *key_out, struct err *e)
{
    EVP_PKEY *key = new_key(p->type);
    X509 *cert = key != NULL ? new_cert(p, key, "localhost") : NULL;
    const char *usage = p->type->bits > 0 ? "critical,digitalSignature,keyEncipherment"
                                          : "critical,digitalSignature";
    int rc = 0;
    if (cert == NULL || !add_extension(cert, p->cert, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(cert, p->cert, NID_key_usage, usage) ||
        !add_extension(cert, p->cert, NID_ext_key_usage, "serverAuth") ||
        !add_extension(cert, p->cert, NID_subject_alt_name, p->names) ||
        !add_extension(cert, p->cert, NID_authority_key_identifier, "keyid") || !sign(p, cert)) {
        rc = err_set(e, ERR_CRYPTO, "cannot make the server's certificate");
    } else {
        rc = put(cert, key, cert_out, key_out, e);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    return rc;
}

static bool add_client_extensions(const struct pki_make *p, X509 *cert, const char *name)
{
    char san[NAME_MAX_LEN + 8];
    int n = snprintf(san, sizeof(san), "email:%s", name);
    if (n < 0 || (size_t)n >= sizeof(san)) {
        return false;
    }
    for (size_t i = 0; i < EXTENSION_COUNT; i++) {
        if (X509_add_ext(cert, p->client[i], -1) != 1) {
            return false;
        }
    }
    return add_extension(cert, p->cert, NID_subject_alt_name, san);
}

int pki_make_client(struct pki_make *p, size_t index, const char *name, struct buf *out,
                    struct err *e)
{
    EVP_PKEY *own = p->shared_count == 0 ? new_key(p->type) : NULL;
    EVP_PKEY *key = p->shared_count == 0 ? own : p->shared[index % p->shared_count];
    X509 *cert = key != NULL ? new_cert(p, key, name) : NULL;
    bool made = cert != NULL && add_client_extensions(p, cert, name) && sign(p, cert) &&
                write_pem(cert, key, out);
    X509_free(cert);
    EVP_PKEY_free(own);
    return made ? 0 : err_set(e, ERR_CRYPTO, "cannot make the certificate of %s", name);
}

/* ---- The revocation list ---- */

static bool add_revoked(X509_CRL *crl, const ASN1_TIME *when)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    bool added = entry != NULL && serial != NULL && random_serial(serial) &&
                 X509_REVOKED_set_serialNumber(entry, serial) == 1;
    ASN1_TIME *date = added ? ASN1_STRING_dup(when) : NULL;
    added = date != NULL && X509_REVOKED_set_revocationDate(entry, date) == 1 &&
            X509_CRL_add0_revoked(crl, entry) == 1;
    if (!added) {
        X509_REVOKED_free(entry);
    }
    ASN1_TIME_free(date);
    ASN1_INTEGER_free(serial);
    return added;
}

static bool fill_crl(struct pki_make *p, X509_CRL *crl, size_t count)
{
    const EVP_MD *digest = p->type->digest != NULL ? EVP_get_digestbyname(p->type->digest) : NULL;
    ASN1_TIME *last = X509_gmtime_adj(NULL, BEGINS_BEFORE_S);
    ASN1_TIME *next = X509_gmtime_adj(NULL, p->life_s);
    bool made =
        last != NULL && next != NULL && X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
        X509_CRL_set_issuer_name(crl, X509_get_subject_name(p->cert)) == 1 &&
        X509_CRL_set1_lastUpdate(crl, last) == 1 && X509_CRL_set1_nextUpdate(crl, next) == 1;
    for (size_t i = 0; made && i < count; i++) {
        made = add_revoked(crl, last);
    }
    made = made && X509_CRL_sort(crl) == 1 && X509_CRL_sign(crl, p->key, digest) > 0;
    ASN1_TIME_free(last);
    ASN1_TIME_free(next);
    return made;
}

int pki_make_crl(struct pki_make *p, size_t count, struct buf *out, struct err *e)
{
    X509_CRL *crl = X509_CRL_new();
    BIO *m = BIO_new(BIO_s_mem());
    int rc = 0;
    if (crl == NULL || m == NULL || !fill_crl(p, crl, count) ||
        PEM_write_bio_X509_CRL(m, crl) != 1 || !drain(m, out)) {
        rc = err_set(e, ERR_CRYPTO, "cannot make the revocation list");
    }
    BIO_free(m);
    X509_CRL_free(crl);
    return rc;
}
