/* A small blocking TLS client with a certificate: what the demonstration and the command line need
 * to knock at the proxy's door. Not used by workers. */
#ifndef PROXY_TLS_CLIENT_H
#define PROXY_TLS_CLIENT_H

#include <stdint.h>

#include "base/addr.h"
#include "base/buf.h"
#include "base/err.h"

struct tls_client_options {
    struct addr address;
    const char *server_name; /* sent and checked */
    const char *ca_file;
    const char *certificate_file; /* NULL: none */
    const char *key_file;
    uint32_t timeout_ms; /* for the whole exchange */
};

/* Connect, send request, read until the server closes or a Content-Length answer is complete, into
 * answer. Returns 0, or a negative err_code with e holding the alert's name if there was one
 * ("alert certificate required"). */
int tls_client_exchange(const struct tls_client_options *o, struct str request, struct buf *answer,
                        struct err *e) __attribute__((warn_unused_result));

#endif
