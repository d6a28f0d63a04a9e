/* fuzz: proxy/http */
/* The reader, both directions: the first octet picks the direction and the way of cutting. What it
 * says must not depend on the cuts, and a request that is let in must read the same after
 * h1_write_request(). */
#include <stdlib.h>

#include "base/buf.h"
#include "proxy/http/h1_reader.h"
#include "proxy/http/h1_write.h"

static const struct h1_limits small = {512, 12, 128, 32, 128, 1000};
static const struct h1_limits large = {1 << 16, 1000, 1 << 16, 32, 128, UINT64_MAX};

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void say(struct buf *log, struct str s)
{
    demand(buf_append(log, s) == 0 && buf_append(log, STR("|")) == 0);
}

static void say_number(struct buf *log, uint64_t n)
{
    demand(buf_printf(log, "%llu|", (unsigned long long)n) == 0);
}

static void say_fields(struct buf *log, const struct fields *f)
{
    for (size_t i = 0; i < f->n; i++) {
        say(log, f->v[i].name);
        say(log, f->v[i].value);
    }
}

static void say_request(struct buf *log, const struct http_request *q)
{
    say(log, http_method_text(q->method));
    say(log, q->target);
    say(log, q->path);
    say(log, q->authority);
    say(log, q->host);
    say_number(log, q->framing);
    say_number(log, q->length);
}

static bool is_written_anew(struct str name, void *arg)
{
    (void)arg;
    return str_ieq(name, STR("Host")) || str_ieq(name, STR("Connection")) ||
           str_ieq(name, STR("Content-Length")) || str_ieq(name, STR("Transfer-Encoding"));
}

/* Without Host (HTTP/1.0) there is nothing to compare: the exchange fills it in. */
static void check_rewritten(struct http_request *q)
{
    struct buf first;
    struct buf second;
    struct buf wire;
    struct arena a;
    size_t used = 0;
    if (q->authority.n == 0) {
        return;
    }
    buf_init(&first, 1 << 16);
    buf_init(&second, 1 << 16);
    buf_init(&wire, 1 << 16);
    arena_init(&a, 1 << 16);
    struct h1_reader *r = h1_reader_new(false, &large);
    demand(r != NULL && h1_write_request(&wire, q) == 0);
    h1_reader_begin(r, &a, HTTP_METHOD_NONE);
    demand(h1_reader_next(r, buf_str(&wire), &used) == H1_HEAD && used == buf_len(&wire));
    struct http_request *again = h1_reader_request(r);
    say_request(&first, q);
    say_request(&second, again);
    fields_remove_if(&q->fields, is_written_anew, NULL);
    fields_remove_if(&again->fields, is_written_anew, NULL);
    say_fields(&first, &q->fields);
    say_fields(&second, &again->fields);
    demand(str_eq(buf_str(&first), buf_str(&second)));
    h1_reader_free(r);
    arena_release(&a);
    buf_release(&wire);
    buf_release(&second);
    buf_release(&first);
}

struct run {
    struct h1_reader *reader;
    struct arena arena;
    struct buf log;
    enum http_method method;
    bool is_response;
    bool is_rewriting;
    bool is_in_body;
};

static void on_head(struct run *run)
{
    if (run->is_response) {
        const struct http_response *s = h1_reader_response(run->reader);
        say_number(&run->log, s->status);
        say(&run->log, s->phrase);
        say_number(&run->log, s->framing);
        say_number(&run->log, s->length);
        say_number(&run->log, s->keep_alive);
        say_fields(&run->log, &s->fields);
        return;
    }
    struct http_request *q = h1_reader_request(run->reader);
    say_request(&run->log, q);
    say_number(&run->log, q->keep_alive);
    say_number(&run->log, q->expect_continue);
    say_fields(&run->log, &q->fields);
    if (run->is_rewriting) {
        check_rewritten(q);
    }
}

/* False at the first error, or when the piece is used up. */
static bool on_event(struct run *run, enum h1_event event)
{
    if (event != H1_BODY && event != H1_MORE && run->is_in_body) {
        say(&run->log, STR(""));
        run->is_in_body = false;
    }
    switch (event) {
    case H1_ERROR:
        say_number(&run->log, h1_reader_reason(run->reader));
        return false;
    case H1_MORE:
        return false;
    case H1_HEAD:
        on_head(run);
        return true;
    case H1_BODY:
        demand(buf_append(&run->log, h1_reader_body(run->reader)) == 0);
        run->is_in_body = true;
        return true;
    case H1_END:
        say_fields(&run->log, h1_reader_trailers(run->reader));
        arena_reset(&run->arena);
        h1_reader_begin(run->reader, &run->arena, run->method);
        return true;
    }
    return false;
}

static bool feed(struct run *run, struct str piece)
{
    enum h1_event event = H1_MORE;
    do {
        size_t used = 0;
        event = h1_reader_next(run->reader, piece, &used);
        demand(event == H1_ERROR || used <= piece.n);
        demand(event != H1_MORE || used == piece.n);
        piece = str_slice(piece, used, piece.n);
    } while (on_event(run, event) && (event != H1_END || piece.n > 0));
    return event != H1_ERROR;
}

/* Each piece is a copy of its own size: a sanitizer sees any look past it, or back at it. */
static bool feed_copy(struct run *run, struct str piece)
{
    char *copy = malloc(piece.n);
    demand(copy != NULL);
    memcpy(copy, piece.p, piece.n);
    bool is_good = feed(run, (struct str){copy, piece.n});
    free(copy);
    return is_good;
}

static void drive(struct run *run, struct str octets, size_t step)
{
    run->reader = h1_reader_new(run->is_response, &small);
    demand(run->reader != NULL);
    arena_init(&run->arena, 1 << 16);
    buf_init(&run->log, 1 << 24);
    h1_reader_begin(run->reader, &run->arena, run->method);
    bool is_good = true;
    for (size_t at = 0; at < octets.n && is_good; at += step) {
        is_good = feed_copy(run, str_slice(octets, at, at + step));
    }
    say_number(&run->log, h1_reader_eof(run->reader));
    h1_reader_free(run->reader);
    arena_release(&run->arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 8192) {
        return 0;
    }
    struct run whole = {.is_response = (data[0] & 1) != 0,
                        .method = (data[0] & 2) != 0 ? HTTP_METHOD_HEAD : HTTP_METHOD_GET,
                        .is_rewriting = true};
    struct run single = whole;
    struct run some = whole;
    single.is_rewriting = false;
    some.is_rewriting = false;
    struct str octets = {(const char *)data + 1, size - 1};
    drive(&whole, octets, octets.n);
    drive(&single, octets, 1);
    drive(&some, octets, 2 + (data[0] >> 2));
    demand(str_eq(buf_str(&whole.log), buf_str(&single.log)));
    demand(str_eq(buf_str(&whole.log), buf_str(&some.log)));
    buf_release(&whole.log);
    buf_release(&single.log);
    buf_release(&some.log);
    return 0;
}
