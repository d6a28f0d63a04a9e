/* What is noted beside a session that may be resumed, and the decision on one that comes back.
 * Private to proxy/tls. On the worker's thread. */
#ifndef PROXY_TLS_RESUME_NOTE_H
#define PROXY_TLS_RESUME_NOTE_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "auth/revoke/deny.h"
#include "auth/trust_term.h"
#include "base/reason.h"
#include "base/str.h"
#include "proxy/tls/site_inner.h"

struct session_store;
struct ticket_keys;
struct tls_session;

/* What the sites of one listener need. */
struct resume {
    struct ticket_keys *keys; /* owned */
    uint32_t life_ms;
    uint32_t life_total_ms;
    uint32_t rotate_ms;
    struct session_store *store; /* borrowed; NULL: sessions are in their tickets */
};

/* What a note says, in this order, numbers with the highest octet first. */
enum {
    NOTE_VERSION = 3,
    NOTE_FIXED = 1 + 8 + 8 + 8 + 1 + SITE_BINDING + 1 + 1,
    NOTE_MAX = NOTE_FIXED + DENY_CHAIN_MAX * (int)sizeof(struct deny_keys) + SITE_NAME_MAX
};

struct note {
    int64_t first_ms;       /* when the full handshake was */
    int64_t issued_ms;      /* when this ticket was made */
    struct trust_term term; /* of the full handshake's verdict */
    struct str binding;
    struct deny_chain chain; /* of the full handshake */
    struct str name;
};

/* Write the note of s, whose handshake is at its end, in out: of a session that began now, or of
 * one that was resumed. Returns its octets. *end_ms: until when, on the monotonic clock, it can
 * hold (0 where nothing is resumed). */
size_t note_write(const struct tls_session *s, bool resumed, unsigned char out[NOTE_MAX],
                  uint64_t *end_ms);

/* Judge the session of a client with certificate leaf (NULL: none), beside which octets are noted:
 * REASON_OK if s may go on with it now; *note borrows from octets. */
enum reason note_judge(const struct tls_session *s, X509 *leaf, struct str octets,
                       struct note *note);

/* As a sealed ticket ends with its key, so does one that is a number: with the second change of
 * keys after made_ms. */
bool note_outlived_key(const struct resume *r, int64_t made_ms);

#endif
