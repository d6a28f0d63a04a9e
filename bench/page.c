/* Owns: the order of the report, its tables and its words. Whatever comes out of a document is
 * escaped. */
#include "bench/page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/document.h"
#include "bench/page_style.h"
#include "bench/plot.h"
#include "bench/quantity.h"
#include "bench/result.h"
#include "bench/text.h"
#include "bench/writer.h"

#define CELL_MAX 64

struct page {
    struct writer w;
    const struct chart_run *runs;
    size_t n;
};

static const char *name_of(const struct page *p, size_t i)
{
    return p->runs[i].name != NULL ? p->runs[i].name
                                   : document_text(p->runs[i].document, "options.url");
}

/* ---- Numbers ---- */

static const char *cell_of(struct document_figure f, bool is_share, char out[CELL_MAX])
{
    char text[TEXT_COUNT_MAX];
    char time[QUANTITY_TEXT_MAX];
    if (!f.present) {
        return "–";
    }
    if (f.unit == DOCUMENT_NS) {
        (void)snprintf(out, CELL_MAX, "%s", quantity_time_text((uint64_t)f.value, time));
    } else if (is_share) {
        (void)snprintf(out, CELL_MAX, "%.3g %%", 100.0 * f.value);
    } else if (f.value >= 100.0 || f.value == floor(f.value)) {
        (void)snprintf(out, CELL_MAX, "%s", text_count((uint64_t)llround(f.value), text));
    } else {
        (void)snprintf(out, CELL_MAX, "%.3g", f.value);
    }
    return out;
}

/* A cell for each run, with the ratio to the first behind those of others. */
static void put_cells(struct page *p, const char *name, bool is_share)
{
    double first = 0.0;
    for (size_t i = 0; i < p->n; i++) {
        char cell[CELL_MAX];
        struct document_figure f = document_figure(p->runs[i].document, str_of(name));
        writer_put(&p->w, "<td>%s", cell_of(f, is_share, cell));
        if (i == 0) {
            first = f.value;
        } else if (f.present && first > 0.0 && !is_share) {
            writer_put(&p->w, " <span class=\"ratio\">×%.3g</span>", f.value / first);
        }
        writer_put(&p->w, "</td>");
    }
}

static bool any_has(const struct page *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++) {
        if (document_figure(p->runs[i].document, str_of(name)).present) {
            return true;
        }
    }
    return false;
}

/* The row of names above a table; only with several runs. */
static void put_head(struct page *p)
{
    if (p->n == 1) {
        return;
    }
    writer_put(&p->w, "<thead><tr><th scope=\"col\">run</th>");
    for (size_t i = 0; i < p->n; i++) {
        writer_put(&p->w, "<th scope=\"col\"><span class=\"swatch s%zu\"></span>", i + 1);
        writer_html(&p->w, name_of(p, i));
        writer_put(&p->w, "</th>");
    }
    writer_put(&p->w, "</tr></thead>\n");
}

/* ---- Sections ---- */

static void put_summary(struct page *p)
{
    static const struct {
        const char *label;
        const char *name;
        bool is_share;
        bool is_main;
    } rows[] = {
        {"highest rate that meets the objective", "max_rate", false, true},
        {"right answers a second", "rate", false, true},
        {"right answers", "ok", false, false},
        {"wrong", "error_share", true, true},
        {"latency p50", "p50", false, false},
        {"p90", "p90", false, false},
        {"p99", "p99", false, true},
        {"p99.9", "p99.9", false, false},
        {"max", "max", false, false},
        {"handshake p50", "handshake_p50", false, false},
        {"handshake p99", "handshake_p99", false, false},
        {"handshakes resumed", "resumed_share", true, false},
        {"busiest thread of the client", "client.busiest_thread", true, false},
    };
    writer_put(&p->w, "<div class=\"wide-table\"><table><caption>Summary</caption>\n");
    put_head(p);
    writer_put(&p->w, "<tbody>\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (any_has(p, rows[i].name)) {
            writer_put(&p->w, "<tr%s><th scope=\"row\">%s</th>",
                       rows[i].is_main ? " class=\"main\"" : "", rows[i].label);
            put_cells(p, rows[i].name, rows[i].is_share);
            writer_put(&p->w, "</tr>\n");
        }
    }
    writer_put(&p->w, "</tbody></table></div>\n");
}

