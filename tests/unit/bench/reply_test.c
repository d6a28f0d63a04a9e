/* The reader of answers: refused first; every answer also cut at each octet and octet by octet. */
#include "bench/reply.h"
#include "tests/support/check.h"

struct row {
    const char *says;
    const char *text;
    enum reply_result result; /* after the text, before its end */
    unsigned status;
    bool keep;
    unsigned body;
    bool head;
    bool ends; /* the end of the stream completes it */
};

#define H "HTTP/1.1 "

#define REFUSED(says, text)                                                                        \
    {                                                                                              \
        says, text, REPLY_BAD, 0, false, 0, false, false                                           \
    }
#define PARTIAL(says, text)                                                                        \
    {                                                                                              \
        says, text, REPLY_MORE, 0, false, 0, false, false                                          \
    }
#define ANSWER(says, text, status, keep, body)                                                     \
    {                                                                                              \
        says, text, REPLY_DONE, status, keep, body, false, false                                   \
    }

static const struct row rows[] = {
    REFUSED("not HTTP", "SSH-2.0-x\r\n"),
    REFUSED("HTTP/2", "HTTP/2.0 200 OK\r\n"),
    REFUSED("HTTP/1.2", "HTTP/1.2 200 OK\r\n"),
    REFUSED("a small h", "http/1.1 200 OK\r\n"),
    REFUSED("two blanks before the status", H " 200 OK\r\n"),
    REFUSED("status of two digits", H "20 OK\r\n"),
    REFUSED("status of four digits", H "2000 OK\r\n"),
    REFUSED("status below 100", H "099 x\r\n\r\n"),
    REFUSED("status above 599", H "600 x\r\n\r\n"),
    REFUSED("switching protocols", H "101 x\r\nUpgrade: x\r\n\r\n"),
    REFUSED("line ends with LF alone", H "200 OK\nA: b\r\n"),
    REFUSED("control in the reason", H "200 O\x01K\r\n"),
    REFUSED("folded line", H "200 OK\r\nA: b\r\n c\r\n\r\n"),
    REFUSED("blank before the colon", H "200 OK\r\nContent-Length : 1\r\n"),
    REFUSED("field without a name", H "200 OK\r\n: b\r\n"),
    REFUSED("field without a colon", H "200 OK\r\nabc\r\n"),
    REFUSED("control in a value", H "200 OK\r\nA: b\x7f\r\n"),
    REFUSED("CR within a value", H "200 OK\r\nA: b\rc\r\n"),
    REFUSED("length with a sign", H "200 OK\r\nContent-Length: +1\r\n"),
    REFUSED("length in hex", H "200 OK\r\nContent-Length: 0x1\r\n"),
    REFUSED("no length", H "200 OK\r\nContent-Length:\r\n"),
    REFUSED("two lengths", H "200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n"),
    REFUSED("a list of lengths", H "200 OK\r\nContent-Length: 1, 1\r\n"),
    REFUSED("length too large", H "200 OK\r\nContent-Length: 18446744073709551616\r\n"),
    REFUSED("length and chunked",
            H "200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
    REFUSED("chunked and length",
            H "200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"),
    REFUSED("another coding", H "200 OK\r\nTransfer-Encoding: gzip, chunked\r\n"),
    REFUSED("chunked twice",
            H "200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    REFUSED("chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    REFUSED("chunk without a size", H "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n"),
    REFUSED("chunk size with a minus", H "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n"),
    REFUSED("chunk size too large",
            H "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000000000000000\r\n"),
    REFUSED("chunk longer than said", H "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n"),
    REFUSED("interim answer with a body", H "100 Continue\r\nContent-Length: 1\r\n\r\n"),
    PARTIAL("nothing yet", ""),
    PARTIAL("half a head", H "200 OK\r\nA:"),
    PARTIAL("half a body", H "200 OK\r\nContent-Length: 4\r\n\r\nab"),
    PARTIAL("chunks without their end",
            H "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"),
    ANSWER("empty body", H "200 OK\r\nContent-Length: 0\r\n\r\n", 200, true, 0),
    ANSWER("body", H "403 Forbidden\r\ncontent-length:  3 \r\n\r\nabc", 403, true, 3),
    ANSWER("no reason", H "200 \r\nContent-Length: 0\r\n\r\n", 200, true, 0),
    ANSWER("not even a blank", H "200\r\nContent-Length: 0\r\n\r\n", 200, true, 0),
    ANSWER("server closes", H "200 OK\r\nContent-Length: 1\r\nConnection: Close\r\n\r\na", 200,
           false, 1),
    ANSWER("close in a list", H "200 OK\r\nContent-Length: 1\r\nConnection: x, close\r\n\r\na", 200,
           false, 1),
    ANSWER("a list too long to keep",
           H "200 OK\r\nContent-Length: 1\r\nConnection: "
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\na",
           200, false, 1),
    ANSWER("a name that only begins alike",
           H "200 OK\r\nContent-Length: 1\r\nContent-Lengths: 9\r\n\r\na", 200, true, 1),
    ANSWER("a long name that begins alike",
           H "200 OK\r\nTransfer-Encoding-Of-Something-Else: x\r\nContent-Length: 1\r\n\r\na", 200,
           true, 1),
    ANSWER("HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", 200, false, 1),
    ANSWER("HTTP/1.0 that stays",
           "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\na", 200, true, 1),
    ANSWER("204", H "204 No Content\r\n\r\n", 204, true, 0),
    ANSWER("304 with the length of what it stands for", H "304 x\r\nContent-Length: 9\r\n\r\n", 304,
           true, 0),
    {"answer to HEAD", H "200 OK\r\nContent-Length: 9\r\n\r\n", REPLY_DONE, 200, true, 0, true,
     false},
    ANSWER("interim answers",
           H "100 Continue\r\n\r\n" H "103 Hints\r\nLink: x\r\n\r\n" H
             "201 Made\r\nContent-Length: 2\r\n\r\nab",
           201, true, 2),
    ANSWER("chunks",
           H "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=\"y\"\r\n0123456789\r\n"
             "0\r\n\r\n",
           200, true, 13),
    ANSWER("trailers",
           H "200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\na\r\n0\r\nA: b\r\nC: d\r\n\r\n", 200,
           true, 1),
    {"until the end", H "200 OK\r\n\r\nabc", REPLY_MORE, 200, false, 3, false, true},
};

static void check(const struct row *row, struct reply *r, enum reply_result got)
{
    CHECK_ROW(row->says, got == row->result);
    if (got != REPLY_BAD) {
        enum reply_result end = reply_eof(r);
        CHECK_ROW(row->says, end == (got == REPLY_DONE || row->ends ? REPLY_DONE : REPLY_MORE));
        if (end == REPLY_DONE) {
            CHECK_ROW(row->says, r->status == row->status);
            CHECK_ROW(row->says, r->keep == row->keep);
            CHECK_ROW(row->says, r->body == row->body);
        }
    }
}

/* Feeds the row in pieces: first `first` octets, then `step` at a time. */
static void feed(const struct row *row, size_t first, size_t step)
{
    struct reply r;
    struct str text = str_of(row->text);
    size_t at = 0;
    size_t n = first;
    enum reply_result got = REPLY_MORE;
    reply_init(&r, row->head);
    while (at < text.n && got == REPLY_MORE) {
        size_t used = 0;
        n = n < text.n - at ? n : text.n - at;
        got = reply_feed(&r, text.p + at, n, &used);
        CHECK_ROW(row->says, got == REPLY_MORE ? used == n : used <= n);
        at += used;
        n = step;
    }
    CHECK_ROW(row->says, got != REPLY_DONE || at == text.n);
    check(row, &r, got);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t n = strlen(rows[i].text);
        feed(&rows[i], n + 1, 1);
        feed(&rows[i], 1, 1);
        for (size_t cut = 1; cut < n; cut++) {
            feed(&rows[i], cut, n);
        }
    }
}

static void test_what_follows_is_left(void **state)
{
    (void)state;
    static const char two[] = H "200 OK\r\nContent-Length: 1\r\n\r\naHTTP";
    struct reply r;
    size_t used = 0;
    reply_init(&r, false);
    assert_int_equal(reply_feed(&r, two, sizeof(two) - 1, &used), REPLY_DONE);
    assert_int_equal(used, sizeof(two) - 1 - 4);
}

static void test_endless_heads(void **state)
{
    (void)state;
    static const char *const endless[] = {"A: b\r\n", "HTTP/1.1 100 x\r\n\r\n"};
    for (size_t i = 0; i < ROWS(endless); i++) {
        struct reply r;
        size_t used = 0;
        size_t total = 0;
        enum reply_result got = REPLY_MORE;
        reply_init(&r, false);
        if (i == 0) {
            got = reply_feed(&r, H "200 OK\r\n", 17, &used);
        }
        while (got == REPLY_MORE && total < 2 * (size_t)REPLY_HEAD_MAX) {
            got = reply_feed(&r, endless[i], strlen(endless[i]), &used);
            total += used;
        }
        assert_int_equal(got, REPLY_BAD);
        assert_true(total <= REPLY_HEAD_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_what_follows_is_left),
        cmocka_unit_test(test_endless_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
