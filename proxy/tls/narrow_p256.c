/* Owns: the short way from a certificate's P-256 key to the provider's own. Made at start; used by
 * any thread.
 *
 * OpenSSL 3.0 makes the group of the curve, with its Montgomery contexts, for each key that it
 * reads: that is half of what reading a certificate costs. Copying a group costs a tenth of it.
 * Everything is done by functions of the default provider. */
#include "proxy/tls/narrow_p256.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#define POINT        65 /* uncompressed */
#define TABLE_MAX    16
#define PUBLIC_PARTS (OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS | OSSL_KEYMGMT_SELECT_PUBLIC_KEY)

/* SubjectPublicKeyInfo up to and with the first octet of the point: id-ecPublicKey, prime256v1,
 * uncompressed (RFC 5480 2). */
static const unsigned char prefix[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                       0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                       0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};

#define WHOLE (sizeof(prefix) - 1 + POINT)

static struct {
    OSSL_FUNC_keymgmt_new_fn *new_key;
    OSSL_FUNC_keymgmt_import_fn *import_key;
    OSSL_FUNC_keymgmt_dup_fn *dup_key;
    OSSL_FUNC_keymgmt_set_params_fn *set_params;
    OSSL_FUNC_keymgmt_free_fn *free_key;
    OSSL_FUNC_decoder_decode_fn *decode;
    OSSL_FUNC_BIO_read_ex_fn *read;
    OSSL_FUNC_BIO_ctrl_fn *control;
    void *model; /* a key of the curve without a point */
    OSSL_DISPATCH table[TABLE_MAX];
} own;

/* The function of that number in table, or NULL. */
static void (*find(const OSSL_DISPATCH *table, int number))(void)
{
    for (; table->function_id != 0; table++) {
        if (table->function_id == number) {
            return table->function;
        }
    }
    return NULL;
}

/* The provider's key for the point in octets; NULL if it is not on the curve, or without memory. */
static void *key_of(unsigned char *point)
{
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, POINT),
        OSSL_PARAM_construct_end(),
    };
    void *key = own.dup_key(own.model, PUBLIC_PARTS);
    if (key != NULL && own.set_params(key, params) != 1) {
        own.free_key(key);
        key = NULL;
    }
    return key;
}

/* Hands key to who asked for it, who takes it from where it stands. */
static int hand_over(void *key, OSSL_CALLBACK *cb, void *cb_arg)
{
    static char type[] = "EC";
    int object = OSSL_OBJECT_PKEY;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &object),
        OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, type, 0),
        OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &key, sizeof(key)),
        OSSL_PARAM_construct_end(),
    };
    int taken = cb(params, cb_arg);
    if (key != NULL) {
        own.free_key(key);
    }
    return taken;
}

static int on_decode(void *context, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *cb,
                     void *cb_arg, OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
    unsigned char octets[WHOLE + 1]; /* one more, to see that there is no more */
    size_t n = 0;
    void *key = NULL;
    int begin = own.control(in, BIO_C_FILE_TELL, 0, NULL);
    if (begin >= 0 && (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 &&
        own.read(in, octets, sizeof(octets), &n) == 1 && n == WHOLE &&
        memcmp(octets, prefix, sizeof(prefix)) == 0) {
        key = key_of(octets + WHOLE - POINT);
    }
    if (key != NULL) {
        return hand_over(key, cb, cb_arg);
    }
    if (n > 0) {
        (void)own.control(in, BIO_C_FILE_SEEK, begin, NULL);
    }
    return own.decode(context, in, selection, cb, cb_arg, ask, ask_arg);
}

static bool find_all(const struct narrow_p256 *from)
{
    own.new_key = (OSSL_FUNC_keymgmt_new_fn *)find(from->keys, OSSL_FUNC_KEYMGMT_NEW);
    own.import_key = (OSSL_FUNC_keymgmt_import_fn *)find(from->keys, OSSL_FUNC_KEYMGMT_IMPORT);
    own.dup_key = (OSSL_FUNC_keymgmt_dup_fn *)find(from->keys, OSSL_FUNC_KEYMGMT_DUP);
    own.set_params =
        (OSSL_FUNC_keymgmt_set_params_fn *)find(from->keys, OSSL_FUNC_KEYMGMT_SET_PARAMS);
    own.free_key = (OSSL_FUNC_keymgmt_free_fn *)find(from->keys, OSSL_FUNC_KEYMGMT_FREE);
    own.decode = (OSSL_FUNC_decoder_decode_fn *)find(from->decoder, OSSL_FUNC_DECODER_DECODE);
    own.read = (OSSL_FUNC_BIO_read_ex_fn *)find(from->core, OSSL_FUNC_BIO_READ_EX);
    own.control = (OSSL_FUNC_BIO_ctrl_fn *)find(from->core, OSSL_FUNC_BIO_CTRL);
    return own.new_key != NULL && own.import_key != NULL && own.dup_key != NULL &&
           own.set_params != NULL && own.free_key != NULL && own.decode != NULL &&
           own.read != NULL && own.control != NULL;
}

static bool make_model(const struct narrow_p256 *from)
{
    static char group[] = "prime256v1";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_end(),
    };
    own.model = own.new_key(OSSL_PROVIDER_get0_provider_ctx(from->base));
    if (own.model != NULL &&
        own.import_key(own.model, OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS, params) != 1) {
        own.free_key(own.model);
        own.model = NULL;
    }
    return own.model != NULL;
}

/* The base's table with our decode in it. */
static bool make_table(const OSSL_DISPATCH *from)
{
    size_t n = 0;
    for (; from[n].function_id != 0 && n + 1 < TABLE_MAX; n++) {
        own.table[n] = from[n];
        if (from[n].function_id == OSSL_FUNC_DECODER_DECODE) {
            own.table[n].function = (void (*)(void))on_decode;
        }
    }
    return from[n].function_id == 0;
}

const OSSL_DISPATCH *narrow_p256_decoder(const struct narrow_p256 *from)
{
    return find_all(from) && make_table(from->decoder) && make_model(from) ? own.table
                                                                           : from->decoder;
}
