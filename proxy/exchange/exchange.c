/* Owns: the life of an exchange from its head to its freeing, and the question to the gate. Not:
 * the way to the upstream (flow), our own answers (reply). On the loop's thread. */
#include "proxy/exchange/exchange.h"

#include "base/clock.h"
#include "base/mem.h"
#include "proxy/exchange/exchange_inner.h"
#include "proxy/exchange/flow.h"
#include "proxy/exchange/record.h"
#include "proxy/exchange/reply.h"
#include "proxy/exchange/report.h"
#include "proxy/exchange/request_id.h"
#include "proxy/exchange/state.h"

/* Room for both heads, each with its row of fields (which leaves its smaller self behind when it
 * grows), and for the texts that we add. */
static size_t arena_cap(const struct conf_limits *l)
{
    return 4 * ((size_t)l->head_bytes + l->response_head_bytes) +
           16 * sizeof(struct field) * (size_t)l->field_count + 65536;
}

/* A spare one keeps its arena's first block, and its gate's memory. */
static struct exchange *take_memory(struct env *env)
{
    struct exchange *x = spares_take(&env->exchanges);
    if (x == NULL) {
        return mem_calloc(1, sizeof(*x));
    }
    struct arena arena = x->arena;
    struct gate *gate = x->spare_gate;
    *x = (struct exchange){.arena = arena, .spare_gate = gate};
    return x;
}

struct exchange *exchange_new(struct env *env, const struct exchange_peer *peer,
                              const struct sink_ops *ops, void *sink)
{
    struct exchange *x = take_memory(env);
    if (x == NULL) {
        return NULL;
    }
    x->env = env;
    x->runtime = env->runtime;
    x->peer = peer;
    x->ops = ops;
    x->sink = sink;
    x->step = "";
    x->would = REASON_OK;
    x->arena.cap = arena_cap(&x->runtime->conf->limits);
    record_begin(x);
    return x;
}

struct arena *exchange_arena(struct exchange *x)
{
    return &x->arena;
}

void exchange_renew(struct exchange *x)
{
    x->runtime = x->env->runtime;
}

static bool lets_pass(const struct exchange *x, enum reason why)
{
    return report_lets_pass(x->peer->gate.certificate, why);
}

/* On to the upstream, for the user who was proven, or for nobody. */
static void go_on(struct exchange *x)
{
    const struct exchange_peer *peer = x->peer;
    if (peer->on_user != NULL && !peer->on_user(peer->on_user_arg, x->user)) {
        reply_problem(x, REASON_OUT_OF_MEMORY);
        return;
    }
    flow_start(x);
}

static void on_standing(void *arg)
{
    struct exchange *x = arg;
    if (x->state != EXCHANGE_GATE) {
        return;
    }
    const struct gate_answer *answer = gate_result(x->standing);
    if (answer->verdict == VERDICT_WAIT) {
        return;
    }
    if (answer->verdict != VERDICT_ALLOW && !lets_pass(x, answer->reason)) {
        x->would = REASON_OK;
        x->step = answer->step;
        reply_problem(x, answer->reason != REASON_OK ? answer->reason : REASON_INTERNAL);
        return;
    }
    record_would_refuse(x);
    x->allowed = true;
    go_on(x);
}

/* The gate may have stopped before it asked about users. A report lets nobody pass who is
 * withdrawn, or whose account is closed: neither the certificate's user nor whose password was
 * proven. */
static void ask_standing(struct exchange *x)
{
    if (x->user.n > 0) {
        record_would_refuse(x);
        x->allowed = true;
        go_on(x);
        return;
    }
    x->allowed = false;
    enum reason why = gate_ask_claimed(x->gate);
    if (why != REASON_OK) {
        x->would = REASON_OK;
        x->step = "user";
        reply_problem(x, why);
        return;
    }
    report_ask_standing(&x->question);
    x->standing = gate_run(&x->question, on_standing, x);
    if (x->standing == NULL) {
        reply_problem(x, REASON_OUT_OF_MEMORY);
        return;
    }
    on_standing(x);
}

/* The rule says no, and the route decides what follows. */
static void refuse(struct exchange *x, enum reason why)
{
    if (!x->route->report_only || !lets_pass(x, why)) {
        reply_problem(x, why);
        return;
    }
    x->would = why;
    ask_standing(x);
}

static void let_through(struct exchange *x, const struct gate_answer *answer)
{
    x->user = arena_dup(&x->arena, answer->user);
    x->allowed = x->user.p != NULL;
    if (!x->allowed) {
        reply_problem(x, REASON_OUT_OF_MEMORY);
    } else if (x->method_fits != ROUTE_METHOD_FITS) {
        x->step = "method";
        refuse(x, REASON_METHOD_NOT_ALLOWED);
    } else {
        go_on(x);
    }
}

/* The verdict is there, or it is still awaited. */
static void on_verdict(void *arg)
{
    struct exchange *x = arg;
    if (x->state != EXCHANGE_GATE) {
        return;
    }
    const struct gate_answer *answer = gate_result(x->gate);
    switch (answer->verdict) {
    case VERDICT_WAIT:
        return;
    case VERDICT_ALLOW:
        x->step = answer->step;
        let_through(x, answer);
        return;
    case VERDICT_DENY:
    case VERDICT_NEXT:
        break;
    }
    x->step = answer->step != NULL ? answer->step : "";
    x->password_user = arena_dup(&x->arena, answer->claimed);
    x->retry_ms = answer->retry_ms;
    if (answer->reason == REASON_GROUP_MISSING) {
        x->user = arena_dup(&x->arena, answer->user);
    }
    refuse(x, answer->reason != REASON_OK ? answer->reason : REASON_INTERNAL);
}

