/* The private listener's answers: paths, methods, what makes a worker not ready. */
#include "base/clock.h"
#include "proxy/admin/admin.h"
#include "tests/unit/proxy/upstream/owner.h"

struct desk {
    struct metrics_region *region;
    struct env env;
    struct runtime runtime;
};

static void desk_init(struct desk *d)
{
    memset(d, 0, sizeof(*d));
    d->region = metrics_region_new(1);
    assert_non_null(d->region);
    d->env.region = d->region;
    d->env.metrics = metrics_slot(d->region, 0);
    d->env.runtime = &d->runtime;
}

static void desk_fini(struct desk *d)
{
    metrics_region_free(d->region);
}

/* Asks for target (GET); out->body is to be released. */
static void ask(struct desk *d, enum http_method method, const char *target, const char *accept,
                struct local_answer *out)
{
    struct arena arena;
    arena_init(&arena, 4096);
    struct http_request q = {.method = method, .target = str_of(target), .minor = 1};
    struct str query;
    (void)str_cut(q.target, '?', &q.path, &query);
    fields_init(&q.fields, &arena);
    if (accept != NULL) {
        assert_int_equal(fields_add(&q.fields, STR("Accept"), str_of(accept)), 0);
    }
    *out = (struct local_answer){0};
    admin_answer(&d->env, &q, out);
    arena_release(&arena);
}

static void check(struct desk *d, const char *target, unsigned status, const char *body)
{
    struct local_answer out;
    ask(d, HTTP_METHOD_GET, target, NULL, &out);
    CHECK_STR(target, buf_str(&out.body), str_of(body));
    CHECK_ROW(target, out.status == status);
    buf_release(&out.body);
}

static void test_paths_and_methods(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *target;
        enum http_method method;
        unsigned status;
    } rows[] = {
        {"metrics", "/metrics", HTTP_METHOD_GET, 200},
        {"metrics by HEAD", "/metrics", HTTP_METHOD_HEAD, 200},
        {"metrics with a query", "/metrics?x=y", HTTP_METHOD_GET, 200},
        {"live", "/livez", HTTP_METHOD_GET, 200},
        {"ready", "/readyz", HTTP_METHOD_GET, 200},
        {"root", "/", HTTP_METHOD_GET, 404},
        {"a slash too many", "/metrics/", HTTP_METHOD_GET, 404},
        {"another case", "/Metrics", HTTP_METHOD_GET, 404},
        {"asterisk", "*", HTTP_METHOD_OPTIONS, 404},
        {"post to metrics", "/metrics", HTTP_METHOD_POST, 405},
        {"delete readyz", "/readyz", HTTP_METHOD_DELETE, 405},
        {"options livez", "/livez", HTTP_METHOD_OPTIONS, 405},
        {"post elsewhere", "/", HTTP_METHOD_POST, 404},
    };
    struct desk d;
    desk_init(&d);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct local_answer out;
        ask(&d, rows[i].method, rows[i].target, NULL, &out);
        CHECK_ROW(rows[i].says, out.status == rows[i].status);
        CHECK_ROW(rows[i].says, buf_len(&out.body) > 0 && out.content_type.n > 0);
        buf_release(&out.body);
    }
    desk_fini(&d);
}

static void test_form_of_metrics(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *accept;
        bool openmetrics;
    } rows[] = {
        {"no wish", NULL, false},
        {"anything", "*/*", false},
        {"text", "text/plain; version=0.0.4", false},
        {"by name", "application/openmetrics-text", true},
        {"any case", "Application/OpenMetrics-Text", true},
        {"as Prometheus asks",
         "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3", true},
        {"in the middle", "text/html, application/openmetrics-text ; q=0.1, */*", true},
        {"not wanted", "application/openmetrics-text;q=0, text/plain", false},
        {"not wanted, with digits", "application/openmetrics-text; version=1.0.0; q=0.000", false},
        {"a longer name", "application/openmetrics-text-like", false},
        {"empty", "", false},
    };
    struct desk d;
    desk_init(&d);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct local_answer out;
        ask(&d, HTTP_METHOD_GET, "/metrics", rows[i].accept, &out);
        CHECK_STR(rows[i].says, out.content_type,
                  rows[i].openmetrics
                      ? STR("application/openmetrics-text; version=1.0.0; charset=utf-8")
                      : STR("text/plain; version=0.0.4; charset=utf-8"));
        bool ends = str_ends(buf_str(&out.body), STR("# EOF\n"));
        CHECK_ROW(rows[i].says, ends == rows[i].openmetrics);
        buf_release(&out.body);
    }
    desk_fini(&d);
}

