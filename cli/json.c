/* Owns: finding the parts of a JSON text. Pure. */
#include "cli/json.h"

#include "base/err.h"

enum { DEPTH_MAX = 16 };

static size_t skip_blanks(struct str s, size_t at)
{
    while (at < s.n && (s.p[at] == ' ' || s.p[at] == '\t' || s.p[at] == '\n' || s.p[at] == '\r')) {
        at++;
    }
    return at;
}

/* Behind the string that begins at at, or 0. */
static size_t skip_string(struct str s, size_t at)
{
    for (size_t i = at + 1; i < s.n; i++) {
        if (s.p[i] == '\\') {
            i++;
        } else if (s.p[i] == '"') {
            return i + 1;
        }
    }
    return 0;
}

/* Behind the object or array that begins at at, or 0. */
static size_t skip_nested(struct str s, size_t at)
{
    char open[DEPTH_MAX];
    size_t depth = 0;
    for (size_t i = at; i < s.n;) {
        char c = s.p[i];
        if (c == '"') {
            i = skip_string(s, i);
            if (i == 0) {
                return 0;
            }
            continue;
        }
        i++;
        if (c == '{' || c == '[') {
            if (depth == DEPTH_MAX) {
                return 0;
            }
            open[depth++] = c == '{' ? '}' : ']';
        } else if (c == '}' || c == ']') {
            if (open[--depth] != c) {
                return 0;
            }
            if (depth == 0) {
                return i;
            }
        }
    }
    return 0;
}

static size_t skip_word(struct str s, size_t at)
{
    while (at < s.n && ((s.p[at] >= '0' && s.p[at] <= '9') || (s.p[at] >= 'a' && s.p[at] <= 'z') ||
                        s.p[at] == '-' || s.p[at] == '+' || s.p[at] == '.' || s.p[at] == 'E')) {
        at++;
    }
    return at;
}

/* The value that begins at at; *end is behind it. */
static struct json value_at(struct str s, size_t at, size_t *end)
{
    struct json value = {0};
    at = skip_blanks(s, at);
    if (at >= s.n) {
        return value;
    }
    size_t to;
    switch (s.p[at]) {
    case '{':
        value.kind = JSON_OBJECT;
        to = skip_nested(s, at);
        break;
    case '[':
        value.kind = JSON_ARRAY;
        to = skip_nested(s, at);
        break;
    case '"':
        value.kind = JSON_STRING;
        to = skip_string(s, at);
        break;
    default:
        value.kind = JSON_OTHER;
        to = skip_word(s, at);
        break;
    }
    if (to <= at) {
        return (struct json){0};
    }
    value.text = str_slice(s, at, to);
    *end = to;
    return value;
}

struct json json_value(struct str text)
{
    size_t end = 0;
    struct json value = value_at(text, 0, &end);
    if (value.kind != JSON_NONE && skip_blanks(text, end) != text.n) {
        value.kind = JSON_NONE;
    }
    return value;
}

bool json_next(const struct json *of, size_t *at, struct str *key, struct json *value)
{
    struct str s = of->text;
    size_t end = 0;
    *key = STR_NONE;
    if (of->kind != JSON_OBJECT && of->kind != JSON_ARRAY) {
        return false;
    }
    size_t i = skip_blanks(s, *at == 0 ? 1 : *at);
    if (*at != 0 && i < s.n && s.p[i] == ',') {
        i++;
    }
    if (of->kind == JSON_OBJECT) {
        struct json name = value_at(s, i, &end);
        if (name.kind != JSON_STRING) {
            return false;
        }
        *key = str_slice(name.text, 1, name.text.n - 1);
        i = skip_blanks(s, end);
        if (i >= s.n || s.p[i] != ':') {
            return false;
        }
        i++;
    }
    *value = value_at(s, i, &end);
    *at = end;
    return value->kind != JSON_NONE;
}

struct json json_member(const struct json *of, struct str key)
{
    size_t at = 0;
    struct str name;
    struct json value;
    while (of->kind == JSON_OBJECT && json_next(of, &at, &name, &value)) {
        if (str_eq(name, key)) {
            return value;
        }
    }
    return (struct json){0};
}

static unsigned hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    c = str_lower(c);
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 0;
}

/* The character of an escape whose letter is at s.p[0]; *n says how many octets it took. What the
 * printed text has no use for becomes '?'. */
static char unescape(struct str s, size_t *n)
{
    *n = 1;
    switch (s.p[0]) {
    case 'n':
        return '\n';
    case 't':
    case 'r':
        return ' ';
    case '"':
    case '\\':
    case '/':
        return s.p[0];
    case 'u':
        if (s.n >= 5) {
            *n = 5;
            unsigned code = hex_digit(s.p[3]) * 16 + hex_digit(s.p[4]);
            bool ascii = s.p[1] == '0' && s.p[2] == '0' && code >= 0x20 && code < 0x7f;
            return (char)(ascii ? code : '?');
        }
        return '?';
    default:
        return '?';
    }
}

int json_text(const struct json *value, struct buf *out)
{
    if (value->kind != JSON_STRING) {
        return buf_append(out, value->text);
    }
    struct str s = str_slice(value->text, 1, value->text.n - 1);
    int rc = 0;
    for (size_t i = 0; i < s.n && rc == 0; i++) {
        char c = s.p[i];
        if (c == '\\' && i + 1 < s.n) {
            size_t n;
            c = unescape(str_slice(s, i + 1, s.n), &n);
            i += n;
        } else if ((unsigned char)c < 0x20 || c == 0x7f) {
            c = '?';
        }
        rc = buf_append(out, (struct str){&c, 1});
    }
    return rc;
}
