/* Text written piece by piece, with one look at the end whether all of it fit. One thread. */
#ifndef BENCH_WRITER_H
#define BENCH_WRITER_H

#include "base/buf.h"

struct writer {
    struct buf *out; /* borrowed */
    int rc;          /* 0, or the first failure: -ERR_FULL, -ERR_NOMEM; nothing is added after it */
};

/* Append printf-formatted text. */
void writer_put(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Append s as it is. */
void writer_str(struct writer *w, struct str s);

/* Append text so that HTML takes it as text, between tags and in quoted attributes. */
void writer_html(struct writer *w, const char *text);

#endif
