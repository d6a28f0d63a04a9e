/* Whether a form was sent by a page of ours to the one who sends it. Two things must hold: the
 * browser says that it comes from this very origin (Sec-Fetch-Site, Origin), and the form holds a
 * token, an HMAC under a key of this process over the time and who the page was for, account and
 * certificate. There are no sessions and no cookies. */
#ifndef CA_PAGES_SENT_H
#define CA_PAGES_SENT_H

#include "ca/call.h"
#include "ca/pages/form.h"

#define SENT_TOKEN_LEN  80
#define SENT_TOKEN_LIFE INT64_C(43200) /* seconds that a page may stay open */

/* The token for a page to who asks; nobody is known: for anybody who is not. Returns 0 or
 * -ERR_CRYPTO with c->err. */
int sent_token(struct call *c, char out[SENT_TOKEN_LEN + 1]) __attribute__((warn_unused_result));

/* Check where the request comes from, before its form is read. Returns 0 or -ERR_DENIED with
 * c->err. */
int sent_check_origin(struct call *c) __attribute__((warn_unused_result));

/* Check the field "token". Returns 0 or -ERR_DENIED with c->err. */
int sent_check_token(struct call *c, const struct form *f) __attribute__((warn_unused_result));

#endif