static void ask_gate(struct exchange *x)
{
    const struct runtime *r = x->runtime;
    const struct fields *fields = &x->head->fields;
    const struct str code_name = str_of(r->conf->totp.header.p);
    const struct field *authorization = fields_find(fields, STR("Authorization"));
    const struct field *code = fields_find(fields, code_name);
    x->question = (struct gate_question){
        .peer = &x->peer->gate,
        .require = x->route->require,
        .authorization = authorization != NULL ? authorization->value : STR_NONE,
        .authorization_count = fields_count(fields, STR("Authorization")),
        .users = r->users,
        .rule = &r->conf->identity,
        .deny = &x->env->deny,
        .pwcache = x->env->pwcache,
        .pwcheck = x->env->pwcheck,
        .source = x->peer->trusted ? 0 : addr_count_key(x->peer->address),
        .groups = &x->route->groups,
        .require_totp = x->route->require_totp,
        .code = code != NULL ? code->value : STR_NONE,
        .code_count = fields_count(fields, code_name),
        .totp = &r->conf->totp,
        .totp_memory = x->env->totp_memory,
        .lockout = x->env->lockout,
        .lockout_rule = &r->conf->lockout,
        .network = addr_count_key(x->peer->address),
        .wall_ms = clock_wall_ms(),
        .mono_ms = clock_mono_ms(),
    };
    state_enter(x, EXCHANGE_GATE);
    x->gate = gate_run_again(x->spare_gate, &x->question, on_verdict, x);
    x->spare_gate = NULL;
    x->question.authorization = STR_NONE;
    x->question.code = STR_NONE;
    if (x->gate == NULL) {
        reply_problem(x, REASON_OUT_OF_MEMORY);
        return;
    }
    on_verdict(x);
}

/* The head is noted before anything is decided, so that every refusal can be told apart. */
static bool take_head(struct exchange *x, struct http_request *head)
{
    x->head = head;
    if (head != NULL) {
        record_head(x, head);
    }
    x->request_id = request_id_choose(x->env, head, x->peer->trusted, &x->arena);
    return x->request_id.p != NULL;
}

void exchange_begin(struct exchange *x, struct http_request *head)
{
    if (!take_head(x, head)) {
        reply_problem(x, REASON_OUT_OF_MEMORY);
        return;
    }
    x->body_complete = head->framing == HTTP_FRAMING_NONE;
    if (x->peer->local != NULL) {
        reply_local(x);
        return;
    }
    if (x->peer->host_fits != NULL && !x->peer->host_fits(x->peer->host_arg, head->host)) {
        reply_problem(x, REASON_MISDIRECTED);
        return;
    }
    x->route =
        route_find(x->runtime->routes, head->host, head->path, head->method, &x->method_fits);
    if (x->route == NULL) {
        reply_problem(x, REASON_NO_ROUTE);
        return;
    }
    ask_gate(x);
}

void exchange_refuse(struct exchange *x, struct http_request *head, enum reason why)
{
    if (x->state != EXCHANGE_HEAD) {
        return;
    }
    if (!take_head(x, head)) {
        state_abort(x, REASON_OUT_OF_MEMORY);
        return;
    }
    reply_problem(x, why);
}

void exchange_body(struct exchange *x, struct str octets)
{
    if (x->state == EXCHANGE_STREAM) {
        flow_body(x, octets);
    }
}

void exchange_body_end(struct exchange *x, struct fields *trailers)
{
    if (x->state < EXCHANGE_REPLY) {
        flow_body_end(x, trailers);
    }
}

void exchange_drained(struct exchange *x)
{
    flow_drained(x);
}

void exchange_fail(struct exchange *x, enum reason why)
{
    if (x->state != EXCHANGE_DONE) {
        reply_problem(x, why);
    }
}

void exchange_withdraw(struct exchange *x, enum reason why)
{
    if (x->state != EXCHANGE_DONE) {
        x->step = "withdrawal";
        reply_problem(x, why);
    }
}

bool exchange_finished(const struct exchange *x)
{
    return x->state == EXCHANGE_DONE;
}

static void release(struct exchange *x)
{
    gate_free(x->standing);
    gate_free(x->gate);
    gate_free(x->spare_gate);
    arena_release(&x->arena);
    mem_free(x);
}

/* Nothing that the next one could see is kept but the memory. */
static void give_back(struct exchange *x)
{
    if (!spares_give(&x->env->exchanges, x)) {
        release(x);
        return;
    }
    gate_free(x->standing);
    x->standing = NULL;
    if (x->gate != NULL) {
        gate_clear(x->gate);
        x->spare_gate = x->gate;
        x->gate = NULL;
    }
    arena_reset(&x->arena);
}

void exchange_free(struct exchange *x)
{
    if (x == NULL) {
        return;
    }
    if (x->state != EXCHANGE_DONE) {
        state_drop_call(x);
        x->outcome = REASON_CLIENT_CLOSED;
        state_enter(x, EXCHANGE_DONE);
        record_write(x);
    }
    give_back(x);
}

void exchange_drop_spares(struct env *env)
{
    struct exchange *x;
    while ((x = spares_take(&env->exchanges)) != NULL) {
        release(x);
    }
}
