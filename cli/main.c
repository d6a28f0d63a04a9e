/* countersign: one program, a verb for each task. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "auth/store/pwhash.h"
#include "auth/store/sqlite.h"
#include "base/mem_pool.h"
#include "base/str.h"
#include "ca/http.h"
#include "ca/record_json.h"
#include "ca/web.h"
#include "cli/cli.h"
#include "conf/diag.h"
#include "conf/yaml.h"
#include "proxy/http/h1_parse.h"
#include "proxy/net/loop.h"

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct verb verbs[] = {
    {"run", run_main, "run the proxy"},
    {"check", check_main, "load a configuration and say what is wrong with it"},
    {"config", config_main, "print the configuration, its defaults, its schema"},
    {"user", user_main, "add, change, remove, list, verify and import users"},
    {"lockout", lockout_main, "show and lift delays of those who failed too often"},
    {"cert", cert_main, "withdraw certificates and users; renew one's own certificate"},
    {"ca", ca_main, "make or import a CA, sign what is approved, make lists of a root"},
    {"request", request_main, "ask for certificates, register people, approve, deny, withdraw"},
    {"audit", audit_main, "show and verify the record of who did what with certificates"},
    {"store", store_main, "copy the CA's database, and put a copy back"},
    {"explain", explain_main, "say what the proxy would decide about a certificate and a user"},
    {"status", status_main, "ask the running proxy how it is"},
    {"reload", reload_main, "let the running proxy load its configuration anew"},
    {"healthcheck", healthcheck_main, "exit with 0 if the running proxy is ready"},
    {"demo", demo_main, "show it at work with throw-away certificates and users"},
};

enum { VERB_COUNT = sizeof(verbs) / sizeof(verbs[0]) };

static int print_help(FILE *to)
{
    (void)fputs("countersign: a reverse proxy that lets a request through only when the client's\n"
                "certificate and its password name the same user\n"
                "\n"
                "usage: countersign VERB [OPTION]...\n"
                "\n",
                to);
    for (size_t i = 0; i < VERB_COUNT; i++) {
        (void)fprintf(to, "  %-12s %s\n", verbs[i].name, verbs[i].summary);
    }
    (void)fputs("\n"
                "  countersign help VERB    more about a verb\n"
                "  countersign --version    versions of the program and of what it stands on\n",
                to);
    return to == stdout ? 0 : 2;
}

static int print_version(void)
{
    const char *const libraries[] = {OpenSSL_version(OPENSSL_VERSION),
                                     loop_library(),
                                     h1_parse_library(),
                                     yaml_library(),
                                     pwhash_library(),
                                     sqlite_library(),
                                     record_json_library(),
                                     http_library(),
                                     web_client()};
    (void)printf("countersign %s\n", COUNTERSIGN_VERSION);
    for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
        (void)printf("%s\n", libraries[i]);
    }
    return 0;
}

static const struct verb *find(const char *name)
{
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

static int unknown(const char *name)
{
    const char *names[VERB_COUNT + 1] = {"help"};
    for (size_t i = 0; i < VERB_COUNT; i++) {
        names[i + 1] = verbs[i].name;
    }
    const char *nearest = diag_nearest(str_of(name), names, VERB_COUNT + 1);
    (void)fprintf(stderr, "countersign: there is no verb \"%s\"", name);
    if (nearest != NULL) {
        (void)fprintf(stderr, "; did you mean \"%s\"?\n", nearest);
    } else {
        (void)fputs("; countersign help lists them\n", stderr);
    }
    return 2;
}

static int help(const char *name, const char *more)
{
    const struct verb *verb = find(name);
    char option[] = "--help";
    char word[16];
    if (verb == NULL) {
        return unknown(name);
    }
    (void)snprintf(word, sizeof(word), "%s", verb->name);
    char own_help[16]; /* a verb below it may have a help of its own: cert renew */
    (void)snprintf(own_help, sizeof(own_help), "%s", more != NULL ? more : option);
    char *argv[] = {word, own_help, more != NULL ? option : NULL, NULL};
    return verb->run(more != NULL ? 3 : 2, argv);
}

/* A number from 0 to 2 that is free would go to the first thing that we open, a socket or the
 * memory with the keys, and what is meant for standard output would be written there. */
static void keep_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != fd) {
            _exit(1);
        }
    }
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
        return argc > 2 ? help(argv[2], argv[3]) : print_help(stdout);
    }
    const struct verb *verb = find(name);
    return verb != NULL ? verb->run(argc - 1, argv + 1) : unknown(name);
}

int main(int argc, char **argv)
{
    keep_standard_descriptors();
    mem_pool_install();
    int status = dispatch(argc, argv);
    /* What was asked for and could not be written was not done. */
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        (void)fputs("countersign: cannot write to standard output\n", stderr);
        return status != 0 ? status : 1;
    }
    return status;
}
