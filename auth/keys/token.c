/* Owns: the choice of the bridge to PKCS#11: a provider of OpenSSL 3 (pkcs11-provider) if there is
 * one, else an engine (libp11); and to other stores. Not: judging the key. In a worker at start and
 * reload, in the CA's process at start, in commands. */
#include "auth/keys/token.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>

#include "auth/keys/token_engine.h"
#include "base/mem.h"
#include "conf/syntax.h"

#define URI_MAX    2048
#define MODULE_MAX 512
#define SCHEME_MAX 64
#define WORDS_MAX  128

/* A URI without its module-path, which bridges do not take there. */
struct location {
    char uri[URI_MAX];
    char module[MODULE_MAX];
};

static bool put(char *out, size_t size, size_t *n, struct str text)
{
    if (size - *n <= text.n) {
        return false;
    }
    memcpy(out + *n, text.p, text.n);
    *n += text.n;
    out[*n] = '\0';
    return true;
}

static bool locate(struct str uri, struct location *l)
{
    struct str query = STR_NONE;
    struct str one;
    size_t n = 0;
    if (!str_starts(uri, SYNTAX_PKCS11)) {
        l->module[0] = '\0';
        return put(l->uri, sizeof(l->uri), &n, uri);
    }
    const struct str module_path = STR("module-path=");
    bool more = str_cut(uri, '?', &one, &query);
    bool fits = put(l->uri, sizeof(l->uri), &n, one);
    bool first = true;
    l->module[0] = '\0';
    while (more && fits) {
        more = str_cut(query, '&', &one, &query);
        if (str_starts(one, module_path)) {
            one = str_slice(one, module_path.n, one.n);
            size_t module_n = 0;
            fits = put(l->module, sizeof(l->module), &module_n, one);
        } else {
            fits = put(l->uri, sizeof(l->uri), &n, first ? STR("?") : STR("&")) &&
                   put(l->uri, sizeof(l->uri), &n, one);
            first = false;
        }
    }
    return fits;
}

/* Load the provider unless the system's configuration of OpenSSL has done so. Its own algorithms
 * must not be chosen for anything but its keys. */
static void load_provider(const char *module)
{
    if (OSSL_PROVIDER_available(NULL, "pkcs11") == 1) {
        return;
    }
#if OPENSSL_VERSION_NUMBER >= 0x30200000L
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string("pkcs11-module-path", (char *)(uintptr_t)module, 0),
        OSSL_PARAM_construct_end(),
    };
    OSSL_PROVIDER *p = module != NULL ? OSSL_PROVIDER_try_load_ex(NULL, "pkcs11", params, 1)
                                      : OSSL_PROVIDER_try_load(NULL, "pkcs11", 1);
#else
    (void)module;
    OSSL_PROVIDER *p = OSSL_PROVIDER_try_load(NULL, "pkcs11", 1);
#endif
    if (p != NULL) {
        (void)EVP_set_default_properties(NULL, "?provider=default");
    }
    ERR_clear_error();
}

static bool has_store(const char *scheme)
{
    OSSL_STORE_LOADER *loader = OSSL_STORE_LOADER_fetch(NULL, scheme, NULL);
    OSSL_STORE_LOADER_free(loader);
    ERR_clear_error();
    return loader != NULL;
}

static EVP_PKEY *store_open(const char *uri, UI_METHOD *ask, void *arg)
{
    EVP_PKEY *key = NULL;
    OSSL_STORE_CTX *store = OSSL_STORE_open(uri, ask, arg, NULL, NULL);
    if (store != NULL && OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY) == 1) {
        while (key == NULL && OSSL_STORE_eof(store) == 0 && OSSL_STORE_error(store) == 0) {
            OSSL_STORE_INFO *info = OSSL_STORE_load(store);
            if (info != NULL && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY) {
                key = OSSL_STORE_INFO_get1_PKEY(info);
            }
            OSSL_STORE_INFO_free(info);
        }
    }
    (void)OSSL_STORE_close(store);
    return key;
}

static int on_pin(char *out, int size, int writing, void *arg)
{
    const char *pin = arg;
    size_t n = strlen(pin);
    (void)writing;
    if (size < 0 || n > (size_t)size) {
        return -1;
    }
    memcpy(out, pin, n);
    return (int)n;
}

