/* Owns: the filters in front of the default provider. Not: whether they are used (library.c). At
 * start, under a lock of the system; constant afterwards. */
#include "proxy/tls/narrow.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/provider.h>

#include "proxy/tls/narrow_kdf.h"
#include "proxy/tls/narrow_p256.h"

#define KEPT_MAX 16 /* implementations of one operation */

/* What is shown of each operation, by first name. RSA-PSS must be there for RSA keys to be offered
 * at all. An operation that is not listed here is not there. */
static const struct {
    int operation;
    const char *names[14];
} shown[] = {
    {OSSL_OP_DIGEST, {"SHA1", "SHA2-224", "SHA2-256", "SHA2-384", "SHA2-512"}},
    {OSSL_OP_CIPHER,
     {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305", "AES-256-CBC", "AES-256-CTR"}},
    {OSSL_OP_MAC, {"HMAC"}},
    {OSSL_OP_KDF, {"HKDF", "TLS13-KDF", "TLS1-PRF"}},
    {OSSL_OP_RAND, {"CTR-DRBG", "SEED-SRC"}},
    {OSSL_OP_KEYMGMT, {"RSA", "RSA-PSS", "EC", "X25519", "ED25519", "ED448", "HMAC"}},
    {OSSL_OP_KEYEXCH, {"ECDH", "X25519"}},
    {OSSL_OP_SIGNATURE, {"RSA", "ECDSA", "ED25519", "ED448", "HMAC"}},
    {OSSL_OP_DECODER, {"RSA", "RSA-PSS", "EC", "ED25519", "ED448"}},
};

#define OPERATIONS (sizeof(shown) / sizeof(shown[0]))

static struct {
    pthread_once_t opened;
    pthread_once_t made;
    pthread_once_t added;
    OSSL_LIB_CTX *outer;     /* what narrow_context() returns; NULL: could not be made */
    OSSL_LIB_CTX *inner;     /* holds the default provider */
    OSSL_PROVIDER *base;     /* NULL: could not be opened */
    OSSL_ALGORITHM alone[3]; /* what narrow_beside() adds */
    OSSL_PROVIDER *beside;   /* as which; NULL: it could not */
    OSSL_ALGORITHM kept[OPERATIONS][KEPT_MAX + 2]; /* one more may be put behind them */
    OSSL_ALGORITHM *same; /* of kept, the KDF of TLS 1.3 that derives as OpenSSL does; or NULL */
} own = {.opened = PTHREAD_ONCE_INIT, .made = PTHREAD_ONCE_INIT, .added = PTHREAD_ONCE_INIT};

/* Certificates hold keys as DER SubjectPublicKeyInfo; nothing else is read in this context. */
static bool reads_certificates(const OSSL_ALGORITHM *a)
{
    const char *p = a->property_definition;
    return p != NULL && strstr(p, "input=der") != NULL &&
           strstr(p, "structure=SubjectPublicKeyInfo") != NULL;
}

/* True if name is the first of the names of a. */
static bool is_called(const OSSL_ALGORITHM *a, const char *name)
{
    size_t n = strcspn(a->algorithm_names, ":");
    return strlen(name) == n && strncmp(name, a->algorithm_names, n) == 0;
}

static bool is_shown(size_t at, const OSSL_ALGORITHM *a)
{
    for (size_t i = 0; i < sizeof(shown[at].names) / sizeof(shown[at].names[0]); i++) {
        const char *name = shown[at].names[i];
        if (name != NULL && is_called(a, name)) {
            return shown[at].operation != OSSL_OP_DECODER || reads_certificates(a);
        }
    }
    return false;
}

static bool keep(size_t at)
{
    int no_cache = 0;
    size_t n = 0;
    const OSSL_ALGORITHM *all =
        OSSL_PROVIDER_query_operation(own.base, shown[at].operation, &no_cache);
    /* Not to be cached: the table would not be the same at the next call. */
    for (; all != NULL && no_cache == 0 && all->algorithm_names != NULL; all++) {
        if (!is_shown(at, all)) {
            continue;
        }
        if (n == KEPT_MAX) {
            return false;
        }
        own.kept[at][n++] = *all;
    }
    return n > 0;
}

static const OSSL_ALGORITHM *on_query(void *arg, int operation, int *no_cache)
{
    (void)arg;
    *no_cache = 0;
    for (size_t i = 0; i < OPERATIONS; i++) {
        if (shown[i].operation == operation) {
            return own.kept[i];
        }
    }
    return NULL;
}

static const OSSL_PARAM *on_gettable(void *arg)
{
    (void)arg;
    return OSSL_PROVIDER_gettable_params(own.base);
}

static int on_get(void *arg, OSSL_PARAM params[])
{
    (void)arg;
    return OSSL_PROVIDER_get_params(own.base, params);
}

/* The groups of TLS. */
static int on_capabilities(void *arg, const char *capability, OSSL_CALLBACK *cb, void *cb_arg)
{
    (void)arg;
    return OSSL_PROVIDER_get_capabilities(own.base, capability, cb, cb_arg);
}

static void on_teardown(void *arg)
{
    (void)arg;
}

static const OSSL_DISPATCH functions[] = {
    {OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))on_teardown},
    {OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, (void (*)(void))on_gettable},
    {OSSL_FUNC_PROVIDER_GET_PARAMS, (void (*)(void))on_get},
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))on_query},
    {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))on_capabilities},
    {0, NULL},
};

