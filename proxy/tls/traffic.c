/* Owns: nonces, headers and keys of protected records. Not: what records mean (records.c), nor any
 * cipher: those are OpenSSL's. On one thread. */
#include "proxy/tls/traffic.h"

#include <assert.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/mem.h"
#include "proxy/tls/hkdf.h"

enum {
    OPEN = 0,
    SEAL = 1,
    WAYS = 32, /* keys that one suite and direction has at hand: setting one up costs as much as a
                * record */
};

static const struct {
    unsigned number;
    const char *name;
    const char *cipher;
    const char *digest;
    unsigned char secret_n;
    unsigned char key_n;
} suites[TRAFFIC_SUITES] = {
    [TRAFFIC_AES_128_GCM] = {0x1301, "TLS_AES_128_GCM_SHA256", "AES-128-GCM", "SHA256", 32, 16},
    [TRAFFIC_AES_256_GCM] = {0x1302, "TLS_AES_256_GCM_SHA384", "AES-256-GCM", "SHA384", 48, 32},
    [TRAFFIC_CHACHA20_POLY1305] = {0x1303, "TLS_CHACHA20_POLY1305_SHA256", "ChaCha20-Poly1305",
                                   "SHA256", 32, 32},
};

/* Of one suite and direction. */
struct engine {
    EVP_CIPHER_CTX *context[WAYS];         /* made when they are first needed, but for the first */
    const struct traffic_side *side[WAYS]; /* whose key each has; NULL: nobody's */
    unsigned next;                         /* which gets the next key */
};

struct traffic_ciphers {
    EVP_MD *digest[TRAFFIC_SUITES];
    EVP_CIPHER *cipher[TRAFFIC_SUITES];
    struct engine of[TRAFFIC_SUITES][2];
};

static EVP_CIPHER_CTX *context_new(const EVP_CIPHER *cipher, int direction)
{
    EVP_CIPHER_CTX *made = EVP_CIPHER_CTX_new();
    if (made != NULL && EVP_CipherInit_ex(made, cipher, NULL, NULL, NULL, direction) != 1) {
        EVP_CIPHER_CTX_free(made);
        made = NULL;
    }
    return made;
}

static bool make_first(struct traffic_ciphers *c, size_t suite)
{
    if (c->cipher[suite] == NULL || c->digest[suite] == NULL) {
        return false;
    }
    for (int direction = OPEN; direction <= SEAL; direction++) {
        struct engine *e = &c->of[suite][direction];
        e->context[0] = context_new(c->cipher[suite], direction);
        if (e->context[0] == NULL) {
            return false;
        }
    }
    return true;
}

struct traffic_ciphers *traffic_ciphers_new(OSSL_LIB_CTX *library)
{
    struct traffic_ciphers *c = mem_calloc(1, sizeof(*c));
    if (c == NULL) {
        return NULL;
    }
    bool whole = true;
    for (size_t i = 0; i < TRAFFIC_SUITES && whole; i++) {
        c->digest[i] = EVP_MD_fetch(library, suites[i].digest, NULL);
        c->cipher[i] = EVP_CIPHER_fetch(library, suites[i].cipher, NULL);
        whole = make_first(c, i);
    }
    ERR_clear_error();
    if (!whole) {
        traffic_ciphers_free(c);
        return NULL;
    }
    return c;
}

void traffic_ciphers_free(struct traffic_ciphers *c)
{
    if (c == NULL) {
        return;
    }
    for (size_t i = 0; i < TRAFFIC_SUITES; i++) {
        for (size_t way = 0; way < WAYS; way++) {
            EVP_CIPHER_CTX_free(c->of[i][OPEN].context[way]);
            EVP_CIPHER_CTX_free(c->of[i][SEAL].context[way]);
        }
        EVP_CIPHER_free(c->cipher[i]);
        EVP_MD_free(c->digest[i]);
    }
    mem_free(c);
}

enum traffic_suite traffic_suite_of(unsigned number)
{
    enum traffic_suite found = TRAFFIC_AES_128_GCM;
    while (found < TRAFFIC_SUITES && suites[found].number != number) {
        found++;
    }
    return found;
}

unsigned traffic_suite_number(enum traffic_suite suite)
{
    return suites[suite].number;
}

const char *traffic_suite_name(enum traffic_suite suite)
{
    return suites[suite].name;
}

const EVP_MD *traffic_digest(const struct traffic_ciphers *c, enum traffic_suite suite)
{
    return c->digest[suite];
}

size_t traffic_secret_size(enum traffic_suite suite)
{
    return suites[suite].secret_n;
}

size_t traffic_key_size(enum traffic_suite suite)
{
    return suites[suite].key_n;
}

/* Which way of e has the key of side, or is to get it. */
static unsigned choose_way(const struct traffic_ciphers *c, struct engine *e,
                           const struct traffic_side *side, int direction)
{
    if (e->side[side->way] == side) {
        return side->way;
    }
    unsigned way = e->next++ % WAYS;
    if (e->context[way] == NULL) {
        e->context[way] = context_new(c->cipher[side->suite], direction);
    }
    return e->context[way] != NULL ? way : 0;
}

