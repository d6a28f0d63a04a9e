/* countersign status, reload, healthcheck: asking the one that runs. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/loaded.h"
#include "cli/table.h"
#include "proxy/proc/control.h"

enum {
    ANSWER_MAX = 1024 * 1024,
    STATUS_MS = 5000,
    RELOAD_MS = 90000, /* the workers have 30 s, and one reload may wait for another */
    HEALTH_MS = 5000
};

struct request {
    const char *verb;
    const char *config;
    const char *socket; /* NULL: as the configuration says */
    bool json;
};

static int usage(const char *text, bool wrong)
{
    (void)fprintf(wrong ? stderr : stdout, "%s%s", wrong ? "\n" : "", text);
    return wrong ? 2 : 0;
}

/* Read the options; -1: go on, otherwise the exit status. */
static int read_options(struct request *r, int argc, char **argv, const char *usage_text)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"socket", required_argument, NULL, 's'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    *r = (struct request){.verb = argv[0], .config = LOADED_DEFAULT_PATH};
    int option;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while ((option = getopt_long(argc, argv, "c:s:o:h", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            r->config = optarg;
            break;
        case 's':
            r->socket = optarg;
            break;
        case 'o':
            r->json = str_eq(str_of(optarg), STR("json"));
            if (!r->json && !str_eq(str_of(optarg), STR("table"))) {
                (void)fprintf(stderr, "countersign %s: -o takes table or json\n", r->verb);
                return 2;
            }
            break;
        case 'h':
            return usage(usage_text, false);
        default:
            return usage(usage_text, true);
        }
    }
    if (optind < argc) {
        (void)fprintf(stderr, "countersign %s: what is \"%s\"?\n", r->verb, argv[optind]);
        return usage(usage_text, true);
    }
    return -1;
}

static int complain(const struct request *r, const char *text)
{
    (void)fprintf(stderr, "countersign %s: %s\n", r->verb, text);
    return 1;
}

/* Ask by the socket of the request, or of l's configuration. Returns 0 or 1, told. */
static int ask(const struct request *r, const struct loaded *l, unsigned timeout_ms,
               struct buf *answer)
{
    struct err e = {0};
    const char *path = r->socket;
    if (path == NULL && l->conf != NULL) {
        path = l->conf->admin.socket.p;
    }
    if (path == NULL) {
        return complain(r, "the configuration names no admin.socket: set it, or give -s SOCKET");
    }
    if (control_ask(path, r->verb, STR_NONE, timeout_ms, answer, &e) != 0) {
        return complain(r, e.text);
    }
    struct json whole = json_value(buf_str(answer));
    struct json error = json_member(&whole, STR("error"));
    struct json result = json_member(&whole, STR("result"));
    if (whole.kind != JSON_OBJECT) {
        return complain(r, "the answer is not understood: is that another version?");
    }
    if (error.kind == JSON_NONE) {
        return 0;
    }
    struct buf text;
    buf_init(&text, ANSWER_MAX);
    if (json_text(&error, &text) == 0) {
        (void)fprintf(stderr, "countersign %s: %s%.*s\n", r->verb,
                      result.kind != JSON_NONE ? "refused, the old configuration stays: " : "",
                      STR_ARG(buf_str(&text)));
    }
    buf_release(&text);
    return 1;
}

static int load_for(const struct request *r, struct loaded *l)
{
    *l = (struct loaded){0};
    return r->socket != NULL ? 0 : loaded_open(l, r->config);
}

static int print_status(const struct request *r, const struct buf *answer)
{
    struct str text = buf_str(answer);
    if (r->json) {
        (void)printf("%.*s\n", STR_ARG(text));
        return 0;
    }
    struct buf table;
    buf_init(&table, ANSWER_MAX);
    struct json whole = json_value(text);
    int rc = table_render(&whole, &table);
    (void)printf("%.*s", STR_ARG(buf_str(&table)));
    buf_release(&table);
    return rc == 0 ? 0 : complain(r, err_name(rc));
}

static int print_adopted(const struct request *r, const struct buf *answer)
{
    (void)r;
    (void)answer;
    (void)puts("the new configuration is in force");
    return 0;
}

/* A verb that asks one question and prints what is answered within timeout_ms. */
static int ask_once(int argc, char **argv, const char *usage_text, unsigned timeout_ms,
                    int (*print)(const struct request *r, const struct buf *answer))
{
    struct request r;
    struct loaded l;
    struct buf answer;
    int status = read_options(&r, argc, argv, usage_text);
    if (status >= 0) {
        return status;
    }
    buf_init(&answer, ANSWER_MAX);
    status = load_for(&r, &l);
    if (status == 0) {
        status = ask(&r, &l, timeout_ms, &answer);
    }
    if (status == 0) {
        status = print(&r, &answer);
    }
    buf_release(&answer);
    loaded_close(&l);
    return status;
}

