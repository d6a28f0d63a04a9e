/* Owns: the normal form of a path. Pure. */
#include "proxy/exchange/path.h"

#include <string.h>

/* Where the writing is, and what was seen on the way. */
struct walk {
    char *out;
    size_t n;
    size_t end; /* at the first escaped '?' or '#'; 0: there is none */
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

/* Octets that end or divide a segment for an upstream that decodes first and cuts then. */
static bool is_cut(int c)
{
    return c == '/' || c == '\\' || c == ';' || c < ' ' || c == 0x7f;
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
    if (is_cut(c)) {
        return false;
    }
    if ((c == '?' || c == '#') && w->end == 0) {
        w->end = w->n;
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

/* Dots and escaped blanks alone: upstreams that cut blanks off see a dot segment. */
static bool is_blank_dots(struct str segment)
{
    bool dot = false;
    bool blank = false;
    while (segment.n > 0) {
        bool is_blank = str_starts(segment, STR("%20"));
        if (!is_blank && segment.p[0] != '.') {
            return false;
        }
        dot = dot || !is_blank;
        blank = blank || is_blank;
        segment = str_slice(segment, is_blank ? 3 : 1, segment.n);
    }
    return dot && blank;
}

static bool is_dots(struct str segment)
{
    return str_eq(segment, STR(".")) || str_eq(segment, STR(".."));
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
    if (is_blank_dots(written)) {
        return false;
    }
    if (is_dots(written)) {
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

static int escaped_octet(struct str s)
{
    return s.n >= 3 && s.p[0] == '%' ? hex_value(s.p[1]) * 16 + hex_value(s.p[2]) : -1;
}

/* Escapes of octets outside ASCII must be UTF-8: decoders drop, replace or bend the others (an
 * overlong slash) each in its own way. n: octets of form of the character at its front; 0: none. */
static size_t escaped_utf8_len(struct str form)
{
    char octets[4];
    size_t n = 0;
    while (n < sizeof(octets)) {
        int c = escaped_octet(str_slice(form, 3 * n, form.n));
        if (c < 0x80) {
            break;
        }
        octets[n++] = (char)c;
    }
    return 3 * str_utf8_len((struct str){octets, n});
}

/* What is left of escapes in a normal form must mean the same to who decodes it once or twice. */
static bool has_one_meaning(struct str form)
{
    for (size_t i = 0; i < form.n; i++) {
        int c = escaped_octet(str_slice(form, i, form.n));
        if (c >= 0x80) {
            size_t n = escaped_utf8_len(str_slice(form, i, form.n));
            if (n == 0) {
                return false;
            }
            i += n - 1;
        } else if (c == '%' && i + 4 < form.n && hex_value(form.p[i + 3]) >= 0 &&
                   hex_value(form.p[i + 4]) >= 0) {
            return false;
        }
    }
    return true;
}

/* True if the path up to an escaped '?' or '#' has no dot segment at its end. */
static bool ends_plainly(struct str form)
{
    size_t start = form.n;
    while (start > 0 && form.p[start - 1] != '/') {
        start--;
    }
    return !is_dots(str_slice(form, start, form.n));
}

bool path_normalise(struct str path, char *out, size_t *n, size_t *end)
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
    *end = w.end > 0 ? w.end : w.n;
    return !(w.dots && (w.empty || w.end > 0)) && ends_plainly((struct str){out, *end}) &&
           has_one_meaning((struct str){out, w.n});
}
