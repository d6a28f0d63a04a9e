/* Parsed heads of messages, and what of them matters for framing. Pure. */
#ifndef PROXY_HTTP_HEAD_H
#define PROXY_HTTP_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/field.h"
#include "base/str.h"

/* The methods that are let in; everything else is REASON_HTTP_METHOD. */
enum http_method {
    HTTP_METHOD_NONE = 0,
    HTTP_METHOD_GET,
    HTTP_METHOD_HEAD,
    HTTP_METHOD_POST,
    HTTP_METHOD_PUT,
    HTTP_METHOD_DELETE,
    HTTP_METHOD_OPTIONS,
    HTTP_METHOD_PATCH
};

/* How the end of a body is known (RFC 9112 6.3). */
enum http_framing {
    HTTP_FRAMING_NONE = 0, /* there is no body */
    HTTP_FRAMING_LENGTH,
    HTTP_FRAMING_CHUNKED,
    HTTP_FRAMING_CLOSE /* answers only: until the connection ends */
};

/* All texts borrow from the reader that parsed them, or from the arena of whoever made them. */
struct http_request {
    enum http_method method;
    struct str target;    /* origin-form as the upstream gets it, "/a?b", or "*" */
    struct str path;      /* target up to the '?' */
    struct str authority; /* host[:port] as received (from the target in absolute-form) */
    struct str host;      /* without port, as received, brackets kept; may be empty in HTTP/1.0 */
    unsigned minor;       /* 0 or 1 */
    enum http_framing framing;
    uint64_t length; /* LENGTH only */
    bool keep_alive;
    bool expect_continue;
    struct fields fields; /* all, in order, values trimmed */
};

struct http_response {
    unsigned status;   /* 100-599 */
    struct str phrase; /* reason phrase, may be empty */
    unsigned minor;
    enum http_framing framing;
    uint64_t length;
    bool keep_alive;
    struct fields fields;
};

/* "GET" and so on. */
struct str http_method_text(enum http_method m);

/* The method that text is, exactly; HTTP_METHOD_NONE if it is not one that is let in. */
enum http_method http_method_of(struct str text);

/* True for methods that may be sent again without harm (RFC 9110 9.2.2). */
bool http_method_is_idempotent(enum http_method m);

/* The standard phrase for a status, "" if none is known. */
struct str http_status_phrase(unsigned status);

/* True if s is a token (RFC 9110 5.6.2), at least one octet. */
bool http_is_token(struct str s);

/* Check uri-host[:port] (RFC 9110 7.2, RFC 3986 3.2.2): a reg-name, an IPv4 or a bracketed IPv6
 * address; a port of at most 5 digits and 65535, which may be empty after the colon; no userinfo.
 * Stricter than the RFC: no sub-delims (a comma in X-Forwarded-Host would make two hosts), no
 * percent-escapes and no empty labels (a name must have one spelling, or it passes by the rules for
 * it; one dot at the end is fine), no IPvFuture. *host: without the port, brackets and dot kept,
 * borrowed. Returns false if it is none. */
bool http_authority_parse(struct str authority, struct str *host, struct str *port);

#endif
