/* Outputs: words of the text, files as a whole, a page that lets nothing in. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "bench/document.h"
#include "bench/document_make.h"
#include "bench/output.h"
#include "bench/page.h"
#include "bench/text.h"
#include "tests/support/tmpdir.h"
#include "tests/unit/bench/sample_result.h"

static bool holds(struct str s, const char *what)
{
    return memmem(s.p, s.n, what, strlen(what)) != NULL;
}

static void counts(void **state)
{
    (void)state;
    static const struct {
        uint64_t n;
        const char *text;
    } rows[] = {
        {0, "0"},          {999, "999"},           {1000, "1,000"},
        {12345, "12,345"}, {1234567, "1,234,567"}, {UINT64_MAX, "18,446,744,073,709,551,615"}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        char out[TEXT_COUNT_MAX];
        CHECK_STR(rows[i].text, str_of(text_count(rows[i].n, out)), str_of(rows[i].text));
    }
}

/* r changed by a row, as text. */
static void text_tells(void **state)
{
    (void)state;
    static const char *const always[] = {
        "https://localhost:8443/  request, TLSv1.3 TLS_AES_128_GCM_SHA256 X25519, server EC 256\n",
        "1,000 clients with certificates (EC 256), picked round-robin\n",
        "20.0 s after 1.0 s of warm-up, open loop 1000/s (poisson), at most 1,000 connections",
        "connections, 2 threads\n",
        "right            20,000   1000.0/s of 1000/s asked for\n",
        "wrong                20   0.0999 %\n",
        "13   TLS alert from the server (bad_certificate 10, unknown_200 1, unknown_201 2)\n",
        "7   wrong status (of all answers 200: 20000, 503: 7)\n",
        "20,000   10,000 full, 10,000 resumed (50.0 %)\n",
        "200   sent with another's user, 200 of them answered with 403\n",
        "  corrected    ",
        "  as measured  ",
        "  handshake    ",
    };
    struct options o = sample_options();
    struct result r;
    struct buf out;
    buf_init(&out, 1 << 20);
    sample_result(&r, &o);
    assert_int_equal(text_write(&r, &out), 0);
    for (size_t i = 0; i < ROWS(always); i++) {
        CHECK_ROW(always[i], holds(buf_str(&out), always[i]));
    }
    assert_true(holds(buf_str(&out), "busiest thread 31 %; it was not the limit\n"));
    assert_false(holds(buf_str(&out), "LIMITED"));
    assert_false(holds(buf_str(&out), "exponent"));
    size_t lines = 0;
    for (size_t i = 0; i < buf_len(&out); i++) {
        lines += buf_str(&out).p[i] == '\n' ? 1 : 0;
    }
    assert_true(lines <= 24);
    buf_clear(&out);
    r.limits = LIMIT_CPU | LIMIT_LAG | LIMIT_LOCAL;
    r.interrupted = true;
    r.mismatched_refused = 199;
    assert_int_equal(text_write(&r, &out), 0);
    assert_true(holds(buf_str(&out), "LIMITED BY THE CLIENT: a thread"));
    assert_true(holds(buf_str(&out), "LIMITED BY THE CLIENT: descriptors"));
    assert_true(holds(buf_str(&out), "free: the client, or the machine it runs on, is too slow\n"));
    assert_true(holds(buf_str(&out), "PAIRING: 1 requests"));
    assert_true(holds(buf_str(&out), "not answered with 403\n"));
    assert_true(holds(buf_str(&out), "INTERRUPTED"));
    assert_false(holds(buf_str(&out), "it was not the limit"));
    buf_clear(&out);
    r.statuses[429] = 1;
    o.pick = PICK_ZIPF;
    o.zipf = 1.25;
    assert_int_equal(text_write(&r, &out), 0);
    assert_true(holds(buf_str(&out), "with 403; there were 429: was it the server's lockout?\n"));
    assert_true(holds(buf_str(&out), "picked zipf (exponent 1.25)\n"));
    result_fini(&r);
    buf_release(&out);
}

