/* Owns: single steps of judging a client: who it is, what is remembered of it, the gate. */
#include <stdlib.h>

#include "auth/certcache.h"
#include "auth/gate.h"
#include "auth/pwcache.h"
#include "auth/tries.h"
#include "base/clock.h"
#include "bench/micro/lists.h"
#include "bench/micro/need.h"
#include "bench/micro/rows.h"

enum { KEPT = 64, KEPT_MS = 3600 * 1000, WITHDRAWN = 1000 };

struct clients {
    const struct scene *scene;
    struct deny *deny;
    const struct deny *asked; /* the same, as the gate wants it */
    struct deny_chain chain;
    struct certcache *certcache;
    unsigned char chain_key[CERTCACHE_KEY];
    STACK_OF(X509) * sent;
    struct pwcache *pwcache;
    struct lockout *lockout;
    struct gate_peer peer;
    struct gate *gate; /* its memory, used again as for each request */
};

static void row_identity(void *state)
{
    struct clients *c = state;
    struct identity *id = identity_new(c->scene->pki->clients[0], &c->scene->conf->identity);
    need(id != NULL && id->reason == REASON_OK, "reading an identity");
    identity_free(id);
}

static bool find_chain(struct clients *c)
{
    static const unsigned char judged_by[32] = {1};
    struct certcache_verdict v;
    return certcache_key(c->certcache, judged_by, c->scene->pki->clients[0], c->sent,
                         c->chain_key) &&
           certcache_find(c->certcache, c->chain_key, clock_wall_ms(), &v);
}

static void row_chain(void *state)
{
    need(find_chain(state), "finding a chain");
}

static void row_password(void *state)
{
    struct clients *c = state;
    unsigned char digest[PWCACHE_DIGEST];
    need(pwcache_digest(c->pwcache, STR(SCENE_USER), STR(SCENE_HASH), STR(SCENE_PASSWORD),
                        c->scene->identity->digest, digest) == 0 &&
             pwcache_known(c->pwcache, digest, clock_mono_ms()),
         "finding a password");
}

static void row_tries(void *state)
{
    struct clients *c = state;
    const struct conf *conf = c->scene->conf;
    struct tries t = {0};
    const struct tries_who who = {.certificate = c->scene->identity->digest,
                                  .own = c->scene->identity->user,
                                  .claimed = STR(SCENE_USER),
                                  .compared = true,
                                  .network = 1};
    tries_begin(&t, c->lockout, &conf->lockout, &who, &conf->identity);
    need(tries_ask(&t, LOCKOUT_PASSWORD, clock_mono_ms()) == 0, "asking for failures");
}

static void on_gate(void *arg)
{
    (void)arg;
}

/* Without pwcheck a hash is computed in place, the first time; then it is remembered. */
static void row_gate(void *state)
{
    struct clients *c = state;
    const struct conf *conf = c->scene->conf;
    const struct gate_question q = {
        .peer = &c->peer,
        .require = CONF_REQUIRE_BOTH,
        .authorization = STR(SCENE_BASIC),
        .authorization_count = 1,
        .users = c->scene->users,
        .rule = &conf->identity,
        .deny = &c->asked,
        .pwcache = c->pwcache,
        .totp = &conf->totp,
        .lockout = c->lockout,
        .lockout_rule = &conf->lockout,
        .network = 1,
        .wall_ms = clock_wall_ms(),
        .mono_ms = clock_mono_ms(),
    };
    c->gate = gate_run_again(c->gate, &q, on_gate, NULL);
    need(c->gate != NULL && gate_result(c->gate)->verdict == VERDICT_ALLOW, "asking the gate");
    gate_clear(c->gate);
}

static void remember_chain(struct clients *c)
{
    int64_t now = clock_wall_ms();
    const struct certcache_verdict v = {.term = {now + KEPT_MS, REASON_CLIENT_CERT_EXPIRED},
                                        .chain = c->chain};
    c->sent = sk_X509_new_null();
    c->certcache = certcache_new(KEPT, KEPT_MS);
    need(c->sent != NULL && sk_X509_push(c->sent, c->scene->pki->root) > 0 &&
             c->certcache != NULL && !find_chain(c),
         "making a cache of chains");
    certcache_put(c->certcache, c->chain_key, now, &v);
}

static void *set_up(const struct scene *s)
{
    struct clients *c = calloc(1, sizeof(*c));
    need(c != NULL, "asking for memory");
    c->scene = s;
    c->deny = lists_deny(s, WITHDRAWN);
    c->asked = c->deny;
    uint64_t sequence = 1;
    lists_chain(&c->chain, &sequence);
    c->pwcache = pwcache_new(KEPT, KEPT_MS);
    c->lockout = lockout_new(s->conf->lockout.entries);
    need(c->pwcache != NULL && c->lockout != NULL, "making what clients are judged by");
    c->peer = (struct gate_peer){.identity = s->identity,
                                 .certificate = REASON_OK,
                                 .term = {INT64_MAX, REASON_INTERNAL},
                                 .mode = CONF_CLIENT_REQUIRE,
                                 .chain = &c->chain};
    remember_chain(c);
    row_gate(c); /* remembers the password */
    return c;
}

static void tear_down(void *state)
{
    struct clients *c = state;
    gate_free(c->gate);
    lockout_free(c->lockout);
    pwcache_free(c->pwcache);
    certcache_free(c->certcache);
    sk_X509_free(c->sent);
    deny_free(c->deny);
    free(c);
}

static const struct row rows[] = {
    {"identity", "identity of a certificate", row_identity},
    {"chain", "a remembered chain: digest and look-up", row_chain},
    {"password", "a remembered password: digest and look-up", row_password},
    {"failures", "failures of a certificate: key and look-up", row_tries},
    {"gate", "the gate: all of these but the chain, and the deny list", row_gate},
};

const struct row_group rows_of_clients = {set_up, tear_down, sizeof(rows) / sizeof(rows[0]), rows};