static EVP_PKEY *open_in_store(const char *uri, char *pin)
{
    UI_METHOD *ask = UI_UTIL_wrap_read_pem_callback(on_pin, 0);
    EVP_PKEY *key = ask != NULL ? store_open(uri, ask, pin) : NULL;
    UI_destroy_method(ask);
    return key;
}

static EVP_PKEY *open_at(const struct location *l, char *pin, bool *there)
{
    const char *module = l->module[0] != '\0' ? l->module : NULL;
    load_provider(module);
    *there = true;
    return has_store("pkcs11") ? open_in_store(l->uri, pin)
                               : token_engine_open(l->uri, module, pin, there);
}

/* With a scheme that nobody knows OpenSSL would take the URI for the name of a file. */
static EVP_PKEY *open_other(const struct location *l, char *pin, bool *there)
{
    char scheme[SCHEME_MAX] = "";
    size_t n = syntax_scheme(str_of(l->uri));
    if (n < sizeof(scheme)) {
        memcpy(scheme, l->uri, n);
    }
    *there = scheme[0] != '\0' && has_store(scheme);
    return *there ? open_in_store(l->uri, pin) : NULL;
}

/* One process at a time: a token that is kept in files (SoftHSM's) is torn for a moment whenever
 * somebody logs in, and workers do so together. Returns what close() unlocks, or -1: then it goes
 * without. */
static int lock_tokens(void)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && flock(fd, LOCK_EX) != 0 && errno == EINTR) {
    }
    return fd;
}

/* A bridge whose library is not there only says that there is no such key. */
static int check_module(const struct location *l, struct err *e)
{
    return l->module[0] == '\0' || access(l->module, R_OK) == 0
               ? 0
               : err_set_errno(e, ERR_UNSUPPORTED, errno, "cannot be opened: module-path names %s",
                               l->module);
}

static int not_there(bool pkcs11, struct err *e)
{
    return err_set(e, ERR_UNSUPPORTED, "cannot be opened: %s",
                   pkcs11 ? "OpenSSL has no bridge to PKCS#11 here (install pkcs11-provider or "
                            "libengine-pkcs11-openssl)"
                          : "no provider of OpenSSL here has a store for such URIs (a path that "
                            "looks like one is written with ./ before it)");
}

/* What OpenSSL says first; its queue is empty then. */
static void take_words(char out[WORDS_MAX])
{
    const char *words = NULL;
    unsigned long code = ERR_get_error();
    if (code != 0) {
        words = ERR_reason_error_string(code);
        words = words != NULL ? words : "unknown error";
    }
    (void)snprintf(out, WORDS_MAX, "%s", words != NULL ? words : "");
    ERR_clear_error();
}

int token_open_key(struct str uri, struct str pin, EVP_PKEY **out, struct err *e)
{
    struct location l;
    char pin_text[TOKEN_PIN_MAX + 1] = "";
    char words[WORDS_MAX];
    bool there = false;
    bool pkcs11 = str_starts(uri, SYNTAX_PKCS11);
    if (!locate(uri, &l)) {
        return err_set(e, ERR_TOO_LARGE, "is too long");
    }
    int failed = check_module(&l, e);
    if (failed != 0) {
        return failed;
    }
    if (pin.n > TOKEN_PIN_MAX || (pin.n > 0 && memchr(pin.p, '\0', pin.n) != NULL)) {
        return err_set(e, ERR_DENIED, "cannot be opened: the PIN is over %d octets or holds NUL",
                       TOKEN_PIN_MAX);
    }
    if (pin.n > 0) {
        memcpy(pin_text, pin.p, pin.n);
    }
    ERR_clear_error();
    int lock = lock_tokens();
    *out = pkcs11 ? open_at(&l, pin_text, &there) : open_other(&l, pin_text, &there);
    if (lock >= 0) {
        (void)close(lock);
    }
    mem_wipe(pin_text, sizeof(pin_text));
    take_words(words);
    if (*out != NULL) {
        return 0;
    }
    if (!there) {
        return not_there(pkcs11, e);
    }
    return err_set(e, ERR_NOT_FOUND,
                   "cannot be opened: there is no such key, or the PIN in the key_passphrase_file "
                   "is wrong%s%s",
                   words[0] != '\0' ? ": " : "", words);
}
