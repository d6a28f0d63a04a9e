/* countersign lockout: who failed too often, and letting them try again at once. The counts are in
 * the memory of the proxy that runs, so it is asked. */
#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/loaded.h"
#include "cli/table.h"
#include "proxy/proc/control.h"

enum { ANSWER_MAX = 1024 * 1024, ASK_MS = 5000 };

static const char usage_text[] =
    "usage: countersign lockout VERB [-c FILE | -s SOCKET] [NAME]\n"
    "\n"
    "  ls           list who failed of late, and how long they have to wait yet\n"
    "  unlock NAME  forget the failures of a user, wherever they came from\n"
    "\n"
    "  -c, --config FILE    configuration that names admin.socket\n"
    "                       (default " LOADED_DEFAULT_PATH ")\n"
    "  -s, --socket SOCKET  the control socket itself\n"
    "  -o, --output FORM    of ls: table (default) or json\n"
    "\n"
    "A name that no user has is not shown: it may be a password, typed into the wrong field.\n"
    "\n"
    "Exit status: 0 done, 1 not running, or nothing was counted for NAME, 2 wrong usage.\n";

struct request {
    const char *config;
    const char *socket; /* NULL: as the configuration says */
    const char *name;   /* to unlock; NULL: list */
    bool json;
};

static int complain(const char *text)
{
    (void)fprintf(stderr, "countersign lockout: %s\n", text);
    return 1;
}

static int ask(const struct request *r, const struct loaded *l, struct buf *answer)
{
    struct err e = {0};
    const char *path = r->socket != NULL ? r->socket : l->conf->admin.socket.p;
    if (path == NULL) {
        return complain("the configuration names no admin.socket: set it, or give -s SOCKET");
    }
    const char *command = r->name != NULL ? "unlock" : "lockouts";
    if (control_ask(path, command, str_of(r->name), ASK_MS, answer, &e) != 0) {
        return complain(e.text);
    }
    return 0;
}

static int print_list(const struct request *r, const struct json *whole, struct str text)
{
    if (r->json) {
        (void)printf("%.*s\n", STR_ARG(text));
        return 0;
    }
    struct buf table;
    buf_init(&table, ANSWER_MAX);
    int rc = table_render(whole, &table);
    (void)printf("%.*s", STR_ARG(buf_str(&table)));
    buf_release(&table);
    return rc == 0 ? 0 : complain(err_name(rc));
}

static int show(const struct request *r, struct str text)
{
    struct json whole = json_value(text);
    struct json error = json_member(&whole, STR("error"));
    struct json unlocked = json_member(&whole, STR("unlocked"));
    if (whole.kind != JSON_OBJECT || error.kind != JSON_NONE) {
        (void)fprintf(stderr, "countersign lockout: %.*s\n",
                      STR_ARG(error.kind != JSON_NONE
                                  ? error.text
                                  : STR("the answer is not understood: is that another version?")));
        return 1;
    }
    if (r->name == NULL) {
        return print_list(r, &whole, text);
    }
    if (str_eq(unlocked.text, STR("0"))) {
        return complain("nothing was counted for that user");
    }
    (void)printf("%s may try again\n", r->name);
    return 0;
}

static int run(const struct request *r)
{
    struct loaded l = {0};
    struct buf answer;
    buf_init(&answer, ANSWER_MAX);
    int status = r->socket != NULL ? 0 : loaded_open(&l, r->config);
    if (status == 0) {
        status = ask(r, &l, &answer);
    }
    if (status == 0) {
        status = show(r, buf_str(&answer));
    }
    buf_release(&answer);
    loaded_close(&l);
    return status;
}

int lockout_main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"socket", required_argument, NULL, 's'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct request r = {.config = LOADED_DEFAULT_PATH};
    int option;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while ((option = getopt_long(argc, argv, "c:s:o:h", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            r.config = optarg;
            break;
        case 's':
            r.socket = optarg;
            break;
        case 'o':
            r.json = strcmp(optarg, "json") == 0;
            if (!r.json && strcmp(optarg, "table") != 0) {
                (void)fputs("countersign lockout: -o takes table or json\n", stderr);
                return 2;
            }
            break;
        case 'h':
            (void)fputs(usage_text, stdout);
            return 0;
        default:
            (void)fputs(usage_text, stderr);
            return 2;
        }
    }
    const char *verb = optind < argc ? argv[optind] : "";
    bool unlock = strcmp(verb, "unlock") == 0;
    if ((!unlock && strcmp(verb, "ls") != 0) || argc - optind != (unlock ? 2 : 1)) {
        (void)fputs(usage_text, stderr);
        return 2;
    }
    r.name = unlock ? argv[optind + 1] : NULL;
    return run(&r);
}
