/* Numbers over several slots, and the page that shows them: in its form, complete, and unchanged by
 * whoever reads it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "proxy/observe/metrics.h"
#include "tests/support/check.h"

#define SLOTS 2

struct page {
    struct metrics_region *r;
    struct buf text;
};

static void page_init(struct page *p)
{
    clock_fake(0, 1500);
    p->r = metrics_region_new(SLOTS);
    clock_fake(-1, -1);
    assert_non_null(p->r);
    buf_init(&p->text, (size_t)1024 * 1024);
}

static void page_fini(struct page *p)
{
    metrics_region_free(p->r);
    buf_release(&p->text);
}

static void render(struct page *p, bool openmetrics)
{
    buf_clear(&p->text);
    assert_int_equal(metrics_render(p->r, openmetrics, &p->text), 0);
}

/* True if line stands in the page as a whole. */
static bool has_line(const struct page *p, const char *line)
{
    struct str rest = buf_str(&p->text);
    struct str one;
    bool more = true;
    while (more) {
        more = str_cut(rest, '\n', &one, &rest);
        if (str_eq(one, str_of(line))) {
            return true;
        }
    }
    return false;
}

static bool has(const struct page *p, const char *text)
{
    struct str s = buf_str(&p->text);
    return memmem(s.p, s.n, text, strlen(text)) != NULL;
}

static void test_sums_over_slots(void **state)
{
    (void)state;
    struct page p;
    page_init(&p);
    for (unsigned i = 0; i <= SLOTS; i++) { /* the master's slot too */
        metrics_add(metrics_slot(p.r, i), METRIC_CONNECTIONS_TOTAL, 2);
        metrics_add(metrics_slot(p.r, i), METRIC_CONNECTIONS_ACTIVE, 5);
        metrics_reason(metrics_slot(p.r, i), REASON_PAIRING_MISMATCH);
        metrics_status(metrics_slot(p.r, i), 200);
    }
    metrics_would_refuse(metrics_slot(p.r, 0), REASON_PAIRING_MISMATCH);
    metrics_would_refuse(metrics_slot(p.r, 2), REASON_PAIRING_MISMATCH);
    metrics_add(metrics_slot(p.r, 0), METRIC_CONNECTIONS_ACTIVE, -4);
    assert_int_equal(metrics_sum(p.r, METRIC_CONNECTIONS_TOTAL), 6);
    assert_int_equal(metrics_sum(p.r, METRIC_CONNECTIONS_ACTIVE), 11);
    assert_int_equal(metrics_reason_sum(p.r, REASON_PAIRING_MISMATCH), 3);
    metrics_clear_gauges(p.r,
                         1); /* its worker died: what it had counted stays, what it held goes */
    assert_int_equal(metrics_sum(p.r, METRIC_CONNECTIONS_TOTAL), 6);
    assert_int_equal(metrics_sum(p.r, METRIC_CONNECTIONS_ACTIVE), 6);
    render(&p, false);
    assert_true(has_line(&p, "countersign_connections_total 6"));
    assert_true(has_line(&p, "countersign_connections_active 6"));
    assert_true(has_line(&p, "countersign_refusals_total{reason=\"pairing_mismatch\"} 3"));
    assert_true(has_line(&p, "countersign_would_refuse_total{reason=\"pairing_mismatch\"} 2"));
    assert_true(has_line(&p, "countersign_http_responses_total{code=\"200\"} 3"));
    page_fini(&p);
}

static void test_shared_with_children(void **state)
{
    (void)state;
    struct page p;
    page_init(&p);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        metrics_add(metrics_slot(p.r, 1), METRIC_CONNECTIONS_TOTAL, 7);
        _exit(0);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(metrics_sum(p.r, METRIC_CONNECTIONS_TOTAL), 7);
    page_fini(&p);
}

static void test_slots_share_no_cache_line(void **state)
{
    (void)state;
    struct page p;
    page_init(&p);
    for (unsigned i = 0; i <= SLOTS; i++) {
        assert_int_equal((uintptr_t)metrics_slot(p.r, i) % 64, 0);
    }
    page_fini(&p);
}

