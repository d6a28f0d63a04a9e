/* Single findings out of many: the first error, the warnings. */
#include <stdlib.h>
#include <unistd.h>

#include "proxy/proc/findings.h"
#include "tests/support/check.h"

static struct diags *some(void)
{
    struct diags *d = diags_new();
    assert_non_null(d);
    uint32_t file = diags_source(d, "a.yaml", STR("one: error: 1\ntwo: warning: 2\nthree\n"));
    diag_add(d, DIAG_WARNING, (struct conf_pos){file, 1, 6}, "log.error: x", "Look.", "odd");
    diag_add(d, DIAG_ERROR, (struct conf_pos){file, 3, 1}, NULL, "Do it.", "later warning: no");
    diag_add(d, DIAG_ERROR, (struct conf_pos){file, 2, 1}, "two", "Now.", "sooner");
    diag_add(d, DIAG_WARNING, (struct conf_pos){0}, NULL, NULL, "without a place");
    return d;
}

static void first_error(void **state)
{
    (void)state;
    char text[128];
    struct diags *d = some();
    findings_first_error(d, text, sizeof(text));
    assert_string_equal(text, "a.yaml:2:1: error: two: sooner");
    findings_first_error(d, text, 8);
    assert_string_equal(text, "a.yaml:");
    diags_free(d);
}

static void no_error(void **state)
{
    (void)state;
    char text[128];
    struct diags *d = diags_new();
    diag_add(d, DIAG_WARNING, (struct conf_pos){0}, NULL, NULL, "nothing much: error: none");
    findings_first_error(d, text, sizeof(text));
    assert_string_equal(text, "the configuration cannot be loaded");
    diags_free(d);
}

static void warnings_become_lines(void **state)
{
    (void)state;
    char path[] = "/tmp/findings-XXXXXX";
    char text[1024];
    struct err e = {0};
    int fd = mkstemp(path);
    struct logfile *f = logfile_open(path, 0, &e);
    struct log *l = log_new(f, LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, NULL);
    struct diags *d = some();
    findings_log_warnings(d, l);
    ssize_t n = read(fd, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    assert_non_null(strstr(text, "finding=\"a.yaml:1:6: warning: log.error: x: odd\""));
    assert_non_null(strstr(text, "finding=\"warning: without a place\""));
    assert_null(strstr(text, "sooner"));
    assert_null(strstr(text, "later"));
    diags_free(d);
    log_free(l);
    logfile_close(f);
    (void)close(fd);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_error),
        cmocka_unit_test(no_error),
        cmocka_unit_test(warnings_become_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
