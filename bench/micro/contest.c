/* Owns: the clients, the turns and the clock. Not: the servers (plain.c, engine.c).
 *
 * Sixteen connections in the same state are stepped together, as in a busy server, so that the
 * client's code does not drive the server's out of the caches between two steps. */
#include "bench/micro/contest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "bench/micro/measure.h"

#define TOGETHER  16
#define FLIGHTS   4
#define PIECE_MAX 16384

/* One client, and what it talks to. */
struct pair {
    SSL *client;
    void *server;
    SSL_SESSION *session; /* kept for the next time */
};

struct ring {
    const struct contest *contest;
    SSL_CTX *contexts[PKI_CLIENTS];
    struct pair pairs[TOGETHER];
    size_t next_client;
    char pieces[TOGETHER][PIECE_MAX];
};

static void need_of(bool ok, const struct contender *c, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "countersign-micro: %s: %s\n", c->name, what);
        ERR_print_errors_fp(stderr);
        exit(1);
    }
}

static void open_clients(struct ring *r, const struct contender *c)
{
    const struct pki *pki = r->contest->pki;
    int version = strcmp(r->contest->version, "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
    for (size_t i = 0; i < PKI_CLIENTS; i++) {
        SSL_CTX *x = SSL_CTX_new(TLS_client_method());
        need_of(x != NULL && SSL_CTX_set_min_proto_version(x, version) == 1 &&
                    SSL_CTX_set_max_proto_version(x, version) == 1 &&
                    SSL_CTX_use_certificate(x, pki->clients[i]) == 1 &&
                    SSL_CTX_use_PrivateKey(x, pki->client_keys[i]) == 1,
                c, "no client");
        /* As most clients: the chain of a private PKI is sent with its root. */
        need_of(SSL_CTX_add1_chain_cert(x, pki->root) == 1, c, "no chain");
        r->contexts[i] = x;
    }
}

static void open_client(struct ring *r, struct pair *p, size_t at, const struct contender *c)
{
    /* One that comes again has to be the same one. */
    size_t who = c->resumes ? at : r->next_client++ % PKI_CLIENTS;
    p->client = SSL_new(r->contexts[who]);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    need_of(p->client != NULL && in != NULL && out != NULL, c, "no memory");
    SSL_set_bio(p->client, in, out);
    SSL_set_connect_state(p->client);
    static char name[] = "www.example"; /* the macro drops const */
    need_of(SSL_set_tlsext_host_name(p->client, name) == 1, c, "no name");
    if (c->resumes && p->session != NULL) {
        need_of(SSL_set_session(p->client, p->session) == 1, c, "no session");
    }
}

/* The client's turn: takes what came in, leaves what it says in its BIO. */
static void client_turn(struct pair *p, const struct contender *c)
{
    char scratch[64];
    int rc = SSL_is_init_finished(p->client) ? SSL_read(p->client, scratch, sizeof(scratch))
                                             : SSL_do_handshake(p->client);
    if (rc == 1 && c->resumes) {
        rc = SSL_read(p->client, scratch, sizeof(scratch)); /* the ticket */
    }
    need_of(rc == 1 || SSL_get_error(p->client, rc) == SSL_ERROR_WANT_READ, c,
            "the client refuses");
}

/* What the servers do between two turns of the clients. */
struct work {
    struct pair *pairs;
    const struct contender *contender;
    struct str said[TOGETHER];
    struct buf *out[TOGETHER];
    bool counts; /* or it but warms up */
    bool good;
};

static void begin_all(void *arg)
{
    const struct work *w = arg;
    for (size_t i = 0; i < TOGETHER; i++) {
        w->pairs[i].server = w->contender->begin(w->contender->self);
    }
}

static void feed_all(void *arg)
{
    struct work *w = arg;
    w->good = true;
    for (size_t i = 0; i < TOGETHER && w->good; i++) {
        if (w->said[i].n > 0) {
            w->good = w->contender->feed(w->pairs[i].server, w->said[i], &w->out[i]);
        }
    }
}

static void end_all(void *arg)
{
    const struct work *w = arg;
    for (size_t i = 0; i < TOGETHER; i++) {
        w->contender->end(w->pairs[i].server);
    }
}

/* The nanoseconds of it; 0 if it does not count. */
static double measure(void (*part)(void *arg), struct work *w)
{
    if (w->counts) {
        return measure_work(part, w);
    }
    part(w);
    return 0;
}

/* The servers' turns with what the clients said. */
static double server_turns(struct ring *r, struct work *w)
{
    for (size_t i = 0; i < TOGETHER; i++) {
        int n = BIO_read(SSL_get_wbio(r->pairs[i].client), r->pieces[i], PIECE_MAX);
        w->said[i] = (struct str){r->pieces[i], n > 0 ? (size_t)n : 0};
    }
    double spent = measure(feed_all, w);
    need_of(w->good, w->contender, "the handshake failed");
    for (size_t i = 0; i < TOGETHER; i++) {
        struct str octets = w->said[i].n > 0 ? buf_str(w->out[i]) : STR_NONE;
        if (octets.n > 0) {
            need_of(BIO_write(SSL_get_rbio(r->pairs[i].client), octets.p, (int)octets.n) ==
                        (int)octets.n,
                    w->contender, "no memory");
            buf_consume(w->out[i], octets.n);
        }
    }
    return spent;
}

static void check(const struct contender *c, struct pair *p)
{
    bool resumed = SSL_session_reused(p->client) == 1;
    need_of(c->is_done(p->server, resumed), c, "the client's certificate was not judged");
    need_of(resumed == (c->resumes && p->session != NULL), c, "resumed, or not, against the plan");
    if (c->resumes) {
        SSL_SESSION_free(p->session);
        p->session = SSL_get1_session(p->client);
    }
}

/* Sixteen handshakes; returns the server's nanoseconds for all of them, if they count. */
static double step_together(struct ring *r, const struct contender *c, bool counts)
{
    struct work w = {.pairs = r->pairs, .contender = c, .counts = counts};
    double spent = measure(begin_all, &w);
    for (size_t i = 0; i < TOGETHER; i++) {
        need_of(r->pairs[i].server != NULL, c, "no connection");
        open_client(r, &r->pairs[i], i, c);
    }
    for (size_t flight = 0; flight < FLIGHTS; flight++) {
        for (size_t i = 0; i < TOGETHER; i++) {
            client_turn(&r->pairs[i], c);
        }
        spent += server_turns(r, &w);
    }
    for (size_t i = 0; i < TOGETHER; i++) {
        check(c, &r->pairs[i]);
        SSL_set_shutdown(r->pairs[i].client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(r->pairs[i].client);
    }
    return spent + measure(end_all, &w);
}

static void close_ring(struct ring *r)
{
    for (size_t i = 0; i < TOGETHER; i++) {
        SSL_SESSION_free(r->pairs[i].session);
    }
    for (size_t i = 0; i < PKI_CLIENTS; i++) {
        SSL_CTX_free(r->contexts[i]);
    }
}

/* One contender's part of a round. */
struct turn {
    struct ring *ring;
    const struct contender *contender;
    size_t handshakes;
    double spent;
};

static void take_turn(void *arg)
{
    struct turn *t = arg;
    for (size_t n = 0; n < t->handshakes; n += TOGETHER) {
        t->spent += step_together(t->ring, t->contender, true);
    }
}

size_t contest_handshakes(const struct contest *t)
{
    return (t->handshakes + TOGETHER - 1) / TOGETHER * TOGETHER;
}

static void run_round(struct ring *rings, struct contender *c, const size_t *order, size_t n,
                      size_t round)
{
    for (size_t i = 0; i < n; i++) {
        struct ring *r = &rings[order[i]];
        struct contender *whose = &c[order[i]];
        struct turn turn = {r, whose, contest_handshakes(r->contest), 0};
        (void)step_together(r, whose, false); /* warms up after the others */
        measure_turn(take_turn, &turn);
        whose->rounds[round] = turn.spent / (double)turn.handshakes;
    }
}

void contest_run(const struct contest *t, struct contender *c, size_t n)
{
    struct ring *rings = calloc(n, sizeof(*rings));
    size_t *order = calloc(n, sizeof(*order));
    need_of(rings != NULL && order != NULL, c, "no memory");
    for (size_t i = 0; i < n; i++) {
        order[i] = i;
        rings[i].contest = t;
        open_clients(&rings[i], &c[i]);
        /* All clients once before the clock counts: caches fill, sessions are made. */
        for (size_t k = 0; k < PKI_CLIENTS / TOGETHER; k++) {
            (void)step_together(&rings[i], &c[i], false);
        }
    }
    for (size_t round = 0; round < t->rounds; round++) {
        run_round(rings, c, order, n, round);
        measure_shuffle(order, n);
    }
    for (size_t i = 0; i < n; i++) {
        close_ring(&rings[i]);
    }
    free(order);
    free(rings);
}
