/* Descriptors that a service manager hands over. Private to proxy/net. */
#ifndef PROXY_NET_LISTEN_SYSTEMD_H
#define PROXY_NET_LISTEN_SYSTEMD_H

#include "base/err.h"

/* The descriptor called name among LISTEN_FDS and LISTEN_FDNAMES, if LISTEN_PID is this process
 * (sd_listen_fds(3)). It stays where it is; it is not duplicated. Returns it, -ERR_NOT_FOUND,
 * -ERR_CONFIG (the name stands for several), or -ERR_MALFORMED (unusable environment), with e. */
int listen_systemd_find(const char *name, struct err *e);

#endif
