/* The CA's process: its key, its database, the API on its socket, and what time brings. */
#ifndef CA_SERVE_H
#define CA_SERVE_H

#include <signal.h>

#include "base/err.h"
#include "base/log.h"
#include "ca/entry.h"
#include "conf/model.h"

/* What the world is told, and what is served besides. */
struct serve_hooks {
    void (*deny_changed)(void *arg); /* the deny file has changed: the proxies should look */
    void *arg;
    const struct entry_way *ways; /* further ways in */
    size_t way_count;
};

/* Serve until *stop is set by a signal. The caller has given up its rights before, but for those
 * that the key's file needs. Returns 0, or a negative err_code with e if it cannot begin. */
int serve(const struct conf *conf, const struct serve_hooks *hooks, struct log *log,
          const volatile sig_atomic_t *stop, struct err *e) __attribute__((warn_unused_result));

#endif
