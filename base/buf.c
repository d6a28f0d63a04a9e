/* Owns: the growth and the moving of a capped byte queue. Not: what the bytes mean. One thread a
 * buffer. */
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "base/mem.h"

enum { SIZE_MIN = 256 };

void buf_init(struct buf *b, size_t cap)
{
    *b = (struct buf){.cap = cap};
}

void buf_release(struct buf *b)
{
    mem_free(b->p);
    buf_init(b, b->cap);
}

void buf_wipe(struct buf *b)
{
    mem_wipe(b->p, b->size);
    buf_release(b);
}

/* Bytes move to fresh memory rather than by realloc, which would leave a copy that buf_wipe cannot
 * reach. */
static bool grow(struct buf *b, size_t need)
{
    size_t size = b->size < SIZE_MIN ? SIZE_MIN : b->size;
    while (size < need) {
        size = size > SIZE_MAX / 2 ? need : size * 2;
    }
    if (size > b->cap) {
        size = b->cap > need ? b->cap : need;
    }
    char *p = mem_alloc(size);
    if (p == NULL) {
        return false;
    }
    size_t n = buf_len(b);
    if (b->p != NULL) {
        memcpy(p, b->p + b->head, n);
        mem_wipe(b->p, b->size);
        mem_free(b->p);
    }
    b->p = p;
    b->size = size;
    b->head = 0;
    b->tail = n;
    return true;
}

/* Returns 0 with n bytes free behind tail. */
static int make_room(struct buf *b, size_t n)
{
    size_t len = buf_len(b);
    if (n > b->cap || len > b->cap - n) {
        return -ERR_FULL;
    }
    if (b->p != NULL && b->size - b->tail >= n) {
        return 0;
    }
    if (b->p != NULL && b->size - len >= n) {
        memmove(b->p, b->p + b->head, len);
        b->head = 0;
        b->tail = len;
        return 0;
    }
    return grow(b, len + n) ? 0 : -ERR_NOMEM;
}

int buf_append(struct buf *b, struct str s)
{
    if (s.n == 0) {
        return 0;
    }
    int rc = make_room(b, s.n);
    if (rc != 0) {
        return rc;
    }
    memcpy(b->p + b->tail, s.p, s.n);
    b->tail += s.n;
    return 0;
}

int buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) {
        return -ERR_INTERNAL;
    }
    char small[512];
    size_t need = (size_t)n + 1;
    char *text = need <= sizeof(small) ? small : mem_alloc(need);
    if (text == NULL) {
        return -ERR_NOMEM;
    }
    va_start(args, format);
    (void)vsnprintf(text, need, format, args);
    va_end(args);
    int rc = buf_append(b, (struct str){text, (size_t)n});
    if (text != small) {
        mem_free(text);
    }
    return rc;
}

char *buf_reserve(struct buf *b, size_t n)
{
    /* With n 0 and nothing allocated there would be no pointer to give. */
    if (make_room(b, n) != 0 || (b->p == NULL && !grow(b, 0))) {
        return NULL;
    }
    return b->p + b->tail;
}

void buf_commit(struct buf *b, size_t n)
{
    assert(n <= b->size - b->tail);
    b->tail += n;
}

void buf_consume(struct buf *b, size_t n)
{
    size_t len = buf_len(b);
    b->head += n < len ? n : len;
    if (b->head == b->tail) {
        b->head = 0;
        b->tail = 0;
    }
}

void buf_clear(struct buf *b)
{
    b->head = 0;
    b->tail = 0;
}