/* Series must exist before the first event, and none for a status that was never sent. */
static void test_fresh_page(void **state)
{
    (void)state;
    struct page p;
    page_init(&p);
    render(&p, false);
    for (int i = 0; i < REASON_COUNT; i++) {
        char line[128];
        (void)snprintf(line, sizeof(line), "countersign_refusals_total{reason=\"%s\"} 0",
                       reason_token((enum reason)i));
        CHECK_ROW(line, has_line(&p, line) == (i != REASON_OK));
    }
    assert_false(has(&p, "http_responses_total{"));
    assert_false(has(&p, "timestamp_seconds"));
    assert_false(has(&p, "# EOF"));
    assert_true(has_line(&p, "process_start_time_seconds 1.500"));
    assert_true(has_line(&p, "# TYPE countersign_build_info gauge"));
    assert_true(has_line(&p, "countersign_build_info{version=\"" COUNTERSIGN_VERSION "\"} 1"));
    assert_true(has_line(&p, "# TYPE countersign_connections_total counter"));
    assert_true(has_line(&p, "# TYPE countersign_connections_active gauge"));
    assert_true(has_line(&p, "countersign_http_request_duration_seconds_bucket{le=\"+Inf\"} 0"));
    page_fini(&p);
}

static void test_openmetrics(void **state)
{
    (void)state;
    struct page p;
    page_init(&p);
    render(&p, true);
    assert_true(has_line(&p, "# TYPE countersign_connections counter"));
    assert_true(has_line(&p, "countersign_connections_total 0"));
    assert_true(has_line(&p, "# TYPE countersign_http_request_body_bytes counter"));
    assert_true(has_line(&p, "# UNIT countersign_http_request_body_bytes bytes"));
    assert_true(has_line(&p, "# TYPE countersign_build info"));
    assert_true(has_line(&p, "# UNIT countersign_http_request_duration_seconds seconds"));
    assert_true(str_ends(buf_str(&p.text), STR("\n# EOF\n")));
    page_fini(&p);
}

static void test_histogram(void **state)
{
    (void)state;
    struct page p;
    page_init(&p);
    static const uint64_t durations_us[] = {0,     1023,    1024,    98303,
                                            98304, 5242879, 5242880, 60000000};
    for (size_t i = 0; i < ROWS(durations_us); i++) {
        metrics_time(metrics_slot(p.r, (unsigned)i % SLOTS), METRIC_TIME_REQUEST, durations_us[i]);
    }
    render(&p, false);
#define NAME "countersign_http_request_duration_seconds"
    assert_true(has_line(&p, "# TYPE " NAME " histogram"));
    assert_true(has_line(&p, NAME "_bucket{le=\"0.001024\"} 2"));
    assert_true(has_line(&p, NAME "_bucket{le=\"0.002560\"} 3"));
    assert_true(has_line(&p, NAME "_bucket{le=\"0.098304\"} 4"));
    assert_true(has_line(&p, NAME "_bucket{le=\"0.262144\"} 5"));
    assert_true(has_line(&p, NAME "_bucket{le=\"5.242880\"} 6"));
    assert_true(has_line(&p, NAME "_bucket{le=\"+Inf\"} 8"));
    assert_true(has_line(&p, NAME "_count 8"));
    assert_true(has_line(&p, NAME "_sum 70.684413"));
#undef NAME
    assert_true(has_line(&p, "countersign_tls_handshake_duration_seconds_count 0"));
    page_fini(&p);
}

static void test_dates(void **state)
{
    (void)state;
    struct page p;
    page_init(&p);
    assert_true(metrics_earliest(p.r, METRIC_DATE_CRL) == INT64_MAX);
    metrics_date(metrics_slot(p.r, 0), METRIC_DATE_SERVER_CERTIFICATE, 2000);
    metrics_date(metrics_slot(p.r, 1), METRIC_DATE_SERVER_CERTIFICATE, 1000);
    metrics_date(metrics_slot(p.r, 0), METRIC_DATE_CLIENT_CA, 3000);
    metrics_date(metrics_slot(p.r, 0), METRIC_DATE_CRL, 4000);
    render(&p, false);
    assert_true(
        has_line(&p, "countersign_certificate_not_after_timestamp_seconds{role=\"server\"} 1000"));
    assert_true(has_line(
        &p, "countersign_certificate_not_after_timestamp_seconds{role=\"client_ca\"} 3000"));
    assert_true(has_line(&p, "countersign_crl_next_update_timestamp_seconds 4000"));
    metrics_date(metrics_slot(p.r, 0), METRIC_DATE_CRL, INT64_MAX); /* no CRL after a reload */
    metrics_clear_gauges(p.r, 1);
    render(&p, false);
    assert_false(has(&p, "crl_next_update"));
    assert_int_equal(metrics_earliest(p.r, METRIC_DATE_SERVER_CERTIFICATE), 2000);
    page_fini(&p);
}

