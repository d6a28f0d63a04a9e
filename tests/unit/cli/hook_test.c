/* Tests of cli/hook.c with small shell scripts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "cli/hook.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

static void ends(void **state)
{
    static const struct {
        const char *says;
        const char *script; /* NULL: there is none */
        mode_t mode;
        int rc;
        const char *word;
    } rows[] = {
        {"it is not there", NULL, 0, -ERR_IO, "cannot be run"},
        {"it may not be run", "#!/bin/sh\n", 0600, -ERR_IO, "cannot be run"},
        {"it is no program", "nothing\n", 0700, -ERR_IO, "cannot be run"},
        {"it fails", "#!/bin/sh\nexit 3\n", 0700, -ERR_DENIED, "status 3"},
        {"a signal ends it", "#!/bin/sh\nkill -TERM $$\n", 0700, -ERR_DENIED, "signal 15"},
        {"it never ends, nor does what it started", "#!/bin/sh\nsleep 600 & sleep 600\n", 0700,
         -ERR_BUSY, "took longer"},
        {"its value is not there", "#!/bin/sh\n[ \"$B\" = missing ]\n", 0700, -ERR_DENIED,
         "status 1"},
        {"it reads to the end", "#!/bin/sh\n! read line\n", 0700, 0, ""},
        {"it gets the values and our own",
         "#!/bin/sh\n[ \"$A\" = 'one  $(two)' ] && [ \"$B\" = '' ] && [ \"$OURS\" = yes ]\n", 0700,
         0, ""},
    };
    static const char *const values[] = {"A=one  $(two)", "B="};
    struct tmpdir dir;
    char path[TMPDIR_PATH_MAX];
    (void)state;
    tmpdir_make(&dir);
    assert_int_equal(setenv("OURS", "yes", 1), 0);
    (void)tmpdir_path(&dir, "hook", path);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct err e = {0};
        if (rows[i].script != NULL) {
            tmpdir_write(&dir, "hook", rows[i].script, strlen(rows[i].script));
            assert_int_equal(chmod(path, rows[i].mode), 0);
        }
        unsigned limit_ms = rows[i].rc == -ERR_BUSY ? 50 : 60000;
        CHECK_ROW(rows[i].says, hook_run(path, values, 2, limit_ms, &e) == rows[i].rc);
        CHECK_ROW(rows[i].says, strstr(e.text, rows[i].word) != NULL);
    }
    tmpdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
