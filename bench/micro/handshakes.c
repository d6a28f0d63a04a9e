/* Owns: the contenders of each contest, and the printing of what came of it. */
#include "bench/micro/handshakes.h"

#include <stdio.h>
#include <stdlib.h>

#include "bench/micro/engine.h"
#include "bench/micro/measure.h"
#include "bench/micro/need.h"
#include "bench/micro/plain.h"

enum { CONTENDERS_MAX = 20, KEPT = 10000 /* sessions */ };

/* A contest while it is prepared. */
struct field {
    const struct contest *contest;
    const char *table;
    size_t n;
    struct contender v[CONTENDERS_MAX];
};

/* As it is shipped. */
static const struct conf_tuning tuning_on = {.remember_chains_ms = 3600 * 1000,
                                             .remember_chains_max = 8192,
                                             .own_handshake = true,
                                             .remember_certificates_max = 2048,
                                             .narrow_crypto = true,
                                             .own_key_schedule = true,
                                             .fixed_chain = true,
                                             .aes_128_first = true,
                                             .release_buffers = true,
                                             .own_lists = true,
                                             .own_bio = true,
                                             .own_records = true};
static const struct conf_tuning tuning_off = {.fixed_chain = false};
static const struct conf_resumption resumption_off = {.enabled = false};
static const struct conf_resumption resumption_on = {.enabled = true,
                                                     .life_ms = 3600 * 1000,
                                                     .life_total_ms = 7200 * 1000,
                                                     .rotate_ms = 3600 * 1000};

/* The median of what a contender took to what base took in the same round; NULL: in ns. */
static double median(const struct field *f, const struct contender *c, const struct contender *base,
                     double *scratch)
{
    for (size_t i = 0; i < f->contest->rounds; i++) {
        scratch[i] = c->rounds[i] / (base != NULL ? base->rounds[i] : 1);
    }
    return measure_median(scratch, f->contest->rounds);
}

/* Medians, and medians of the ratios of each round to the contenders first and floor. */
static void report(const struct field *f, size_t floor, struct sheet *s)
{
    double *scratch = calloc(f->contest->rounds, sizeof(*scratch));
    need(scratch != NULL, "asking for memory");
    (void)printf("%-44s %9s %9s %9s\n", "", "us", "to first", "to floor");
    for (size_t i = 0; i < f->n; i++) {
        const struct contender *c = &f->v[i];
        const struct sheet_row row = {.name = c->name,
                                      .ns = median(f, c, NULL, scratch),
                                      .compared = f->n > 1,
                                      .to_first = median(f, c, &f->v[0], scratch),
                                      .to_floor = median(f, c, &f->v[floor], scratch),
                                      .count = contest_handshakes(f->contest),
                                      .rounds = c->rounds,
                                      .round_count = f->contest->rounds};
        (void)printf("%-44s %9.1f %9.3f %9.3f\n", row.name, row.ns / 1000, row.to_first,
                     row.to_floor);
        sheet_add(s, f->table, c->key, &row);
    }
    (void)fflush(stdout);
    free(scratch);
}

static void run(struct field *f, size_t floor, struct sheet *s)
{
    for (size_t i = 0; i < f->n; i++) {
        f->v[i].rounds = calloc(f->contest->rounds, sizeof(double));
        need(f->v[i].rounds != NULL, "asking for memory");
    }
    contest_run(f->contest, f->v, f->n);
    report(f, floor, s);
    for (size_t i = 0; i < f->n; i++) {
        f->v[i].free(f->v[i].self);
        free(f->v[i].rounds);
    }
}

static struct contender *add(struct field *f, const char *key, const char *name, bool resumes)
{
    need(f->n < CONTENDERS_MAX, "finding room for a contender");
    struct contender *c = &f->v[f->n++];
    *c = (struct contender){.key = key, .name = name, .resumes = resumes};
    return c;
}

static void add_plain(struct field *f, const char *key, const char *name, unsigned tricks,
                      bool resumes)
{
    plain_init(add(f, key, name, resumes), f->contest->pki, tricks);
}

static void add_engine(struct field *f, const char *key, const char *name,
                       const struct engine_options *o)
{
    engine_init(add(f, key, name, o->resumption->enabled), f->contest->pki, o);
}

static void announce(const struct field *f, const char *what)
{
    (void)printf("\n%s mutual handshake, TLS %s, server %s, client %s\n", what, f->contest->version,
                 f->contest->kinds->server, f->contest->kinds->client);
}

/* As it is shipped, but for who does the handshake. */
static struct conf_tuning openssl_handshake(void)
{
    struct conf_tuning tuning = tuning_on;
    tuning.own_handshake = false;
    return tuning;
}

