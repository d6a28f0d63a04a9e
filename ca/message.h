/* What people are told, in words and as JSON. */
#ifndef CA_MESSAGE_H
#define CA_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* In the database by number: new ones go to the end. */
enum message_kind {
    MESSAGE_CODE = 0, /* a one-time code, with the link */
    MESSAGE_PASSWORD, /* of the file that was fetched */
    MESSAGE_APPROVED,
    MESSAGE_DENIED,
    MESSAGE_ENDS /* a certificate comes to its end */
};

/* Texts are borrowed; those that a kind has no use for are empty. */
struct message {
    enum message_kind kind;
    struct str to; /* an address; address_is() */
    struct str request;
    struct str user;
    struct str company;
    struct str link;
    struct str secret; /* the code, or the password */
    struct str reason; /* of a denial */
    struct str serial; /* of a certificate */
    int64_t until_ms;  /* the end of the code or of the certificate; 0: none */
};

/* The token of a kind: "code", "password", "approved", "denied", "ends". */
const char *message_name(enum message_kind k);

/* Whether it holds a code or a password. */
bool message_is_secret(enum message_kind k);

/* Append m as a JSON object: kind, to, request, user, company, link, code or password, reason,
 * serial, until, subject, text. subject is ASCII on one line; text is UTF-8. Returns 0 or
 * -ERR_NOMEM with e. */
int message_write(const struct message *m, struct buf *out, struct err *e)
    __attribute__((warn_unused_result));

#endif
