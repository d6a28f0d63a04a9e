/* Owns: loading of a key by an engine. Engines are deprecated in OpenSSL 3, and yet all that some
 * systems have as a bridge to PKCS#11, so this file alone may call them. As token.c. */
#undef OPENSSL_NO_DEPRECATED
#undef OPENSSL_API_COMPAT
#define OPENSSL_API_COMPAT 10101
#define OPENSSL_SUPPRESS_DEPRECATED

#include "auth/keys/token_engine.h"

#include <openssl/engine.h>

EVP_PKEY *token_engine_open(const char *uri, const char *module, const char *pin, bool *there)
{
    *there = false;
#ifndef OPENSSL_NO_ENGINE
    ENGINE_load_builtin_engines();
    ENGINE *engine = ENGINE_by_id("pkcs11");
    if (engine == NULL) {
        return NULL;
    }
    *there = true;
    bool ready =
        ENGINE_ctrl_cmd_string(engine, "QUIET", NULL, 1) == 1 &&
        (module == NULL || ENGINE_ctrl_cmd_string(engine, "MODULE_PATH", module, 0) == 1) &&
        ENGINE_init(engine) == 1 && ENGINE_ctrl_cmd_string(engine, "PIN", pin, 0) == 1;
    ENGINE_free(engine);
    /* It stays initialised: the key is of use only as long. The PIN is given anew each time, as the
     * engine would try the last one on any token. */
    return ready ? ENGINE_load_private_key(engine, uri, NULL, NULL) : NULL;
#else
    return NULL;
#endif
}
