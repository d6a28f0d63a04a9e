/* HTTP/1.1 messages to octets, from our own structures only. A head is appended as a whole or not
 * at all. Names, values, target and phrase are looked at once more: what no guard would let in
 * gives -ERR_MALFORMED. */
#ifndef PROXY_HTTP_H1_WRITE_H
#define PROXY_HTTP_H1_WRITE_H

#include "base/buf.h"
#include "proxy/http/head.h"

/* Append a request head: method, target, HTTP/1.1, Host from authority (first), then the fields,
 * then Content-Length or Transfer-Encoding by framing (never from fields: Host, Content-Length,
 * Transfer-Encoding and Connection there are skipped). Returns as buf_append, or -ERR_MALFORMED. */
int h1_write_request(struct buf *out, const struct http_request *head)
    __attribute__((warn_unused_result));

/* Append a response head with minor version 1; framing as above, "Connection: close" if !keep_alive
 * or framing is CLOSE, "Connection: keep-alive" if keep_alive and the client's minor version is 0.
 * Status 1xx and 204 get no framing field, 304 only Content-Length (framing LENGTH); 1xx gets no
 * Connection field. Framing CHUNKED is not for clients of minor version 0: -ERR_INTERNAL. Returns
 * as h1_write_request. */
int h1_write_response(struct buf *out, const struct http_response *head, unsigned client_minor)
    __attribute__((warn_unused_result));

/* Append the size line of a chunk of n > 0 octets; the data and h1_write_chunk_end() follow. */
int h1_write_chunk_begin(struct buf *out, size_t n) __attribute__((warn_unused_result));

/* Append the CRLF behind a chunk's data. */
int h1_write_chunk_end(struct buf *out) __attribute__((warn_unused_result));

/* Append the last chunk with trailers (NULL or empty: none). */
int h1_write_last_chunk(struct buf *out, const struct fields *trailers)
    __attribute__((warn_unused_result));

#endif
