/* How many connections there may be: in all, and of one network. Counted in shared memory over all
 * workers, a table a worker, so that a dead worker's counts can be dropped. */
#ifndef PROXY_SERVER_ADMIT_H
#define PROXY_SERVER_ADMIT_H

#include "base/addr.h"
#include "base/reason.h"

struct admit_region;
struct admit;

/* Tables for workers workers, entries addresses each, mapped before fork. NULL on failure. */
struct admit_region *admit_region_new(unsigned workers, unsigned entries);
void admit_region_free(struct admit_region *r);

/* Forget what worker i counted: it has died. */
void admit_clear(struct admit_region *r, unsigned i);

/* The view of worker i; freed with admit_free(). NULL without memory. */
struct admit *admit_open(struct admit_region *r, unsigned i);
void admit_free(struct admit *a);

/* Count a connection from peer in, if connections_max (over all workers) and per_address_max (0 =
 * no limit) allow. Returns REASON_OK, or CONNECTIONS_MAX or CONNECTIONS_PER_ADDRESS_MAX and counts
 * nothing. A full table admits: the first limit still holds. */
enum reason admit_enter(struct admit *a, const struct addr *peer, uint32_t connections_max,
                        uint32_t per_address_max);

/* Count it out again. */
void admit_leave(struct admit *a, const struct addr *peer);

#endif
