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
#include "bench/text.h"

#define CELL_MAX 64

struct page {
    struct buf *out;
    const struct chart_run *runs;
    size_t n;
    int rc; /* the first failure */
};

#define PUT(p, ...)                                                                                \
    do {                                                                                           \
        if ((p)->rc == 0) {                                                                        \
            (p)->rc = buf_printf((p)->out, __VA_ARGS__);                                           \
        }                                                                                          \
    } while (0)

/* text so that HTML takes it as text, between tags and in quoted attributes. */
static void put_text(struct page *p, const char *text)
{
    for (; *text != '\0' && p->rc == 0; text++) {
        const char *escaped = *text == '<'    ? "&lt;"
                              : *text == '>'  ? "&gt;"
                              : *text == '&'  ? "&amp;"
                              : *text == '"'  ? "&quot;"
                              : *text == '\'' ? "&#39;"
                                              : NULL;
        p->rc = escaped != NULL ? buf_append(p->out, str_of(escaped))
                                : buf_append(p->out, (struct str){text, 1});
    }
}

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
        PUT(p, "<td>%s", cell_of(f, is_share, cell));
        if (i == 0) {
            first = f.value;
        } else if (f.present && first > 0.0 && !is_share) {
            PUT(p, " <span class=\"ratio\">×%.2f</span>", f.value / first);
        }
        PUT(p, "</td>");
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
    PUT(p, "<thead><tr><th scope=\"col\">run</th>");
    for (size_t i = 0; i < p->n; i++) {
        PUT(p, "<th scope=\"col\"><span class=\"swatch s%zu\"></span>", i + 1);
        put_text(p, name_of(p, i));
        PUT(p, "</th>");
    }
    PUT(p, "</tr></thead>\n");
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
    PUT(p, "<div class=\"wide-table\"><table><caption>Summary</caption>\n");
    put_head(p);
    PUT(p, "<tbody>\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (any_has(p, rows[i].name)) {
            PUT(p, "<tr%s><th scope=\"row\">%s</th>", rows[i].is_main ? " class=\"main\"" : "",
                rows[i].label);
            put_cells(p, rows[i].name, rows[i].is_share);
            PUT(p, "</tr>\n");
        }
    }
    PUT(p, "</tbody></table></div>\n");
}

static void warn(struct page *p, size_t run, const char *text, const char *detail)
{
    PUT(p, "<p class=\"warn\">");
    if (p->n > 1) {
        put_text(p, name_of(p, run));
        PUT(p, ": ");
    }
    PUT(p, "%s", text);
    put_text(p, detail);
    PUT(p, "</p>\n");
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
            const char *why = json_string_value(limit);
            warn(p, i, "The client, not the server, was the limit: ", why != NULL ? why : "?");
        }
        if (json_is_true(document_member(d, "counts.interrupted"))) {
            warn(p, i, "The run was interrupted: its figures are of the time until then.", "");
        }
        if (document_number(d, "counts.mismatched_refused") <
            document_number(d, "counts.mismatched")) {
            warn(p, i, "Requests with another's user were not all answered with 403.", "");
        }
    }
}

static void put_charts(struct page *p)
{
    bool drawn = true;
    for (int k = 0; k < CHART_COUNT && p->rc == 0; k++) {
        enum chart_kind kind = (enum chart_kind)k;
        if (!chart_has(kind, p->runs, p->n)) {
            continue;
        }
        struct buf figure;
        buf_init(&figure, 2 * PLOT_BYTES_MAX);
        for (int narrow = 0; narrow < 2 && drawn && p->rc == 0; narrow++) {
            struct buf script;
            buf_init(&script, PLOT_BYTES_MAX);
            p->rc = chart_script(kind, p->runs, p->n, narrow != 0, &script);
            drawn = p->rc == 0 && plot_svg(buf_str(&script), narrow != 0 ? "narrow" : "wide",
                                           chart_title(kind), &figure) == 0;
            buf_release(&script);
        }
        if (drawn) {
            PUT(p, "<h2>%s</h2>\n<p class=\"soft\">%s</p>\n<figure>\n", chart_title(kind),
                chart_text(kind));
            p->rc = p->rc == 0 ? buf_append(p->out, buf_str(&figure)) : p->rc;
            PUT(p, "</figure>\n");
        }
        buf_release(&figure);
    }
    if (!drawn) {
        PUT(p, "<p class=\"soft\">There are no plots because gnuplot could not draw them; is it "
               "installed (Debian: gnuplot-nox)?</p>\n");
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
        PUT(p, "<tr><th scope=\"row\">%s%s</th>", parts[part].label,
            kind == 0 ? ", corrected" : "");
        for (size_t m = 0; m < sizeof(members) / sizeof(members[0]); m++) {
            char text[QUANTITY_TEXT_MAX];
            double ns = json_number_value(json_object_get(h, members[m]));
            PUT(p, "<td>%s</td>", quantity_time_text((uint64_t)ns, text));
        }
        PUT(p, "</tr>\n");
    }
}

