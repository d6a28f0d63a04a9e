/* Owns: what makes a key weak. Leaves which kinds and lengths a profile takes to csr. */
#include "ca/pubkey.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "base/enc.h"
#include "base/err.h"

#define FERMAT_ROUNDS     100
#define EXPONENT_BITS_MAX 256
#define EXPONENT_MIN      65537

int pubkey_digest(const X509_PUBKEY *spki, unsigned char out[32])
{
    unsigned char *der = NULL;
    int n = i2d_X509_PUBKEY(spki, &der);
    int rc = n > 0 ? enc_sha256((struct str){(const char *)der, (size_t)n}, out) : -1;
    OPENSSL_free(der);
    return rc == 0 ? 0 : -(int)ERR_CRYPTO;
}

/* The octets that came are those that come out. */
static bool is_canonical(const X509_PUBKEY *spki, EVP_PKEY *key)
{
    unsigned char *came = NULL;
    unsigned char *made = NULL;
    int came_n = i2d_X509_PUBKEY(spki, &came);
    int made_n = i2d_PUBKEY(key, &made);
    bool same = came_n > 0 && came_n == made_n && memcmp(came, made, (size_t)came_n) == 0;
    OPENSSL_free(came);
    OPENSSL_free(made);
    return same;
}

/* One below 752 divides every fifth number or so that is none of two great primes. */
static bool has_small_factor(const BIGNUM *n)
{
    for (BN_ULONG d = 3; d < 752; d += 2) {
        BN_ULONG rest = BN_mod_word(n, d);
        if (rest == 0 || rest == (BN_ULONG)-1) {
            return true;
        }
    }
    return BN_is_odd(n) == 0;
}

/* root: the greatest number whose square is not more than n, by Newton from above. */
static bool square_root(BIGNUM *root, const BIGNUM *n, BN_CTX *ctx)
{
    BIGNUM *next = BN_new();
    bool ok = next != NULL && BN_one(root) == 1 &&
              BN_lshift(root, root, (BN_num_bits(n) + 1) / 2 + 1) == 1;
    while (ok) {
        ok = BN_div(next, NULL, n, root, ctx) == 1 && BN_add(next, next, root) == 1 &&
             BN_rshift1(next, next) == 1;
        if (!ok || BN_cmp(next, root) >= 0) {
            break;
        }
        ok = BN_copy(root, next) != NULL;
    }
    BN_free(next);
    return ok;
}

/* False for most numbers that are no square, without a root. */
static bool may_be_square(const BIGNUM *n)
{
    static const unsigned primes[] = {3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47};
    for (size_t i = 0; i < sizeof(primes) / sizeof(primes[0]); i++) {
        BN_ULONG rest = BN_mod_word(n, primes[i]);
        bool residue = false;
        for (unsigned k = 0; k < primes[i]; k++) {
            residue = residue || k * k % primes[i] == rest;
        }
        if (!residue) {
            return false;
        }
    }
    return true;
}

/* Fermat: of two primes that differ by little, half the sum a is found in a few steps from the root
 * of n, as a^2 - n is a square then. What cannot be computed counts as found. */
static bool has_close_primes(const BIGNUM *n, BN_CTX *ctx)
{
    BIGNUM *a = BN_new();
    BIGNUM *rest = BN_new();
    BIGNUM *root = BN_new();
    bool found = false;
    bool ok = a != NULL && rest != NULL && root != NULL && square_root(a, n, ctx);
    for (int i = 0; i < FERMAT_ROUNDS && ok && !found; i++) {
        ok = BN_add_word(a, 1) == 1 && BN_sqr(rest, a, ctx) == 1 && BN_sub(rest, rest, n) == 1;
        if (ok && may_be_square(rest)) {
            ok = square_root(root, rest, ctx) && BN_sqr(root, root, ctx) == 1;
            found = ok && BN_cmp(root, rest) == 0;
        }
    }
    BN_free(a);
    BN_free(rest);
    BN_free(root);
    return !ok || found;
}

/* CVE-2017-15361: modulo each small prime the modulus is a power of 65537. Of other moduli one in
 * some ten million is. */
