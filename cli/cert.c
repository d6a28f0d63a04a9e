/* countersign cert: what is withdrawn, and the way to renewing one's own. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "auth/revoke/deny_change.h"
#include "base/clock.h"
#include "base/enc.h"
#include "cli/cert_ca.h"
#include "cli/cert_list.h"
#include "cli/cert_name.h"
#include "cli/cli.h"
#include "cli/loaded.h"
#include "cli/renew.h"
#include "cli/withdraw.h"

static const char usage_text[] =
    "usage: countersign cert VERB [-c CONFIG] [WHAT] [--reason NAME]\n"
    "\n"
    "  withdraw WHAT  refuse it from now on, and end its open connections\n"
    "  restore WHAT   take a user, or a certificate with the reason certificateHold, back\n"
    "  ls             list what is withdrawn\n"
    "  prune          drop entries of certificates that ended more than a day ago\n"
    "  renew          renew your own certificate (countersign cert renew --help)\n"
    "\n"
    "WHAT is one of\n"
    "  --certificate FILE               a certificate, PEM or DER\n"
    "  --serial HEX --issuer CA         its serial number; CA is a file with the CA's\n"
    "                                   certificate, or its name as in ls (RFC 2253)\n"
    "  --fingerprint HEX                its SHA-256\n"
    "  --user NAME                      a user, whatever the certificate\n"
    "\n"
    "  -c, --config CONFIG  names revocation.deny (default " LOADED_DEFAULT_PATH ")\n"
    "  -r, --reason NAME    as in RFC 5280: unspecified (default), keyCompromise, cACompromise,\n"
    "                       affiliationChanged, superseded, cessationOfOperation,\n"
    "                       certificateHold, privilegeWithdrawn, aACompromise\n"
    "  -o, --output FORM    of ls: table (default) or json\n"
    "\n"
    "Entries go to the first file of revocation.deny. What the CA of the configuration has issued\n"
    "is withdrawn in its record too, by its operators, as countersign request withdraw does.\n"
    "\n"
    "Exit status: 0 in force on every worker of the running proxy (or none runs), 1 it did not\n"
    "work, 2 wrong usage.\n";

enum { PRUNE_SKEW_S = 86400 };

struct request {
    const char *config;
    const char *certificate;
    const char *serial;
    const char *issuer;
    const char *fingerprint;
    const char *user;
    const char *reason;
    bool json;
};

static int wrong_usage(const char *what)
{
    (void)fprintf(stderr, "countersign cert: %s\n\n%s", what, usage_text);
    return 2;
}

static int complain(const char *text)
{
    (void)fprintf(stderr, "countersign cert: %s\n", text);
    return 1;
}

/* The entry that r means. Returns 0, or 1 after a complaint. Users are not made here. */
static int make_entry(const struct request *r, struct loaded *l, struct deny_entry *entry)
{
    struct err e = {0};
    int rc = 0;
    if (r->certificate != NULL) {
        rc = cert_name_file(r->certificate, entry, &e);
    } else if (r->serial != NULL) {
        rc = cert_name_serial(r->serial, r->issuer, l->conf, l->files, entry, &e);
    } else {
        deny_entry_init(entry, DENY_FINGERPRINT);
        if (!deny_digest_read(str_of(r->fingerprint), entry->fingerprint)) {
            rc = err_set(&e, ERR_MALFORMED, "a fingerprint is a SHA-256: 64 hexadecimal digits");
        }
    }
    return rc == 0 ? 0 : complain(e.text);
}

static int withdraw(const struct request *r, struct loaded *l)
{
    struct deny_entry entry;
    enum deny_reason reason = deny_reason_find(str_of(r->reason));
    if (r->user != NULL) {
        return withdraw_user("cert", l->conf, r->user, reason);
    }
    if (make_entry(r, l, &entry) != 0) {
        return 1;
    }
    entry.reason = reason;
    entry.date_s = clock_wall_ms() / 1000;
    int status = cert_ca_withdraw(l->conf, r->config, &entry);
    return status != CERT_CA_NONE ? status : withdraw_add("cert", l->conf, &entry);
}

static int restore(const struct request *r, struct loaded *l)
{
    struct deny_entry entry;
    if (r->user != NULL) {
        return withdraw_user_back("cert", l->conf, r->user, true);
    }
    if (make_entry(r, l, &entry) != 0) {
        return 1;
    }
    int status = cert_ca_restore(l->conf, r->config, &entry);
    return status != CERT_CA_NONE ? status : withdraw_remove("cert", l->conf, &entry, true);
}

