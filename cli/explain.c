/* countersign explain: what the proxy would decide, at which step and why, asked of the very parts
 * that decide in a worker. Nothing listens and nothing connects. */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>

#include <openssl/pem.h>

#include "auth/gate.h"
#include "base/clock.h"
#include "base/enc.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/secret.h"
#include "conf/load.h"
#include "proxy/exchange/forward.h"
#include "proxy/exchange/route.h"
#include "proxy/proc/build.h"
#include "proxy/tls/site.h"

static const char usage_text[] =
    "usage: countersign explain [-c CONFIG] [--certificate FILE] [--user NAME [-i]] ...\n"
    "\n"
    "Says what the proxy would decide about a request, at which step, and why, and which fields "
    "the\n"
    "upstream would see. Exit status: 0 let through, 1 refused, 2 wrong usage.\n"
    "\n"
    "  -c, --config CONFIG     default /etc/countersign/countersign.yaml\n"
    "      --certificate FILE  the client's certificate, PEM with its chain behind it, or DER;\n"
    "                          left out: the client sends none\n"
    "      --user NAME         the name in the Authorization field; left out: there is no such "
    "field\n"
    "  -i, --stdin             read the password from standard input; left out: taken as right\n"
    "      --listener ADDRESS  as in the configuration (default: the first)\n"
    "      --name NAME         the server name that the client sends (default: the host)\n"
    "      --host HOST         the Host field (default: localhost)\n"
    "      --path PATH         default /\n";

