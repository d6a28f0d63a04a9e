/* Server names, their certificates and client policies: one table a listener, made from its
 * configuration, never changed afterwards. */
#ifndef PROXY_TLS_SITE_H
#define PROXY_TLS_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/trust.h"
#include "base/str.h"
#include "conf/diag.h"
#include "conf/files.h"
#include "conf/model.h"

struct tls_sites;

/* What the proxy may know of one site; borrowed from the table. */
struct tls_site {
    const struct conf_site *conf;
    const struct trust *trust; /* NULL with mode off */
    unsigned char policy[32];  /* equal for sites that ask the same of clients */
    int64_t not_after_s;       /* of the server certificate */
};

/* Which private keys are opened. Those of tokens do not outlive a fork. */
enum tls_keys { TLS_KEYS_OF_FILES = 0, TLS_KEYS_ALL };

/* How a table is loaded. */
struct tls_options {
    enum tls_keys keys;
    bool insecure_key_permissions;
    const struct conf_tuning *tuning; /* NULL: OpenSSL as it is */
};

/* Load certificates, keys (encrypted ones with their passphrase file), CAs and CRLs of c through
 * files. Errors go to diags at the key's place: unreadable, key does not fit, certificate expired
 * (error) or not yet valid (error), expires within 14 days (warning), name not in the certificate
 * (warning), key file open to others (error unless insecure_key_permissions), weak key, narrow
 * library context of no use (warning). key: dotted path of the listener, e.g. "listeners[0]". A key
 * that is not opened, being in a token, leaves a site that cannot be used for handshakes. conf must
 * outlive the table. NULL on an error. */
struct tls_sites *tls_sites_load(const struct conf_listener *c, const struct tls_options *options,
                                 struct files *files, struct diags *diags, const char *key);

/* The name under which a set of files holds the secret of this process that ticket keys are derived
 * from, where the configuration names no file for it. */
#define TLS_TICKET_SECRET "(secret of this process)"

/* Let sessions of t, which was loaded for c, be resumed if r says so, with keys from
 * r->secret_file or TLS_TICKET_SECRET in files. To be called once, before the first session.
 * Errors (secret too short, or open to others unless insecure_key_permissions) go to diags. Returns
 * false on an error. */
bool tls_sites_resume(struct tls_sites *t, const struct conf_listener *c,
                      const struct conf_resumption *r, bool insecure_key_permissions,
                      struct files *files, struct diags *diags);

/* Whether some handshake with t may be our own (tuning.own_handshake), with resumption as r has it:
 * tickets with sealed sessions are OpenSSL's. */
bool tls_sites_own_handshakes(const struct tls_sites *t, const struct conf_resumption *r);

/* Reference counting, not atomic; sessions hold one. */
struct tls_sites *tls_sites_ref(struct tls_sites *t);
void tls_sites_unref(struct tls_sites *t);

/* The site for a server name (ASCII case folded, one trailing dot ignored; exact names first, then
 * "*.suffix" for exactly one label more), or the default site, or NULL if there is none. name
 * empty: no name was sent. Borrowed from t. */
const struct tls_site *tls_sites_find(const struct tls_sites *t, struct str name);

/* True if name is one that a client may send: of 1 to 255 octets of host names. Any other ends the
 * handshake with TLS_PROTOCOL_ERROR. */
bool tls_sites_is_name(struct str name);

/* Ask desk (borrowed) where a policy wants OCSP; to be called before the first session. */
void tls_sites_use_ocsp(struct tls_sites *t, struct ocsp_desk *desk);

struct certcache;

/* Remember good chains of clients in cache (borrowed); to be called before the first session. */
void tls_sites_use_cache(struct tls_sites *t, struct certcache *cache);

struct decoded;

/* Keep certificates of clients decoded in decoded (borrowed) where handshakes are our own; to be
 * called before the first session. */
void tls_sites_use_decoded(struct tls_sites *t, struct decoded *decoded);

struct session_store;

/* Keep sessions of TLS 1.3 in store (borrowed) where they can be resumed; to be called before the
 * first session. */
void tls_sites_use_store(struct tls_sites *t, struct session_store *store);

/* Number of sites, and each of them. */
size_t tls_sites_count(const struct tls_sites *t);
const struct tls_site *tls_sites_at(const struct tls_sites *t, size_t i);

#endif
