/* countersign-micro: what the parts cost, without a network, so that a part that has become slower
 * is seen before it is shipped. Not installed, and nothing that tests judge by. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem_pool.h"
#include "bench/micro/contest.h"
#include "bench/micro/engine.h"
#include "bench/micro/measure.h"
#include "bench/micro/plain.h"
#include "bench/micro/rows.h"

enum { CONTENDERS_MAX = 16 };

static const char usage[] =
    "usage: countersign-micro [--rounds N] [--handshakes N] [--calls N] [--tls 1.3|1.2]\n"
    "                         [--server-key p256|rsa2048] [--client-key p256|rsa2048]\n"
    "                         [--one-ca] [--keep-memory] [full] [resume] [rows] [engine]\n"
    "\n"
    "full    full mutual handshakes: libssl as it is, with each trick, and our engine\n"
    "resume  the same, resumed\n"
    "rows    single steps: heads, fields, log line, gate, caches, lists, records, sessions\n"
    "engine  full handshakes of our engine alone, for a profiler; not by default\n"
    "\n"
    "--rounds: how often all take their turn (15); what is shown is the median\n"
    "--handshakes: of each contender in a round (96), a multiple of 16\n"
    "--calls: of each single step in a round (2000)\n"
    "--one-ca: the clients' CA signs for the server, too, as where a company has one; then libssl\n"
    "builds and verifies the server's own chain in each handshake, unless that is fixed\n"
    "--keep-memory: for all, memory as tuning.keep_memory has it\n"
    "\n"
    "CPU time of the server alone, medians of rounds that take turns; pin it to one core\n"
    "(taskset -c 1). Instructions, which do not depend on the day, are counted by callgrind, of\n"
    "client and server together; the difference of two runs is that of 96 handshakes:\n"
    "\n"
    "  valgrind --tool=callgrind countersign-micro --rounds 1 --handshakes 96 engine\n"
    "  valgrind --tool=callgrind countersign-micro --rounds 1 --handshakes 192 engine\n";

struct plan {
    struct contest contest;
    struct pki_kinds kinds;
    size_t calls; /* of a single step in a round */
    bool full;
    bool resume;
    bool rows;
    bool engine;
    bool help;
};

static const struct conf_tuning tuning_on = {.remember_chains_ms = 3600 * 1000,
                                             .remember_chains_max = 8192,
                                             .narrow_crypto = true,
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

/* Prints medians, and medians of the ratios of each round to the contenders first and floor. */
static void report(const struct plan *p, struct contender *c, size_t n, size_t floor)
{
    size_t rounds = p->contest.rounds;
    double *scratch = calloc(rounds, sizeof(*scratch));
    if (scratch == NULL) {
        exit(1);
    }
    (void)printf("%-44s %9s %9s %9s\n", "", "us", "to first", "to floor");
    for (size_t i = 0; i < n; i++) {
        double shown[3];
        for (size_t what = 0; what < 3; what++) {
            for (size_t k = 0; k < rounds; k++) {
                double base = what == 0 ? 1000 : what == 1 ? c[0].rounds[k] : c[floor].rounds[k];
                scratch[k] = c[i].rounds[k] / base;
            }
            shown[what] = measure_median(scratch, rounds);
        }
        (void)printf("%-44s %9.1f %9.3f %9.3f\n", c[i].name, shown[0], shown[1], shown[2]);
    }
    (void)fflush(stdout);
    free(scratch);
}

static void run(const struct plan *p, struct contender *c, size_t n, size_t floor)
{
    for (size_t i = 0; i < n; i++) {
        c[i].rounds = calloc(p->contest.rounds, sizeof(double));
        if (c[i].rounds == NULL) {
            exit(1);
        }
    }
    contest_run(&p->contest, c, n);
    report(p, c, n, floor);
    for (size_t i = 0; i < n; i++) {
        c[i].free(c[i].self);
        free(c[i].rounds);
    }
}

static void add_plain(const struct plan *p, struct contender *c, const char *name, unsigned tricks,
                      bool resumes)
{
    *c = (struct contender){.name = name, .resumes = resumes};
    plain_init(c, p->contest.pki, tricks);
}

static void add_engine(const struct plan *p, struct contender *c, const char *name,
                       const struct engine_options *o)
{
    *c = (struct contender){.name = name, .resumes = o->resumption->enabled};
    engine_init(c, p->contest.pki, o);
}

static void run_full(const struct plan *p)
{
    static const struct {
        const char *name;
        unsigned tricks;
    } rows[] = {
        {"libssl, stock: two stateless tickets", 0},
        {"libssl, stock again: what the noise is", 0},
        {"libssl, one ticket, its session kept", PLAIN_STATEFUL},
        {"libssl, no tickets", PLAIN_NO_TICKETS},
        {"libssl, no tickets, narrow crypto", PLAIN_NO_TICKETS | PLAIN_NARROW},
        {"libssl, no tickets, chains remembered", PLAIN_NO_TICKETS | PLAIN_REMEMBER},
        {"libssl, no tickets, AES-128 first", PLAIN_NO_TICKETS | PLAIN_AES_128},
        {"libssl, no tickets, own BIO", PLAIN_NO_TICKETS | PLAIN_OWN_BIO},
        {"libssl, no tickets, short list of groups", PLAIN_NO_TICKETS | PLAIN_GROUPS},
        {"libssl, no tickets, own chain fixed", PLAIN_NO_TICKETS | PLAIN_CHAIN},
        {"libssl, no tickets, buffers given back", PLAIN_NO_TICKETS | PLAIN_BUFFERS},
        {"libssl, all of these (the floor)", PLAIN_ALL},
    };
    struct contender c[CONTENDERS_MAX];
    size_t n = 0;
    for (; n < sizeof(rows) / sizeof(rows[0]); n++) {
        add_plain(p, &c[n], rows[n].name, rows[n].tricks, false);
    }
    size_t floor = n - 1;
    struct conf_tuning memory_bios = tuning_on;
    memory_bios.own_bio = false;
    add_engine(p, &c[n++], "our engine, tuning off",
               &(struct engine_options){&tuning_off, &resumption_off, 0, false});
    add_engine(p, &c[n++], "our engine, memory BIOs",
               &(struct engine_options){&memory_bios, &resumption_off, 0, false});
    add_engine(p, &c[n++], "our engine",
               &(struct engine_options){&tuning_on, &resumption_off, 0, false});
    add_engine(p, &c[n++], "our engine, and the identity",
               &(struct engine_options){&tuning_on, &resumption_off, 0, true});
    (void)printf("\nfull mutual handshake, TLS %s, server %s, client %s\n", p->contest.version,
                 p->kinds.server, p->kinds.client);
    run(p, c, n, floor);
}

static void run_resumed(const struct plan *p)
{
    struct contender c[CONTENDERS_MAX];
    size_t n = 0;
    add_plain(p, &c[n++], "libssl, stock: stateless tickets", 0, true);
    add_plain(p, &c[n++], "libssl, narrow crypto, stateless", PLAIN_ALL & ~PLAIN_NO_TICKETS, true);
    add_plain(p, &c[n++], "libssl, narrow, stateful (the floor)",
              (PLAIN_ALL & ~PLAIN_NO_TICKETS) | PLAIN_STATEFUL, true);
    size_t floor = n - 1;
    add_engine(p, &c[n++], "our engine, tuning off",
               &(struct engine_options){&tuning_off, &resumption_on, 0, false});
    add_engine(p, &c[n++], "our engine, sessions in tickets",
               &(struct engine_options){&tuning_on, &resumption_on, 0, false});
    add_engine(p, &c[n++], "our engine, sessions kept",
               &(struct engine_options){&tuning_on, &resumption_on, 10000, false});
    (void)printf("\nresumed mutual handshake, TLS %s, server %s, client %s\n", p->contest.version,
                 p->kinds.server, p->kinds.client);
    run(p, c, n, floor);
}

static void run_engine(const struct plan *p)
{
    struct contender c;
    add_engine(p, &c, "our engine, and the identity",
               &(struct engine_options){&tuning_on, &resumption_off, 0, true});
    run(p, &c, 1, 0);
}

static bool take_word(struct plan *p, const char *word)
{
    const struct {
        const char *name;
        bool *wanted;
    } words[] = {
        {"full", &p->full}, {"resume", &p->resume}, {"rows", &p->rows}, {"engine", &p->engine}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i].name, word) == 0) {
            *words[i].wanted = true;
            return true;
        }
    }
    return false;
}

