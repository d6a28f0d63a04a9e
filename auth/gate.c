/* Owns: the order of the steps and what each route requires. Leaves grammar to basic, hashing to
 * pwcheck, names to pairing, chains to trust. Loop thread.
 *
 * What `require` asks for:
 *   none         nothing; who a certificate names is still told
 *   certificate  a certificate that names a user
 *   password     a proven password; the certificate is not asked, so not compared either
 *   either       a certificate that names a user, or a proven password; what is shown must be
 * right, and both must name the same user where both are shown both         both, naming the same
 * user; a user whose certificate is optional may come without one, but one that is shown must pair
 * Whatever the route requires, a certificate that was not accepted is refused, and so is having
 * none where the site requires one: no hash runs for such a peer. */
#include "auth/gate.h"

#include "auth/basic.h"
#include "auth/pairing.h"
#include "auth/store/pwhash.h"
#include "base/err.h"
#include "base/mem.h"

enum step { STEP_CERTIFICATE = 0, STEP_WITHDRAWAL, STEP_CREDENTIALS, STEP_PASSWORD, STEP_PAIRING };

#define STEP_COUNT 5

static const char *const step_names[STEP_COUNT] = {
    [STEP_CERTIFICATE] = "certificate", [STEP_WITHDRAWAL] = "withdrawal",
    [STEP_CREDENTIALS] = "credentials", [STEP_PASSWORD] = "password",
    [STEP_PAIRING] = "pairing",
};

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
    struct user user;
    bool user_known;
    unsigned char digest[PWCACHE_DIGEST];
    struct pwcheck_ticket *ticket; /* NULL when no check is under way */
    gate_done_fn done;
    void *arg;
};

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

static enum verdict step_certificate(const struct gate *g, enum reason *r)
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