/* What is shown under name of the operation at; NULL: nothing. */
static OSSL_ALGORITHM *find(int operation, const char *name)
{
    for (size_t i = 0; i < OPERATIONS; i++) {
        for (OSSL_ALGORITHM *a = own.kept[i]; a->algorithm_names != NULL; a++) {
            if (shown[i].operation == operation && is_called(a, name)) {
                return a;
            }
        }
    }
    return NULL;
}

static void shorten_reading(const OSSL_DISPATCH *core)
{
    const OSSL_ALGORITHM *keys = find(OSSL_OP_KEYMGMT, "EC");
    OSSL_ALGORITHM *decoder = find(OSSL_OP_DECODER, "EC");
    if (keys != NULL && decoder != NULL) {
        const struct narrow_p256 from = {own.base, keys->implementation, decoder->implementation,
                                         core};
        decoder->implementation = narrow_p256_decoder(&from);
    }
}

/* Two of that name: who does not ask gets the first. */
static void shorten_derivation(void)
{
    OSSL_ALGORITHM *kdf = find(OSSL_OP_KDF, "TLS13-KDF");
    struct narrow_kdf_tables tables;
    if (kdf == NULL || !narrow_kdf(own.inner, kdf->implementation, &tables)) {
        return;
    }
    own.same = kdf;
    while (own.same->algorithm_names != NULL) {
        own.same++;
    }
    *own.same = *kdf;
    own.same->implementation = tables.same;
    own.same->property_definition = "countersign.schedule=openssl";
    kdf->implementation = tables.shorter;
}

/* The implementations get the default provider's own context, as they are its own. */
static int on_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                   const OSSL_DISPATCH **out, void **context)
{
    (void)handle;
    shorten_reading(in);
    *out = functions;
    *context = OSSL_PROVIDER_get0_provider_ctx(own.base);
    return 1;
}

static void open_base(void)
{
    own.inner = OSSL_LIB_CTX_new();
    own.base = own.inner != NULL ? OSSL_PROVIDER_load(own.inner, "default") : NULL;
    bool whole = own.base != NULL;
    for (size_t i = 0; i < OPERATIONS && whole; i++) {
        whole = keep(i);
    }
    if (whole) {
        shorten_derivation();
        return;
    }
    OSSL_LIB_CTX_free(own.inner);
    own.base = NULL;
}

static bool has_base(void)
{
    return pthread_once(&own.opened, open_base) == 0 && own.base != NULL;
}

static void make(void)
{
    static char name[] = "countersign";
    OSSL_LIB_CTX *outer = has_base() ? OSSL_LIB_CTX_new() : NULL;
    if (outer != NULL && OSSL_PROVIDER_add_builtin(outer, name, on_init) == 1 &&
        OSSL_PROVIDER_load(outer, name) != NULL) {
        own.outer = outer;
        outer = NULL;
    }
    OSSL_LIB_CTX_free(outer);
    ERR_clear_error();
}

OSSL_LIB_CTX *narrow_context(void)
{
    return pthread_once(&own.made, make) == 0 ? own.outer : NULL;
}

/* ---- Beside the default provider ---- */

static const OSSL_ALGORITHM *on_query_alone(void *arg, int operation, int *no_cache)
{
    (void)arg;
    *no_cache = 0;
    return operation == OSSL_OP_KDF ? own.alone : NULL;
}

static int on_init_alone(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                         const OSSL_DISPATCH **out, void **context)
{
    static const OSSL_DISPATCH alone[] = {
        {OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))on_teardown},
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))on_query_alone},
        {0, NULL},
    };
    (void)handle;
    (void)in;
    *out = alone;
    *context = OSSL_PROVIDER_get0_provider_ctx(own.base);
    return 1;
}

#define OF_BESIDE "provider=" NARROW_BESIDE ",countersign.kdf=yes,countersign.schedule="

/* Of two that are there OpenSSL gives the one that it found first to who does not ask: its own.
 * What it would load by itself it still loads. */
static OSSL_PROVIDER *add_alone(void)
{
    EVP_KDF *first = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
    EVP_KDF_free(first);
    return first != NULL && OSSL_PROVIDER_add_builtin(NULL, NARROW_BESIDE, on_init_alone) == 1
               ? OSSL_PROVIDER_try_load(NULL, NARROW_BESIDE, 1)
               : NULL;
}

static void add(void)
{
    const OSSL_ALGORITHM *kdf = has_base() ? find(OSSL_OP_KDF, "TLS13-KDF") : NULL;
    if (kdf != NULL && own.same != NULL) {
        own.alone[0] = *kdf;
        own.alone[0].property_definition = OF_BESIDE "own";
        own.alone[1] = *own.same;
        own.alone[1].property_definition = OF_BESIDE "openssl";
        own.beside = add_alone();
    }
    ERR_clear_error();
}

bool narrow_beside(void)
{
    return pthread_once(&own.added, add) == 0 && own.beside != NULL;
}
