/* All that signs for upstreams in one configuration: keys for tokens and for messages. Made at
 * start and reload, immutable. */
#ifndef AUTH_SIGN_SIGNER_H
#define AUTH_SIGN_SIGNER_H

#include "auth/sign/es256.h"

struct signer {
    const struct conf_token *token_conf; /* borrowed */
    const struct conf_signature *signature_conf;
    struct es256 *token;     /* owned; NULL: no tokens */
    struct es256 *signature; /* owned; NULL: no signatures */
};

/* Load the keys of c, which outlives it. NULL on an error, which is reported. */
struct signer *signer_new(const struct conf *c, struct files *files, struct diags *diags);

/* Free it; NULL is fine. */
void signer_free(struct signer *s);

/* Append the public keys as a JWK Set (RFC 7517 5), each once; s may be NULL. Returns as
 * buf_append. */
int signer_jwks(const struct signer *s, struct buf *out) __attribute__((warn_unused_result));

#endif
