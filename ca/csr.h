/* A certificate signing request: octets in, what it asks for out. What it asks for is never copied
 * into a certificate (leaf.h builds that anew); it is checked, shown, and compared. Pure. */
#ifndef CA_CSR_H
#define CA_CSR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "base/err.h"
#include "base/str.h"
#include "conf/model_ca.h"
#include "conf/model_users.h"

#define CSR_OCTETS_MAX 16384
#define CSR_TEXT_MAX   255 /* octets of a user-id or company */

enum csr_key { CSR_KEY_OTHER = 0, CSR_KEY_P256, CSR_KEY_P384, CSR_KEY_ED25519, CSR_KEY_RSA };

/* Texts are UTF-8, NUL-ended and without control characters. */
struct csr {
    X509_REQ *req;                  /* owned */
    char user[CSR_TEXT_MAX + 1];    /* the one commonName */
    char email[CSR_TEXT_MAX + 1];   /* the one e-mail of subject or SAN; empty: none */
    char company[CSR_TEXT_MAX + 1]; /* the one organizationName; empty: none */
    char subject[1024];             /* all of it, RFC 2253, for people */
    enum csr_key key;
    unsigned key_bits;
    unsigned char spki[32]; /* SHA-256 of the SubjectPublicKeyInfo's DER */
    uint32_t key_usage;     /* asked for: KU_ bits of OpenSSL; 0: not asked */
    bool asks_client_auth;  /* extendedKeyUsage names clientAuth */
    bool asks_other_usage;  /* or anything else */
    bool asks_ca;           /* basicConstraints CA:TRUE, or keyCertSign, or cRLSign */
    bool asks_unknown;      /* an extension that no profile grants */
};

/* Read a request: PEM ("CERTIFICATE REQUEST" or "NEW CERTIFICATE REQUEST", text around it is fine,
 * exactly one), DER, or the base64 of DER without armour. At most CSR_OCTETS_MAX octets. Its
 * signature must be by its own key (proof of possession), its subject readable: one commonName at
 * most and no attribute that a user-id is read from twice. Returns 0 with *out (csr_free), or
 * -ERR_TOO_LARGE, -ERR_MALFORMED (e says which part, in plain words), -ERR_UNSUPPORTED (a kind of
 * key that is not known), -ERR_NOMEM. */
int csr_read(struct str octets, struct csr **out, struct err *e)
    __attribute__((warn_unused_result));

/* Free it; NULL is fine. */
void csr_free(struct csr *c);

/* Whether profile p lets such a request in, and whether it is for that user (the account's name as
 * the proxy knows it; compared by rule). Returns 0, or -ERR_DENIED with e: the first thing that is
 * wrong and what to do about it. */
int csr_check(const struct csr *c, const struct conf_ca_profile *p, struct str user,
              const struct conf_identity *rule, struct err *e) __attribute__((warn_unused_result));

#define CSR_KEY_NAME_SIZE 24

/* Words for a key: "P-256", "RSA 2048". */
void csr_key_name(const struct csr *c, char out[CSR_KEY_NAME_SIZE]);

/* The kind of a key of somewhere else, and words for a key of that kind and so many bits. */
enum csr_key csr_key_of(EVP_PKEY *key);
void csr_key_words(enum csr_key key, unsigned bits, char out[CSR_KEY_NAME_SIZE]);

#endif
