/* A TLS 1.3 connection after its handshake without OpenSSL's connection object: application data,
 * KeyUpdate and alerts in protected records (RFC 8446 4.6.3, 5, 6). Private to proxy/tls. On one
 * thread. */
#ifndef PROXY_TLS_RECORDS_H
#define PROXY_TLS_RECORDS_H

#include "base/reason.h"
#include "proxy/tls/bio.h"
#include "proxy/tls/result.h"
#include "proxy/tls/traffic.h"

struct records;

/* Why a connection failed. */
struct records_fault {
    enum reason reason;
    char text[64]; /* for the log */
};

/* The server's side of a connection whose client writes with in and server with out; both are
 * copied. ciphers: borrowed as long as it lives. NULL without memory. */
struct records *records_new(struct traffic_ciphers *ciphers, const struct traffic_side *in,
                            const struct traffic_side *out);

/* Wipe and free it; NULL is fine. */
void records_free(struct records *r);

/* False if records_read() could only say TLS_WANT. */
bool records_may_read(const struct records *r, const struct bio_ends *ends);

/* True if there is more to read: data, or a record that may hold some. */
bool records_has_input(const struct records *r, const struct bio_ends *ends);

/* As tls_session_read(). On TLS_FAILED *fault says why, and an alert is in ends->out; then only
 * records_free() may follow. */
enum tls_result records_read(struct records *r, struct bio_ends *ends, char *out, size_t max,
                             size_t *n, struct records_fault *fault);

/* As tls_session_write(). After TLS_FAILED only records_free() may follow. */
enum tls_result records_write(struct records *r, struct bio_ends *ends, struct str octets,
                              struct records_fault *fault);

/* As tls_session_shutdown(). */
void records_shutdown(struct records *r, struct bio_ends *ends);

/* Give back what an idle connection need not keep. */
void records_idle(struct records *r);

#endif