static void warn(struct page *p, size_t run, const char *text, const char *detail)
{
    writer_put(&p->w, "<p class=\"warn\">");
    if (p->n > 1) {
        writer_html(&p->w, name_of(p, run));
        writer_put(&p->w, ": ");
    }
    writer_put(&p->w, "%s", text);
    writer_html(&p->w, detail);
    writer_put(&p->w, "</p>\n");
}

/* limit is a member of client.limited_by. */
static void warn_of_limit(struct page *p, size_t run, const json_t *limit)
{
    const char *name = json_string_value(limit);
    const struct result_limit_row *row = result_limit_named(name);
    if (row == NULL) {
        warn(p, run, "There was a limit besides the server&#39;s: ", name != NULL ? name : "?");
        return;
    }
    warn(p, run,
         row->ours ? "The client, not the server, was the limit: " : "Connections were used up: ",
         row->text);
}

/* What makes the figures worth less. */
static void put_warnings(struct page *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const json_t *d = p->runs[i].document;
        const json_t *limits = document_member(d, "client.limited_by");
        size_t k;
        const json_t *limit;
        json_array_foreach(limits, k, limit)
        {
            warn_of_limit(p, i, limit);
        }
        if (json_is_true(document_member(d, "counts.interrupted"))) {
            warn(p, i, "The run was interrupted: its figures are of the time until then.", "");
        }
        if (document_number(d, "counts.mismatched_refused") <
            document_number(d, "counts.mismatched")) {
            bool limited = document_number(d, "counts.statuses.429") > 0.0;
            warn(p, i, "Requests with another's user were not all answered with 403.",
                 limited ? " There were answers of 429: was it the server's lockout?" : "");
        }
    }
}

/* A chart in both sizes, appended to figure. False if there is no plot of it. */
static bool draw(struct page *p, enum chart_kind kind, struct buf *figure)
{
    bool drawn = true;
    for (int narrow = 0; narrow < 2 && drawn; narrow++) {
        struct buf script;
        buf_init(&script, PLOT_BYTES_MAX);
        drawn = chart_script(kind, p->runs, p->n, narrow != 0, &script) == 0 &&
                plot_svg(buf_str(&script), narrow != 0 ? "narrow" : "wide", chart_title(kind),
                         figure) == 0;
        buf_release(&script);
    }
    return drawn;
}

static void put_charts(struct page *p)
{
    bool drawn = true;
    for (int k = 0; k < CHART_COUNT && drawn; k++) {
        enum chart_kind kind = (enum chart_kind)k;
        struct buf figure;
        if (!chart_has(kind, p->runs, p->n)) {
            continue;
        }
        buf_init(&figure, 2 * PLOT_BYTES_MAX);
        drawn = draw(p, kind, &figure);
        if (drawn) {
            writer_put(&p->w, "<h2>%s</h2>\n<p class=\"soft\">%s</p>\n<figure>\n",
                       chart_title(kind), chart_text(kind));
            writer_str(&p->w, buf_str(&figure));
            writer_put(&p->w, "</figure>\n");
        }
        buf_release(&figure);
    }
    if (!drawn) {
        writer_put(&p->w, "<p class=\"soft\">There are no plots because gnuplot could not draw "
                          "them; is it installed (Debian: gnuplot-nox)?</p>\n");
    }
}

