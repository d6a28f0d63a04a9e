/* Owns: nothing but the first failure. */
#include "bench/writer.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"

void writer_put(struct writer *w, const char *format, ...)
{
    if (w->rc != 0) {
        return;
    }
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    size_t need = n >= 0 ? (size_t)n + 1 : 0; /* vsnprintf() wants room for its NUL too */
    char *room = n >= 0 ? buf_reserve(w->out, need) : NULL;
    if (room == NULL) {
        w->rc = need > w->out->cap - buf_len(w->out) ? -ERR_FULL : -ERR_NOMEM;
        return;
    }
    va_start(args, format);
    (void)vsnprintf(room, need, format, args);
    va_end(args);
    buf_commit(w->out, need - 1);
}

void writer_str(struct writer *w, struct str s)
{
    if (w->rc == 0) {
        w->rc = buf_append(w->out, s);
    }
}

static struct str escaped(const char *c)
{
    switch (*c) {
    case '<':
        return STR("&lt;");
    case '>':
        return STR("&gt;");
    case '&':
        return STR("&amp;");
    case '"':
        return STR("&quot;");
    case '\'':
        return STR("&#39;");
    default:
        return (struct str){c, 1};
    }
}

void writer_html(struct writer *w, const char *text)
{
    for (; *text != '\0'; text++) {
        writer_str(w, escaped(text));
    }
}
