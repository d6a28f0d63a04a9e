/* The part of the model that says what upstreams are told. */
#ifndef CONF_MODEL_HEADERS_H
#define CONF_MODEL_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "conf/model_text.h"

/* Names of the fields that tell the upstream who asks; an empty name (p == "") leaves one out. */
struct conf_headers {
    struct conf_texts dialects; /* names, as in syntax_dialect() */
    bool without_own;           /* dialects are given, and "own" is not among them */
    bool chain;                 /* tell the chain, too, where a dialect has a place for it */
    struct conf_pair *fields;   /* name and template */
    size_t field_count;
    uint32_t generated_bytes;   /* of all identity fields together; a file never says 0: no limit */
    struct conf_texts reserved; /* further names that we give: of fields, token and signature */
    struct conf_text user;
    struct conf_text subject;
    struct conf_text issuer;
    struct conf_text serial;
    struct conf_text fingerprint;
    struct conf_text verify;
    bool x_forwarded; /* X-Forwarded-For, -Proto, -Host */
    bool forwarded;   /* RFC 7239 */
    bool via;
    struct conf_text via_name;
    struct addr_range *trusted_proxies; /* whose X-Forwarded-For and X-Request-Id are kept */
    size_t trusted_proxy_count;
    struct conf_texts remove; /* further field names never taken from a client */
};

/* A signed statement of who asks, in a field of its own. Off without keys or header. */
struct conf_token {
    struct conf_text header; /* "": off */
    struct conf_text issuer;
    struct conf_text audience;
    uint32_t life_ms;
    struct conf_texts keys; /* PEM, EC P-256; the first signs, all are published */
    bool bind_request;      /* good for one method and URI only */
};

/* A signature over the request (RFC 9421). Off without keys. */
struct conf_signature {
    struct conf_text label;
    uint32_t life_ms;
    struct conf_texts keys;       /* as conf_token.keys */
    struct conf_texts components; /* covered besides the identity fields */
};

/* True if what the upstream is told needs the chain by which the certificate was judged: a session
 * that was resumed has none, so that none may be. */
bool conf_headers_need_chain(const struct conf_headers *h);

#endif
