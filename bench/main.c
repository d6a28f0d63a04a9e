/* countersign-bench: load for TLS servers. A verb for each task; without one it runs a load. */
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "bench/bench.h"

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct verb verbs[] = {
    {"run", bench_run_main, "put a server under load (needs not be said)"},
    {"gen-pki", bench_gen_pki_main, "make a CA, a server and many clients for tests"},
    {"compare", bench_compare_main, "say whether a run got worse than another"},
    {"report", bench_report_main, "show runs side by side as an HTML page"},
};

enum { VERB_COUNT = sizeof(verbs) / sizeof(verbs[0]) };

static int print_help(FILE *to)
{
    (void)fputs("countersign-bench: puts a TLS server under load from many clients, each with its\n"
                "own certificate, user and password\n"
                "\n"
                "usage: countersign-bench [VERB] [OPTION]...\n"
                "\n",
                to);
    for (size_t i = 0; i < VERB_COUNT; i++) {
        (void)fprintf(to, "  %-12s %s\n", verbs[i].name, verbs[i].summary);
    }
    (void)fputs("\n"
                "  countersign-bench VERB --help   more about a verb\n"
                "  countersign-bench --version     version\n",
                to);
    return to == stdout ? 0 : 2;
}

static int print_version(void)
{
    (void)printf("countersign-bench %s\n%s\n", COUNTERSIGN_VERSION,
                 OpenSSL_version(OPENSSL_VERSION));
    return 0;
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        return print_help(stderr);
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        return print_version();
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        return print_help(stdout);
    }
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return verbs[i].run(argc - 1, argv + 1);
        }
    }
    return bench_run_main(argc, argv);
}

int main(int argc, char **argv)
{
    int status = dispatch(argc, argv);
    /* What was asked for and could not be written was not done. */
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        (void)fputs("countersign-bench: cannot write to standard output\n", stderr);
        return status != 0 ? status : 1;
    }
    return status;
}
