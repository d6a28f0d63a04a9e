/* Basic credentials (RFC 7617). */
#ifndef AUTH_BASIC_H
#define AUTH_BASIC_H

#include "base/reason.h"
#include "base/str.h"

#define BASIC_DECODED_MAX 768 /* user, colon and password, octets */

/* Name and password; both borrow the scratch. */
struct basic {
    struct str user;
    struct str password;
};

/* Split an Authorization value. value: as received, without outer blanks. scratch: the caller's,
 * BASIC_DECODED_MAX octets; it holds the secret and the caller wipes it whatever is returned.
 * out: set only on REASON_OK. The scheme is matched without case, then 1*SP, then strict padded
 * base64 to the end; split at the first colon. REASON_CREDENTIALS_OTHER_SCHEME for another scheme,
 * _MALFORMED for bad base64, no colon, not UTF-8 or too long, _CONTROL for NUL or a control
 * character in either part. An empty user or password parses (and matches nobody). */
enum reason basic_parse(struct str value, char scratch[BASIC_DECODED_MAX], struct basic *out);

#endif
