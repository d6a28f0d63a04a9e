/* What is counted for each operation, and putting threads together. */
#include "bench/tally.h"
#include "tests/support/check.h"

#define MS UINT64_C(1000000)
#define S  UINT64_C(1000000000)

/* A measured part from 10 s to 12.5 s. */
static void begin(struct tally *t, const struct options *o)
{
    assert_int_equal(tally_init(t, o), 0);
    t->begin_ns = 10 * S;
    t->end_ns = 12 * S + 500 * MS;
}

static void run(struct tally *t, const struct conn_op *op, bool blocked)
{
    tally_begun(t, op, blocked);
    tally_ended(t, op);
}

/* Due at 10.2 s, begun 300 ms late, connected in 1 ms, handshake 5 ms, request written after 1 ms,
 * first octet 20 ms later, all there after 3 ms more. */
static const struct conn_op fresh = {
    .due_ns = 10 * S + 200 * MS,
    .begin_ns = 10 * S + 500 * MS,
    .connected_ns = 10 * S + 501 * MS,
    .handshake_ns = 10 * S + 506 * MS,
    .written_ns = 10 * S + 507 * MS,
    .first_ns = 10 * S + 527 * MS,
    .end_ns = 10 * S + 530 * MS,
    .fresh = true,
    .measured = true,
    .outcome = RESULT_OK,
    .status = 200,
};

static const struct {
    enum result_part part;
    uint64_t service_ms;
} parts[] = {
    {PART_CONNECT, 1},
    {PART_HANDSHAKE, 5},
    {PART_FIRST_BYTE, 20},
    {PART_TOTAL, 30},
};

static void test_parts(void **state)
{
    (void)state;
    struct options o = {0};
    struct tally t;
    begin(&t, &o);
    run(&t, &fresh, true);
    for (size_t i = 0; i < ROWS(parts); i++) {
        const char *name = result_part_name(parts[i].part);
        CHECK_ROW(name, t.r.service[parts[i].part].count == 1);
        CHECK_ROW(name, t.r.service[parts[i].part].max_ns == parts[i].service_ms * MS);
        CHECK_ROW(name, t.r.corrected[parts[i].part].max_ns == (parts[i].service_ms + 300) * MS);
    }
    assert_int_equal(t.r.service[PART_RESUMED].count, 0);
    assert_int_equal(t.r.lag.max_ns, 300 * MS);
    assert_int_equal(t.late_blocked, 1);
    assert_int_equal(t.late_client, 0);
    assert_int_equal(t.r.full, 1);
    assert_int_equal(t.r.connections, 1);
    assert_int_equal(t.r.ok_in_window, 1);
    assert_int_equal(t.r.statuses[200], 1);
    tally_fini(&t);
}

static void test_closed_loop_corrects_nothing(void **state)
{
    (void)state;
    struct options o = {.closed = true};
    struct tally t;
    begin(&t, &o);
    run(&t, &fresh, false);
    assert_int_equal(t.r.service[PART_TOTAL].count, 1);
    assert_int_equal(t.r.corrected[PART_TOTAL].count, 0);
    assert_int_equal(t.r.lag.count, 0);
    assert_int_equal(t.late_client, 0);
    tally_fini(&t);
}

static void test_failures_stay_out_of_latency(void **state)
{
    (void)state;
    struct options o = {0};
    struct tally t;
    begin(&t, &o);
    for (int c = RESULT_OK + 1; c < RESULT_CLASS_COUNT; c++) {
        struct conn_op op = fresh;
        op.outcome = (enum result_class)c;
        op.alert = 48;
        run(&t, &op, false);
        assert_int_equal(t.r.by_class[c], 1);
    }
    assert_int_equal(t.r.service[PART_TOTAL].count, 0);
    assert_int_equal(t.r.service[PART_HANDSHAKE].count, 0);
    assert_int_equal(t.r.alerts[48], 1);
    assert_int_equal(t.r.ok_in_window, 0);
    assert_int_equal(result_failed(&t.r), RESULT_CLASS_COUNT - 1);
    tally_fini(&t);
}

