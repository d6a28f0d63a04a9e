/* Error-log lines: their form, and that no value can forge another line or field. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

static struct tmpdir dir;

static int set_up(void **state)
{
    (void)state;
    tmpdir_make(&dir);
    clock_fake(0, INT64_C(1709251199999));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    clock_fake(-1, -1);
    tmpdir_remove(&dir);
    return 0;
}

struct fixture {
    struct logfile *file;
    struct log *log;
};

static struct fixture open_log(enum log_level level, enum log_format format, const char *role)
{
    char path[TMPDIR_PATH_MAX];
    struct fixture f;
    f.file = logfile_open(tmpdir_path(&dir, "log", path), 0, NULL);
    assert_non_null(f.file);
    f.log = log_new(f.file, level, format, role);
    assert_non_null(f.log);
    return f;
}

/* Closes f; all that was logged. */
static char *close_log(struct fixture *f)
{
    log_free(f->log);
    logfile_close(f->file);
    return tmpdir_read(&dir, "log", NULL);
}

#define START "time=2024-02-29T23:59:59.999Z level=info role=\"worker 0\" event=refused"
#define JSON_START                                                                                 \
    "{\"time\":\"2024-02-29T23:59:59.999Z\",\"level\":\"info\",\"role\":\"worker 0\","             \
    "\"event\":\"refused\""

static void test_values(void **state)
{
    static const struct {
        const char *says;
        struct str value;
        const char *logfmt;
        const char *json;
    } rows[] = {
        {"a plain word", {"alice", 5}, "alice", "\"alice\""},
        {"nothing", {NULL, 0}, "\"\"", "\"\""},
        {"a blank", {"a b", 3}, "\"a b\"", "\"a b\""},
        {"an equals sign", {"a=b", 3}, "\"a=b\"", "\"a=b\""},
        {"a line end",
         {"x\ntime=1 level=error", 20},
         "\"x\\x0atime=1 level=error\"",
         "\"x\\u000atime=1 level=error\""},
        {"a carriage return", {"x\r", 2}, "\"x\\x0d\"", "\"x\\u000d\""},
        {"a quote that would end the value",
         {"x\" event=forged", 15},
         "\"x\\x22 event=forged\"",
         "\"x\\\" event=forged\""},
        {"a backslash at the end", {"x\\", 2}, "\"x\\x5c\"", "\"x\\\\\""},
        {"a NUL", {"x\0y", 3}, "\"x\\x00y\"", "\"x\\u0000y\""},
        {"an escape sequence", {"\x1b[1m", 4}, "\"\\x1b[1m\"", "\"\\u001b[1m\""},
        {"UTF-8", {"\xc3\xa4", 2}, "\"\\xc3\\xa4\"", "\"\xc3\xa4\""},
        {"U+2028 as UTF-8", {"\xe2\x80\xa8", 3}, "\"\\xe2\\x80\\xa8\"", "\"\xe2\x80\xa8\""},
        {"a C1 line end", {"\xc2\x85", 2}, "\"\\xc2\\x85\"", "\"\\u0085\""},
        {"no UTF-8", {"\xff", 1}, "\"\\xff\"", "\"\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < 2 * ROWS(rows); i++) {
        enum log_format format = i % 2 == 0 ? LOG_FORMAT_LOGFMT : LOG_FORMAT_JSON;
        bool json = format == LOG_FORMAT_JSON;
        char wanted[512];
        (void)set_up(state);
        struct fixture f = open_log(LOG_LEVEL_INFO, format, "worker 0");
        LOG(f.log, LOG_LEVEL_INFO, "refused", LOG_TEXT("user", rows[i / 2].value),
            LOG_NUMBER("port", -7));
        char *text = close_log(&f);
        (void)snprintf(wanted, sizeof(wanted),
                       json ? JSON_START ",\"user\":%s,\"port\":-7}\n" : START " user=%s port=-7\n",
                       json ? rows[i / 2].json : rows[i / 2].logfmt);
        CHECK_STR(rows[i / 2].says, str_of(text), str_of(wanted));
        free(text);
        (void)tear_down(state);
    }
}

static void test_levels(void **state)
{
    (void)set_up(state);
    struct fixture f = open_log(LOG_LEVEL_WARNING, LOG_FORMAT_LOGFMT, NULL);
    assert_true(log_wants(f.log, LOG_LEVEL_ERROR));
    assert_true(log_wants(f.log, LOG_LEVEL_WARNING));
    assert_false(log_wants(f.log, LOG_LEVEL_INFO));
    assert_false(log_wants(NULL, LOG_LEVEL_ERROR));
    log_event(f.log, LOG_LEVEL_ERROR, "a", NULL, 0);
    log_event(f.log, LOG_LEVEL_WARNING, "b", NULL, 0);
    log_event(f.log, LOG_LEVEL_INFO, "c", NULL, 0);
    log_event(f.log, LOG_LEVEL_DEBUG, "d", NULL, 0);
    log_event(NULL, LOG_LEVEL_ERROR, "e", NULL, 0);
    char *text = close_log(&f);
    assert_string_equal(text, "time=2024-02-29T23:59:59.999Z level=error event=a\n"
                              "time=2024-02-29T23:59:59.999Z level=warning event=b\n");
    free(text);
    (void)tear_down(state);
}

static void test_reason_levels(void **state)
{
    (void)state;
    assert_int_equal(log_level_of(REASON_INTERNAL), LOG_LEVEL_ERROR);
    assert_int_equal(log_level_of(REASON_CLIENT_CLOSED), LOG_LEVEL_INFO);
    assert_int_equal(log_level_of(REASON_PAIRING_MISMATCH), LOG_LEVEL_WARNING);
    assert_int_equal(log_level_of(REASON_UPSTREAM_CLOSED), LOG_LEVEL_WARNING);
}

/* Values of every size around the bound: the line stays one line, and JSON stays closed. */
static void test_long_lines(void **state)
{
    static char big[4000];
    memset(big, '\n', sizeof(big));
    for (size_t n = 0; n < 40; n++) {
        (void)set_up(state);
        struct fixture f = open_log(LOG_LEVEL_INFO, LOG_FORMAT_JSON, "master");
        struct log_field fields[6];
        for (size_t i = 0; i < ROWS(fields); i++) {
            fields[i] = LOG_TEXT("v", ((struct str){big, i < 2 ? sizeof(big) : 600 + n}));
        }
        log_event(f.log, LOG_LEVEL_INFO, "long", fields, ROWS(fields));
        char *text = close_log(&f);
        size_t len = strlen(text);
        assert_true(len > 12000 && len <= 16384 + 1);
        assert_ptr_equal(strchr(text, '\n'), text + len - 1);
        assert_memory_equal(text + len - 3, "\"}\n", 3);
        free(text);
        (void)tear_down(state);
    }
}

static void test_no_memory(void **state)
{
    (void)set_up(state);
    struct fixture f = open_log(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, NULL);
    for (unsigned long nth = 1; nth <= 2; nth++) {
        mem_fail_after(nth, false);
        assert_null(log_new(f.file, LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, NULL));
    }
    mem_fail_after(0, false);
    log_event(f.log, LOG_LEVEL_INFO, "first", NULL, 0);
    mem_fail_after(1, true);
    LOG(f.log, LOG_LEVEL_ERROR, "out_of_memory", LOG_NUMBER("n", 1));
    mem_fail_after(0, false);
    assert_int_equal(logfile_lost(f.file), 0);
    char *text = close_log(&f);
    assert_non_null(strstr(text, "event=out_of_memory n=1\n"));
    free(text);
    log_free(NULL);
    (void)tear_down(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_reason_levels), cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
