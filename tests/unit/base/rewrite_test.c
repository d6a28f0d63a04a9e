/* Appending to a file in place: all of a line or nothing, whoever reads meanwhile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/rewrite.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

static struct tmpdir dir;
static char path[TMPDIR_PATH_MAX];

static int setup(void **state)
{
    (void)state;
    tmpdir_make(&dir);
    (void)tmpdir_path(&dir, "file", path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tmpdir_remove(&dir);
    return 0;
}

static bool ignore(void *arg, struct str line)
{
    (void)arg;
    (void)line;
    return true;
}

static int append(struct str line)
{
    struct err e = {0};
    struct rewrite *file = NULL;
    assert_int_equal(rewrite_scan(&file, path, ignore, NULL, &e), 0);
    int rc = rewrite_append(file, line, '#', &e);
    assert_true(rc == 0 || e.text[0] != '\0');
    rewrite_close(file);
    return rc;
}

/* A line of n octets behind so many others, the last of which is ended or not. */
static void append_behind(size_t before, bool ended, size_t n)
{
    static char old[4 * REWRITE_PAGE];
    static char line[REWRITE_PAGE];
    size_t size = 0;
    memset(old, 'o', sizeof(old));
    memset(line, 'n', sizeof(line));
    if (before > 0 && ended) {
        old[before - 1] = '\n';
    }
    line[n - 1] = '\n';
    tmpdir_write(&dir, "file", old, before);
    assert_int_equal(append((struct str){line, n}), 0);

    char *now = tmpdir_read(&dir, "file", &size);
    assert_memory_equal(now, old, before);
    assert_true(size >= before + n);
    size_t at = size - n;
    assert_memory_equal(now + at, line, n);
    assert_int_equal(at / REWRITE_PAGE, (size - 1) / REWRITE_PAGE);
    /* Nothing but the missing end and one line of comment stand between. */
    struct str between = {now + before, at - before};
    if (before > 0 && !ended) {
        assert_true(str_starts(between, STR("\n")));
        between = str_slice(between, 1, between.n);
    }
    assert_true(between.n == 0 || str_chr(between, '\n') == between.n - 1);
    assert_true(between.n <= 1 || between.p[0] == '#');
    free(now);
}

/* Whatever stood there, of whatever length: it stays, and the line is whole within its page. */
static void test_within_a_page(void **state)
{
    (void)state;
    enum { PAGE = REWRITE_PAGE };
    static const size_t lengths[] = {2, 3, 100, 2000, PAGE - 1, PAGE};
    static const size_t before[] = {0,        1,        100,  PAGE - 101, PAGE - 100,  PAGE - 99,
                                    PAGE - 2, PAGE - 1, PAGE, PAGE + 1,   3 * PAGE - 3};
    for (size_t i = 0; i < ROWS(before); i++) {
        for (size_t k = 0; k < ROWS(lengths); k++) {
            append_behind(before[i], false, lengths[k]);
            append_behind(before[i], true, lengths[k]);
        }
    }
}

static void test_refused(void **state)
{
    (void)state;
    static char line[REWRITE_PAGE + 1];
    struct err e = {0};
    struct rewrite *file = NULL;
    memset(line, 'n', sizeof(line));
    line[REWRITE_PAGE] = '\n';
    assert_int_equal(append(STR("a\n")), -ERR_NOT_FOUND); /* there is no file */
    assert_int_not_equal(access(path, F_OK), 0);
    tmpdir_write(&dir, "file", "old\n", 4);
    assert_int_equal(append((struct str){line, sizeof(line)}), -ERR_NOT_FOUND);
    /* Somebody who knows nothing of locks has changed it. */
    assert_int_equal(rewrite_scan(&file, path, ignore, NULL, &e), 0);
    tmpdir_write(&dir, "file", "older\n", 6);
    assert_int_equal(rewrite_append(file, STR("a\n"), '#', &e), -ERR_BUSY);
    rewrite_close(file);
    char *now = tmpdir_read(&dir, "file", NULL);
    assert_string_equal(now, "older\n");
    free(now);
}

static bool gather(void *arg, struct str line)
{
    struct buf *all = arg;
    assert_int_equal(buf_append(all, line), 0);
    assert_int_equal(buf_append(all, STR("|")), 0);
    return !str_eq(line, STR("enough"));
}

static void test_lines(void **state)
{
    (void)state;
    static const struct {
        const char *says, *text, *lines;
    } files[] = {
        {"none", "", ""},
        {"an empty one", "\n", "|"},
        {"the last without its end", "a\n\nb", "a||b|"},
        {"with it", "a\nb\n", "a|b|"},
        {"no more than is wanted", "a\nenough\nb\n", "a|enough|"},
    };
    for (size_t i = 0; i < ROWS(files); i++) {
        struct err e = {0};
        struct rewrite *file = NULL;
        struct buf all;
        buf_init(&all, 1024);
        tmpdir_write(&dir, "file", files[i].text, strlen(files[i].text));
        assert_int_equal(rewrite_scan(&file, path, gather, &all, &e), 0);
        CHECK_STR(files[i].says, buf_str(&all), str_of(files[i].lines));
        CHECK_STR(files[i].says, rewrite_old(file), STR(""));
        rewrite_close(file);
        assert_int_equal(rewrite_open(&file, path, &e), 0);
        CHECK_STR(files[i].says, rewrite_old(file), str_of(files[i].text));
        rewrite_close(file);
        buf_release(&all);
    }
}

/* A file that is longer than what is read at once: each line once and whole. */
struct counted {
    unsigned next;
    bool wrong;
};

static bool count(void *arg, struct str line)
{
    struct counted *c = arg;
    char wanted[32];
    int n = snprintf(wanted, sizeof(wanted), "line %u", c->next++);
    c->wrong = c->wrong || !str_eq(line, (struct str){wanted, (size_t)n});
    return true;
}

static void test_a_long_file(void **state)
{
    (void)state;
    enum { LINES = 100000 };
    struct counted c = {0};
    struct err e = {0};
    struct rewrite *file = NULL;
    struct buf text;
    buf_init(&text, 1 << 24);
    for (unsigned i = 0; i < LINES; i++) {
        assert_int_equal(buf_printf(&text, "line %u\n", i), 0);
    }
    tmpdir_write(&dir, "file", buf_str(&text).p, buf_len(&text));
    assert_int_equal(rewrite_scan(&file, path, count, &c, &e), 0);
    rewrite_close(file);
    assert_true(c.next == LINES && !c.wrong);
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_within_a_page, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_long_file, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
