/* Signatures over requests (RFC 9421). Loop thread. */
#ifndef AUTH_SIGN_MESSAGE_H
#define AUTH_SIGN_MESSAGE_H

#include "auth/sign/es256.h"
#include "base/field.h"

/* What can be covered. All borrowed. */
struct message {
    struct str method;
    struct str scheme;
    struct str authority; /* as in Host */
    struct str target;    /* origin-form with the query, or "*" */
    const struct fields *fields;
};

struct message_params {
    int64_t created_s;
    int64_t expires_s;    /* 0: left out */
    struct str key_name;  /* keyid */
    struct str algorithm; /* alg; empty: left out */
};

/* Append the inner list of the covered components (names of fields in lower case, or derived ones)
 * with its parameters (RFC 9421 2.3). Returns as buf_append. */
int message_input(const struct str *components, size_t n, const struct message_params *p,
                  struct buf *out) __attribute__((warn_unused_result));

/* Append the signature base (RFC 9421 2.5); input: what message_input() gave. A component that m
 * does not have is -ERR_NOT_FOUND, else as buf_append. */
int message_base(const struct message *m, const struct str *components, size_t n, struct str input,
                 struct buf *out) __attribute__((warn_unused_result));

/* True if m has the component. */
bool message_has(const struct message *m, struct str component);

/* Sign the components of conf that m has, and the fields of m from index own[0] to before own[1]
 * (those that tell of the identity), as conf says; add Signature-Input and Signature to out (which
 * may be m's fields). Returns 0, -ERR_NOMEM or -ERR_CRYPTO. */
int message_sign(const struct conf_signature *conf, const struct es256 *keys,
                 const struct message *m, const size_t own[2], int64_t wall_ms, struct fields *out)
    __attribute__((warn_unused_result));

#endif
