/* The only reader of OpenSSL's error queue: what it says, as one of our reasons and in words.
 * Private to proxy/tls. */
#ifndef PROXY_TLS_TLS_ERR_H
#define PROXY_TLS_TLS_ERR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/reason.h"

struct tls_err {
    enum reason reason;   /* TLS_PROTOCOL_ERROR unless something fits better */
    bool bad_certificate; /* the peer's chain was refused by verification */
    char text[128];       /* OpenSSL's words; an alert that came in: "alert unknown ca" */
};

/* Read and empty the queue of this thread. An empty queue gives no text. */
void tls_err_take(struct tls_err *out);

/* What OpenSSL says of an alert that came in, as in the text above, in out[n]. */
void tls_err_alert(int number, char *out, size_t n);

#endif
