/* Owns: what one of each takes, and the sum. Not: the bounds (conf). The figures are those of
 * docs/performance.md. One thread. */
#include "cli/room.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define KIB              UINT64_C(1024)
#define MIB              (KIB * KIB)
#define CONNECTION_BYTES (27 * KIB) /* one that idles, with a client certificate of 450 octets */
#define SESSION_BYTES    (8 * KIB)  /* shared and in the worker that made it */
#define CHAIN_BYTES      UINT64_C(280)
#define PASSWORD_BYTES   UINT64_C(80)

struct room room_of(const struct conf *conf, uint32_t workers)
{
    const struct conf_resumption *r = &conf->resumption;
    bool kept = r->enabled && r->secret_file.p == NULL;
    struct room room = {
        .connections = conf->limits.connections * CONNECTION_BYTES,
        .sessions = kept ? r->keep_max * SESSION_BYTES : 0,
        .workers = workers,
    };
    if (conf->tuning.remember_chains_ms > 0) {
        room.caches_a_worker += conf->tuning.remember_chains_max * CHAIN_BYTES;
    }
    if (conf->users.remember_ms > 0) {
        room.caches_a_worker += conf->users.remember_max * PASSWORD_BYTES;
    }
    room.all = room.connections + room.sessions + room.workers * room.caches_a_worker;
    return room;
}

/* Rounded up. */
static uint64_t mib(uint64_t bytes)
{
    return (bytes + MIB - 1) / MIB;
}

void room_print(const struct conf *conf)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t workers = conf->process.workers;
    if (workers == 0) {
        workers = cores > 0 ? (uint32_t)cores : 1;
    }
    struct room room = room_of(conf, workers);
    (void)printf("memory: %" PRIu32 " idle connections %" PRIu64 " MiB (%" PRIu64
                 " KiB each), kept sessions %" PRIu64 " MiB, remembered by each of %" PRIu64
                 " workers %" PRIu64 " MiB: at most about %" PRIu64 " MiB in all\n",
                 conf->limits.connections, mib(room.connections), CONNECTION_BYTES / KIB,
                 mib(room.sessions), room.workers, mib(room.caches_a_worker), mib(room.all));
}
