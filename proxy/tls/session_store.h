/* Sessions that the proxy keeps itself: their tickets (TLS 1.3) and ids (1.2) are but numbers, and
 * resuming one decodes and decrypts nothing. One ring for each worker, that it alone writes, in
 * memory that all of them read; the newest of what a worker has put in itself it keeps as objects,
 * too. The oldest makes room. A number that is not known, any more or at all, is a full handshake.
 */
#ifndef PROXY_TLS_SESSION_STORE_H
#define PROXY_TLS_SESSION_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define SESSION_STORE_ID 32

/* The longest form of a session that is kept. */
#define SESSION_STORE_OCTETS 2004

/* Sessions that a worker keeps as objects, of some 9 KiB each, for those that come back at once; a
 * later one is decoded. Many would cost each full handshake more than they spare: its memory would
 * never be that of one a moment ago, still in the processor's caches (1,024: 6 %). */
#define SESSION_STORE_OBJECTS 64

struct session_region;
struct session_store;
struct ssl_session_st;

/* Shared memory for places sessions (to 10,000,000) of each of writers workers (to 1,024), made
 * before they are forked; 2 KiB each, taken when it is first used. NULL on a failure, or if either
 * is out of bounds. */
struct session_region *session_region_new(size_t places, unsigned writers);

/* Unmap it in this process; NULL is fine. It goes with the last process that has it. */
void session_region_free(struct session_region *r);

/* One worker's view, which writes the ring of that number (below writers); what the one before it
 * left there is its own. NULL without memory. */
struct session_store *session_store_open(struct session_region *r, unsigned writer);

/* Free the view, not the region; NULL is fine. */
void session_store_close(struct session_store *s);

/* A new number, with a place for it; what stands there stays until session_store_put(). Where many
 * numbers come to nothing, it is no longer quite the oldest that makes room. False on a failure of
 * the library: then id is not to be used. */
bool session_store_id(struct session_store *s, unsigned char id[SESSION_STORE_ID])
    __attribute__((warn_unused_result));

/* Keep session, whose id came from session_store_id() of s, until until_ms (monotonic clock,
 * rounded up to a second); with small, which says that its client sent few certificates, as an
 * object, too. False if it is not kept: it does not fit into 2 KiB, or the id is not one of s. */
bool session_store_put(struct session_store *s, struct ssl_session_st *session, bool small,
                       uint64_t until_ms);

/* The same for a session of other making, as octets that do not begin as one of OpenSSL's does
 * (0x30), under id. */
bool session_store_put_octets(struct session_store *s, const unsigned char id[SESSION_STORE_ID],
                              struct str octets, uint64_t until_ms);

/* The octets that were put in under that number, in out: how many, 0: there are none. Secret. */
size_t session_store_get_octets(struct session_store *s, const unsigned char *id, size_t n,
                                unsigned char out[SESSION_STORE_OCTETS]);

/* The session of that number, a reference for the caller, or NULL. */
struct ssl_session_st *session_store_get(struct session_store *s, const unsigned char *id,
                                         size_t n);

/* Sessions of this worker that are kept, those that are over but not wiped yet included. */
size_t session_store_count(const struct session_store *s);

/* Wipe those that are over among the next SESSION_STORE_SWEPT places. Returns in how many ms to do
 * so again: soon if a round is not over; behind one when the first is over, but not before a second
 * has gone, and within a minute, as one that came meanwhile may have less time; 0: none is left. */
#define SESSION_STORE_SWEPT 1024
uint64_t session_store_sweep(struct session_store *s, uint64_t mono_ms);

#endif
