/* countersign explain: what the proxy would decide, at which step and why, asked of the very parts
 * that decide in a worker. Nothing listens and nothing connects. */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>

#include <openssl/pem.h>

#include "auth/gate.h"
#include "auth/revoke/deny.h"
#include "auth/withdrawal.h"
#include "base/clock.h"
#include "base/enc.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/explain_head.h"
#include "cli/explain_ocsp.h"
#include "cli/loaded.h"
#include "cli/secret.h"
#include "proxy/exchange/forward.h"
#include "proxy/exchange/report.h"
#include "proxy/exchange/route.h"
#include "proxy/proc/build.h"
#include "proxy/tls/site.h"

static const char usage_text[] =
    "usage: countersign explain [-c CONFIG] [--certificate FILE] [--user NAME [-i]] ...\n"
    "\n"
    "Says what the proxy would decide about a request, at which step, and why, and which fields\n"
    "the upstream would see. Nothing is sent; the proxy need not run.\n"
    "\n"
    "  -c, --config CONFIG     default " LOADED_DEFAULT_PATH "\n"
    "      --certificate FILE  the client's certificate, PEM with its chain behind it, or DER;\n"
    "                          left out: the client sends none\n"
    "      --user NAME         the name in the Authorization field; left out: there is no such\n"
    "                          field\n"
    "  -i, --stdin             read the password from standard input; left out: taken as right\n"
    "      --listener ADDRESS  as in the configuration (default: the first)\n"
    "      --name NAME         the server name that the client sends in the handshake, \"\" for\n"
    "                          none (default: the host, none if that is an address)\n"
    "      --host HOST         the Host field, with or without port (default: localhost)\n"
    "      --path PATH         path and query (default: /)\n"
    "      --method METHOD     (default: GET)\n"
    "      --otp               read a one-time code, behind the password; whether it was used\n"
    "                          before is not known here, nor who is locked out\n"
    "      --ocsp ANSWER       what the OCSP responder is taken to say: good, revoked, unknown or\n"
    "                          none (default); none is asked\n"
    "\n"
    "Exit status: 0 let through (also for a report only), 1 refused, 2 wrong usage, or something\n"
    "that the answer needs cannot be used (the configuration, the certificate file).\n";

/* Exit status. */
enum { LET_THROUGH = 0, REFUSED = 1, NO_ANSWER = 2 };

struct question {
    const char *config;
    const char *certificate;
    const char *user;
    const char *listener;
    const char *name;
    const char *host;
    const char *path;
    const char *method;
    const char *ocsp; /* NULL: nothing was said of it */
    enum ocsp_status ocsp_answer;
    bool from_stdin;
    bool otp;
};

/* Everything that the answer is made of, freed together. */
struct explanation {
    const struct question *q;
    struct runtime *runtime;
    size_t listener;
    const struct tls_site *site;
    X509 *leaf;
    STACK_OF(X509) * chain;
    struct identity *identity;
    struct told *told;
    struct gate_peer peer;
    const struct deny *deny; /* owned by run() */
    struct deny_chain keys;  /* of the chain that was built */
    struct explain_ocsp ocsp;
    struct explain_head head;
    const struct conf_route *route;
    enum route_method fits;
    struct str authorization; /* p NULL: the client sends no such field */
    struct str code;          /* borrows what explain() wipes */
    struct pwcache *pwcache;
};

