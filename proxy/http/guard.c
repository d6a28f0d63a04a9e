/* Owns: which octets may stand where in a head or trailer section. Not: what they mean. Any thread.
 *
 * RFC 9112 2-5 without its leniencies: no bare CR or LF, no folded line, no blank before the colon,
 * one space where one is meant. */
#include "proxy/http/guard.h"

#include "proxy/http/octet.h"

enum state {
    STATE_START = 0, /* before the start line */
    STATE_EMPTY_CR,  /* CR of an empty line before it */
    STATE_METHOD,
    STATE_TARGET,
    STATE_VERSION,
    STATE_STATUS,
    STATE_PHRASE,
    STATE_START_CUT, /* CR in a start line that is not complete */
    STATE_LINE,      /* first octet of a field line, or CR of the last line */
    STATE_NAME,
    STATE_NAME_CUT, /* CR in a field line without a colon */
    STATE_VALUE,
    STATE_LINE_CR, /* CR behind a complete line */
    STATE_END_CR,  /* CR of the last line */
    STATE_DONE,
    STATE_DEAD
};

enum { VERSION_LEN = 8, STATUS_LEN = 3 };

void guard_init(struct guard *g, enum guard_kind kind, uint32_t octets_max, uint32_t fields_max,
                uint32_t target_max)
{
    *g = (struct guard){
        .kind = kind,
        .state = kind == GUARD_TRAILERS ? STATE_LINE : STATE_START,
        .octets_max = octets_max,
        .fields_max = fields_max,
        .target_max = target_max,
    };
}

static enum reason move(struct guard *g, enum state next)
{
    g->state = (unsigned char)next;
    return REASON_OK;
}

/* c does not belong where it stands: a line break has its own reasons. Whether a CR is bare only
 * the next octet tells. */
static enum reason misplaced(struct guard *g, char c, enum state cut, enum reason otherwise)
{
    if (c == '\n') {
        return REASON_HTTP_BARE_LF;
    }
    return c == '\r' ? move(g, cut) : otherwise;
}

static enum reason after_cr(struct guard *g, char c, enum state next)
{
    return c == '\n' ? move(g, next) : REASON_HTTP_BARE_CR;
}

static enum reason step_start(struct guard *g, char c)
{
    if (g->kind == GUARD_REQUEST && octet_is(c, OCTET_TOKEN)) {
        return move(g, STATE_METHOD);
    }
    if (g->kind == GUARD_RESPONSE && c == 'H') {
        g->version_at = 1;
        return move(g, STATE_VERSION);
    }
    return misplaced(g, c, STATE_EMPTY_CR, REASON_HTTP_START_LINE);
}

static enum reason step_empty_cr(struct guard *g, char c)
{
    if (c != '\n') {
        return REASON_HTTP_BARE_CR;
    }
    if (g->kind != GUARD_REQUEST || g->empty_lines > 0) {
        return REASON_HTTP_EMPTY_LINES;
    }
    g->empty_lines++;
    return move(g, STATE_START);
}

static enum reason step_method(struct guard *g, char c)
{
    if (octet_is(c, OCTET_TOKEN)) {
        return REASON_OK;
    }
    if (c == ' ') {
        g->line_octets = 0;
        return move(g, STATE_TARGET);
    }
    return misplaced(g, c, STATE_START_CUT, REASON_HTTP_START_LINE);
}

static enum reason step_target(struct guard *g, char c)
{
    if (octet_is(c, OCTET_VISIBLE)) {
        g->line_octets++;
        return g->line_octets <= g->target_max ? REASON_OK : REASON_HTTP_TARGET_TOO_LONG;
    }
    if (c == ' ') {
        g->version_at = 0;
        return g->line_octets > 0 ? move(g, STATE_VERSION) : REASON_HTTP_START_LINE;
    }
    return misplaced(g, c, STATE_START_CUT, REASON_HTTP_TARGET);
}

/* The octets of "HTTP/1.0" and "HTTP/1.1", and the one behind. */
static enum reason step_version(struct guard *g, char c)
{
    static const char pattern[VERSION_LEN] = {'H', 'T', 'T', 'P', '/', '1', '.', '1'};
    if (g->version_at == VERSION_LEN) {
        g->version_at = 0;
        if (g->kind == GUARD_RESPONSE && c == ' ') {
            return move(g, STATE_STATUS);
        }
        return misplaced(g, c, g->kind == GUARD_REQUEST ? STATE_LINE_CR : STATE_START_CUT,
                         REASON_HTTP_START_LINE);
    }
    char expected = pattern[g->version_at++];
    if (c == expected || (g->version_at == VERSION_LEN && c == '0')) {
        return REASON_OK;
    }
    bool is_number = expected == '1' && c >= '0' && c <= '9';
    return misplaced(g, c, STATE_START_CUT,
                     is_number ? REASON_HTTP_VERSION : REASON_HTTP_START_LINE);
}

