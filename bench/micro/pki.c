/* Owns: making keys and certificates, and nothing about their use. */
#include "bench/micro/pki.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "bench/micro/need.h"

#define DAY_S 86400L

/* What a certificate is for. */
enum role { ROLE_CA, ROLE_SERVER, ROLE_CLIENT };

static EVP_PKEY *make_key(const char *kind)
{
    EVP_PKEY *key = strcmp(kind, "rsa2048") == 0 ? EVP_RSA_gen(2048)
                    : strcmp(kind, "p384") == 0  ? EVP_EC_gen("P-384")
                                                 : EVP_EC_gen("P-256");
    need(key != NULL, "making a key");
    return key;
}

static void extend(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX c;
    X509V3_set_ctx(&c, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
    need(e != NULL && X509_add_ext(x, e, -1) == 1, value);
    X509_EXTENSION_free(e);
}

static void extend_for(X509 *x, X509 *issuer, enum role role)
{
    extend(x, issuer, NID_subject_key_identifier, "hash");
    extend(x, issuer, NID_authority_key_identifier, "keyid");
    if (role == ROLE_CA) {
        extend(x, issuer, NID_basic_constraints, "critical,CA:TRUE");
        extend(x, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
        return;
    }
    extend(x, issuer, NID_basic_constraints, "critical,CA:FALSE");
    extend(x, issuer, NID_key_usage, "critical,digitalSignature");
    extend(x, issuer, NID_ext_key_usage, role == ROLE_SERVER ? "serverAuth" : "clientAuth");
    extend(x, issuer, NID_subject_alt_name, "DNS:www.example");
}

static void add_name(X509_NAME *name, const char *field, const char *text)
{
    need(X509_NAME_add_entry_by_txt(name, field, MBSTRING_ASC, (const unsigned char *)text, -1, -1,
                                    0) == 1,
         "naming a certificate");
}

/* As one that came in: a certificate that was made in memory is encoded anew at each use. */
static X509 *read_again(X509 *x)
{
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);
    const unsigned char *p = der;
    X509 *read = n > 0 ? d2i_X509(NULL, &p, n) : NULL;
    need(read != NULL, "reading a certificate");
    OPENSSL_free(der);
    X509_free(x);
    return read;
}

/* Of the length that most CAs take, and never beginning with a zero. */
static bool number(X509 *x)
{
    unsigned char octets[16];
    bool good = RAND_bytes(octets, sizeof(octets)) == 1;
    octets[0] = 0x40 | (octets[0] & 0x3f);
    return good && ASN1_STRING_set(X509_get_serialNumber(x), octets, sizeof(octets)) == 1;
}

/* issuer NULL: self-signed. */
static X509 *make_cert(EVP_PKEY *key, const char *cn, X509 *issuer, EVP_PKEY *issuer_key,
                       enum role role)
{
    X509 *x = X509_new();
    need(x != NULL && X509_set_version(x, X509_VERSION_3) == 1 && number(x) &&
             X509_gmtime_adj(X509_getm_notBefore(x), -DAY_S) != NULL &&
             X509_gmtime_adj(X509_getm_notAfter(x), 365 * DAY_S) != NULL &&
             X509_set_pubkey(x, key) == 1,
         "making a certificate");
    X509_NAME *name = X509_get_subject_name(x);
    add_name(name, "C", "CH");
    add_name(name, "O", "Example");
    add_name(name, "CN", cn);
    need(X509_set_issuer_name(x, issuer != NULL ? X509_get_subject_name(issuer) : name) == 1,
         "naming an issuer");
    extend_for(x, issuer != NULL ? issuer : x, role);
    need(X509_sign(x, issuer_key, EVP_sha256()) > 0, "signing a certificate");
    return read_again(x);
}

void pki_make(struct pki *p, const struct pki_kinds *kinds)
{
    p->root_key = make_key(kinds->client);
    p->root = make_cert(p->root_key, "Client Root", NULL, p->root_key, ROLE_CA);
    if (!kinds->one_ca) {
        p->server_root_key = make_key(kinds->server);
        p->server_root =
            make_cert(p->server_root_key, "Server Root", NULL, p->server_root_key, ROLE_CA);
    }
    p->server_key = make_key(kinds->server);
    p->server = make_cert(p->server_key, "www.example", kinds->one_ca ? p->root : p->server_root,
                          kinds->one_ca ? p->root_key : p->server_root_key, ROLE_SERVER);
    for (int i = 0; i < PKI_CLIENTS; i++) {
        char cn[32];
        (void)snprintf(cn, sizeof(cn), "client-%d", i);
        p->client_keys[i] = make_key(kinds->client);
        p->clients[i] = make_cert(p->client_keys[i], cn, p->root, p->root_key, ROLE_CLIENT);
    }
}

void pki_free(struct pki *p)
{
    for (int i = 0; i < PKI_CLIENTS; i++) {
        X509_free(p->clients[i]);
        EVP_PKEY_free(p->client_keys[i]);
    }
    X509_free(p->server);
    EVP_PKEY_free(p->server_key);
    X509_free(p->root);
    EVP_PKEY_free(p->root_key);
    X509_free(p->server_root);
    EVP_PKEY_free(p->server_root_key);
}

static char *text_of(BIO *b)
{
    char *octets = NULL;
    long n = BIO_get_mem_data(b, &octets);
    char *copy = n > 0 ? strndup(octets, (size_t)n) : NULL;
    BIO_free(b);
    need(copy != NULL, "writing PEM");
    return copy;
}

char *pki_cert_text(X509 *x)
{
    BIO *b = BIO_new(BIO_s_mem());
    need(b != NULL && PEM_write_bio_X509(b, x) == 1, "writing PEM");
    return text_of(b);
}

char *pki_key_text(EVP_PKEY *key)
{
    BIO *b = BIO_new(BIO_s_mem());
    need(b != NULL && PEM_write_bio_PrivateKey(b, key, NULL, NULL, 0, NULL, NULL) == 1,
         "writing PEM");
    return text_of(b);
}
