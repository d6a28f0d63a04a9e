/* countersign-micro: what the parts cost, without a network, so that a part that has become slower
 * is seen before it is shipped. Not installed, and nothing that tests judge by. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem_pool.h"
#include "bench/micro/contest.h"
#include "bench/micro/handshakes.h"
#include "bench/micro/rows.h"

static const char usage[] =
    "usage: countersign-micro [--rounds N] [--handshakes N] [--calls N] [--tls 1.3|1.2]\n"
    "                         [--server-key p256|rsa2048] [--client-key p256|rsa2048]\n"
    "                         [--one-ca] [--keep-memory] [--json FILE]\n"
    "                         [full] [resume] [rows] [floor] [floor-resumed] [engine]\n"
    "\n"
    "full    full mutual handshakes: libssl as it is, with each trick, and our engine\n"
    "resume  the same, resumed\n"
    "rows    single steps: heads, fields, log line, gate, caches, lists, proofs, records,\n"
    "        sessions\n"
    "\n"
    "floor, floor-resumed: only libssl with all tricks, our engine, and our engine with OpenSSL's\n"
    "handshake. engine: our engine alone, for a profiler. Neither is run by default.\n"
    "\n"
    "--rounds: how often all take their turn (15); what is shown is the median\n"
    "--handshakes: of each contender in a round (96), a multiple of 16\n"
    "--calls: of each single step in a round (2000)\n"
    "--one-ca: the clients' CA signs for the server, too, as where a company has one; then libssl\n"
    "builds and verifies the server's own chain in each handshake, unless that is fixed\n"
    "--keep-memory: for all, memory as tuning.keep_memory has it\n"
    "\n"
    "--json: write all figures there, too, for countersign-bench compare\n"
    "\n"
    "CPU time of the server alone, medians of rounds that take turns; pin it to one core\n"
    "(taskset -c 1). Instructions, which do not depend on the day, are counted by callgrind:\n"
    "bench/micro/instructions runs this program under it.\n";

struct plan {
    struct contest contest;
    struct pki_kinds kinds;
    size_t calls; /* of a single step in a round */
    bool keep_memory;
    const char *json; /* NULL: no file */
    bool full;
    bool resume;
    bool rows;
    bool floor;
    bool floor_resumed;
    bool engine;
    bool help;
};

static bool take_word(struct plan *p, const char *word)
{
    const struct {
        const char *name;
        bool *wanted;
    } words[] = {{"full", &p->full},     {"resume", &p->resume},
                 {"rows", &p->rows},     {"floor", &p->floor},
                 {"engine", &p->engine}, {"floor-resumed", &p->floor_resumed}};
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
        {"json", required_argument, NULL, 'j'},
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
        case 'j':
            p->json = optarg;
            break;
        case 'm':
            p->keep_memory = true;
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

static void run(const struct plan *p, const struct pki *pki, struct sheet *sheet)
{
    if (p->full) {
        handshakes_full(&p->contest, sheet);
    }
    if (p->resume) {
        handshakes_resumed(&p->contest, sheet);
    }
    if (p->floor) {
        handshakes_to_floor(&p->contest, sheet);
    }
    if (p->floor_resumed) {
        handshakes_to_floor_resumed(&p->contest, sheet);
    }
    if (p->rows) {
        rows_run(pki, p->contest.rounds, p->calls, sheet);
    }
    if (p->engine) {
        handshakes_of_engine(&p->contest, sheet);
    }
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
    static struct sheet sheet;
    if (p.keep_memory) {
        mem_pool_use(true);
    }
    pki_make(&pki, &p.kinds);
    p.contest.pki = &pki;
    p.contest.kinds = &p.kinds;
    run(&p, &pki, &sheet);
    if (p.json != NULL) {
        const struct sheet_terms terms = {p.contest.version, p.kinds, p.contest.rounds,
                                          p.keep_memory};
        sheet_write(&sheet, &terms, p.json);
    }
    sheet_free(&sheet);
    pki_free(&pki);
    return 0;
}
