/* Owns: the states of reading one message after another, and the octets of the head. Not: the
 * socket, the arena, time. One thread a reader. */
#include "proxy/http/h1_reader.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "proxy/http/chunk.h"
#include "proxy/http/guard.h"
#include "proxy/http/h1_head.h"
#include "proxy/http/h1_lines.h"

enum state {
    STATE_HEAD = 0,
    STATE_INTERIM, /* a 1xx head was told: another head follows */
    STATE_LENGTH,
    STATE_CLOSE,
    STATE_CHUNKS,
    STATE_TRAILERS,
    STATE_COMPLETE, /* H1_END is not told yet */
    STATE_ENDED,
    STATE_FAILED
};

enum { INTERIM_MAX = 16, HEAD_FIRST = 1024, HEAD_KEEP = 4096 };

struct h1_reader {
    struct h1_limits limits;
    bool is_response;
    enum state state;
    enum reason reason;
    enum http_method request_method;
    unsigned interims;
    struct arena *arena;
    struct guard guard; /* of the head, then of the trailers */
    struct chunk chunk;
    uint64_t left;           /* of a body with a length; what one without may still grow */
    struct buf head;         /* as received, without an empty line before it */
    struct buf trailer_text; /* empty if the trailer section is */
    struct http_request request;
    struct http_response response;
    struct fields trailers;
    struct str body;
};

struct h1_reader *h1_reader_new(bool is_response, const struct h1_limits *limits)
{
    struct h1_reader *r = mem_calloc(1, sizeof(*r));
    if (r == NULL) {
        return NULL;
    }
    r->limits = *limits;
    r->is_response = is_response;
    r->state = STATE_ENDED;
    buf_init(&r->head, limits->head_bytes);
    buf_init(&r->trailer_text, limits->trailer_bytes);
    return r;
}

void h1_reader_limit(struct h1_reader *r, const struct h1_limits *limits)
{
    r->limits = *limits;
    r->head.cap = limits->head_bytes;
    r->trailer_text.cap = limits->trailer_bytes;
}

/* Heads hold credentials. */
static void wipe(struct h1_reader *r)
{
    buf_wipe(&r->head);
    buf_wipe(&r->trailer_text);
}

void h1_reader_free(struct h1_reader *r)
{
    if (r != NULL) {
        wipe(r);
        mem_free(r);
    }
}

static void begin_head(struct h1_reader *r)
{
    if (r->head.p != NULL) {
        mem_wipe(r->head.p, r->head.tail);
    }
    buf_clear(&r->head);
    r->state = STATE_HEAD;
    guard_init(&r->guard, r->is_response ? GUARD_RESPONSE : GUARD_REQUEST, r->limits.head_bytes,
               r->limits.field_count, r->limits.target_bytes);
}

void h1_reader_begin(struct h1_reader *r, struct arena *arena, enum http_method request_method)
{
    r->arena = arena;
    r->request_method = request_method;
    r->reason = REASON_OK;
    r->interims = 0;
    r->body = STR_NONE;
    r->request = (struct http_request){0};
    r->response = (struct http_response){0};
    buf_clear(&r->trailer_text);
    fields_init(&r->trailers, arena);
    begin_head(r);
}

static enum h1_event fail(struct h1_reader *r, enum reason why)
{
    r->state = STATE_FAILED;
    r->reason = why;
    return H1_ERROR;
}

/* What follows the head just read. */
static void enter_body(struct h1_reader *r, enum http_framing framing, uint64_t length)
{
    switch (framing) {
    case HTTP_FRAMING_NONE:
        r->state = STATE_COMPLETE;
        break;
    case HTTP_FRAMING_LENGTH:
        r->state = length > 0 ? STATE_LENGTH : STATE_COMPLETE;
        r->left = length;
        break;
    case HTTP_FRAMING_CHUNKED:
        r->state = STATE_CHUNKS;
        chunk_init(&r->chunk, r->limits.chunk_line_bytes, r->limits.body_bytes);
        break;
    case HTTP_FRAMING_CLOSE:
        r->state = STATE_CLOSE;
        r->left = r->limits.body_bytes;
        break;
    }
}

