/* Owns: comparison, search and cutting of borrowed spans. Not: memory, encodings. Any thread. */
#include "base/str.h"

bool str_ieq_octets(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_lower(a[i]) != str_lower(b[i])) {
            return false;
        }
    }
    return true;
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n > 0 ? memcmp(a.p, b.p, n) : 0;
    if (order != 0) {
        return order;
    }
    return (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq(str_slice(s, 0, prefix.n), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq(str_slice(s, s.n - suffix.n, s.n), suffix);
}

size_t str_chr(struct str s, char c)
{
    const char *at = s.n > 0 ? memchr(s.p, c, s.n) : NULL;
    return at != NULL ? (size_t)(at - s.p) : STR_NPOS;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
    size_t from = 0;
    size_t to = s.n;
    while (from < to && is_blank(s.p[from])) {
        from++;
    }
    while (to > from && is_blank(s.p[to - 1])) {
        to--;
    }
    return str_slice(s, from, to);
}

bool str_cut(struct str s, char c, struct str *head, struct str *rest)
{
    size_t at = str_chr(s, c);
    if (at == STR_NPOS) {
        *head = s;
        *rest = str_slice(s, s.n, s.n);
        return false;
    }
    *head = str_slice(s, 0, at);
    *rest = str_slice(s, at + 1, s.n);
    return true;
}

bool str_to_u64(struct str s, uint64_t *out)
{
    uint64_t value = 0;
    if (s.n == 0) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

/* The length that the first octet of a character announces; 0 if none begins with it. */
static size_t utf8_announced(unsigned char first)
{
    if (first < 0x80) {
        return 1;
    }
    if (first < 0xc2 || first > 0xf4) {
        return 0;
    }
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

static bool utf8_second_fits(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xe0:
        return second >= 0xa0 && second <= 0xbf; /* else overlong */
    case 0xed:
        return second >= 0x80 && second <= 0x9f; /* else a surrogate */
    case 0xf0:
        return second >= 0x90 && second <= 0xbf; /* else overlong */
    case 0xf4:
        return second >= 0x80 && second <= 0x8f; /* else past U+10FFFF */
    default:
        return second >= 0x80 && second <= 0xbf;
    }
}

size_t str_utf8_len(struct str s)
{
    const unsigned char *u = (const unsigned char *)s.p;
    size_t n = s.n > 0 ? utf8_announced(u[0]) : 0;
    if (n < 2) {
        return n;
    }
    if (s.n < n || !utf8_second_fits(u[0], u[1])) {
        return 0;
    }
    for (size_t i = 2; i < n; i++) {
        if ((u[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return n;
}

/* True if all octets are ASCII that can be seen, or blanks: what most texts are, eight at a time.
 */
static bool is_printable(struct str s)
{
    static const uint64_t ones = 0x0101010101010101U;
    const uint64_t tops = ones << 7;
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t x;
        memcpy(&x, s.p + i, 8);
        uint64_t low = (x - ones * 0x20) & ~x; /* the top bit of an octet under 0x20 */
        uint64_t del = x ^ (ones * 0x7f);
        del = (del - ones) & ~del;
        if (((x | low | del) & tops) != 0) {
            return false;
        }
    }
    for (; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c >= 0x7f) {
            return false;
        }
    }
    return true;
}

bool str_is_utf8(struct str s)
{
    if (is_printable(s)) {
        return true;
    }
    while (s.n > 0) {
        size_t n = str_utf8_len(s);
        if (n == 0) {
            return false;
        }
        s = str_slice(s, n, s.n);
    }
    return true;
}

bool str_has_control(struct str s)
{
    const unsigned char *u = (const unsigned char *)s.p;
    if (is_printable(s)) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (u[i] < 0x20 || u[i] == 0x7f) {
            return true;
        }
        if (u[i] == 0xc2 && i + 1 < s.n && u[i + 1] >= 0x80 && u[i + 1] <= 0x9f) {
            return true;
        }
    }
    return false;
}
