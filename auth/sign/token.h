/* Who asks, as a JWT (RFC 7519) signed with ES256. Loop thread. */
#ifndef AUTH_SIGN_TOKEN_H
#define AUTH_SIGN_TOKEN_H

#include "auth/sign/es256.h"
#include "base/arena.h"

/* The token that a connection used last. Cleared memory is an empty one. */
struct token_slot {
    char *user; /* owned */
    char *text; /* owned */
    int64_t issued_ms;
    bool confirms; /* it names a certificate */
    bool reused;   /* the last answer was the kept token */
};

/* What a token says of a request. */
struct token_facts {
    struct str user;             /* sub; not empty */
    const unsigned char *digest; /* SHA-256 of the user's certificate, 32 octets; NULL: none */
    struct str method;           /* with bind_request: htm, htu (https://AUTHORITY/PATH), jti */
    struct str authority;
    struct str path;
    struct str request_id;
    int64_t wall_ms;
};

/* The token for f, as conf says, signed with keys: the one of slot (NULL: none) while at least half
 * of its life is left, else a new one, which goes there. Copied to a. Returns 0, -ERR_NOMEM or
 * -ERR_CRYPTO. */
int token_get(const struct conf_token *conf, const struct es256 *keys, struct token_slot *slot,
              const struct token_facts *f, struct arena *a, struct str *out)
    __attribute__((warn_unused_result));

/* Forget what slot holds: it is for one connection, certificate and configuration only. */
void token_clear(struct token_slot *slot);

#endif
