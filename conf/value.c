/* Owns: the written form of numbers, durations and sizes. Not: their bounds. Any thread. */
#include "conf/value.h"

#include <stddef.h>
#include <stdio.h>

struct unit {
    struct str name;
    uint64_t factor;
};

/* Largest first: printing takes the first that divides. */
static const struct unit durations[] = {
    {{"d", 1}, 86400000}, {{"h", 1}, 3600000}, {{"m", 1}, 60000}, {{"s", 1}, 1000}, {{"ms", 2}, 1},
};
static const struct unit sizes[] = {
    {{"GiB", 3}, (uint64_t)1024 * (uint64_t)1024 * 1024},
    {{"MiB", 3}, (uint64_t)1024 * 1024},
    {{"KiB", 3}, 1024},
    {{"B", 1}, 1},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* 1*DIGIT without a leading zero: 010 means eight to some readers of YAML and ten to others. */
static bool decimal(struct str s, uint64_t *out)
{
    if (s.n > 1 && s.p[0] == '0') {
        return false;
    }
    return str_to_u64(s, out);
}

const char *value_count(struct str s, uint64_t *out)
{
    return decimal(s, out) ? NULL : "a whole decimal number";
}

/* Number and unit; without a unit if bare is true. */
static bool measured(struct str s, const struct unit *units, size_t n, bool bare, uint64_t *out)
{
    size_t digits = 0;
    uint64_t number = 0;
    while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9') {
        digits++;
    }
    if (!decimal(str_slice(s, 0, digits), &number)) {
        return false;
    }
    struct str name = str_slice(s, digits, s.n);
    if (bare && name.n == 0) {
        *out = number;
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        if (str_eq(name, units[i].name)) {
            return !__builtin_mul_overflow(number, units[i].factor, out);
        }
    }
    return false;
}

const char *value_duration(struct str s, uint64_t *out)
{
    uint64_t ms = 0;
    if (!measured(s, durations, COUNT(durations), false, &ms)) {
        return "a duration with its unit (ms, s, m, h, d), such as 30s";
    }
    *out = ms;
    return NULL;
}

const char *value_size(struct str s, uint64_t *out)
{
    uint64_t bytes = 0;
    if (!measured(s, sizes, COUNT(sizes), true, &bytes)) {
        return "a size (B, KiB, MiB, GiB), such as 16KiB";
    }
    *out = bytes;
    return NULL;
}

const char *value_mode(struct str s, uint64_t *out)
{
    static const char expected[] =
        "permission bits as three or four octal digits, such as \"0660\"";
    uint64_t mode = 0;
    if (s.n < 3 || s.n > 4) {
        return expected;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '7') {
            return expected;
        }
        mode = mode * 8 + (uint64_t)(s.p[i] - '0');
    }
    *out = mode;
    return NULL;
}

const char *value_bool(struct str s, bool *out)
{
    bool yes = str_eq(s, STR("true"));
    if (!yes && !str_eq(s, STR("false"))) {
        return "true or false";
    }
    *out = yes;
    return NULL;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): out is written by snprintf */
static const char *print(uint64_t value, const struct unit *units, char out[VALUE_TEXT_MAX])
{
    while (value == 0 || value % units->factor != 0) {
        if (units->factor == 1) {
            break;
        }
        units++;
    }
    (void)snprintf(out, VALUE_TEXT_MAX, "%llu%s", (unsigned long long)(value / units->factor),
                   units->name.p);
    return out;
}

const char *value_duration_text(uint64_t ms, char out[VALUE_TEXT_MAX])
{
    return ms == 0 ? "0s" : print(ms, durations, out);
}

const char *value_size_text(uint64_t bytes, char out[VALUE_TEXT_MAX])
{
    return print(bytes, sizes, out);
}

const char *value_quote(struct str s, char out[VALUE_QUOTE_MAX])
{
    static const struct str dots = {"...", 3};
    size_t n = 0;
    out[n++] = '"';
    for (size_t i = 0; i < s.n;) {
        struct str rest = str_slice(s, i, s.n);
        size_t width = str_utf8_len(rest);
        bool strange = width == 0 || str_has_control(str_slice(rest, 0, width));
        width = width == 0 ? 1 : width;
        if (n + width + dots.n + 2 > VALUE_QUOTE_MAX) {
            memcpy(out + n, dots.p, dots.n);
            n += dots.n;
            break;
        }
        if (strange) {
            out[n++] = '?';
        } else {
            memcpy(out + n, rest.p, width);
            n += width;
        }
        i += width;
    }
    out[n++] = '"';
    out[n] = '\0';
    return out;
}
