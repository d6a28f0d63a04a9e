/* Resumption by tickets that nobody keeps (RFC 5077, RFC 8446 4.6.1): who gets one, and which of
 * those that come back is good. Private to proxy/tls. */
#ifndef PROXY_TLS_RESUME_H
#define PROXY_TLS_RESUME_H

#include "base/str.h"
#include "conf/model.h"

struct resume;
struct session_store;
struct tls_session;
struct tls_sites;

/* Free what a table of sites holds for it; NULL is fine. */
void resume_free(struct resume *r);

/* Let the sites of t be resumed as r says; secret: what the keys are derived from; listener: the
 * address as text. Must be called before the first session. Returns 0, -ERR_NOMEM or
 * -ERR_CRYPTO; t is good for full handshakes then. */
int resume_enable(struct tls_sites *t, const struct conf_resumption *r, struct str secret,
                  struct str listener) __attribute__((warn_unused_result));

/* Keep sessions of TLS 1.3 in store (borrowed) from now on, and only their numbers in tickets. */
void resume_keep(struct resume *r, struct session_store *store);

/* This connection's tickets are numbers: what it comes with, and what it gets. */
void resume_expect_number(struct tls_session *s);

/* The certificate of this session's client was accepted in a full handshake: it may have a
 * ticket. */
void resume_entitle(struct tls_session *s);

/* A handshake was finished with a resumed session: set the verdict on the client's certificate and
 * its term, by what the session says and what is known now. */
void resume_adopt(struct tls_session *s);

#endif
