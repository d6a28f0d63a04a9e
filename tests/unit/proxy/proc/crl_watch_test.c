/* When the log is told of the end of a revocation list. */
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "proxy/proc/crl_watch.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/unit/auth/trust_lab.h"

#define NOW_MS (PKI_NOW_S * 1000)

static char written[4096];

/* What one tick writes. */
static const char *told(struct crl_watch *w, int64_t wall_ms)
{
    char path[] = "/tmp/crlwatch-XXXXXX";
    int fd = mkstemp(path);
    struct logfile *f = logfile_open(path, 0, NULL);
    struct log *l = log_new(f, LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, NULL);
    crl_watch_tick(w, wall_ms, l);
    ssize_t n = read(fd, written, sizeof(written) - 1);
    written[n > 0 ? n : 0] = '\0';
    log_free(l);
    logfile_close(f);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(path), 0);
    return written;
}

static void test_stages(void **state)
{
    (void)state;
    EVP_PKEY *key = pki_key();
    X509 *root = pki_ca("Root", key);
    /* From an hour ago for four hours: an hour before the end is a quarter. */
    char *crl = crl_text(root, key, PKI_NOW_S + 3 * HOUR_S, NULL);
    const char *crls[] = {crl, NULL};
    clock_fake(1, NOW_MS);
    struct load *l = load_certs(&root, 1, (struct conf_client){.depth_max = 3}, crls);
    assert_non_null(l->t);
    struct crl_watch w = {0};
    assert_true(crl_watch_wait_ms(&w, NOW_MS) == INT64_MAX);
    crl_watch_add(&w, l->t);
    crl_watch_add(&w, l->t);
    assert_int_equal(w.n, 1);
    int64_t soon_ms = NOW_MS + 2 * HOUR_S * 1000;
    int64_t end_ms = NOW_MS + 3 * HOUR_S * 1000;
    assert_int_equal(crl_watch_wait_ms(&w, NOW_MS), soon_ms - NOW_MS);
    CHECK_STR("too soon", str_of(told(&w, soon_ms - 1)), STR(""));
    assert_non_null(strstr(told(&w, soon_ms), "event=crl_expires_soon issuer=\"CN=Root\""));
    assert_non_null(strstr(written, "seconds_left=3600"));
    CHECK_STR("once", str_of(told(&w, soon_ms)), STR(""));
    assert_int_equal(crl_watch_wait_ms(&w, soon_ms), HOUR_S * 1000);
    assert_int_equal(crl_watch_wait_ms(&w, end_ms + 5), 0);
    assert_non_null(strstr(told(&w, end_ms), "event=crl_expired issuer=\"CN=Root\""));
    CHECK_STR("once", str_of(told(&w, end_ms)), STR(""));
    assert_true(crl_watch_wait_ms(&w, end_ms) == INT64_MAX);
    crl_watch_fini(&w);
    /* One that had ended before it was first looked at is told of once too. */
    crl_watch_add(&w, l->t);
    assert_non_null(strstr(told(&w, end_ms), "event=crl_expired"));
    assert_null(strstr(written, "crl_expires_soon"));
    crl_watch_fini(&w);
    end(l);
    free(l);
    free(crl);
    X509_free(root);
    EVP_PKEY_free(key);
    clock_fake(-1, -1);
}

static void test_last_day(void **state)
{
    (void)state;
    struct crl_watch w = {0};
    struct crl_watched one = {.crl = {.this_s = 0, .next_s = 30 * PKI_DAY_S}};
    w.v = &one;
    w.n = 1;
    assert_int_equal(crl_watch_wait_ms(&w, 0), 29 * PKI_DAY_S * 1000);
}

/* What is told when lists that are called by letters, of times, follow others. */
static void test_older(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct crl_watched old[2], fresh[2];
        const char *told; /* part of it; NULL: nothing */
    } rows[] = {
        {"the first", {{.crl.this_s = 0}}, {{.crl = {"A", {1}, 60, 99, 0}}}, NULL},
        {"a later one", {{.crl = {"A", {1}, 60, 99, 0}}}, {{.crl = {"A", {1}, 61, 99, 0}}}, NULL},
        {"the same", {{.crl = {"A", {1}, 60, 99, 0}}}, {{.crl = {"A", {1}, 60, 99, 0}}}, NULL},
        {"of another key",
         {{.crl = {"A", {1}, 60, 99, 0}}},
         {{.crl = {"A", {2}, 59, 99, 0}}},
         NULL},
        {"of another issuer",
         {{.crl = {"A", {1}, 60, 99, 0}}},
         {{.crl = {"B", {1}, 59, 99, 0}}},
         NULL},
        {"older, beside a later one",
         {{.crl = {"A", {1}, 60, 99, 0}}},
         {{.crl = {"A", {1}, 59, 99, 0}}, {.crl = {"A", {1}, 60, 99, 0}}},
         NULL},
        {"an older one",
         {{.crl = {"A", {1}, 60, 99, 0}}},
         {{.crl = {"A", {1}, 59, 99, 0}}},
         "event=crl_older issuer=A this_update=1970-01-01T00:00:59.000Z "
         "before=1970-01-01T00:01:00.000Z"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char path[] = "/tmp/crlwatch-XXXXXX";
        struct crl_watched old[2] = {rows[i].old[0], rows[i].old[1]};
        struct crl_watched fresh[2] = {rows[i].fresh[0], rows[i].fresh[1]};
        const struct crl_watch before = {old, 1};
        const struct crl_watch after = {fresh, fresh[1].crl.this_s != 0 ? 2 : 1};
        int fd = mkstemp(path);
        struct logfile *f = logfile_open(path, 0, NULL);
        struct log *l = log_new(f, LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, NULL);
        crl_watch_compare(&before, &after, l);
        ssize_t n = read(fd, written, sizeof(written) - 1);
        written[n > 0 ? n : 0] = '\0';
        if (rows[i].told == NULL) {
            CHECK_STR(rows[i].says, str_of(written), STR(""));
        } else if (strstr(written, rows[i].told) == NULL) {
            fail_msg("%s: %s", rows[i].says, written);
        }
        log_free(l);
        logfile_close(f);
        assert_int_equal(close(fd), 0);
        assert_int_equal(unlink(path), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stages),
        cmocka_unit_test(test_last_day),
        cmocka_unit_test(test_older),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
