/* countersign user: the users of an htpasswd file. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/store/htpasswd.h"
#include "auth/store/pwhash.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/secret.h"
#include "conf/load.h"

static const char usage_text[] =
    "usage: countersign user VERB [-c CONFIG | -f FILE] [-i] [NAME]\n"
    "\n"
    "  add NAME     add a user; asks for a password\n"
    "  passwd NAME  give a user a new password\n"
    "  del NAME     take a user out\n"
    "  ls           list the users and how their passwords are hashed\n"
    "  unlock NAME  lift the delay of a user who failed too often, as countersign lockout unlock\n"
    "  verify NAME  ask for the password and say whether it is right (exit status 0 or 1)\n"
    "\n"
    "  -c, --config CONFIG  take the file that users.htpasswd names there\n"
    "                       (default /etc/countersign/countersign.yaml)\n"
    "  -f, --file FILE      the htpasswd file itself\n"
    "  -i, --stdin          read the password from standard input, one line, also on a terminal\n"
    "\n"
    "The password is asked for on the terminal; where standard input is none, it is read from\n"
    "there. It is never an argument. A running proxy takes the change up by itself.\n"
    "\n"
    "Exit status: 0 done, 1 not done (verify: wrong), 2 wrong usage.\n";

struct request {
    const char *verb;
    const char *name;
    const char *config;
    char *path; /* of the htpasswd file; owned */
    bool from_stdin;
};

static int complain(const struct err *e)
{
    fprintf(stderr, "countersign user: %s\n", e->text);
    return 1;
}

/* The htpasswd file that the configuration names. */
static char *path_of_config(const char *config)
{
    struct files *files = files_new();
    struct diags *diags = diags_new();
    struct conf *conf = files != NULL && diags != NULL ? conf_load(config, files, diags) : NULL;
    char *path = NULL;
    if (conf == NULL) {
        diags_print(diags, stderr);
    } else if (conf->users.htpasswd.p == NULL) {
        fprintf(stderr, "countersign user: %s names no users.htpasswd\n", config);
    } else {
        path = mem_dup(conf->users.htpasswd.p, strlen(conf->users.htpasswd.p));
    }
    conf_unref(conf);
    diags_free(diags);
    files_free(files);
    return path;
}

/* Read the password that a new hash is made of, and make it. */
static int new_hash(const struct request *r, char hash[PWHASH_MAX + 1], struct err *e)
{
    char scratch[SECRET_MAX];
    struct str password = STR_NONE;
    int result = secret_read("New password: ", "Once more: ", r->from_stdin, scratch, &password, e);
    if (result == 0) {
        result = pwhash_make(password, hash, e);
    }
    mem_wipe(scratch, sizeof scratch);
    return result;
}

static int change(const struct request *r, enum htpasswd_change what)
{
    struct err e = {0};
    char hash[PWHASH_MAX + 1] = "";
    int result = what == HTPASSWD_DELETE ? 0 : new_hash(r, hash, &e);
    if (result == 0) {
        result = htpasswd_change(r->path, what, str_of(r->name), str_of(hash), &e);
    }
    mem_wipe(hash, sizeof hash);
    return result == 0 ? 0 : complain(&e);
}

static struct htpasswd *load(const struct request *r, struct files *files, struct diags *diags)
{
    struct err e = {0};
    struct str text;
    if (files_read(files, r->path, &text, &e) != 0) {
        complain(&e);
        return NULL;
    }
    return htpasswd_read(r->path, text, diags);
}

static const char *kind_text(enum pwhash_kind kind)
{
    static const char *const texts[] = {
        [PWHASH_UNKNOWN] = "unknown",      [PWHASH_BCRYPT] = "bcrypt",
        [PWHASH_YESCRYPT] = "yescrypt",    [PWHASH_SHA512] = "SHA-512-crypt",
        [PWHASH_SHA256] = "SHA-256-crypt", [PWHASH_APR1] = "apr1 (weak)",
        [PWHASH_SHA1] = "SHA-1 (weak)",    [PWHASH_MD5] = "MD5 (weak)",
    };
    return texts[kind];
}