struct question {
    const char *config;
    const char *certificate;
    const char *user;
    const char *listener;
    const char *name;
    const char *host;
    const char *path;
    bool from_stdin;
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
    struct gate_peer peer;
    const struct conf_route *route;
    struct arena arena;
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
    return 1;
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

/* The handshake. Returns 0 if it would succeed, 1 if it would be refused. */
static int explain_handshake(struct explanation *x)
{
    struct tls_sites *sites = x->runtime->sites[x->listener];
    struct str name = str_of(x->q->name);
    x->site = tls_sites_find(sites, name);
    if (x->site == NULL) {
        return refused("server name", REASON_TLS_UNKNOWN_NAME);
    }
    const struct conf_client *client = &x->site->conf->client;
    say("server name", "%s, answered with %s", x->q->name, x->site->conf->certificate.p);
    x->peer.mode = client->mode;
    x->peer.certificate = REASON_CLIENT_CERT_MISSING;
    if (x->leaf != NULL && client->mode != CONF_CLIENT_OFF) {
        x->peer.certificate = trust_judge(x->site->trust, x->leaf, x->chain, clock_wall_ms(), NULL);
        if (x->peer.certificate == REASON_OK) {
            x->identity = identity_new(x->leaf, &x->runtime->conf->identity);
            x->peer.identity = x->identity;
        }
    }
    if (x->peer.certificate == REASON_OK || client->on_failure == CONF_ON_FAILURE_ANSWER ||
        (x->peer.certificate == REASON_CLIENT_CERT_MISSING &&
         client->mode != CONF_CLIENT_REQUIRE)) {
        return 0;
    }
    say("handshake", "refused by a TLS alert: %s", reason_token(x->peer.certificate));
    return 1;
}

static void explain_certificate(const struct explanation *x)
{
    if (x->identity == NULL) {
        say("certificate", "%s", reason_token(x->peer.certificate));
        return;
    }
    char until[CLOCK_RFC3339_LEN + 1];
    clock_rfc3339(x->identity->not_after_ms, until);
    say("certificate", "%.*s, good until %s", STR_ARG(x->identity->subject), until);
    if (x->identity->reason == REASON_OK) {
        say("user-id", "%.*s", STR_ARG(x->identity->user));
    } else {
        say("user-id", "none: %s", reason_token(x->identity->reason));
    }
}

/* Host and route. Returns 0 or 1. */
static int explain_route(struct explanation *x)
{
    struct str host = str_of(x->q->host);
    const struct tls_site *of_host = tls_sites_find(x->runtime->sites[x->listener], host);
    if (of_host == NULL || memcmp(of_host->policy, x->site->policy, sizeof x->site->policy) != 0) {
        return refused("host", REASON_MISDIRECTED);
    }
    struct str path;
    struct str query;
    str_cut(str_of(x->q->path), '?', &path, &query);
    x->route = route_find(x->runtime->routes, host, path);
    if (x->route == NULL) {
        return refused("route", REASON_NO_ROUTE);
    }
    static const char *const needs[] = {[CONF_REQUIRE_BOTH] = "both",
                                        [CONF_REQUIRE_CERTIFICATE] = "certificate",
                                        [CONF_REQUIRE_PASSWORD] = "password",
                                        [CONF_REQUIRE_EITHER] = "either",
                                        [CONF_REQUIRE_NONE] = "none"};
    say("route", "%s%s, requires %s, upstream %s", x->route->host.p != NULL ? x->route->host.p : "",
        x->route->path.p, needs[x->route->require], x->route->upstream_name.p);
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

/* The fields of the request as the upstream would get them. */
static int explain_fields(struct explanation *x, const struct gate_answer *answer)
{
    struct http_request head = {.method = HTTP_METHOD_GET,
                                .target = str_of(x->q->path),
                                .authority = str_of(x->q->host),
                                .host = str_of(x->q->host),
                                .minor = 1};
    fields_init(&head.fields, &x->arena);
    struct forward_facts facts = {.names = &x->runtime->conf->headers,
                                  .own = {.user = answer->user, .certificate = x->identity != NULL},
                                  .client_text = STR("192.0.2.1"),
                                  .client_kind = ADDR_INET,
                                  .secure = true,
                                  .request_id = STR("EXAMPLE")};
    if (x->identity != NULL) {
        facts.own.subject = x->identity->subject;
        facts.own.issuer = x->identity->issuer;
        facts.own.serial = x->identity->serial;
        facts.own.fingerprint = str_of(x->identity->fingerprint);
    }
    if (forward_request(&facts, &head) != 0) {
        fputs("countersign explain: out of memory\n", stderr);
        return 1;
    }
    puts("the upstream would see (for a client at 192.0.2.1):");
    for (size_t i = 0; i < head.fields.n; i++) {
        printf("  %.*s: %.*s\n", STR_ARG(head.fields.v[i].name), STR_ARG(head.fields.v[i].value));
    }
    return 0;
}

/* Put a password that was left out among the proven ones, so that the gate goes past it. */
static int take_as_right(const struct explanation *x, struct pwcache *cache, struct str password)
{
    struct user user;
    unsigned char digest[PWCACHE_DIGEST];
    if (!users_find(x->runtime->users, str_of(x->q->user), &user)) {
        return 0;
    }
    int result = pwcache_digest(cache, user.name, user.hash, password,
                                x->identity != NULL ? x->identity->digest : NULL, digest);
    if (result == 0) {
        pwcache_put(cache, digest, clock_mono_ms());
        say("password", "left out: taken as right");
    }
    return result;
}

static void never_told(void *arg)
{
    (void)arg;
}

static int ask_gate(struct explanation *x, struct pwcache *cache, struct str authorization)
{
    struct gate_question question = {.peer = &x->peer,
                                     .require = x->route->require,
                                     .authorization = authorization,
                                     .authorization_count = authorization.p != NULL ? 1 : 0,
                                     .users = x->runtime->users,
                                     .rule = &x->runtime->conf->identity,
                                     .pwcache = cache,
                                     .wall_ms = clock_wall_ms(),
                                     .mono_ms = clock_mono_ms()};
    struct gate *gate = gate_run(&question, never_told, NULL);
    if (gate == NULL) {
        return refused("decision", REASON_OUT_OF_MEMORY);
    }
    gate_trace(gate, show_step, NULL);
    const struct gate_answer *answer = gate_result(gate);
    int status = 1;
    if (answer->verdict == VERDICT_ALLOW) {
        say("decision", "let through, user %.*s",
            STR_ARG(answer->user.n > 0 ? answer->user : STR("unknown")));
        status = explain_fields(x, answer);
    } else {
        refused("decision", answer->reason);
    }
    gate_free(gate);
    return status;
}

/* Name and password as an Authorization value into scratch; *value empty (NULL) without a user. */
static int make_authorization(const struct explanation *x, struct str password, struct buf *scratch,
                              struct str *value)
{
    struct buf plain;
    char encoded[ENC_BASE64_LEN(1024)];
    *value = STR_NONE;
    if (x->q->user == NULL) {
        return 0;
    }
    buf_init(&plain, 1024);
    int result = buf_printf(&plain, "%s:", x->q->user);
    if (result == 0) {
        result = buf_append(&plain, password);
    }
    if (result == 0) {
        size_t n = enc_base64(buf_str(&plain), encoded);
        result = buf_printf(scratch, "Basic %.*s", (int)n, encoded);
        *value = buf_str(scratch);
    }
    mem_wipe(encoded, sizeof encoded);
    buf_wipe(&plain);
    return result;
}

static int explain_request(struct explanation *x)
{
    struct err e = {0};
    char secret[SECRET_MAX];
    struct str password = STR("(left out)");
    struct str authorization = STR_NONE;
    struct buf scratch;
    buf_init(&scratch, 2048);
    int status = 1;
    struct pwcache *cache = pwcache_new(1, 60000);
    int result = cache != NULL ? 0 : err_set(&e, ERR_NOMEM, "out of memory");
    if (result == 0 && x->q->from_stdin) {
        result = secret_read("Password: ", NULL, true, secret, &password, &e);
    }
    if (result == 0) {
        result = make_authorization(x, password, &scratch, &authorization);
    }
    if (result == 0 && x->q->user != NULL && !x->q->from_stdin) {
        result = take_as_right(x, cache, password);
    }
    if (result == 0) {
        status = ask_gate(x, cache, authorization);
    } else {
        fprintf(stderr, "countersign explain: %s\n", e.code != ERR_OK ? e.text : err_name(result));
    }
    mem_wipe(secret, sizeof secret);
    buf_wipe(&scratch);
    pwcache_free(cache);
    return status;
}

static int explain(struct explanation *x)
{
    struct err e = {0};
    if ((x->q->certificate != NULL && read_certificates(x, &e) != 0) || find_listener(x, &e) != 0) {
        fprintf(stderr, "countersign explain: %s\n", e.text);
        return 1;
    }
    int status = explain_handshake(x);
    explain_certificate(x);
    if (status == 0) {
        status = explain_route(x);
    }
    return status == 0 ? explain_request(x) : status;
}

static int run(const struct question *q)
{
    struct explanation x = {.q = q};
    struct files *files = files_new();
    struct diags *diags = diags_new();
    int status = 1;
    arena_init(&x.arena, 1 << 20);
    if (files != NULL && diags != NULL) {
        x.runtime = build_runtime(q->config, files, NULL, NULL, diags);
        if (x.runtime == NULL) {
            diags_print(diags, stderr);
        } else {
            status = explain(&x);
        }
    }
    identity_free(x.identity);
    X509_free(x.leaf);
    sk_X509_pop_free(x.chain, X509_free);
    arena_release(&x.arena);
    if (x.runtime != NULL) {
        build_unref(x.runtime);
    }
    diags_free(diags);
    files_free(files);
    return status;
}

int explain_main(int argc, char **argv)
{
    enum { CERTIFICATE = 256, USER, LISTENER, NAME, HOST, PATH };
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"stdin", no_argument, NULL, 'i'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"certificate", required_argument, NULL, CERTIFICATE},
                                            {"user", required_argument, NULL, USER},
                                            {"listener", required_argument, NULL, LISTENER},
                                            {"name", required_argument, NULL, NAME},
                                            {"host", required_argument, NULL, HOST},
                                            {"path", required_argument, NULL, PATH},
                                            {NULL, 0, NULL, 0}};
    struct question q = {
        .config = "/etc/countersign/countersign.yaml", .host = "localhost", .path = "/"};
    const char **const targets[] = {&q.certificate, &q.user, &q.listener,
                                    &q.name,        &q.host, &q.path};
    int option = 0;
    while ((option = getopt_long(argc, argv, "c:ih", options, NULL)) != -1) {
        if (option >= CERTIFICATE) {
            *targets[option - CERTIFICATE] = optarg;
        } else if (option == 'c') {
            q.config = optarg;
        } else if (option == 'i') {
            q.from_stdin = true;
        } else {
            fputs(usage_text, option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : 2;
        }
    }
    if (optind != argc || q.path[0] != '/' || (q.from_stdin && q.user == NULL)) {
        fputs(usage_text, stderr);
        return 2;
    }
    q.name = q.name != NULL ? q.name : q.host;
    return run(&q);
}