/* Three digits, 100 to 599; the phrase and the space before it may be missing. */
static enum reason step_status(struct guard *g, char c)
{
    if (g->version_at == STATUS_LEN) {
        return c == ' ' ? move(g, STATE_PHRASE)
                        : misplaced(g, c, STATE_LINE_CR, REASON_HTTP_START_LINE);
    }
    bool is_first = g->version_at++ == 0;
    if (c >= (is_first ? '1' : '0') && c <= (is_first ? '5' : '9')) {
        return REASON_OK;
    }
    return misplaced(g, c, STATE_START_CUT, REASON_HTTP_START_LINE);
}

static enum reason step_line(struct guard *g, char c)
{
    if (octet_is(c, OCTET_TOKEN)) {
        if (g->fields == g->fields_max) {
            return g->kind == GUARD_TRAILERS ? REASON_HTTP_TRAILER : REASON_HTTP_FIELDS_TOO_MANY;
        }
        g->fields++;
        return move(g, STATE_NAME);
    }
    if (c == ' ' || c == '\t') {
        return REASON_HTTP_FOLDED_LINE;
    }
    return misplaced(g, c, STATE_END_CR, REASON_HTTP_FIELD_NAME);
}

static enum reason step_name(struct guard *g, char c)
{
    if (octet_is(c, OCTET_TOKEN)) {
        return REASON_OK;
    }
    if (c == ':') {
        return move(g, STATE_VALUE);
    }
    return misplaced(g, c, STATE_NAME_CUT, REASON_HTTP_FIELD_NAME);
}

static enum reason step_text(struct guard *g, char c, enum reason otherwise)
{
    return octet_is(c, OCTET_VALUE) ? REASON_OK : misplaced(g, c, STATE_LINE_CR, otherwise);
}

static enum reason step(struct guard *g, char c)
{
    switch ((enum state)g->state) {
    case STATE_START:
        return step_start(g, c);
    case STATE_EMPTY_CR:
        return step_empty_cr(g, c);
    case STATE_METHOD:
        return step_method(g, c);
    case STATE_TARGET:
        return step_target(g, c);
    case STATE_VERSION:
        return step_version(g, c);
    case STATE_STATUS:
        return step_status(g, c);
    case STATE_PHRASE:
        return step_text(g, c, REASON_HTTP_START_LINE);
    case STATE_START_CUT:
        return c == '\n' ? REASON_HTTP_START_LINE : REASON_HTTP_BARE_CR;
    case STATE_LINE:
        return step_line(g, c);
    case STATE_NAME:
        return step_name(g, c);
    case STATE_NAME_CUT:
        return c == '\n' ? REASON_HTTP_FIELD_NAME : REASON_HTTP_BARE_CR;
    case STATE_VALUE:
        return step_text(g, c, REASON_HTTP_FIELD_VALUE);
    case STATE_LINE_CR:
        return after_cr(g, c, STATE_LINE);
    case STATE_END_CR:
        return after_cr(g, c, STATE_DONE);
    case STATE_DONE:
    case STATE_DEAD:
        break;
    }
    return REASON_INTERNAL;
}

/* Most octets are those of names and values: how many from octets[at] on are nothing else, and
 * change nothing. */
static size_t skip_run(const struct guard *g, struct str octets, size_t at)
{
    size_t from = at;
    if (g->state == STATE_VALUE) {
        return octet_value_len(str_slice(octets, at, octets.n));
    }
    while (g->state == STATE_NAME && at < octets.n && octet_is(octets.p[at], OCTET_TOKEN)) {
        at++;
    }
    return at - from;
}

static enum guard_result refuse(struct guard *g, enum reason r, enum reason *why)
{
    g->state = STATE_DEAD;
    *why = r;
    return GUARD_BAD;
}

enum guard_result guard_feed(struct guard *g, struct str octets, size_t *used, enum reason *why)
{
    size_t room = g->octets_max - g->octets;
    struct str now = str_slice(octets, 0, room);
    size_t i = 0;
    while (i < now.n) {
        i += skip_run(g, now, i);
        if (i == now.n) {
            break;
        }
        enum reason r = step(g, now.p[i]);
        if (r != REASON_OK) {
            *used = i;
            return refuse(g, r, why);
        }
        i++;
        if (g->state == STATE_DONE) {
            g->octets += (uint32_t)i;
            *used = i;
            return GUARD_DONE;
        }
    }
    g->octets += (uint32_t)i;
    *used = i;
    if (octets.n > room) {
        return refuse(
            g, g->kind == GUARD_TRAILERS ? REASON_HTTP_TRAILER : REASON_HTTP_HEAD_TOO_LARGE, why);
    }
    return GUARD_MORE;
}
