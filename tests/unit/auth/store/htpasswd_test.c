/* Reading htpasswd files: what is refused with its line, and that no finding shows a secret. */
#include <stdio.h>
#include <stdlib.h>

#include "auth/store/htpasswd.h"
#include "base/mem.h"
#include "tests/support/check.h"

#define GOOD "$5$rounds=1000$saltsalt$eKLZU9t9OoPWrqOQsoTIKG0aYkZ5rGOoOQhiIvoSWX2"
#define WEAK "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="
#define NAME_255                                                                                   \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
    "xxx"                                                                                          \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
    "xxx"                                                                                          \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static char *render(const struct diags *d)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(diags_render(d, &out), 0);
    struct str s = buf_str(&out);
    char *text = strndup(s.p, s.n);
    buf_release(&out);
    return text;
}

static struct htpasswd *read_all(struct str text, struct diags *d)
{
    struct htpasswd *h = NULL;
    int rc = htpasswd_read("users", text, d, &h);
    assert_int_equal(rc, h != NULL ? 0 : -ERR_MALFORMED);
    return h;
}

static void test_refused(void **state)
{
    (void)state;
    const struct {
        const char *says;
        struct str text;
        const char *place; /* part of the finding */
    } rows[] = {
        {"a line without a colon", STR("alice\n"), "users:1:1: error"},
        {"plain text", STR("alice:secret\n"), "users:1:7: error"},
        {"DES", STR("alice:ab1FBcWEbYq7w\n"), "users:1:7: error"},
        {"no hash", STR("alice:\n"), "users:1:7: error"},
        {"a hash cut short", STR("a:" GOOD "\nb:$5$salt$short\n"), "users:2:3: error"},
        {"an empty name", STR(":" GOOD "\n"), "users:1:1: error"},
        {"a control character in a name", STR("al\x01ice:" GOOD "\n"), "users:1:1: error"},
        {"a NUL in a name", STR("al\0ice:" GOOD "\n"), "users:1:1: error"},
        {"a carriage return in a name", STR("al\rice:" GOOD "\n"), "users:1:1: error"},
        {"a name that is no UTF-8", STR("al\xffice:" GOOD "\n"), "users:1:1: error"},
        {"a blank before a name", STR(" alice:" GOOD "\n"), "users:1:1: error"},
        {"a blank behind a name", STR("alice :" GOOD "\n"), "users:1:1: error"},
        {"a name of 256", STR(NAME_255 "x:" GOOD "\n"), "users:1:1: error"},
        {"a name twice", STR("alice:" GOOD "\n# and\nalice:" WEAK "\n"), "users:3:1: error"},
        {"a blank behind the hash", STR("alice:" GOOD " \n"), "users:1:7: error"},
        {"a further field", STR("alice:" GOOD ":x\n"), "users:1:7: error"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct diags *d = diags_new();
        struct htpasswd *h = read_all(rows[i].text, d);
        char *text = render(d);
        CHECK_ROW(rows[i].says, h == NULL);
        CHECK_ROW(rows[i].says, diags_errors(d) == 1);
        CHECK_ROW(rows[i].says, strstr(text, rows[i].place) != NULL);
        CHECK_ROW(rows[i].says, strstr(text, "secret") == NULL);
        CHECK_ROW(rows[i].says, strstr(text, "ab1FBcWEbYq7w") == NULL);
        CHECK_ROW(rows[i].says, strstr(text, "eKLZU9t9") == NULL);
        free(text);
        diags_free(d);
    }
}

static void test_read(void **state)
{
    (void)state;
    struct diags *d = diags_new();
    struct htpasswd *h = read_all(STR("# comment: not a user\n\n  \nzoe:" GOOD "\r\n"
                                      "b\xc3\xa4r:" GOOD "\n" NAME_255 ":" GOOD "\n"
                                      "alice@example.com:" WEAK),
                                  d);
    assert_non_null(h);
    assert_int_equal(diags_errors(d), 0);
    assert_int_equal(diags_warnings(d), 1);
    size_t n = 0;
    const struct htpasswd_entry *entries = htpasswd_entries(h, &n);
    assert_int_equal(n, 4);
    CHECK_STR("sorted by name", entries[0].name, STR("alice@example.com"));
    CHECK_STR("the last line needs no line feed", entries[0].hash, STR(WEAK));
    const struct htpasswd_entry *zoe = htpasswd_find(h, STR("zoe"));
    assert_non_null(zoe);
    CHECK_STR("no carriage return is left", zoe->hash, STR(GOOD));
    assert_int_equal(zoe->line, 4);
    assert_non_null(htpasswd_find(h, STR("b\xc3\xa4r")));
    assert_null(htpasswd_find(h, STR("Zoe")));
    assert_null(htpasswd_find(h, STR("zo")));
    assert_null(htpasswd_find(h, STR("")));
    htpasswd_free(h);
    diags_free(d);
}

static void test_nothing(void **state)
{
    (void)state;
    struct diags *d = diags_new();
    struct htpasswd *h = read_all(STR(""), d);
    assert_non_null(h);
    size_t n = 9;
    (void)htpasswd_entries(h, &n);
    assert_int_equal(n, 0);
    assert_null(htpasswd_find(h, STR("alice")));
    htpasswd_free(h);
    htpasswd_free(NULL);
    diags_free(d);
}

/* A file that is something else is given up after a while. */
static void test_not_htpasswd(void **state)
{
    (void)state;
    char text[4096];
    memset(text, '\n', sizeof(text));
    for (size_t i = 0; i < sizeof(text); i += 2) {
        text[i] = 'x';
    }
    struct diags *d = diags_new();
    assert_null(read_all((struct str){text, sizeof(text)}, d));
    assert_true(diags_errors(d) >= 10 && diags_errors(d) <= 200);
    diags_free(d);
}

/* Whichever allocation fails, and whether there is memory again behind it. */
static void test_memory(void **state)
{
    (void)state;
    const struct {
        const char *says;
        struct str text;
        int rc;           /* with all memory */
        const char *told; /* of what is wrong */
    } rows[] = {
        {"good", STR("alice:" GOOD "\nbob:" GOOD "\n"), 0, NULL},
        {"one is weak", STR("alice:" WEAK "\nbob:" GOOD "\n"), 0, "is of a weak kind"},
        {"one is faulty", STR("alice:secret\nbob:" GOOD "\n"), -ERR_MALFORMED, "not a password"},
    };
    for (size_t i = 0; i < ROWS(rows) * 2; i++) {
        bool failed = true;
        for (unsigned long nth = 1; failed; nth++) {
            struct diags *d = diags_new();
            struct htpasswd *h = NULL;
            mem_fail_after(nth, i % 2 == 0);
            int rc = htpasswd_read("users", rows[i / 2].text, d, &h);
            failed = mem_allocations() >= nth;
            mem_fail_after(0, false);
            char *text = render(d);
            CHECK_ROW(rows[i / 2].says, (rc == 0) == (h != NULL));
            CHECK_ROW(rows[i / 2].says, rc == rows[i / 2].rc || (failed && rc == -ERR_NOMEM));
            CHECK_ROW(rows[i / 2].says, rc != -ERR_NOMEM || strstr(text, "out of memory") != NULL);
            CHECK_ROW(rows[i / 2].says, rc != -ERR_NOMEM || strstr(text, "password") == NULL);
            CHECK_ROW(rows[i / 2].says, rc == -ERR_NOMEM || rows[i / 2].told == NULL ||
                                            strstr(text, rows[i / 2].told) != NULL ||
                                            strstr(text, "out of memory") != NULL);
            CHECK_ROW(rows[i / 2].says, strstr(text, "secret") == NULL);
            htpasswd_free(h);
            free(text);
            diags_free(d);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused), cmocka_unit_test(test_read),
        cmocka_unit_test(test_nothing), cmocka_unit_test(test_not_htpasswd),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
