/* Notices before the end: who is not told first, and that nobody is told twice. */
#include "ca/issue.h"
#include "ca/notice.h"
#include "ca/outbox.h"
#include "ca/request.h"
#include "ca/withdraw.h"
#include "tests/unit/ca/ca_lab.h"

static const struct actor alice = {{ALICE, sizeof(ALICE) - 1}, {"192.0.2.1", 9}};

static struct life_id issue_one(struct ca_lab *lab)
{
    struct csr *c = lab_csr(NULL);
    struct life_id id;
    struct request_filing f = {
        .csr = c, .profile = STR("auto"), .user = STR(ALICE), .company = STR(ACME)};
    assert_int_equal(request_file(&lab->life, &alice, &f, &id, NULL), 0);
    assert_int_equal(issue(&lab->life, str_of(id.text), NULL), 0);
    csr_free(c);
    return id;
}

/* At day DAY of 20 of the certificate's life (lab), by the wall clock. */
static size_t tick_at(struct ca_lab *lab, double day)
{
    size_t n = 99;
    clock_fake(0, PKI_NOW_S * 1000 + (int64_t)(day * (double)LAB_DAY_MS));
    assert_int_equal(notice_tick(&lab->life, &n, NULL), 0);
    return n;
}

/* Once for each of the days; what is in the first half of its life is passed over. */
static void test_once(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        double day;
        size_t wanted;
    } rows[] = {
        {"thirty and fourteen days are more than half of twenty", 7, 0},
        {"a minute too early", 12.999, 0},
        {"seven days", 13.001, 1},
        {"told already", 13.002, 0},
        {"the day after", 14.5, 0},
        {"the clock goes back", 2, 0},
        {"and forth again", 15, 0},
        {"one day", 19.01, 1},
        {"told already", 19.5, 0},
        {"at its end", 20, 0},
        {"the clock goes back", 13.5, 0},
    };
    struct ca_lab lab;
    lab_open(&lab);
    (void)issue_one(&lab);
    for (size_t i = 0; i < ROWS(rows); i++) {
        CHECK_ROW(rows[i].says, tick_at(&lab, rows[i].day) == rows[i].wanted);
    }
    lab_close(&lab);
}

/* After days without the process the nearest alone is told, and the next not within a day. */
static void test_late(void **state)
{
    (void)state;
    struct ca_lab lab;
    lab_open(&lab);
    (void)issue_one(&lab);
    struct conf_text days[] = {{.p = "2"}, {.p = "1"}, {.p = "5"}, {.p = "nonsense"}};
    lab.conf.notify.before = (struct conf_texts){days, ROWS(days)};
    assert_int_equal(tick_at(&lab, 18.5), 1);
    assert_int_equal(tick_at(&lab, 19.1), 0);
    assert_int_equal(tick_at(&lab, 19.6), 1);
    lab_close(&lab);
}

static bool copy_serial(void *arg, const struct withdrawn *w)
{
    (void)snprintf(arg, 64, "%.*s", STR_ARG(w->serial));
    return true;
}

static int take_serial(void *arg, const struct db_row *r)
{
    (void)snprintf(arg, 64, "%.*s", STR_ARG(db_octets(r, 0)));
    return 0;
}

/* Withdrawn, on hold, renewed: nobody needs to hear of those. */
static void test_not_in_use(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        int reason; /* -1: renewed */
        size_t wanted;
    } rows[] = {{"withdrawn", WITHDRAW_KEY_COMPROMISE, 0},
                {"on hold", WITHDRAW_HOLD, 0},
                {"renewed", -1, 0}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ca_lab lab;
        char serial[64] = "";
        lab_open(&lab);
        struct life_id id = issue_one(&lab);
        assert_int_equal(db_query(lab.life.db, "SELECT serial FROM certificate",
                                  (struct db_values){NULL, 0}, take_serial, serial, NULL),
                         0);
        if (rows[i].reason >= 0) {
            assert_int_equal(withdraw(&lab.life, &alice, str_of(serial), rows[i].reason, NULL), 0);
            assert_int_equal(withdraw_list(&lab.life, 0, copy_serial, serial, NULL), 0);
        } else {
            assert_int_equal(life_move(&lab.life, str_of(id.text), LIFE_ISSUED, LIFE_RENEWED, NULL),
                             0);
        }
        CHECK_ROW(rows[i].says, tick_at(&lab, 19.5) == rows[i].wanted);
        lab_close(&lab);
    }
}

static bool note_shown(void *arg, const struct outbox_shown *s)
{
    *(struct outbox_shown *)arg = *s;
    return true;
}

/* Rows of the outbox: taken by one, tried again, given up; lost secrets are told. */
static void test_outbox(void **state)
{
    (void)state;
    struct ca_lab lab;
    struct outbox_row rows[4];
    struct outbox_shown shown;
    size_t n = 9;
    int64_t id = 0;
    lab_open(&lab);
    struct life_id of = issue_one(&lab);
    struct str request = str_of(of.text);
    int64_t now_ms = clock_wall_ms();
    assert_int_equal(outbox_put(&lab.life, request, MESSAGE_CODE, now_ms, &id, NULL), 0);
    assert_int_equal(outbox_take(&lab.life, 1000, rows, ROWS(rows), &n, NULL), 0);
    assert_int_equal(n, 0); /* nobody but its maker knows the code */
    assert_int_equal(outbox_begin(&lab.life, true, NULL), 0);
    assert_int_equal(outbox_each(&lab.life, request, note_shown, &shown, NULL), 0);
    assert_true(shown.failed_ms > 0 && shown.error.n > 0);
    assert_int_equal(outbox_put(&lab.life, request, MESSAGE_ENDS, now_ms, &id, NULL), 0);
    assert_int_equal(outbox_take(&lab.life, 1000, rows, ROWS(rows), &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].id, id);
    assert_int_equal(rows[0].tries, 1);
    assert_int_equal(outbox_take(&lab.life, 1000, rows, ROWS(rows), &n, NULL), 0);
    assert_int_equal(n, 0); /* it is under way */
    assert_int_equal(outbox_result(&lab.life, id, "refused", now_ms + 5000, NULL), 0);
    clock_fake(0, now_ms + 4999);
    assert_int_equal(outbox_take(&lab.life, 1000, rows, ROWS(rows), &n, NULL), 0);
    assert_int_equal(n, 0);
    clock_fake(0, now_ms + 5000);
    assert_int_equal(outbox_take(&lab.life, 1000, rows, ROWS(rows), &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].tries, 2);
    assert_int_equal(outbox_result(&lab.life, id, "refused", now_ms + INT64_C(259200001), NULL), 0);
    clock_fake(0, now_ms + INT64_C(300000000));
    assert_int_equal(outbox_take(&lab.life, 1000, rows, ROWS(rows), &n, NULL), 0);
    assert_int_equal(n, 0); /* given up after three days */
    assert_int_equal(outbox_put(&lab.life, request, MESSAGE_ENDS, now_ms, &id, NULL), 0);
    assert_int_equal(outbox_begin(&lab.life, false, NULL), 0);
    assert_int_equal(outbox_take(&lab.life, 1000, rows, ROWS(rows), &n, NULL), 0);
    assert_int_equal(n, 0); /* nobody sends notices */
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_not_in_use),
        cmocka_unit_test(test_outbox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
