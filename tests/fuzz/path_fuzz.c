/* fuzz: proxy/exchange */
/* Paths in the form that rules are compared with: what is accepted is within bounds, holds nothing
 * that an upstream would resolve or decode further, and stays as it is when it is put through
 * again.
 */
#include <stdint.h>
#include <stdlib.h>

#include "proxy/exchange/path.h"

enum { PATH_OCTETS_MAX = 4096 };

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           memchr("-._~", c, 4) != NULL;
}

static char hex(char high, char low)
{
    const char *digits = "0123456789ABCDEF";
    const char *h = memchr(digits, high, 16);
    const char *l = memchr(digits, low, 16);
    demand(h != NULL && l != NULL);
    return (char)((h - digits) << 4 | (l - digits));
}

static void check_form(struct str path)
{
    demand(path.n > 0 && path.p[0] == '/');
    for (size_t i = 0; i < path.n; i++) {
        demand(path.p[i] != ';' && path.p[i] != '\\' && path.p[i] != '\0');
        demand(i == 0 || path.p[i] != '/' || path.p[i - 1] != '/');
        if (path.p[i] == '%') {
            demand(path.n - i >= 3);
            char c = hex(path.p[i + 1], path.p[i + 2]);
            demand(!is_unreserved(c) && memchr("/\\;", c, 4) == NULL);
        }
    }
    struct str segment;
    for (bool more = true; more;) {
        more = str_cut(path, '/', &segment, &path);
        demand(!str_eq(segment, STR(".")) && !str_eq(segment, STR("..")));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[PATH_OCTETS_MAX + 1];
    static char plain[PATH_OCTETS_MAX + 1];
    static char again[PATH_OCTETS_MAX + 1];
    size_t n = 0;
    size_t end = 0;
    if (size > PATH_OCTETS_MAX) {
        return 0;
    }
    text[0] = '/';
    memcpy(text + 1, data, size);
    struct str path = {text, size + 1};
    if (!path_normalise(path, plain, &n, &end)) {
        demand(!path_is_plain(path));
        return 0;
    }
    struct str form = {plain, n};
    demand(n <= path.n && end <= n);
    check_form(form);
    demand(!path_is_plain(path) || str_eq(path, form));
    size_t n_again = 0;
    size_t end_again = 0;
    demand(path_normalise(form, again, &n_again, &end_again));
    demand(str_eq(form, (struct str){again, n_again}) && end == end_again);
    return 0;
}
