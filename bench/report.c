/* countersign-bench report: several runs side by side as one HTML page. Owns the command line and
 * the names of the runs. One thread. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/document.h"
#include "bench/page.h"
#include "bench/place.h"

#define PAGE_BYTES_MAX ((size_t)128 << 20)
#define NAME_MAX_LEN   64

static const char usage_text[] = "usage: countersign-bench report [-o FILE] RUN.json...\n"
                                 "\n"
                                 "Writes one HTML page about up to 8 runs (--output json:FILE), "
                                 "side by side; ratios are to the\n"
                                 "first. A run can be given a name: NAME=RUN.json.\n"
                                 "\n"
                                 "  -o, --output FILE  write it there (default: standard output)\n";

/* "NAME=FILE" or "FILE", which then names itself, without directories and ".json". */
static const char *split(char *argument, char name[NAME_MAX_LEN])
{
    char *equals = strchr(argument, '=');
    if (equals != NULL && equals != argument && equals[1] != '\0') {
        *equals = '\0';
        (void)snprintf(name, NAME_MAX_LEN, "%s", argument);
        return equals + 1;
    }
    char *slash = strrchr(argument, '/');
    struct str base = str_of(slash != NULL ? slash + 1 : argument);
    if (str_ends(base, STR(".json"))) {
        base.n -= 5;
    }
    (void)snprintf(name, NAME_MAX_LEN, "%.*s", STR_ARG(base));
    return argument;
}

static int write_page(struct chart_run *runs, size_t n, const char *to)
{
    struct err e = {0};
    struct buf page;
    buf_init(&page, PAGE_BYTES_MAX);
    int rc = page_write(runs, n, &page);
    if (rc != 0) {
        err_set(&e, (enum err_code) - rc, "cannot make the page: %s", err_name(rc));
    } else {
        rc = place_put(to, buf_str(&page), &e);
    }
    buf_release(&page);
    if (rc != 0) {
        (void)fprintf(stderr, "countersign-bench report: %s\n", e.text);
    }
    return rc == 0 ? 0 : 1;
}

static int report(char **arguments, size_t n, const char *to)
{
    struct chart_run runs[CHART_RUNS_MAX] = {0};
    json_t *documents[CHART_RUNS_MAX] = {0};
    char names[CHART_RUNS_MAX][NAME_MAX_LEN];
    struct err e = {0};
    int status = 0;
    for (size_t i = 0; i < n && status == 0; i++) {
        documents[i] = document_read(split(arguments[i], names[i]), &e);
        runs[i].name = names[i];
        runs[i].document = documents[i];
        if (documents[i] == NULL) {
            (void)fprintf(stderr, "countersign-bench report: %s\n", e.text);
            status = 2;
        }
    }
    if (status == 0) {
        status = write_page(runs, n, to);
    }
    for (size_t i = 0; i < n; i++) {
        json_decref(documents[i]);
    }
    return status;
}

int bench_report_main(int argc, char **argv)
{
    static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *to = NULL;
    int option;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
        if (option == 'h') {
            (void)fputs(usage_text, stdout);
            return 0;
        }
        if (option != 'o') {
            return 2;
        }
        to = optarg;
    }
    int n = argc - optind;
    if (n < 1 || n > CHART_RUNS_MAX) {
        (void)fprintf(stderr, "countersign-bench report: name 1 to %d runs\n", CHART_RUNS_MAX);
        return 2;
    }
    return report(argv + optind, (size_t)n, to);
}
