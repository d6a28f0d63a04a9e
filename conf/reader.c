/* Owns: what the walk (read.c) and the values (read_value.c) both stand on: complaints at the
 * current key, memory of the draft, where relative paths start. One thread a call. */
#include "conf/reader.h"

#include <stdio.h>

#include "base/err.h"

void reader_complain(struct reader *r, struct conf_pos at, const char *suggestion,
                     const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    diag_add(r->diags, DIAG_ERROR, at, r->path[0] != '\0' ? r->path : NULL, suggestion, "%s", text);
}

void *reader_alloc(struct reader *r, size_t count, size_t size)
{
    size_t n = 0;
    void *p = __builtin_mul_overflow(count, size, &n) ? NULL : arena_alloc(&r->draft->arena, n);
    if (p == NULL) {
        r->nomem = true;
        return NULL;
    }
    memset(p, 0, n);
    return p;
}

const char *reader_absolute(struct arena *a, const struct read_base *base, uint32_t file,
                            struct str path)
{
    if (str_starts(path, STR("/")) || file < base->first || file - base->first >= base->count) {
        return arena_dup(a, path).p;
    }
    while (str_starts(path, STR("./"))) {
        path = str_slice(path, 2, path.n);
    }
    const char *directory = base->directories[file - base->first];
    bool root = strcmp(directory, "/") == 0;
    return arena_printf(a, "%s/%.*s", root ? "" : directory, STR_ARG(path)).p;
}