static enum reason finish_request(struct h1_reader *r)
{
    struct http_request *q = &r->request;
    enum reason why = h1_head_request(buf_str(&r->head), r->arena, r->limits.body_bytes, q);
    if (why == REASON_OK) {
        enter_body(r, q->framing, q->length);
    }
    return why;
}

static enum reason finish_response(struct h1_reader *r)
{
    struct http_response *s = &r->response;
    enum reason why =
        h1_head_response(buf_str(&r->head), r->arena, r->limits.body_bytes, r->request_method, s);
    if (why != REASON_OK) {
        return why;
    }
    if (s->status < 200) {
        r->interims++;
        r->state = STATE_INTERIM;
        return r->interims > INTERIM_MAX ? REASON_HTTP_HEAD_TOO_LARGE : REASON_OK;
    }
    if (h1_check_is_bodiless(s->status, r->request_method)) {
        r->state = STATE_COMPLETE;
    } else {
        enter_body(r, s->framing, s->length);
    }
    return REASON_OK;
}

/* The empty line that may precede a request is counted by the guard, but not kept. */
static struct str without_empty_line(const struct h1_reader *r, struct str octets)
{
    size_t i = 0;
    while (buf_len(&r->head) == 0 && i < octets.n && (octets.p[i] == '\r' || octets.p[i] == '\n')) {
        i++;
    }
    return str_slice(octets, i, octets.n);
}

static enum h1_event next_head(struct h1_reader *r, struct str octets, size_t *used)
{
    enum reason why = REASON_INTERNAL;
    enum guard_result result = guard_feed(&r->guard, octets, used, &why);
    if (result == GUARD_BAD) {
        return fail(r, why);
    }
    struct str taken = without_empty_line(r, str_slice(octets, 0, *used));
    bool spare_growing = r->head.p == NULL && r->limits.head_bytes > HEAD_FIRST;
    if (spare_growing && buf_reserve(&r->head, HEAD_FIRST) == NULL) {
        return fail(r, REASON_OUT_OF_MEMORY);
    }
    if (buf_append(&r->head, taken) != 0) {
        return fail(r, REASON_OUT_OF_MEMORY);
    }
    if (result == GUARD_MORE) {
        return H1_MORE;
    }
    why = r->is_response ? finish_response(r) : finish_request(r);
    return why == REASON_OK ? H1_HEAD : fail(r, why);
}

/* A length that is over leaves this state at once: only a body without one can run out of room. */
static enum h1_event next_counted(struct h1_reader *r, struct str octets, size_t *used)
{
    if (r->left == 0 && octets.n > 0) {
        return fail(r, REASON_HTTP_BODY_TOO_LARGE);
    }
    r->body = str_slice(octets, 0, r->left < octets.n ? (size_t)r->left : octets.n);
    r->left -= r->body.n;
    *used = r->body.n;
    if (r->state == STATE_LENGTH && r->left == 0) {
        r->state = STATE_COMPLETE;
    }
    return r->body.n > 0 ? H1_BODY : H1_MORE;
}

static enum h1_event finish_trailers(struct h1_reader *r)
{
    if (h1_lines_fields(buf_str(&r->trailer_text), &r->trailers) != 0) {
        return fail(r, REASON_OUT_OF_MEMORY);
    }
    h1_check_trailers(&r->trailers);
    r->state = STATE_ENDED;
    return H1_END;
}

static enum h1_event next_trailers(struct h1_reader *r, struct str octets, size_t *used)
{
    enum reason why = REASON_INTERNAL;
    enum guard_result result = guard_feed(&r->guard, octets, used, &why);
    if (result == GUARD_BAD) {
        return fail(r, why);
    }
    if (buf_append(&r->trailer_text, str_slice(octets, 0, *used)) != 0) {
        return fail(r, REASON_OUT_OF_MEMORY);
    }
    return result == GUARD_MORE ? H1_MORE : finish_trailers(r);
}

static void begin_trailers(const struct h1_reader *r, struct guard *g)
{
    guard_init(g, GUARD_TRAILERS, r->limits.trailer_bytes, r->limits.field_count, 0);
}

