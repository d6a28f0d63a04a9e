/* Opening connections. */
#ifndef PROXY_NET_DIAL_H
#define PROXY_NET_DIAL_H

#include "base/addr.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream.h"

struct dial;

/* Told once, never inside dial_start(): s is a paused stream without user, now the callee's, or
 * NULL with error as a negated errno (-ETIMEDOUT after timeout_ms). */
typedef void (*dial_done_fn)(void *arg, struct stream *s, int error);

/* Connect to a (ADDR_INET, ADDR_UNIX, or ADDR_NAME, which is resolved off the loop and whose
 * addresses are tried in order, each with its share of the time that is left; -EHOSTUNREACH if the
 * name has none). TCP_NODELAY is set. Returns NULL if it cannot even start; done then never comes.
 * The dial is gone when done is called. */
struct dial *dial_start(struct loop *l, const struct addr *a, uint32_t timeout_ms,
                        dial_done_fn done, void *arg);

/* The caller no longer wants it: done will not come. NULL is fine. */
void dial_cancel(struct dial *d);

#endif
