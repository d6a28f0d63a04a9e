/* The server side of one TLS connection as an engine: cipher octets in, plain octets out, and the
 * other way round. No socket. */
#ifndef PROXY_TLS_SESSION_H
#define PROXY_TLS_SESSION_H

#include <openssl/x509.h>

#include "base/buf.h"
#include "base/reason.h"
#include "base/str.h"
#include "proxy/tls/result.h"
#include "proxy/tls/site.h"

struct tls_session;
struct deny;
struct deny_chain;

/* A session that starts with sites (a reference is taken), or NULL without memory. */
struct tls_session *tls_session_new(struct tls_sites *sites);

/* Before the handshake: refuse certificates that are in *deny then (borrowed; *deny may change, and
 * be NULL). */
void tls_session_withdraw(struct tls_session *s, const struct deny *const *deny);

/* Free it; NULL is fine. */
void tls_session_free(struct tls_session *s);

/* Lend octets to the engine: they are read by the calls below until tls_session_settle(), which
 * copies what is left over. Between the two no second input may be given. */
void tls_session_input(struct tls_session *s, struct str octets);

/* Keep a copy of the lent octets that were not read. Returns 0 or -ERR_NOMEM. */
int tls_session_settle(struct tls_session *s) __attribute__((warn_unused_result));

/* Forget the lent octets that were not read: the connection is over. */
void tls_session_unlend(struct tls_session *s);

/* True if unread octets are kept: reading may go on without new input. False after TLS_WANT. */
bool tls_session_has_input(const struct tls_session *s);

/* False if tls_session_read() could only say TLS_WANT: all that came is read. */
bool tls_session_may_read(const struct tls_session *s);

/* Go on with the handshake. */
enum tls_result tls_session_handshake(struct tls_session *s);

/* Read plain octets into out[max]; *n > 0 on TLS_OK. With max of at least TLS_SESSION_READ_ROOM
 * nothing is copied on the way. */
#define TLS_SESSION_READ_ROOM (16384 + 256)
enum tls_result tls_session_read(struct tls_session *s, char *out, size_t max, size_t *n);

/* Octets that tls_session_out() holds at most. */
#define TLS_SESSION_OUT_MAX ((size_t)1 << 20)

/* Encrypt octets into tls_session_out(). All of them are taken on TLS_OK; more than fits there ends
 * the session with REASON_OUT_OF_MEMORY, so send what waits first. */
enum tls_result tls_session_write(struct tls_session *s, struct str octets);

/* Queue our close_notify. Idempotent. */
void tls_session_shutdown(struct tls_session *s);

/* Cipher octets that wait to be sent; the caller consumes what it took. */
struct buf *tls_session_out(struct tls_session *s);

/* Why TLS_FAILED; REASON_PLAIN_HTTP_ON_TLS_PORT when the client spoke HTTP. */
enum reason tls_session_reason(const struct tls_session *s);

/* OpenSSL's words for the failure, for the log; borrowed, "" if none. */
struct str tls_session_detail(const struct tls_session *s);

/* After the handshake: the site that was chosen, the name that was sent (empty: none; borrowed). */
const struct tls_site *tls_session_site(const struct tls_session *s);
struct str tls_session_name(const struct tls_session *s);

/* After the handshake: the client's certificate (borrowed until tls_session_idle(); NULL: none
 * sent, or no memory to decode it again) and the verdict on it: REASON_OK, CLIENT_CERT_MISSING, or
 * why it was not accepted (on_failure answer). */
X509 *tls_session_peer(const struct tls_session *s);
enum reason tls_session_peer_reason(const struct tls_session *s);

/* How long that REASON_OK holds. */
struct trust_term tls_session_peer_term(const struct tls_session *s);

/* After the handshake: what the client's certificate may be withdrawn by, its chain as far as it
 * was built; borrowed. Empty without a certificate. */
const struct deny_chain *tls_session_deny_keys(const struct tls_session *s);

/* Judge the client's certificate anew by another trust (after a reload); *term: as of
 * trust_judge(). A resumed session has no chain: its certificate is of an unknown CA then if it
 * needs one that is not in the CA bundle. */
enum reason tls_session_judge(const struct tls_session *s, const struct trust *t, int64_t wall_ms,
                              struct trust_term *term);

/* What t knows by now of the client's certificate, which it has found good before: its dates, and
 * what lists and responders say; see trust_ask_again(). The responder is asked again when it is
 * time. */
enum reason tls_session_ask_again(const struct tls_session *s, const struct trust *t,
                                  int64_t wall_ms);

/* True if an earlier session was resumed: then there is a certificate, but no chain. */
bool tls_session_resumed(const struct tls_session *s);

/* The chain by which t finds the client's certificate good, as trust_chain(). */
STACK_OF(X509) *
    tls_session_chain(const struct tls_session *s, const struct trust *t, int64_t wall_ms);

/* "TLSv1.3", "TLS_AES_128_GCM_SHA256"; borrowed static texts. */
struct str tls_session_version(const struct tls_session *s);
struct str tls_session_cipher(const struct tls_session *s);

/* Give back what an idle connection need not keep: buffers, the decoded certificate. */
void tls_session_idle(struct tls_session *s);

#endif
