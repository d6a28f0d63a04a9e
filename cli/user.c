/* countersign user: the users of an htpasswd file or a database. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/store/pwhash.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/loaded.h"
#include "cli/secret.h"
#include "cli/user_request.h"

static const char usage_text[] =
    "usage: countersign user VERB [-c CONFIG | -f FILE | -s DATABASE] [OPTION]... [NAME]\n"
    "\n"
    "  add NAME      add a user; asks for a password\n"
    "  passwd NAME   give a user a new password\n"
    "  del NAME      take a user out\n"
    "  ls            list the users, and how their passwords are hashed\n"
    "  show NAME     show what is known of a user, secrets aside\n"
    "  verify NAME   ask for the password and say whether it is right (exit status 0 or 1)\n"
    "  set NAME      change what the options below say\n"
    "  disable NAME  let the user in no more, until enable NAME\n"
    "  unlock NAME   lift the delay of a user who failed too often, as countersign lockout unlock\n"
    "  totp NAME     give the user a new secret for one-time codes, shown once, and ask for codes\n"
    "                from then on; --off takes it away\n"
    "  import FILE   take the users of an htpasswd file into a database, all or none; those who\n"
    "                are there already stay as they are\n"
    "\n"
    "  -c, --config CONFIG    the users of this configuration (users.htpasswd or users.store);\n"
    "                         default " LOADED_DEFAULT_PATH "; with -f or -s:\n"
    "                         how codes are made (totp)\n"
    "  -f, --file FILE        an htpasswd file\n"
    "  -F, --fields FILE      the file of fields beside it (default: its name with .fields)\n"
    "  -s, --store DATABASE   a database\n"
    "  -i, --stdin            read the password from standard input, one line, also on a terminal\n"
    "  -o, --output FORM      table or json (ls, show)\n"
    "      --limit N          list N users at most (ls)\n"
    "      --after NAME       begin behind this one (ls)\n"
    "\n"
    "For set and add:\n"
    "      --certificate optional|required|unset  where a route requires both\n"
    "      --groups A,B           the groups; empty for none\n"
    "      --company NAME         the only company that certificates of this user name; empty: as\n"
    "                             the CA's profiles say\n"
    "      --expires DATE         2027-01-31, 2027-01-31T12:00:00Z, or never\n"
    "      --pin FINGERPRINT|FILE this certificate (of those pinned) and no other; repeatable\n"
    "      --no-pin               any certificate again\n"
    "\n"
    "The password is asked for on the terminal; where standard input is none, it is read from\n"
    "there. It is never an argument. A running proxy takes the change up by itself.\n"
    "\n"
    "Where the users are those of a configuration that names revocation.deny, disable and del\n"
    "also withdraw the user, which ends open connections, and enable takes that back.\n"
    "\n"
    "Exit status: 0 done, 1 not done or not in force everywhere (verify: wrong), 2 wrong usage.\n";

/* Read the password that a new hash is made of, and make it. */
static int new_hash(const struct user_request *r, char hash[PWHASH_MAX + 1], struct err *e)
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

static int change(const struct user_request *r, enum store_change what, bool with_password)
{
    struct err e = {0};
    char hash[PWHASH_MAX + 1] = "";
    int result = with_password ? new_hash(r, hash, &e) : 0;
    if (result == 0) {
        result = user_change(r, what, str_of(hash), &e);
    }
    mem_wipe(hash, sizeof hash);
    return result == 0 ? 0 : user_complain(&e);
}

static int add(struct user_request *r)
{
    int status = change(r, STORE_ADD, true);
    if (status == 0) {
        user_tell_withdrawn(r);
    }
    return status;
}

static int passwd(struct user_request *r)
{
    return change(r, STORE_SET, true);
}

static int del(struct user_request *r)
{
    return user_delete(r);
}

static int disable(struct user_request *r)
{
    return user_disable(r);
}

static int enable(struct user_request *r)
{
    return user_enable(r);
}

static int set(struct user_request *r)
{
    return change(r, STORE_SET, false);
}

static int list(struct user_request *r)
{
    return user_list(r);
}

static int show(struct user_request *r)
{
    return user_show(r);
}

static int totp(struct user_request *r)
{
    return user_totp(r);
}

static int import(struct user_request *r)
{
    return user_import(r);
}

static int verify(struct user_request *r)
{
    struct err e = {0};
    struct user *user = NULL;
    char scratch[SECRET_MAX];
    struct str password = STR_NONE;
    int result = store_find(r->store, str_of(r->name), &user, &e);
    if (result == 0) {
        result = secret_read("Password: ", NULL, r->from_stdin, scratch, &password, &e);
    }
    bool match = result == 0 && pwhash_verify(user->hash, password);
    mem_wipe(scratch, sizeof scratch);
    user_unref(user);
    if (result != 0) {
        return user_complain(&e);
    }
    puts(match ? "right" : "wrong");
    return match ? 0 : 1;
}

static int wrong_usage(const char *what)
{
    fprintf(stderr, "countersign user: %s\n\n%s", what, usage_text);
    return 2;
}

