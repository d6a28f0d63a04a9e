/* Owns: in which order password and code are looked at, and what counts as an attempt. Leaves
 * grammar to basic, hashing to pwcheck, codes to code, counting to tries. Loop thread. */
#include "auth/gate_secret.h"

#include <string.h>

#include "auth/gate_certificate.h"
#include "auth/store/pwhash.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

static enum verdict deny(enum reason *r, enum reason why)
{
    *r = why;
    return VERDICT_DENY;
}

static void take_code(struct gate_secret *s, struct str code)
{
    s->code_n = code.n;
    memcpy(s->code, code.p, code.n < sizeof(s->code) ? code.n : sizeof(s->code));
}

enum reason gate_secret_read_code(struct gate_secret *s)
{
    if (s->q->code_count > 1) {
        return REASON_CREDENTIALS_REPEATED;
    }
    if (s->q->code_count == 1 && s->q->code.n > 0) {
        take_code(s, s->q->code);
    }
    return REASON_OK;
}

enum reason gate_secret_read_password(struct gate_secret *s)
{
    if (s->q->authorization_count == 0) {
        return REASON_CREDENTIALS_MISSING;
    }
    if (s->q->authorization_count > 1) {
        return REASON_CREDENTIALS_REPEATED;
    }
    return basic_parse(s->q->authorization, s->scratch, &s->basic);
}

/* From now on what fails of name counts. */
static void begin_tries(struct gate_secret *s, struct str name)
{
    const struct gate_question *q = s->q;
    struct tries_who who = {.claimed = name, .network = q->network};
    if (q->lockout == NULL || !q->lockout_rule->enabled || s->tries.lockout != NULL) {
        return;
    }
    if (gate_certificate_shown(q)) {
        who.certificate = q->peer->identity->digest;
        who.own = q->peer->identity->user;
        who.compared =
            q->require != CONF_REQUIRE_PASSWORD && q->peer->identity->reason == REASON_OK;
    }
    tries_begin(&s->tries, q->lockout, q->lockout_rule, &who, q->rule);
}

static enum verdict let_wait(struct gate_secret *s, uint64_t wait_ms, enum reason *r)
{
    s->wait_ms = wait_ms;
    return wait_ms == 0 ? VERDICT_NEXT : deny(r, REASON_LOCKED_OUT);
}

/* Tell what was sent, so that it is known again: the password whole, and the code if it is a field.
 */
static void tell_sent(struct gate_secret *s)
{
    const struct str sent[] = {s->basic.user,
                               {s->basic.password.p, s->basic.password.n + s->code_split},
                               {s->code, s->code_split > 0 ? 0 : s->code_n}};
    /* A code that is too long is no secret, and not kept whole. */
    if (s->code_n <= sizeof(s->code)) {
        tries_sent(&s->tries, sent);
    }
}

enum verdict gate_secret_may_try(struct gate_secret *s, enum reason *r)
{
    begin_tries(s, s->basic.user);
    uint64_t wait_ms = tries_ask(&s->tries, LOCKOUT_PASSWORD, s->q->mono_ms);
    if (wait_ms != 0) {
        tell_sent(s);
        wait_ms = tries_ask(&s->tries, LOCKOUT_PASSWORD, s->q->mono_ms);
    }
    return let_wait(s, wait_ms, r);
}

/* Refuse a secret that is wrong. The time is that of now, as a hash may have taken a while. */
static enum verdict fail(struct gate_secret *s, enum reason *r, enum reason why)
{
    tries_failed(&s->tries, s->user != NULL, clock_mono_ms());
    return deny(r, why);
}

/* An unknown user was checked against the decoy: nothing that comes of it lets anyone in. */
enum verdict gate_secret_checked(struct gate_secret *s, enum pwcheck_result result, enum reason *r)
{
    s->ticket = NULL;
    if (result == PWCHECK_DROPPED) {
        tries_give_back(&s->tries);
        return deny(r, REASON_PASSWORD_QUEUE_FULL);
    }
    if (s->user == NULL) {
        return fail(s, r, REASON_USER_UNKNOWN);
    }
    if (result != PWCHECK_RIGHT) {
        return fail(s, r, REASON_PASSWORD_WRONG);
    }
    s->proven = true;
    return VERDICT_NEXT;
}

/* Where a code is asked for and did not come as a field, the last digits of the password are it. */
static void split_code(struct gate_secret *s)
{
    struct str code;
    if (s->code_n == 0 && gate_secret_wants_code(s->q, s->user) && s->user != NULL &&
        s->user->totp_secret.n > 0 && totp_split(s->q->totp, &s->basic.password, &code)) {
        take_code(s, code);
        s->code_split = code.n;
    }
}

/* A certificate is one source wherever it comes from. */
static uint64_t source_of(const struct gate_question *q)
{
    uint64_t source = q->source;
    if (gate_certificate_shown(q)) {
        memcpy(&source, q->peer->identity->digest, sizeof(source));
    }
    return source;
}

static struct code_shown code_shown(const struct gate_secret *s)
{
    return (struct code_shown){
        .rule = s->q->totp,
        .memory = s->q->totp_memory,
        .user = s->user,
        .certificate = gate_certificate_digest(s->q),
        .code = {s->code, s->code_n < sizeof(s->code) ? s->code_n : sizeof(s->code)},
        .mono_ms = s->q->mono_ms};
}

