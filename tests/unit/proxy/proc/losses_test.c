/* What is said of lost lines, and how often. */
#include <stdlib.h>

#include "base/clock.h"
#include "proxy/proc/losses.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

static struct tmpdir dir;

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *p = strstr(text, part); p != NULL; p = strstr(p + 1, part)) {
        n++;
    }
    return n;
}

static void told_at_once_then_once_a_minute(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        uint64_t at_ms;
        unsigned lines; /* lost before */
        size_t told;    /* lines of the error log afterwards */
        const char *last;
    } rows[] = {
        {"nothing lost, nothing said", 5, 0, 0, NULL},
        {"the first loss", 10, 1, 1, "lines=1 error=\"No space left on device\""},
        {"too soon", 1000, 3, 1, NULL},
        {"still", 10 + LOSSES_SILENT_MS - 1, 2, 1, NULL},
        {"the minute is over: all since", 10 + LOSSES_SILENT_MS, 0, 2, "lines=5 "},
        {"nothing new", 10 + 3 * LOSSES_SILENT_MS, 0, 2, NULL},
        {"new after a long time: at once", 11 + 3 * LOSSES_SILENT_MS, 2, 3, "lines=2 "},
    };
    char path[TMPDIR_PATH_MAX];
    struct err e = {0};
    struct logfile *errors = logfile_open(tmpdir_path(&dir, "errors", path), 0, &e);
    struct logfile *full = logfile_open("/dev/full", 0, &e);
    struct log *log = log_new(errors, LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, "worker 0");
    struct losses losses = {0};
    assert_true(errors != NULL && full != NULL && log != NULL);
    for (size_t i = 0; i < ROWS(rows); i++) {
        for (unsigned k = 0; k < rows[i].lines; k++) {
            logfile_line(full, STR("lost"));
        }
        losses_tell(&losses, full, "access", log, rows[i].at_ms);
        char *text = tmpdir_read(&dir, "errors", NULL);
        CHECK_ROW(rows[i].says, count(text, "event=log_lines_lost log=access") == rows[i].told);
        CHECK_ROW(rows[i].says, rows[i].last == NULL || count(text, rows[i].last) == 1);
        free(text);
    }
    log_free(log);
    logfile_close(full);
    logfile_close(errors);
}

static int make_directory(void **state)
{
    (void)state;
    tmpdir_make(&dir);
    return 0;
}

static int drop_directory(void **state)
{
    (void)state;
    tmpdir_remove(&dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(told_at_once_then_once_a_minute)};
    return cmocka_run_group_tests(tests, make_directory, drop_directory);
}
