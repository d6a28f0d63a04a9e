/* Owns: the written form of times, shares, rates and sizes. Not: their bounds by option. Any
 * thread.
 */
#include "bench/quantity.h"

#include <stdio.h>

#define QUANTITY_RATE_MIN 0.0001 /* every few hours: distances in ns are far from overflow */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool digits(struct str s, double *out)
{
    double n = 0.0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return false;
        }
        n = n * 10.0 + (double)(s.p[i] - '0');
    }
    *out = n;
    return s.n > 0 && s.n <= 18;
}

bool quantity_number(struct str s, double *out)
{
    struct str whole;
    struct str part;
    double high = 0.0;
    double low = 0.0;
    bool cut = str_cut(s, '.', &whole, &part);
    if (!digits(whole, &high) || (cut && !digits(part, &low))) {
        return false;
    }
    for (size_t i = 0; cut && i < part.n; i++) {
        low /= 10.0;
    }
    *out = high + low;
    return true;
}

/* Where the number ends and the unit begins. */
static size_t unit_at(struct str s)
{
    size_t i = 0;
    while (i < s.n && ((s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '.')) {
        i++;
    }
    return i;
}

bool quantity_time(struct str s, uint64_t *out)
{
    static const struct {
        const char *name;
        double factor;
    } units[] = {{"ns", 1.0}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
    size_t at = unit_at(s);
    double n = 0.0;
    if (!quantity_number(str_slice(s, 0, at), &n)) {
        return false;
    }
    for (size_t i = 0; i < COUNT(units); i++) {
        if (str_eq(str_slice(s, at, s.n), str_of(units[i].name))) {
            n = n * units[i].factor + 0.5;
            if (n >= 4.6e18) {
                return false;
            }
            *out = (uint64_t)n;
            return true;
        }
    }
    return false;
}

bool quantity_share(struct str s, double *out)
{
    bool percent = str_ends(s, STR("%"));
    double n = 0.0;
    if (!quantity_number(str_slice(s, 0, percent ? s.n - 1 : s.n), &n)) {
        return false;
    }
    n = percent ? n / 100.0 : n;
    if (n > 1.0) {
        return false;
    }
    *out = n;
    return true;
}

bool quantity_rate(struct str s, double *out)
{
    double n = 0.0;
    size_t end = str_ends(s, STR("/s")) ? s.n - 2 : s.n;
    if (!quantity_number(str_slice(s, 0, end), &n) || n < QUANTITY_RATE_MIN || n > 1e7) {
        return false;
    }
    *out = n;
    return true;
}

bool quantity_size(struct str s, uint64_t *out)
{
    static const struct {
        const char *name;
        uint64_t factor;
    } units[] = {{"", 1}, {"B", 1}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}};
    size_t at = unit_at(s);
    uint64_t n = 0;
    if (!str_to_u64(str_slice(s, 0, at), &n)) {
        return false;
    }
    for (size_t i = 0; i < COUNT(units); i++) {
        if (str_eq(str_slice(s, at, s.n), str_of(units[i].name))) {
            bool fits = !__builtin_mul_overflow(n, units[i].factor, &n);
            *out = fits ? n : *out;
            return fits;
        }
    }
    return false;
}

bool quantity_percentile(struct str s, double *out)
{
    double n = 0.0;
    if (!str_starts(s, STR("p")) || !quantity_number(str_slice(s, 1, s.n), &n) || n <= 0.0 ||
        n > 100.0) {
        return false;
    }
    *out = n;
    return true;
}

const char *quantity_time_text(uint64_t ns, char out[QUANTITY_TEXT_MAX])
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    double n = (double)ns;
    size_t i = 0;
    while (n >= 999.5 && i + 1 < COUNT(units)) {
        n /= 1000.0;
        i++;
    }
    int places = 0;
    if (i > 0 && n < 99.95) {
        places = n < 9.995 ? 2 : 1;
    }
    (void)snprintf(out, QUANTITY_TEXT_MAX, "%.*f%s", places, n, units[i]);
    return out;
}
