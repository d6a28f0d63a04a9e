/* Who tried too often waits: failures counted over all workers, each one past a limit doubling the
 * time until the next attempt. */
#ifndef AUTH_LOCKOUT_H
#define AUTH_LOCKOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/slots.h"
#include "base/buf.h"
#include "base/str.h"
#include "conf/model.h"

#define LOCKOUT_NAME_MAX 48 /* octets of a name that are kept to be shown */

struct lockout;

/* Whose failures they are. A peer with an accepted certificate is counted by that certificate, so
 * that it can lock out itself at most; any other by its network (addr_count_key: one IPv4 address,
 * one IPv6 /64) and the name that it claims, known or not. */
struct lockout_who {
    const unsigned char *certificate; /* SHA-256 of the accepted certificate; NULL: none */
    struct str own;     /* normalised name that the certificate stands for; may be empty */
    struct str claimed; /* normalised; empty: a name that nobody can have */
    bool compared;      /* the claimed name has to be the certificate's: then claims of others are
                           counted together, or else each apart */
    uint64_t network;
};

/* Shared by processes forked later; about entries keys are remembered. NULL on failure. */
struct lockout *lockout_new(size_t entries);
void lockout_free(struct lockout *l);

/* The key under which failures of who are counted; 0 on a failure of the library: then nothing is
 * counted. */
uint64_t lockout_key(const struct lockout *l, const struct lockout_who *who);

/* May key try? Returns 0, or in how many milliseconds it may. Past the limit one attempt at a time
 * is let through, and counted at once: then *reserved is true and a failure is not to be counted
 * again. */
uint64_t lockout_ask(struct lockout *l, const struct conf_lockout *rule, uint64_t key,
                     uint64_t mono_ms, bool *reserved);

/* An attempt that was not reserved failed. known: the claimed user exists, so that the name may be
 * kept; names that nobody has may be passwords typed into the wrong field. Failures of attempts
 * that began before key was locked do not prolong it. */
void lockout_failed(struct lockout *l, const struct conf_lockout *rule, uint64_t key,
                    const struct lockout_who *who, bool known, uint64_t mono_ms);

/* An attempt succeeded: the failures of this key, and of no other, are forgotten. */
void lockout_passed(struct lockout *l, uint64_t key);

/* Forget every key of the user with that normalised name, of certificates too. Returns how many. */
unsigned lockout_unlock(struct lockout *l, struct str normal);

/* Append a JSON array of who is counted now, at most max. Returns as buf_append. */
int lockout_render(const struct lockout *l, const struct conf_lockout *rule, uint64_t mono_ms,
                   unsigned max, struct buf *out) __attribute__((warn_unused_result));

#endif
