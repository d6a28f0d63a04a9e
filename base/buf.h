/* A growable byte buffer with a cap: the bounded queue between two ends of a pipe. Bytes go in at
 * the back and leave at the front. Growth past the cap fails: that is the back-pressure. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"

struct buf {
    char *p;     /* owned; NULL while empty and released */
    size_t head; /* first unread byte */
    size_t tail; /* one past the last */
    size_t size; /* allocated */
    size_t cap;  /* never holds more unread bytes than this */
};

/* Prepare b, empty, holding at most cap bytes; allocates nothing. */
void buf_init(struct buf *b, size_t cap);

/* Free the memory of b; b is empty and usable again. */
void buf_release(struct buf *b);

/* Wipe the memory of b, then release it: for bytes that may be secret. */
void buf_wipe(struct buf *b);

/* Append s. Returns 0, -ERR_FULL past the cap (nothing appended), -ERR_NOMEM. */
int buf_append(struct buf *b, struct str s) __attribute__((warn_unused_result));

/* Append printf-formatted text. Returns as buf_append. */
int buf_printf(struct buf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3), warn_unused_result));

/* Make room for n more bytes and return where they go (then buf_commit), or NULL as for
 * buf_append. The pointer is good until the next call on b. */
char *buf_reserve(struct buf *b, size_t n) __attribute__((warn_unused_result));

/* n of the reserved bytes were filled. */
void buf_commit(struct buf *b, size_t n);

/* Drop n bytes (at most all) from the front. */
void buf_consume(struct buf *b, size_t n);

/* Drop all bytes, keep the memory. */
void buf_clear(struct buf *b);

/* The unread bytes; borrowed until the next call on b that changes it. */
static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->p != NULL ? b->p + b->head : "", b->tail - b->head};
}

/* Number of unread bytes. */
static inline size_t buf_len(const struct buf *b)
{
    return b->tail - b->head;
}

#endif