static int prune(const struct request *r, struct loaded *l)
{
    (void)r;
    const struct conf_texts *deny = &l->conf->revocation.deny;
    size_t total = 0;
    for (size_t i = 0; i < deny->n; i++) {
        struct err e = {0};
        size_t dropped = 0;
        if (deny_change_prune(deny->v[i].p, clock_wall_ms() / 1000 - PRUNE_SKEW_S, &dropped, &e) !=
            0) {
            return complain(e.text);
        }
        total += dropped;
    }
    (void)printf("%zu entries dropped\n", total);
    return total > 0 ? withdraw_tell("cert", l->conf) : 0;
}

static int list(const struct request *r, struct loaded *l)
{
    struct err e = {0};
    return cert_list_print(l->conf, l->files, r->json, &e) == 0 ? 0 : complain(e.text);
}

struct verb {
    const char *name;
    bool names_one;
    int (*run)(const struct request *r, struct loaded *l);
};

static const struct verb verbs[] = {
    {"withdraw", true, withdraw},
    {"restore", true, restore},
    {"ls", false, list},
    {"prune", false, prune},
};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

/* What is wrong with the request, or NULL. */
static const char *fault_of(const struct request *r, const struct verb *verb)
{
    unsigned ways = (r->certificate != NULL ? 1U : 0U) + (r->serial != NULL ? 1U : 0U) +
                    (r->fingerprint != NULL ? 1U : 0U) + (r->user != NULL ? 1U : 0U);
    if (verb == NULL) {
        return "unknown verb";
    }
    if (ways != (verb->names_one ? 1U : 0U)) {
        return verb->names_one ? "name one thing: --certificate, --serial, --fingerprint or --user"
                               : "this verb takes no certificate and no user";
    }
    if ((r->serial != NULL) != (r->issuer != NULL)) {
        return "--serial and --issuer go together";
    }
    return deny_reason_find(str_of(r->reason)) != DENY_NOT_LISTED ? NULL : "unknown reason";
}

static int run(const struct request *r, const struct verb *verb)
{
    struct loaded l;
    int status = loaded_open(&l, r->config);
    if (status == 0) {
        status = verb->run(r, &l);
    }
    loaded_close(&l);
    return status;
}

/* The verb may stand before or behind the options. */
int cert_main(int argc, char **argv)
{
    enum { CERTIFICATE = 256, SERIAL, ISSUER, FINGERPRINT, USER };
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"certificate", required_argument, NULL, CERTIFICATE},
                                            {"serial", required_argument, NULL, SERIAL},
                                            {"issuer", required_argument, NULL, ISSUER},
                                            {"fingerprint", required_argument, NULL, FINGERPRINT},
                                            {"user", required_argument, NULL, USER},
                                            {"reason", required_argument, NULL, 'r'},
                                            {NULL, 0, NULL, 0}};
    struct request r = {.config = LOADED_DEFAULT_PATH, .reason = "unspecified"};
    const char **const targets[] = {&r.certificate, &r.serial, &r.issuer, &r.fingerprint, &r.user};
    int option = 0;
    if (argc > 1 && strcmp(argv[1], "renew") == 0) {
        return renew_main(argc - 1, argv + 1);
    }
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while ((option = getopt_long(argc, argv, "c:o:r:h", options, NULL)) != -1) {
        if (option >= CERTIFICATE) {
            *targets[option - CERTIFICATE] = optarg;
        } else if (option == 'c') {
            r.config = optarg;
        } else if (option == 'r') {
            r.reason = optarg;
        } else if (option == 'o' && strcmp(optarg, "json") == 0) {
            r.json = true;
        } else if (option == 'h') {
            (void)fputs(usage_text, stdout);
            return 0;
        } else if (option != 'o' || strcmp(optarg, "table") != 0) {
            return wrong_usage(option == 'o' ? "-o takes table or json" : "unknown option");
        }
    }
    if (argc - optind != 1) {
        return wrong_usage("one verb is needed");
    }
    const struct verb *verb = find_verb(argv[optind]);
    const char *fault = fault_of(&r, verb);
    return fault != NULL ? wrong_usage(fault) : run(&r, verb);
}