static void test_live(void **state)
{
    (void)state;
    struct desk d;
    desk_init(&d);
    d.env.draining = true; /* it is alive all the same */
    check(&d, "/livez", 200, "ok\n");
    desk_fini(&d);
}

static void test_ready(void **state)
{
    (void)state;
    struct desk d;
    desk_init(&d);
    check(&d, "/readyz", 200, "ready\n");
    check(&d, "/readyz?verbose", 200, "[+] draining: no\nready\n");
    check(&d, "/readyz?a=b&verbose=1", 200, "[+] draining: no\nready\n");
    check(&d, "/readyz?verbosely", 200, "ready\n");
    d.env.draining = true;
    check(&d, "/readyz", 503, "not ready\n");
    check(&d, "/readyz?verbose", 503, "[-] draining: yes\nnot ready\n");
    d.env.draining = false;
    d.env.runtime = NULL;
    check(&d, "/readyz", 200, "ready\n");
    desk_fini(&d);
}

static void test_expired_certificate(void **state)
{
    (void)state;
    struct desk d;
    desk_init(&d);
    metrics_date(d.env.metrics, METRIC_DATE_SERVER_CERTIFICATE, 1000);
    clock_fake(0, 999999);
    check(&d, "/readyz?verbose", 200, "[+] draining: no\n[+] server certificate: ok\nready\n");
    clock_fake(0, 1000000);
    check(&d, "/readyz?verbose", 503,
          "[+] draining: no\n[-] server certificate: expired\nnot ready\n");
    clock_fake(-1, -1);
    desk_fini(&d);
}

static void test_upstream_set_aside_is_a_warning(void **state)
{
    (void)state;
    struct desk d;
    struct rig r;
    struct owner o;
    desk_init(&d);
    rig_init(&r, 2);
    r.group.fail_max = 1;
    rig_start(&r);
    d.runtime.upstreams = r.set;
    check(&d, "/readyz?verbose", 200, "[+] draining: no\n[+] upstream api: ok\nready\n");
    rig_refuse(&r, 0);
    rig_get(&r, &o);
    check(&d, "/readyz?verbose", 200, "[+] draining: no\n[+] upstream api: ok\nready\n");
    r.fakes[1].close_at_once = true;
    rig_get(&r, &o); /* a kept connection, which answers */
    fake_drop_conns(&r.fakes[1]);
    rig_rest(&r, 20);
    rig_get(&r, &o);
    check(&d, "/readyz?verbose", 200,
          "[+] draining: no\n[!] upstream api: every server is set aside\nready\n");
    rig_fini(&r);
    desk_fini(&d);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct desk d;
    struct local_answer out;
    desk_init(&d);
    mem_fail_after(3, true); /* the arena, the first growth, and no more */
    ask(&d, HTTP_METHOD_GET, "/metrics", "x", &out);
    mem_fail_after(0, false);
    assert_int_equal(out.status, 503);
    CHECK_STR("no half page", buf_str(&out.body), STR("out of memory\n"));
    buf_release(&out.body);
    desk_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_and_methods),
        cmocka_unit_test(test_form_of_metrics),
        cmocka_unit_test(test_live),
        cmocka_unit_test(test_ready),
        cmocka_unit_test(test_expired_certificate),
        cmocka_unit_test(test_upstream_set_aside_is_a_warning),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
