/* One request's attempt to prove a password, a code, or both: whose failures it counts for, and
 * when. It is counted before anything is computed, so that a hundred guesses at once are a hundred;
 * one that equals another under way is not counted beside it, as it can tell nobody more. */
#ifndef AUTH_TRIES_H
#define AUTH_TRIES_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/lockout.h"
#include "auth/pairing.h"
#include "base/str.h"
#include "conf/model.h"

#define TRIES_FACTORS 2 /* as there are lockout_factors */

/* What an attempt counts for. */
struct tries_count {
    uint64_t key; /* 0: nothing */
    bool taken;   /* counted beforehand */
};

/* Cleared: nothing is counted. Members are private. */
struct tries {
    struct lockout *lockout;
    const struct conf_lockout *rule;
    struct lockout_who who;
    struct tries_count count[TRIES_FACTORS];
    uint64_t attempt; /* what was sent, as lockout_begin() is told */
    bool leads;       /* it began, so it ends it */
    bool over;        /* how it went was told */
    char own[PAIRING_NAME_MAX];
    char claimed[PAIRING_NAME_MAX];
};

/* Who tries. */
struct tries_who {
    const unsigned char *certificate; /* as lockout_who */
    struct str own;                   /* as the certificate spells it */
    struct str claimed;               /* as it came */
    bool compared;
    uint64_t network;
};

/* Count for who, names normalised by identity, from now on. lockout and rule are borrowed. */
void tries_begin(struct tries *t, struct lockout *lockout, const struct conf_lockout *rule,
                 const struct tries_who *who, const struct conf_identity *identity);

/* What was sent: name, password and code, each as it came; wiped by the caller. */
void tries_sent(struct tries *t, const struct str sent[3]);

/* The attempt counts for factor. Returns 0, or in how many milliseconds it may be made; an attempt
 * that equals one under way need not wait. */
uint64_t tries_ask(struct tries *t, enum lockout_factor factor, uint64_t mono_ms);

/* True if it is a certificate's own user who is counted, or its claims of others, all as one; and
 * at most one failure is. That one may be a slip, or this very attempt, under way elsewhere. Before
 * tries_take(), behind tries_ask() for LOCKOUT_PASSWORD. */
bool tries_trusted(const struct tries *t, uint64_t mono_ms);

/* Count it as failed for all that was asked, before it is made. known: the claimed user exists.
 * Returns as tries_ask(); then nothing was counted. */
uint64_t tries_take(struct tries *t, bool known, uint64_t mono_ms);

/* How it went; the first that is told counts. Without any the attempt stays counted: who goes away
 * before the answer has tried. */
void tries_failed(struct tries *t, bool known, uint64_t mono_ms);
/* The secrets were right, but not the right one's, or nothing was computed. */
void tries_give_back(struct tries *t);
/* The password was right, and the code if code is true: what failed of these is forgotten. */
void tries_passed(struct tries *t, bool code);

#endif
