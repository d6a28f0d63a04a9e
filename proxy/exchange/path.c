/* Owns: the normal form of a path. Pure. */
#include "proxy/exchange/path.h"

#include <string.h>

/* Where the writing is, and what was seen on the way. */
struct walk {
    char *out;
    size_t n;
    bool dots;  /* a dot segment */
    bool empty; /* an empty segment in the middle */
};

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = str_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_unreserved(int c)
{
    char lower = str_lower((char)c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

bool path_is_plain(struct str path)
{
    for (size_t i = 0; i < path.n; i++) {
        char c = path.p[i];
        if (c == '%' || c == ';' || c == '\\' || c == '\0') {
            return false;
        }
        if (c == '/' && i + 1 < path.n && (path.p[i + 1] == '/' || path.p[i + 1] == '.')) {
            return false;
        }
    }
    return path.n > 0 && path.p[0] == '/';
}

/* Decode one escape at the front of s into the segment. Returns false if it must not stand there.
 */
static bool take_escape(struct walk *w, struct str s)
{
    static const char digits[] = "0123456789ABCDEF";
    int high = s.n >= 3 ? hex_value(s.p[1]) : -1;
    int low = s.n >= 3 ? hex_value(s.p[2]) : -1;
    if (high < 0 || low < 0) {
        return false;
    }
    int c = high * 16 + low;
    if (c == '/' || c == '\\' || c == '\0') {
        return false;
    }
    if (is_unreserved(c)) {
        w->out[w->n++] = (char)c;
        return true;
    }
    w->out[w->n++] = '%';
    w->out[w->n++] = digits[high];
    w->out[w->n++] = digits[low];
    return true;
}

/* Copy one segment, without its parameters, behind out[w->n]. */
static bool take_segment(struct walk *w, struct str segment)
{
    for (size_t i = 0; i < segment.n && segment.p[i] != ';'; i++) {
        char c = segment.p[i];
        if (c == '\\' || c == '\0') {
            return false;
        }
        if (c != '%') {
            w->out[w->n++] = c;
        } else if (take_escape(w, str_slice(segment, i, segment.n))) {
            i += 2;
        } else {
            return false;
        }
    }
    return true;
}

/* Take back the last segment that was written, and its slash. */
static bool climb(struct walk *w)
{
    if (w->n <= 1) {
        return false;
    }
    w->n--;
    while (w->out[w->n - 1] != '/') {
        w->n--;
    }
    return true;
}

/* One segment after out ended in '/'; is_last: no slash follows it. */
static bool add_segment(struct walk *w, struct str segment, bool is_last)
{
    size_t start = w->n;
    if (!take_segment(w, segment)) {
        return false;
    }
    struct str written = {w->out + start, w->n - start};
    bool has_parameters = str_chr(segment, ';') != STR_NPOS;
    if (str_eq(written, STR(".")) || str_eq(written, STR(".."))) {
        bool up = written.n == 2;
        w->n = start;
        w->dots = true;
        return !has_parameters && (!up || climb(w));
    }
    if (written.n == 0) {
        w->empty = w->empty || !is_last || has_parameters;
        return true;
    }
    if (!is_last) {
        w->out[w->n++] = '/';
    }
    return true;
}

bool path_normalise(struct str path, char *out, size_t *n)
{
    if (path.n == 0 || path.p[0] != '/') {
        return false;
    }
    struct walk w = {.out = out, .n = 0};
    out[w.n++] = '/';
    struct str rest = str_slice(path, 1, path.n);
    bool more = true;
    while (more) {
        struct str segment;
        struct str tail;
        more = str_cut(rest, '/', &segment, &tail);
        if (!add_segment(&w, segment, !more)) {
            return false;
        }
        rest = tail;
    }
    *n = w.n;
    return !(w.dots && w.empty);
}