static enum verdict step_withdrawal(const struct gate *g, enum reason *r)
{
    if (!has_identity(g)) {
        return VERDICT_NEXT;
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

static void name_by_certificate(struct gate *g)
{
    if (has_identity(g) && g->q->peer->identity->reason == REASON_OK) {
        g->answer.user = g->q->peer->identity->user;
        g->answer.user_by_certificate = true;
    }
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

static enum verdict step_credentials(struct gate *g, char scratch[BASIC_DECODED_MAX],
                                     struct basic *basic, enum reason *r)
{
    if (certificate_suffices(g)) {
        name_by_certificate(g);
        return VERDICT_ALLOW;
    }
    if (g->q->authorization_count == 0) {
        return deny(r, REASON_CREDENTIALS_MISSING);
    }
    if (g->q->authorization_count > 1) {
        return deny(r, REASON_CREDENTIALS_REPEATED);
    }
    enum reason parsed = basic_parse(g->q->authorization, scratch, basic);
    return parsed == REASON_OK ? VERDICT_NEXT : deny(r, parsed);
}

/* The step's verdict once it is known whether the password is that of g->user. An unknown user was
 * checked against the decoy: nothing that comes of it lets anyone in. */
static enum verdict password_checked(struct gate *g, bool match, enum reason *r)
{
    if (!g->user_known) {
        return deny(r, REASON_USER_UNKNOWN);
    }
    if (!match) {
        return deny(r, REASON_PASSWORD_WRONG);
    }
    pwcache_put(g->q->pwcache, g->digest, g->q->mono_ms);
    return VERDICT_NEXT;
}

static void on_password(void *arg, bool match);

static enum verdict step_password(struct gate *g, const struct basic *basic, enum reason *r)
{
    const struct gate_question *q = g->q;
    g->user_known = users_find(q->users, basic->user, &g->user);
    struct str hash = g->user_known ? g->user.hash : users_decoy(q->users);
    struct str name = g->user_known ? g->user.name : basic->user;
    const unsigned char *certificate = has_identity(g) ? q->peer->identity->digest : NULL;
    if (pwcache_digest(q->pwcache, name, hash, basic->password, certificate, g->digest) != 0) {
        return deny(r, REASON_INTERNAL);
    }
    if (pwcache_known(q->pwcache, g->digest, q->mono_ms) && g->user_known) {
        return VERDICT_NEXT;
    }
    if (q->pwcheck == NULL) {
        return password_checked(g, pwhash_verify(hash, basic->password), r);
    }
    const struct pwcheck_input in = {g->digest, hash, basic->password};
    int rc = pwcheck_start(q->pwcheck, &in, on_password, g, &g->ticket);
    if (rc != 0) {
        return deny(r, rc == -ERR_BUSY ? REASON_PASSWORD_QUEUE_FULL : REASON_OUT_OF_MEMORY);
    }
    return VERDICT_WAIT;
}

static enum verdict step_pairing(struct gate *g, enum reason *r)
{
    bool compared = g->q->require != CONF_REQUIRE_PASSWORD && has_identity(g);
    g->answer.claimed = g->user.name;
    if (compared && !pairing_same(g->q->peer->identity->user, g->user.name, g->q->rule)) {
        return deny(r, REASON_PAIRING_MISMATCH);
    }
    if (!has_identity(g) && g->q->require == CONF_REQUIRE_BOTH && g->user.certificate_required) {
        return deny(r, REASON_CERT_REQUIRED_BY_ROUTE);
    }
    g->answer.user = g->user.name;
    g->answer.user_by_password = true;
    g->answer.user_by_certificate = compared;
    return VERDICT_ALLOW;
}

/* Note what step said. Returns true if the next one is to be asked. */
static bool pass(struct gate *g, enum step step, enum verdict v, enum reason r)
{
    g->answer.verdict = v;
    g->answer.step = step_names[step];
    g->answer.reason = v == VERDICT_DENY ? r : REASON_OK;
    g->answer.challenge = v == VERDICT_DENY && reason_status(r) == 401;
    if (v != VERDICT_WAIT) {
        g->passed[g->passed_n++] = (struct passed){step, v, g->answer.reason};
    }
    return v == VERDICT_NEXT;
}

static void run_pairing(struct gate *g)
{
    enum reason r = REASON_INTERNAL;
    enum verdict v = step_pairing(g, &r);
    (void)pass(g, STEP_PAIRING, v, r);
}

static void on_password(void *arg, bool match)
{
    struct gate *g = arg;
    enum reason r = REASON_INTERNAL;
    g->ticket = NULL;
    enum verdict v = password_checked(g, match, &r);
    if (pass(g, STEP_PASSWORD, v, r)) {
        run_pairing(g);
    }
    g->done(g->arg);
}

static void run_steps(struct gate *g, char scratch[BASIC_DECODED_MAX])
{
    struct basic basic = {STR_NONE, STR_NONE};
    enum reason r = REASON_INTERNAL;
    enum verdict v = step_certificate(g, &r);
    if (!pass(g, STEP_CERTIFICATE, v, r)) {
        return;
    }
    v = step_withdrawal(g, &r);
    if (!pass(g, STEP_WITHDRAWAL, v, r)) {
        return;
    }
    v = step_credentials(g, scratch, &basic, &r);
    if (!pass(g, STEP_CREDENTIALS, v, r)) {
        return;
    }
    v = step_password(g, &basic, &r);
    if (pass(g, STEP_PASSWORD, v, r)) {
        run_pairing(g);
    }
}

struct gate *gate_run(const struct gate_question *q, gate_done_fn done, void *arg)
{
    struct gate *g = mem_calloc(1, sizeof(*g));
    if (g == NULL) {
        return NULL;
    }
    char scratch[BASIC_DECODED_MAX];
    g->q = q;
    g->done = done;
    g->arg = arg;
    run_steps(g, scratch);
    mem_wipe(scratch, sizeof(scratch));
    return g;
}

const struct gate_answer *gate_result(const struct gate *g)
{
    return &g->answer;
}

void gate_trace(const struct gate *g,
                void (*each)(void *arg, const char *step, enum verdict v, enum reason r), void *arg)
{
    for (size_t i = 0; i < g->passed_n; i++) {
        each(arg, step_names[g->passed[i].step], g->passed[i].verdict, g->passed[i].reason);
    }
}

void gate_free(struct gate *g)
{
    if (g == NULL) {
        return;
    }
    if (g->ticket != NULL) {
        pwcheck_cancel(g->ticket);
    }
    mem_wipe(g, sizeof(*g));
    mem_free(g);
}
