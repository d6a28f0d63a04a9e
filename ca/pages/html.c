/* Owns: escaping, and the places in literals. Leaves what pages say to the others. */
#include "ca/pages/html.h"

#include "base/clock.h"
#include "base/enc.h"
#include "base/err.h"

enum { MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400, MONTH_S = 30 * DAY_S, MONTHS_S = 2 * MONTH_S };

static void put(struct html *h, struct str s)
{
    if (h->rc == 0 && s.n > 0) {
        h->rc = buf_append(h->out, s);
    }
}

static uint32_t code_point(const char *p, size_t n)
{
    const unsigned char *u = (const unsigned char *)p;
    uint32_t c = n == 1 ? u[0] : u[0] & (0x7fU >> n);
    for (size_t i = 1; i < n; i++) {
        c = c << 6 | (u[i] & 0x3fU);
    }
    return c;
}

/* What turns the direction of a text around, or is not seen at all (Unicode's Cf, and separators
 * that look like nothing): a name must not look like another's. */
static bool is_hidden(uint32_t c)
{
    static const struct {
        uint32_t from;
        uint32_t to;
    } ranges[] = {
        {0x00ad, 0x00ad}, {0x034f, 0x034f},   {0x0600, 0x0605},   {0x061c, 0x061c},
        {0x06dd, 0x06dd}, {0x070f, 0x070f},   {0x115f, 0x1160},   {0x17b4, 0x17b5},
        {0x180b, 0x180e}, {0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},
        {0x3164, 0x3164}, {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
        {0xfff0, 0xfffb}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (c >= ranges[i].from && c <= ranges[i].to) {
            return true;
        }
    }
    return false;
}

static bool is_control(uint32_t c)
{
    return (c < 0x20 && c != '\t' && c != '\n') || (c >= 0x7f && c < 0xa0);
}

static struct str reference(uint32_t c)
{
    switch (c) {
    case '&':
        return STR("&amp;");
    case '<':
        return STR("&lt;");
    case '>':
        return STR("&gt;");
    case '"':
        return STR("&quot;");
    case '\'':
        return STR("&#39;");
    default:
        return STR_NONE;
    }
}

/* The character at the front of s; returns its octets, at least one. */
static size_t put_character(struct html *h, struct str s)
{
    size_t n = str_utf8_len(s);
    if (n == 0) {
        put(h, STR("\xef\xbf\xbd"));
        return 1;
    }
    uint32_t c = code_point(s.p, n);
    struct str known = reference(c);
    if (known.n > 0) {
        put(h, known);
    } else if (is_control(c)) {
        put(h, STR("\xef\xbf\xbd"));
    } else if (is_hidden(c)) {
        h->rc = h->rc == 0 ? buf_printf(h->out, "[U+%04X]", (unsigned)c) : h->rc;
    } else {
        put(h, str_slice(s, 0, n));
    }
    return n;
}

void html_text(struct html *h, struct str s)
{
    while (s.n > 0 && h->rc == 0) {
        size_t n = put_character(h, s);
        s = str_slice(s, n, s.n);
    }
}

void html_fill(struct html *h, struct str literal, const struct str *texts, size_t n)
{
    size_t used = 0;
    struct str head;
    while (str_cut(literal, '{', &head, &literal)) {
        bool in_url = str_starts(literal, STR("u}"));
        put(h, head);
        if (used == n || (!in_url && !str_starts(literal, STR("}")))) {
            h->rc = h->rc == 0 ? -ERR_INTERNAL : h->rc;
            return;
        }
        if (in_url && h->rc == 0) {
            h->rc = enc_percent(h->out, texts[used]);
        } else {
            html_text(h, texts[used]);
        }
        used++;
        literal = str_slice(literal, in_url ? 2 : 1, literal.n);
    }
    put(h, head);
    if (used != n && h->rc == 0) {
        h->rc = -ERR_INTERNAL;
    }
}

void html_number(struct html *h, uint64_t n)
{
    char digits[ENC_DECIMAL_MAX];
    put(h, (struct str){digits, enc_decimal(n, digits)});
}

void html_time(struct html *h, int64_t ms)
{
    char text[CLOCK_RFC3339_LEN + 1];
    clock_rfc3339(ms, text);
    struct str s = {text, CLOCK_RFC3339_LEN};
    HTML_WITH(h, "<time datetime=\"{}Z\">{} {} UTC</time>", str_slice(s, 0, 19),
              str_slice(s, 0, 10), str_slice(s, 11, 16));
}

void html_distance(struct html *h, int64_t ms, int64_t now_ms)
{
    static const struct {
        int64_t least;
        int64_t unit;
        struct str one;
        struct str many;
    } steps[] = {
        {MONTHS_S, MONTH_S, HTML_WORDS("month"), HTML_WORDS("months")},
        {DAY_S, DAY_S, HTML_WORDS("day"), HTML_WORDS("days")},
        {HOUR_S, HOUR_S, HTML_WORDS("hour"), HTML_WORDS("hours")},
        {MINUTE_S, MINUTE_S, HTML_WORDS("minute"), HTML_WORDS("minutes")},
    };
    bool ahead = ms > now_ms;
    int64_t s = (ahead ? ms - now_ms : now_ms - ms) / 1000;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (s >= steps[i].least) {
            int64_t n = s / steps[i].unit;
            put(h, ahead ? STR("in ") : STR_NONE);
            html_number(h, (uint64_t)n);
            HTML_WITH(h, " {}{}", n == 1 ? steps[i].one : steps[i].many,
                      ahead ? STR_NONE : STR(" ago"));
            return;
        }
    }
    put(h, ahead ? STR("in less than a minute") : STR("just now"));
}

void html_octets(struct html *h, const unsigned char *octets, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char digits[2];
        enc_hex(octets + i, 1, digits);
        put(h, i > 0 ? STR(":<wbr>") : STR_NONE);
        put(h, (struct str){digits, sizeof(digits)});
    }
}
