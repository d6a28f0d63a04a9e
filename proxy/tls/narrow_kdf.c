/* Owns: the place at which traffic keys are derived, and heard. Made at start; used by any thread,
 * each for itself.
 *
 * OpenSSL gives out traffic secrets only as lines of text for a log (NSS key log), which cost more
 * to print than to derive. Its TLS 1.3 derives each by a KDF of its provider, which is told what
 * for: that is where they are heard. It derives about 16 in a handshake, and OpenSSL's KDF makes
 * all that it needs for each anew: what is only expanded goes the short way (hkdf.c), all else to
 * it. */
#include "proxy/tls/narrow_kdf.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/mem.h"
#include "base/str.h"
#include "proxy/tls/hkdf.h"

#define TABLE_MAX 16

/* Those of TLS 1.3. */
static const struct {
    const char *name;
    const char *alias;
} digests[] = {{"SHA2-256", "SHA256"}, {"SHA2-384", "SHA384"}};

#define DIGESTS (sizeof(digests) / sizeof(digests[0]))

struct digest {
    EVP_MD *md; /* kept for as long as the program runs */
    size_t n;
    unsigned char empty[EVP_MAX_MD_SIZE]; /* of nothing */
};

static struct {
    OSSL_FUNC_kdf_derive_fn *derive;
    struct digest digests[DIGESTS];
    OSSL_DISPATCH table[TABLE_MAX];
    OSSL_DISPATCH hearing[TABLE_MAX]; /* without a shorter way */
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

static const struct digest *digest_of(const OSSL_PARAM *params)
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_DIGEST);
    const char *name = NULL;
    if (p == NULL || OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1) {
        return NULL;
    }
    for (size_t i = 0; i < DIGESTS; i++) {
        if (strcmp(name, digests[i].name) == 0 || strcmp(name, digests[i].alias) == 0) {
            return &own.digests[i];
        }
    }
    return NULL;
}

static bool expand(const struct digest *d, const OSSL_PARAM *params, struct str secret,
                   struct str context, unsigned char *out, size_t n)
{
    const struct hkdf_label of = {.secret = secret,
                                  .prefix = octets_of(params, OSSL_KDF_PARAM_PREFIX),
                                  .label = octets_of(params, OSSL_KDF_PARAM_LABEL),
                                  .context = context};
    return of.label.n > 0 && hkdf_expand_label(d->md, &of, out, n);
}

/* A secret from the one before, if there is one, and from what is new, if there is anything (RFC
 * 8446 7.1, Derive-Secret(., "derived", "") and HKDF-Extract). */
static bool extract(const struct digest *d, const OSSL_PARAM *params, unsigned char *out, size_t n)
{
    static const char zeros[EVP_MAX_MD_SIZE] = "";
    unsigned char derived[EVP_MAX_MD_SIZE];
    const struct str empty = {(const char *)d->empty, d->n};
    struct str salt = octets_of(params, OSSL_KDF_PARAM_SALT);
    struct str secret = octets_of(params, OSSL_KDF_PARAM_KEY);
    bool ok = n == d->n;
    if (ok && salt.n > 0) {
        ok = expand(d, params, salt, empty, derived, d->n);
        salt = (struct str){(const char *)derived, d->n};
    }
    if (secret.n == 0) {
        secret = (struct str){zeros, d->n};
    }
    ok = ok && hkdf_extract(d->md, salt, secret, out);
    mem_wipe(derived, sizeof(derived));
    return ok;
}

/* True if it was done the short way. */
static bool derive(const OSSL_PARAM *params, unsigned char *out, size_t n)
{
    int mode = -1;
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_KDF_PARAM_MODE);
    const struct digest *d = digest_of(params);
    if (d == NULL || p == NULL || OSSL_PARAM_get_int(p, &mode) != 1) {
        return false;
    }
    if (mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY) {
        return extract(d, params, out, n);
    }
    return mode == EVP_KDF_HKDF_MODE_EXPAND_ONLY &&
           expand(d, params, octets_of(params, OSSL_KDF_PARAM_KEY),
                  octets_of(params, OSSL_KDF_PARAM_DATA), out, n);
}

/* By base, and told to who listens. */
static int on_hearing(void *context, unsigned char *out, size_t n, const OSSL_PARAM params[])
{
    int done = own.derive(context, out, n, params);
    if (done == 1 && params != NULL && listener != NULL) {
        hear(listener, params, out, n);
    }
    return done;
}

static int on_derive(void *context, unsigned char *out, size_t n, const OSSL_PARAM params[])
{
    if (params == NULL || !derive(params, out, n)) {
        return on_hearing(context, out, n, params);
    }
    if (listener != NULL) {
        hear(listener, params, out, n);
    }
    return 1;
}

static bool make_tables(const OSSL_DISPATCH *base)
{
    size_t n = 0;
    for (; base[n].function_id != 0 && n + 1 < TABLE_MAX; n++) {
        own.table[n] = base[n];
        own.hearing[n] = base[n];
        if (base[n].function_id == OSSL_FUNC_KDF_DERIVE) {
            own.derive = (OSSL_FUNC_kdf_derive_fn *)base[n].function;
            own.table[n].function = (void (*)(void))on_derive;
            own.hearing[n].function = (void (*)(void))on_hearing;
        }
    }
    return base[n].function_id == 0 && own.derive != NULL;
}

static bool open_digests(OSSL_LIB_CTX *library)
{
    bool ok = true;
    for (size_t i = 0; i < DIGESTS && ok; i++) {
        struct digest *d = &own.digests[i];
        unsigned n = 0;
        d->md = EVP_MD_fetch(library, digests[i].name, NULL);
        ok = d->md != NULL && EVP_Digest("", 0, d->empty, &n, d->md, NULL) == 1;
        d->n = n;
    }
    return ok;
}

bool narrow_kdf(OSSL_LIB_CTX *library, const OSSL_DISPATCH *base, struct narrow_kdf_tables *out)
{
    *out = (struct narrow_kdf_tables){own.table, own.hearing};
    return open_digests(library) && make_tables(base);
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
