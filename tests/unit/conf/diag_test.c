/* Findings: their order and printed form, places, the nearest word. */
#include "base/mem.h"
#include "conf/diag.h"
#include "tests/support/check.h"

static struct conf_pos place(uint32_t file, uint32_t line, uint32_t column)
{
    return (struct conf_pos){file, line, column};
}

static void test_render(void **state)
{
    (void)state;
    struct buf out;
    struct diags *d = diags_new();
    uint32_t a = diags_source(d, "a.yaml", STR("one: 1\n\t\xc3\xa4two: 2\nthree\x1b"));
    uint32_t b = diags_source(d, "b.yaml", STR("x"));
    diag_add(d, DIAG_ERROR, place(b, 1, 1), "k", NULL, "in %s", "b");
    diag_add(d, DIAG_WARNING, place(a, 2, 4), NULL, "Do so.", "second");
    diag_add(d, DIAG_ERROR, place(a, 1, 6), "one", NULL, "first");
    diag_add(d, DIAG_ERROR, place(a, 3, 2), "three", NULL, "third");
    diag_add(d, DIAG_ERROR, place(0, 0, 0), NULL, NULL, "nowhere");
    diag_add(d, DIAG_ERROR, place(a, 1, 6), "one", NULL, "first again");
    buf_init(&out, SIZE_MAX);
    assert_int_equal(diags_errors(d), 5);
    assert_int_equal(diags_warnings(d), 1);
    assert_int_equal(diags_render(d, &out), 0);
    CHECK_STR("all", buf_str(&out),
              STR("error: nowhere\n"
                  "a.yaml:1:6: error: one: first\n    1 | one: 1\n      |      ^\n"
                  "a.yaml:1:6: error: one: first again\n    1 | one: 1\n      |      ^\n"
                  "a.yaml:2:4: warning: second\n    2 | \t\xc3\xa4two: 2\n      | \t ^\n"
                  "  help: Do so.\n"
                  "a.yaml:3:2: error: three: third\n    3 | three?\n      |  ^\n"
                  "b.yaml:1:1: error: k: in b\n    1 | x\n      | ^\n"));
    buf_release(&out);
    diags_free(d);
    diags_free(NULL);
}

static void test_long_line(void **state)
{
    (void)state;
    char text[1001];
    struct buf out;
    memset(text, 'x', 1000);
    text[500] = '!';
    struct diags *d = diags_new();
    (void)diags_source(d, "a", (struct str){text, 1000});
    diag_add(d, DIAG_ERROR, place(0, 1, 501), NULL, NULL, "here");
    buf_init(&out, SIZE_MAX);
    assert_int_equal(diags_render(d, &out), 0);
    struct str line;
    struct str rest = buf_str(&out);
    (void)str_cut(rest, '\n', &line, &rest);
    (void)str_cut(rest, '\n', &line, &rest);
    size_t mark = str_chr(line, '!');
    assert_true(line.n < 200);
    assert_int_equal(str_chr(rest, '^'), mark);
    buf_release(&out);
    diags_free(d);
}

static void test_places(void **state)
{
    (void)state;
    struct diags *d = diags_new();
    uint32_t f = diags_source(d, "a",
                              STR("ab\r\nc\rd\xc2\x85"
                                  "e\xe2\x80\xa8\xc3\xa4z\n"));
    static const struct {
        size_t offset;
        uint32_t line;
        uint32_t column;
    } rows[] = {{0, 1, 1}, {1, 1, 2}, {4, 2, 1}, {6, 3, 1}, {9, 4, 1}, {13, 5, 1}, {17, 6, 1}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct conf_pos at = diags_place(d, f, rows[i].offset);
        assert_int_equal(at.line, rows[i].line);
        assert_int_equal(at.column, rows[i].column);
    }
    assert_int_equal(diags_column(d, f, 5, 0), 1);
    assert_int_equal(diags_column(d, f, 5, 1), 3);
    assert_int_equal(diags_column(d, f, 5, 99), 4);
    assert_int_equal(diags_column(d, f, 99, 1), 1);
    assert_int_equal(diags_column(d, 7, 1, 1), 1);
    assert_null(diags_source_name(d, 7));
    assert_string_equal(diags_source_name(d, f), "a");
    diags_free(d);
}

static void test_mask(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"a pin=12 b", "a pin=** b"},
        {"PIN=12", "PIN=**"},
        {"pin=1\tpin=2\r", "pin=*\tpin=*"},
        {"pin=\"1;2\"", "pin=*****"},
        {"pin=", "pin="},
        {"pin", "pin"},
        {"pi=12 npin=1", "pi=12 npin=*"},
        {"pin=pin=1", "pin=*****"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct diags *d = diags_new();
        struct buf out;
        buf_init(&out, 1000);
        uint32_t f = diags_source(d, "a", str_of(rows[i].text));
        diags_mask(d, f, STR("pin="));
        diags_mask(d, f + 1, STR("pin="));
        diag_add(d, DIAG_ERROR, (struct conf_pos){f, 1, 1}, "k", "h", "x");
        assert_int_equal(diags_render(d, &out), 0);
        assert_int_equal(buf_append(&out, (struct str){"", 1}), 0);
        CHECK_ROW(rows[i].text, strstr(buf_str(&out).p, rows[i].shown) != NULL);
        buf_release(&out);
        diags_free(d);
    }
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const words[] = {"certificate", "client", "key", "mode", "address"};
    static const struct {
        const char *word;
        const char *near;
    } rows[] = {
        {"certficate", "certificate"},
        {"cleint", "client"},
        {"kye", "key"},
        {"Mode", "mode"},
        {"adress", "address"},
        {"cert", "certificate"},
        {"x", NULL},
        {"", NULL},
        {"timeout", NULL},
        {"zzzzzzzzzzz", NULL},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *near = diag_nearest(str_of(rows[i].word), words, ROWS(words));
        CHECK_STR(rows[i].word, str_of(near), str_of(rows[i].near));
    }
    char large[300];
    memset(large, 'a', sizeof(large));
    assert_null(diag_nearest((struct str){large, sizeof(large)}, words, ROWS(words)));
}

static void test_no_memory(void **state)
{
    (void)state;
    for (unsigned long nth = 1; nth < 12; nth++) {
        struct buf out;
        struct diags *d = diags_new();
        assert_non_null(d);
        buf_init(&out, SIZE_MAX);
        mem_fail_after(nth, true);
        uint32_t f = diags_source(d, "a", STR("x"));
        diag_add(d, DIAG_ERROR, place(f, 1, 1), "k", "Help.", "text");
        mem_fail_after(0, false);
        assert_int_equal(diags_errors(d), 1);
        assert_int_equal(diags_render(d, &out), 0);
        assert_true(buf_len(&out) > 0);
        buf_release(&out);
        diags_free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_render), cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_places), cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_mask),   cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