int status_main(int argc, char **argv)
{
    static const char usage_text[] =
        "usage: countersign status [-c FILE | -s SOCKET] [-o table|json]\n"
        "\n"
        "  -c, --config FILE    configuration that names admin.socket\n"
        "                       (default " LOADED_DEFAULT_PATH ")\n"
        "  -s, --socket SOCKET  the control socket itself\n"
        "  -o, --output FORM    table (default) or json\n"
        "\n"
        "Exit status: 0 it runs, 1 it does not answer, 2 wrong usage.\n";
    return ask_once(argc, argv, usage_text, STATUS_MS, print_status);
}

int reload_main(int argc, char **argv)
{
    static const char usage_text[] =
        "usage: countersign reload [-c FILE | -s SOCKET]\n"
        "\n"
        "  -c, --config FILE    configuration that names admin.socket\n"
        "                       (default " LOADED_DEFAULT_PATH ")\n"
        "  -s, --socket SOCKET  the control socket itself\n"
        "\n"
        "Loads everything anew and waits until all workers have it. All or nothing: after an\n"
        "error the old configuration stays.\n"
        "\n"
        "Exit status: 0 adopted, 1 refused or not running, 2 wrong usage.\n";
    return ask_once(argc, argv, usage_text, RELOAD_MS, print_adopted);
}

/* Ask /readyz of the admin listener. Returns 0 if it answers 200. */
static int ask_ready(const struct request *r, const struct addr *a)
{
    static const char question[] =
        "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    char head[16] = "";
    size_t n = 0;
    struct timeval limit = {HEALTH_MS / 1000, 0};
    int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return complain(r, "cannot make a socket");
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, &a->sa, addr_len(a)) == 0 &&
        send(fd, question, sizeof(question) - 1, MSG_NOSIGNAL) == (ssize_t)(sizeof(question) - 1)) {
        ssize_t got;
        while (n < sizeof(head) && (got = recv(fd, head + n, sizeof(head) - n, 0)) > 0) {
            n += (size_t)got;
        }
    }
    (void)close(fd);
    if (n == 0) {
        return complain(r, "the admin listener does not answer");
    }
    struct str text = {head, n};
    if (!str_starts(text, STR("HTTP/1.1 200 "))) {
        return complain(r, "not ready");
    }
    return 0;
}

/* Where the admin listener of a configuration is to be asked: the wildcard address is here. */
static struct addr ask_where(const struct addr *listener)
{
    struct addr a = *listener;
    if (a.kind == ADDR_INET && a.sa.sa_family == AF_INET && a.in4.sin_addr.s_addr == INADDR_ANY) {
        a.in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else if (a.kind == ADDR_INET && a.sa.sa_family == AF_INET6 &&
               IN6_IS_ADDR_UNSPECIFIED(&a.in6.sin6_addr)) {
        a.in6.sin6_addr = in6addr_loopback;
    }
    return a;
}

/* Without an admin listener: is it running, and past the start? */
static int ask_running(struct request *r, const struct loaded *l)
{
    struct buf answer;
    buf_init(&answer, ANSWER_MAX);
    r->verb = "status";
    int status = ask(r, l, HEALTH_MS, &answer);
    r->verb = "healthcheck";
    if (status == 0) {
        struct json whole = json_value(buf_str(&answer));
        struct json state = json_member(&whole, STR("state"));
        if (!str_eq(state.text, STR("\"running\""))) {
            status = complain(r, "not ready");
        }
    }
    buf_release(&answer);
    return status;
}

int healthcheck_main(int argc, char **argv)
{
    static const char usage_text[] =
        "usage: countersign healthcheck [-c FILE | -s SOCKET]\n"
        "\n"
        "  -c, --config FILE    the configuration that it runs with\n"
        "                       (default " LOADED_DEFAULT_PATH ")\n"
        "  -s, --socket SOCKET  ask by the control socket\n"
        "\n"
        "Asks /readyz of the admin listener, or the control socket if there is none. For\n"
        "container engines. Exit status: 0 ready, 1 not ready, 2 wrong usage.\n";
    struct request r;
    struct loaded l;
    int status = read_options(&r, argc, argv, usage_text);
    if (status >= 0) {
        return status;
    }
    status = load_for(&r, &l);
    if (status == 0 && l.conf != NULL && addr_len(&l.conf->admin.address) > 0) {
        struct addr a = ask_where(&l.conf->admin.address);
        status = ask_ready(&r, &a);
    } else if (status == 0) {
        status = ask_running(&r, &l);
    }
    loaded_close(&l);
    return status;
}
