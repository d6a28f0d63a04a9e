/* Giving up root for good. Private to proxy/proc. */
#ifndef PROXY_PROC_PRIVDROP_H
#define PROXY_PROC_PRIVDROP_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct privdrop {
    bool wanted;   /* false: privdrop_now() does nothing */
    bool new_user; /* uid differs from the process's */
    uid_t uid;
    gid_t gid;
    char user[64]; /* for the supplementary groups; empty: none are taken */
};

/* True if the user database has that name. */
bool privdrop_knows_user(const char *user);
bool privdrop_knows_group(const char *group);

/* Look up user and group (either may be NULL: unchanged, or the user's own group). Returns 0,
 * -ERR_NOT_FOUND (no such user or group) or -ERR_DENIED (this process may not change to it), with e
 * naming the key. */
int privdrop_find(const char *user, const char *group, struct privdrop *out, struct err *e)
    __attribute__((warn_unused_result));

/* Change to it, and prove that there is no way back. Returns 0 or -ERR_DENIED with e; the process
 * must then end. */
int privdrop_now(const struct privdrop *p, struct err *e) __attribute__((warn_unused_result));

#endif
