/* HTTP/1.x messages from octets: guard, then strict llhttp, then the semantic checks of the head,
 * then the body piece by piece. One reader is one direction of one connection. No socket. */
#ifndef PROXY_HTTP_H1_READER_H
#define PROXY_HTTP_H1_READER_H

#include "base/arena.h"
#include "base/reason.h"
#include "proxy/http/head.h"

struct h1_reader;

struct h1_limits {
    uint32_t head_bytes;
    uint32_t field_count;
    uint32_t target_bytes;
    uint32_t chunk_line_bytes;
    uint32_t trailer_bytes;
    uint64_t body_bytes; /* UINT64_MAX: none */
};

enum h1_event {
    H1_ERROR = 0, /* h1_reader_reason(); the connection is of no further use */
    H1_MORE,      /* all octets were taken, more are needed */
    H1_HEAD,      /* the head is complete: h1_reader_request() or _response() */
    H1_BODY,      /* a piece of body: h1_reader_body() */
    H1_END        /* the message is complete; trailers, if any: h1_reader_trailers() */
};

/* A reader of requests (responses if is_response), or NULL without memory. limits are copied. */
struct h1_reader *h1_reader_new(bool is_response, const struct h1_limits *limits);

/* Let r, which is between two messages, read by other limits from now on. */
void h1_reader_limit(struct h1_reader *r, const struct h1_limits *limits);

/* Free it; NULL is fine. */
void h1_reader_free(struct h1_reader *r);

/* Start on the next message. arena: where fields go, good until the caller resets it (which it may
 * only do between messages). Responses: request_method decides whether there is a body. */
void h1_reader_begin(struct h1_reader *r, struct arena *arena, enum http_method request_method);

/* Take octets up to the next event. *used: how many were taken; call again with the rest, even if
 * that is empty, until H1_MORE, H1_END or H1_ERROR (the H1_END of a message without body needs no
 * octets). After H1_END nothing is taken, and H1_END said again, until h1_reader_begin(). A
 * response with status 1xx gives H1_HEAD (good until the next call) and then goes on to the next
 * head without h1_reader_begin(); 101, and more than 16 of them, are errors. Answers to HEAD and
 * with status 304 have the framing that their head tells (LENGTH, CHUNKED, or NONE), to be repeated
 * by h1_write_response(), but no body: H1_END follows H1_HEAD. */
enum h1_event h1_reader_next(struct h1_reader *r, struct str octets, size_t *used);

/* After H1_HEAD: what is wrong with octets, which are to be given next, as a chunked body and its
 * trailers; REASON_OK if nothing is yet, or the body is of another kind. Nothing is taken. So a
 * message whose fault is in hand with its head need not be passed on at all. */
enum reason h1_reader_foresee(const struct h1_reader *r, struct str octets);

/* The sender has closed. H1_END if that ends the message (framing CLOSE) or the message is complete
 * and its H1_END not told yet; H1_MORE if nothing of a message has been seen, or H1_END was told;
 * H1_ERROR (HTTP_TRUNCATED) otherwise. */
enum h1_event h1_reader_eof(struct h1_reader *r);

/* True if any octet of a message (an empty line before it is none) was taken since
 * h1_reader_begin(): a time-out then is a slow head, not an idle connection. */
bool h1_reader_started(const struct h1_reader *r);

/* The reason of H1_ERROR, in terms of requests (HTTP_*, OUT_OF_MEMORY). */
enum reason h1_reader_reason(const struct h1_reader *r);

/* The head; borrowed from r until the next h1_reader_begin(). Callers may change its fields. */
struct http_request *h1_reader_request(struct h1_reader *r);
struct http_response *h1_reader_response(struct h1_reader *r);

/* The piece of H1_BODY, borrowed from the octets given to h1_reader_next(). */
struct str h1_reader_body(const struct h1_reader *r);

/* Trailer fields after H1_END; n is 0 if there were none. Framing, routing, authentication and
 * Content-* fields among them are dropped already (RFC 9110 6.5.1). */
struct fields *h1_reader_trailers(struct h1_reader *r);

/* Give back what an idle connection need not keep. Only between messages. */
void h1_reader_idle(struct h1_reader *r);

/* Wipe what was read, but keep memory of the usual size for the next message: for a reader that is
 * soon used again. Only between messages. */
void h1_reader_rest(struct h1_reader *r);

#endif
