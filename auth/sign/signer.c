/* Owns: which keys there are, and their publication. Not: what is signed (token, message). Start,
 * reload, and the loop's thread. */
#include "auth/sign/signer.h"

#include "base/mem.h"

struct signer *signer_new(const struct conf *c, struct files *files, struct diags *diags)
{
    const struct conf_pos nowhere = {0};
    bool open = c->process.insecure_key_permissions;
    struct signer *s = mem_calloc(1, sizeof(*s));
    if (s == NULL) {
        diag_add(diags, DIAG_ERROR, nowhere, NULL, NULL, "out of memory");
        return NULL;
    }
    s->token_conf = &c->token;
    s->signature_conf = &c->signature;
    bool whole = true;
    if (c->token.keys.n > 0) {
        s->token = es256_load(&c->token.keys, open, files, diags, "token.keys");
        whole = s->token != NULL;
    }
    if (c->signature.keys.n > 0) {
        s->signature = es256_load(&c->signature.keys, open, files, diags, "signature.keys");
        whole = whole && s->signature != NULL;
    }
    if (!whole) {
        signer_free(s);
        return NULL;
    }
    return s;
}

void signer_free(struct signer *s)
{
    if (s == NULL) {
        return;
    }
    es256_free(s->token);
    es256_free(s->signature);
    mem_free(s);
}

/* True if one of the first n keys of k has that name. */
static bool holds(const struct es256 *k, size_t n, struct str name)
{
    for (size_t i = 0; k != NULL && i < n; i++) {
        if (str_eq(es256_name(k, i), name)) {
            return true;
        }
    }
    return false;
}

/* Add the keys of k that stand neither before in it nor in other. */
static int add(const struct es256 *k, const struct es256 *other, bool *any, struct buf *out)
{
    int rc = 0;
    for (size_t i = 0; k != NULL && i < es256_count(k) && rc == 0; i++) {
        struct str name = es256_name(k, i);
        if (holds(k, i, name) || (other != NULL && holds(other, es256_count(other), name))) {
            continue;
        }
        rc = *any ? buf_append(out, STR(",")) : 0;
        rc = rc == 0 ? es256_jwk(k, i, out) : rc;
        *any = true;
    }
    return rc;
}

int signer_jwks(const struct signer *s, struct buf *out)
{
    bool any = false;
    int rc = buf_append(out, STR("{\"keys\":["));
    if (s != NULL && rc == 0) {
        rc = add(s->token, NULL, &any, out);
        rc = rc == 0 ? add(s->signature, s->token, &any, out) : rc;
    }
    return rc == 0 ? buf_append(out, STR("]}\n")) : rc;
}