/* The context with the key of side and the nonce of its next record, or NULL. */
static EVP_CIPHER_CTX *load(struct traffic_ciphers *c, struct traffic_side *side, int direction)
{
    struct engine *e = &c->of[side->suite][direction];
    unsigned way = choose_way(c, e, side, direction);
    const unsigned char *key = e->side[way] == side ? NULL : side->key;
    unsigned char nonce[TRAFFIC_NONCE];
    memcpy(nonce, side->nonce, sizeof(nonce));
    for (int i = 0; i < 8; i++) {
        nonce[TRAFFIC_NONCE - 1 - i] ^= (unsigned char)(side->count >> (8 * i));
    }
    side->count++; /* also of what fails: no nonce is ever used twice */
    bool done = EVP_CipherInit_ex(e->context[way], NULL, NULL, key, nonce, direction) == 1;
    e->side[way] = done ? side : NULL;
    side->way = (unsigned char)way;
    return done ? e->context[way] : NULL;
}

bool traffic_seal(struct traffic_ciphers *c, struct traffic_side *side, unsigned char type,
                  struct str plain, unsigned char *out)
{
    assert(plain.n <= TRAFFIC_PLAIN_MAX);
    size_t sealed = plain.n + 1 + TRAFFIC_TAG;
    unsigned char *body = out + TRAFFIC_HEADER;
    EVP_CIPHER_CTX *x = load(c, side, SEAL);
    int n = 0;
    /* application_data of TLS 1.2, whatever it is (RFC 8446 5.2) */
    out[0] = 23;
    out[1] = 3;
    out[2] = 3;
    out[3] = (unsigned char)(sealed >> 8);
    out[4] = (unsigned char)sealed;
    bool ok = x != NULL && EVP_EncryptUpdate(x, NULL, &n, out, TRAFFIC_HEADER) == 1 &&
              (plain.n == 0 ||
               EVP_EncryptUpdate(x, body, &n, (const unsigned char *)plain.p, (int)plain.n) == 1) &&
              EVP_EncryptUpdate(x, body + plain.n, &n, &type, 1) == 1 &&
              EVP_EncryptFinal_ex(x, body + plain.n + 1, &n) == 1 &&
              EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_GET_TAG, TRAFFIC_TAG, body + plain.n + 1) == 1;
    if (!ok) {
        ERR_clear_error();
    }
    return ok;
}

bool traffic_open(struct traffic_ciphers *c, struct traffic_side *side, struct str record,
                  unsigned char *out, size_t *n)
{
    *n = 0;
    if (record.n < TRAFFIC_OVERHEAD || record.n > TRAFFIC_HEADER + TRAFFIC_CIPHER_MAX) {
        return false;
    }
    const unsigned char *body = (const unsigned char *)record.p + TRAFFIC_HEADER;
    size_t sealed = record.n - TRAFFIC_HEADER - TRAFFIC_TAG;
    unsigned char tag[TRAFFIC_TAG];
    memcpy(tag, body + sealed, sizeof(tag));
    EVP_CIPHER_CTX *x = load(c, side, OPEN);
    int some = 0;
    bool ok =
        x != NULL && EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_TAG, TRAFFIC_TAG, tag) == 1 &&
        EVP_DecryptUpdate(x, NULL, &some, (const unsigned char *)record.p, TRAFFIC_HEADER) == 1 &&
        EVP_DecryptUpdate(x, out, &some, body, (int)sealed) == 1 &&
        EVP_DecryptFinal_ex(x, out + sealed, &some) == 1;
    if (!ok) {
        ERR_clear_error();
        return false;
    }
    *n = sealed;
    return true;
}

static bool expand(const struct traffic_ciphers *c, enum traffic_suite suite,
                   const unsigned char *secret, struct str label, unsigned char *out, size_t n)
{
    const struct hkdf_label of = {.secret = {(const char *)secret, suites[suite].secret_n},
                                  .prefix = STR("tls13 "),
                                  .label = label};
    return hkdf_expand_label(c->digest[suite], &of, out, n);
}

bool traffic_begin(const struct traffic_ciphers *c, enum traffic_suite suite,
                   const unsigned char *secret, struct traffic_side *side)
{
    *side = (struct traffic_side){.suite = suite};
    memcpy(side->secret, secret, suites[suite].secret_n);
    return expand(c, suite, secret, STR("key"), side->key, suites[suite].key_n) &&
           expand(c, suite, secret, STR("iv"), side->nonce, TRAFFIC_NONCE);
}

bool traffic_next(struct traffic_ciphers *c, struct traffic_side *side)
{
    struct traffic_side next;
    unsigned char secret[TRAFFIC_SECRET_MAX];
    bool ok = expand(c, side->suite, side->secret, STR("traffic upd"), secret,
                     suites[side->suite].secret_n) &&
              traffic_begin(c, side->suite, secret, &next);
    traffic_forget(c, side);
    if (ok) {
        *side = next;
    } else {
        ERR_clear_error();
    }
    mem_wipe(&next, sizeof(next));
    mem_wipe(secret, sizeof(secret));
    return ok;
}

void traffic_forget(struct traffic_ciphers *c, struct traffic_side *side)
{
    static const unsigned char nothing[TRAFFIC_KEY_MAX] = {0};
    for (int direction = OPEN; direction <= SEAL; direction++) {
        struct engine *e = &c->of[side->suite][direction];
        for (size_t way = 0; way < WAYS; way++) {
            if (e->side[way] == side) {
                (void)EVP_CipherInit_ex(e->context[way], NULL, NULL, nothing, nothing, direction);
                e->side[way] = NULL;
            }
        }
    }
    mem_wipe(side, sizeof(*side));
}
