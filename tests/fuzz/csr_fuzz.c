/* fuzz: ca */
/* Signing requests in any clothing, as the API, EST and the pages take them: what is read holds
 * only texts that can be shown, is what its DER says once more, and is never a CA's. */
#include <stdlib.h>
#include <string.h>

#include "ca/csr.h"

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_text(const char *text, size_t size)
{
    struct str s = {text, strnlen(text, size)};
    demand(s.n < size && str_is_utf8(s) && !str_has_control(s));
}

static void check_read(const struct csr *c)
{
    unsigned char *der = NULL;
    struct csr *again = NULL;
    check_text(c->user, sizeof(c->user));
    check_text(c->email, sizeof(c->email));
    check_text(c->company, sizeof(c->company));
    demand(strnlen(c->subject, sizeof(c->subject)) < sizeof(c->subject));
    demand(c->key != CSR_KEY_OTHER);
    int n = i2d_X509_REQ(c->req, &der);
    demand(n > 0);
    if (n <= CSR_OCTETS_MAX && der[0] == 0x30 &&
        csr_read((struct str){(const char *)der, (size_t)n}, &again, NULL) == 0) {
        demand(strcmp(again->user, c->user) == 0 && strcmp(again->company, c->company) == 0);
        demand(memcmp(again->spki, c->spki, sizeof(c->spki)) == 0 && again->key == c->key);
        demand(again->asks_ca == c->asks_ca);
    }
    csr_free(again);
    OPENSSL_free(der);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct conf_identity rule = {.fold_domain = true};
    static const struct conf_ca_profile profile = {.name = {.p = "client"}, .rsa_bits_min = 2048};
    struct csr *c = NULL;
    struct err e = {0};
    int rc = csr_read((struct str){(const char *)data, size}, &c, &e);
    demand((rc == 0) == (c != NULL) && (rc == 0) == (e.text[0] == '\0'));
    if (c != NULL) {
        check_read(c);
        if (csr_check(c, &profile, str_of(c->user), &rule, &e) == 0) {
            demand(!c->asks_ca && !c->asks_unknown && !c->asks_other_usage);
            demand(c->user[0] != '\0' && c->company[0] != '\0');
        }
        demand(csr_check(c, &profile, STR("somebody.else@example.net"), &rule, NULL) != 0 ||
               strcmp(c->user, "somebody.else@example.net") == 0 ||
               strncmp(c->user, "somebody.else@", 14) == 0);
    }
    csr_free(c);
    return 0;
}
