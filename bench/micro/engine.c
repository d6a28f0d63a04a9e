/* Owns: our engine as a contender, made of the parts that the proxy uses, without sockets. */
#include "bench/micro/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/certcache.h"
#include "auth/identity.h"
#include "conf/diag.h"
#include "conf/files.h"
#include "proxy/tls/decoded.h"
#include "proxy/tls/session.h"
#include "proxy/tls/session_store.h"
#include "proxy/tls/site.h"

struct engine {
    struct conf_text ca;
    struct conf_site site;
    struct conf_listener listener;
    struct tls_sites *sites;
    struct certcache *cache;
    struct decoded *decoded;
    struct session_region *region;
    struct session_store *store;
    bool identity;
};

struct engine_connection {
    struct tls_session *session;
    struct identity *who;
    bool wants_identity;
    bool done;
};

static void *begin(void *self)
{
    struct engine *e = self;
    struct engine_connection *x = calloc(1, sizeof(*x));
    if (x != NULL) {
        x->session = tls_session_new(e->sites);
        x->wants_identity = e->identity;
    }
    return x;
}

static bool feed(void *connection, struct str octets, struct buf **out)
{
    static const struct conf_identity rule = {.user_id = CONF_USER_ID_SUBJECT_CN};
    struct engine_connection *x = connection;
    tls_session_input(x->session, octets);
    enum tls_result r = tls_session_handshake(x->session);
    *out = tls_session_out(x->session);
    if (r == TLS_OK && !x->done) {
        x->done = true;
        x->who = x->wants_identity ? identity_new(tls_session_peer(x->session), &rule) : NULL;
    }
    return tls_session_settle(x->session) == 0 && (r == TLS_OK || r == TLS_WANT);
}

static bool is_done(void *connection, bool resumed)
{
    const struct engine_connection *x = connection;
    return x->done && tls_session_peer(x->session) != NULL &&
           tls_session_peer_reason(x->session) == REASON_OK &&
           tls_session_resumed(x->session) == resumed &&
           (!x->wants_identity || (x->who != NULL && x->who->reason == REASON_OK));
}

static void end(void *connection)
{
    struct engine_connection *x = connection;
    tls_session_free(x->session);
    identity_free(x->who);
    free(x);
}

static void engine_free(void *self)
{
    struct engine *e = self;
    tls_sites_unref(e->sites);
    certcache_free(e->cache);
    decoded_free(e->decoded);
    session_store_close(e->store);
    session_region_free(e->region);
    free(e);
}

static void put(struct files *f, const char *path, char *text)
{
    if (files_put(f, path, str_of(text)) != 0) {
        (void)fprintf(stderr, "countersign-micro: out of memory\n");
        exit(1);
    }
    free(text);
}

void engine_init(struct contender *c, const struct pki *pki, const struct engine_options *o)
{
    struct engine *e = calloc(1, sizeof(*e));
    struct files *files = files_new();
    struct diags *diags = diags_new();
    if (e == NULL || files == NULL || diags == NULL) {
        exit(1);
    }
    put(files, "ca.crt", pki_cert_text(pki->root));
    put(files, "server.crt", pki_cert_text(pki->server));
    put(files, "server.key", pki_key_text(pki->server_key));
    if (files_put(files, TLS_TICKET_SECRET,
                  STR("a secret for measuring only, of 48 octets......")) != 0) {
        exit(1);
    }
    e->identity = o->identity;
    e->ca = (struct conf_text){.p = "ca.crt"};
    e->site = (struct conf_site){
        .certificate = {.p = "server.crt"},
        .key = {.p = "server.key"},
        .client = {
            .ca = {&e->ca, 1}, .mode = CONF_CLIENT_REQUIRE, .depth_max = 3, .send_ca_names = true}};
    e->listener = (struct conf_listener){.sites = &e->site, .site_count = 1, .has_default = true};
    const struct tls_options options = {.keys = TLS_KEYS_ALL, .tuning = o->tuning};
    e->sites = tls_sites_load(&e->listener, &options, files, diags, "listeners[0]");
    if (e->sites == NULL ||
        !tls_sites_resume(e->sites, &e->listener, o->resumption, false, files, diags)) {
        diags_print(diags, stderr);
        exit(1);
    }
    e->cache = certcache_new(o->tuning->remember_chains_max, o->tuning->remember_chains_ms);
    e->decoded = decoded_new(o->tuning->remember_certificates_max);
    if (e->cache == NULL || e->decoded == NULL) {
        exit(1);
    }
    tls_sites_use_cache(e->sites, e->cache);
    tls_sites_use_decoded(e->sites, e->decoded);
    if (o->kept > 0) {
        e->region = session_region_new(o->kept, 1);
        e->store = e->region != NULL ? session_store_open(e->region, 0) : NULL;
        if (e->store == NULL) {
            exit(1);
        }
        tls_sites_use_store(e->sites, e->store);
    }
    diags_free(diags);
    files_free(files);
    c->self = e;
    c->begin = begin;
    c->feed = feed;
    c->is_done = is_done;
    c->end = end;
    c->free = engine_free;
}
