/* Owns: the order of the command line, the defaults, and what fits together. Not: the single
 * options (bench/options_row). One thread. */
#include "bench/options_read.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "bench/options_row.h"
#include "bench/target.h"
#include "conf/diag.h"

#define NAMES_MAX 64

static size_t usable_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0) {
        return 1;
    }
    int n = CPU_COUNT(&set);
    return n > 0 ? (size_t)n : 1;
}

static void print_help(void)
{
    (void)fputs("usage: countersign-bench [run] [OPTION]... https://HOST[:PORT][/PATH]\n"
                "\n"
                "Puts a TLS server under load from many clients, each with its own certificate,\n"
                "user and password, and tells how long it took and what went wrong.\n"
                "\n",
                stdout);
    for (size_t i = 0; i < options_row_count; i++) {
        const struct options_row *row = &options_rows[i];
        char left[40];
        (void)snprintf(left, sizeof(left), "%s%s%s", row->name, row->value != NULL ? " " : "",
                       row->value != NULL ? row->value : "");
        (void)printf("  %-26s %s\n", left, row->help);
    }
    (void)fputs("\n"
                "Exit status: 0 all answers were as expected; 1 some were not, or nothing came;\n"
                "2 wrong usage.\n",
                stdout);
}

static const struct options_row *find_row(struct str name)
{
    if (str_eq(name, STR("-c"))) {
        name = STR("--connections");
    }
    for (size_t i = 0; i < options_row_count; i++) {
        if (str_eq(name, str_of(options_rows[i].name))) {
            return &options_rows[i];
        }
    }
    return NULL;
}

static int unknown(struct str name, struct err *e)
{
    const char *names[NAMES_MAX];
    size_t n = 0;
    for (size_t i = 0; i < options_row_count && n < NAMES_MAX; i++) {
        names[n++] = options_rows[i].name;
    }
    const char *nearest = diag_nearest(name, names, n);
    if (nearest != NULL) {
        return err_set(e, ERR_CONFIG, "there is no option \"%.*s\"; did you mean \"%s\"?",
                       STR_ARG(name), nearest);
    }
    return err_set(e, ERR_CONFIG, "there is no option \"%.*s\"; --help lists them", STR_ARG(name));
}

/* Reads argv[*at], and argv[*at + 1] if it is its value; *at is then at the last one used. */
static int read_option(int argc, char **argv, int *at, struct options *o, struct err *e)
{
    struct str name;
    struct str inside;
    bool has_inside = str_cut(str_of(argv[*at]), '=', &name, &inside);
    const struct options_row *row = find_row(name);
    const char *value = NULL;
    if (row == NULL) {
        return unknown(name, e);
    }
    if (row->value == NULL && has_inside) {
        return err_set(e, ERR_CONFIG, "%s takes no value", row->name);
    }
    if (row->value != NULL) {
        if (!has_inside && *at + 1 >= argc) {
            return err_set(e, ERR_CONFIG, "%s needs a value: %s", row->name, row->value);
        }
        value = has_inside ? inside.p : argv[++*at];
    }
    const char *expected = row->set(o, value);
    if (expected != NULL) {
        return err_set(e, ERR_CONFIG, "%s %s: expected %s", row->name, value, expected);
    }
    return 0;
}

static void defaults(struct options *o)
{
    *o = (struct options){
        .zipf = 1.0,
        .resume_ratio = -1.0,
        .mode = MODE_REQUEST,
        .method = "GET",
        .timeout_ms = 10000,
        .warmup_ms = 1000,
        .seed = 1,
    };
}

/* What depends on other options. */
static void derive(struct options *o)
{
    if (o->resume_ratio < 0.0) {
        o->resume_ratio = o->mode == MODE_RESUME ? 1.0 : 0.0;
    }
    if (!o->closed && o->rate <= 0.0) {
        o->rate = 100.0;
    }
    if (o->duration_ms == 0) {
        o->duration_ms = o->find_max ? 5000 : 10000;
    }
    if (o->connections == 0) {
        uint64_t open_loop = o->mode == MODE_KEEPALIVE ? 64 : 1000;
        o->connections = o->closed ? 16 : open_loop;
    }
    if (o->threads == 0) {
        o->threads = usable_cores() < 16 ? usable_cores() : 16;
    }
    if (o->threads > o->connections) {
        o->threads = (size_t)o->connections;
    }
    if (o->in_flight > 0 && o->threads > o->in_flight) {
        o->threads = (size_t)o->in_flight;
    }
}

struct rule {
    bool broken;
    const char *text;
};

static int check(const struct options *o, bool rate_given, struct err *e)
{
    const struct rule rules[] = {
        {o->url == NULL, "the URL is missing: https://host[:port][/path]"},
        {o->closed && rate_given, "--closed has no --rate: leave one of them out"},
        {o->closed && o->find_max, "--find-max searches a rate: leave --closed out"},
        {o->find_max && o->slo.limit_ns == 0, "--find-max needs --slo, such as 'p99<50ms'"},
        {!o->find_max && o->slo.limit_ns != 0, "--slo is for --find-max"},
        {o->find_max && o->operations != 0, "--operations does not go with --find-max"},
        {o->closed && o->arrivals != ARRIVALS_UNIFORM, "--arrivals is for the open loop"},
        {o->insecure_no_verify && o->ca != NULL,
         "--ca and --insecure-no-verify exclude each other"},
        {o->mismatch > 0.0 && o->users == NULL, "--mismatch needs --users"},
        {o->mismatch > 0.0 && o->mode == MODE_HANDSHAKE, "--mismatch needs requests"},
        {o->mode == MODE_HANDSHAKE && o->body_bytes > 0, "--body-size needs requests"},
        {o->per_connection > 0 && o->mode != MODE_KEEPALIVE, "--per-connection is for keepalive"},
        {o->in_flight > 0 && o->mode != MODE_KEEPALIVE, "--in-flight is for keepalive"},
        {o->in_flight > o->connections, "--in-flight: there cannot be more than --connections"},
        {o->tell_opened && o->mode != MODE_KEEPALIVE, "--tell-opened is for keepalive"},
        {o->url != NULL && !o->own_target && !target_is_private(&o->addr),
         "the target is outside loopback and private networks; add --i-own-this-target if you may "
         "put it under load"},
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (rules[i].broken) {
            return err_set(e, ERR_CONFIG, "%s", rules[i].text);
        }
    }
    for (size_t i = 0; i < o->source_count; i++) {
        if (o->sources[i].sa.sa_family != o->addr.sa.sa_family) {
            return err_set(e, ERR_CONFIG, "--source: not of the same family as the target");
        }
    }
    return 0;
}

int options_read(int argc, char **argv, struct options *o, struct err *e)
{
    defaults(o);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help();
            return 1;
        }
        int rc = 0;
        if (argv[i][0] == '-') {
            rc = read_option(argc, argv, &i, o, e);
        } else if (o->url != NULL) {
            rc = err_set(e, ERR_CONFIG, "one URL at a time: \"%s\" is one too many", argv[i]);
        } else {
            rc = target_read(argv[i], o, e);
        }
        if (rc != 0) {
            return rc;
        }
    }
    bool rate_given = o->rate > 0.0;
    derive(o);
    return check(o, rate_given, e);
}
