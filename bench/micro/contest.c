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

static void need(bool ok, const struct contender *c, const char *what)
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
        need(x != NULL && SSL_CTX_set_min_proto_version(x, version) == 1 &&
                 SSL_CTX_set_max_proto_version(x, version) == 1 &&
                 SSL_CTX_use_certificate(x, pki->clients[i]) == 1 &&
                 SSL_CTX_use_PrivateKey(x, pki->client_keys[i]) == 1,
             c, "no client");
        /* As most clients: the chain of a private PKI is sent with its root. */
        need(SSL_CTX_add1_chain_cert(x, pki->root) == 1, c, "no chain");
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
    need(p->client != NULL && in != NULL && out != NULL, c, "no memory");
    SSL_set_bio(p->client, in, out);
    SSL_set_connect_state(p->client);
    static char name[] = "www.example"; /* the macro drops const */
    need(SSL_set_tlsext_host_name(p->client, name) == 1, c, "no name");
    if (c->resumes && p->session != NULL) {
        need(SSL_set_session(p->client, p->session) == 1, c, "no session");
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
    need(rc == 1 || SSL_get_error(p->client, rc) == SSL_ERROR_WANT_READ, c, "the client refuses");
}

/* The servers' turns with what the clients said, under one reading of the clock. */
static double server_turns(struct ring *r, const struct contender *c)
{
    int said[TOGETHER];
    struct buf *out[TOGETHER];
    bool good = true;
    for (size_t i = 0; i < TOGETHER; i++) {
        said[i] = BIO_read(SSL_get_wbio(r->pairs[i].client), r->pieces[i], PIECE_MAX);
    }
    double from = measure_cpu_ns();
    for (size_t i = 0; i < TOGETHER && good; i++) {
        if (said[i] > 0) {
            good =
                c->feed(r->pairs[i].server, (struct str){r->pieces[i], (size_t)said[i]}, &out[i]);
        }
    }
    double spent = measure_cpu_ns() - from;
    need(good, c, "the handshake failed");
    for (size_t i = 0; i < TOGETHER; i++) {
        struct str octets = said[i] > 0 ? buf_str(out[i]) : STR_NONE;
        if (octets.n > 0) {
            need(BIO_write(SSL_get_rbio(r->pairs[i].client), octets.p, (int)octets.n) ==
                     (int)octets.n,
                 c, "no memory");
            buf_consume(out[i], octets.n);
        }
    }
    return spent;
}

static void check(const struct contender *c, struct pair *p)
{
    bool resumed = SSL_session_reused(p->client) == 1;
    need(c->is_done(p->server, resumed), c, "the client's certificate was not judged");
    need(resumed == (c->resumes && p->session != NULL), c, "resumed, or not, against the plan");
    if (c->resumes) {
        SSL_SESSION_free(p->session);
        p->session = SSL_get1_session(p->client);
    }
}

/* Sixteen handshakes; returns the server's nanoseconds for all of them. */
static double step_together(struct ring *r, const struct contender *c)
{
    double from = measure_cpu_ns();
    for (size_t i = 0; i < TOGETHER; i++) {
        r->pairs[i].server = c->begin(c->self);
    }
    double spent = measure_cpu_ns() - from;
    for (size_t i = 0; i < TOGETHER; i++) {
        need(r->pairs[i].server != NULL, c, "no connection");
        open_client(r, &r->pairs[i], i, c);
    }
    for (size_t flight = 0; flight < FLIGHTS; flight++) {
        for (size_t i = 0; i < TOGETHER; i++) {
            client_turn(&r->pairs[i], c);
        }
        spent += server_turns(r, c);
    }
    for (size_t i = 0; i < TOGETHER; i++) {
        check(c, &r->pairs[i]);
        SSL_set_shutdown(r->pairs[i].client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(r->pairs[i].client);
    }
    from = measure_cpu_ns();
    for (size_t i = 0; i < TOGETHER; i++) {
        c->end(r->pairs[i].server);
    }
    return spent + measure_cpu_ns() - from;
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

void contest_run(const struct contest *t, struct contender *c, size_t n)
{
    struct ring *rings = calloc(n, sizeof(*rings));
    size_t *order = calloc(n, sizeof(*order));
    need(rings != NULL && order != NULL, c, "no memory");
    size_t together = (t->handshakes + TOGETHER - 1) / TOGETHER;
    for (size_t i = 0; i < n; i++) {
        rings[i].contest = t;
        open_clients(&rings[i], &c[i]);
        /* All clients once before the clock counts: caches fill, sessions are made. */
        for (size_t k = 0; k < PKI_CLIENTS / TOGETHER; k++) {
            (void)step_together(&rings[i], &c[i]);
        }
    }
    for (size_t round = 0; round < t->rounds; round++) {
        measure_shuffle(order, n);
        for (size_t i = 0; i < n; i++) {
            double spent = 0;
            (void)step_together(&rings[order[i]], &c[order[i]]); /* warms up after the others */
            for (size_t k = 0; k < together; k++) {
                spent += step_together(&rings[order[i]], &c[order[i]]);
            }
            c[order[i]].rounds[round] = spent / (double)(together * TOGETHER);
        }
    }
    for (size_t i = 0; i < n; i++) {
        close_ring(&rings[i]);
    }
    free(order);
    free(rings);
}
