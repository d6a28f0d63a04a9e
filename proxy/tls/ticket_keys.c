/* Owns: derivation and choice of ticket keys. Not: their use (resume.c). On the worker's thread. */
#include "proxy/tls/ticket_keys.h"

#include <stdbool.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/enc.h"
#include "base/mem.h"

/* One epoch's key. */
struct slot {
    int64_t epoch;
    bool filled;
    struct ticket_key key;
};

struct ticket_keys {
    unsigned char secret[32];
    int64_t rotate_ms;
    struct slot slots[2]; /* by the epoch's lowest bit */
};

struct ticket_keys *ticket_keys_new(struct str secret, uint32_t rotate_ms)
{
    struct ticket_keys *k = mem_calloc(1, sizeof(*k));
    if (k == NULL) {
        return NULL;
    }
    k->rotate_ms = rotate_ms;
    if (rotate_ms == 0 || enc_sha256(secret, k->secret) != 0) {
        ticket_keys_free(k);
        return NULL;
    }
    return k;
}

void ticket_keys_free(struct ticket_keys *k)
{
    if (k != NULL) {
        mem_wipe(k, sizeof(*k));
        mem_free(k);
    }
}

/* HKDF (RFC 5869) with the epoch as its info. */
static bool derive(struct ticket_keys *k, int64_t epoch, unsigned char *out, size_t n)
{
    char digest[] = "SHA256";
    char salt[] = "countersign session tickets, version 1";
    unsigned char info[16];
    for (size_t i = 0; i < 8; i++) {
        info[i] = (unsigned char)((uint64_t)epoch >> (8 * (7 - i)));
        info[8 + i] = (unsigned char)((uint64_t)k->rotate_ms >> (8 * (7 - i)));
    }
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, k->secret, sizeof(k->secret)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt, sizeof(salt) - 1),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof(info)),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *c = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    bool ok = c != NULL && EVP_KDF_derive(c, out, n, params) == 1;
    EVP_KDF_CTX_free(c);
    EVP_KDF_free(kdf);
    ERR_clear_error();
    return ok;
}

static const struct ticket_key *key_of(struct ticket_keys *k, int64_t epoch)
{
    struct slot *s = &k->slots[(uint64_t)epoch & 1];
    if (!s->filled || s->epoch != epoch) {
        unsigned char material[sizeof(s->key)];
        s->filled = derive(k, epoch, material, sizeof(material));
        s->epoch = epoch;
        memcpy(s->key.name, material, sizeof(s->key.name));
        memcpy(s->key.cipher, material + 16, sizeof(s->key.cipher));
        memcpy(s->key.mac, material + 48, sizeof(s->key.mac));
        mem_wipe(material, sizeof(material));
    }
    return s->filled ? &s->key : NULL;
}

static int64_t epoch_at(const struct ticket_keys *k, int64_t wall_ms)
{
    return wall_ms / k->rotate_ms;
}

const struct ticket_key *ticket_keys_seal(struct ticket_keys *k, int64_t wall_ms)
{
    return key_of(k, epoch_at(k, wall_ms));
}

const struct ticket_key *
ticket_keys_open(struct ticket_keys *k, const unsigned char name[TICKET_KEY_NAME], int64_t wall_ms)
{
    for (int64_t back = 0; back <= 1; back++) {
        const struct ticket_key *key = key_of(k, epoch_at(k, wall_ms) - back);
        if (key != NULL && memcmp(key->name, name, TICKET_KEY_NAME) == 0) {
            return key;
        }
    }
    return NULL;
}
