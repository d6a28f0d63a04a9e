/* The server's part of the key exchange of TLS 1.3 (RFC 8446 4.2.8, 7.4.2), by OpenSSL. Private to
 * proxy/tls. A maker belongs to one thread. */
#ifndef PROXY_TLS_KEY_SHARE_H
#define PROXY_TLS_KEY_SHARE_H

#include <openssl/types.h>

#include "base/str.h"

#define KEY_SHARE_MAX    65 /* octets of a point of P-256, uncompressed */
#define KEY_SHARE_SHARED 32 /* octets of what both know then, of either group */

struct key_share {
    unsigned char own[KEY_SHARE_MAX]; /* what the client gets */
    size_t own_n;
    unsigned char shared[KEY_SHARE_SHARED]; /* secret */
};

/* What all exchanges have in common. No secret stays in it. */
struct key_maker;

/* One whose keys are made in library (borrowed; NULL: the default context), tried by an exchange of
 * X25519 with a key that OpenSSL has made; NULL if that fails, or without memory. */
struct key_maker *key_maker_new(OSSL_LIB_CTX *library) __attribute__((warn_unused_result));

/* Free it; NULL is fine. */
void key_maker_free(struct key_maker *m);

/* Make a key of group (GROUP_X25519 or GROUP_P256) for this one exchange, and combine it with
 * theirs, the client's. Returns 0, -ERR_MALFORMED if theirs is no key of that group, or
 * -ERR_CRYPTO. */
int key_share_agree(struct key_maker *m, unsigned group, struct str theirs, struct key_share *out)
    __attribute__((warn_unused_result));

#endif
