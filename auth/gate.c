/* Owns: the order of the steps and what each route requires. Leaves grammar to basic, hashing to
 * pwcheck, names to pairing, chains to trust. Loop thread.
 *
 * What `require` asks for:
 *   none         nothing; who a certificate names is still told
 *   certificate  a certificate that names a user
 *   password     a proven password; the certificate is not asked, so not compared either
 *   either       a certificate that names a user, or a proven password; what is shown must be
 *                right, and both must name the same user where both are shown
 *   both         both, naming the same user; a user whose certificate is optional may come without
 *                one, but one that is shown must pair
 * Whatever the route requires, a certificate that was not accepted is refused, and so is having
 * none where the site requires one: no hash runs for such a peer. Whoever is named at the end, by
 * whatever means, is asked about at the store: an account that is disabled or over lets nobody in,
 * and one that pins certificates no other. That is told apart only behind a proven password or
 * certificate, so that nobody learns it by guessing.
 *
 * A one-time code is asked for where the route or the user's record says so, but never by a record
 * where the route requires nothing. Wrong passwords and wrong codes are answered and counted alike;
 * apart from that, attempts that a code is asked of have a count of their own, which only a right
 * code ends. They also take the same time: a password that was proven lately goes without its hash
 * only beside a code that is right.
 */
#include "auth/gate.h"

#include <string.h>

#include "auth/account.h"
#include "auth/basic.h"
#include "auth/code.h"
#include "auth/pairing.h"
#include "auth/store/pwhash.h"
#include "auth/tries.h"
#include "auth/withdrawal.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

enum step {
    STEP_CERTIFICATE = 0,
    STEP_WITHDRAWAL,
    STEP_CREDENTIALS,
    STEP_LOCKOUT,
    STEP_PASSWORD,
    STEP_TOTP,
    STEP_PAIRING,
    STEP_USER,
    STEP_GROUP
};

#define STEP_COUNT 9

struct passed {
    enum step step;
    enum verdict verdict;
    enum reason reason;
};

struct gate {
    const struct gate_question *q;
    struct gate_answer answer;
    struct passed passed[STEP_COUNT];
    size_t passed_n;
    enum step at;            /* the step that is asked */
    bool certificate_counts; /* the certificate named the user, or was compared with who did */
    bool decided_without_password;

    bool asked; /* for the user; then found holds the answer */
    enum users_found found;
    const struct user *user;     /* a reference; NULL unless found */
    struct users_ticket *lookup; /* NULL when none is under way */

    char scratch[BASIC_DECODED_MAX]; /* what basic borrows; wiped unless a lookup needs it yet */
    struct basic basic;
    unsigned char digest[PWCACHE_DIGEST];
    struct pwcheck_ticket *ticket; /* NULL when no check is under way */
    char name[PAIRING_NAME_MAX];   /* what answer.user borrows */
    bool password_fresh;           /* it was hashed just now, and is not remembered yet */
    struct tries tries;
    char code[TOTP_DIGITS_MAX + 1]; /* of the field, or the end of the password; a secret */
    size_t code_n;                  /* 0: none; more than it holds: too long for one */
    size_t code_split;              /* octets that were the end of the password */
    struct code_worth code_worth;
    bool code_proven; /* just now */
    gate_done_fn done;
    void *arg;
};

static void run_steps(struct gate *g);

/* Each step_ function returns what it says and sets *r where that is VERDICT_DENY. */

static bool has_identity(const struct gate *g)
{
    return g->q->peer->certificate == REASON_OK;
}

static enum verdict deny(enum reason *r, enum reason why)
{
    *r = why;
    return VERDICT_DENY;
}

/* A peer without a certificate, at a site that does not insist on one. */
static enum verdict without_certificate(const struct gate *g, enum reason *r)
{
    switch (g->q->require) {
    case CONF_REQUIRE_NONE:
    case CONF_REQUIRE_PASSWORD:
    case CONF_REQUIRE_EITHER:
        return VERDICT_NEXT;
    case CONF_REQUIRE_BOTH:
        /* Asking for a password that cannot help would only invite guesses. */
        if (users_any_without_certificate(g->q->users)) {
            return VERDICT_NEXT;
        }
        break;
    case CONF_REQUIRE_CERTIFICATE:
    default:
        break;
    }
    return deny(r, REASON_CERT_REQUIRED_BY_ROUTE);
}

