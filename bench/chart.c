/* Owns: axes, lines and their data. Nothing of a document but numbers goes into a script, and of
 * names only what gnuplot takes as plain text. */
#include "bench/chart.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>

#include "bench/document.h"
#include "bench/writer.h"

#define NS_PER_MS       1e6
#define LINES_BYTES_MAX 65536
#define LOG_FROM        50.0 /* largest / smallest value from which the axis is logarithmic */
#define NAME_SHOWN      24
#define MANY_POINTS     1e12

/* A chart in the making: the data blocks, then the lines that show them. */
struct chart {
    struct writer out;   /* the data blocks, then the rest */
    struct writer lines; /* what shows them */
    size_t count;        /* lines so far */
    double least, most, right;
};

static const struct kind {
    const char *title;
    const char *text;
    const char *x;
    const char *y;
} kinds[CHART_COUNT] = {
    [CHART_PERCENTILES] = {"Latency by percentile",
                           "So many percent of the right answers took at most that long.",
                           "percentile", "ms"},
    [CHART_RATE] = {"Answers in each second", "Right answers, and wrong ones of every kind.",
                    "second", "answers"},
    [CHART_SECONDS] = {"Latency in each second",
                       "Of the answers that ended in that second; of several runs the p99.",
                       "second", "ms"},
    [CHART_SEARCH] = {"Latency by rate", "Each rate that the search for the highest one tried.",
                      "operations a second", "ms"},
};

const char *chart_title(enum chart_kind kind)
{
    return kinds[kind].title;
}

const char *chart_text(enum chart_kind kind)
{
    return kinds[kind].text;
}

/* ---- Data ---- */

/* What the run's percentiles are told from, of all operations. */
static const json_t *distribution(const json_t *document, const char *kind)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "latency.%s.total.distribution", kind);
    return document_member(document, name);
}

static const char *told(const json_t *document)
{
    return document_text(document, "latency.told")[0] == 'c' ? "corrected" : "service";
}

static void begin_line(struct chart *c)
{
    writer_put(&c->out, "$d%zu << EOD\n", c->count);
}

static void add_point(struct chart *c, double x, double y)
{
    writer_put(&c->out, "%.9g %.9g\n", x, y);
    if (y > 0.0) {
        c->least = fmin(c->least, y);
        c->most = fmax(c->most, y);
    }
    c->right = fmax(c->right, x);
}

/* End the data; show them under a title (plain letters; NULL: none) in colour number colour. */
static void end_line(struct chart *c, const char *title, size_t colour, bool dashed)
{
    char shown[NAME_SHOWN + 1];
    size_t n = 0;
    for (; title != NULL && title[n] != '\0' && n < NAME_SHOWN; n++) {
        unsigned char letter = (unsigned char)title[n];
        shown[n] =
            isalnum(letter) || letter == '.' || letter == '-' || letter == ' ' ? title[n] : '_';
    }
    shown[n] = '\0';
    writer_put(&c->out, "EOD\n");
    writer_put(&c->lines,
               "%s$d%zu using 1:2 smooth unique with lines lw 2 dt %d lc rgb "
               "\"#%02zx%02zx%02zx\" %s%s%s",
               c->count > 0 ? ", " : "plot ", c->count, dashed ? 2 : 1, colour + 1, colour + 1,
               colour + 1, n > 0 ? "title \"" : "notitle", shown, n > 0 ? "\"" : "");
    c->count++;
}

static void add_distribution(struct chart *c, const json_t *points)
{
    size_t i;
    const json_t *point;
    begin_line(c);
    json_array_foreach(points, i, point)
    {
        double percent = json_number_value(json_array_get(point, 0));
        double ms = json_number_value(json_array_get(point, 1)) / NS_PER_MS;
        double count = json_number_value(json_array_get(point, 2));
        double x = percent < 100.0 ? 100.0 / (100.0 - percent) : fmax(count, 1.0);
        add_point(c, fmin(x, MANY_POINTS), ms);
    }
}

static void percentiles(struct chart *c, const struct chart_run *runs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *d = runs[i].document;
        add_distribution(c, distribution(d, told(d)));
        end_line(c,
                 n > 1               ? runs[i].name
                 : told(d)[0] == 'c' ? "corrected"
                                     : "as measured",
                 i, false);
    }
    if (n == 1 && told(runs[0].document)[0] == 'c') {
        add_distribution(c, distribution(runs[0].document, "service"));
        end_line(c, "as measured", 1, true);
    }
}

/* A member of every second of a run, divided by unit. */
static void add_seconds(struct chart *c, const json_t *document, const char *member, double unit)
{
    size_t i;
    const json_t *second;
    begin_line(c);
    json_array_foreach(document_member(document, "seconds"), i, second)
    {
        double y = json_number_value(json_object_get(second, member)) / unit;
        add_point(c, (double)i + 0.5, y);
    }
}

