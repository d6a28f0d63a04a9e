/* Owns: what becomes of the request that "countersign explain" asks about, by the parts that decide
 * in a worker. Leaves the handshake before it to explain_handshake. */
#include <stdio.h>

#include "base/clock.h"
#include "cli/explain_inner.h"
#include "proxy/exchange/forward.h"
#include "proxy/exchange/report.h"

/* The head, as a worker reads it. */
static int explain_head(struct explanation *x)
{
    const struct explain_sent sent = {.method = str_of(x->q->method),
                                      .target = str_of(x->q->path),
                                      .host = str_of(x->q->host),
                                      .authorization = x->authorization};
    enum reason why = explain_head_read(&x->head, &x->runtime->conf->limits, &sent);
    return why == REASON_OK ? LET_THROUGH : explain_refused("request", why);
}

/* Host and route. */
static int explain_route(struct explanation *x)
{
    const struct http_request *head = x->head.request;
    const struct tls_site *of_host = tls_sites_find(x->runtime->sites[x->listener], head->host);
    if (of_host == NULL || memcmp(of_host->policy, x->site->policy, sizeof x->site->policy) != 0) {
        return explain_refused("host", REASON_MISDIRECTED);
    }
    x->route = route_find(x->runtime->routes, head->host, head->path, head->method, &x->fits);
    if (x->route == NULL) {
        return explain_refused("route", REASON_NO_ROUTE);
    }
    static const char *const needs[] = {[CONF_REQUIRE_BOTH] = "both",
                                        [CONF_REQUIRE_CERTIFICATE] = "certificate",
                                        [CONF_REQUIRE_PASSWORD] = "password",
                                        [CONF_REQUIRE_EITHER] = "either",
                                        [CONF_REQUIRE_NONE] = "none"};
    explain_say("route", "%s%s, requires %s%s%s, upstream %s",
                x->route->host.p != NULL ? x->route->host.p : "", x->route->path.p,
                needs[x->route->require], x->route->require_totp ? ", a one-time code" : "",
                x->route->groups.n > 0 ? ", a group" : "", x->route->upstream_name.p);
    return 0;
}

static void show_step(void *arg, const char *step, enum verdict v, enum reason r)
{
    (void)arg;
    static const char *const words[] = {[VERDICT_DENY] = "refused",
                                        [VERDICT_ALLOW] = "let through",
                                        [VERDICT_WAIT] = "waits",
                                        [VERDICT_NEXT] = "no objection"};
    char title[32];
    snprintf(title, sizeof title, "  %s", step);
    if (v == VERDICT_DENY) {
        explain_say(title, "%s: %s", words[v], reason_token(r));
    } else {
        explain_say(title, "%s", words[v]);
    }
}

static void print_field(const struct field *f)
{
    bool secret = str_ieq(f->name, STR("Authorization"));
    printf("  %.*s: %.*s\n", STR_ARG(f->name),
           STR_ARG(secret ? STR("(as the client sent it)") : f->value));
}

/* What the certificate says in the words of the dialects. Returns 0 or a negative err_code. */
static int explain_told(struct explanation *x)
{
    X509 *leaf = x->identity != NULL && x->peer.certificate == REASON_OK ? x->leaf : NULL;
    STACK_OF(X509) *chain = NULL;
    if (leaf != NULL && conf_headers_need_chain(&x->runtime->conf->headers)) {
        chain = trust_chain(x->site->trust, leaf, x->chain, clock_wall_ms());
    }
    int rc = told_new(x->runtime->plan, leaf, chain, &x->told);
    sk_X509_pop_free(chain, X509_free);
    return rc;
}

/* A token that was made here would let anyone be that user for a while. */
static void explain_signed(const struct conf *conf)
{
    if (conf->token.keys.n > 0 && conf->token.header.p[0] != '\0') {
        printf("  %s: (a token, not made here)\n", conf->token.header.p);
    }
    if (conf->signature.keys.n > 0) {
        puts("  Signature-Input, Signature: (not made here)");
    }
}

/* The fields of the request as the upstream would get them; user: whom it is told of. */
static int explain_fields(struct explanation *x, const struct gate_answer *answer, struct str user,
                          bool reported)
{
    struct http_request *head = x->head.request;
    int rc = explain_told(x);
    struct forward_facts facts = {.names = &x->runtime->conf->headers,
                                  .own = {.user = user},
                                  .told = x->told,
                                  .groups = answer->groups,
                                  .group_count = answer->group_count,
                                  .client_text = STR("192.0.2.1"),
                                  .client_kind = ADDR_INET,
                                  .secure = true,
                                  .keep_authorization = x->route->forward_authorization &&
                                                        (!reported || answer->user_by_password),
                                  .code_name = str_of(x->runtime->conf->totp.header.p),
                                  .request_id = STR("EXAMPLE")};
    if (x->identity != NULL && x->peer.certificate == REASON_OK) {
        facts.own.certificate = true;
        facts.own.subject = x->identity->subject;
        facts.own.issuer = x->identity->issuer;
        facts.own.serial = x->identity->serial;
        facts.own.fingerprint = str_of(x->identity->fingerprint);
    }
    rc = rc == 0 ? forward_request(&facts, head) : rc;
    if (rc == -ERR_TOO_LARGE) {
        return explain_refused("fields", REASON_IDENTITY_FIELDS_TOO_LARGE);
    }
    if (rc == -ERR_MALFORMED) {
        return explain_refused("fields", REASON_CERT_IDENTITY_MALFORMED);
    }
    if (rc != 0) {
        fprintf(stderr, "countersign explain: %s\n", err_name(rc));
        return NO_ANSWER;
    }
    puts("the upstream would see (for a client at 192.0.2.1):");
    printf("  Host: %.*s\n", STR_ARG(head->authority));
    for (size_t i = 0; i < head->fields.n; i++) {
        print_field(&head->fields.v[i]);
    }
    explain_signed(x->runtime->conf);
    return LET_THROUGH;
}

