/* Owns: the grammar of chunks. Not: trailers (guard.c). Any thread. */
#include "proxy/http/chunk.h"

#include "proxy/http/octet.h"

enum state {
    STATE_SIZE = 0,
    STATE_EXT_NAME_FIRST,
    STATE_EXT_NAME,
    STATE_EXT_VALUE_FIRST,
    STATE_EXT_VALUE,
    STATE_EXT_QUOTED,
    STATE_EXT_ESCAPED,
    STATE_EXT_QUOTED_END,
    STATE_SIZE_CR,
    STATE_DATA,
    STATE_DATA_CR,
    STATE_DATA_LF,
    STATE_LAST,
    STATE_DEAD
};

enum { DIGITS_MAX = 16, LINE_FREE = 16, EXCESS_MAX = 16384 };

void chunk_init(struct chunk *c, uint32_t line_max, uint64_t body_max)
{
    *c = (struct chunk){
        .line_max = line_max,
        .body_left = body_max < INT64_MAX ? body_max : INT64_MAX,
    };
}

static enum reason move(struct chunk *c, enum state next)
{
    c->state = (unsigned char)next;
    return REASON_OK;
}

/* An octet behind a complete size, name or value. */
static enum reason step_end_of_part(struct chunk *c, char octet)
{
    if (octet == ';') {
        return move(c, STATE_EXT_NAME_FIRST);
    }
    return octet == '\r' ? move(c, STATE_SIZE_CR) : REASON_HTTP_CHUNK;
}

/* body_left is at most 2^63 - 1, so a size that passes the comparison cannot overflow here. */
static enum reason step_size(struct chunk *c, char octet)
{
    if (!octet_is(octet, OCTET_HEX)) {
        return c->digits > 0 ? step_end_of_part(c, octet) : REASON_HTTP_CHUNK;
    }
    if (c->digits == DIGITS_MAX) {
        return REASON_HTTP_CHUNK;
    }
    c->digits++;
    if (c->left > (uint64_t)INT64_MAX >> 4) {
        return REASON_HTTP_BODY_TOO_LARGE;
    }
    c->left = c->left << 4 | octet_hex(octet);
    return c->left <= c->body_left ? REASON_OK : REASON_HTTP_BODY_TOO_LARGE;
}

static enum reason step_ext_quoted(struct chunk *c, char octet)
{
    if (octet == '"') {
        return move(c, STATE_EXT_QUOTED_END);
    }
    if (octet == '\\') {
        return move(c, STATE_EXT_ESCAPED);
    }
    return octet == ' ' || octet_is(octet, OCTET_VISIBLE) ? REASON_OK : REASON_HTTP_CHUNK;
}

static enum reason step_extension(struct chunk *c, char octet)
{
    bool is_token = octet_is(octet, OCTET_TOKEN);
    switch ((enum state)c->state) {
    case STATE_EXT_NAME_FIRST:
        return is_token ? move(c, STATE_EXT_NAME) : REASON_HTTP_CHUNK;
    case STATE_EXT_NAME:
        if (octet == '=') {
            return move(c, STATE_EXT_VALUE_FIRST);
        }
        return is_token ? REASON_OK : step_end_of_part(c, octet);
    case STATE_EXT_VALUE_FIRST:
        if (octet == '"') {
            return move(c, STATE_EXT_QUOTED);
        }
        return is_token ? move(c, STATE_EXT_VALUE) : REASON_HTTP_CHUNK;
    case STATE_EXT_VALUE:
        return is_token ? REASON_OK : step_end_of_part(c, octet);
    case STATE_EXT_QUOTED:
        return step_ext_quoted(c, octet);
    case STATE_EXT_ESCAPED:
        if (octet != ' ' && !octet_is(octet, OCTET_VISIBLE)) {
            return REASON_HTTP_CHUNK;
        }
        return move(c, STATE_EXT_QUOTED);
    case STATE_EXT_QUOTED_END:
        return step_end_of_part(c, octet);
    case STATE_SIZE:
    case STATE_SIZE_CR:
    case STATE_DATA:
    case STATE_DATA_CR:
    case STATE_DATA_LF:
    case STATE_LAST:
    case STATE_DEAD:
        break;
    }
    return REASON_INTERNAL;
}

/* Work and octets that a sender causes without sending data have an end. */
static enum reason account_line(struct chunk *c)
{
    uint64_t excused = LINE_FREE + 2 * (c->left < EXCESS_MAX ? c->left : EXCESS_MAX);
    uint64_t spent = (uint64_t)c->excess + c->line_octets;
    c->excess = spent > excused ? (uint32_t)(spent - excused) : 0;
    return c->excess <= EXCESS_MAX ? REASON_OK : REASON_HTTP_CHUNK;
}

static enum reason step_size_line(struct chunk *c, char octet)
{
    c->line_octets++;
    if (c->line_octets > c->line_max) {
        return REASON_HTTP_CHUNK;
    }
    if (c->state == STATE_SIZE) {
        return step_size(c, octet);
    }
    if (c->state != STATE_SIZE_CR) {
        return step_extension(c, octet);
    }
    if (octet != '\n') {
        return REASON_HTTP_CHUNK;
    }
    if (account_line(c) != REASON_OK) {
        return REASON_HTTP_CHUNK;
    }
    c->line_octets = 0;
    c->digits = 0;
    c->body_left -= c->left;
    return move(c, c->left > 0 ? STATE_DATA : STATE_LAST);
}

/* Any octet but those of data. */
static enum reason step(struct chunk *c, char octet)
{
    if (c->state < STATE_DATA) {
        return step_size_line(c, octet);
    }
    if (c->state == STATE_DATA_CR) {
        return octet == '\r' ? move(c, STATE_DATA_LF) : REASON_HTTP_CHUNK;
    }
    if (c->state == STATE_DATA_LF) {
        return octet == '\n' ? move(c, STATE_SIZE) : REASON_HTTP_CHUNK;
    }
    return REASON_INTERNAL;
}

static struct str take_data(struct chunk *c, struct str octets, size_t at)
{
    size_t n = octets.n - at;
    if (n >= c->left) {
        n = (size_t)c->left;
        c->state = STATE_DATA_CR;
    }
    c->left -= n;
    return str_slice(octets, at, at + n);
}

enum chunk_event chunk_feed(struct chunk *c, struct str octets, size_t *used, struct str *data,
                            enum reason *why)
{
    size_t i = 0;
    while (i < octets.n) {
        if (c->state == STATE_DATA) {
            *data = take_data(c, octets, i);
            *used = i + data->n;
            return CHUNK_DATA;
        }
        enum reason r = step(c, octets.p[i]);
        if (r != REASON_OK) {
            c->state = STATE_DEAD;
            *used = i;
            *why = r;
            return CHUNK_BAD;
        }
        i++;
        if (c->state == STATE_LAST) {
            *used = i;
            return CHUNK_LAST;
        }
    }
    *used = i;
    return CHUNK_MORE;
}
