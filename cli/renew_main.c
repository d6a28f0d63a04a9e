/* countersign cert renew: its options. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/renew.h"
#include "cli/secret.h"

static const char usage_text[] =
    "usage: countersign cert renew --url URL --certificate FILE [OPTION]...\n"
    "\n"
    "Renews your own certificate, with a new key, through the proxy (EST, RFC 7030), when it is "
    "in\n"
    "the last third of its life; before that it does nothing.\n"
    "\n"
    "      --url URL             the proxy: https://HOST[:PORT]\n"
    "      --certificate FILE    your certificate, PEM, the CA's behind it\n"
    "      --key FILE            its key, PEM (default: in the same file)\n"
    "      --passphrase-file F   the first line opens the key, and will open the new one\n"
    "      --login FILE          its first line is USER:PASSWORD, for the proxy\n"
    "      --ca FILE             the CAs that the proxy's certificate may be of (default: the\n"
    "                            system's)\n"
    "      --client-ca FILE      the CAs that your new certificate may be of (default: those "
    "behind\n"
    "                            the present one)\n"
    "      --profile NAME        the kind of certificate (default: the present one's)\n"
    "      --key-kind KIND       p256, p384, ed25519, rsa2048, rsa3072, rsa4096 (default: as the\n"
    "                            present one)\n"
    "      --hook PROGRAM        run when there is a new one, without a shell; the variables\n"
    "                            COUNTERSIGN_CERTIFICATE and COUNTERSIGN_KEY name the files\n"
    "      --force               also if it is not due\n"
    "      --dry-run             say when it is due, and whether the proxy would let you in\n"
    "      --daemon              go on: each is renewed when it is due, what failed is tried "
    "again;\n"
    "                            SIGHUP lets it look and try at once\n"
    "\n"
    "One file is replaced at once. Of two, both become links into FILE.d, where one link changes\n"
    "both. Files with secrets must not be readable for everybody.\n"
    "\n"
    "Exit status: 0 renewed or not due, 1 not renewed and trying again may help, 2 wrong usage,\n"
    "3 waits for an operator, 4 refused, 5 expired: a new approval is needed, 6 the hook failed.\n";

struct wish {
    struct renew renew;
    bool dry_run;
    bool daemon;
};

static int wrong_usage(const char *what)
{
    (void)fprintf(stderr, "countersign cert renew: %s\n\n%s", what, usage_text);
    return 2;
}

/* What is wrong with it, or NULL. */
static const char *fault_of(struct wish *w, struct err *e)
{
    struct renew *r = &w->renew;
    if (r->server.url == NULL || r->place.certificate == NULL) {
        return "--url and --certificate are needed";
    }
    if (web_check_url(r->server.url, e) != 0) {
        return e->text;
    }
    if (w->daemon && (w->dry_run || r->force)) {
        return "--daemon goes with neither --dry-run nor --force";
    }
    if (r->hook != NULL && strchr(r->hook, '/') == NULL) {
        return "--hook takes a path with a slash in it";
    }
    r->place.key = r->place.key != NULL ? r->place.key : r->place.certificate;
    r->server.self.certificate_file = r->place.certificate;
    r->server.self.key_file = r->place.key;
    r->server.self.passphrase_file = r->place.passphrase_file;
    return NULL;
}

static int dry_run(const struct renew *r)
{
    struct renew_result out = {.due_ms = 0};
    enum renew_end end = renew_look(r, &out);
    if (end == RENEW_DONE) {
        renew_say_due(r, &out);
        enum renew_answer answer = renew_ask_nothing(&r->server, &out.err);
        end = answer == RENEW_ANSWER_ISSUED    ? RENEW_DONE
              : answer == RENEW_ANSWER_REFUSED ? RENEW_REFUSED
                                               : RENEW_LATER;
    }
    if (end != RENEW_DONE) {
        renew_complain(end, &out);
        return (int)end;
    }
    (void)puts("the proxy lets you in; nothing was changed");
    return 0;
}

static int once(const struct renew *r)
{
    struct renew_result out;
    enum renew_end end = renew_try(r, &out);
    if (end == RENEW_DONE && out.renewed) {
        end = renew_tell(r);
    } else if (end == RENEW_DONE) {
        renew_say_due(r, &out);
    }
    return (int)end;
}

static int run(struct wish *w)
{
    struct err e = {0};
    const char *fault = fault_of(w, &e);
    if (fault != NULL) {
        return wrong_usage(fault);
    }
    secret_hide();
    return w->daemon ? renew_daemon(&w->renew) : w->dry_run ? dry_run(&w->renew) : once(&w->renew);
}

enum {
    URL = 256,
    CERTIFICATE,
    KEY,
    PASSPHRASE,
    LOGIN,
    CA,
    CLIENT_CA,
    PROFILE,
    KIND,
    HOOK,
    FORCE,
    DRY_RUN,
    DAEMON
};
static const struct option options[] = {
    {"url", required_argument, NULL, URL},
    {"certificate", required_argument, NULL, CERTIFICATE},
    {"key", required_argument, NULL, KEY},
    {"passphrase-file", required_argument, NULL, PASSPHRASE},
    {"login", required_argument, NULL, LOGIN},
    {"ca", required_argument, NULL, CA},
    {"client-ca", required_argument, NULL, CLIENT_CA},
    {"profile", required_argument, NULL, PROFILE},
    {"key-kind", required_argument, NULL, KIND},
    {"hook", required_argument, NULL, HOOK},
    {"force", no_argument, NULL, FORCE},
    {"dry-run", no_argument, NULL, DRY_RUN},
    {"daemon", no_argument, NULL, DAEMON},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

int renew_main(int argc, char **argv)
{
    struct wish w = {.dry_run = false};
    struct renew *r = &w.renew;
    const char **const texts[] = {&r->server.url,
                                  &r->place.certificate,
                                  &r->place.key,
                                  &r->place.passphrase_file,
                                  &r->server.self.basic_file,
                                  &r->server.self.ca_file,
                                  &r->anchors,
                                  &r->server.profile,
                                  &r->kind,
                                  &r->hook};
    int option = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h') {
            return fputs(usage_text, stdout) < 0 ? 1 : 0;
        }
        if (option == '?') {
            return wrong_usage("unknown option, or one without its value");
        }
        w.renew.force = w.renew.force || option == FORCE;
        w.dry_run = w.dry_run || option == DRY_RUN;
        w.daemon = w.daemon || option == DAEMON;
        if (option < FORCE) {
            *texts[option - URL] = optarg;
        }
    }
    return argc == optind ? run(&w) : wrong_usage("there is an argument too many");
}
