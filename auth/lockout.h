/* Who tried too often waits: failures counted over all workers, each one past a limit doubling the
 * time until the next attempt. auth/tries asks it for the gate. */
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

/* What is counted: every attempt that failed, and apart from it those that a one-time code was
 * asked of. So who knows a password cannot have his guesses at the code forgotten by using it where
 * no code is asked for. */
enum lockout_factor { LOCKOUT_PASSWORD = 0, LOCKOUT_CODE };

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
uint64_t lockout_key(const struct lockout *l, const struct lockout_who *who,
                     enum lockout_factor factor);

/* In how many milliseconds key may try; 0: now. Changes nothing. */
uint64_t lockout_wait(struct lockout *l, const struct conf_lockout *rule, uint64_t key,
                      uint64_t mono_ms);

/* How many failures of key are counted, those of attempts under way included. */
uint64_t lockout_count(struct lockout *l, const struct conf_lockout *rule, uint64_t key,
                       uint64_t mono_ms);

/* A failure, to be counted. */
struct lockout_failure {
    const struct lockout_who *who;
    enum lockout_factor factor;
    bool known; /* the claimed user exists, so that the name may be kept; names that nobody has may
                   be passwords typed into the wrong field */
    uint64_t mono_ms;
};

/* Count a failure before it has happened: so many attempts at once are as many as one after the
 * other. Returns 0, or, with nothing counted, in how many milliseconds key may try. What was taken
 * goes to one of the next three. */
uint64_t lockout_take(struct lockout *l, const struct conf_lockout *rule, uint64_t key,
                      const struct lockout_failure *of);

/* The attempt was not made: it counts for nothing. */
void lockout_give_back(struct lockout *l, uint64_t key);

/* It failed, and is counted already; again, if a success of another had it forgotten meanwhile. */
void lockout_keep(struct lockout *l, const struct conf_lockout *rule, uint64_t key,
                  const struct lockout_failure *of);

/* An attempt succeeded: the failures of this key, and of no other, are forgotten. */
void lockout_passed(struct lockout *l, uint64_t key);

/* An attempt that was not taken failed. If key has to wait by now, that does not prolong it. */
void lockout_failed(struct lockout *l, const struct conf_lockout *rule, uint64_t key,
                    const struct lockout_failure *of);

/* The key of one attempt under key: of what was sent with it, which may be secret. 0: it is like no
 * other. */
uint64_t lockout_attempt(const struct lockout *l, uint64_t key, const struct str sent[3]);

/* Take note that attempt is under way. Returns false if an equal one is, in any worker: then this
 * one tells nobody more than that one does. */
bool lockout_begin(struct lockout *l, uint64_t attempt, uint64_t mono_ms);

/* True if an equal one is under way. */
bool lockout_begun(struct lockout *l, uint64_t attempt, uint64_t mono_ms);

/* The attempt that began is over. One that is not ended is so by itself after a while. */
void lockout_end(struct lockout *l, uint64_t attempt);

/* Forget every key of the user with that normalised name, of certificates too. Returns how many. */
unsigned lockout_unlock(struct lockout *l, struct str normal);

/* Append a JSON array of who is counted now, at most max. Returns as buf_append. */
int lockout_render(const struct lockout *l, const struct conf_lockout *rule, uint64_t mono_ms,
                   unsigned max, struct buf *out) __attribute__((warn_unused_result));

#endif