static enum verdict step_certificate(struct gate *g, enum reason *r)
{
    const struct gate_peer *peer = g->q->peer;
    if (peer->certificate == REASON_CLIENT_CERT_MISSING) {
        if (peer->mode != CONF_CLIENT_OPTIONAL && peer->mode != CONF_CLIENT_OFF) {
            return deny(r, REASON_CLIENT_CERT_MISSING);
        }
        return without_certificate(g, r);
    }
    if (peer->certificate != REASON_OK) {
        return deny(r, peer->certificate);
    }
    if (peer->identity == NULL) {
        return deny(r, REASON_INTERNAL);
    }
    if (g->q->require == CONF_REQUIRE_NONE || g->q->require == CONF_REQUIRE_PASSWORD) {
        return VERDICT_NEXT;
    }
    return peer->identity->reason == REASON_OK ? VERDICT_NEXT : deny(r, peer->identity->reason);
}

static const struct deny *deny_of(const struct gate *g)
{
    return g->q->deny != NULL ? *g->q->deny : NULL;
}

static enum verdict step_withdrawal(struct gate *g, enum reason *r)
{
    if (!has_identity(g)) {
        return VERDICT_NEXT;
    }
    enum reason why = withdrawal_of_chain(deny_of(g), g->q->peer->chain);
    if (why != REASON_OK) {
        return deny(r, why);
    }
    if (g->q->wall_ms < g->q->peer->identity->not_before_ms) {
        return deny(r, REASON_CLIENT_CERT_NOT_YET_VALID);
    }
    /* The second that notAfter names still counts (RFC 5280 4.1.2.5). */
    if (g->q->wall_ms / 1000 > g->q->peer->identity->not_after_ms / 1000) {
        return deny(r, REASON_CLIENT_CERT_EXPIRED);
    }
    if (g->q->wall_ms >= g->q->peer->term.until_ms) {
        return deny(r, g->q->peer->term.then);
    }
    return VERDICT_NEXT;
}

/* True if the route lets the peer through by its certificate, or without anything. */
static bool certificate_suffices(const struct gate *g)
{
    switch (g->q->require) {
    case CONF_REQUIRE_NONE:
        return true;
    case CONF_REQUIRE_CERTIFICATE:
        return has_identity(g);
    case CONF_REQUIRE_EITHER:
        return has_identity(g) && g->q->authorization_count == 0;
    case CONF_REQUIRE_PASSWORD:
    case CONF_REQUIRE_BOTH:
    default:
        return false;
    }
}

static bool wants_group(const struct gate *g)
{
    return g->q->groups != NULL && g->q->groups->n > 0;
}

/* True if the route asks for more than being let through by certificate or password. */
static bool wants_more(const struct gate *g)
{
    return g->q->require_totp || wants_group(g);
}

static void take_code(struct gate *g, struct str code)
{
    g->code_n = code.n;
    memcpy(g->code, code.p, code.n < sizeof(g->code) ? code.n : sizeof(g->code));
}

static enum verdict step_credentials(struct gate *g, enum reason *r)
{
    if (g->q->code_count > 1) {
        return deny(r, REASON_CREDENTIALS_REPEATED);
    }
    if (g->q->code_count == 1 && g->q->code.n > 0) {
        take_code(g, g->q->code);
    }
    if (certificate_suffices(g)) {
        g->decided_without_password = true;
        g->certificate_counts = has_identity(g) && g->q->peer->identity->reason == REASON_OK;
        return g->certificate_counts || wants_more(g) ? VERDICT_NEXT : VERDICT_ALLOW;
    }
    if (g->q->authorization_count == 0) {
        return deny(r, REASON_CREDENTIALS_MISSING);
    }
    if (g->q->authorization_count > 1) {
        return deny(r, REASON_CREDENTIALS_REPEATED);
    }
    enum reason parsed = basic_parse(g->q->authorization, g->scratch, &g->basic);
    return parsed == REASON_OK ? VERDICT_NEXT : deny(r, parsed);
}

static void resume(struct gate *g)
{
    run_steps(g);
    if (g->answer.verdict != VERDICT_WAIT) {
        g->done(g->arg);
    }
}

static void on_user(void *arg, enum users_found found, const struct user *user)
{
    struct gate *g = arg;
    g->lookup = NULL;
    g->found = found;
    g->user = user;
    resume(g);
}

