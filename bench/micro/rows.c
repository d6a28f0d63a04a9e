/* Owns: the list of single steps, and what each needs to run. */
#include "bench/micro/rows.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/certcache.h"
#include "auth/gate.h"
#include "auth/identity.h"
#include "auth/pwcache.h"
#include "auth/revoke/deny.h"
#include "auth/users.h"
#include "base/arena.h"
#include "base/clock.h"
#include "bench/micro/measure.h"
#include "conf/load.h"
#include "proxy/exchange/forward.h"
#include "proxy/http/h1_reader.h"
#include "proxy/http/h1_write.h"
#include "proxy/tls/traffic.h"

enum { ROUNDS = 15, CALLS = 2000, ARENA_MAX = 1 << 20, RECORD = 200 };

static const char configuration[] = "listeners:\n"
                                    "  - address: \"127.0.0.1:1\"\n"
                                    "    tls: { certificate: c, key: k }\n"
                                    "    client: { ca: a }\n"
                                    "users: { htpasswd: u }\n"
                                    "routes: [ { path: \"/\", upstream: app } ]\n"
                                    "upstreams: { app: { servers: [ \"127.0.0.1:2\" ] } }\n";

static const char request[] = "GET /api/v1/things?page=2 HTTP/1.1\r\n"
                              "Host: www.example\r\n"
                              "User-Agent: some-client/1.0 (of an usual length)\r\n"
                              "Accept: application/json\r\n"
                              "Accept-Encoding: gzip, deflate\r\n"
                              "Cookie: session=0123456789abcdef0123456789abcdef\r\n"
                              "Authorization: Basic Y2xpZW50LTA6c2VjcmV0\r\n"
                              "\r\n";

/* "client-0" with the password "secret". */
static const char htpasswd[] = "client-0:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n";

struct bench {
    const struct pki *pki;
    struct files *files;
    struct conf *conf;
    struct users *users;
    struct arena arena;
    struct h1_reader *reader;
    struct buf out;
    struct identity *identity;
    struct deny_chain chain;
    struct certcache *certcache;
    unsigned char chain_key[CERTCACHE_KEY];
    STACK_OF(X509) * sent;
    struct pwcache *pwcache;
    struct gate_peer peer;
    struct traffic_ciphers *ciphers;
    struct traffic_side sides[4]; /* two connections: what each writes, and what is read of it */
    size_t turn;
    unsigned char record[RECORD + TRAFFIC_OVERHEAD];
};

static void need(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "countersign-micro: %s failed\n", what);
        exit(1);
    }
}

static void read_head(struct bench *b)
{
    static const struct str octets = {request, sizeof(request) - 1};
    size_t used = 0;
    arena_reset(&b->arena);
    h1_reader_begin(b->reader, &b->arena, HTTP_METHOD_NONE);
    need(h1_reader_next(b->reader, octets, &used) == H1_HEAD && used == octets.n, "reading a head");
}

static void row_head(struct bench *b)
{
    read_head(b);
}

static void row_forward(struct bench *b)
{
    read_head(b);
    const struct forward_facts facts = {
        .names = &b->conf->headers,
        .own = {.user = b->identity->user,
                .subject = b->identity->subject,
                .issuer = b->identity->issuer,
                .serial = b->identity->serial,
                .fingerprint = {b->identity->fingerprint, 64},
                .certificate = true},
        .client_text = STR("127.0.0.1"),
        .client_kind = ADDR_INET,
        .secure = true,
        .request_id = STR("0123456789abcdef0000000001"),
    };
    struct http_request *head = h1_reader_request(b->reader);
    buf_clear(&b->out);
    need(forward_request(&facts, head) == 0 && h1_write_request(&b->out, head) == 0,
         "writing a head");
}

static void row_identity(struct bench *b)
{
    struct identity *id = identity_new(b->pki->clients[0], &b->conf->identity);
    need(id != NULL && id->reason == REASON_OK, "reading an identity");
    identity_free(id);
}

static void row_chain(struct bench *b)
{
    static const unsigned char judged_by[32] = {1};
    struct certcache_verdict v;
    need(certcache_key(b->certcache, judged_by, b->pki->clients[0], b->sent, b->chain_key) &&
             certcache_find(b->certcache, b->chain_key, clock_wall_ms(), &v),
         "finding a chain");
}

static void row_password(struct bench *b)
{
    unsigned char digest[PWCACHE_DIGEST];
    need(pwcache_digest(b->pwcache, STR("client-0"), STR("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="),
                        STR("secret"), b->identity->digest, digest) == 0 &&
             pwcache_known(b->pwcache, digest, clock_mono_ms()),
         "finding a password");
}

static void row_deny_keys(struct bench *b)
{
    struct deny_chain keys = {.n = 0};
    need(deny_chain_add(&keys, b->pki->clients[0]) == 0, "the keys of a certificate");
    b->chain = keys;
}

static void on_gate(void *arg)
{
    (void)arg;
}

/* Without pwcheck a hash is computed in place, the first time; then it is remembered. */
static void row_gate(struct bench *b)
{
    const struct gate_question q = {
        .peer = &b->peer,
        .require = CONF_REQUIRE_BOTH,
        .authorization = STR("Basic Y2xpZW50LTA6c2VjcmV0"),
        .authorization_count = 1,
        .users = b->users,
        .rule = &b->conf->identity,
        .pwcache = b->pwcache,
        .totp = &b->conf->totp,
        .lockout_rule = &b->conf->lockout,
        .wall_ms = clock_wall_ms(),
        .mono_ms = clock_mono_ms(),
    };
    struct gate *g = gate_run(&q, on_gate, NULL);
    need(g != NULL && gate_result(g)->verdict == VERDICT_ALLOW, "asking the gate");
    gate_free(g);
}

