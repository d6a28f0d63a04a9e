/* countersign-bench compare: two runs side by side, and whether the second got worse than allowed.
 * Owns the table and the verdict; a condition is bench/condition's. One thread. */
#include <fnmatch.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/condition.h"
#include "bench/document.h"
#include "bench/quantity.h"
#include "bench/result.h"
#include "bench/text.h"

#define CONDITIONS_MAX 32
#define FIGURE_MAX     32
#define WIDTH          18
#define WIDTH_PARTS    36

static const char usage_text[] =
    "usage: countersign-bench compare [--fail-if CONDITION]... OLD.json NEW.json\n"
    "\n"
    "Shows the figures of two runs (--output json:FILE) side by side, with the ratio of the new "
    "to\n"
    "the old one. Exit status 1 if a condition is met:\n"
    "\n"
    "  --fail-if 'p99>+10%'          p99 rose by more than 10 %\n"
    "  --fail-if 'rate<-5%'          fewer right answers a second, by more than 5 %\n"
    "  --fail-if 'handshake_p99>2ms' the new figure itself is above 2 ms\n"
    "\n"
    "A field is a member of \"summary\" in the JSON (rate, error_share, p50 ... p99.99, max, "
    "mean,\n"
    "handshake_p50, handshake_p99, resumed_share), or a path such as\n"
    "latency.service.connect.p99_ns. With '*' it is every member that it fits. Quote\n"
    "conditions: > and < are the shell's.\n"
    "\n"
    "Two documents of countersign-micro (--json) or bench/micro/instructions are compared as "
    "well;\n"
    "their fields are what the table shows:\n"
    "\n"
    "  --fail-if '*_instructions>+5%'  any part takes more than 5 % more of them\n";

struct comparison {
    const char *paths[2];
    json_t *documents[2];
    struct condition conditions[CONDITIONS_MAX];
    size_t count;
    int width; /* of the table's first column */
};

/* ---- The table ---- */

static const char *figure_text(struct document_figure f, char out[FIGURE_MAX])
{
    char time[QUANTITY_TEXT_MAX];
    if (!f.present) {
        return "-";
    }
    if (f.unit == DOCUMENT_NS) {
        (void)snprintf(out, FIGURE_MAX, "%s", quantity_time_text((uint64_t)f.value, time));
    } else {
        (void)snprintf(out, FIGURE_MAX, "%.6g", f.value);
    }
    return out;
}

static void print_row(const struct comparison *c, const char *field)
{
    char was[FIGURE_MAX];
    char is[FIGURE_MAX];
    struct document_figure a = document_figure(c->documents[0], str_of(field));
    struct document_figure b = document_figure(c->documents[1], str_of(field));
    if (!a.present && !b.present) {
        return;
    }
    (void)printf("%-*s %12s %12s", c->width, field, figure_text(a, was), figure_text(b, is));
    if (a.present && b.present && a.value > 0.0) {
        (void)printf(" %8.3f  %+.1f %%", b.value / a.value, 100.0 * (b.value / a.value - 1.0));
    }
    (void)puts("");
}

static void print_table(const struct comparison *c)
{
    static const char *const fields[] = {
        "max_rate", "rate",  "ok",  "failed", "error_share",   "p50",           "p90",
        "p99",      "p99.9", "max", "mean",   "handshake_p50", "handshake_p99", "resumed_share"};
    (void)printf("%-*s %12s %12s %8s\n", c->width, "", "old", "new", "ratio");
    if (document_is_of_parts(c->documents[1])) {
        const char *name;
        json_t *value;
        json_object_foreach(document_member(c->documents[1], "summary"), name, value)
        {
            print_row(c, name);
        }
        return;
    }
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        print_row(c, fields[i]);
    }
}

static void print_member(json_t *v)
{
    char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(9));
    (void)fputs(text != NULL ? text : "nothing", stdout);
    free(text);
}

/* limit is a member of client.limited_by. */
static void print_limit(const char *path, json_t *limit)
{
    const struct result_limit_row *row = result_limit_named(json_string_value(limit));
    if (row == NULL) {
        (void)printf("%s: there was a limit besides the server's: ", path);
        print_member(limit);
        (void)puts("");
        return;
    }
    (void)printf("%s: %s: %s\n", path,
                 row->ours ? "the client was the limit" : "connections were used up", row->text);
}

/* What makes the two hard to compare. */
static void print_differences(const struct comparison *c)
{
    static const char *const members[] = {
        "options.mode",           "options.loop",           "options.rate",
        "options.connections",    "options.threads",        "options.resume_ratio",
        "options.pick",           "options.body_bytes",     "options.arrivals",
        "options.mismatch",       "options.per_connection", "options.method",
        "options.expect",         "options.find_max",       "options.verify",
        "options.in_flight",      "options.one_ca",         "options.keep_memory",
        "environment.identities", "environment.cpu",        "environment.cores",
        "environment.kernel",     "environment.openssl",    "environment.tls",
        "environment.cipher",     "environment.group",      "environment.server_key",
        "environment.client_key"};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        json_t *a = document_member(c->documents[0], members[i]);
        json_t *b = document_member(c->documents[1], members[i]);
        if (json_equal(a, b) == 0 && (a != NULL || b != NULL)) {
            (void)printf("differs: %s: ", members[i]);
            print_member(a);
            (void)fputs(" and ", stdout);
            print_member(b);
            (void)puts("");
        }
    }
    for (size_t i = 0; i < 2; i++) {
        const json_t *limits = document_member(c->documents[i], "client.limited_by");
        size_t k;
        json_t *limit;
        json_array_foreach(limits, k, limit)
        {
            print_limit(c->paths[i], limit);
        }
    }
}

