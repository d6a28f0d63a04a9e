/* Variables in values. */
#include <stdlib.h>

#include "conf/expand.h"
#include "tests/support/check.h"

static void set_variable(const char *name, const char *value)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): a test has one thread */
    assert_int_equal(setenv(name, value, 1), 0);
}

static void test_rows(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        int rc;
        const char *text;
    } rows[] = {
        {"plain", 0, "plain"},
        {"", 0, ""},
        {"${CS_A}", 0, "alpha"},
        {"<${CS_A}${CS_A}>", 0, "<alphaalpha>"},
        {"$$", 0, "$"},
        {"$${CS_A}", 0, "${CS_A}"},
        {"$$$${x", 0, "$${x"},
        {"${CS_NONE:-d}", 0, "d"},
        {"${CS_NONE:-}", 0, ""},
        {"${CS_NONE:-a:-b}", 0, "a:-b"},
        {"${CS_EMPTY}", 0, ""},
        {"${CS_EMPTY:-d}", 0, "d"},
        {"${CS_DOLLAR}", 0, "${CS_A}"},
        {"${CS_NONE}", -ERR_NOT_FOUND, "the environment variable CS_NONE is not set"},
        {"a$", -ERR_MALFORMED, "a $ that begins no ${NAME} must be written $$"},
        {"$CS_A", -ERR_MALFORMED, "a $ that begins no ${NAME} must be written $$"},
        {"${CS_A", -ERR_MALFORMED, "a $ that begins no ${NAME} must be written $$"},
        {"${}", -ERR_MALFORMED, "between ${ and } stands a name, or NAME:-default"},
        {"${1A}", -ERR_MALFORMED, "between ${ and } stands a name, or NAME:-default"},
        {"${A B}", -ERR_MALFORMED, "between ${ and } stands a name, or NAME:-default"},
        {"${A:b}", -ERR_MALFORMED, "between ${ and } stands a name, or NAME:-default"},
    };
    struct arena a;
    arena_init(&a, SIZE_MAX);
    set_variable("CS_A", "alpha");
    set_variable("CS_EMPTY", "");
    set_variable("CS_DOLLAR", "${CS_A}");
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct err e = {0};
        struct str out;
        CHECK_ROW(rows[i].raw, expand(&a, str_of(rows[i].raw), &out, &e) == rows[i].rc);
        CHECK_STR(rows[i].raw, rows[i].rc == 0 ? out : str_of(e.text), str_of(rows[i].text));
    }
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
