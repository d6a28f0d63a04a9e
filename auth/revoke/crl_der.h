/* One CRL in DER, taken apart: a frame that OpenSSL reads, and entries that are walked in place, so
 * that a long list costs no object an entry. Private to auth/revoke and its tests. Any thread. */
#ifndef AUTH_REVOKE_CRL_DER_H
#define AUTH_REVOKE_CRL_DER_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/x509.h>

#include "base/err.h"
#include "base/str.h"

#define CRL_SERIAL_MAX 64 /* octets of a serial number; RFC 5280 4.1.2.2 allows 20 */

struct crl_der {
    struct str tbs;     /* what is signed, tag and length included; borrowed */
    struct str entries; /* content of revokedCertificates; borrowed; empty if there is none */
    X509_CRL *frame;    /* the same CRL without its entries; owned */
};

/* Take der apart, which must be one CertificateList (RFC 5280 5.1) and nothing else, its two
 * algorithm identifiers equal. Entries are not looked at yet. Returns 0; -ERR_MALFORMED or
 * -ERR_NOMEM with e, and out is cleared. */
int crl_der_open(struct str der, struct crl_der *out, struct err *e)
    __attribute__((warn_unused_result));

/* Free what crl_der_open() made. A cleared one is fine. */
void crl_der_close(struct crl_der *c);

/* True if key made the signature over tbs. */
bool crl_der_is_signed(const struct crl_der *c, EVP_PKEY *key);

/* What the entries need as an array of records: how many, and octets of the longest serial (at
 * least 1). Refused: malformed entries, serials over CRL_SERIAL_MAX, a critical extension other
 * than the reason, and entries about another issuer's certificates (an indirect CRL). Returns 0,
 * -ERR_MALFORMED or -ERR_UNSUPPORTED with e. */
int crl_der_measure(const struct crl_der *c, size_t *count, size_t *width, struct err *e)
    __attribute__((warn_unused_result));

/* Write every entry's serial as a record of width octets (crl_serial_record()), in the order of
 * the list; out has room for what crl_der_measure() told. */
void crl_der_serials(const struct crl_der *c, size_t width, unsigned char *out);

/* Write serial, the content of a DER INTEGER (two's complement, shortest form), with its sign
 * repeated in front up to width octets: equal numbers give equal records. Returns false if it is
 * longer than width. */
bool crl_serial_record(struct str serial, unsigned char *record, size_t width);

#endif
