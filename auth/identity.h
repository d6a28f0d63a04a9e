/* Who a verified certificate says it is. Built once a connection from the finished session. */
#ifndef AUTH_IDENTITY_H
#define AUTH_IDENTITY_H

#include <stdint.h>

#include <openssl/x509.h>

#include "base/reason.h"
#include "base/str.h"
#include "conf/model.h"

/* Texts are owned by the identity, NUL-ended, ASCII-safe for header fields except user (UTF-8). */
struct identity {
    enum reason reason;   /* REASON_OK, or why the certificate names no user (then user is empty) */
    struct str user;      /* the user-id as in the certificate, UTF-8, not normalised */
    struct str subject;   /* RFC 2253, octets outside printable ASCII as \XX */
    struct str issuer;    /* the same */
    struct str serial;    /* upper-case hex in whole octets, no leading "00" but for 0 */
    char fingerprint[65]; /* SHA-256 of the DER, lower-case hex, NUL-ended */
    unsigned char digest[32];
    int64_t not_before_ms;
    int64_t not_after_ms; /* wall clock */
};

/* Read leaf. A certificate whose chosen attribute is absent, occurs twice, is empty, is longer than
 * 255 octets, is not decodable to UTF-8, holds NUL, a control character or a colon, or begins or
 * ends with a space gives an identity with a reason (CERT_IDENTITY_*) and no user. Attributes are
 * walked by NID in X509_NAME or GENERAL_NAMES; printed forms are never parsed. For emailAddress
 * only IA5String and UTF8String holding ASCII are taken (BMPString and T61String are malformed),
 * and no blank, comma, semicolon or angle bracket; the same for a SAN e-mail. A subject or issuer
 * of more than 4 KiB (DER or text; the text is then empty), a serial of more than 64 octets and
 * unreadable dates are malformed too. Returns the identity (identity_free) or NULL without memory
 * or on a library failure. */
struct identity *identity_new(X509 *leaf, const struct conf_identity *rule);

/* Free it; NULL is fine. */
void identity_free(struct identity *id);

#endif
