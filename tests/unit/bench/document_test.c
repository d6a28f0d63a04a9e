/* JSON of a result: what is refused when read, and that everything comes back. */
#include <stdio.h>

#include <jansson.h>

#include "base/mem.h"
#include "bench/document.h"
#include "bench/document_make.h"
#include "tests/support/tmpdir.h"
#include "tests/unit/bench/sample_result.h"

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *text;
        int code;
    } rows[] = {
        {"nothing", "", ERR_MALFORMED},
        {"no JSON", "p99: 5", ERR_MALFORMED},
        {"no object", "[]", ERR_MALFORMED},
        {"an object of something else", "{\"version\":1}", ERR_MALFORMED},
        {"a format that is a number", "{\"format\":1,\"summary\":{}}", ERR_MALFORMED},
        {"another format", "{\"format\":\"other/1\",\"summary\":{}}", ERR_MALFORMED},
        {"a later version", "{\"format\":\"countersign-bench/2\",\"summary\":{}}", ERR_UNSUPPORTED},
        {"a version that only begins like ours",
         "{\"format\":\"countersign-bench/10\",\"summary\":{}}", ERR_UNSUPPORTED},
        {"no summary", "{\"format\":\"countersign-bench/1\"}", ERR_MALFORMED},
        {"a summary that is no object", "{\"format\":\"countersign-bench/1\",\"summary\":[]}",
         ERR_MALFORMED},
        {"a member twice",
         "{\"format\":\"countersign-bench/1\",\"summary\":{\"rate\":1,\"rate\":2}}", ERR_MALFORMED},
        {"something behind", "{\"format\":\"countersign-bench/1\",\"summary\":{}} x",
         ERR_MALFORMED},
        {"cut short", "{\"format\":\"countersign-bench/1\",\"summary\":{", ERR_MALFORMED},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct err e = {0};
        json_t *d = document_parse(rows[i].text, strlen(rows[i].text), "a.json", &e);
        CHECK_ROW(rows[i].says, d == NULL);
        CHECK_ROW(rows[i].says, (int)e.code == rows[i].code);
        CHECK_ROW(rows[i].says, strstr(e.text, "a.json") != NULL);
    }
    struct err e = {0};
    assert_null(document_read("/nowhere/a.json", &e));
    assert_int_equal(e.code, ERR_IO);
}

/* A document written, and read again. */
static json_t *there_and_back(const struct result *r, struct buf *text)
{
    struct err e = {0};
    json_t *made = document_make(r, &e);
    assert_non_null(made);
    assert_int_equal(document_write(made, text), 0);
    json_t *back = document_parse(buf_str(text).p, buf_len(text), "text", &e);
    assert_non_null(back);
    /* Real numbers are written with nine digits, so the texts are compared, not the values. */
    struct buf again;
    buf_init(&again, 1 << 24);
    assert_int_equal(document_write(back, &again), 0);
    CHECK_STR("the same text", buf_str(&again), buf_str(text));
    buf_release(&again);
    json_decref(made);
    return back;
}

static double figure(const json_t *d, const char *name)
{
    struct document_figure f = document_figure(d, str_of(name));
    CHECK_ROW(name, f.known && f.present);
    return f.value;
}

static void everything_comes_back(void **state)
{
    (void)state;
    struct result r;
    struct buf text;
    buf_init(&text, 1 << 24);
    const struct options o = sample_options();
    sample_result(&r, &o);
    json_t *d = there_and_back(&r, &text);
    const struct hist_fine *total = &r.corrected[PART_TOTAL];
    const struct {
        const char *name;
        double value;
    } rows[] = {
        {"rate", 1000.0},
        {"ok", SAMPLE_OPERATIONS},
        {"failed", 20.0},
        {"p50", (double)hist_fine_percentile(total, 50.0)},
        {"p99", (double)hist_fine_percentile(total, 99.0)},
        {"p99.9", (double)hist_fine_percentile(total, 99.9)},
        {"p99_9", (double)hist_fine_percentile(total, 99.9)},
        {"p99_9_ns", (double)hist_fine_percentile(total, 99.9)},
        {"max", (double)total->max_ns},
        {"resumed_share", 0.5},
        {"latency.service.total.max_ns", (double)r.service[PART_TOTAL].max_ns},
        {"latency.service.handshake.p99",
         (double)hist_fine_percentile(&r.service[PART_HANDSHAKE], 99.0)},
        {"counts.outcomes.alert", 13.0},
        {"counts.alerts.bad_certificate", 10.0},
        {"counts.alerts.unknown_200", 1.0},
        {"counts.alerts.unknown_201", 2.0},
        {"counts.statuses.503", 7.0},
        {"counts.mismatched_refused", 200.0},
        {"environment.identities", 1000.0},
        {"options.duration_ns", 2e10},
        {"client.busiest_thread", 0.31},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        double got = figure(d, rows[i].name);
        CHECK_ROW(rows[i].name, got - rows[i].value < 1e-6 && rows[i].value - got < 1e-6);
    }
    assert_string_equal(document_text(d, "options.mode"), "request");
    assert_string_equal(document_text(d, "options.loop"), "open");
    assert_string_equal(document_text(d, "environment.started"), "2027-01-15T08:00:00.123Z");
    assert_string_equal(document_text(d, "latency.told"), "corrected");
    assert_int_equal(json_array_size(document_member(d, "seconds")), SAMPLE_SECONDS);
    assert_true(json_is_null(document_member(d, "search")));
    assert_null(memmem(buf_str(&text).p, buf_len(&text), "not to be told", 14));
    json_decref(d);
    buf_release(&text);
    result_fini(&r);
}

