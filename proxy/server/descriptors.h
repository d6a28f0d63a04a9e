/* How many of a worker's descriptors clients may have. The others are kept back: for connections to
 * upstreams, or those who came in could not be served; and for what the master hands over, such as
 * a deny list, without which the worker could not go on. */
#ifndef PROXY_SERVER_DESCRIPTORS_H
#define PROXY_SERVER_DESCRIPTORS_H

#include <stdint.h>

#include "conf/model.h"

/* Of limit descriptors (RLIMIT_NOFILE; RLIM_INFINITY is a number like others). Half of what the
 * worker does not need itself, as a connection of a client has one to an upstream at most; more
 * where there cannot be as many of those. */
uint64_t descriptors_for_clients(const struct conf *conf, uint64_t limit);

#endif