static size_t number(const char *text)
{
    char *end = NULL;
    unsigned long n = strtoul(text, &end, 10);
    return *end == '\0' && n > 0 && n <= 1000000 ? n : 0;
}

static bool take_options(struct plan *p, int argc, char **argv)
{
    static const struct option options[] = {
        {"rounds", required_argument, NULL, 'r'},
        {"handshakes", required_argument, NULL, 'h'},
        {"calls", required_argument, NULL, 'n'},
        {"tls", required_argument, NULL, 't'},
        {"server-key", required_argument, NULL, 's'},
        {"client-key", required_argument, NULL, 'c'},
        {"one-ca", no_argument, NULL, 'o'},
        {"keep-memory", no_argument, NULL, 'm'},
        {"help", no_argument, NULL, 'H'},
        {NULL, 0, NULL, 0},
    };
    int which;
    while ((which = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (which) {
        case 'r':
            p->contest.rounds = number(optarg);
            break;
        case 'h':
            p->contest.handshakes = number(optarg);
            break;
        case 'n':
            p->calls = number(optarg);
            break;
        case 't':
            p->contest.version = optarg;
            break;
        case 's':
            p->kinds.server = optarg;
            break;
        case 'c':
            p->kinds.client = optarg;
            break;
        case 'H':
            p->help = true;
            return true;
        case 'o':
            p->kinds.one_ca = true;
            break;
        case 'm':
            mem_pool_use(true);
            break;
        default:
            return false;
        }
    }
    bool good = p->contest.rounds > 0 && p->contest.handshakes > 0 && p->calls > 0;
    for (int i = optind; i < argc && good; i++) {
        good = take_word(p, argv[i]);
    }
    if (optind == argc) {
        p->full = p->resume = p->rows = true;
    }
    return good;
}

int main(int argc, char **argv)
{
    mem_pool_install();
    struct plan p = {.contest = {.rounds = 15, .handshakes = 96, .version = "1.3"},
                     .kinds = {.server = "p256", .client = "p256"},
                     .calls = 2000};
    if (!take_options(&p, argc, argv)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    if (p.help) {
        (void)fputs(usage, stdout);
        return 0;
    }
    static struct pki pki;
    pki_make(&pki, &p.kinds);
    p.contest.pki = &pki;
    if (p.full) {
        run_full(&p);
    }
    if (p.resume) {
        run_resumed(&p);
    }
    if (p.rows) {
        rows_run(&pki, p.contest.rounds, p.calls);
    }
    if (p.engine) {
        run_engine(&p);
    }
    pki_free(&pki);
    return 0;
}
