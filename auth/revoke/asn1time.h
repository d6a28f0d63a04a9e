/* Dates of certificates and CRLs as numbers. */
#ifndef AUTH_REVOKE_ASN1TIME_H
#define AUTH_REVOKE_ASN1TIME_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/asn1.h>

/* *out: t in seconds since 1970 UTC. Returns false for NULL or what is no date; *out is then 0. */
bool asn1time_seconds(const ASN1_TIME *t, int64_t *out) __attribute__((warn_unused_result));

#endif
