/* countersign ca: making a CA, and signing what operators have approved. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ca/authority.h"
#include "ca/issue.h"
#include "ca/withdraw.h"
#include "cli/ca_open.h"
#include "cli/ca_serve.h"
#include "cli/cli.h"
#include "cli/secret.h"

static const char usage_text[] =
    "usage: countersign ca init [OPTION]... DIRECTORY\n"
    "       countersign ca issue|serve [-c CONFIG]\n"
    "\n"
    "  init   make a CA in DIRECTORY: root.key, root.crt, issuing.key, issuing.crt (with the root\n"
    "         behind it). Keep root.key apart: it is needed again only for another issuing CA\n"
    "  issue  sign every request that operators have approved, and end what has come to its end\n"
    "  serve  the CA's process; countersign run starts it by itself\n"
    "\n"
    "  -n, --name NAME        the CA's name (default: Countersign CA)\n"
    "  -o, --company NAME     its organization\n"
    "  -k, --key KIND         p256 (default), p384, ed25519, rsa2048, rsa3072, rsa4096\n"
    "      --root-days N      how long the root is good (default 7300)\n"
    "      --days N           how long the issuing CA is good (default 3650)\n"
    "  -p, --passphrase       encrypt both keys; the passphrase is asked for, or read from "
    "standard\n"
    "                         input where that is no terminal\n"
    "  -c, --config CONFIG    the configuration (default " LOADED_DEFAULT_PATH ")\n"
    "\n"
    "Exit status: 0 done, 1 not done, 2 wrong usage.\n";

struct wish {
    const char *directory;
    const char *config;
    const char *name;
    const char *company;
    const char *kind;
    uint32_t root_days;
    uint32_t days;
    bool encrypt;
};

static int complain(const struct err *e)
{
    (void)fprintf(stderr, "countersign ca: %s\n", e->text);
    return 1;
}

struct made {
    EVP_PKEY *root_key;
    EVP_PKEY *key;
    X509 *root;
    X509 *issuing;
};

static int make(const struct wish *w, struct made *m, struct err *e)
{
    char root_name[80];
    (void)snprintf(root_name, sizeof(root_name), "%s Root", w->name);
    struct authority_wish wish = {.name = str_of(root_name),
                                  .company = str_of(w->company),
                                  .path_length = 1,
                                  .life_days = w->root_days,
                                  .now_ms = clock_wall_ms()};
    int rc = authority_key(str_of(w->kind), &m->root_key, e);
    rc = rc == 0 ? authority_key(str_of(w->kind), &m->key, e) : rc;
    rc = rc == 0 ? authority_certificate(&wish, m->root_key, NULL, NULL, &m->root, e) : rc;
    wish.name = str_of(w->name);
    wish.path_length = 0;
    wish.life_days = w->days;
    return rc == 0 ? authority_certificate(&wish, m->key, m->root, m->root_key, &m->issuing, e)
                   : rc;
}

static const char *path_in(const struct wish *w, const char *name, char out[4096])
{
    (void)snprintf(out, 4096, "%s/%s", w->directory, name);
    return out;
}

static int write_all(const struct wish *w, const struct made *m, struct str passphrase,
                     struct err *e)
{
    char path[4096];
    X509 *both[] = {m->issuing, m->root};
    if (mkdir(w->directory, 0700) != 0 && errno != EEXIST) {
        return err_set_errno(e, ERR_IO, errno, "%s", w->directory);
    }
    int rc = authority_write_key(path_in(w, "root.key", path), m->root_key, passphrase, e);
    rc = rc == 0 ? authority_write_key(path_in(w, "issuing.key", path), m->key, passphrase, e) : rc;
    rc = rc == 0 ? authority_write_certificates(path_in(w, "root.crt", path), &m->root, 1, e) : rc;
    return rc == 0 ? authority_write_certificates(path_in(w, "issuing.crt", path), both, 2, e) : rc;
}

static int init(const struct wish *w)
{
    struct err e = {0};
    struct made m = {NULL, NULL, NULL, NULL};
    char scratch[SECRET_MAX];
    struct str passphrase = STR_NONE;
    if (strlen(w->name) > 59 || strlen(w->directory) > 4000) {
        (void)fputs("countersign ca: the name or the directory is too long\n", stderr);
        return 2;
    }
    int rc = w->encrypt ? secret_read("Passphrase of both keys: ", "Once more: ", false, scratch,
                                      &passphrase, &e)
                        : 0;
    rc = rc == 0 ? make(w, &m, &e) : rc;
    rc = rc == 0 ? write_all(w, &m, passphrase, &e) : rc;
    mem_wipe(scratch, sizeof(scratch));
    X509_free(m.root);
    X509_free(m.issuing);
    EVP_PKEY_free(m.root_key);
    EVP_PKEY_free(m.key);
    if (rc != 0) {
        return complain(&e);
    }
    (void)printf("The CA is in %s. Clients are let in by root.crt (client.ca); certificates are\n"
                 "issued with issuing.crt and issuing.key (ca.certificate, ca.key). Take root.key\n"
                 "away to a safe place.\n",
                 w->directory);
    return 0;
}

static int sign_all(const struct wish *w)
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
    return rc == 0 ? 0 : complain(&e);
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

enum { ROOT_DAYS = 256, DAYS };

static bool option(int c, struct wish *w)
{
    switch (c) {
    case 'n':
        w->name = optarg;
        return true;
    case 'o':
        w->company = optarg;
        return true;
    case 'k':
        w->kind = optarg;
        return true;
    case 'p':
        w->encrypt = true;
        return true;
    case 'c':
        w->config = optarg;
        return true;
    case ROOT_DAYS:
        return days_of(optarg, &w->root_days);
    case DAYS:
        return days_of(optarg, &w->days);
    default:
        return false;
    }
}

int ca_main(int argc, char **argv)
{
    static const struct option options[] = {
        {"name", required_argument, NULL, 'n'},
        {"company", required_argument, NULL, 'o'},
        {"key", required_argument, NULL, 'k'},
        {"root-days", required_argument, NULL, ROOT_DAYS},
        {"days", required_argument, NULL, DAYS},
        {"passphrase", no_argument, NULL, 'p'},
        {"config", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct wish w = {.config = LOADED_DEFAULT_PATH,
                     .name = "Countersign CA",
                     .kind = "p256",
                     .root_days = 7300,
                     .days = 3650};
    int c = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while ((c = getopt_long(argc, argv, "n:o:k:pc:h", options, NULL)) != -1) {
        if (c == 'h') {
            return fputs(usage_text, stdout) < 0 ? 1 : 0;
        }
        if (!option(c, &w)) {
            (void)fputs(usage_text, stderr);
            return 2;
        }
    }
    if (argc - optind == 2 && strcmp(argv[optind], "init") == 0) {
        w.directory = argv[optind + 1];
        return init(&w);
    }
    if (argc - optind == 1 && strcmp(argv[optind], "issue") == 0) {
        return sign_all(&w);
    }
    if (argc - optind == 1 && strcmp(argv[optind], "serve") == 0) {
        return ca_serve(w.config);
    }
    (void)fputs(usage_text, stderr);
    return 2;
}
