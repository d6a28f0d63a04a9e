/* Keys, certificates and CRLs for tests, made on the spot. A failure ends the program with a
 * message: tests have nothing to recover. Everything returned is the caller's, to be freed with the
 * OpenSSL function of its type. */
#ifndef TESTS_SUPPORT_PKI_H
#define TESTS_SUPPORT_PKI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#define PKI_DAY_S INT64_C(86400)
#define PKI_NOW_S INT64_C(1800000000) /* 2027-01-15: certificates without dates hold around it */

/* One attribute of a name. */
struct pki_entry {
    int nid;  /* NID_commonName, ... */
    int type; /* MBSTRING_UTF8, or V_ASN1_...STRING with the octets as they are */
    const char *value;
    size_t length; /* 0: strlen(value) */
    bool same_rdn; /* joins the RDN of the entry before */
};

/* One extension, in the syntax of x509v3_config(5). */
struct pki_extension {
    int nid;
    const char *value; /* "critical,..." for a critical one */
};

/* What is to be in a certificate; cleared fields take the defaults. */
struct pki_spec {
    const struct pki_entry *subject;
    size_t subject_count;
    const char *common_name; /* instead of subject */
    int64_t not_before_s;    /* 0: PKI_NOW_S less a day */
    int64_t not_after_s;     /* 0: PKI_NOW_S and 30 days */
    uint64_t serial;         /* 0: random */
    bool ca;                 /* basicConstraints CA:TRUE, keyCertSign and cRLSign */
    const char *basic;       /* basicConstraints instead of the default; "" for none */
    const char *usage;       /* keyUsage instead of the default; "" for none */
    const char *purpose;     /* extendedKeyUsage; default clientAuth for a leaf; "" for none */
    const char *san;         /* subjectAltName; default none */
    const struct pki_extension *extensions; /* further ones */
    size_t extension_count;
};

/* A P-256 key. */
EVP_PKEY *pki_key(void);

/* An RSA key of so many bits. */
EVP_PKEY *pki_rsa_key(unsigned bits);

/* A certificate for key by issuer (NULL: self-signed, with issuer_key NULL too). */
X509 *pki_cert(const struct pki_spec *spec, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key);

/* A self-signed CA certificate with that common name. */
X509 *pki_ca(const char *common_name, EVP_PKEY *key);

/* A client certificate with that common name. */
X509 *pki_leaf(const char *common_name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key);

/* A CRL of issuer listing n certificates; next_s 0: no nextUpdate. Further extensions as above. */
X509_CRL *pki_crl(X509 *issuer, EVP_PKEY *issuer_key, int64_t this_s, int64_t next_s,
                  X509 *const *revoked, size_t n);

/* As pki_crl(), with extensions of the CRL. */
X509_CRL *pki_crl_with(X509 *issuer, EVP_PKEY *issuer_key, int64_t this_s, int64_t next_s,
                       const struct pki_extension *extensions, size_t n);

/* PEM text, NUL-ended, to be freed with free(). */
char *pki_cert_pem(X509 *cert);
char *pki_crl_pem(X509_CRL *crl);
char *pki_key_pem(EVP_PKEY *key);

/* Write text to path, mode 0600. */
void pki_write(const char *path, const char *text);

#endif
