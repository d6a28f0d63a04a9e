/* Which library context of OpenSSL handshakes use, a narrow one where that helps and works, and
 * which algorithms of it. For proxy/tls and the load tool. */
#ifndef PROXY_TLS_LIBRARY_H
#define PROXY_TLS_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

#include "base/str.h"

struct conf_tuning;

/* The narrow context, or NULL: the default one. Tried once a process, by handshakes with
 * itself that must end as they do in the default one; any thread. *why: NULL, or why neither it nor
 * the query below is used although it should help: it does not work. */
OSSL_LIB_CTX *library_context(const char **why);

/* The property query by which a server, with the default context, gets its key derivation from us;
 * without own_key_schedule, with either context, OpenSSL's by which keys are heard nevertheless.
 * Tried in the same way. NULL: none is needed, or it does not work. */
const char *library_query(bool own_key_schedule);

/* True if the traffic keys of handshakes in the narrow context, or with that query, are heard, and
 * records can be protected with them: tried with it. */
bool library_hears_keys(void);

/* True if the system has set OpenSSL up in its own way: FIPS, or other providers than the default
 * one for what TLS needs. Then it is left alone. */
bool library_is_set_up(void);

/* True if schemes, two octets each by preference (RFC 8446 4.2.3), are what servers with it let
 * clients of TLS 1.3 sign with, but for SHA-224, which is for certificates alone: neither the
 * system nor a later OpenSSL wants others. */
bool library_offers_just(struct str schemes);

/* True if handshakes of our own are done with t: what they take of it is switched on, the narrow
 * context is in use (OpenSSL 3.0 and 3.1, where they are tested), its keys are heard, and it offers
 * just the signatures that proof.h knows. What else a listener or a site has is not asked. */
bool library_shakes_hands(const struct conf_tuning *t);

enum library_way {
    LIBRARY_AS_IT_IS = 0, /* a version that nobody has looked at */
    LIBRARY_NARROW,       /* a narrow context */
    LIBRARY_BESIDE        /* the default one, with the query: keys are read quickly in it */
};

/* What is tried with that version of OpenSSL. A later one may agree with clients on more than
 * records.c knows of, such as how long a record may be (RFC 8449). */
enum library_way library_way(unsigned major, unsigned minor);

#endif