/* True if a code was proven a while ago that need not be again. */
static bool code_remembered(const struct gate_secret *s)
{
    struct code_shown shown = code_shown(s);
    return code_is_proven(&shown);
}

/* Find out what the code is worth, if one is asked for. */
static void weigh_code(struct gate_secret *s)
{
    struct code_shown shown = code_shown(s);
    s->code_worth = gate_secret_wants_code(s->q, s->user)
                        ? code_weigh(&shown)
                        : (struct code_worth){.reason = REASON_OK};
}

/* Count the attempt before it is made. */
static enum verdict take(struct gate_secret *s, enum reason *r)
{
    return let_wait(s, tries_take(&s->tries, s->user != NULL, clock_mono_ms()), r);
}

static enum verdict start_check(struct gate_secret *s, struct str hash, bool trusted,
                                pwcheck_done_fn done, void *arg, enum reason *r)
{
    const struct gate_question *q = s->q;
    if (q->pwcheck == NULL) {
        return gate_secret_checked(
            s, pwhash_verify(hash, s->basic.password) ? PWCHECK_RIGHT : PWCHECK_WRONG, r);
    }
    const struct pwcheck_input in = {s->digest, hash, s->basic.password, source_of(q), trusted};
    int rc = pwcheck_start(q->pwcheck, &in, done, arg, &s->ticket);
    if (rc != 0) {
        tries_give_back(&s->tries);
        return deny(r, rc == -ERR_BUSY ? REASON_PASSWORD_QUEUE_FULL : REASON_OUT_OF_MEMORY);
    }
    return VERDICT_WAIT;
}

static enum verdict check_password(struct gate_secret *s, bool guesses_code, pwcheck_done_fn done,
                                   void *arg, enum reason *r)
{
    const struct gate_question *q = s->q;
    struct str hash = s->user != NULL ? s->user->hash : users_decoy(q->users);
    struct str name = s->user != NULL ? s->user->name : s->basic.user;
    if (pwcache_digest(q->pwcache, name, hash, s->basic.password, gate_certificate_digest(q),
                       s->digest) != 0) {
        return deny(r, REASON_INTERNAL);
    }
    /* Nobody measures how long a command line takes, which may have taken a password as right. */
    bool may_skip = s->user != NULL && (s->code_worth.reason == REASON_OK || q->pwcheck == NULL);
    bool known = pwcache_known(q->pwcache, s->digest, clock_mono_ms()) && may_skip;
    enum verdict v = VERDICT_NEXT;
    bool trusted = false;
    s->proven = known;
    if (!known || guesses_code) {
        tell_sent(s);
        trusted = tries_trusted(&s->tries, clock_mono_ms());
        v = take(s, r);
    }
    if (v == VERDICT_NEXT && known) {
        pwcache_answered(q->pwcache);
    }
    return v != VERDICT_NEXT || known ? v : start_check(s, hash, trusted, done, arg, r);
}

enum verdict gate_secret_check(struct gate_secret *s, const struct user *user, pwcheck_done_fn done,
                               void *arg, enum reason *r)
{
    enum verdict v = VERDICT_NEXT;
    s->user = user;
    split_code(s);
    bool guesses_code = gate_secret_wants_code(s->q, user) && !code_remembered(s);
    if (guesses_code) {
        tell_sent(s);
        v = let_wait(s, tries_ask(&s->tries, LOCKOUT_CODE, s->q->mono_ms), r);
    }
    if (v != VERDICT_NEXT) {
        return v;
    }
    weigh_code(s);
    return check_password(s, guesses_code, done, arg, r);
}

static enum verdict use_code(struct gate_secret *s, enum reason *r)
{
    struct code_shown shown = code_shown(s);
    enum reason why = code_use(&shown, &s->code_worth);
    s->code_proven = why == REASON_OK && !s->code_worth.proven;
    return why == REASON_OK ? VERDICT_NEXT : fail(s, r, why);
}

/* A password is remembered, and goes on to be, only once the code was right too: or else a wrong
 * code would be refused faster behind the right password. From now on, as a hash may have taken
 * longer than it is remembered. */
enum verdict gate_secret_check_code(struct gate_secret *s, enum reason *r)
{
    enum verdict v = gate_secret_wants_code(s->q, s->user) ? use_code(s, r) : VERDICT_NEXT;
    if (v == VERDICT_NEXT && s->proven) {
        pwcache_put(s->q->pwcache, s->digest, clock_mono_ms());
    }
    return v;
}

enum verdict gate_secret_check_code_alone(struct gate_secret *s, const struct user *user,
                                          bool named, enum reason *r)
{
    enum verdict v = VERDICT_NEXT;
    s->user = user;
    if (named && !code_remembered(s)) {
        begin_tries(s, s->q->peer->identity->user);
        v = let_wait(s, tries_ask(&s->tries, LOCKOUT_CODE, s->q->mono_ms), r);
        v = v == VERDICT_NEXT ? take(s, r) : v;
    }
    weigh_code(s);
    v = v == VERDICT_NEXT ? use_code(s, r) : v;
    if (v == VERDICT_NEXT) {
        gate_secret_passed(s);
    }
    return v;
}

void gate_secret_forget(struct gate_secret *s)
{
    s->basic = (struct basic){STR_NONE, STR_NONE};
    mem_wipe(s->scratch, sizeof(s->scratch));
}

void gate_secret_cancel(struct gate_secret *s)
{
    if (s->ticket != NULL) {
        pwcheck_cancel(s->ticket);
        s->ticket = NULL;
    }
}
