/* fuzz: auth
 * Certificates: the first octet picks where the user-id comes from, the rest is DER. Whatever it
 * holds, the texts are safe for a header field, and a user is one that can be compared. */
#include <stdlib.h>

#include <openssl/err.h>

#include "auth/chain.h"
#include "auth/identity.h"
#include "auth/pairing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_text(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        demand(text.p[i] >= ' ' && text.p[i] <= '~');
    }
    demand(text.p == NULL || text.p[text.n] == '\0');
}

static void check(const struct identity *id, const struct conf_identity *rule)
{
    char normal[PAIRING_NAME_MAX];
    size_t n = 0;
    check_text(id->subject);
    check_text(id->issuer);
    check_text(id->serial);
    check_text((struct str){id->fingerprint, 64});
    if (id->reason == REASON_OK) {
        demand(pairing_normalise(id->user, rule, normal, &n));
        demand(str_trim(id->user).n == id->user.n);
        demand(id->serial.n >= 2 && id->user.p[id->user.n] == '\0');
    } else {
        demand(id->user.n == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    const struct conf_identity rule = {.user_id = (enum conf_user_id)(data[0] & 3)};
    const unsigned char *p = data + 1;
    X509 *x = d2i_X509(NULL, &p, (long)size - 1);
    ERR_clear_error();
    if (x == NULL) {
        return 0;
    }
    struct identity *id = identity_new(x, &rule);
    if (id != NULL) {
        check(id, &rule);
    }
    identity_free(id);
    STACK_OF(X509) *chain = sk_X509_new_null();
    if (chain != NULL && sk_X509_push(chain, x) > 0) {
        (void)chain_lint(chain);
    }
    ERR_clear_error();
    sk_X509_free(chain);
    X509_free(x);
    return 0;
}