/* Ask for the user of that name, once. VERDICT_NEXT: it is known whether there is one. */
static enum verdict look_up(struct gate *g, struct str name, enum reason *r)
{
    if (!g->asked) {
        g->asked = true;
        g->found = users_find(g->q->users, name, on_user, g, &g->lookup, &g->user);
    }
    switch (g->found) {
    case USERS_NONE:
    case USERS_FOUND:
        return VERDICT_NEXT;
    case USERS_WAIT:
        return VERDICT_WAIT;
    case USERS_FAILED:
    default:
        return deny(r, REASON_USER_STORE_UNAVAILABLE);
    }
}

/* From now on what fails of name counts. */
static void begin_tries(struct gate *g, struct str name)
{
    const struct gate_question *q = g->q;
    struct tries_who who = {.claimed = name, .network = q->network};
    if (q->lockout == NULL || !q->lockout_rule->enabled || g->tries.lockout != NULL) {
        return;
    }
    if (has_identity(g)) {
        who.certificate = q->peer->identity->digest;
        who.own = q->peer->identity->user;
        who.compared =
            q->require != CONF_REQUIRE_PASSWORD && q->peer->identity->reason == REASON_OK;
    }
    tries_begin(&g->tries, q->lockout, q->lockout_rule, &who, q->rule);
}

static enum verdict let_wait(struct gate *g, uint64_t wait_ms, enum reason *r)
{
    g->answer.retry_ms = wait_ms;
    return wait_ms == 0 ? VERDICT_NEXT : deny(r, REASON_LOCKED_OUT);
}

/* Tell what was sent, so that it is known again: the password whole, and the code if it is a field.
 */
static void tell_sent(struct gate *g)
{
    const struct str sent[] = {g->basic.user,
                               {g->basic.password.p, g->basic.password.n + g->code_split},
                               {g->code, g->code_split > 0 ? 0 : g->code_n}};
    /* A code that is too long is no secret, and not kept whole. */
    if (g->code_n <= sizeof(g->code)) {
        tries_sent(&g->tries, sent);
    }
}

/* May whoever claims to be that user try? Before anything is computed for it. */
static enum verdict step_lockout(struct gate *g, enum reason *r)
{
    begin_tries(g, g->basic.user);
    uint64_t wait_ms = tries_ask(&g->tries, LOCKOUT_PASSWORD, g->q->mono_ms);
    if (wait_ms != 0) {
        tell_sent(g);
        wait_ms = tries_ask(&g->tries, LOCKOUT_PASSWORD, g->q->mono_ms);
    }
    return let_wait(g, wait_ms, r);
}

/* Refuse a secret that is wrong. The time is that of now, as a hash may have taken a while. */
static enum verdict fail(struct gate *g, enum reason *r, enum reason why)
{
    tries_failed(&g->tries, g->user != NULL, clock_mono_ms());
    return deny(r, why);
}

/* The step's verdict once it is known whether the password is that of g->user. An unknown user was
 * checked against the decoy: nothing that comes of it lets anyone in. */
static enum verdict password_checked(struct gate *g, enum pwcheck_result result, enum reason *r)
{
    if (result == PWCHECK_DROPPED) {
        tries_give_back(&g->tries);
        return deny(r, REASON_PASSWORD_QUEUE_FULL);
    }
    if (g->user == NULL) {
        return fail(g, r, REASON_USER_UNKNOWN);
    }
    if (result != PWCHECK_RIGHT) {
        return fail(g, r, REASON_PASSWORD_WRONG);
    }
    g->password_fresh = true;
    return VERDICT_NEXT;
}

/* True if a one-time code is asked of g->user, who may be unknown. */
static bool wants_code(const struct gate *g)
{
    return g->q->require_totp ||
           (g->q->require != CONF_REQUIRE_NONE && g->user != NULL && g->user->totp_required);
}

/* Where a code is asked for and did not come as a field, the last digits of the password are it. */
static void split_code(struct gate *g)
{
    struct str code;
    if (g->code_n == 0 && wants_code(g) && g->user != NULL && g->user->totp_secret.n > 0 &&
        totp_split(g->q->totp, &g->basic.password, &code)) {
        take_code(g, code);
        g->code_split = code.n;
    }
}