static void test_ignored(void **state)
{
    (void)state;
    struct page p;
    page_init(&p);
    struct metrics *m = metrics_slot(p.r, 0);
    metrics_reason(m, REASON_OK);
    metrics_status(m, 0);
    metrics_status(m, 99);
    metrics_status(m, 600);
    render(&p, false);
    assert_false(has(&p, "reason=\"ok\""));
    assert_false(has(&p, "http_responses_total{"));
    metrics_status(m, 100);
    metrics_status(m, 599);
    render(&p, false);
    assert_true(has_line(&p, "countersign_http_responses_total{code=\"100\"} 1"));
    assert_true(has_line(&p, "countersign_http_responses_total{code=\"599\"} 1"));
    metrics_add(NULL, METRIC_CONNECTIONS_TOTAL, 1);
    metrics_reason(NULL, REASON_INTERNAL);
    metrics_status(NULL, 200);
    metrics_time(NULL, METRIC_TIME_REQUEST, 1);
    metrics_date(NULL, METRIC_DATE_CRL, 1);
    page_fini(&p);
}

/* Each family: one HELP, one TYPE before its samples, all samples together, counters in _total. */
/* Numbers that differ in their label only are one family. */
static unsigned number_families(void)
{
    static const char *const names[] = {
#define METRIC(id, kind, text, help) text,
#include "proxy/observe/metrics.def"
#undef METRIC
    };
    unsigned n = 0;
    for (size_t i = 0; i < ROWS(names); i++) {
        size_t len = strcspn(names[i], "{");
        bool same = i > 0 && strncmp(names[i], names[i - 1], len) == 0 && names[i - 1][len] == '{';
        n += same ? 0 : 1;
    }
    return n;
}

static void test_form(void **state)
{
    (void)state;
    for (int openmetrics = 0; openmetrics < 2; openmetrics++) {
        struct page p;
        page_init(&p);
        metrics_status(metrics_slot(p.r, 0), 200);
        metrics_date(metrics_slot(p.r, 0), METRIC_DATE_CLIENT_CA, 1000);
        render(&p, openmetrics == 1);
        struct str rest = buf_str(&p.text);
        struct str line;
        char family[128] = "";
        bool counter = false;
        unsigned families = 0;
        assert_true(str_ends(rest, STR("\n")));
        rest.n--;
        bool more = true;
        while (more) {
            more = str_cut(rest, '\n', &line, &rest);
            if (str_starts(line, STR("# HELP "))) {
                struct str name;
                struct str help;
                assert_true(str_cut(str_slice(line, 7, line.n), ' ', &name, &help));
                assert_true(help.n > 0);
                (void)snprintf(family, sizeof(family), "%.*s", STR_ARG(name));
                char twice[160];
                (void)snprintf(twice, sizeof(twice), "\n# TYPE %s ", family);
                struct str all = buf_str(&p.text);
                const char *first = memmem(all.p, all.n, twice, strlen(twice));
                assert_non_null(first);
                size_t after = (size_t)(first - all.p) + 1;
                assert_null(memmem(all.p + after, all.n - after, twice, strlen(twice)));
                families++;
            } else if (str_starts(line, STR("# TYPE "))) {
                counter = str_ends(line, STR(" counter"));
                CHECK_ROW(family, str_starts(str_slice(line, 7, line.n), str_of(family)));
            } else if (!str_starts(line, STR("# "))) {
                CHECK_ROW(family, str_starts(line, str_of(family)));
                struct str name = str_slice(line, 0, strcspn(line.p, "{ "));
                CHECK_ROW(family, !counter || str_ends(name, STR("_total")));
            }
        }
        assert_int_equal(families, 2 + number_families() + 3 + METRIC_TIME_COUNT + 1);
        page_fini(&p);
    }
}

static void test_no_room(void **state)
{
    (void)state;
    struct page p;
    page_init(&p);
    struct buf small;
    buf_init(&small, 1000);
    assert_int_equal(metrics_render(p.r, false, &small), -ERR_FULL);
    buf_release(&small);
    mem_fail_after(1, true);
    assert_int_equal(metrics_render(p.r, false, &p.text), -ERR_NOMEM);
    mem_fail_after(0, false);
    page_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_over_slots),
        cmocka_unit_test(test_shared_with_children),
        cmocka_unit_test(test_slots_share_no_cache_line),
        cmocka_unit_test(test_fresh_page),
        cmocka_unit_test(test_openmetrics),
        cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_ignored),
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