static const struct verb {
    const char *name;
    int (*run)(struct user_request *r);
    bool wants_name;
    bool takes_fields;
    const char *disabled; /* what the verb sets */
} verbs[] = {
    {"add", add, true, true, NULL},        {"passwd", passwd, true, false, NULL},
    {"del", del, true, false, NULL},       {"ls", list, false, false, NULL},
    {"show", show, true, false, NULL},     {"verify", verify, true, false, NULL},
    {"set", set, true, true, NULL},        {"disable", disable, true, false, "yes"},
    {"enable", enable, true, false, "no"}, {"import", import, true, false, NULL},
    {"totp", totp, true, false, NULL},
};

/* Fill r from what is left behind the options. Returns 0, or 2 after a complaint. */
static int take_arguments(struct user_request *r, int argc, char **argv, const struct verb **verb)
{
    if (argc < 1) {
        return wrong_usage("a verb is missing");
    }
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(argv[0], verbs[i].name) == 0) {
            *verb = &verbs[i];
        }
    }
    if (*verb == NULL) {
        return wrong_usage("unknown verb");
    }
    if (argc != ((*verb)->wants_name ? 2 : 1)) {
        return wrong_usage((*verb)->wants_name ? "one name is needed" : "ls takes no name");
    }
    if ((r->file != NULL) + (r->database != NULL) > 1) {
        return wrong_usage("-f and -s exclude each other");
    }
    if (r->off && (*verb)->run != totp) {
        return wrong_usage("only totp takes --off");
    }
    if (user_changes_fields(r) && !(*verb)->takes_fields) {
        return wrong_usage("only add and set change fields");
    }
    if ((*verb)->run == set && (*verb)->takes_fields && !user_changes_fields(r)) {
        return wrong_usage("set needs an option that says what");
    }
    r->verb = (*verb)->name;
    r->name = (*verb)->wants_name ? argv[1] : NULL;
    r->disabled = (*verb)->disabled;
    return 0;
}

enum { CERTIFICATE = 256, GROUPS, COMPANY, EXPIRES, PIN, NO_PIN, LIMIT, AFTER, OFF };

static int take_number(struct user_request *r, const char *text)
{
    uint64_t n = 0;
    if (!str_to_u64(str_of(text), &n) || n == 0) {
        return wrong_usage("--limit takes a number from 1");
    }
    r->limit = (size_t)n;
    return 0;
}

static int take_pin(struct user_request *r, const char *pin)
{
    if (r->pin_count == USER_PINS_MAX) {
        return wrong_usage("at most 16 certificates can be pinned");
    }
    r->pins[r->pin_count++] = pin;
    return 0;
}

static int take_form(struct user_request *r, const char *form)
{
    r->json = strcmp(form, "json") == 0;
    return r->json || strcmp(form, "table") == 0 ? 0 : wrong_usage("-o takes table or json");
}

/* Take one option. Returns 0 or the exit status. */
static int take_option(struct user_request *r, int option, const char *value)
{
    switch (option) {
    case PIN:
        return take_pin(r, value);
    case LIMIT:
        return take_number(r, value);
    case 'o':
        return take_form(r, value);
    case 'c':
        r->config = value;
        r->config_named = true;
        return 0;
    case 'i':
        r->from_stdin = true;
        return 0;
    case NO_PIN:
        r->no_pin = true;
        return 0;
    case OFF:
        r->off = true;
        return 0;
    default:
        break;
    }
    const struct {
        int option;
        const char **at;
    } texts[] = {{'f', &r->file},      {'F', &r->fields},      {'s', &r->database},
                 {AFTER, &r->after},   {EXPIRES, &r->expires}, {CERTIFICATE, &r->certificate},
                 {GROUPS, &r->groups}, {COMPANY, &r->company}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].option == option) {
            *texts[i].at = value;
            return 0;
        }
    }
    return 2;
}

int user_main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "unlock") == 0) {
        return lockout_main(argc, argv);
    }
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"file", required_argument, NULL, 'f'},
                                            {"fields", required_argument, NULL, 'F'},
                                            {"store", required_argument, NULL, 's'},
                                            {"stdin", no_argument, NULL, 'i'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"limit", required_argument, NULL, LIMIT},
                                            {"after", required_argument, NULL, AFTER},
                                            {"certificate", required_argument, NULL, CERTIFICATE},
                                            {"groups", required_argument, NULL, GROUPS},
                                            {"company", required_argument, NULL, COMPANY},
                                            {"expires", required_argument, NULL, EXPIRES},
                                            {"pin", required_argument, NULL, PIN},
                                            {"no-pin", no_argument, NULL, NO_PIN},
                                            {"off", no_argument, NULL, OFF},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct user_request r = {.config = LOADED_DEFAULT_PATH};
    const struct verb *verb = NULL;
    int option = 0;
    int status = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while (status == 0 && (option = getopt_long(argc, argv, "c:f:F:s:io:h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage_text, stdout);
            return 0;
        }
        status = take_option(&r, option, optarg);
    }
    status = status == 0 ? take_arguments(&r, argc - optind, argv + optind, &verb) : status;
    if (status != 0) {
        return status;
    }
    status = user_open_store(&r);
    status = status == 0 ? verb->run(&r) : status;
    user_close_store(&r);
    return status;
}
