/* countersign ca: the verbs that make a CA and work with it, and their options. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "ca/issue.h"
#include "ca/withdraw.h"
#include "cli/ca_open.h"
#include "cli/ca_parts.h"
#include "cli/ca_send.h"
#include "cli/ca_serve.h"
#include "cli/cli.h"
#include "cli/secret.h"

static const char usage_text[] =
    "usage: countersign ca init [--root-only|--issuing-only] [OPTION]... DIRECTORY\n"
    "       countersign ca certify [OPTION]... ROOT REQUEST\n"
    "       countersign ca accept [OPTION]... DIRECTORY CERTIFICATE\n"
    "       countersign ca crl [--withdraw FILE] [OPTION]... ROOT\n"
    "       countersign ca crl --former [-c CONFIG] [OPTION]... DIRECTORY\n"
    "       countersign ca import --certificate FILE [OPTION]... DIRECTORY\n"
    "       countersign ca issue|serve [-c CONFIG]\n"
    "\n"
    "  init     make a CA in DIRECTORY: root.key, root.crt, issuing.key, issuing.crt (with the "
    "root\n"
    "           behind it). --root-only: the root alone, on a machine without a network.\n"
    "           --issuing-only: issuing.key and issuing.csr, for a root that is elsewhere\n"
    "  certify  sign the REQUEST of an issuing CA with the root in the directory ROOT\n"
    "  accept   check what the root has signed, and put it into DIRECTORY as issuing.crt\n"
    "  crl      make a new root.crl in ROOT: which issuing CAs are no longer good. --former: make\n"
    "           issuing.crl in the DIRECTORY of a CA that issues no more, of what is withdrawn "
    "now\n"
    "  import   take over a CA that was made elsewhere\n"
    "  issue    sign every request that operators have approved, and end what has come to its end\n"
    "  serve    the CA's process; countersign run starts it by itself\n"
    "  send     a message of that process; it starts this by itself\n"
    "\n"
    "  -n, --name NAME        the CA's name (default: Countersign CA)\n"
    "      --company NAME     its organization\n"
    "  -k, --key KEY          of a key to be made: p256 (default), p384, ed25519, rsa2048, "
    "rsa3072,\n"
    "                         rsa4096; of one that is there: its file, or the URI of one in a "
    "token\n"
    "                         (pkcs11:token=ca;object=root)\n"
    "      --certificate FILE the CA's certificate and those above it, or a PKCS#12 file (import)\n"
    "      --root-days N      how long the root is good (default 7300)\n"
    "      --days N           how long the issuing CA is good, no longer than its root (default\n"
    "                         3650, or what the root has left; of crl: the time to the next list,\n"
    "                         default 365, with --former at most 40)\n"
    "      --passphrase       encrypt keys that are made; the passphrase is asked for, or read "
    "from\n"
    "                         standard input where that is no terminal\n"
    "      --passphrase-file FILE  its first line opens a key that is there (of a token: the "
    "PIN),\n"
    "                         and encrypts one that is made\n"
    "  -w, --write FILE       where certify writes (default: standard output); must not exist\n"
    "      --withdraw FILE    the certificate of an issuing CA to be withdrawn (crl)\n"
    "  -r, --reason REASON    keyCompromise, cACompromise, affiliationChanged, superseded,\n"
    "                         cessationOfOperation (crl)\n"
    "  -c, --config CONFIG    the configuration (default " LOADED_DEFAULT_PATH ")\n"
    "\n"
    "Exit status: 0 done, 1 not done, 2 wrong usage.\n";

static int sign_all(const struct ca_wish *w)
{
    struct ca_open open;
    struct err e = {0};
    size_t n = 0;
    int rc = ca_open(&open, w->config, CA_OPEN_KEY, &e);
    size_t ended = 0;
    rc = rc == 0 ? withdraw_tick(&open.life, &ended, &e) : rc;
    rc = rc == 0 ? issue_all(&open.life, &n, &e) : rc;
    ca_close(&open);
    if (rc == 0 || n > 0) {
        (void)printf("%zu issued\n", n);
    }
    return rc == 0 ? 0 : ca_complain(&e);
}

static int run_crl(const struct ca_wish *w)
{
    return w->former ? ca_crl_former(w) : ca_crl(w);
}

static int run_serve(const struct ca_wish *w)
{
    return ca_serve(w->config);
}

static int run_send(const struct ca_wish *w)
{
    (void)w;
    return ca_send();
}

static bool days_of(const char *text, uint32_t *out)
{
    uint64_t n = 0;
    if (!str_to_u64(str_of(text), &n) || n == 0 || n > 36500) {
        (void)fprintf(stderr, "countersign ca: \"%s\" is not a number of days (1 to 36500)\n",
                      text);
        return false;
    }
    *out = (uint32_t)n;
    return true;
}

enum {
    ROOT_DAYS = 256,
    DAYS,
    ROOT_ONLY,
    ISSUING_ONLY,
    CERTIFICATE,
    COMPANY,
    PASSPHRASE,
    PASSPHRASE_FILE,
    WITHDRAW,
    FORMER,
    OPTION_END
};

static int wrong_usage(const char *what, const char *which)
{
    if (what != NULL) {
        (void)fprintf(stderr, "countersign ca: %s%s\n\n", which, what);
    }
    (void)fputs(usage_text, stderr);
    return 2;
}

static bool option(int c, struct ca_wish *w)
{
    const char **const texts[OPTION_END] = {
        ['n'] = &w->name,         [COMPANY] = &w->company,
        ['k'] = &w->key,          ['c'] = &w->config,
        ['r'] = &w->reason,       [CERTIFICATE] = &w->certificate,
        ['w'] = &w->write,        [PASSPHRASE_FILE] = &w->passphrase_file,
        [WITHDRAW] = &w->withdraw};
    switch (c) {
    case PASSPHRASE:
        w->encrypt = true;
        return true;
    case ROOT_ONLY:
        w->root_only = true;
        return true;
    case FORMER:
        w->former = true;
        return true;
    case ISSUING_ONLY:
        w->issuing_only = true;
        return true;
    case ROOT_DAYS:
        return days_of(optarg, &w->root_days);
    case DAYS:
        return days_of(optarg, &w->days);
    default:
        if (c < 0 || c >= OPTION_END || texts[c] == NULL) {
            return false;
        }
        *texts[c] = optarg;
        return true;
    }
}

static const struct {
    const char *name;
    int (*run)(const struct ca_wish *w);
    int arguments;
    const char *wants; /* after the verb's name */
} verbs[] = {
    {"init", ca_init, 1, " takes one directory"},
    {"certify", ca_certify, 2, " takes the root's directory and a signing request"},
    {"accept", ca_accept, 2, " takes a directory and the certificate for it"},
    {"crl", run_crl, 1, " takes one directory"},
    {"import", ca_import, 1, " takes one directory, and what to import by --certificate and --key"},
    {"issue", sign_all, 0, " takes nothing but -c"},
    {"serve", run_serve, 0, " takes nothing but -c"},
    {"send", run_send, 0, " takes nothing"},
};

