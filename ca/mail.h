/* Mail: one text to one address, by SMTP. Uses libcurl, which is loaded by the first call. */
#ifndef CA_MAIL_H
#define CA_MAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Borrowed; NULL: none. */
struct mail_server {
    const char *url;  /* smtps://HOST[:PORT], or smtp:// */
    const char *user; /* NULL: no login */
    const char *password_file;
    const char *ca_file; /* PEM; NULL: the system's CAs */
    bool plain;          /* with smtp://: no TLS; otherwise STARTTLS is a must */
    uint32_t timeout_ms;
};

struct mail {
    struct str from; /* addresses; address_is() */
    struct str to;
    struct str subject; /* printable ASCII */
    struct str text;    /* UTF-8 */
};

/* Append it as a message (RFC 5322; the text as base64) whose lines end in CRLF. Nothing of it can
 * become a field: an address or subject that is none is refused. Returns 0, -ERR_MALFORMED or
 * -ERR_NOMEM with e. */
int mail_write(const struct mail *m, struct buf *out, struct err *e)
    __attribute__((warn_unused_result));

/* Send it: 0 when the server has taken it; -ERR_MALFORMED, or, with e (nothing of the message is in
 * it): -ERR_CONFIG (files), -ERR_DENIED (TLS, login), -ERR_IO, -ERR_UNSUPPORTED (no libcurl),
 * -ERR_NOMEM. */
int mail_send(const struct mail_server *s, const struct mail *m, struct err *e)
    __attribute__((warn_unused_result));

#endif
