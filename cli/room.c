/* Owns: what one of each takes, and the sum. Not: the bounds (conf). The figures are those of
 * docs/performance.md. One thread. */
#include "cli/room.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "proxy/tls/library.h"
#include "proxy/tls/session_store.h"
#include "proxy/tls/site.h"

#define KIB             UINT64_C(1024)
#define MIB             (KIB * KIB)
#define LEAN_BYTES      (5 * KIB)  /* one that idles, with a client certificate of 450 octets */
#define WHOLE_BYTES     (27 * KIB) /* the same where OpenSSL frames the records */
#define WHOLE_3_2_BYTES (36 * KIB) /* and is 3.2 or later, as measured with 3.5 */
#define SESSION_BYTES   (2 * KIB)
#define OBJECT_BYTES    (9 * KIB) /* a session as the worker keeps it that made it */
#define CHAIN_BYTES     UINT64_C(280)
#define DECODED_BYTES   (8 * KIB) /* a certificate, with tuning.own_handshake */
#define PASSWORD_BYTES  UINT64_C(80)

/* The least TLS version that some listener speaks is 1.2. */
static bool speaks_1_2(const struct conf *conf)
{
    bool found = false;
    for (size_t i = 0; i < conf->listener_count; i++) {
        found = found || conf->listeners[i].min_version != CONF_TLS_1_3;
    }
    return found;
}

static uint64_t whole_bytes(void)
{
    bool later = OPENSSL_version_major() > 3 || OPENSSL_version_minor() >= 2;
    return later ? WHOLE_3_2_BYTES : WHOLE_BYTES;
}

/* Whether some handshake may be our own: then certificates stay decoded. */
static bool decodes(const struct runtime *r)
{
    bool found = false;
    for (size_t i = 0; i < r->conf->listener_count; i++) {
        found = found || tls_sites_own_handshakes(r->sites[i], &r->conf->resumption);
    }
    return found;
}

struct room room_of(const struct runtime *r, uint32_t workers)
{
    const struct conf *conf = r->conf;
    const struct conf_resumption *again = &conf->resumption;
    const struct conf_tuning *t = &conf->tuning;
    bool lean = t->own_records && t->narrow_crypto && library_hears_keys();
    uint64_t kept = again->enabled && again->secret_file.p == NULL ? again->keep_max : 0;
    uint64_t objects = (uint64_t)SESSION_STORE_OBJECTS * workers;
    struct room room = {
        .connection = lean ? LEAN_BYTES : whole_bytes(),
        .connection_1_2 = speaks_1_2(conf) ? whole_bytes() : 0,
        .sessions = kept * SESSION_BYTES + (kept < objects ? kept : objects) * OBJECT_BYTES,
        .workers = workers,
    };
    if (t->remember_chains_ms > 0) {
        room.caches_a_worker += t->remember_chains_max * CHAIN_BYTES;
    }
    if (decodes(r)) {
        room.caches_a_worker += t->remember_certificates_max * DECODED_BYTES;
    }
    if (conf->users.remember_ms > 0) {
        room.caches_a_worker += conf->users.remember_max * PASSWORD_BYTES;
    }
    uint64_t each = room.connection_1_2 > room.connection ? room.connection_1_2 : room.connection;
    room.all =
        conf->limits.connections * each + room.sessions + room.workers * room.caches_a_worker;
    return room;
}

/* Rounded up. */
static uint64_t mib(uint64_t bytes)
{
    return (bytes + MIB - 1) / MIB;
}

void room_print(const struct runtime *r)
{
    const struct conf *conf = r->conf;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t workers = conf->process.workers;
    if (workers == 0) {
        workers = cores > 0 ? (uint32_t)cores : 1;
    }
    struct room room = room_of(r, workers);
    uint64_t n = conf->limits.connections;
    (void)printf("memory: %" PRIu64 " idle connections %" PRIu64 " MiB (%" PRIu64 " KiB each), ", n,
                 mib(n * room.connection), room.connection / KIB);
    if (room.connection_1_2 > room.connection) {
        (void)printf("of TLS 1.2 %" PRIu64 " MiB (%" PRIu64 " KiB each), ",
                     mib(n * room.connection_1_2), room.connection_1_2 / KIB);
    }
    (void)printf("kept sessions %" PRIu64 " MiB, remembered by each of %" PRIu64 " workers %" PRIu64
                 " MiB: at most about %" PRIu64 " MiB in all\n",
                 mib(room.sessions), room.workers, mib(room.caches_a_worker), mib(room.all));
}
