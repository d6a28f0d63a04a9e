/* What a reload cannot change. Private to proxy/proc. */
#ifndef PROXY_PROC_FIXED_H
#define PROXY_PROC_FIXED_H

#include "conf/model.h"

/* Calls each(arg, key) for every key whose new value needs a restart. */
void fixed_differences(const struct conf *old, const struct conf *now,
                       void (*each)(void *arg, const char *key), void *arg);

#endif