void handshakes_full(const struct contest *t, struct sheet *s)
{
    static const struct {
        const char *key;
        const char *name;
        unsigned tricks;
    } rows[] = {
        {"stock", "libssl, stock: two stateless tickets", 0},
        {"stock_again", "libssl, stock again: what the noise is", 0},
        {"stateful", "libssl, one ticket, its session kept", PLAIN_STATEFUL},
        {"no_tickets", "libssl, no tickets", PLAIN_NO_TICKETS},
        {"narrow", "libssl, no tickets, narrow crypto", PLAIN_NO_TICKETS | PLAIN_NARROW},
        {"chains", "libssl, no tickets, chains remembered", PLAIN_NO_TICKETS | PLAIN_REMEMBER},
        {"aes_128", "libssl, no tickets, AES-128 first", PLAIN_NO_TICKETS | PLAIN_AES_128},
        {"own_bio", "libssl, no tickets, own BIO", PLAIN_NO_TICKETS | PLAIN_OWN_BIO},
        {"groups", "libssl, no tickets, short list of groups", PLAIN_NO_TICKETS | PLAIN_GROUPS},
        {"fixed_chain", "libssl, no tickets, own chain fixed", PLAIN_NO_TICKETS | PLAIN_CHAIN},
        {"buffers", "libssl, no tickets, buffers given back", PLAIN_NO_TICKETS | PLAIN_BUFFERS},
        {"floor", "libssl, all of these (the floor)", PLAIN_ALL},
    };
    struct field f = {.contest = t, .table = "full"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        add_plain(&f, rows[i].key, rows[i].name, rows[i].tricks, false);
    }
    size_t floor = f.n - 1;
    struct conf_tuning openssl = openssl_handshake();
    struct conf_tuning memory_bios = openssl;
    memory_bios.own_bio = false;
    add_engine(&f, "engine_untuned", "our engine, tuning off",
               &(struct engine_options){&tuning_off, &resumption_off, 0, false});
    add_engine(&f, "engine_memory_bios", "our engine, OpenSSL's, memory BIOs",
               &(struct engine_options){&memory_bios, &resumption_off, 0, false});
    add_engine(&f, "engine_openssl", "our engine, OpenSSL's handshake",
               &(struct engine_options){&openssl, &resumption_off, 0, false});
    add_engine(&f, "engine", "our engine",
               &(struct engine_options){&tuning_on, &resumption_off, 0, false});
    add_engine(&f, "engine_identity", "our engine, and the identity",
               &(struct engine_options){&tuning_on, &resumption_off, 0, true});
    announce(&f, "full");
    run(&f, floor, s);
}

void handshakes_resumed(const struct contest *t, struct sheet *s)
{
    struct field f = {.contest = t, .table = "resumed"};
    add_plain(&f, "stock", "libssl, stock: stateless tickets", 0, true);
    add_plain(&f, "narrow", "libssl, narrow crypto, stateless", PLAIN_ALL & ~PLAIN_NO_TICKETS,
              true);
    add_plain(&f, "floor", "libssl, narrow, stateful (the floor)",
              (PLAIN_ALL & ~PLAIN_NO_TICKETS) | PLAIN_STATEFUL, true);
    size_t floor = f.n - 1;
    add_engine(&f, "engine_untuned", "our engine, tuning off",
               &(struct engine_options){&tuning_off, &resumption_on, 0, false});
    add_engine(&f, "engine_tickets", "our engine, sessions in tickets",
               &(struct engine_options){&tuning_on, &resumption_on, 0, false});
    struct conf_tuning openssl = openssl_handshake();
    add_engine(&f, "engine_openssl", "our engine, OpenSSL's handshake",
               &(struct engine_options){&openssl, &resumption_on, KEPT, false});
    add_engine(&f, "engine", "our engine, sessions kept",
               &(struct engine_options){&tuning_on, &resumption_on, KEPT, false});
    announce(&f, "resumed");
    run(&f, floor, s);
}

void handshakes_to_floor(const struct contest *t, struct sheet *s)
{
    struct conf_tuning openssl = openssl_handshake();
    struct field f = {.contest = t, .table = "floor_full"};
    add_plain(&f, "floor", "full: libssl with all tricks (the floor)", PLAIN_ALL, false);
    add_engine(&f, "engine_openssl", "full: our engine, OpenSSL's handshake",
               &(struct engine_options){&openssl, &resumption_off, 0, true});
    add_engine(&f, "engine", "full: our engine",
               &(struct engine_options){&tuning_on, &resumption_off, 0, true});
    announce(&f, "full");
    run(&f, 0, s);
}

void handshakes_to_floor_resumed(const struct contest *t, struct sheet *s)
{
    struct conf_tuning openssl = openssl_handshake();
    struct field f = {.contest = t, .table = "floor_resumed"};
    add_plain(&f, "floor", "resumed: libssl with all tricks (the floor)",
              (PLAIN_ALL & ~PLAIN_NO_TICKETS) | PLAIN_STATEFUL, true);
    add_engine(&f, "engine_openssl", "resumed: our engine, OpenSSL's handshake",
               &(struct engine_options){&openssl, &resumption_on, KEPT, true});
    add_engine(&f, "engine", "resumed: our engine",
               &(struct engine_options){&tuning_on, &resumption_on, KEPT, true});
    announce(&f, "resumed");
    run(&f, 0, s);
}

void handshakes_of_engine(const struct contest *t, struct sheet *s)
{
    struct field full = {.contest = t, .table = "alone"};
    add_engine(&full, "full", "our engine, and the identity",
               &(struct engine_options){&tuning_on, &resumption_off, 0, true});
    announce(&full, "full");
    run(&full, 0, s);
    struct field resumed = {.contest = t, .table = "alone"};
    add_engine(&resumed, "resumed", "our engine, sessions kept",
               &(struct engine_options){&tuning_on, &resumption_on, KEPT, false});
    announce(&resumed, "resumed");
    run(&resumed, 0, s);
}
