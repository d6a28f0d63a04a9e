/* Owns: single steps of connections: counting them, their records, sessions that are kept. */
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>

#include "base/addr.h"
#include "bench/micro/need.h"
#include "bench/micro/rows.h"
#include "proxy/server/admit.h"
#include "proxy/tls/library.h"
#include "proxy/tls/session_store.h"
#include "proxy/tls/traffic.h"

enum {
    RECORD = 200,
    CONNECTIONS = 64, /* more than proxy/tls/traffic keeps the keys of */
    ADDRESSES = 1024,
    SESSIONS = 1024, /* places of each worker */
    FLIGHTS = 8,
    NOTE = 161 /* octets of what stands beside a session: see proxy/tls/resume.c */
};

/* Two workers' views of the same sessions, and what the first has kept. */
struct sessions {
    struct session_region *region;
    struct session_store *own;
    struct session_store *others;
    unsigned char id[SESSION_STORE_ID];
};

struct connections {
    const struct scene *scene;
    OSSL_LIB_CTX *library; /* in which handshakes are made; NULL: the default one */
    struct traffic_ciphers *ciphers;
    struct traffic_side sides[CONNECTIONS][2]; /* what each writes, and what is read of it */
    size_t turn;
    unsigned char record[RECORD + TRAFFIC_OVERHEAD];
    struct admit_region *region;
    struct admit *admit;
    struct addr peer;
    SSL_SESSION *session; /* to be kept */
    struct sessions put;
    struct sessions got;
};

static void pass_record(struct connections *c, struct traffic_side sides[2])
{
    static const char octets[RECORD] = "";
    unsigned char plain[RECORD + 1];
    size_t n = 0;
    const struct str record = {(const char *)c->record, sizeof(c->record)};
    need(traffic_seal(c->ciphers, &sides[0], 23, (struct str){octets, RECORD}, c->record) &&
             traffic_open(c->ciphers, &sides[1], record, plain, &n) && n == RECORD + 1,
         "passing a record");
}

static void row_record(void *state)
{
    struct connections *c = state;
    pass_record(c, c->sides[0]);
}

/* Each time of another connection: its keys have to be set up. */
static void row_records_in_turn(void *state)
{
    struct connections *c = state;
    pass_record(c, c->sides[c->turn++ % CONNECTIONS]);
}

static void row_admit(void *state)
{
    struct connections *c = state;
    const struct conf_limits *limits = &c->scene->conf->limits;
    need(admit_enter(c->admit, &c->peer, limits->connections, limits->connections_per_address) ==
             REASON_OK,
         "counting a connection");
    admit_leave(c->admit, &c->peer);
}

/* As OpenSSL does with a new session, and its callbacks. */
static bool keep(struct connections *c, struct sessions *s)
{
    return session_store_id(s->own, s->id) &&
           SSL_SESSION_set1_id(c->session, s->id, sizeof(s->id)) == 1 &&
           session_store_put(s->own, c->session, true, UINT32_MAX);
}

static void row_session_put(void *state)
{
    struct connections *c = state;
    OSSL_LIB_CTX *before = OSSL_LIB_CTX_set0_default(c->library);
    need(keep(c, &c->put), "keeping a session");
    (void)OSSL_LIB_CTX_set0_default(before);
}

static void find_session(const struct connections *c, struct session_store *s)
{
    OSSL_LIB_CTX *before = OSSL_LIB_CTX_set0_default(c->library);
    SSL_SESSION *found = session_store_get(s, c->got.id, sizeof(c->got.id));
    need(found != NULL, "finding a session");
    SSL_SESSION_free(found);
    (void)OSSL_LIB_CTX_set0_default(before);
}

static void row_session_own(void *state)
{
    struct connections *c = state;
    find_session(c, c->got.own);
}

static void row_session_others(void *state)
{
    struct connections *c = state;
    find_session(c, c->got.others);
}

static SSL *make_end(SSL_CTX *context, BIO *wire)
{
    SSL *end = SSL_new(context);
    need(end != NULL && wire != NULL, "making an end of a connection");
    SSL_set_bio(end, wire, wire);
    return end;
}