static void on_password(void *arg, enum pwcheck_result result);

/* A certificate is one source wherever it comes from. */
static uint64_t source_of(const struct gate *g)
{
    uint64_t source = g->q->source;
    if (has_identity(g)) {
        memcpy(&source, g->q->peer->identity->digest, sizeof(source));
    }
    return source;
}

static struct code_shown code_shown(const struct gate *g)
{
    return (struct code_shown){
        .rule = g->q->totp,
        .memory = g->q->totp_memory,
        .user = g->user,
        .certificate = has_identity(g) ? g->q->peer->identity->digest : NULL,
        .code = {g->code, g->code_n < sizeof(g->code) ? g->code_n : sizeof(g->code)},
        .mono_ms = g->q->mono_ms};
}

/* True if a code was proven a while ago that need not be again. */
static bool code_remembered(const struct gate *g)
{
    struct code_shown shown = code_shown(g);
    return code_is_proven(&shown);
}

/* Find out what the code is worth, if one is asked for. */
static void weigh_code(struct gate *g)
{
    struct code_shown shown = code_shown(g);
    g->code_worth = wants_code(g) ? code_weigh(&shown) : (struct code_worth){.reason = REASON_OK};
}

/* Count the attempt before it is made. */
static enum verdict take(struct gate *g, enum reason *r)
{
    return let_wait(g, tries_take(&g->tries, g->user != NULL, clock_mono_ms()), r);
}

static enum verdict start_check(struct gate *g, struct str hash, enum reason *r)
{
    const struct gate_question *q = g->q;
    if (q->pwcheck == NULL) {
        return password_checked(
            g, pwhash_verify(hash, g->basic.password) ? PWCHECK_RIGHT : PWCHECK_WRONG, r);
    }
    const struct pwcheck_input in = {g->digest, hash, g->basic.password, source_of(g)};
    int rc = pwcheck_start(q->pwcheck, &in, on_password, g, &g->ticket);
    if (rc != 0) {
        tries_give_back(&g->tries);
        return deny(r, rc == -ERR_BUSY ? REASON_PASSWORD_QUEUE_FULL : REASON_OUT_OF_MEMORY);
    }
    return VERDICT_WAIT;
}

static enum verdict check_password(struct gate *g, bool guesses_code, enum reason *r)
{
    const struct gate_question *q = g->q;
    struct str hash = g->user != NULL ? g->user->hash : users_decoy(q->users);
    struct str name = g->user != NULL ? g->user->name : g->basic.user;
    const unsigned char *certificate = has_identity(g) ? q->peer->identity->digest : NULL;
    if (pwcache_digest(q->pwcache, name, hash, g->basic.password, certificate, g->digest) != 0) {
        return deny(r, REASON_INTERNAL);
    }
    /* Nobody measures how long a command line takes, which may have taken a password as right. */
    bool may_skip = g->user != NULL && (g->code_worth.reason == REASON_OK || q->pwcheck == NULL);
    bool known = pwcache_known(q->pwcache, g->digest, q->mono_ms) && may_skip;
    if (known && !guesses_code) {
        return VERDICT_NEXT;
    }
    tell_sent(g);
    enum verdict v = take(g, r);
    return v != VERDICT_NEXT || known ? v : start_check(g, hash, r);
}

static enum verdict step_password(struct gate *g, enum reason *r)
{
    enum verdict v = look_up(g, g->basic.user, r);
    if (v != VERDICT_NEXT) {
        return v;
    }
    split_code(g);
    bool guesses_code = wants_code(g) && !code_remembered(g);
    if (guesses_code) {
        tell_sent(g);
        v = let_wait(g, tries_ask(&g->tries, LOCKOUT_CODE, g->q->mono_ms), r);
    }
    if (v != VERDICT_NEXT) {
        return v;
    }
    weigh_code(g);
    return check_password(g, guesses_code, r);
}

static enum verdict check_code(struct gate *g, enum reason *r)
{
    struct code_shown shown = code_shown(g);
    enum reason why = code_use(&shown, &g->code_worth);
    g->code_proven = why == REASON_OK && !g->code_worth.proven;
    return why == REASON_OK ? VERDICT_NEXT : fail(g, r, why);
}