static void say(const char *what, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(const char *what, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("%-12s ", what);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

static int refused(const char *what, enum reason why)
{
    if (reason_status(why) == 0) {
        say(what, "refused: %s (no HTTP answer)", reason_token(why));
    } else {
        say(what, "refused: %s, status %u", reason_token(why), reason_status(why));
    }
    return REFUSED;
}

/* Read the certificate file: the first is the leaf, the rest the chain. */
static int read_certificates(struct explanation *x, struct err *e)
{
    BIO *bio = BIO_new_file(x->q->certificate, "r");
    if (bio == NULL) {
        return err_set(e, ERR_NOT_FOUND, "cannot read %s", x->q->certificate);
    }
    x->leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    x->chain = sk_X509_new_null();
    if (x->leaf == NULL) {
        (void)BIO_reset(bio);
        x->leaf = d2i_X509_bio(bio, NULL);
    } else if (x->chain != NULL) {
        X509 *next = NULL;
        while ((next = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
            if (sk_X509_push(x->chain, next) == 0) {
                X509_free(next);
                break;
            }
        }
    }
    BIO_free(bio);
    return x->leaf != NULL && x->chain != NULL
               ? 0
               : err_set(e, ERR_MALFORMED, "%s holds no certificate", x->q->certificate);
}

static int find_listener(struct explanation *x, struct err *e)
{
    const struct conf *conf = x->runtime->conf;
    for (size_t i = 0; i < conf->listener_count; i++) {
        if (x->q->listener == NULL ||
            strcmp(x->q->listener, conf->listeners[i].address_text.p) == 0) {
            x->listener = i;
            say("listener", "%s", conf->listeners[i].address_text.p);
            return 0;
        }
    }
    return err_set(e, ERR_NOT_FOUND, "the configuration has no listener %s", x->q->listener);
}

static void explain_deny(const struct explanation *x)
{
    enum deny_reason why = deny_chain(x->deny, &x->keys);
    if (why != DENY_NOT_LISTED) {
        say("deny list", "lists the certificate, or one of its chain: %s", deny_reason_name(why));
    } else if (x->runtime->conf->revocation.deny.n > 0 && x->keys.n > 0) {
        say("deny list", "does not list the certificate");
    }
}

static void explain_ocsp(const struct explanation *x)
{
    const struct conf_ocsp *rule = &x->site->conf->client.ocsp;
    struct buf text;
    if (rule->mode == CONF_OCSP_OFF && x->q->ocsp == NULL) {
        return;
    }
    buf_init(&text, (size_t)2 * OCSP_URL_MAX);
    if (rule->mode != CONF_OCSP_OFF && !x->ocsp.asked) {
        say("ocsp", "not asked: %s",
            x->peer.certificate == REASON_OK ? "the certificate is an anchor itself"
                                             : "the certificate is refused before");
    } else if (explain_ocsp_render(&x->ocsp, rule, &text) == 0) {
        say("ocsp", "%.*s", STR_ARG(buf_str(&text)));
    }
    buf_release(&text);
}

static void judge_certificate(struct explanation *x)
{
    const struct trust_question question = {.leaf = x->leaf,
                                            .chain = x->chain,
                                            .wall_ms = clock_wall_ms(),
                                            .deny = x->deny,
                                            .keys = &x->keys};
    if (explain_ocsp_init(&x->ocsp, x->leaf, x->q->ocsp_answer) == 0) {
        tls_sites_use_ocsp(x->runtime->sites[x->listener], &x->ocsp.desk);
    }
    x->peer.certificate = trust_judge_all(x->site->trust, &question, &x->peer.term, NULL);
    x->peer.chain = &x->keys;
    explain_deny(x);
    explain_ocsp(x);
}

/* The handshake. Returns LET_THROUGH or REFUSED. */
static int explain_handshake(struct explanation *x)
{
    struct str name =
        x->q->name != NULL ? str_of(x->q->name) : explain_head_name(str_of(x->q->host));
    if (name.n > 0 && !tls_sites_is_name(name)) {
        return refused("server name", REASON_TLS_PROTOCOL_ERROR);
    }
    x->site = tls_sites_find(x->runtime->sites[x->listener], name);
    if (x->site == NULL) {
        return refused("server name", REASON_TLS_UNKNOWN_NAME);
    }
    const struct conf_client *client = &x->site->conf->client;
    say("server name", "%.*s, answered with %s", STR_ARG(name.n > 0 ? name : STR("none")),
        x->site->conf->certificate.p);
    x->peer.mode = client->mode;
    x->peer.certificate = REASON_CLIENT_CERT_MISSING;
    if (x->leaf != NULL && client->mode != CONF_CLIENT_OFF) {
        judge_certificate(x);
        x->identity = identity_new(x->leaf, &x->runtime->conf->identity);
        x->peer.identity = x->identity;
    }
    return LET_THROUGH;
}

/* Returns REFUSED if the handshake ends because of the certificate. */
static int judge_handshake(const struct explanation *x)
{
    const struct conf_client *client = &x->site->conf->client;
    if (x->peer.certificate == REASON_OK || client->on_failure == CONF_ON_FAILURE_ANSWER ||
        (x->peer.certificate == REASON_CLIENT_CERT_MISSING &&
         client->mode != CONF_CLIENT_REQUIRE)) {
        return LET_THROUGH;
    }
    say("handshake", "refused by a TLS alert: %s", reason_token(x->peer.certificate));
    return REFUSED;
}

static void explain_certificate(const struct explanation *x)
{
    const struct identity *id = x->identity;
    if (id == NULL) {
        say("certificate", "%s", x->leaf != NULL ? "not asked for" : "none");
        return;
    }
    char until[CLOCK_RFC3339_LEN + 1];
    clock_rfc3339(id->not_after_ms, until);
    if (x->peer.certificate == REASON_OK) {
        say("certificate", "%.*s, good until %s", STR_ARG(id->subject), until);
    } else {
        say("certificate", "%.*s, not accepted: %s", STR_ARG(id->subject),
            reason_token(x->peer.certificate));
    }
    if (id->reason == REASON_OK) {
        say("user-id", "%.*s", STR_ARG(id->user));
    } else {
        say("user-id", "none: %s", reason_token(id->reason));
    }
}

/* The head, as a worker reads it. */
static int explain_head(struct explanation *x)
{
    const struct explain_sent sent = {.method = str_of(x->q->method),
                                      .target = str_of(x->q->path),
                                      .host = str_of(x->q->host),
                                      .authorization = x->authorization};
    enum reason why = explain_head_read(&x->head, &x->runtime->conf->limits, &sent);
    return why == REASON_OK ? LET_THROUGH : refused("request", why);
}

/* Host and route. */
static int explain_route(struct explanation *x)
{
    const struct http_request *head = x->head.request;
    const struct tls_site *of_host = tls_sites_find(x->runtime->sites[x->listener], head->host);
    if (of_host == NULL || memcmp(of_host->policy, x->site->policy, sizeof x->site->policy) != 0) {
        return refused("host", REASON_MISDIRECTED);
    }
    x->route = route_find(x->runtime->routes, head->host, head->path, head->method, &x->fits);
    if (x->route == NULL) {
        return refused("route", REASON_NO_ROUTE);
    }
    static const char *const needs[] = {[CONF_REQUIRE_BOTH] = "both",
                                        [CONF_REQUIRE_CERTIFICATE] = "certificate",
                                        [CONF_REQUIRE_PASSWORD] = "password",
                                        [CONF_REQUIRE_EITHER] = "either",
                                        [CONF_REQUIRE_NONE] = "none"};
    say("route", "%s%s, requires %s%s%s, upstream %s",
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
        say(title, "%s: %s", words[v], reason_token(r));
    } else {
        say(title, "%s", words[v]);
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
        return refused("fields", REASON_IDENTITY_FIELDS_TOO_LARGE);
    }
    if (rc == -ERR_MALFORMED) {
        return refused("fields", REASON_CERT_IDENTITY_MALFORMED);
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
        say("password", "left out: taken as right");
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
        return refused("decision", why);
    }
    say("report_only", "%s would be status %u: it is told in the log, and let through",
        reason_token(why), reason_status(why));
    bool proven = why == REASON_GROUP_MISSING || why == REASON_METHOD_NOT_ALLOWED;
    struct str user = proven ? answer->user : STR_NONE;
    enum reason closed = user.n == 0 ? ask_standing(x, question, gate) : REASON_OK;
    if (closed != REASON_OK) {
        return refused("decision", closed);
    }
    say("decision", "let through for a report only, user %.*s",
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
        say("decision", "let through, user %.*s",
            STR_ARG(answer->user.n > 0 ? answer->user : STR("unknown")));
        status = explain_fields(x, answer, answer->user, false);
    } else {
        status = explain_refusal(x, &question, gate, answer->reason);
    }
    gate_free(gate);
    return status;
}

/* Name and password as an Authorization value into scratch; *value empty (NULL) without a user. */
static int make_authorization(const char *user, struct str password, struct buf *scratch,
                              struct str *value)
{
    struct buf plain;
    *value = STR_NONE;
    if (user == NULL) {
        return 0;
    }
    size_t size = strlen(user) + 1 + password.n;
    buf_init(&plain, size);
    int result = buf_append(&plain, str_of(user));
    if (result == 0) {
        result = buf_append(&plain, STR(":"));
    }
    if (result == 0) {
        result = buf_append(&plain, password);
    }
    buf_init(scratch, ENC_BASE64_LEN(size) + sizeof("Basic "));
    if (result == 0) {
        result = buf_append(scratch, STR("Basic "));
    }
    char *room = result == 0 ? buf_reserve(scratch, ENC_BASE64_LEN(size)) : NULL;
    if (room == NULL) {
        result = -ERR_NOMEM;
    } else {
        buf_commit(scratch, enc_base64(buf_str(&plain), room));
        *value = buf_str(scratch);
    }
    buf_wipe(&plain);
    return result;
}

/* The steps, in the order of a worker. */
static int explain_steps(struct explanation *x, struct str password)
{
    int status = explain_handshake(x);
    if (x->site == NULL) {
        return status;
    }
    explain_certificate(x);
    status = judge_handshake(x);
    if (status == LET_THROUGH) {
        status = explain_head(x);
    }
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

/* Everything that is asked about is there: answer. */
static int explain(struct explanation *x)
{
    struct err e = {0};
    char secret[SECRET_MAX];
    char code[SECRET_MAX];
    struct str password = STR("(left out)");
    struct buf scratch;
    buf_init(&scratch, 0);
    int status = NO_ANSWER;
    int result = x->q->certificate != NULL ? read_certificates(x, &e) : 0;
    if (result == 0) {
        result = find_listener(x, &e);
    }
    if (result == 0 && x->q->from_stdin) {
        result = secret_read("Password: ", NULL, true, secret, &password, &e);
    }
    if (result == 0 && x->q->otp) {
        result = secret_read("One-time code: ", NULL, x->q->from_stdin, code, &x->code, &e);
    }
    if (result == 0) {
        result = make_authorization(x->q->user, password, &scratch, &x->authorization);
    }
    x->pwcache = pwcache_new(1, 60000);
    if (result == 0 && x->pwcache == NULL) {
        result = -ERR_NOMEM;
    }
    if (result == 0) {
        status = explain_steps(x, password);
    } else {
        fprintf(stderr, "countersign explain: %s\n", e.code != ERR_OK ? e.text : err_name(result));
    }
    mem_wipe(secret, sizeof secret);
    mem_wipe(code, sizeof code);
    buf_wipe(&scratch);
    pwcache_free(x->pwcache);
    return status;
}

static int run(const struct question *q)
{
    struct explanation x = {.q = q};
    struct files *files = files_new();
    struct diags *diags = diags_new();
    struct deny *deny = NULL;
    int status = NO_ANSWER;
    if (files != NULL && diags != NULL) {
        x.runtime = build_runtime(q->config, files, NULL, NULL, diags, TLS_KEYS_OF_FILES);
        deny = x.runtime != NULL ? withdrawal_load(x.runtime->conf, NULL, files, diags) : NULL;
        x.deny = deny;
        if (deny == NULL) {
            diags_print(diags, stderr);
        } else {
            status = explain(&x);
        }
    } else {
        fputs("countersign explain: out of memory\n", stderr);
    }
    explain_head_fini(&x.head);
    explain_ocsp_fini(&x.ocsp);
    told_free(x.told);
    deny_free(deny);
    identity_free(x.identity);
    X509_free(x.leaf);
    sk_X509_pop_free(x.chain, X509_free);
    build_unref(x.runtime);
    diags_free(diags);
    files_free(files);
    return fflush(stdout) == 0 ? status : NO_ANSWER;
}

static bool is_one_line(const char *text)
{
    return text == NULL || strpbrk(text, "\r\n") == NULL;
}

int explain_main(int argc, char **argv)
{
    enum { CERTIFICATE = 256, USER, LISTENER, NAME, HOST, PATH, METHOD, OCSP, OTP = 'O' };
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"stdin", no_argument, NULL, 'i'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"certificate", required_argument, NULL, CERTIFICATE},
                                            {"user", required_argument, NULL, USER},
                                            {"listener", required_argument, NULL, LISTENER},
                                            {"name", required_argument, NULL, NAME},
                                            {"host", required_argument, NULL, HOST},
                                            {"path", required_argument, NULL, PATH},
                                            {"method", required_argument, NULL, METHOD},
                                            {"otp", no_argument, NULL, OTP},
                                            {"ocsp", required_argument, NULL, OCSP},
                                            {NULL, 0, NULL, 0}};
    struct question q = {
        .config = LOADED_DEFAULT_PATH, .host = "localhost", .path = "/", .method = "GET"};
    const char **const targets[] = {&q.certificate, &q.user, &q.listener, &q.name,
                                    &q.host,        &q.path, &q.method,   &q.ocsp};
    int option = 0;
    while ((option = getopt_long(argc, argv, "c:ih", options, NULL)) != -1) {
        if (option >= CERTIFICATE) {
            *targets[option - CERTIFICATE] = optarg;
        } else if (option == 'c') {
            q.config = optarg;
        } else if (option == 'i') {
            q.from_stdin = true;
        } else if (option == OTP) {
            q.otp = true;
        } else {
            fputs(usage_text, option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : 2;
        }
    }
    if (optind != argc || (q.from_stdin && q.user == NULL) ||
        !explain_ocsp_answer(q.ocsp, &q.ocsp_answer)) {
        fputs(usage_text, stderr);
        return 2;
    }
    if (!is_one_line(q.host) || !is_one_line(q.path) || !is_one_line(q.method)) {
        fputs("countersign explain: host, path and method are one line each\n", stderr);
        return 2;
    }
    return run(&q);
}
