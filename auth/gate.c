/* Owns: the order of the steps, the look-up of the user, and what is asked of him. Leaves the
 * certificate to gate_certificate, password and code to gate_secret, names to pairing. Loop thread.
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
 * where the route requires nothing.
 */
#include "auth/gate.h"

#include "auth/account.h"
#include "auth/gate_certificate.h"
#include "auth/gate_secret.h"
#include "auth/pairing.h"
#include "auth/withdrawal.h"
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

/* In bits: clearing a gate is dearer from 2 KiB on, and it is cleared for each request. */
struct passed {
    enum step step : 8;
    enum verdict verdict : 8;
    enum reason reason : 16;
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

    struct gate_secret secret;
    char name[PAIRING_NAME_MAX]; /* what answer.user borrows */
    gate_done_fn done;
    void *arg;
};

_Static_assert(sizeof(struct gate) < 2048, "clearing it is dear");

static void run_steps(struct gate *g);

/* Each step_ function returns what it says and sets *r where that is VERDICT_DENY. */

static enum verdict deny(enum reason *r, enum reason why)
{
    *r = why;
    return VERDICT_DENY;
}

static enum verdict next_unless(enum reason *r, enum reason why)
{
    return why == REASON_OK ? VERDICT_NEXT : deny(r, why);
}

static enum verdict step_certificate(struct gate *g, enum reason *r)
{
    return next_unless(r, gate_certificate_accepted(g->q));
}

static enum verdict step_withdrawal(struct gate *g, enum reason *r)
{
    return next_unless(r, gate_certificate_stands(g->q));
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

static enum verdict step_credentials(struct gate *g, enum reason *r)
{
    const struct gate_question *q = g->q;
    enum reason why = gate_secret_read_code(&g->secret);
    if (why == REASON_OK && gate_certificate_suffices(q)) {
        g->decided_without_password = true;
        g->certificate_counts = gate_certificate_shown(q) && q->peer->identity->reason == REASON_OK;
        return g->certificate_counts || wants_more(g) ? VERDICT_NEXT : VERDICT_ALLOW;
    }
    why = why == REASON_OK ? gate_secret_read_password(&g->secret) : why;
    return next_unless(r, why);
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

static enum verdict step_lockout(struct gate *g, enum reason *r)
{
    return gate_secret_may_try(&g->secret, r);
}

static void on_password(void *arg, enum pwcheck_result result);

static enum verdict step_password(struct gate *g, enum reason *r)
{
    enum verdict v = look_up(g, g->secret.basic.user, r);
    return v == VERDICT_NEXT ? gate_secret_check(&g->secret, g->user, on_password, g, r) : v;
}

/* A certificate alone has let the peer this far. */
static enum verdict code_beside_certificate(struct gate *g, enum reason *r)
{
    enum verdict v = VERDICT_NEXT;
    if (gate_secret_wants_code(g->q, g->user)) {
        v = gate_secret_check_code_alone(&g->secret, g->user, g->certificate_counts, r);
    }
    if (v != VERDICT_NEXT) {
        g->answer.user = STR_NONE;
        return v;
    }
    return wants_group(g) ? VERDICT_NEXT : VERDICT_ALLOW;
}

static enum verdict step_totp(struct gate *g, enum reason *r)
{
    return g->decided_without_password ? code_beside_certificate(g, r)
                                       : gate_secret_check_code(&g->secret, r);
}

static enum verdict step_pairing(struct gate *g, enum reason *r)
{
    g->certificate_counts = g->q->require != CONF_REQUIRE_PASSWORD && gate_certificate_shown(g->q);
    g->answer.claimed = g->user->name;
    if (g->certificate_counts &&
        !pairing_same(g->q->peer->identity->user, g->user->name, g->q->rule)) {
        gate_secret_mismatched(&g->secret);
        return deny(r, REASON_PAIRING_MISMATCH);
    }
    gate_secret_passed(&g->secret);
    if (!gate_certificate_shown(g->q) && g->q->require == CONF_REQUIRE_BOTH &&
        g->user->certificate_required) {
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
    why = withdrawal_of_user(gate_certificate_deny(g->q), name);
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
    return wants_group(g) || (g->decided_without_password && gate_secret_wants_code(g->q, g->user))
               ? VERDICT_NEXT
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
    g->answer.retry_ms = g->secret.wait_ms;
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
        gate_secret_forget(&g->secret);
    }
}

static void on_password(void *arg, enum pwcheck_result result)
{
    struct gate *g = arg;
    enum reason r = REASON_INTERNAL;
    enum verdict v = gate_secret_checked(&g->secret, result, &r);
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
    g->secret.q = q;
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
    return why == REASON_OK ? withdrawal_of_user(gate_certificate_deny(g->q), g->answer.claimed)
                            : why;
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
    gate_secret_cancel(&g->secret);
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
