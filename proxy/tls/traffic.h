/* The protection of TLS 1.3 records with the keys of one direction (RFC 8446 5.2, 5.3, 7.2, 7.3).
 * The ciphers are OpenSSL's. For proxy/tls and bench/micro. On one thread. */
#ifndef PROXY_TLS_TRAFFIC_H
#define PROXY_TLS_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/types.h>

#include "base/str.h"

#define TRAFFIC_SECRET_MAX 48
#define TRAFFIC_KEY_MAX    32
#define TRAFFIC_NONCE      12

#define TRAFFIC_HEADER 5  /* octets of a record before what is encrypted */
#define TRAFFIC_TAG    16 /* of every suite */

/* Octets that a record may carry, and that what is encrypted may have (RFC 8446 5.2). */
#define TRAFFIC_PLAIN_MAX  16384
#define TRAFFIC_CIPHER_MAX (TRAFFIC_PLAIN_MAX + 256)

/* What a record has more than what it carries: header, type and tag. */
#define TRAFFIC_OVERHEAD (TRAFFIC_HEADER + 1 + TRAFFIC_TAG)

/* Octets of the record whose header is in h, which may be too many or too few to be one. */
static inline size_t traffic_record_size(const char h[TRAFFIC_HEADER])
{
    return TRAFFIC_HEADER + ((size_t)(unsigned char)h[3] << 8 | (unsigned char)h[4]);
}

enum traffic_suite {
    TRAFFIC_AES_128_GCM = 0,
    TRAFFIC_AES_256_GCM,
    TRAFFIC_CHACHA20_POLY1305,
    TRAFFIC_SUITES /* how many; also: none of them */
};

/* What one side writes with. Secret. */
struct traffic_side {
    enum traffic_suite suite;
    unsigned char way; /* where traffic.c had the key last */
    uint64_t count;    /* records that were protected with these keys: the number of the next */
    unsigned char secret[TRAFFIC_SECRET_MAX]; /* application_traffic_secret_N */
    unsigned char key[TRAFFIC_KEY_MAX];
    unsigned char nonce[TRAFFIC_NONCE]; /* the static one */
};

struct traffic_ciphers;

/* Contexts of all suites from library (NULL: the default one), or NULL. They serve any number of
 * sides in turn, so that none needs its own; those that are used most find their keys set up. */
struct traffic_ciphers *traffic_ciphers_new(OSSL_LIB_CTX *library);

/* Free them; NULL is fine. */
void traffic_ciphers_free(struct traffic_ciphers *c);

/* The suite of that number (RFC 8446 B.4), TRAFFIC_SUITES for all others. */
enum traffic_suite traffic_suite_of(unsigned number);

/* The number and the name of a suite that is one; its digest, borrowed. */
unsigned traffic_suite_number(enum traffic_suite suite);
const char *traffic_suite_name(enum traffic_suite suite);
const EVP_MD *traffic_digest(const struct traffic_ciphers *c, enum traffic_suite suite);

/* Octets of the secret and of the key of a suite that is one. */
size_t traffic_secret_size(enum traffic_suite suite);
size_t traffic_key_size(enum traffic_suite suite);

/* The keys of secret, of traffic_secret_size() octets (RFC 8446 7.3), in *side, count 0. False:
 * OpenSSL failed; side is then of no use. */
bool traffic_begin(const struct traffic_ciphers *c, enum traffic_suite suite,
                   const unsigned char *secret, struct traffic_side *side)
    __attribute__((warn_unused_result));

/* A record of type (RFC 8446 B.1) with the octets of plain, at most TRAFFIC_PLAIN_MAX, in
 * out[plain.n + TRAFFIC_OVERHEAD]. False: OpenSSL failed; side is then of no use any more. */
bool traffic_seal(struct traffic_ciphers *c, struct traffic_side *side, unsigned char type,
                  struct str plain, unsigned char *out) __attribute__((warn_unused_result));

/* Open the record whose whole octets are given, header first, into out[]: as many as are encrypted,
 * less TRAFFIC_TAG. *n: the octets of TLSInnerPlaintext, with type and padding. False if it is not
 * authentic; then out holds nothing to be used. */
bool traffic_open(struct traffic_ciphers *c, struct traffic_side *side, struct str record,
                  unsigned char *out, size_t *n) __attribute__((warn_unused_result));

/* Go to the next generation of keys (RFC 8446 7.2), count 0. False: OpenSSL failed; side is then of
 * no use any more. */
bool traffic_next(struct traffic_ciphers *c, struct traffic_side *side)
    __attribute__((warn_unused_result));

/* Wipe side, and what c still knows of its key. */
void traffic_forget(struct traffic_ciphers *c, struct traffic_side *side);

#endif
