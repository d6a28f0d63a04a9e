/* Owns: telling the three apart. */
#include "ca/armour.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/enc.h"

static int malformed(const struct armour_kind *kind, struct err *e, const char *what)
{
    return err_set(e, ERR_MALFORMED, "the %s %s", kind->thing, what);
}

static bool is_wanted(const struct armour_kind *kind, const char *name)
{
    return strcmp(name, kind->names[0]) == 0 ||
           (kind->names[1] != NULL && strcmp(name, kind->names[1]) == 0);
}

static int open_pem(struct str pem, const struct armour_kind *kind, unsigned char **der, size_t *n,
                    struct err *e)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    int rc = bio != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory");
    char *name = NULL;
    char *header = NULL;
    unsigned char *data = NULL;
    long length = 0;
    while (rc == 0 && PEM_read_bio(bio, &name, &header, &data, &length) == 1) {
        if (strstr(name, "PRIVATE KEY") != NULL) {
            rc = malformed(kind, e,
                           "comes with a private key: keep that to yourself, and make a new one");
        } else if (!is_wanted(kind, name) || *der != NULL) {
            rc = err_set(e, ERR_MALFORMED, "the %s must be one PEM block, \"%s\", and nothing else",
                         kind->thing, kind->names[0]);
        } else {
            *der = data;
            *n = (size_t)length;
            data = NULL;
        }
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(data, (size_t)length);
    }
    BIO_free(bio);
    ERR_clear_error();
    return rc == 0 && *der == NULL ? malformed(kind, e, "begins like PEM, but cannot be read") : rc;
}

static int open_base64(struct str text, const struct armour_kind *kind, unsigned char *out,
                       size_t *n, struct err *e)
{
    char packed[ARMOUR_OCTETS_MAX];
    size_t length = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (strchr(" \t\r\n", text.p[i]) == NULL) {
            packed[length++] = text.p[i];
        }
    }
    return length > 0 && enc_base64_decode((struct str){packed, length}, out, n) == 0
               ? 0
               : malformed(kind, e, "is neither PEM nor DER nor base64");
}

int armour_open(struct str octets, const struct armour_kind *kind, unsigned char **der, size_t *n,
                struct err *e)
{
    int rc = 0;
    *der = NULL;
    *n = 0;
    if (octets.n == 0) {
        return malformed(kind, e, "is empty");
    }
    if (octets.n > ARMOUR_OCTETS_MAX) {
        return err_set(e, ERR_TOO_LARGE, "the %s has more than %d octets", kind->thing,
                       ARMOUR_OCTETS_MAX);
    }
    if (memmem(octets.p, octets.n, "-----BEGIN ", 11) != NULL) {
        rc = open_pem(octets, kind, der, n, e);
    } else {
        *der = OPENSSL_malloc(octets.n);
        if (*der == NULL) {
            return err_set(e, ERR_NOMEM, "out of memory");
        }
        if (octets.p[0] == 0x30) {
            memcpy(*der, octets.p, octets.n);
            *n = octets.n;
        } else {
            rc = open_base64(octets, kind, *der, n, e);
        }
    }
    if (rc != 0) {
        OPENSSL_free(*der);
        *der = NULL;
    }
    return rc;
}
