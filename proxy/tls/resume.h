/* Resumption, by numbers of sessions that are kept (RFC 5246 7.3, RFC 8446 4.6.1) or by tickets
 * that hold them (RFC 5077): who gets one, and which of those that come back is good. Private to
 * proxy/tls. */
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

/* Keep the sessions of t in store (borrowed; NULL: seal them into tickets) from now on: clients get
 * only their numbers, as tickets with TLS 1.3, as ids of sessions with 1.2. Without effect where
 * nothing is resumed. */
void resume_keep(struct tls_sites *t, struct session_store *store);

/* The site is chosen: say whether what this connection comes with, and gets, are numbers. */
void resume_begin(struct tls_session *s);

/* The certificate of this session's client was accepted in a full handshake: it may have a
 * ticket. */
void resume_entitle(struct tls_session *s);

/* A full handshake was finished: with TLS 1.2 its session is kept now if it is to be kept. The id
 * was sent before the client had shown who it is, and leads to nothing otherwise. */
void resume_finished(struct tls_session *s);

/* A handshake was finished with a resumed session: set the verdict on the client's certificate and
 * its term, by what the session says and what is known now. */
void resume_adopt(struct tls_session *s);

#endif