int ca_main(int argc, char **argv)
{
    static const struct option options[] = {
        {"name", required_argument, NULL, 'n'},
        {"company", required_argument, NULL, COMPANY},
        {"key", required_argument, NULL, 'k'},
        {"root-only", no_argument, NULL, ROOT_ONLY},
        {"issuing-only", no_argument, NULL, ISSUING_ONLY},
        {"certificate", required_argument, NULL, CERTIFICATE},
        {"root-days", required_argument, NULL, ROOT_DAYS},
        {"days", required_argument, NULL, DAYS},
        {"passphrase", no_argument, NULL, PASSPHRASE},
        {"passphrase-file", required_argument, NULL, PASSPHRASE_FILE},
        {"former", no_argument, NULL, FORMER},
        {"write", required_argument, NULL, 'w'},
        {"withdraw", required_argument, NULL, WITHDRAW},
        {"reason", required_argument, NULL, 'r'},
        {"config", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct ca_wish w = {.config = LOADED_DEFAULT_PATH};
    int c = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while ((c = getopt_long(argc, argv, "n:k:w:r:c:h", options, NULL)) != -1) {
        if (c == 'h') {
            return fputs(usage_text, stdout) < 0 ? 1 : 0;
        }
        if (!option(c, &w)) {
            return wrong_usage(NULL, "");
        }
    }
    int given = argc - optind - 1;
    for (size_t i = 0; given >= 0 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(argv[optind], verbs[i].name) != 0) {
            continue;
        }
        if (given != verbs[i].arguments) {
            return wrong_usage(verbs[i].wants, verbs[i].name);
        }
        w.directory = given > 0 ? argv[optind + 1] : NULL;
        w.argument = given > 1 ? argv[optind + 2] : NULL;
        secret_hide();
        return verbs[i].run(&w);
    }
    return given < 0 ? wrong_usage("a verb is missing", "")
                     : wrong_usage(": there is no such verb", argv[optind]);
}
