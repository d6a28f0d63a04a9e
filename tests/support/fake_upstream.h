/* An upstream that the test plays, one call at a time. Including this replaces the real
 * upstream_call_*. */
#ifndef TESTS_SUPPORT_FAKE_UPSTREAM_H
#define TESTS_SUPPORT_FAKE_UPSTREAM_H

#include "base/buf.h"
#include "base/mem.h"
#include "proxy/upstream/upstream.h"
#include "tests/support/check.h"

struct upstream_call {
    const struct upstream_ops *ops;
    void *self;
    const struct http_request *request;
    struct arena *arena;
};

static struct upstream_call up_call;
static struct {
    bool open; /* a call is under way */
    unsigned starts;
    unsigned cancels;
    unsigned finishes;
    bool paused;
    bool full;
    struct buf body; /* of the request */
    struct buf trailers;
    struct http_response head;
} up;

static inline void loopback_fields(struct buf *out, const struct fields *fields)
{
    for (size_t i = 0; fields != NULL && i < fields->n; i++) {
        assert_int_equal(0, buf_printf(out, "%.*s: %.*s\n", STR_ARG(fields->v[i].name),
                                       STR_ARG(fields->v[i].value)));
    }
}

struct upstream_call *upstream_call_start(struct upstream_set *s, size_t group,
                                          const struct http_request *request, struct arena *arena,
                                          const struct upstream_ops *ops, void *self)
{
    (void)s;
    (void)group;
    void *memory = mem_alloc(1); /* so that it can fail */
    if (memory == NULL) {
        return NULL;
    }
    mem_free(memory);
    up_call = (struct upstream_call){.ops = ops, .self = self, .request = request, .arena = arena};
    up.open = true;
    up.starts++;
    return &up_call;
}

void upstream_call_body(struct upstream_call *c, struct str octets)
{
    (void)c;
    assert_true(up.open);
    assert_int_equal(0, buf_append(&up.body, octets));
}

void upstream_call_finish(struct upstream_call *c, const struct fields *trailers)
{
    (void)c;
    assert_true(up.open);
    up.finishes++;
    loopback_fields(&up.trailers, trailers);
}

bool upstream_call_full(const struct upstream_call *c)
{
    (void)c;
    assert_true(up.open);
    return up.full;
}

void upstream_call_pause(struct upstream_call *c, bool paused)
{
    (void)c;
    assert_true(up.open);
    up.paused = paused;
}

void upstream_call_cancel(struct upstream_call *c)
{
    (void)c;
    assert_true(up.open);
    up.open = false;
    up.cancels++;
}

struct str upstream_call_server(const struct upstream_call *c)
{
    (void)c;
    return STR("127.0.0.1:9000");
}

static inline void up_ready(void)
{
    assert_true(up.open);
    up_call.ops->on_ready(up_call.self);
}

static inline void up_head(unsigned status, enum http_framing framing, uint64_t length)
{
    assert_true(up.open);
    up.head = (struct http_response){.status = status,
                                     .phrase = http_status_phrase(status),
                                     .minor = 1,
                                     .framing = framing,
                                     .length = length,
                                     .keep_alive = false};
    fields_init(&up.head.fields, up_call.arena);
    assert_int_equal(0, fields_add(&up.head.fields, STR("X-Up"), STR("1")));
    up_call.ops->on_head(up_call.self, &up.head);
}

static inline void up_body(const char *octets)
{
    assert_true(up.open);
    up_call.ops->on_body(up_call.self, str_of(octets));
}

static inline void up_end(struct fields *trailers)
{
    assert_true(up.open);
    up_call.ops->on_end(up_call.self, trailers);
    up.open = false;
}

static inline void up_fail(enum reason why)
{
    assert_true(up.open);
    up_call.ops->on_failed(up_call.self, why);
    up.open = false;
}

static inline void up_drained(void)
{
    assert_true(up.open);
    up.full = false;
    up_call.ops->on_drained(up_call.self);
}

#endif
