/* A client for tests of the exchange: it sends heads as text and gathers what is answered. */
#ifndef TESTS_UNIT_PROXY_EXCHANGE_CLIENT_H
#define TESTS_UNIT_PROXY_EXCHANGE_CLIENT_H

#include "base/clock.h"
#include "proxy/exchange/exchange.h"
#include "tests/support/loopback.h"

/* ---- A sink that gathers ---- */

struct client {
    struct exchange *x;
    struct h1_reader *reader;
    unsigned interim; /* the last 1xx */
    unsigned status;
    bool keep_alive;
    enum http_framing framing;
    uint64_t length;
    unsigned heads;
    unsigned ends;
    unsigned aborts;
    enum reason why;
    bool want;
    unsigned wants;
    bool full;
    struct buf fields;
    struct buf body;
    struct buf trailers;
};

static void on_head(void *self, const struct http_response *head)
{
    struct client *c = self;
    assert_int_equal(0, c->ends + c->aborts);
    if (head->status < 200) {
        c->interim = head->status;
        return;
    }
    c->heads++;
    c->status = head->status;
    c->keep_alive = head->keep_alive;
    c->framing = head->framing;
    c->length = head->length;
    loopback_fields(&c->fields, &head->fields);
}

static void on_body(void *self, struct str octets)
{
    struct client *c = self;
    assert_int_equal(1, c->heads);
    assert_int_equal(0, c->ends + c->aborts);
    assert_int_equal(0, buf_append(&c->body, octets));
}

static void on_end(void *self, const struct fields *trailers)
{
    struct client *c = self;
    assert_int_equal(1, c->heads);
    loopback_fields(&c->trailers, trailers);
    c->ends++;
}

static void on_abort(void *self, enum reason why)
{
    struct client *c = self;
    c->why = why;
    c->aborts++;
}

static bool is_full(void *self)
{
    const struct client *c = self;
    return c->full;
}

static void on_want(void *self, bool want)
{
    struct client *c = self;
    c->want = want;
    c->wants++;
}

static const struct sink_ops sink = {.head = on_head,
                                     .body = on_body,
                                     .end = on_end,
                                     .abort = on_abort,
                                     .full = is_full,
                                     .want_body = on_want};

static inline int setup(void **state)
{
    static struct client client;
    client = (struct client){0};
    buf_init(&client.fields, 65536);
    buf_init(&client.body, 65536);
    buf_init(&client.trailers, 65536);
    loopback_worker();
    *state = &client;
    return 0;
}

static inline int teardown(void **state)
{
    struct client *c = *state;
    exchange_free(c->x);
    h1_reader_free(c->reader);
    buf_release(&c->fields);
    buf_release(&c->body);
    buf_release(&c->trailers);
    loopback_worker_end();
    return 0;
}

/* A new exchange, its head parsed from text. */
static inline struct http_request *receive(struct client *c, const char *text)
{
    static const struct h1_limits limits = {.head_bytes = 8192,
                                            .field_count = 50,
                                            .target_bytes = 1024,
                                            .chunk_line_bytes = 64,
                                            .trailer_bytes = 1024,
                                            .body_bytes = UINT64_MAX};
    size_t used = 0;
    c->x = exchange_new(&loop_env, &loop_peer, &sink, c);
    c->reader = h1_reader_new(false, &limits);
    if (c->x == NULL || c->reader == NULL) {
        return NULL;
    }
    h1_reader_begin(c->reader, exchange_arena(c->x), HTTP_METHOD_NONE);
    return h1_reader_next(c->reader, str_of(text), &used) == H1_HEAD ? h1_reader_request(c->reader)
                                                                     : NULL;
}

static inline void begin(struct client *c, const char *text)
{
    struct http_request *head = receive(c, text);
    if (head == NULL) {
        fail_msg("the head was not read: %s", text);
        return;
    }
    exchange_begin(c->x, head);
    if (head->framing == HTTP_FRAMING_NONE) {
        exchange_body_end(c->x, NULL);
    }
}

static inline bool has(const struct buf *b, const char *line)
{
    char text[256];
    (void)snprintf(text, sizeof(text), "%s\n", line);
    return b->p != NULL && memmem(b->p + b->head, buf_len(b), text, strlen(text)) != NULL;
}

/* Exactly one end, one record with this reason, one count, and the gauge back at 0. */
static inline void check_ended(const struct client *c, enum reason why)
{
    assert_true(exchange_finished(c->x));
    assert_int_equal(1, c->ends + c->aborts);
    assert_int_equal(1, logged.records);
    assert_int_equal(why, logged.reason);
    assert_int_equal(why == REASON_OK ? 0 : 1, counted(why));
    assert_int_equal(0, metrics_sum(loop_env.region, METRIC_REQUESTS_ACTIVE));
    assert_false(up.open);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

#endif