/* What a server has of a client after a full handshake. */
static SSL_SESSION *make_session(OSSL_LIB_CTX *library, const struct pki *pki)
{
    SSL_CTX *contexts[] = {SSL_CTX_new_ex(library, NULL, TLS_server_method()),
                           SSL_CTX_new(TLS_client_method())};
    BIO *wires[2] = {NULL, NULL};
    need(contexts[0] != NULL && contexts[1] != NULL &&
             SSL_CTX_use_certificate(contexts[0], pki->server) == 1 &&
             SSL_CTX_use_PrivateKey(contexts[0], pki->server_key) == 1 &&
             SSL_CTX_use_certificate(contexts[1], pki->clients[0]) == 1 &&
             SSL_CTX_use_PrivateKey(contexts[1], pki->client_keys[0]) == 1 &&
             X509_STORE_add_cert(SSL_CTX_get_cert_store(contexts[0]), pki->root) == 1 &&
             SSL_CTX_set_session_id_context(contexts[0], (const unsigned char *)"micro", 5) == 1 &&
             BIO_new_bio_pair(&wires[0], 0, &wires[1], 0) == 1,
         "making a handshake");
    SSL_CTX_set_verify(contexts[0], SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL *server = make_end(contexts[0], wires[0]);
    SSL *client = make_end(contexts[1], wires[1]);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    for (int i = 0; i < FLIGHTS; i++) {
        (void)SSL_do_handshake(client);
        (void)SSL_do_handshake(server);
    }
    unsigned char note[NOTE];
    memset(note, 1, sizeof(note));
    need(SSL_is_init_finished(server) == 1, "a handshake");
    SSL_SESSION *session = SSL_SESSION_dup(SSL_get0_session(server));
    need(session != NULL && SSL_SESSION_get0_peer(session) != NULL &&
             SSL_SESSION_set1_ticket_appdata(session, note, sizeof(note)) == 1,
         "making a session");
    SSL_free(server);
    SSL_free(client);
    SSL_CTX_free(contexts[0]);
    SSL_CTX_free(contexts[1]);
    return session;
}

static void open_sessions(struct connections *c, struct sessions *s)
{
    s->region = session_region_new(SESSIONS, 2);
    need(s->region != NULL, "mapping sessions");
    s->own = session_store_open(s->region, 0);
    s->others = session_store_open(s->region, 1);
    need(s->own != NULL && s->others != NULL && keep(c, s), "keeping a session");
}

static void close_sessions(struct sessions *s)
{
    session_store_close(s->own);
    session_store_close(s->others);
    session_region_free(s->region);
}

static void *set_up(const struct scene *s)
{
    struct err e = {0};
    const char *why = NULL;
    struct connections *c = calloc(1, sizeof(*c));
    need(c != NULL, "asking for memory");
    c->scene = s;
    c->library = library_context(&why);
    c->ciphers = traffic_ciphers_new(c->library);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        for (size_t side = 0; side < 2; side++) {
            c->sides[i][side] =
                (struct traffic_side){.suite = TRAFFIC_AES_128_GCM, .key = {(unsigned char)i}};
        }
    }
    c->region = admit_region_new(1, ADDRESSES);
    need(c->ciphers != NULL && c->region != NULL &&
             addr_parse(STR("192.0.2.7:4711"), false, &c->peer, &e) == 0,
         "making what connections need");
    c->admit = admit_open(c->region, 0);
    need(c->admit != NULL, "making what connections need");
    c->session = make_session(c->library, s->pki);
    open_sessions(c, &c->put);
    open_sessions(c, &c->got);
    return c;
}

static void tear_down(void *state)
{
    struct connections *c = state;
    close_sessions(&c->got);
    close_sessions(&c->put);
    SSL_SESSION_free(c->session);
    admit_free(c->admit);
    admit_region_free(c->region);
    traffic_ciphers_free(c->ciphers);
    free(c);
}

static const struct row rows[] = {
    {"admit", "a connection counted in, and out again", row_admit},
    {"record", "a record of 200 octets, sealed and opened", row_record},
    {"records_in_turn", "the same, each of another connection", row_records_in_turn},
    {"session_put", "a session kept: number, encoding, object", row_session_put},
    {"session_own", "a kept session found by its worker: an object", row_session_own},
    {"session_others", "the same, by another worker: decoded", row_session_others},
};

const struct row_group rows_of_connections = {set_up, tear_down, sizeof(rows) / sizeof(rows[0]),
                                              rows};
