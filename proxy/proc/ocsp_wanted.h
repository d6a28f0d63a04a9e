/* Which configurations ask OCSP responders. Private to proxy/proc. */
#ifndef PROXY_PROC_OCSP_WANTED_H
#define PROXY_PROC_OCSP_WANTED_H

#include <stdint.h>

#include "conf/model.h"

/* The shortest client.ocsp.keep_min in ms of all sites that ask responders; 0 if none does. */
uint32_t ocsp_wanted(const struct conf *conf);

#endif
