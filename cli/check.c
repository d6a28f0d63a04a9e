/* countersign check: would it run? */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "auth/revoke/deny.h"
#include "auth/withdrawal.h"
#include "ca/key.h"
#include "cli/cli.h"
#include "cli/loaded.h"
#include "cli/room.h"
#include "proxy/proc/build.h"
#include "proxy/tls/site.h"

static const char usage_text[] =
    "usage: countersign check [-c FILE] [-q]\n"
    "\n"
    "  -c, --config FILE  the configuration (default " LOADED_DEFAULT_PATH ")\n"
    "  -q, --quiet        print errors only\n"
    "\n"
    "Loads all that \"countersign run\" would load - keys, the CA's too, certificates, CAs,\n"
    "revocation lists, users - and prints everything that is wrong with it, and how much memory "
    "its\n"
    "bounds may come to.\n"
    "\n"
    "Exit status: 0 fine (there may be warnings), 1 errors, 2 wrong usage.\n";

/* The CA's process would find it out only after the start, when requests wait for it already. */
static void check_ca(const struct conf_ca *ca, struct diags *diags)
{
    struct ca_key key;
    struct err e = {0};
    if (ca->certificate.p == NULL) {
        return;
    }
    if (geteuid() != 0 && access(ca->key.p, F_OK) == 0 && access(ca->key.p, R_OK) != 0) {
        diag_add(diags, DIAG_WARNING, ca->key.at, "ca.key", NULL,
                 "not checked: this user may not read it");
        return;
    }
    if (ca_key_load(ca, &key, &e) != 0) {
        diag_add(diags, DIAG_ERROR, ca->key.at, "ca.key", NULL, "%s", e.text);
        return;
    }
    ca_key_fini(&key);
}

/* Where tuning.own_handshake is in vain. That is slower, and else no worse. */
static void print_handshakes(const struct runtime *r)
{
    const struct conf *conf = r->conf;
    for (size_t i = 0; i < conf->listener_count; i++) {
        if (conf->tuning.own_handshake &&
            !tls_sites_own_handshakes(r->sites[i], &conf->resumption)) {
            (void)printf("listeners[%zu]: libssl does all handshakes, as there is something that "
                         "tuning.own_handshake does not take\n",
                         i);
        }
    }
}

static int check_files(const char *path, bool quiet, struct files *files, struct diags *diags)
{
    struct runtime *r = build_runtime(path, files, NULL, NULL, diags, TLS_KEYS_ALL);
    if (r != NULL) {
        build_check_process(r->conf, diags);
        check_ca(&r->conf->ca, diags);
        deny_free(withdrawal_load(r->conf, NULL, files, diags));
    }
    size_t errors = diags_errors(diags);
    size_t warnings = diags_warnings(diags);
    bool fine = r != NULL && errors == 0;
    if (fine && !quiet) {
        print_handshakes(r);
        room_print(r);
    }
    build_unref(r);
    if (!fine || !quiet) {
        diags_print(diags, stderr);
    }
    if (!fine) {
        (void)fprintf(stderr, "%s: %zu error%s\n", path, errors, errors == 1 ? "" : "s");
        return 1;
    }
    if (!quiet && warnings > 0) {
        (void)printf("%s: ok, %zu warning%s\n", path, warnings, warnings == 1 ? "" : "s");
    } else if (!quiet) {
        (void)printf("%s: ok\n", path);
    }
    return 0;
}

static int check(const char *path, bool quiet)
{
    int status = 1;
    struct files *files = files_new();
    struct diags *diags = diags_new();
    if (files != NULL && diags != NULL) {
        status = check_files(path, quiet, files, diags);
    } else {
        (void)fputs("countersign: out of memory\n", stderr);
    }
    diags_free(diags);
    files_free(files);
    return status;
}

int check_main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *path = LOADED_DEFAULT_PATH;
    bool quiet = false;
    int option;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while ((option = getopt_long(argc, argv, "c:qh", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case 'q':
            quiet = true;
            break;
        case 'h':
            (void)fputs(usage_text, stdout);
            return 0;
        default:
            (void)fprintf(stderr, "\n%s", usage_text);
            return 2;
        }
    }
    if (optind < argc) {
        (void)fprintf(stderr,
                      "countersign check: what is \"%s\"? The configuration goes behind -c\n",
                      argv[optind]);
        return 2;
    }
    return check(path, quiet);
}
