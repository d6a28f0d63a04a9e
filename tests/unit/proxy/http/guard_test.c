/* The guard by itself: where it stops, its bounds, and that each octet at each place is judged as
 * its class says. The table of refused heads stands in h1_reader_request_test.c. */
#include "proxy/http/guard.h"
#include "proxy/http/octet.h"
#include "tests/support/check.h"

/* An initializer for a text, which may hold NUL. */
#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static enum guard_result feed(enum guard_kind kind, struct str octets, size_t *used,
                              enum reason *why)
{
    struct guard g;
    guard_init(&g, kind, 4096, 8, 64);
    *why = REASON_OK;
    return guard_feed(&g, octets, used, why);
}

static void test_where_it_stops(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        enum guard_kind kind;
        enum guard_result result;
        struct str octets;
        size_t used;
    } rows[] = {
        {"request, rest left", GUARD_REQUEST, GUARD_DONE, TEXT("GET / HTTP/1.1\r\nA: b\r\n\r\nxyz"),
         24},
        {"request without its end", GUARD_REQUEST, GUARD_MORE, TEXT("GET / HTTP/1.1\r\nA: b\r\n\r"),
         23},
        {"response, rest left", GUARD_RESPONSE, GUARD_DONE, TEXT("HTTP/1.1 200 OK\r\n\r\nxyz"), 19},
        {"no trailers", GUARD_TRAILERS, GUARD_DONE, TEXT("\r\nxyz"), 2},
        {"trailers", GUARD_TRAILERS, GUARD_DONE, TEXT("A: b\r\n\r\nxyz"), 8},
        {"nothing", GUARD_REQUEST, GUARD_MORE, TEXT(""), 0},
        {"no octets", GUARD_REQUEST, GUARD_MORE, {NULL, 0}, 0},
        {"bad octet: what is before it is counted", GUARD_TRAILERS, GUARD_BAD,
         TEXT("A: b\nC: d\r\n"), 4},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t used = SIZE_MAX;
        enum reason why = REASON_OK;
        CHECK_ROW(rows[i].says, feed(rows[i].kind, rows[i].octets, &used, &why) == rows[i].result);
        CHECK_ROW(rows[i].says, used == rows[i].used);
    }
}

/* All 256 octets at one place of a head: those of a class are let in, the others are not. */
static const struct place {
    const char *says;
    enum guard_kind kind;
    unsigned allowed; /* classes */
    struct str head;
    size_t at;
    const char *other; /* allowed besides, as they mean something there */
} places[] = {
    {"method", GUARD_REQUEST, OCTET_TOKEN, TEXT("GXT / HTTP/1.1\r\n\r\n"), 1, ""},
    {"first of the target", GUARD_REQUEST, OCTET_VISIBLE, TEXT("GET X HTTP/1.1\r\n\r\n"), 4, ""},
    {"target", GUARD_REQUEST, OCTET_VISIBLE, TEXT("GET /XY HTTP/1.1\r\n\r\n"), 5, ""},
    {"minor version", GUARD_REQUEST, 0, TEXT("GET / HTTP/1.X\r\n\r\n"), 13, "01"},
    {"first of a name", GUARD_REQUEST, OCTET_TOKEN, TEXT("GET / HTTP/1.1\r\nXa: b\r\n\r\n"), 16,
     ""},
    {"name", GUARD_REQUEST, OCTET_TOKEN, TEXT("GET / HTTP/1.1\r\naX: b\r\n\r\n"), 17, ":"},
    {"first of a value", GUARD_REQUEST, OCTET_VALUE, TEXT("GET / HTTP/1.1\r\na:Xb\r\n\r\n"), 18,
     ""},
    {"last of a value", GUARD_REQUEST, OCTET_VALUE, TEXT("GET / HTTP/1.1\r\na:bX\r\n\r\n"), 19, ""},
    {"LF behind the request line", GUARD_REQUEST, 0, TEXT("GET / HTTP/1.1\rX\r\n"), 15, "\n"},
    {"LF behind a field", GUARD_REQUEST, 0, TEXT("GET / HTTP/1.1\r\na: b\rX\r\n"), 21, "\n"},
    {"last LF", GUARD_REQUEST, 0, TEXT("GET / HTTP/1.1\r\n\rX"), 17, "\n"},
    {"first of the status", GUARD_RESPONSE, 0, TEXT("HTTP/1.1 X00 OK\r\n\r\n"), 9, "12345"},
    {"second of the status", GUARD_RESPONSE, 0, TEXT("HTTP/1.1 2X0 OK\r\n\r\n"), 10, "0123456789"},
    {"behind the status", GUARD_RESPONSE, 0, TEXT("HTTP/1.1 200XOK\r\n\r\n"), 12, " "},
    {"phrase", GUARD_RESPONSE, OCTET_VALUE, TEXT("HTTP/1.1 200 OX\r\n\r\n"), 14, ""},
    {"trailer name", GUARD_TRAILERS, OCTET_TOKEN, TEXT("aX: b\r\n\r\n"), 1, ":"},
    {"trailer value", GUARD_TRAILERS, OCTET_VALUE, TEXT("a: X\r\n\r\n"), 3, ""},
};