static void put_latency(struct page *p)
{
    PUT(p, "<h2>Latency</h2>\n<p class=\"soft\">Corrected: from the moment at which an operation "
           "was due, so that no wait is left out. The others as measured.</p>\n");
    for (size_t i = 0; i < p->n; i++) {
        PUT(p, "<div class=\"wide-table\"><table>");
        if (p->n > 1) {
            PUT(p, "<caption>");
            put_text(p, name_of(p, i));
            PUT(p, "</caption>");
        }
        PUT(p, "<thead><tr><th scope=\"col\">part</th><th scope=\"col\">p50</th>"
               "<th scope=\"col\">p90</th><th scope=\"col\">p99</th><th scope=\"col\">p99.9</th>"
               "<th scope=\"col\">p99.99</th><th scope=\"col\">max</th><th scope=\"col\">mean</th>"
               "</tr></thead>\n<tbody>\n");
        put_durations(p, i);
        PUT(p, "</tbody></table></div>\n");
    }
}

/* ---- Members of an object, side by side ---- */

static void put_simple(struct page *p, const json_t *v, const char *key)
{
    char text[QUANTITY_TEXT_MAX];
    if (json_is_string(v)) {
        put_text(p, json_string_value(v));
    } else if (json_is_number(v) && str_ends(str_of(key), STR("_ns"))) {
        PUT(p, "%s", quantity_time_text((uint64_t)json_number_value(v), text));
    } else if (json_is_number(v)) {
        PUT(p, "%.9g", json_number_value(v));
    } else if (json_is_boolean(v)) {
        PUT(p, "%s", json_is_true(v) ? "yes" : "no");
    } else {
        PUT(p, "–");
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
            PUT(p, "%s", before);
            put_text(p, name);
            PUT(p, " ");
            put_simple(p, member, name);
            before = ", ";
        }
    }
    json_array_foreach(v, i, member)
    {
        PUT(p, "%s", before);
        put_simple(p, member, "");
        before = ", ";
    }
    if (!json_is_object(v) && !json_is_array(v)) {
        put_simple(p, v, key);
    } else if (before[0] == '\0') {
        PUT(p, "–");
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
        PUT(p, "%c", s.p[i] >= 'a' && s.p[i] <= 'z' ? s.p[i] : ' ');
    }
}

static void put_members(struct page *p, const char *heading, const char *object)
{
    const char *key;
    json_t *v;
    PUT(p, "<h2>%s</h2>\n<div class=\"wide-table\"><table>\n", heading);
    put_head(p);
    PUT(p, "<tbody>\n");
    json_object_foreach(document_member(p->runs[0].document, object), key, v)
    {
        PUT(p, "<tr%s><th scope=\"row\">", differs(p, object, key) ? " class=\"differs\"" : "");
        put_key(p, key);
        PUT(p, "</th>");
        for (size_t i = 0; i < p->n; i++) {
            PUT(p, "<td class=\"text\">");
            put_value(p, json_object_get(document_member(p->runs[i].document, object), key), key);
            PUT(p, "</td>");
        }
        PUT(p, "</tr>\n");
    }
    PUT(p, "</tbody></table></div>\n");
}

/* ---- All of it ---- */

static void put_top(struct page *p)
{
    const json_t *d = p->runs[0].document;
    PUT(p, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
           "<meta http-equiv=\"Content-Security-Policy\" "
           "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>Load test of ");
    put_text(p, p->n == 1 ? name_of(p, 0) : "several servers");
    PUT(p, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n<h1>Load test: ", page_style());
    if (p->n == 1) {
        put_text(p, document_text(d, "options.mode"));
        PUT(p, "</h1>\n<p class=\"url\">");
        put_text(p, document_text(d, "options.url"));
        PUT(p, "</p>\n");
    } else {
        PUT(p, "%zu runs</h1>\n", p->n);
    }
    PUT(p, "<p class=\"soft\">");
    put_text(p, document_text(d, "environment.started"));
    const char *const parts[] = {"environment.tls", "environment.cipher", "environment.group",
                                 "environment.cpu"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (document_text(d, parts[i])[0] != '\0') {
            PUT(p, " · ");
            put_text(p, document_text(d, parts[i]));
        }
    }
    PUT(p, "</p>\n");
}

int page_write(const struct chart_run *runs, size_t n, struct buf *out)
{
    struct page p = {.out = out, .runs = runs, .n = n};
    put_top(&p);
    put_warnings(&p);
    put_summary(&p);
    put_charts(&p);
    put_latency(&p);
    put_members(&p, "What came", "counts");
    put_members(&p, "What was asked for", "options");
    put_members(&p, "Where it ran", "environment");
    PUT(&p,
        "</main>\n<footer><p>Made by countersign-bench from %s, format %s.</p></footer>\n"
        "</body>\n</html>\n",
        n == 1 ? "one run" : "several runs", DOCUMENT_FORMAT);
    return p.rc;
}