/* Outcomes belong to those that were due in the measured part; the rate to the answers that came in
 * it. */
static void test_edges_of_the_measured_part(void **state)
{
    (void)state;
    struct options o = {0};
    struct tally t;
    begin(&t, &o);
    struct conn_op before = fresh; /* due in the warm-up, answered in the measured part */
    before.measured = false;
    run(&t, &before, false);
    assert_int_equal(t.r.started, 0);
    assert_int_equal(t.r.by_class[RESULT_OK], 0);
    assert_int_equal(t.r.ok_in_window, 1);
    struct conn_op after = fresh; /* due in it, answered after it */
    after.end_ns = 13 * S;
    run(&t, &after, false);
    assert_int_equal(t.r.started, 1);
    assert_int_equal(t.r.by_class[RESULT_OK], 1);
    assert_int_equal(t.r.ok_in_window, 1);
    assert_int_equal(t.r.service[PART_TOTAL].count, 1);
    tally_fini(&t);
}

static void test_resumption_and_pairs(void **state)
{
    (void)state;
    struct options o = {0};
    struct tally t;
    begin(&t, &o);
    struct conn_op op = fresh;
    op.wanted = op.offered = op.resumed = true;
    run(&t, &op, false);
    op.resumed = false;
    run(&t, &op, false);
    op.offered = false;
    op.mismatched = true;
    op.status = 403;
    run(&t, &op, false);
    op.outcome = RESULT_PAIRING;
    op.status = 200;
    run(&t, &op, false);
    op.fresh = false; /* a connection of before: no handshake to count */
    run(&t, &op, false);
    assert_int_equal(t.r.resumed, 1);
    assert_int_equal(t.r.full, 3);
    assert_int_equal(t.r.resume_offered, 2);
    assert_int_equal(t.r.resume_missing, 2);
    assert_int_equal(t.r.service[PART_RESUMED].count, 1);
    assert_int_equal(t.r.mismatched, 3);
    assert_int_equal(t.r.mismatched_refused, 1);
    tally_fini(&t);
}

static void test_threads_together(void **state)
{
    (void)state;
    struct options o = {0};
    struct tally t[2];
    struct result r;
    const struct tally *both[] = {&t[0], &t[1]};
    assert_int_equal(result_init(&r, &o), 0);
    for (size_t i = 0; i < 2; i++) {
        begin(&t[i], &o);
        for (uint64_t ms = 1; ms <= 100; ms++) {
            struct conn_op op = fresh;
            op.due_ns = op.begin_ns = (10 + i) * S;
            op.connected_ns = op.handshake_ns = op.written_ns = op.begin_ns;
            op.first_ns = op.end_ns = op.begin_ns + ms * MS;
            run(&t[i], &op, false);
        }
    }
    tally_in_flight(&t[1], 12 * S, 7);
    assert_int_equal(tally_merge(&r, both, 2), 0);
    assert_int_equal(r.started, 200);
    assert_int_equal(r.by_class[RESULT_OK], 200);
    assert_int_equal(r.corrected[PART_TOTAL].count, 200);
    assert_int_equal(r.second_count, 3);
    assert_int_equal(r.seconds[0].ok, 100);
    assert_int_equal(r.seconds[1].ok, 100);
    assert_int_equal(r.seconds[2].in_flight, 7);
    assert_int_equal(r.seconds[0].max_ns, 100 * MS);
    assert_true(r.seconds[0].p50_ns >= 50 * MS && r.seconds[0].p50_ns <= 57 * MS);
    assert_true(r.seconds[0].p99_ns >= 99 * MS && r.seconds[0].p99_ns <= 100 * MS);
    result_fini(&r);
    tally_fini(&t[0]);
    tally_fini(&t[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_closed_loop_corrects_nothing),
        cmocka_unit_test(test_failures_stay_out_of_latency),
        cmocka_unit_test(test_edges_of_the_measured_part),
        cmocka_unit_test(test_resumption_and_pairs),
        cmocka_unit_test(test_threads_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
