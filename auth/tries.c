/* Owns: when one attempt is counted, for which factors. Leaves counts and delays to lockout,
 * secrets to the gate. Loop thread. */
#include "auth/tries.h"

static struct str normalise(struct str name, const struct conf_identity *identity,
                            char out[PAIRING_NAME_MAX])
{
    size_t n = 0;
    return pairing_normalise(name, identity, out, &n) ? (struct str){out, n} : STR_NONE;
}

void tries_begin(struct tries *t, struct lockout *lockout, const struct conf_lockout *rule,
                 const struct tries_who *who, const struct conf_identity *identity)
{
    t->lockout = lockout;
    t->rule = rule;
    t->who = (struct lockout_who){
        .certificate = who->certificate, .compared = who->compared, .network = who->network};
    t->who.claimed = normalise(who->claimed, identity, t->claimed);
    t->who.own = who->certificate != NULL ? normalise(who->own, identity, t->own) : STR_NONE;
}

void tries_sent(struct tries *t, const struct str sent[3])
{
    if (t->lockout != NULL && t->attempt == 0) {
        t->attempt = lockout_attempt(t->lockout, t->count[LOCKOUT_PASSWORD].key, sent);
    }
}

uint64_t tries_ask(struct tries *t, enum lockout_factor factor, uint64_t mono_ms)
{
    if (t->lockout == NULL) {
        return 0;
    }
    struct tries_count *c = &t->count[factor];
    if (c->key == 0) {
        c->key = lockout_key(t->lockout, &t->who, factor);
    }
    uint64_t wait_ms = lockout_wait(t->lockout, t->rule, c->key, mono_ms);
    return wait_ms != 0 && lockout_begun(t->lockout, t->attempt, mono_ms) ? 0 : wait_ms;
}

bool tries_trusted(const struct tries *t, uint64_t mono_ms)
{
    uint64_t key = t->count[LOCKOUT_PASSWORD].key;
    return t->lockout != NULL && key != 0 && t->who.certificate != NULL && t->who.compared &&
           lockout_count(t->lockout, t->rule, key, mono_ms) <= 1;
}

static struct lockout_failure failure_of(const struct tries *t, size_t factor, bool known,
                                         uint64_t mono_ms)
{
    return (struct lockout_failure){&t->who, (enum lockout_factor)factor, known, mono_ms};
}

/* Give back what was taken. */
static void untake(struct tries *t)
{
    for (size_t i = 0; i < TRIES_FACTORS; i++) {
        if (t->count[i].taken) {
            lockout_give_back(t->lockout, t->count[i].key);
            t->count[i].taken = false;
        }
    }
}

static void end(struct tries *t)
{
    if (t->leads) {
        lockout_end(t->lockout, t->attempt);
        t->leads = false;
    }
    t->over = true;
}

uint64_t tries_take(struct tries *t, bool known, uint64_t mono_ms)
{
    for (size_t i = 0; i < TRIES_FACTORS; i++) {
        struct lockout_failure of = failure_of(t, i, known, mono_ms);
        if (t->count[i].key == 0) {
            continue;
        }
        uint64_t wait_ms = lockout_take(t->lockout, t->rule, t->count[i].key, &of);
        if (wait_ms != 0) {
            untake(t);
            return lockout_begun(t->lockout, t->attempt, mono_ms) ? 0 : wait_ms;
        }
        t->count[i].taken = true;
    }
    if (t->attempt != 0) {
        t->leads = lockout_begin(t->lockout, t->attempt, mono_ms);
        if (!t->leads) {
            untake(t);
        }
    }
    return 0;
}

void tries_failed(struct tries *t, bool known, uint64_t mono_ms)
{
    if (t->over) {
        return;
    }
    for (size_t i = 0; i < TRIES_FACTORS; i++) {
        struct lockout_failure of = failure_of(t, i, known, mono_ms);
        if (t->count[i].key == 0) {
            continue;
        }
        if (t->count[i].taken) {
            lockout_keep(t->lockout, t->rule, t->count[i].key, &of);
        } else {
            lockout_failed(t->lockout, t->rule, t->count[i].key, &of);
        }
    }
    end(t);
}

void tries_give_back(struct tries *t)
{
    if (!t->over) {
        untake(t);
        end(t);
    }
}

void tries_passed(struct tries *t, bool code)
{
    if (t->over) {
        return;
    }
    if (t->count[LOCKOUT_PASSWORD].key != 0) {
        lockout_passed(t->lockout, t->count[LOCKOUT_PASSWORD].key);
    }
    if (code && t->count[LOCKOUT_CODE].key != 0) {
        lockout_passed(t->lockout, t->count[LOCKOUT_CODE].key);
    } else if (t->count[LOCKOUT_CODE].taken) {
        lockout_give_back(t->lockout, t->count[LOCKOUT_CODE].key);
    }
    end(t);
}