/* Put a password that was left out among the proven ones, so that the gate goes past it. */
static int take_as_right(const struct explanation *x, struct str password)
{
    const struct user *user = NULL;
    struct users_ticket *none = NULL;
    unsigned char digest[PWCACHE_DIGEST];
    if (users_find(x->runtime->users, str_of(x->q->user), NULL, NULL, &none, &user) !=
        USERS_FOUND) {
        return 0;
    }
    const unsigned char *certificate =
        x->peer.certificate == REASON_OK && x->identity != NULL ? x->identity->digest : NULL;
    int result = pwcache_digest(x->pwcache, user->name, user->hash, password, certificate, digest);
    if (result == 0) {
        pwcache_put(x->pwcache, digest, clock_mono_ms());
        explain_say("password", "left out: taken as right");
    }
    user_unref(user);
    return result;
}

static void never_told(void *arg)
{
    (void)arg;
}

/* Whether who came through for a report only is withdrawn, or the account closed. */
static enum reason ask_standing(const struct explanation *x, struct gate_question *question,
                                const struct gate *gate)
{
    enum reason why = gate_ask_claimed(gate);
    if (why != REASON_OK) {
        return why;
    }
    report_ask_standing(question);
    struct gate *standing = gate_run(question, never_told, NULL);
    if (standing == NULL) {
        return REASON_OUT_OF_MEMORY;
    }
    const struct gate_answer *answer = gate_result(standing);
    if (answer->verdict != VERDICT_ALLOW &&
        !report_lets_pass(x->peer.certificate, answer->reason)) {
        why = answer->reason != REASON_OK ? answer->reason : REASON_INTERNAL;
    }
    gate_free(standing);
    return why;
}

/* The rules refuse for why, and the route decides what follows. user: who was proven anyway. */
static int explain_refusal(struct explanation *x, struct gate_question *question,
                           const struct gate *gate, enum reason why)
{
    const struct gate_answer *answer = gate_result(gate);
    if (!x->route->report_only || !report_lets_pass(x->peer.certificate, why)) {
        return explain_refused("decision", why);
    }
    explain_say("report_only", "%s would be status %u: it is told in the log, and let through",
                reason_token(why), reason_status(why));
    bool proven = why == REASON_GROUP_MISSING || why == REASON_METHOD_NOT_ALLOWED;
    struct str user = proven ? answer->user : STR_NONE;
    enum reason closed = user.n == 0 ? ask_standing(x, question, gate) : REASON_OK;
    if (closed != REASON_OK) {
        return explain_refused("decision", closed);
    }
    explain_say("decision", "let through for a report only, user %.*s",
                STR_ARG(user.n > 0 ? user : STR("unknown")));
    return explain_fields(x, answer, user, true);
}

static int ask_gate(struct explanation *x)
{
    const struct fields *fields = &x->head.request->fields;
    const struct field *authorization = fields_find(fields, STR("Authorization"));
    struct gate_question question = {
        .peer = &x->peer,
        .require = x->route->require,
        .authorization = authorization != NULL ? authorization->value : STR_NONE,
        .authorization_count = fields_count(fields, STR("Authorization")),
        .users = x->runtime->users,
        .rule = &x->runtime->conf->identity,
        .deny = &x->deny,
        .pwcache = x->pwcache,
        .groups = &x->route->groups,
        .require_totp = x->route->require_totp,
        .code = x->code,
        .code_count = x->q->otp ? 1 : 0,
        .totp = &x->runtime->conf->totp,
        .wall_ms = clock_wall_ms(),
        .mono_ms = clock_mono_ms()};
    struct gate *gate = gate_run(&question, never_told, NULL);
    if (gate == NULL) {
        fputs("countersign explain: out of memory\n", stderr);
        return NO_ANSWER;
    }
    gate_trace(gate, show_step, NULL);
    const struct gate_answer *answer = gate_result(gate);
    int status = REFUSED;
    if (answer->verdict == VERDICT_ALLOW && x->fits != ROUTE_METHOD_FITS) {
        show_step(NULL, "method", VERDICT_DENY, REASON_METHOD_NOT_ALLOWED);
        status = explain_refusal(x, &question, gate, REASON_METHOD_NOT_ALLOWED);
    } else if (answer->verdict == VERDICT_ALLOW) {
        explain_say("decision", "let through, user %.*s",
                    STR_ARG(answer->user.n > 0 ? answer->user : STR("unknown")));
        status = explain_fields(x, answer, answer->user, false);
    } else {
        status = explain_refusal(x, &question, gate, answer->reason);
    }
    gate_free(gate);
    return status;
}

int explain_request(struct explanation *x, struct str password)
{
    int status = explain_head(x);
    if (status == LET_THROUGH) {
        status = explain_route(x);
    }
    if (status == LET_THROUGH && x->q->user != NULL && !x->q->from_stdin &&
        take_as_right(x, password) != 0) {
        fputs("countersign explain: out of memory\n", stderr);
        return NO_ANSWER;
    }
    return status == LET_THROUGH ? ask_gate(x) : status;
}
