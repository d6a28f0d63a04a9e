/* Owns: the place at which traffic keys are heard. Made at start; used by any thread, each for
 * itself.
 *
 * OpenSSL gives out traffic secrets only as lines of text for a log (NSS key log), which cost more
 * to print than to derive. Its TLS 1.3 derives each by a KDF of its provider, which is told what
 * for: that is where they are heard. Nothing is changed. */
#include "proxy/tls/narrow_kdf.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "base/mem.h"
#include "base/str.h"

#define TABLE_MAX 16

static struct {
    OSSL_FUNC_kdf_derive_fn *derive;
    OSSL_DISPATCH table[TABLE_MAX];
} own;

static _Thread_local struct narrow_keys *listener;

/* The octets of the parameter of that name; empty: there is none. */
static struct str octets_of(const OSSL_PARAM *params, const char *name)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, name);
    return p != NULL && p->data_type == OSSL_PARAM_OCTET_STRING && p->data != NULL
               ? (struct str){p->data, p->data_size}
               : STR_NONE;
}

static size_t keep(unsigned char *to, size_t max, const unsigned char *octets, size_t n)
{
    if (n > max) {
        return 0;
    }
    memcpy(to, octets, n);
    return n;
}

/* A new secret: keys that were heard before are of another. */
static void hear_secret(struct narrow_heard *side, const unsigned char *octets, size_t n)
{
    *side = (struct narrow_heard){.key_n = 0};
    side->secret_n = keep(side->secret, sizeof(side->secret), octets, n);
}

static bool is_of(const struct narrow_heard *side, struct str secret)
{
    return side->secret_n > 0 && side->secret_n == secret.n &&
           mem_equal_secret(side->secret, secret.p, secret.n);
}

static void hear_key(struct narrow_heard *side, bool nonce, const unsigned char *octets, size_t n)
{
    if (nonce) {
        side->nonce_n = keep(side->nonce, sizeof(side->nonce), octets, n);
    } else {
        side->key_n = keep(side->key, sizeof(side->key), octets, n);
    }
}

static void hear(struct narrow_keys *k, const OSSL_PARAM *params, const unsigned char *octets,
                 size_t n)
{
    struct str label = octets_of(params, OSSL_KDF_PARAM_LABEL);
    bool nonce = str_eq(label, STR("iv"));
    if (str_eq(label, STR("c ap traffic"))) {
        hear_secret(&k->client, octets, n);
    } else if (str_eq(label, STR("s ap traffic"))) {
        hear_secret(&k->server, octets, n);
    } else if (nonce || str_eq(label, STR("key"))) {
        struct str secret = octets_of(params, OSSL_KDF_PARAM_KEY);
        if (is_of(&k->client, secret)) {
            hear_key(&k->client, nonce, octets, n);
        } else if (is_of(&k->server, secret)) {
            hear_key(&k->server, nonce, octets, n);
        }
    }
}

static int on_derive(void *context, unsigned char *out, size_t n, const OSSL_PARAM params[])
{
    int done = own.derive(context, out, n, params);
    if (done == 1 && listener != NULL && params != NULL) {
        hear(listener, params, out, n);
    }
    return done;
}

const OSSL_DISPATCH *narrow_kdf(const OSSL_DISPATCH *base)
{
    size_t n = 0;
    for (; base[n].function_id != 0 && n + 1 < TABLE_MAX; n++) {
        own.table[n] = base[n];
        if (base[n].function_id == OSSL_FUNC_KDF_DERIVE) {
            own.derive = (OSSL_FUNC_kdf_derive_fn *)base[n].function;
            own.table[n].function = (void (*)(void))on_derive;
        }
    }
    return base[n].function_id == 0 && own.derive != NULL ? own.table : base;
}

void narrow_kdf_listen(struct narrow_keys *keys)
{
    listener = keys;
}

bool narrow_kdf_side(const struct narrow_heard *heard, enum traffic_suite suite,
                     struct traffic_side *out)
{
    if (suite == TRAFFIC_SUITES || heard->secret_n != traffic_secret_size(suite) ||
        heard->key_n != traffic_key_size(suite) || heard->nonce_n != TRAFFIC_NONCE) {
        return false;
    }
    *out = (struct traffic_side){.suite = suite};
    memcpy(out->secret, heard->secret, heard->secret_n);
    memcpy(out->key, heard->key, heard->key_n);
    memcpy(out->nonce, heard->nonce, heard->nonce_n);
    return true;
}
