/* The chunk machine by itself: events and where it stops. The table of refused chunks stands in
 * h1_reader_request_test.c. */
#include <stdio.h>

#include "proxy/http/chunk.h"
#include "tests/support/check.h"

static void test_events(void **state)
{
    (void)state;
    struct chunk c;
    struct str rest = STR("3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n");
    struct str data = STR_NONE;
    size_t used = 0;
    enum reason why = REASON_OK;
    chunk_init(&c, 64, 3);
    assert_int_equal(chunk_feed(&c, str_slice(rest, 0, 8), &used, &data, &why), CHUNK_DATA);
    assert_int_equal(used, 8);
    CHECK_STR("first piece", data, STR("a"));
    rest = str_slice(rest, used, rest.n);
    assert_int_equal(chunk_feed(&c, rest, &used, &data, &why), CHUNK_DATA);
    assert_int_equal(used, 2);
    CHECK_STR("second piece", data, STR("bc"));
    rest = str_slice(rest, used, rest.n);
    assert_int_equal(chunk_feed(&c, STR(""), &used, &data, &why), CHUNK_MORE);
    assert_int_equal(chunk_feed(&c, rest, &used, &data, &why), CHUNK_LAST);
    CHECK_STR("trailers are left", str_slice(rest, used, rest.n), STR("X: y\r\n\r\n"));
    assert_int_equal(chunk_feed(&c, STR("X"), &used, &data, &why), CHUNK_BAD);
    assert_int_equal(why, REASON_INTERNAL);
}

static void test_dead_stays_dead(void **state)
{
    (void)state;
    struct chunk c;
    struct str data = STR_NONE;
    size_t used = 0;
    enum reason why = REASON_OK;
    chunk_init(&c, 64, 3);
    assert_int_equal(chunk_feed(&c, STR("4"), &used, &data, &why), CHUNK_BAD);
    assert_int_equal(why, REASON_HTTP_BODY_TOO_LARGE);
    assert_int_equal(chunk_feed(&c, STR("0\r\n"), &used, &data, &why), CHUNK_BAD);
}

/* So many chunks of size octets, each line filled up with an extension: how many are taken. */
static unsigned chunks_taken(unsigned size, unsigned line)
{
    char text[512];
    struct chunk c;
    unsigned n = 0;
    chunk_init(&c, 256, UINT64_MAX);
    int head = snprintf(text, sizeof(text), "%x;", size);
    memset(text + head, 'a', sizeof(text) - (size_t)head);
    memcpy(text + line - 2, "\r\n", 2);
    memcpy(text + line + size, "\r\n", 2);
    for (; n < 10000; n++) {
        struct str rest = {text, line + size + 2};
        while (rest.n > 0) {
            struct str data = STR_NONE;
            size_t used = 0;
            enum reason why = REASON_OK;
            if (chunk_feed(&c, rest, &used, &data, &why) == CHUNK_BAD) {
                assert_int_equal(why, REASON_HTTP_CHUNK);
                return n;
            }
            rest = str_slice(rest, used, rest.n);
        }
    }
    return n;
}

static void test_lines_add_up(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        unsigned size, line, taken;
    } rows[] = {
        {"a short line is free", 1, 18, 10000},
        {"what it has over adds up", 1, 218, 81},
        {"the longest line that may be", 1, 256, 68},
        {"larger chunks excuse longer lines", 119, 254, 10000},
        {"but not any", 60, 256, 136},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        CHECK_ROW(rows[i].says, chunks_taken(rows[i].size, rows[i].line) == rows[i].taken);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_dead_stays_dead),
        cmocka_unit_test(test_lines_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
