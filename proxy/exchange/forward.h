/* From the client's head to the upstream's, and back: what is taken away and what is added, in the
 * one order that is safe. Private to proxy/exchange. */
#ifndef PROXY_EXCHANGE_FORWARD_H
#define PROXY_EXCHANGE_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/headers/own.h"
#include "auth/headers/plan.h"
#include "auth/sign/signer.h"
#include "auth/sign/token.h"
#include "base/addr.h"
#include "conf/model.h"
#include "proxy/http/head.h"
#include "proxy/observe/metrics.h"

/* What forwarding has to know besides the head. All borrowed for the call; texts that become field
 * values are copied. */
struct forward_facts {
    const struct conf_headers *names;
    struct own_facts own;     /* only what was verified */
    const struct told *told;  /* the same in other words; NULL: none */
    const struct str *groups; /* of own.user */
    size_t group_count;
    const struct signer *signer; /* NULL: nothing is signed */
    struct token_slot *slot;     /* the connection's token; NULL: none is kept */
    const unsigned char *digest; /* of the accepted certificate, as in token.h; NULL: none */
    int64_t wall_ms;
    struct str client_text;     /* the client's address without port */
    enum addr_kind client_kind; /* a Unix-socket peer has no address to tell */
    bool client_trusted;        /* its X-Forwarded-For and Forwarded are continued */
    bool secure;
    bool keep_authorization;
    struct str code_name; /* totp.header: what it holds is for us alone */
    struct str request_id;
    struct metrics *metrics; /* where what is signed is counted; NULL: nowhere */
};

/* Turn head into what the upstream gets: hop-by-hop fields go first, then reserved ones, then
 * Authorization, Expect, Host and Content-Length (the writer makes those two itself); our own
 * fields come last, so nothing that a client sent can remove, precede or double them. Returns 0 or
 * -ERR_NOMEM, -ERR_CRYPTO, or -ERR_TOO_LARGE if the identity fields are more than
 * headers.generated_max (head is then not to be sent). */
int forward_request(const struct forward_facts *facts, struct http_request *head)
    __attribute__((warn_unused_result));

/* Turn an upstream's head (1xx or final) into what the client gets: without hop-by-hop fields, with
 * Via, X-Request-Id and, if it is final and has none, Date. A Vary that names Client-Cert becomes
 * "*" (RFC 9440 3.3). Returns 0 or -ERR_NOMEM. */
int forward_response(const struct conf_headers *names, struct str request_id, int64_t wall_ms,
                     struct http_response *head) __attribute__((warn_unused_result));

/* Leave of trailer fields only what may be passed on: no hop-by-hop, framing, routing, credential
 * or reserved fields. */
void forward_trailers(const struct conf_headers *names, struct fields *trailers);

/* Remove every field that is alike code_name. */
void forward_drop_code(struct str code_name, struct fields *fields);

#endif