/* A certificate alone has let the peer this far. */
static enum verdict code_beside_certificate(struct gate *g, enum reason *r)
{
    if (wants_code(g)) {
        enum verdict v = VERDICT_NEXT;
        if (g->certificate_counts && !code_remembered(g)) {
            begin_tries(g, g->q->peer->identity->user);
            v = let_wait(g, tries_ask(&g->tries, LOCKOUT_CODE, g->q->mono_ms), r);
            v = v == VERDICT_NEXT ? take(g, r) : v;
        }
        weigh_code(g);
        v = v == VERDICT_NEXT ? check_code(g, r) : v;
        if (v != VERDICT_NEXT) {
            g->answer.user = STR_NONE;
            return v;
        }
        tries_passed(&g->tries, g->code_proven);
    }
    return wants_group(g) ? VERDICT_NEXT : VERDICT_ALLOW;
}

/* A password is remembered only once the code was right too: or else a wrong code would be refused
 * faster behind the right password. */
static enum verdict step_totp(struct gate *g, enum reason *r)
{
    if (g->decided_without_password) {
        return code_beside_certificate(g, r);
    }
    enum verdict v = wants_code(g) ? check_code(g, r) : VERDICT_NEXT;
    if (v == VERDICT_NEXT && g->password_fresh) {
        pwcache_put(g->q->pwcache, g->digest, g->q->mono_ms);
    }
    return v;
}

static enum verdict step_pairing(struct gate *g, enum reason *r)
{
    g->certificate_counts = g->q->require != CONF_REQUIRE_PASSWORD && has_identity(g);
    g->answer.claimed = g->user->name;
    if (g->certificate_counts &&
        !pairing_same(g->q->peer->identity->user, g->user->name, g->q->rule)) {
        tries_give_back(&g->tries);
        return deny(r, REASON_PAIRING_MISMATCH);
    }
    tries_passed(&g->tries, g->code_proven);
    if (!has_identity(g) && g->q->require == CONF_REQUIRE_BOTH && g->user->certificate_required) {
        return deny(r, REASON_CERT_REQUIRED_BY_ROUTE);
    }
    return VERDICT_NEXT;
}

/* What the record of g->user says against him. */
static enum reason ask_account(const struct gate *g)
{
    const unsigned char *pinned = g->certificate_counts ? g->q->peer->identity->digest : NULL;
    return g->user != NULL ? account_ask(g->user, pinned, g->q->wall_ms) : REASON_OK;
}

static enum verdict step_user(struct gate *g, enum reason *r)
{
    struct gate_answer *a = &g->answer;
    bool named = !g->decided_without_password || g->certificate_counts;
    if (named && g->decided_without_password) {
        enum verdict v = look_up(g, g->q->peer->identity->user, r);
        if (v != VERDICT_NEXT) {
            return v;
        }
    }
    a->account = g->user;
    enum reason why = ask_account(g);
    if (why != REASON_OK) {
        return deny(r, why);
    }
    struct str name = STR_NONE;
    if (named && g->decided_without_password) {
        name = g->q->peer->identity->user;
    } else if (g->user != NULL) {
        name = g->user->name;
    }
    why = withdrawal_of_user(deny_of(g), name);
    if (why != REASON_OK) {
        return deny(r, why);
    }
    /* Certificate and store may spell one user in two ways; the upstream sees one. */
    if (named && !pairing_normalise(name, g->q->rule, g->name, &a->user.n)) {
        return deny(r, REASON_INTERNAL);
    }
    a->user.p = named ? g->name : "";
    a->user_by_password = !g->decided_without_password;
    a->user_by_certificate = g->certificate_counts;
    a->groups = g->user != NULL ? g->user->groups : NULL;
    a->group_count = g->user != NULL ? g->user->group_count : 0;
    return wants_group(g) || (g->decided_without_password && wants_code(g)) ? VERDICT_NEXT
                                                                            : VERDICT_ALLOW;
}

static enum verdict step_group(struct gate *g, enum reason *r)
{
    const struct gate_answer *a = &g->answer;
    for (size_t i = 0; i < a->group_count; i++) {
        for (size_t k = 0; k < g->q->groups->n; k++) {
            if (str_eq(a->groups[i], str_of(g->q->groups->v[k].p))) {
                return VERDICT_ALLOW;
            }
        }
    }
    return deny(r, REASON_GROUP_MISSING);
}

