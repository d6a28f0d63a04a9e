/* Drives a reader over an input cut in some way and writes down what it says, so that two ways of
 * cutting can be compared. */
#ifndef TESTS_UNIT_PROXY_HTTP_DRIVE_H
#define TESTS_UNIT_PROXY_HTTP_DRIVE_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "proxy/http/h1_reader.h"

/* An initializer for an input, which may hold NUL. */
#define IN(literal)                                                                                \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static const struct h1_limits drive_limits = {
    .head_bytes = 4096,
    .field_count = 32,
    .target_bytes = 1024,
    .chunk_line_bytes = 64,
    .trailer_bytes = 512,
    .body_bytes = 100000,
};

struct drive {
    bool is_response;
    enum http_method request_method; /* of the request a response answers */
    const struct h1_limits *limits;
    struct str input;
    size_t step;   /* octets a call; 0: all; SIZE_MAX: at random */
    uint32_t seed; /* for the cuts at random */
    bool has_eof;  /* tell the end of the connection after the input */
};

struct drive_result {
    enum reason reason; /* of the first error; OK if there was none */
    struct buf log;     /* every event; pieces of body joined */
    bool is_in_body;
};

static inline void drive_say(struct drive_result *d, struct str s)
{
    assert_int_equal(buf_append(&d->log, s), 0);
}

static inline void drive_fields(struct drive_result *d, const struct fields *f)
{
    for (size_t i = 0; i < f->n; i++) {
        drive_say(d, f->v[i].name);
        drive_say(d, STR("="));
        drive_say(d, f->v[i].value);
        drive_say(d, STR(";"));
    }
    drive_say(d, STR("\n"));
}

static inline void drive_say_head(struct drive_result *d, const struct drive *how,
                                  struct h1_reader *r)
{
    static const char *const framings[] = {"none", "length", "chunked", "close"};
    char line[160];
    if (how->is_response) {
        const struct http_response *s = h1_reader_response(r);
        (void)snprintf(line, sizeof(line), "HEAD %u 1.%u %s %" PRIu64 " alive=%d ", s->status,
                       s->minor, framings[s->framing], s->length, (int)s->keep_alive);
        drive_say(d, str_of(line));
        drive_say(d, s->phrase);
        drive_say(d, STR(" "));
        drive_fields(d, &s->fields);
        return;
    }
    const struct http_request *q = h1_reader_request(r);
    (void)snprintf(line, sizeof(line), " 1.%u %s %" PRIu64 " alive=%d expect=%d ", q->minor,
                   framings[q->framing], q->length, (int)q->keep_alive, (int)q->expect_continue);
    const struct str parts[] = {STR("HEAD "), http_method_text(q->method),
                                STR(" "),     q->target,
                                STR(" "),     q->path,
                                STR(" "),     q->authority,
                                STR(" "),     q->host,
                                str_of(line)};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        drive_say(d, parts[i]);
    }
    drive_fields(d, &q->fields);
}

/* Feed one piece; false when the reader has refused. */
static inline bool drive_piece(struct drive_result *d, const struct drive *how, struct h1_reader *r,
                               struct arena *a, struct str piece)
{
    for (;;) {
        size_t used = 0;
        enum h1_event event = h1_reader_next(r, piece, &used);
        assert_true(event == H1_ERROR || used <= piece.n);
        if (event != H1_BODY && d->is_in_body) {
            d->is_in_body = event == H1_MORE;
            drive_say(d, event == H1_MORE ? STR("") : STR("\n"));
        }
        switch (event) {
        case H1_ERROR:
            d->reason = h1_reader_reason(r);
            drive_say(d, STR("ERROR "));
            drive_say(d, str_of(reason_token(d->reason)));
            return false;
        case H1_MORE:
            assert_int_equal(used, piece.n);
            return true;
        case H1_HEAD:
            drive_say_head(d, how, r);
            break;
        case H1_BODY:
            assert_true(h1_reader_body(r).n > 0);
            drive_say(d, d->is_in_body ? STR("") : STR("BODY "));
            drive_say(d, h1_reader_body(r));
            d->is_in_body = true;
            break;
        case H1_END:
            drive_say(d, STR("END "));
            drive_fields(d, h1_reader_trailers(r));
            arena_reset(a);
            h1_reader_begin(r, a, how->request_method);
            break;
        }
        piece = str_slice(piece, used, piece.n);
        if (event == H1_END && piece.n == 0) {
            return true;
        }
    }
}

static inline size_t drive_step(const struct drive *how, uint32_t *random, size_t left)
{
    if (how->step != SIZE_MAX) {
        return how->step == 0 ? left : how->step;
    }
    *random = *random * 1664525U + 1013904223U;
    return 1 + (*random >> 16) % 23;
}

/* Feed each piece from memory of its own, so that a sanitizer sees any look past its end, or at it
 * after the call. */
static inline bool drive_copy(struct drive_result *d, const struct drive *how, struct h1_reader *r,
                              struct arena *a, struct str piece)
{
    char *copy = test_malloc(piece.n + 1);
    memcpy(copy, piece.p, piece.n);
    copy[piece.n] = '!';
    bool is_good = drive_piece(d, how, r, a, (struct str){copy, piece.n});
    test_free(copy);
    return is_good;
}

static inline void drive_run(const struct drive *how, struct drive_result *d)
{
    struct arena a;
    uint32_t random = how->seed;
    struct str rest = how->input;
    struct h1_reader *r =
        h1_reader_new(how->is_response, how->limits != NULL ? how->limits : &drive_limits);
    assert_non_null(r);
    arena_init(&a, 1 << 20);
    *d = (struct drive_result){.reason = REASON_OK};
    buf_init(&d->log, 1 << 22);
    h1_reader_begin(r, &a, how->request_method);
    bool is_good = true;
    while (is_good && rest.n > 0) {
        size_t n = drive_step(how, &random, rest.n);
        is_good = drive_copy(d, how, r, &a, str_slice(rest, 0, n));
        rest = str_slice(rest, n, rest.n);
    }
    if (is_good && how->has_eof) {
        enum h1_event event = h1_reader_eof(r);
        d->reason = event == H1_ERROR ? h1_reader_reason(r) : REASON_OK;
        drive_say(d, d->is_in_body ? STR("\n") : STR(""));
        drive_say(d, event == H1_ERROR ? STR("EOF error") : STR(""));
        drive_say(d, event == H1_END ? STR("EOF end") : STR(""));
        drive_say(d, event == H1_MORE ? STR("EOF idle") : STR(""));
    }
    h1_reader_free(r);
    arena_release(&a);
}

/* Run whole, one octet at a time, and with cuts at random: all must say the same. d is then the
 * result, whose log the caller releases. */
static inline void drive_all_ways(struct drive how, struct drive_result *d, const char *why)
{
    how.step = 0;
    drive_run(&how, d);
    for (uint32_t i = 0; i < 6; i++) {
        struct drive_result other;
        how.step = i == 0 ? 1 : SIZE_MAX;
        how.seed = i * 7919U + (uint32_t)how.input.n;
        drive_run(&how, &other);
        if (!str_eq(buf_str(&d->log), buf_str(&other.log)) || d->reason != other.reason) {
            fail_msg("%s: depends on segmentation\nwhole: %.*s\ncut:   %.*s", why,
                     STR_ARG(buf_str(&d->log)), STR_ARG(buf_str(&other.log)));
        }
        buf_release(&other.log);
    }
}

#endif