static void pass_record(struct bench *b, struct traffic_side *writer, struct traffic_side *reader)
{
    static const char octets[RECORD] = "";
    unsigned char plain[RECORD + 1];
    size_t n = 0;
    const struct str record = {(const char *)b->record, sizeof(b->record)};
    need(traffic_seal(b->ciphers, writer, 23, (struct str){octets, RECORD}, b->record) &&
             traffic_open(b->ciphers, reader, record, plain, &n) && n == RECORD + 1,
         "passing a record");
}

static void row_record(struct bench *b)
{
    pass_record(b, &b->sides[0], &b->sides[1]);
}

/* Each time of another connection: its key has to be put into the cipher. */
static void row_records_in_turn(struct bench *b)
{
    size_t at = b->turn++ % 2 * 2;
    pass_record(b, &b->sides[at], &b->sides[at + 1]);
}

static const struct {
    const char *name;
    void (*call)(struct bench *b);
} rows[] = {
    {"a request's head: guard, parse, check", row_head},
    {"the same, forwarded and written for upstream", row_forward},
    {"identity of a certificate", row_identity},
    {"keys of a certificate for the deny list", row_deny_keys},
    {"a remembered chain: digest and look-up", row_chain},
    {"a remembered password: digest and look-up", row_password},
    {"the gate: certificate and remembered password", row_gate},
    {"a record of 200 octets, sealed and opened", row_record},
    {"the same, each of another connection", row_records_in_turn},
};

#define COUNT (sizeof(rows) / sizeof(rows[0]))

static void load(struct bench *b)
{
    struct diags *diags = diags_new();
    b->files = files_new();
    need(diags != NULL && b->files != NULL &&
             files_put(b->files, "/micro.yaml", STR(configuration)) == 0 &&
             files_put(b->files, "/u", STR(htpasswd)) == 0,
         "making files");
    b->conf = conf_load("/micro.yaml", b->files, diags);
    b->users =
        b->conf != NULL ? users_load(&b->conf->users, &b->conf->identity, b->files, diags) : NULL;
    if (b->users == NULL) {
        diags_print(diags, stderr);
    }
    need(b->users != NULL, "loading a configuration");
    diags_free(diags);
}

static void remember_chain(struct bench *b)
{
    static const unsigned char judged_by[32] = {1};
    int64_t now = clock_wall_ms();
    struct certcache_verdict v = {.term = {now + 3600000, REASON_CLIENT_CERT_EXPIRED},
                                  .chain = {.n = 2}};
    b->sent = sk_X509_new_null();
    b->certcache = certcache_new(64, 3600000);
    need(b->sent != NULL && sk_X509_push(b->sent, b->pki->root) > 0 && b->certcache != NULL &&
             certcache_key(b->certcache, judged_by, b->pki->clients[0], b->sent, b->chain_key),
         "remembering a chain");
    certcache_put(b->certcache, b->chain_key, now, &v);
}

static void set_up(struct bench *b)
{
    static const struct h1_limits limits = {.head_bytes = 16384,
                                            .field_count = 100,
                                            .target_bytes = 8192,
                                            .chunk_line_bytes = 256,
                                            .trailer_bytes = 8192,
                                            .body_bytes = UINT64_MAX};
    load(b);
    arena_init(&b->arena, ARENA_MAX);
    buf_init(&b->out, ARENA_MAX);
    b->reader = h1_reader_new(false, &limits);
    b->identity = identity_new(b->pki->clients[0], &b->conf->identity);
    b->pwcache = pwcache_new(64, 3600000);
    need(b->reader != NULL && b->identity != NULL && b->pwcache != NULL, "making parts");
    b->peer = (struct gate_peer){.identity = b->identity,
                                 .certificate = REASON_OK,
                                 .term = {INT64_MAX, REASON_INTERNAL},
                                 .mode = CONF_CLIENT_REQUIRE};
    remember_chain(b);
    b->ciphers = traffic_ciphers_new(NULL);
    need(b->ciphers != NULL, "making ciphers");
    for (size_t i = 0; i < sizeof(b->sides) / sizeof(b->sides[0]); i++) {
        b->sides[i] =
            (struct traffic_side){.suite = TRAFFIC_AES_128_GCM, .key = {(unsigned char)(i / 2)}};
    }
}

static void tear_down(struct bench *b)
{
    traffic_ciphers_free(b->ciphers);
    sk_X509_free(b->sent);
    certcache_free(b->certcache);
    pwcache_free(b->pwcache);
    identity_free(b->identity);
    h1_reader_free(b->reader);
    buf_release(&b->out);
    arena_release(&b->arena);
    users_unref(b->users);
    conf_unref(b->conf);
    files_free(b->files);
}

void rows_run(const struct pki *pki)
{
    static double ns[COUNT][ROUNDS];
    struct bench b = {.pki = pki};
    set_up(&b);
    row_gate(&b);
    unsigned char digest[PWCACHE_DIGEST];
    need(pwcache_digest(b.pwcache, STR("client-0"), STR("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="),
                        STR("secret"), b.identity->digest, digest) == 0,
         "remembering a password");
    pwcache_put(b.pwcache, digest, clock_mono_ms());
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            double from = measure_cpu_ns();
            for (int k = 0; k < CALLS; k++) {
                rows[i].call(&b);
            }
            ns[i][round] = (measure_cpu_ns() - from) / CALLS;
        }
    }
    (void)printf("\n%-52s %9s\n", "single steps", "ns");
    for (size_t i = 0; i < COUNT; i++) {
        (void)printf("%-52s %9.0f\n", rows[i].name, measure_median(ns[i], ROUNDS));
    }
    tear_down(&b);
}