static void what_is_not_there(void **state)
{
    (void)state;
    static const char *const unknown[] = {"",
                                          ".",
                                          "p98",
                                          "rate.",
                                          "summary",
                                          "options.url",
                                          "latency.service",
                                          "latency..total",
                                          "latency.service.total.p99_ns.x",
                                          "seconds",
                                          "format"};
    struct options closed = sample_options();
    struct result r;
    struct buf text;
    closed.closed = true;
    buf_init(&text, 1 << 24);
    assert_int_equal(result_init(&r, &closed), 0);
    json_t *d = there_and_back(&r, &text);
    for (size_t i = 0; i < ROWS(unknown); i++) {
        struct document_figure f = document_figure(d, str_of(unknown[i]));
        CHECK_ROW(unknown[i], !f.known && !f.present);
    }
    struct document_figure none = document_figure(d, STR("p99"));
    assert_true(none.known && !none.present);
    assert_true(json_is_null(document_member(d, "latency.corrected")));
    assert_string_equal(document_text(d, "options.loop"), "closed");
    json_decref(d);
    buf_release(&text);
    result_fini(&r);
}

static void search_and_limits(void **state)
{
    (void)state;
    struct options o = sample_options();
    struct result r;
    struct buf text;
    o.find_max = true;
    o.slo = (struct options_slo){99.0, 50000000};
    o.certs = "\xff\xfe-clients";
    buf_init(&text, 1 << 24);
    sample_result(&r, &o);
    r.steps = mem_calloc(2, sizeof(*r.steps));
    r.step_count = 2;
    r.steps[0] = (struct result_step){.rate = 100.0, .reached = 99.5, .slo_ns = 7, .met = true};
    r.steps[1] = (struct result_step){.rate = 200.0, .failed = 3, .client_limited = true};
    r.max_low = 100.0;
    r.max_high = 200.0;
    r.limits = LIMIT_CPU | LIMIT_LOCAL;
    json_t *d = there_and_back(&r, &text);
    assert_true(figure(d, "max_rate") > 99.9 && figure(d, "options.slo.percent") > 98.9);
    assert_string_equal(document_text(d, "options.certs"), "?"
                                                           "?-clients");
    json_t *steps = document_member(d, "search.steps");
    assert_int_equal(json_array_size(steps), 2);
    assert_true(json_is_true(json_object_get(json_array_get(steps, 0), "met")));
    assert_int_equal(json_integer_value(json_object_get(json_array_get(steps, 1), "failed")), 3);
    json_t *limits = document_member(d, "client.limited_by");
    assert_int_equal(json_array_size(limits), 2);
    assert_string_equal(json_string_value(json_array_get(limits, 1)), "local");
    json_decref(d);
    buf_release(&text);
    result_fini(&r);
}

static void from_a_file(void **state)
{
    (void)state;
    static const char small[] = "{\"format\":\"countersign-bench/1\",\"summary\":{\"rate\":2.5}}";
    struct tmpdir dir;
    char path[TMPDIR_PATH_MAX];
    tmpdir_make(&dir);
    tmpdir_write(&dir, "a.json", small, sizeof(small) - 1);
    json_t *d = document_read(tmpdir_path(&dir, "a.json", path), NULL);
    assert_non_null(d);
    assert_true(figure(d, "rate") > 2.4 && figure(d, "rate") < 2.6);
    assert_false(document_is_of_parts(d));
    json_decref(d);
    tmpdir_remove(&dir);
}

/* What single parts cost is taken only by who asks for it. */
static void of_parts(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *text;
        bool taken;
    } rows[] = {
        {"parts", "{\"format\":\"countersign-micro/1\",\"summary\":{\"a_ns\":7}}", true},
        {"of a later version", "{\"format\":\"countersign-micro/2\",\"summary\":{}}", false},
        {"without a summary", "{\"format\":\"countersign-micro/1\"}", false},
        {"no format", "{\"summary\":{}}", false},
    };
    struct tmpdir dir;
    char path[TMPDIR_PATH_MAX];
    tmpdir_make(&dir);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct err e = {0};
        tmpdir_write(&dir, "a.json", rows[i].text, strlen(rows[i].text));
        assert_null(document_read(tmpdir_path(&dir, "a.json", path), &e));
        json_t *d = document_read_any(path, &e);
        CHECK_ROW(rows[i].says, (d != NULL) == rows[i].taken);
        CHECK_ROW(rows[i].says, d == NULL || document_is_of_parts(d));
        json_decref(d);
    }
    tmpdir_remove(&dir);
}

/* jansson's allocations too fail one after the other: never half a document. */
static void without_memory(void **state)
{
    (void)state;
    struct options o = sample_options();
    struct result r;
    assert_int_equal(result_init(&r, &o), 0);
    hist_fine_add(&r.service[PART_TOTAL], 5);
    json_set_alloc_funcs(mem_alloc, mem_free);
    unsigned long nth = 1;
    for (;; nth++) {
        struct err e = {0};
        mem_fail_after(nth, true);
        json_t *d = document_make(&r, &e);
        mem_fail_after(0, false);
        if (d != NULL) {
            json_decref(d);
            break;
        }
        assert_int_equal(e.code, ERR_NOMEM);
    }
    assert_true(nth > 100);
    json_set_alloc_funcs(malloc, free);
    result_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),           cmocka_unit_test(everything_comes_back),
        cmocka_unit_test(what_is_not_there), cmocka_unit_test(search_and_limits),
        cmocka_unit_test(from_a_file),       cmocka_unit_test(of_parts),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