static enum h1_event next_chunks(struct h1_reader *r, struct str octets, size_t *used)
{
    enum reason why = REASON_INTERNAL;
    enum chunk_event event = chunk_feed(&r->chunk, octets, used, &r->body, &why);
    if (event == CHUNK_BAD) {
        return fail(r, why);
    }
    if (event != CHUNK_LAST) {
        return event == CHUNK_DATA ? H1_BODY : H1_MORE;
    }
    size_t trailers_used = 0;
    struct str rest = str_slice(octets, *used, octets.n);
    r->state = STATE_TRAILERS;
    begin_trailers(r, &r->guard);
    enum h1_event next = next_trailers(r, rest, &trailers_used);
    *used += trailers_used;
    return next;
}

enum h1_event h1_reader_next(struct h1_reader *r, struct str octets, size_t *used)
{
    *used = 0;
    if (r->state == STATE_INTERIM) {
        begin_head(r);
    }
    switch (r->state) {
    case STATE_HEAD:
    case STATE_INTERIM:
        return next_head(r, octets, used);
    case STATE_LENGTH:
    case STATE_CLOSE:
        return next_counted(r, octets, used);
    case STATE_CHUNKS:
        return next_chunks(r, octets, used);
    case STATE_TRAILERS:
        return next_trailers(r, octets, used);
    case STATE_COMPLETE:
        r->state = STATE_ENDED;
        return H1_END;
    case STATE_ENDED:
        return H1_END;
    case STATE_FAILED:
        break;
    }
    return H1_ERROR;
}

enum reason h1_reader_foresee(const struct h1_reader *r, struct str octets)
{
    struct chunk chunk = r->chunk;
    struct str data = STR_NONE;
    enum reason why = REASON_OK;
    enum chunk_event event = r->state == STATE_CHUNKS ? CHUNK_DATA : CHUNK_MORE;
    while (event == CHUNK_DATA) {
        size_t used = 0;
        event = chunk_feed(&chunk, octets, &used, &data, &why);
        octets = str_slice(octets, used, octets.n);
    }
    if (event == CHUNK_LAST) {
        struct guard guard;
        size_t used = 0;
        begin_trailers(r, &guard);
        (void)guard_feed(&guard, octets, &used, &why);
    }
    return why;
}

enum h1_event h1_reader_eof(struct h1_reader *r)
{
    switch (r->state) {
    case STATE_CLOSE:
    case STATE_COMPLETE:
        r->state = STATE_ENDED;
        return H1_END;
    case STATE_ENDED:
        return H1_MORE;
    case STATE_HEAD:
        return h1_reader_started(r) ? fail(r, REASON_HTTP_TRUNCATED) : H1_MORE;
    case STATE_INTERIM:
    case STATE_LENGTH:
    case STATE_CHUNKS:
    case STATE_TRAILERS:
        return fail(r, REASON_HTTP_TRUNCATED);
    case STATE_FAILED:
        break;
    }
    return H1_ERROR;
}

bool h1_reader_started(const struct h1_reader *r)
{
    return r->state != STATE_HEAD ? r->state != STATE_ENDED
                                  : buf_len(&r->head) > 0 || r->interims > 0;
}

enum reason h1_reader_reason(const struct h1_reader *r)
{
    return r->reason;
}

struct http_request *h1_reader_request(struct h1_reader *r)
{
    return &r->request;
}

struct http_response *h1_reader_response(struct h1_reader *r)
{
    return &r->response;
}

struct str h1_reader_body(const struct h1_reader *r)
{
    return r->body;
}

struct fields *h1_reader_trailers(struct h1_reader *r)
{
    return &r->trailers;
}

void h1_reader_idle(struct h1_reader *r)
{
    wipe(r);
}

void h1_reader_rest(struct h1_reader *r)
{
    buf_wipe(&r->trailer_text);
    if (r->head.size > HEAD_KEEP) {
        buf_wipe(&r->head);
    } else if (r->head.p != NULL) {
        mem_wipe(r->head.p, r->head.tail);
        buf_clear(&r->head);
    }
    r->state = STATE_ENDED;
}
