/* fuzz: ca */
/* The clothing alone, which EST bodies and what people paste have in common: DER comes out, or
 * nothing; never more than went in; and without its armour it opens to the same. */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/enc.h"
#include "ca/armour.h"

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_bare(const struct armour_kind *kind, const unsigned char *der, size_t n)
{
    static char text[2 * ARMOUR_OCTETS_MAX];
    unsigned char *again = NULL;
    size_t length = 0;
    if (n > 0 && der[0] == 0x30 && n <= ARMOUR_OCTETS_MAX / 2) {
        size_t written = enc_base64((struct str){(const char *)der, n}, text);
        demand(armour_open((struct str){text, written}, kind, &again, &length, NULL) == 0);
        demand(length == n && memcmp(again, der, n) == 0);
        OPENSSL_free(again);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct armour_kind kind = {"request",
                                            {"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"}};
    unsigned char *der = NULL;
    size_t n = 0;
    struct err e = {0};
    int rc = armour_open((struct str){(const char *)data, size}, &kind, &der, &n, &e);
    demand((rc == 0) == (der != NULL) && (rc == 0) == (e.text[0] == '\0'));
    if (der != NULL) {
        demand(n <= size);
        check_bare(&kind, der, n);
    }
    OPENSSL_free(der);
    return 0;
}
