/* One direction of TLS 1.3 records, written apart from proxy/tls/traffic.c so that it can judge it:
 * keys by HMAC as in RFC 5869, a cipher context for every record, and whatever a peer should not
 * send. A failure of OpenSSL ends the program: tests and fuzz targets have nothing to recover. */
#ifndef TESTS_SUPPORT_RAW_RECORDS_H
#define TESTS_SUPPORT_RAW_RECORDS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/str.h"
#include "proxy/tls/traffic.h"

enum { RAW_ALERT = 21, RAW_HANDSHAKE = 22, RAW_DATA = 23 };

/* Octets of the longest record whose length two octets can tell. */
#define RAW_RECORD_MAX (TRAFFIC_HEADER + 65535)

struct raw_side {
    enum traffic_suite suite;
    uint64_t count;
    unsigned char secret[TRAFFIC_SECRET_MAX];
    unsigned char key[TRAFFIC_KEY_MAX];
    unsigned char nonce[TRAFFIC_NONCE];
};

static inline void raw_must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static inline const EVP_CIPHER *raw_cipher(enum traffic_suite suite)
{
    return suite == TRAFFIC_AES_128_GCM   ? EVP_aes_128_gcm()
           : suite == TRAFFIC_AES_256_GCM ? EVP_aes_256_gcm()
                                          : EVP_chacha20_poly1305();
}

static inline size_t raw_secret_size(enum traffic_suite suite)
{
    return suite == TRAFFIC_AES_256_GCM ? 48 : 32;
}

/* HKDF-Expand-Label(secret, label, "", n) (RFC 8446 7.1) for n of at most one digest. */
static inline void raw_expand(const struct raw_side *side, const char *label, unsigned char *out,
                              size_t n)
{
    unsigned char info[32] = {0, (unsigned char)n, (unsigned char)(6 + strlen(label))};
    unsigned char whole[EVP_MAX_MD_SIZE];
    size_t at = 3;
    memcpy(info + at, "tls13 ", 6);
    at += 6;
    memcpy(info + at, label, strlen(label));
    at += strlen(label);
    info[at++] = 0; /* no context */
    info[at++] = 1; /* the first block */
    const EVP_MD *md = side->suite == TRAFFIC_AES_256_GCM ? EVP_sha384() : EVP_sha256();
    unsigned size = 0;
    raw_must(HMAC(md, side->secret, (int)raw_secret_size(side->suite), info, at, whole, &size) !=
             NULL);
    raw_must(n <= size);
    memcpy(out, whole, n);
}

/* Key and nonce of the secret in side; count 0. */
static inline void raw_derive(struct raw_side *side)
{
    side->count = 0;
    raw_expand(side, "key", side->key, side->suite == TRAFFIC_AES_128_GCM ? 16 : 32);
    raw_expand(side, "iv", side->nonce, TRAFFIC_NONCE);
}

/* A side whose secret is seed over and over. */
static inline struct raw_side raw_side_of(enum traffic_suite suite, unsigned char seed)
{
    struct raw_side side = {.suite = suite};
    memset(side.secret, seed, raw_secret_size(suite));
    raw_derive(&side);
    return side;
}

/* The next generation of keys (RFC 8446 7.2). */
static inline void raw_next(struct raw_side *side)
{
    unsigned char next[TRAFFIC_SECRET_MAX] = {0};
    raw_expand(side, "traffic upd", next, raw_secret_size(side->suite));
    memcpy(side->secret, next, sizeof(next));
    raw_derive(side);
}

/* The same side for the code under test. */
static inline struct traffic_side raw_as_traffic(const struct raw_side *side)
{
    struct traffic_side out = {.suite = side->suite, .count = side->count};
    memcpy(out.secret, side->secret, sizeof(out.secret));
    memcpy(out.key, side->key, sizeof(out.key));
    memcpy(out.nonce, side->nonce, sizeof(out.nonce));
    return out;
}

static inline EVP_CIPHER_CTX *raw_context(struct raw_side *side, int direction)
{
    unsigned char nonce[TRAFFIC_NONCE];
    EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
    for (size_t i = 0; i < TRAFFIC_NONCE; i++) {
        uint64_t part = i >= 4 ? side->count >> (8 * (TRAFFIC_NONCE - 1 - i)) : 0;
        nonce[i] = side->nonce[i] ^ (unsigned char)part;
    }
    side->count++;
    raw_must(x != NULL);
    raw_must(EVP_CipherInit_ex(x, raw_cipher(side->suite), NULL, side->key, nonce, direction) == 1);
    return x;
}

/* A record around inner, which is TLSInnerPlaintext as it is, in out[inner.n + 21]; returns its
 * octets. */
static inline size_t raw_seal(struct raw_side *side, struct str inner, unsigned char *out)
{
    size_t n = inner.n + TRAFFIC_TAG;
    const unsigned char header[TRAFFIC_HEADER] = {23, 3, 3, (unsigned char)(n >> 8),
                                                  (unsigned char)n};
    int some = 0;
    EVP_CIPHER_CTX *x = raw_context(side, 1);
    memcpy(out, header, sizeof(header));
    unsigned char *body = out + TRAFFIC_HEADER;
    raw_must(EVP_CipherUpdate(x, NULL, &some, header, TRAFFIC_HEADER) == 1);
    raw_must(inner.n == 0 ||
             EVP_CipherUpdate(x, body, &some, (const unsigned char *)inner.p, (int)inner.n) == 1);
    raw_must(EVP_CipherFinal_ex(x, body + inner.n, &some) == 1);
    raw_must(EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_GET_TAG, TRAFFIC_TAG, body + inner.n) == 1);
    EVP_CIPHER_CTX_free(x);
    return TRAFFIC_HEADER + n;
}

/* The whole octets of the record at the front of s; 0: not all of it is there. */
static inline size_t raw_size(struct str s)
{
    if (s.n < TRAFFIC_HEADER) {
        return 0;
    }
    size_t n = TRAFFIC_HEADER + ((size_t)(unsigned char)s.p[3] << 8 | (unsigned char)s.p[4]);
    return n <= s.n ? n : 0;
}

/* Opens a whole record that was written without padding: its type, and its content in out[]. False:
 * it is not authentic. */
static inline bool raw_open(struct raw_side *side, struct str record, unsigned char *out, size_t *n,
                            unsigned char *type)
{
    int some = 0;
    if (record.n < TRAFFIC_OVERHEAD) {
        return false;
    }
    size_t sealed = record.n - TRAFFIC_HEADER - TRAFFIC_TAG;
    const unsigned char *p = (const unsigned char *)record.p;
    EVP_CIPHER_CTX *x = raw_context(side, 0);
    raw_must(EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_TAG, TRAFFIC_TAG,
                                 (void *)(uintptr_t)(p + TRAFFIC_HEADER + sealed)) == 1);
    bool authentic = EVP_CipherUpdate(x, NULL, &some, p, TRAFFIC_HEADER) == 1 &&
                     EVP_CipherUpdate(x, out, &some, p + TRAFFIC_HEADER, (int)sealed) == 1 &&
                     EVP_CipherFinal_ex(x, out + sealed, &some) == 1;
    EVP_CIPHER_CTX_free(x);
    *n = authentic ? sealed - 1 : 0;
    *type = authentic ? out[sealed - 1] : 0;
    return authentic;
}

#endif