static void text_tells_why_a_step_did_not_meet_it(void **state)
{
    (void)state;
    struct options o = sample_options();
    struct result r;
    struct buf out;
    o.find_max = true;
    o.slo = (struct options_slo){.percent = 99.0, .limit_ns = 1000};
    buf_init(&out, 1 << 20);
    sample_result(&r, &o);
    r.step_count = 3;
    r.steps = mem_calloc(r.step_count, sizeof(*r.steps));
    assert_non_null(r.steps);
    r.steps[0] = (struct result_step){.slo_ns = 999};
    r.steps[1] = (struct result_step){.slo_ns = 1000};
    r.steps[2] = (struct result_step){.slo_ns = 7, .failed = 1};
    assert_int_equal(text_write(&r, &out), 0);
    assert_true(
        holds(buf_str(&out), "999ns         0  not met, no connection was free for some\n"));
    assert_true(holds(buf_str(&out), "1.00us         0  not met\n"));
    assert_true(holds(buf_str(&out), "7ns         1  not met\n"));
    buf_release(&out);
    result_fini(&r);
}

/* Beside the answer; of a rate that was tried twice the second time counts. */
static void text_tells_that_the_client_was_the_limit_of_a_search(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool low, high_first, high;
    } rows[] = {{"nowhere", false, false, false},
                {"only where it was tried again", false, true, false},
                {"at the answer", true, false, false},
                {"above it", false, false, true},
                {"at both", true, true, true}};
    struct options o = sample_options();
    o.find_max = true;
    o.slo = (struct options_slo){.percent = 99.0, .limit_ns = 1000};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct result r;
        struct buf out;
        buf_init(&out, 1 << 20);
        sample_result(&r, &o);
        r.step_count = 3;
        r.steps = mem_calloc(r.step_count, sizeof(*r.steps));
        assert_non_null(r.steps);
        r.steps[0] = (struct result_step){.rate = 100, .met = true, .client_limited = rows[i].low};
        r.steps[1] = (struct result_step){.rate = 200, .client_limited = rows[i].high_first};
        r.steps[2] = (struct result_step){.rate = 200, .client_limited = rows[i].high};
        r.max_low = 100;
        r.max_high = 200;
        assert_int_equal(text_write(&r, &out), 0);
        struct str text = buf_str(&out);
        CHECK_ROW(rows[i].name, holds(text, "the client was the limit at 100/s") == rows[i].low);
        CHECK_ROW(rows[i].name, holds(text, "the client was the limit at 200/s") == rows[i].high);
        buf_release(&out);
        result_fini(&r);
    }
}

static void text_of_nothing(void **state)
{
    (void)state;
    struct options o = sample_options();
    struct result r;
    struct buf out;
    buf_init(&out, 1 << 20);
    o.closed = true;
    assert_int_equal(result_init(&r, &o), 0);
    assert_int_equal(text_write(&r, &out), 0);
    assert_true(holds(buf_str(&out), "No right answer came"));
    assert_true(holds(buf_str(&out), "closed loop over 1,000 connections"));
    for (size_t cap = 0; cap < 200; cap += 7) {
        struct buf small;
        buf_init(&small, cap);
        assert_int_equal(text_write(&r, &small), -ERR_FULL);
        buf_release(&small);
    }
    result_fini(&r);
    buf_release(&out);
}