static void rate(struct chart *c, const struct chart_run *runs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        add_seconds(c, runs[i].document, "ok", 1.0);
        end_line(c, n > 1 ? runs[i].name : "right", i, false);
        add_seconds(c, runs[i].document, "failed", 1.0);
        end_line(c, n > 1 ? NULL : "wrong", n > 1 ? i : 2, true);
    }
}

static void seconds(struct chart *c, const struct chart_run *runs, size_t n)
{
    static const struct {
        const char *member;
        const char *title;
    } rows[] = {{"p50_ns", "p50"}, {"p99_ns", "p99"}, {"max_ns", "max"}};
    static const size_t colours[] = {0, 1, 3};
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < 3; k++) {
            if (n == 1 || k == 1) {
                add_seconds(c, runs[i].document, rows[k].member, NS_PER_MS);
                end_line(c, n > 1 ? runs[i].name : rows[k].title, n > 1 ? i : colours[k], false);
            }
        }
    }
}

/* The steps of a search in the order of their rates: gnuplot sorts them ("smooth unique"). */
static void search(struct chart *c, const struct chart_run *runs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t k;
        const json_t *one;
        begin_line(c);
        json_array_foreach(document_member(runs[i].document, "search.steps"), k, one)
        {
            add_point(c, json_number_value(json_object_get(one, "rate")),
                      json_number_value(json_object_get(one, "slo_ns")) / NS_PER_MS);
        }
        end_line(c, n > 1 ? runs[i].name : NULL, i, false);
    }
}

bool chart_has(enum chart_kind kind, const struct chart_run *runs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *d = runs[i].document;
        size_t points = 0;
        switch (kind) {
        case CHART_PERCENTILES:
            points = json_array_size(distribution(d, told(d)));
            break;
        case CHART_RATE:
        case CHART_SECONDS:
            points = json_array_size(document_member(d, "seconds"));
            break;
        case CHART_SEARCH:
            points = json_array_size(document_member(d, "search.steps"));
            break;
        case CHART_COUNT:
            break;
        }
        if (points >= 2) {
            return true;
        }
    }
    return false;
}

/* ---- Axes ---- */

/* 1, 2 or 5 times a power of ten, at least 1, so that it goes at most count times into right. */
static double step_of(double right, double count)
{
    static const double factors[] = {1.0, 2.0, 5.0};
    double power = pow(10.0, floor(log10(fmax(right / count, 1.0))));
    for (size_t i = 0; i < sizeof(factors) / sizeof(factors[0]); i++) {
        if (right <= factors[i] * power * count) {
            return factors[i] * power;
        }
    }
    return 10.0 * power;
}

static void axes(struct chart *c, enum chart_kind kind, bool narrow)
{
    const struct kind *k = &kinds[kind];
    writer_put(&c->out, "set xlabel \"%s\"\nset ylabel \"%s\"\n", k->x, k->y);
    if (kind == CHART_PERCENTILES) {
        writer_put(&c->out,
                   "set logscale x 10\nunset mxtics\nset xrange [1:%.9g]\n"
                   "set xtics (\"0\" 1, \"50\" 2, \"90\" 10, \"99\" 100, \"99.9\" 1000, "
                   "\"99.99\" 10000, \"99.999\" 100000, \"99.9999\" 1000000)\n",
                   fmax(c->right, 10.0));
    } else {
        double step = step_of(c->right, narrow ? 5.0 : 10.0);
        writer_put(&c->out, "set xrange [0:%.9g]\nset xtics 0,%.9g\n",
                   fmax(ceil(c->right / step), 1.0) * step, step);
    }
    if (kind != CHART_RATE && c->least > 0.0 && c->most / c->least > LOG_FROM) {
        writer_put(&c->out, "set logscale y 10\nset format y \"%%g\"\n");
    } else {
        writer_put(&c->out, "set yrange [0:*]\n");
    }
    writer_put(&c->out, "set key above left horizontal %s\n", narrow ? "samplen 1.5" : "samplen 3");
}

int chart_script(enum chart_kind kind, const struct chart_run *runs, size_t n, bool narrow,
                 struct buf *out)
{
    static void (*const draw[CHART_COUNT])(struct chart *, const struct chart_run *, size_t) = {
        [CHART_PERCENTILES] = percentiles,
        [CHART_RATE] = rate,
        [CHART_SECONDS] = seconds,
        [CHART_SEARCH] = search,
    };
    struct buf lines;
    struct chart c = {.out = {out, 0}, .lines = {&lines, 0}, .least = INFINITY};
    buf_init(&lines, LINES_BYTES_MAX);
    writer_put(&c.out,
               "set terminal svg size %s font \"sans-serif,%d\" noenhanced name \"c%d%c\"\n"
               "set encoding utf8\nset border 3\nset tics nomirror out scale 0.5\nset grid\n",
               narrow ? "360,300" : "760,340", narrow ? 12 : 13, (int)kind, narrow ? 'n' : 'w');
    draw[kind](&c, runs, n);
    axes(&c, kind, narrow);
    writer_str(&c.out, buf_str(&lines));
    writer_put(&c.out, "\n");
    buf_release(&lines);
    return c.lines.rc != 0 ? c.lines.rc : c.out.rc;
}
