/* auth/keys/token.c with a store of the test's own: keys in stores of OpenSSL that are neither
 * files nor PKCS#11 tokens. Tokens are tried by the flow tests. */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/provider.h>
#include <openssl/x509.h>

#include "auth/keys/token.h"
#include "base/mem.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"

#define PIN "2468"

/* The store "shelf:": key has the key, locked has it too for who knows the PIN. */
struct shelf {
    bool locked;
    bool empty;
    bool over;
};

static unsigned char *der; /* of the key, as PKCS#8 */
static int der_n;

static void *shelf_open(void *context, const char *uri)
{
    (void)context;
    struct shelf *s = mem_calloc(1, sizeof(*s));
    s->locked = strcmp(uri, "shelf:locked") == 0;
    s->empty = !s->locked && strcmp(uri, "shelf:key") != 0;
    return s;
}

static int shelf_load(void *arg, OSSL_CALLBACK *take, void *take_arg, OSSL_PASSPHRASE_CALLBACK *ask,
                      void *ask_arg)
{
    struct shelf *s = arg;
    char pin[64];
    size_t n = 0;
    int type = OSSL_OBJECT_PKEY;
    s->over = true;
    if (s->empty || (s->locked && (ask(pin, sizeof(pin), &n, NULL, ask_arg) != 1 || n != 4 ||
                                   memcmp(pin, PIN, n) != 0))) {
        return 0;
    }
    OSSL_PARAM object[] = {
        OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type),
        OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_DATA, der, (size_t)der_n),
        OSSL_PARAM_construct_end(),
    };
    return take(object, take_arg);
}

static int shelf_eof(void *arg)
{
    return ((struct shelf *)arg)->over ? 1 : 0;
}

static int shelf_close(void *arg)
{
    mem_free(arg);
    return 1;
}

static const OSSL_ALGORITHM *shelf_query(void *context, int operation, int *no_cache)
{
    static const OSSL_DISPATCH calls[] = {
        {OSSL_FUNC_STORE_OPEN, (void (*)(void))shelf_open},
        {OSSL_FUNC_STORE_LOAD, (void (*)(void))shelf_load},
        {OSSL_FUNC_STORE_EOF, (void (*)(void))shelf_eof},
        {OSSL_FUNC_STORE_CLOSE, (void (*)(void))shelf_close},
        {0, NULL},
    };
    static const OSSL_ALGORITHM stores[] = {{"shelf", "provider=shelf", calls, NULL},
                                            {NULL, NULL, NULL, NULL}};
    (void)context;
    *no_cache = 0;
    return operation == OSSL_OP_STORE ? stores : NULL;
}

static int shelf_provider(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                          const OSSL_DISPATCH **out, void **context)
{
    static const OSSL_DISPATCH calls[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))shelf_query}, {0, NULL}};
    (void)in;
    *out = calls;
    *context = (void *)(uintptr_t)handle;
    return 1;
}

static const struct {
    const char *uri, *pin;
    int rc;
    const char *words;
} rows[] = {
    {"drawer:key", "", -ERR_UNSUPPORTED, "no provider of OpenSSL here has a store for such URIs"},
    {"handle:0x81000000", "", -ERR_UNSUPPORTED, "no provider"},
    {"x:y", "", -ERR_UNSUPPORTED, "no provider"},
    {"a-scheme-longer-than-any-that-there-is-and-than-what-we-have-room-for-here:key", "",
     -ERR_UNSUPPORTED, "no provider"},
    {"shelf:none", "", -ERR_NOT_FOUND, "no such key"},
    {"shelf:locked", "", -ERR_NOT_FOUND, "PIN in the key_passphrase_file is wrong"},
    {"shelf:locked", "1357", -ERR_NOT_FOUND, "is wrong"},
    {"pkcs11:token=a;object=b?module-path=/nowhere/module.so", PIN, -ERR_UNSUPPORTED,
     "module-path names /nowhere/module.so: No such file"},
    {"shelf:key", "", 0, NULL},
    {"shelf:key", PIN, 0, NULL},
    {"shelf:locked", PIN, 0, NULL},
};

static void test_open(void **state)
{
    EVP_PKEY *own = *state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct err e = {0};
        EVP_PKEY *key = NULL;
        int rc = token_open_key(str_of(rows[i].uri), str_of(rows[i].pin), &key, &e);
        CHECK_ROW(rows[i].uri, rc == rows[i].rc);
        CHECK_ROW(rows[i].uri, (key != NULL) == (rc == 0));
        CHECK_ROW(rows[i].uri, rc != 0 || EVP_PKEY_eq(key, own) == 1);
        CHECK_ROW(rows[i].uri, rows[i].words == NULL || strstr(e.text, rows[i].words) != NULL);
        CHECK_ROW(rows[i].uri, strstr(e.text, "1357") == NULL);
        EVP_PKEY_free(key);
    }
}

static OSSL_PROVIDER *providers[2];

static int set_up(void **state)
{
    EVP_PKEY *own = pki_key();
    PKCS8_PRIV_KEY_INFO *form = EVP_PKEY2PKCS8(own);
    der_n = i2d_PKCS8_PRIV_KEY_INFO(form, &der);
    PKCS8_PRIV_KEY_INFO_free(form);
    *state = own;
    if (der_n <= 0 || OSSL_PROVIDER_add_builtin(NULL, "shelf", shelf_provider) != 1) {
        return -1;
    }
    /* The default one is not loaded by itself once there is another. */
    providers[0] = OSSL_PROVIDER_load(NULL, "default");
    providers[1] = OSSL_PROVIDER_load(NULL, "shelf");
    return providers[0] != NULL && providers[1] != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    EVP_PKEY_free(*state);
    OPENSSL_free(der);
    for (size_t i = 0; i < ROWS(providers); i++) {
        (void)OSSL_PROVIDER_unload(providers[i]);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_open)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