static void check_place(const struct place *place, int c)
{
    char head[64];
    size_t used = 0;
    enum reason why = REASON_OK;
    memcpy(head, place->head.p, place->head.n);
    head[place->at] = (char)c;
    bool is_allowed =
        octet_is((char)c, place->allowed) || (c != 0 && strchr(place->other, c) != NULL);
    enum guard_result result = feed(place->kind, (struct str){head, place->head.n}, &used, &why);
    if ((result == GUARD_DONE) != is_allowed) {
        fail_msg("%s: octet 0x%02x: result %d, %s", place->says, (unsigned)c, (int)result,
                 reason_token(why));
    }
}

static void test_every_octet_at_each_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(places); i++) {
        for (int c = 0; c < 256; c++) {
            check_place(&places[i], c);
        }
    }
}

static void test_dead_guard_stays_dead(void **state)
{
    (void)state;
    struct guard g;
    size_t used = 0;
    enum reason why = REASON_OK;
    guard_init(&g, GUARD_REQUEST, 100, 8, 64);
    assert_int_equal(guard_feed(&g, STR("\n"), &used, &why), GUARD_BAD);
    assert_int_equal(why, REASON_HTTP_BARE_LF);
    assert_int_equal(guard_feed(&g, STR("GET / HTTP/1.1\r\n\r\n"), &used, &why), GUARD_BAD);
    guard_init(&g, GUARD_REQUEST, 100, 8, 64);
    assert_int_equal(guard_feed(&g, STR("GET / HTTP/1.1\r\n\r\n"), &used, &why), GUARD_DONE);
    assert_int_equal(guard_feed(&g, STR("G"), &used, &why), GUARD_BAD);
}

static void test_no_room_at_all(void **state)
{
    (void)state;
    struct guard g;
    size_t used = 0;
    enum reason why = REASON_OK;
    guard_init(&g, GUARD_REQUEST, 0, 0, 0);
    assert_int_equal(guard_feed(&g, STR(""), &used, &why), GUARD_MORE);
    assert_int_equal(guard_feed(&g, STR("G"), &used, &why), GUARD_BAD);
    assert_int_equal(why, REASON_HTTP_HEAD_TOO_LARGE);
    guard_init(&g, GUARD_TRAILERS, 1, 0, 0);
    assert_int_equal(guard_feed(&g, STR("\r\n"), &used, &why), GUARD_BAD);
    assert_int_equal(why, REASON_HTTP_TRAILER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_where_it_stops),
        cmocka_unit_test(test_every_octet_at_each_place),
        cmocka_unit_test(test_dead_guard_stays_dead),
        cmocka_unit_test(test_no_room_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