/* ---- The verdict ---- */

/* The figures that a condition is about. Returns 0, or 2 with a message if there are none or the
 * bound is not of their kind. */
static int figures_of(const struct comparison *c, const struct condition *k,
                      struct document_figure f[2])
{
    for (size_t i = 0; i < 2; i++) {
        f[i] = document_figure(c->documents[i], str_of(k->field));
        if (!f[i].known) {
            (void)fprintf(stderr, "countersign-bench compare: %s has no figure \"%s\"\n",
                          c->paths[i], k->field);
            return 2;
        }
    }
    if (k->kind != CONDITION_PERCENT && k->bound != 0.0 &&
        k->is_time != (f[1].unit == DOCUMENT_NS)) {
        (void)fprintf(stderr,
                      "countersign-bench compare: %s is %s time: the bound wants %s unit of time\n",
                      k->field, k->is_time ? "no" : "a", k->is_time ? "no" : "a");
        return 2;
    }
    return 0;
}

static void print_condition(const struct condition *k)
{
    char time[QUANTITY_TEXT_MAX];
    (void)printf("%s%c", k->field, k->above ? '>' : '<');
    if (k->kind != CONDITION_ITSELF) {
        (void)putchar(k->bound < 0.0 ? '-' : '+');
    }
    if (k->is_time) {
        (void)printf("%s\n", quantity_time_text((uint64_t)fabs(k->bound), time));
    } else {
        (void)printf("%g%s\n", fabs(k->bound), k->kind == CONDITION_PERCENT ? "%" : "");
    }
}

/* Judge one figure. Returns the exit status. One that a run could not give (no right answer came)
 * fails its condition: it was asked about and cannot be shown to be fine. */
static int judge_one(const struct comparison *c, const struct condition *k)
{
    struct document_figure f[2];
    if (figures_of(c, k, f) != 0) {
        return 2;
    }
    bool needs_old = k->kind != CONDITION_ITSELF;
    bool given = f[1].present && (f[0].present || !needs_old);
    bool met = !given || condition_met(k, f[0].value, f[1].value);
    (void)printf("%s  ", met ? "FAILED" : "passed");
    print_condition(k);
    if (!given) {
        (void)printf("        there is no such figure because no right answer came\n");
    }
    return met ? 1 : 0;
}

/* Judge every figure of the old summary that k fits: what the new one has no more is not fine. */
static int judge_all(const struct comparison *c, const struct condition *k)
{
    int status = 0;
    size_t n = 0;
    const char *name;
    json_t *value;
    json_object_foreach(document_member(c->documents[0], "summary"), name, value)
    {
        struct condition one = *k;
        if (fnmatch(k->field, name, 0) != 0 || !json_is_number(value)) {
            continue;
        }
        (void)snprintf(one.field, sizeof(one.field), "%s", name);
        int judged = judge_one(c, &one);
        status = judged > status ? judged : status;
        n++;
    }
    if (n == 0) {
        (void)fprintf(stderr, "countersign-bench compare: %s has no figure \"%s\"\n", c->paths[0],
                      k->field);
        return 2;
    }
    return status;
}

static int judge(const struct comparison *c)
{
    int status = 0;
    for (size_t i = 0; i < c->count; i++) {
        const struct condition *k = &c->conditions[i];
        bool many = strchr(k->field, '*') != NULL;
        int judged = many ? judge_all(c, k) : judge_one(c, k);
        status = judged > status ? judged : status;
    }
    return status;
}

/* ---- The verb ---- */

/* Returns 0 to go on, 1 after help, 2 on wrong usage. */
static int read_arguments(int argc, char **argv, struct comparison *c)
{
    static const struct option options[] = {{"fail-if", required_argument, NULL, 'f'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct err e = {0};
    int option;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h') {
            (void)fputs(usage_text, stdout);
            return 1;
        }
        if (option != 'f') {
            return 2;
        }
        if (c->count == CONDITIONS_MAX) {
            (void)fprintf(stderr, "countersign-bench compare: at most %d conditions\n",
                          CONDITIONS_MAX);
            return 2;
        }
        if (condition_read(str_of(optarg), &c->conditions[c->count++], &e) != 0) {
            (void)fprintf(stderr, "countersign-bench compare: %s\n", e.text);
            return 2;
        }
    }
    if (argc - optind != 2) {
        (void)fputs("countersign-bench compare: name two runs: OLD.json NEW.json\n", stderr);
        return 2;
    }
    c->paths[0] = argv[optind];
    c->paths[1] = argv[optind + 1];
    return 0;
}

int bench_compare_main(int argc, char **argv)
{
    struct comparison c = {0};
    struct err e = {0};
    int status = read_arguments(argc, argv, &c);
    if (status != 0) {
        return status == 1 ? 0 : status;
    }
    for (size_t i = 0; i < 2 && status == 0; i++) {
        c.documents[i] = document_read_any(c.paths[i], &e);
        if (c.documents[i] == NULL) {
            (void)fprintf(stderr, "countersign-bench compare: %s\n", e.text);
            status = 2;
        }
    }
    if (status == 0 &&
        document_is_of_parts(c.documents[0]) != document_is_of_parts(c.documents[1])) {
        (void)fprintf(stderr,
                      "countersign-bench compare: one is of countersign-micro, the other is "
                      "not\n");
        status = 2;
    }
    if (status == 0) {
        c.width = document_is_of_parts(c.documents[1]) ? WIDTH_PARTS : WIDTH;
        print_table(&c);
        print_differences(&c);
        status = judge(&c);
    }
    json_decref(c.documents[0]);
    json_decref(c.documents[1]);
    return status;
}