static void put_durations(struct page *p, size_t run)
{
    static const char *const kinds[] = {"corrected", "service"};
    static const char *const members[] = {"p50_ns",    "p90_ns", "p99_ns", "p99_9_ns",
                                          "p99_99_ns", "max_ns", "mean_ns"};
    static const struct {
        const char *part;
        const char *label;
    } parts[] = {{"total", "all of it"},
                 {"connect", "connect"},
                 {"handshake", "handshake"},
                 {"resumed", "handshake, resumed"},
                 {"first_byte", "first byte"}};
    const json_t *d = p->runs[run].document;
    for (size_t i = 0; i < 2 * sizeof(parts) / sizeof(parts[0]); i++) {
        size_t part = i % (sizeof(parts) / sizeof(parts[0]));
        size_t kind = i / (sizeof(parts) / sizeof(parts[0]));
        char name[96];
        (void)snprintf(name, sizeof(name), "latency.%s.%s", kinds[kind], parts[part].part);
        const json_t *h = document_member(d, name);
        if (json_integer_value(json_object_get(h, "count")) == 0 || (kind == 0 && part > 0)) {
            continue;
        }
        writer_put(&p->w, "<tr><th scope=\"row\">%s%s</th>", parts[part].label,
                   kind == 0 ? ", corrected" : "");
        for (size_t m = 0; m < sizeof(members) / sizeof(members[0]); m++) {
            char text[QUANTITY_TEXT_MAX];
            double ns = json_number_value(json_object_get(h, members[m]));
            writer_put(&p->w, "<td>%s</td>", quantity_time_text((uint64_t)ns, text));
        }
        writer_put(&p->w, "</tr>\n");
    }
}

static bool any_corrected(const struct page *p)
{
    for (size_t i = 0; i < p->n; i++) {
        if (strcmp(document_text(p->runs[i].document, "latency.told"), "corrected") == 0) {
            return true;
        }
    }
    return false;
}

static void put_latency(struct page *p)
{
    writer_put(&p->w, "<h2>Latency</h2>\n<p class=\"soft\">%s</p>\n",
               any_corrected(p) ? "Corrected: from the moment at which an operation was due, so "
                                  "that no wait is left out. The others as measured."
                                : "As measured: a closed loop has no schedule to be late for.");
    for (size_t i = 0; i < p->n; i++) {
        writer_put(&p->w, "<div class=\"wide-table\"><table>");
        if (p->n > 1) {
            writer_put(&p->w, "<caption>");
            writer_html(&p->w, name_of(p, i));
            writer_put(&p->w, "</caption>");
        }
        writer_put(
            &p->w,
            "<thead><tr><th scope=\"col\">part</th><th scope=\"col\">p50</th>"
            "<th scope=\"col\">p90</th><th scope=\"col\">p99</th><th scope=\"col\">p99.9</th>"
            "<th scope=\"col\">p99.99</th><th scope=\"col\">max</th><th scope=\"col\">mean</th>"
            "</tr></thead>\n<tbody>\n");
        put_durations(p, i);
        writer_put(&p->w, "</tbody></table></div>\n");
    }
}

/* ---- Members of an object, side by side ---- */

static void put_simple(struct page *p, const json_t *v, const char *key)
{
    char text[QUANTITY_TEXT_MAX];
    if (json_is_string(v)) {
        writer_html(&p->w, json_string_value(v));
    } else if (json_is_number(v) && str_ends(str_of(key), STR("_ns"))) {
        writer_put(&p->w, "%s", quantity_time_text((uint64_t)json_number_value(v), text));
    } else if (json_is_number(v)) {
        writer_put(&p->w, "%.9g", json_number_value(v));
    } else if (json_is_boolean(v)) {
        writer_put(&p->w, "%s", json_is_true(v) ? "yes" : "no");
    } else {
        writer_put(&p->w, "–");
    }
}

/* A value; members of objects and arrays one after the other, those that are 0 left out. */
static void put_value(struct page *p, json_t *v, const char *key)
{
    const char *before = "";
    const char *name;
    json_t *member;
    size_t i;
    json_object_foreach(v, name, member)
    {
        if (!json_is_integer(member) || json_integer_value(member) != 0) {
            writer_put(&p->w, "%s", before);
            writer_html(&p->w, name);
            writer_put(&p->w, " ");
            put_simple(p, member, name);
            before = ", ";
        }
    }
    json_array_foreach(v, i, member)
    {
        writer_put(&p->w, "%s", before);
        put_simple(p, member, "");
        before = ", ";
    }
    if (!json_is_object(v) && !json_is_array(v)) {
        put_simple(p, v, key);
    } else if (before[0] == '\0') {
        writer_put(&p->w, "–");
    }
}