static void files(void **state)
{
    (void)state;
    struct tmpdir dir;
    char paths[4][TMPDIR_PATH_MAX];
    struct options o = sample_options();
    struct result r;
    struct stat st;
    struct err e = {0};
    tmpdir_make(&dir);
    o.outputs[0] = (struct options_output){FORMAT_JSON, tmpdir_path(&dir, "none/a", paths[0])};
    o.outputs[1] = (struct options_output){FORMAT_JSON, tmpdir_path(&dir, "a.json", paths[1])};
    o.outputs[2] = (struct options_output){FORMAT_CSV, tmpdir_path(&dir, "a.csv", paths[2])};
    o.outputs[3] = (struct options_output){FORMAT_HGRM, tmpdir_path(&dir, "a.hgrm", paths[3])};
    o.output_count = 4;
    tmpdir_write(&dir, "a.json", "old", 3);
    sample_result(&r, &o);
    mode_t mask = umask(027);
    assert_int_equal(output_write(&r, &e), -ERR_IO); /* the first; the others are written */
    umask(mask);
    assert_true(holds(str_of(e.text), "none/a"));
    json_t *d = document_read(paths[1], NULL);
    assert_non_null(d);
    json_decref(d);
    assert_int_equal(stat(paths[1], &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    size_t n = 0;
    char *csv = tmpdir_read(&dir, "a.csv", &n);
    assert_true(str_starts((struct str){csv, n}, STR("second,started,")));
    free(csv);
    char *hgrm = tmpdir_read(&dir, "a.hgrm", &n);
    assert_true(holds((struct str){hgrm, n}, "Total count    =        20000]"));
    free(hgrm);
    result_fini(&r);
    tmpdir_remove(&dir);
}

/* What a page says depends on what came: each word only where it is true. */
static void page_words(void **state)
{
    (void)state;
    for (int closed = 0; closed < 2; closed++) {
        struct options o = sample_options();
        struct result r;
        struct buf out;
        o.closed = closed != 0;
        buf_init(&out, 1 << 26);
        sample_result(&r, &o);
        r.mismatched_refused = 199;
        r.statuses[429] = closed != 0 ? 1 : 0;
        r.limits = closed != 0 ? LIMIT_NONE : LIMIT_LAG;
        json_t *d = document_make(&r, NULL);
        assert_non_null(d);
        const struct chart_run run = {NULL, d};
        assert_int_equal(page_write(&run, 1, &out), 0);
        struct str p = buf_str(&out);
        assert_true(holds(p, "Corrected: from") == !o.closed);
        assert_true(holds(p, ", corrected</th>") == !o.closed);
        assert_true(holds(p, "closed loop has no schedule") == o.closed);
        assert_true(holds(p, "not all answered with 403."));
        assert_true(holds(p, "answers of 429: was it the server&#39;s lockout?") == o.closed);
        assert_true(holds(p, "the client, or the machine it runs on, is too slow") == !o.closed);
        json_decref(d);
        result_fini(&r);
        buf_release(&out);
    }
}

/* Text and page lay the same limits at the same door. */
static void whose_limit(void **state)
{
    (void)state;
    static const struct {
        unsigned limit;
        bool ours;
        const char *text;
    } rows[] = {
        {LIMIT_CPU, true, "a thread of the client had no processor time left: use more"},
        {LIMIT_LAG, true, "the client, or the machine it runs on, is too slow"},
        {LIMIT_CONNECTIONS, false, "--connections was reached: the server is slower than the rate"},
        {LIMIT_LOCAL, true, "descriptors, ports or memory ran out here: more --source"},
        {LIMIT_NONE, false, "client"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct options o = sample_options();
        struct result r;
        struct buf text;
        struct buf html;
        buf_init(&text, 1 << 20);
        buf_init(&html, 1 << 26);
        sample_result(&r, &o);
        r.limits = rows[i].limit;
        json_t *d = document_make(&r, NULL);
        assert_non_null(d);
        const struct chart_run run = {NULL, d};
        assert_int_equal(page_write(&run, 1, &html), 0);
        assert_int_equal(text_write(&r, &text), 0);
        CHECK_ROW(rows[i].text, holds(buf_str(&text), rows[i].text));
        CHECK_ROW(rows[i].text, holds(buf_str(&html), rows[i].text));
        CHECK_ROW(rows[i].text, holds(buf_str(&text), "LIMITED BY THE CLIENT: ") == rows[i].ours);
        CHECK_ROW(rows[i].text,
                  holds(buf_str(&html), "The client, not the server, was the limit: ") ==
                      rows[i].ours);
        bool used_up = rows[i].limit == LIMIT_CONNECTIONS;
        CHECK_ROW(rows[i].text, holds(buf_str(&text), "CONNECTIONS USED UP: ") == used_up);
        CHECK_ROW(rows[i].text, holds(buf_str(&html), "Connections were used up: ") == used_up);
        json_decref(d);
        result_fini(&r);
        buf_release(&text);
        buf_release(&html);
    }
}

/* A document may come from a later version. */
static void unknown_limit(void **state)
{
    (void)state;
    struct options o = sample_options();
    struct result r;
    struct buf html;
    buf_init(&html, 1 << 26);
    sample_result(&r, &o);
    json_t *d = document_make(&r, NULL);
    json_t *limits = document_member(d, "client.limited_by");
    assert_int_equal(json_array_append_new(limits, json_string("moon")), 0);
    assert_int_equal(json_array_append_new(limits, json_integer(7)), 0);
    const struct chart_run run = {NULL, d};
    assert_int_equal(page_write(&run, 1, &html), 0);
    assert_true(holds(buf_str(&html), "There was a limit besides the server&#39;s: moon"));
    assert_true(holds(buf_str(&html), "There was a limit besides the server&#39;s: ?"));
    json_decref(d);
    result_fini(&r);
    buf_release(&html);
}

/* Names and texts with the characters of HTML; PATH decides whether there is a gnuplot. */
static void page(const char *path, bool with_plots)
{
    struct options o = sample_options();
    struct result r;
    struct buf out;
    o.url = "https://localhost/<script>alert(1)</script>?a=\"b'&c";
    buf_init(&out, 1 << 26);
    sample_result(&r, &o);
    json_t *d = document_make(&r, NULL);
    assert_non_null(d);
    const char *now = getenv("PATH"); /* NOLINT(concurrency-mt-unsafe): there is one thread */
    char *before = strdup(now != NULL ? now : "");
    assert_non_null(before);
    if (path != NULL) {
        setenv("PATH", path, 1);
    }
    const struct chart_run runs[2] = {{NULL, d}, {"\"; system 'false' #<b>", d}};
    for (size_t n = 1; n <= 2; n++) {
        buf_clear(&out);
        assert_int_equal(page_write(runs, n, &out), 0);
        struct str p = buf_str(&out);
        assert_true(holds(p, "<!doctype html>") && holds(p, "</html>\n"));
        assert_false(holds(p, "<script") || holds(p, "<b>") || holds(p, "src=") ||
                     holds(p, "href="));
        assert_true(holds(p, "&lt;script&gt;alert(1)&lt;/script&gt;?a=&quot;b&#39;&amp;c"));
        assert_true(holds(p, "Some CPU &lt;1 GHz&gt;"));
        assert_true(holds(p, "<svg class=\"wide\"") == with_plots);
        assert_true(holds(p, "<svg class=\"narrow\"") == with_plots);
        assert_true(holds(p, "There are no plots") == !with_plots);
    }
    setenv("PATH", before, 1);
    free(before);
    json_decref(d);
    result_fini(&r);
    buf_release(&out);
}

static void page_with_plots(void **state)
{
    (void)state;
    if (access("/usr/bin/gnuplot", X_OK) != 0) {
        skip();
    }
    page(NULL, true);
}

static void page_without_gnuplot(void **state)
{
    (void)state;
    page("/nowhere", false);
}

/* A gnuplot that fails, says nothing, or says something else. */
static void page_with_a_bad_gnuplot(void **state)
{
    (void)state;
    static const char *const scripts[] = {
        "#!/bin/sh\nexit 1\n",
        "#!/bin/sh\nexit 0\n",
        "#!/bin/sh\necho '<svg viewBox=\"0 0 1 1\">'; echo '<defs></defs>'\n",
        "#!/bin/sh\necho 'hello </defs> </svg>'\n",
        "#!/bin/sh\nkill -9 $$\n",
    };
    for (size_t i = 0; i < ROWS(scripts); i++) {
        struct tmpdir dir;
        char path[TMPDIR_PATH_MAX];
        tmpdir_make(&dir);
        tmpdir_write(&dir, "gnuplot", scripts[i], strlen(scripts[i]));
        assert_int_equal(chmod(tmpdir_path(&dir, "gnuplot", path), 0700), 0);
        page(dir.path, false);
        tmpdir_remove(&dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts),
        cmocka_unit_test(text_tells),
        cmocka_unit_test(text_tells_why_a_step_did_not_meet_it),
        cmocka_unit_test(text_tells_that_the_client_was_the_limit_of_a_search),
        cmocka_unit_test(text_of_nothing),
        cmocka_unit_test(page_words),
        cmocka_unit_test(whose_limit),
        cmocka_unit_test(unknown_limit),
        cmocka_unit_test(files),
        cmocka_unit_test(page_with_plots),
        cmocka_unit_test(page_without_gnuplot),
        cmocka_unit_test(page_with_a_bad_gnuplot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