static const struct {
    const char *name;
    enum verdict (*ask)(struct gate *g, enum reason *r);
} steps[STEP_COUNT] = {
    [STEP_CERTIFICATE] = {"certificate", step_certificate},
    [STEP_WITHDRAWAL] = {"withdrawal", step_withdrawal},
    [STEP_CREDENTIALS] = {"credentials", step_credentials},
    [STEP_LOCKOUT] = {"lockout", step_lockout},
    [STEP_PASSWORD] = {"password", step_password},
    [STEP_TOTP] = {"totp", step_totp},
    [STEP_PAIRING] = {"pairing", step_pairing},
    [STEP_USER] = {"user", step_user},
    [STEP_GROUP] = {"group", step_group},
};

/* Without a password the user is known only once the store was asked, so the code comes later. */
static enum step step_behind(const struct gate *g)
{
    if (g->decided_without_password && g->at == STEP_CREDENTIALS) {
        return STEP_USER;
    }
    if (g->at == STEP_USER) {
        return g->decided_without_password ? STEP_TOTP : STEP_GROUP;
    }
    return g->decided_without_password && g->at == STEP_TOTP ? STEP_GROUP : g->at + 1;
}

/* Note what the step said, and go on to the next if it has no objection. */
static bool pass(struct gate *g, enum verdict v, enum reason r)
{
    g->answer.verdict = v;
    g->answer.step = steps[g->at].name;
    g->answer.reason = v == VERDICT_DENY ? r : REASON_OK;
    g->answer.challenge = v == VERDICT_DENY && reason_status(r) == 401;
    if (v != VERDICT_WAIT) {
        g->passed[g->passed_n++] = (struct passed){g->at, v, g->answer.reason};
    }
    if (v == VERDICT_NEXT) {
        g->at = step_behind(g);
    }
    return v == VERDICT_NEXT;
}

/* Ask g->at and what follows it, until one decides or has to wait. */
static void run_steps(struct gate *g)
{
    enum reason r = REASON_INTERNAL;
    enum verdict v = VERDICT_DENY;
    do {
        r = REASON_INTERNAL;
        v = steps[g->at].ask(g, &r);
    } while (pass(g, v, r));
    if (g->lookup == NULL) {
        /* Whatever waits now has copies. */
        g->basic = (struct basic){STR_NONE, STR_NONE};
        mem_wipe(g->scratch, sizeof(g->scratch));
    }
}

static void on_password(void *arg, enum pwcheck_result result)
{
    struct gate *g = arg;
    enum reason r = REASON_INTERNAL;
    g->ticket = NULL;
    enum verdict v = password_checked(g, result, &r);
    if (pass(g, v, r)) {
        run_steps(g);
    }
    if (g->answer.verdict != VERDICT_WAIT) {
        g->done(g->arg);
    }
}

struct gate *gate_run_again(struct gate *g, const struct gate_question *q, gate_done_fn done,
                            void *arg)
{
    g = g != NULL ? g : mem_calloc(1, sizeof(*g));
    if (g == NULL) {
        return NULL;
    }
    g->q = q;
    g->done = done;
    g->arg = arg;
    run_steps(g);
    return g;
}

const struct gate_answer *gate_result(const struct gate *g)
{
    return &g->answer;
}

enum reason gate_ask_claimed(const struct gate *g)
{
    if (g->answer.claimed.n == 0) {
        return REASON_OK;
    }
    enum reason why = g->user != NULL ? account_ask(g->user, NULL, g->q->wall_ms) : REASON_OK;
    return why == REASON_OK ? withdrawal_of_user(deny_of(g), g->answer.claimed) : why;
}

void gate_trace(const struct gate *g,
                void (*each)(void *arg, const char *step, enum verdict v, enum reason r), void *arg)
{
    for (size_t i = 0; i < g->passed_n; i++) {
        each(arg, steps[g->passed[i].step].name, g->passed[i].verdict, g->passed[i].reason);
    }
}

void gate_clear(struct gate *g)
{
    if (g == NULL) {
        return;
    }
    if (g->ticket != NULL) {
        pwcheck_cancel(g->ticket);
    }
    if (g->lookup != NULL) {
        users_cancel(g->lookup);
    }
    user_unref(g->user);
    mem_wipe(g, sizeof(*g));
}

void gate_free(struct gate *g)
{
    gate_clear(g);
    mem_free(g);
}
