/* Owns: which hashes are offered and what they may cost. */
#include "bench/users_make.h"

#include <stdio.h>
#include <string.h>

#include <crypt.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/enc.h"
#include "base/mem.h"

#define SHA1_LEN    20
#define SHA1_PREFIX "{SHA}"

struct kind {
    const char *name;
    const char *prefix;
    unsigned long least;
    unsigned long most; /* 0: takes no cost */
    unsigned long usual;
};

static const struct kind kinds[] = {
    {"bcrypt", "$2y$", 4, 16, 5},
    {"yescrypt", "$y$", 1, 11, 1},
    {"sha512", "$6$", 1000, 5000000, 1000},
    {"sha256", "$5$", 1000, 5000000, 1000},
    {"md5", "$1$", 0, 0, 0},
    {"sha1", SHA1_PREFIX, 0, 0, 0},
};

int users_make_hash_of(const char *name, unsigned long cost, struct users_make_hash *out,
                       struct err *e)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct kind *k = &kinds[i];
        if (strcmp(name != NULL ? name : "bcrypt", k->name) != 0) {
            continue;
        }
        if (cost != 0 && k->most == 0) {
            return err_set(e, ERR_MALFORMED, "%s takes no cost", k->name);
        }
        if (cost != 0 && (cost < k->least || cost > k->most)) {
            return err_set(e, ERR_MALFORMED, "the cost of %s is %lu to %lu", k->name, k->least,
                           k->most);
        }
        *out = (struct users_make_hash){k->prefix, cost != 0 ? cost : k->usual};
        return 0;
    }
    return err_set(e, ERR_MALFORMED,
                   "there is no hash \"%s\"; there are bcrypt, yescrypt, sha512, sha256, md5, sha1",
                   name);
}

int users_make_password(char out[USERS_MAKE_PASSWORD + 1], struct err *e)
{
    static const char alphabet[] =
        "abcdefghijklmnopqrstuvwxyzABCDEF0123456789GHIJKLMNOPQRSTUVWXYZab";
    unsigned char octets[USERS_MAKE_PASSWORD];
    if (RAND_bytes(octets, sizeof(octets)) != 1) {
        return err_set(e, ERR_CRYPTO, "no random numbers");
    }
    for (size_t i = 0; i < sizeof(octets); i++) {
        out[i] = alphabet[octets[i] & 63];
    }
    out[sizeof(octets)] = '\0';
    return 0;
}

static int hash_sha1(const char *password, char out[USERS_MAKE_HASH_MAX + 1], struct err *e)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (EVP_Digest(password, strlen(password), digest, &n, EVP_sha1(), NULL) != 1 ||
        n != SHA1_LEN) {
        return err_set(e, ERR_CRYPTO, "there is no SHA-1");
    }
    memcpy(out, SHA1_PREFIX, sizeof(SHA1_PREFIX) - 1);
    size_t length =
        enc_base64((struct str){(const char *)digest, n}, out + sizeof(SHA1_PREFIX) - 1);
    out[sizeof(SHA1_PREFIX) - 1 + length] = '\0';
    return 0;
}

int users_make_hash(const struct users_make_hash *h, const char *password,
                    char out[USERS_MAKE_HASH_MAX + 1], struct err *e)
{
    if (strcmp(h->prefix, SHA1_PREFIX) == 0) {
        return hash_sha1(password, out, e);
    }
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    struct crypt_data *data = mem_calloc(1, sizeof(*data));
    if (data == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    const char *made = NULL;
    if (crypt_gensalt_rn(h->prefix, h->cost, NULL, 0, setting, (int)sizeof(setting)) != NULL) {
        made = crypt_rn(password, setting, data, (int)sizeof(*data));
    }
    size_t n = made != NULL ? strnlen(made, sizeof(data->output)) : 0;
    int rc = 0;
    if (n == 0 || n > USERS_MAKE_HASH_MAX) {
        rc = err_set(e, ERR_CRYPTO, "libcrypt cannot make a hash %s", h->prefix);
    } else {
        memcpy(out, made, n);
        out[n] = '\0';
    }
    mem_wipe(data, sizeof(*data));
    mem_free(data);
    return rc;
}
