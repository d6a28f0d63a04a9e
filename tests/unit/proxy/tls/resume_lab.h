/* For tests of resumption: sites that resume, who visits them, and who comes again. */
#ifndef TESTS_UNIT_PROXY_TLS_RESUME_LAB_H
#define TESTS_UNIT_PROXY_TLS_RESUME_LAB_H

#include "proxy/tls/resume.h"
#include "proxy/tls/session_store.h"
#include "tests/unit/proxy/tls/lab_client.h"

#define MINUTE_MS       INT64_C(60000)
#define NOW_MS          (PKI_NOW_S * 1000)
#define RESUME_LISTENER "127.0.0.1:8443"

/* Where sessions are kept: by the one who comes to give tickets, and by the one who is come to
 * again. Both NULL: in their tickets. */
extern struct session_store *resume_giver;
extern struct session_store *resume_taker;

/* TLS 1.2 and 1.3. */
extern const int resume_versions[2];

/* What keys of tickets are made of. */
extern const char resume_secret[];

/* Tickets of an hour, two hours in all. */
extern const struct conf_resumption resume_policy;

/* A setting that is still there when the table is used; good until the 8th next call. */
struct lab_setting *resume_setting(enum conf_client_mode mode, enum conf_on_failure on_failure);

/* Sites of a setting that resume, with this secret and listener. For the caller to unref. */
struct tls_sites *resume_sites_with(struct lab_setting *s, const char *key, const char *listener);

/* The same with resume_secret and RESUME_LISTENER. */
struct tls_sites *resume_sites(enum conf_client_mode mode, enum conf_on_failure on_failure);

/* With TLS 1.2 a session that is kept has one number for all its life. */
bool resume_has_one_number(int version);

/* What a client shows of its session when it comes again: the ticket, or the id where there is
 * none. Borrowed from session. */
struct str resume_shown(const SSL_SESSION *session);

/* The session of a client that is about to part, as one that says goodbye. For the caller to
 * free. */
SSL_SESSION *resume_take(const struct lab_client *c);

/* What a visit to t with cert (NULL: without) leaves; NULL if nothing that could be resumed. */
SSL_SESSION *resume_visit(struct tls_sites *t, int version, X509 *cert, const char *name);

/* The same with a good certificate; never NULL. */
SSL_SESSION *resume_good_visit(struct tls_sites *t, int version, const char *name);

/* Come again with a kept session; *next (may be NULL): the session after it. Returns whether it was
 * resumed; either way the handshake must be finished, and bring alice's certificate. */
bool resume_again(struct tls_sites *t, int version, SSL_SESSION *kept, const char *name,
                  SSL_SESSION **next);

#endif
