/* Whose turn it is at which responder. */
#include <stdio.h>

#include "base/mem.h"
#include "proxy/proc/ocsp_lines.h"
#include "tests/support/check.h"

static struct ocsp_question question(const char *url, unsigned n)
{
    struct ocsp_question q = {.leaf = NULL};
    (void)snprintf(q.url, sizeof(q.url), "%s", url);
    memcpy(q.key, &n, sizeof(n));
    return q;
}

static bool put(struct ocsp_lines *l, const char *url, unsigned n, uint64_t now)
{
    const struct ocsp_question q = question(url, n);
    return ocsp_lines_put(l, &q, now);
}

/* The number of the question that is taken; 0: none. */
static unsigned take(struct ocsp_lines *l, uint64_t now)
{
    struct ocsp_question q;
    unsigned n = 0;
    if (ocsp_lines_take(l, &q, now)) {
        memcpy(&n, q.key, sizeof(n));
        assert_int_not_equal(n, 0);
    }
    return n;
}

static void done(struct ocsp_lines *l, unsigned n, bool answered, uint64_t now)
{
    const struct ocsp_question q = question("", n);
    ocsp_lines_done(l, &q, answered, now);
}

#define A "http://a/"
#define B "http://b/"

/* Until it has answered, a responder has one thread; then its share; and one again. */
static void test_share(void **state)
{
    (void)state;
    struct ocsp_lines *l = ocsp_lines_new();
    assert_int_equal(take(l, 0), 0);
    for (unsigned n = 1; n <= 20; n++) {
        assert_true(put(l, n % 2 == 0 ? A : "http://a/another?path", n, 0));
    }
    assert_false(put(l, A, 7, 0)); /* it waits */
    assert_int_equal(take(l, 0), 1);
    assert_int_equal(take(l, 0), 0);
    assert_false(put(l, B, 1, 0)); /* it is asked, whoever is */
    done(l, 1, true, 10);
    for (unsigned n = 2; n < 2 + OCSP_SHARE; n++) {
        assert_int_equal(take(l, 10), n);
    }
    assert_int_equal(take(l, 10), 0);
    assert_true(put(l, B, 100, 10));
    assert_int_equal(take(l, 10), 100); /* the rest is for others */
    done(l, 2, true, 20);
    assert_int_equal(take(l, 20), 2 + OCSP_SHARE);
    done(l, 3, false, 3020);
    assert_int_equal(take(l, 3020), 0); /* what waited is gone */
    assert_false(put(l, A, 200, 3020));
    ocsp_lines_free(l);
    ocsp_lines_free(NULL);
}

/* However many do not answer, those that do are asked on. */
static void test_doubtful(void **state)
{
    (void)state;
    struct ocsp_lines *l = ocsp_lines_new();
    char url[64];
    assert_true(put(l, B, 1000, 0));
    assert_int_equal(take(l, 0), 1000);
    done(l, 1000, true, 1);
    for (unsigned n = 1; n <= 40; n++) {
        (void)snprintf(url, sizeof(url), "http://silent%u/", n);
        assert_true(put(l, url, n, 1));
    }
    unsigned taken = 0;
    while (take(l, 1) != 0) {
        taken++;
    }
    assert_int_equal(taken, OCSP_DOUBTFUL);
    for (unsigned n = 1001; n < 1001 + OCSP_SHARE; n++) {
        assert_true(put(l, B, n, 2));
        assert_int_equal(take(l, 2), n);
    }
    done(l, 1, false, 5000);
    assert_int_equal(take(l, 5000), OCSP_DOUBTFUL + 1); /* the next that is doubtful */
    ocsp_lines_free(l);
}

static void test_rest(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        uint64_t took_ms;
        bool answered;
        uint64_t rest_ms;
    } rows[] = {
        {"refused at once", 0, false, 1000},
        {"again", 0, false, 1000},
        {"an answer", 100, true, 0},
        {"waited for three seconds", 3000, false, 6000},
        {"again: twice as long", 3000, false, 12000},
        {"and again", 3000, false, 24000},
        {"a minute at most", 30000, false, 60000},
        {"an answer ends that", 100, true, 0},
        {"a new beginning", 3000, false, 6000},
    };
    struct ocsp_lines *l = ocsp_lines_new();
    uint64_t now = 5;
    for (unsigned i = 0; i < ROWS(rows); i++) {
        CHECK_ROW(rows[i].says, put(l, A, i + 1, now));
        CHECK_ROW(rows[i].says, take(l, now) == i + 1);
        now += rows[i].took_ms;
        done(l, i + 1, rows[i].answered, now);
        if (rows[i].rest_ms > 0) {
            CHECK_ROW(rows[i].says, !put(l, A, 99, now + rows[i].rest_ms - 1));
        }
        now += rows[i].rest_ms;
    }
    /* Four that failed side by side are one failure. */
    assert_true(put(l, A, 50, now));
    assert_int_equal(take(l, now), 50);
    done(l, 50, true, now);
    for (unsigned n = 51; n < 51 + OCSP_SHARE; n++) {
        assert_true(put(l, A, n, now));
        assert_int_equal(take(l, now), n);
    }
    now += 2000;
    for (unsigned n = 51; n < 51 + OCSP_SHARE; n++) {
        done(l, n, false, now);
    }
    assert_false(put(l, A, 60, now + 3999));
    assert_true(put(l, A, 60, now + 4000));
    ocsp_lines_free(l);
}

/* Nothing grows without a bound. */
static void test_full(void **state)
{
    (void)state;
    struct ocsp_lines *l = ocsp_lines_new();
    char url[64];
    unsigned n = 0;
    while (n < 5000 && put(l, A, n + 1, 0)) {
        n++;
    }
    assert_int_equal(n, OCSP_WAITING);
    ocsp_lines_free(l);
    l = ocsp_lines_new();
    for (n = 0; n < OCSP_RESPONDERS; n++) {
        (void)snprintf(url, sizeof(url), "http://h%u:80/x", n);
        assert_true(put(l, url, n + 1, n));
    }
    assert_false(put(l, A, 999, n)); /* all are waited for */
    assert_int_equal(take(l, n), 1);
    done(l, 1, true, n);
    assert_true(put(l, A, 999, n)); /* the one that is idle gives way */
    assert_false(put(l, "http:///x", 998, n));
    ocsp_lines_free(l);
    mem_fail_after(1, false);
    assert_null(ocsp_lines_new());
    mem_fail_after(0, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_doubtful),
        cmocka_unit_test(test_rest),
        cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