static int list(const struct htpasswd *table)
{
    size_t n = 0;
    const struct htpasswd_entry *entries = htpasswd_entries(table, &n);
    for (size_t i = 0; i < n; i++) {
        printf("%-40.*s %s\n", STR_ARG(entries[i].name), kind_text(pwhash_kind(entries[i].hash)));
    }
    return 0;
}

static int verify(const struct request *r, const struct htpasswd *table)
{
    const struct htpasswd_entry *entry = htpasswd_find(table, str_of(r->name));
    if (entry == NULL) {
        fprintf(stderr, "countersign user: there is no user %s\n", r->name);
        return 1;
    }
    struct err e = {0};
    char scratch[SECRET_MAX];
    struct str password = STR_NONE;
    int result = secret_read("Password: ", NULL, r->from_stdin, scratch, &password, &e);
    bool match = result == 0 && pwhash_verify(entry->hash, password);
    mem_wipe(scratch, sizeof scratch);
    if (result != 0) {
        return complain(&e);
    }
    puts(match ? "right" : "wrong");
    return match ? 0 : 1;
}

/* The verbs that only read. */
static int look(const struct request *r)
{
    struct files *files = files_new();
    struct diags *diags = diags_new();
    int status = 1;
    if (files != NULL && diags != NULL) {
        struct htpasswd *table = load(r, files, diags);
        diags_print(diags, stderr);
        if (table != NULL) {
            status = strcmp(r->verb, "ls") == 0 ? list(table) : verify(r, table);
        }
        htpasswd_free(table);
    }
    diags_free(diags);
    files_free(files);
    return status;
}

static int wrong_usage(const char *what)
{
    fprintf(stderr, "countersign user: %s\n\n%s", what, usage_text);
    return 2;
}

static int dispatch(const struct request *r)
{
    static const struct {
        const char *verb;
        enum htpasswd_change what;
    } changes[] = {{"add", HTPASSWD_ADD}, {"passwd", HTPASSWD_REPLACE}, {"del", HTPASSWD_DELETE}};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        if (strcmp(r->verb, changes[i].verb) == 0) {
            return change(r, changes[i].what);
        }
    }
    return look(r);
}

/* Fill r from what is left behind the options. Returns 0, or 2 after a complaint. */
static int take_arguments(struct request *r, int argc, char **argv)
{
    static const char *const verbs[] = {"add", "passwd", "del", "ls", "verify"};
    if (argc < 1) {
        return wrong_usage("a verb is missing");
    }
    r->verb = argv[0];
    bool known = false;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        known = known || strcmp(r->verb, verbs[i]) == 0;
    }
    bool wants_name = strcmp(r->verb, "ls") != 0;
    if (!known) {
        return wrong_usage("unknown verb");
    }
    if (argc != (wants_name ? 2 : 1)) {
        return wrong_usage(wants_name ? "one name is needed" : "ls takes no name");
    }
    r->name = wants_name ? argv[1] : NULL;
    return 0;
}

int user_main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "unlock") == 0) {
        return lockout_main(argc, argv);
    }
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"file", required_argument, NULL, 'f'},
                                            {"stdin", no_argument, NULL, 'i'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct request r = {.config = "/etc/countersign/countersign.yaml"};
    const char *file = NULL;
    int option = 0;
    while ((option = getopt_long(argc, argv, "c:f:ih", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            r.config = optarg;
            break;
        case 'f':
            file = optarg;
            break;
        case 'i':
            r.from_stdin = true;
            break;
        case 'h':
            fputs(usage_text, stdout);
            return 0;
        default:
            return 2;
        }
    }
    int status = take_arguments(&r, argc - optind, argv + optind);
    if (status != 0) {
        return status;
    }
    r.path = file != NULL ? mem_dup(file, strlen(file)) : path_of_config(r.config);
    if (r.path == NULL) {
        return 1;
    }
    status = dispatch(&r);
    mem_free(r.path);
    return status;
}
