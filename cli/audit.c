/* countersign audit: the record of who did what with certificates. */
#include "ca/audit.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/enc.h"
#include "cli/ca_open.h"
#include "cli/cli.h"

#define LINE_MAX_OCTETS 65536

static const char usage_text[] =
    "usage: countersign audit ls|verify [-c CONFIG] [OPTION]...\n"
    "\n"
    "  ls      print the record, oldest first\n"
    "  verify  compute every hash anew; print the last one. Note it down elsewhere: a record that\n"
    "          was cut or written anew does not lead to it\n"
    "\n"
    "  -c, --config CONFIG    the configuration (default " LOADED_DEFAULT_PATH ")\n"
    "      --from N           from entry N on (ls)\n"
    "  -e, --expect N:HASH    fail unless entry N has this hash (verify)\n"
    "  -o, --output FORM      table (default) or json (ls)\n"
    "\n"
    "Exit status: 0 done, 1 not done or not sound, 2 wrong usage.\n";

enum { FROM = 256 };

struct wish {
    const char *config;
    uint64_t from;
    const char *expect;
    bool json;
};

static int complain(const struct err *e)
{
    (void)fprintf(stderr, "countersign audit: %s\n", e->text);
    return 1;
}

static bool print_entry(void *arg, const struct audit_entry *a)
{
    char at[CLOCK_RFC3339_LEN + 1];
    (void)arg;
    clock_rfc3339(a->at_ms, at);
    (void)printf("%lld  %s  %.*s  %.*s  %.*s  %.*s  %.*s\n", (long long)a->seq, at,
                 STR_ARG(a->action), STR_ARG(a->object), STR_ARG(a->actor), STR_ARG(a->origin),
                 STR_ARG(a->detail));
    return true;
}

struct listing {
    struct buf line;
    size_t n;
    int rc;
};

static int add_member(struct buf *out, const char *name, struct str value)
{
    int rc = buf_printf(out, ",\"%s\":", name);
    return rc == 0 ? enc_json_string(out, value) : rc;
}

static bool print_json(void *arg, const struct audit_entry *a)
{
    struct listing *l = arg;
    char at[CLOCK_RFC3339_LEN + 1];
    char hex[2 * sizeof(a->hash)];
    clock_rfc3339(a->at_ms, at);
    enc_hex(a->hash, sizeof(a->hash), hex);
    buf_clear(&l->line);
    l->rc = buf_printf(&l->line, "%s{\"entry\":%lld", l->n > 0 ? "," : "", (long long)a->seq);
    const struct {
        const char *name;
        struct str value;
    } members[] = {{"time", str_of(at)},        {"action", a->action}, {"object", a->object},
                   {"who", a->actor},           {"from", a->origin},   {"detail", a->detail},
                   {"hash", {hex, sizeof(hex)}}};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]) && l->rc == 0; i++) {
        l->rc = add_member(&l->line, members[i].name, members[i].value);
    }
    (void)printf("%.*s}\n", STR_ARG(buf_str(&l->line)));
    l->n++;
    return l->rc == 0;
}

static int list(const struct wish *w, struct db *db, struct err *e)
{
    struct listing l = {.n = 0};
    if (!w->json) {
        return audit_each(db, (int64_t)w->from, print_entry, NULL, e);
    }
    buf_init(&l.line, LINE_MAX_OCTETS);
    (void)puts("{\"entries\":[");
    int rc = audit_each(db, (int64_t)w->from, print_json, &l, e);
    (void)puts("]}");
    buf_release(&l.line);
    return rc == 0 && l.rc != 0 ? err_set(e, ERR_NOMEM, "out of memory") : rc;
}

static void hash_text(const struct audit_entry *a, char out[96])
{
    char hex[65];
    enc_hex(a->hash, sizeof(a->hash), hex);
    hex[64] = '\0';
    (void)snprintf(out, 96, "%lld:%s", (long long)a->seq, hex);
}

struct expected {
    const char *text;
    bool met;
};

static bool compare(void *arg, const struct audit_entry *a)
{
    struct expected *x = arg;
    char text[96];
    hash_text(a, text);
    x->met = x->met || strcmp(text, x->text) == 0;
    return !x->met;
}

static int verify(const struct wish *w, struct db *db, struct err *e)
{
    struct audit_entry last;
    struct expected x = {w->expect, w->expect == NULL};
    char text[96];
    int rc = audit_verify(db, &last, e);
    rc = rc == 0 ? audit_verify_whole(db, e) : rc;
    if (rc == 0 && w->expect != NULL) {
        rc = audit_each(db, 1, compare, &x, e);
    }
    if (rc == 0 && !x.met) {
        rc = err_set(e, ERR_MALFORMED, "the record has no entry %.80s: it was cut or written anew",
                     w->expect);
    }
    if (rc == 0) {
        hash_text(&last, text);
        (void)printf("%s\n", text);
    }
    return rc;
}

static int wrong_usage(const char *what)
{
    (void)fprintf(stderr, "countersign audit: %s\n\n%s", what, usage_text);
    return 2;
}

/* N:HASH, as verify prints it. */
static bool is_expectation(const char *text)
{
    struct str number;
    struct str rest;
    uint64_t n = 0;
    if (!str_cut(str_of(text), ':', &number, &rest) || !str_to_u64(number, &n) || rest.n != 64) {
        return false;
    }
    for (size_t i = 0; i < rest.n; i++) {
        if (strchr("0123456789abcdef", rest.p[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static int run(const struct wish *w, const char *verb)
{
    struct ca_open open;
    struct err e = {0};
    bool is_verify = strcmp(verb, "verify") == 0;
    if (!is_verify && strcmp(verb, "ls") != 0) {
        return wrong_usage("the verbs are ls and verify");
    }
    int rc = ca_open(&open, w->config, CA_OPEN_DATABASE, &e);
    if (rc == 0) {
        rc = is_verify ? verify(w, open.life.db, &e) : list(w, open.life.db, &e);
    }
    ca_close(&open);
    return rc == 0 ? 0 : complain(&e);
}

/* Take one option. Returns 0 or the exit status. */
static int take_option(struct wish *w, int c)
{
    switch (c) {
    case 'c':
        w->config = optarg;
        return 0;
    case 'o':
        w->json = strcmp(optarg, "json") == 0;
        return w->json || strcmp(optarg, "table") == 0 ? 0 : wrong_usage("-o takes table or json");
    case 'e':
        w->expect = optarg;
        return is_expectation(optarg)
                   ? 0
                   : wrong_usage("--expect takes what verify prints: a number, a colon, 64 digits");
    case FROM:
        return str_to_u64(str_of(optarg), &w->from) && w->from <= INT64_MAX
                   ? 0
                   : wrong_usage("--from takes the number of an entry");
    default:
        (void)fputs(usage_text, stderr);
        return 2;
    }
}

int audit_main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"from", required_argument, NULL, FROM},
        {"expect", required_argument, NULL, 'e'}, {"output", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    struct wish w = {.config = LOADED_DEFAULT_PATH, .from = 1};
    int c = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while ((c = getopt_long(argc, argv, "c:e:o:h", options, NULL)) != -1) {
        if (c == 'h') {
            return fputs(usage_text, stdout) < 0 ? 1 : 0;
        }
        int status = take_option(&w, c);
        if (status != 0) {
            return status;
        }
    }
    if (argc - optind != 1) {
        return wrong_usage("one verb is needed: ls or verify");
    }
    return run(&w, argv[optind]);
}
