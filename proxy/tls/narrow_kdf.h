/* Hearing which traffic keys OpenSSL derives in a TLS 1.3 handshake (RFC 8446 7.1, 7.3). Private to
 * proxy/tls, for narrow.c. */
#ifndef PROXY_TLS_NARROW_KDF_H
#define PROXY_TLS_NARROW_KDF_H

#include <stdbool.h>

#include <openssl/core_dispatch.h>

#include "proxy/tls/traffic.h"

/* What was heard of both sides' application traffic keys. Secret. */
struct narrow_keys {
    struct narrow_heard {
        unsigned char secret[TRAFFIC_SECRET_MAX];
        unsigned char key[TRAFFIC_KEY_MAX];
        unsigned char nonce[TRAFFIC_NONCE];
        size_t secret_n; /* 0: not yet */
        size_t key_n;    /* 0: not yet */
        size_t nonce_n;  /* 0: not yet */
    } client, server;
};

/* Two that stand for one TLS13-KDF, give the same, and tell who listens. */
struct narrow_kdf_tables {
    const OSSL_DISPATCH *shorter; /* in a shorter way for what HKDF-Expand-Label alone can do */
    const OSSL_DISPATCH *same;    /* in its way */
};

/* Makes them of base. library: of base, for digests. Called once; constant afterwards. False if
 * base is not as it has to be. */
bool narrow_kdf(OSSL_LIB_CTX *library, const OSSL_DISPATCH *base, struct narrow_kdf_tables *out)
    __attribute__((warn_unused_result));

/* From now on, what this thread derives goes to keys (borrowed) too; NULL: to nobody. */
void narrow_kdf_listen(struct narrow_keys *keys);

/* The side that was heard whole, with keys that fit suite: in *out, count 0. False if it was not.
 */
bool narrow_kdf_side(const struct narrow_heard *heard, enum traffic_suite suite,
                     struct traffic_side *out) __attribute__((warn_unused_result));

#endif