static bool differs(const struct page *p, const char *object, const char *key)
{
    const json_t *first = json_object_get(document_member(p->runs[0].document, object), key);
    for (size_t i = 1; i < p->n; i++) {
        const json_t *v = json_object_get(document_member(p->runs[i].document, object), key);
        if (json_equal(first, v) == 0) {
            return true;
        }
    }
    return false;
}

/* Name of a member for people: "elapsed_ns" is "elapsed". */
static void put_key(struct page *p, const char *key)
{
    struct str s = str_of(key);
    if (str_ends(s, STR("_ns"))) {
        s.n -= 3;
    }
    for (size_t i = 0; i < s.n; i++) {
        writer_put(&p->w, "%c", s.p[i] >= 'a' && s.p[i] <= 'z' ? s.p[i] : ' ');
    }
}

static void put_members(struct page *p, const char *heading, const char *object)
{
    const char *key;
    json_t *v;
    writer_put(&p->w, "<h2>%s</h2>\n<div class=\"wide-table\"><table>\n", heading);
    put_head(p);
    writer_put(&p->w, "<tbody>\n");
    json_object_foreach(document_member(p->runs[0].document, object), key, v)
    {
        writer_put(&p->w, "<tr%s><th scope=\"row\">",
                   differs(p, object, key) ? " class=\"differs\"" : "");
        put_key(p, key);
        writer_put(&p->w, "</th>");
        for (size_t i = 0; i < p->n; i++) {
            writer_put(&p->w, "<td class=\"text\">");
            put_value(p, json_object_get(document_member(p->runs[i].document, object), key), key);
            writer_put(&p->w, "</td>");
        }
        writer_put(&p->w, "</tr>\n");
    }
    writer_put(&p->w, "</tbody></table></div>\n");
}

/* ---- All of it ---- */

static void put_top(struct page *p)
{
    const json_t *d = p->runs[0].document;
    writer_put(&p->w,
               "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
               "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
               "<meta http-equiv=\"Content-Security-Policy\" "
               "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>Load test of ");
    writer_html(&p->w, p->n == 1 ? name_of(p, 0) : "several servers");
    writer_put(&p->w, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n<h1>Load test: ",
               page_style());
    if (p->n == 1) {
        writer_html(&p->w, document_text(d, "options.mode"));
        writer_put(&p->w, "</h1>\n<p class=\"url\">");
        writer_html(&p->w, document_text(d, "options.url"));
        writer_put(&p->w, "</p>\n");
    } else {
        writer_put(&p->w, "%zu runs</h1>\n", p->n);
    }
    writer_put(&p->w, "<p class=\"soft\">");
    writer_html(&p->w, document_text(d, "environment.started"));
    const char *const parts[] = {"environment.tls", "environment.cipher", "environment.group",
                                 "environment.cpu"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (document_text(d, parts[i])[0] != '\0') {
            writer_put(&p->w, " · ");
            writer_html(&p->w, document_text(d, parts[i]));
        }
    }
    writer_put(&p->w, "</p>\n");
}

int page_write(const struct chart_run *runs, size_t n, struct buf *out)
{
    struct page p = {.w = {out, 0}, .runs = runs, .n = n};
    put_top(&p);
    put_warnings(&p);
    put_summary(&p);
    put_charts(&p);
    put_latency(&p);
    put_members(&p, "What came", "counts");
    put_members(&p, "What was asked for", "options");
    put_members(&p, "Where it ran", "environment");
    writer_put(&p.w,
               "</main>\n<footer><p>Made by countersign-bench from %s, format %s.</p></footer>\n"
               "</body>\n</html>\n",
               n == 1 ? "one run" : "several runs", DOCUMENT_FORMAT);
    return p.w.rc;
}
