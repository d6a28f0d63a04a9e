/* Owns: comparison, search and cutting of borrowed spans. Not: memory, encodings. Any thread. */
#include "base/str.h"

bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_ieq(struct str a, struct str b)
{
    if (a.n != b.n) {
        return false;
    }
    for (size_t i = 0; i < a.n; i++) {
        if (str_lower(a.p[i]) != str_lower(b.p[i])) {
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

struct str str_slice(struct str s, size_t from, size_t to)
{
    if (to > s.n) {
        to = s.n;
    }
    if (from > to) {
        from = to;
    }
    /* NULL + 0 is undefined in C11. */
    return (struct str){from > 0 ? s.p + from : s.p, to - from};
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

size_t str_utf8_len(struct str s)
{
    if (s.n == 0) {
        return 0;
    }
    const unsigned char *u = (const unsigned char *)s.p;
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    size_t n = 0;
    if (u[0] < 0x80) {
        return 1;
    }
    if (u[0] >= 0xc2 && u[0] <= 0xdf) {
        n = 2;
    } else if (u[0] >= 0xe0 && u[0] <= 0xef) {
        n = 3;
        low = u[0] == 0xe0 ? 0xa0 : low;   /* else overlong */
        high = u[0] == 0xed ? 0x9f : high; /* else a surrogate */
    } else if (u[0] >= 0xf0 && u[0] <= 0xf4) {
        n = 4;
        low = u[0] == 0xf0 ? 0x90 : low;   /* else overlong */
        high = u[0] == 0xf4 ? 0x8f : high; /* else past U+10FFFF */
    }
    if (n == 0 || s.n < n || u[1] < low || u[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < n; i++) {
        if ((u[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return n;
}

bool str_is_utf8(struct str s)
{
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
