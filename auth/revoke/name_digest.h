/* A digest of a distinguished name that is the same however the name is spelled. */
#ifndef AUTH_REVOKE_NAME_DIGEST_H
#define AUTH_REVOKE_NAME_DIGEST_H

#include <openssl/x509.h>

#define NAME_DIGEST 32

/* SHA-256 over name as chains and CRLs compare it (RFC 5280 7.1, X509_NAME_cmp): for each relative
 * name in order one octet, how many attributes it has, then SHA-256 of each of those, in ascending
 * order. An attribute is the length of its type as an octet, the type (the content of its OID), the
 * tag of its value as an octet, and the value. A value of text is UTF-8 with the tag 12, ASCII
 * letters in lower case, each run of white space one blank, none at the ends; any other is as it
 * stands in DER. Returns 0, or -ERR_CRYPTO if the name cannot be read so. */
int name_digest(const X509_NAME *name, unsigned char digest[NAME_DIGEST])
    __attribute__((warn_unused_result));

#endif