static bool is_of_powers(const BIGNUM *n)
{
    static const unsigned primes[] = {
        3,  5,  7,  11, 13, 17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,  61,  67,  71,
        73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167};
    for (size_t i = 0; i < sizeof(primes) / sizeof(primes[0]); i++) {
        BN_ULONG rest = BN_mod_word(n, primes[i]);
        unsigned power = 1;
        bool among = rest == 1;
        for (unsigned k = 1; k < primes[i] && !among; k++) {
            power = power * (EXPONENT_MIN % primes[i]) % primes[i];
            among = power == rest;
        }
        if (!among) {
            return false;
        }
    }
    return true;
}

static const char *modulus_fault(const BIGNUM *n)
{
    BN_CTX *ctx = BN_CTX_new();
    const char *fault = NULL;
    if (ctx == NULL) {
        return "an RSA key that cannot be looked at";
    }
    if (has_small_factor(n)) {
        fault = "an RSA key whose modulus has a small factor";
    } else if (is_of_powers(n)) {
        fault = "an RSA key made by a library that makes weak ones (CVE-2017-15361)";
    } else if (has_close_primes(n, ctx)) {
        fault = "an RSA key of two primes that lie close together";
    }
    BN_CTX_free(ctx);
    return fault;
}

static const char *rsa_fault(EVP_PKEY *key)
{
    BIGNUM *n = NULL;
    BIGNUM *e = NULL;
    const char *fault = NULL;
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) != 1) {
        fault = "an RSA key that cannot be looked at";
    } else if (BN_is_odd(e) == 0 || BN_num_bits(e) > EXPONENT_BITS_MAX ||
               (BN_num_bits(e) <= 17 && BN_get_word(e) < EXPONENT_MIN)) {
        fault = "an RSA key whose public exponent is not odd, or less than 65537, or too long";
    } else {
        fault = modulus_fault(n);
    }
    BN_free(n);
    BN_free(e);
    return fault;
}

static const char *ec_fault(const X509_PUBKEY *spki, EVP_PKEY *key)
{
    const unsigned char *point = NULL;
    X509_ALGOR *algorithm = NULL;
    int n = 0;
    int type = V_ASN1_UNDEF;
    if (X509_PUBKEY_get0_param(NULL, &point, &n, &algorithm, spki) != 1) {
        return "a public key that cannot be read";
    }
    X509_ALGOR_get0(NULL, &type, NULL, algorithm);
    if (type != V_ASN1_OBJECT) {
        return "an elliptic curve that is not named but spelled out";
    }
    if (n < 1 || point[0] != 4) {
        return "a point in a form other than uncompressed";
    }
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool ok = ctx != NULL && EVP_PKEY_public_check(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok ? NULL : "a point that is not a public key on its curve";
}

#define SMALL_ORDER "an Ed25519 key with which everybody can sign"

/* y is p - 1, or 0 or 1 written as p and p + 1, where p is 2^255 - 19. */
static bool is_near_prime(const unsigned char y[32])
{
    bool same = y[31] == 0x7f && y[0] >= 0xec && y[0] <= 0xee;
    for (size_t i = 1; i < 31; i++) {
        same = same && y[i] == 0xff;
    }
    return same;
}

/* The points of order 1, 2, 4 and 8 by their y; the bit above it is the sign of x. */
static const char *ed25519_fault(EVP_PKEY *key)
{
    static const unsigned char small[][32] = {
        {0},
        {1},
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
         0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
         0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
         0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
         0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
    };
    unsigned char raw[32];
    size_t n = sizeof(raw);
    if (EVP_PKEY_get_raw_public_key(key, raw, &n) != 1 || n != sizeof(raw)) {
        return "a public key that cannot be read";
    }
    raw[31] &= 0x7f;
    if (is_near_prime(raw)) {
        return SMALL_ORDER;
    }
    for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++) {
        if (memcmp(raw, small[i], sizeof(raw)) == 0) {
            return SMALL_ORDER;
        }
    }
    return NULL;
}

const char *pubkey_fault(const X509_PUBKEY *spki, EVP_PKEY *key)
{
    const char *fault = NULL;
    if (EVP_PKEY_is_a(key, "RSA")) {
        fault = rsa_fault(key);
    } else if (EVP_PKEY_is_a(key, "EC")) {
        fault = ec_fault(spki, key);
    } else if (EVP_PKEY_is_a(key, "ED25519")) {
        fault = ed25519_fault(key);
    }
    return fault != NULL || is_canonical(spki, key)
               ? fault
               : "a public key that is not written as DER has it";
}
