/* Owns: what a code is worth. Leaves computing codes, and what is remembered of them, to totp. Loop
 * thread. */
#include "auth/code.h"

#include "base/clock.h"

bool code_is_proven(const struct code_shown *s)
{
    return s->memory != NULL && s->certificate != NULL && s->user != NULL &&
           totp_remembered(s->memory, s->rule, s->user->name, s->user->totp_secret, s->certificate,
                           s->mono_ms);
}

struct code_worth code_weigh(const struct code_shown *s)
{
    struct code_worth w = {.reason = REASON_TOTP_MISSING};
    if (s->user == NULL || s->user->totp_secret.n == 0) {
        return w;
    }
    if (code_is_proven(s)) {
        w.reason = REASON_OK;
        w.proven = true;
        return w;
    }
    if (s->code.n == 0) {
        return w;
    }
    if (!totp_match(s->rule, s->user->totp_secret, s->code, clock_wall_ms(), &w.step)) {
        w.reason = REASON_TOTP_WRONG;
    } else if (s->memory != NULL &&
               totp_used(s->memory, s->user->name, s->user->totp_secret, w.step)) {
        w.reason = REASON_TOTP_REPLAYED;
    } else {
        w.reason = REASON_OK;
    }
    return w;
}

enum reason code_use(const struct code_shown *s, const struct code_worth *w)
{
    if (w->reason != REASON_OK || w->proven || s->memory == NULL) {
        return w->reason;
    }
    if (!totp_use(s->memory, s->user->name, s->user->totp_secret, w->step)) {
        return REASON_TOTP_REPLAYED;
    }
    if (s->certificate != NULL && s->rule->remember_ms > 0) {
        totp_remember(s->memory, s->user->name, s->user->totp_secret, s->certificate, s->mono_ms);
    }
    return REASON_OK;
}
