/* Owns: blocks of memory that live as long as one request. One thread an arena. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

enum { BLOCK_SIZE = 4096 };

struct arena_block {
    struct arena_block *next;
    size_t size; /* of data */
    alignas(max_align_t) char data[];
};

void arena_init(struct arena *a, size_t cap)
{
    *a = (struct arena){.cap = cap};
}

static bool add_block(struct arena *a, size_t need)
{
    size_t size = need > BLOCK_SIZE ? need : BLOCK_SIZE;
    size_t left = a->cap - a->total;
    if (size > left) {
        size = left;
    }
    if (size < need) {
        return false;
    }
    struct arena_block *block = mem_alloc(sizeof(*block) + size);
    if (block == NULL) {
        return false;
    }
    block->next = a->blocks;
    block->size = size;
    a->blocks = block;
    a->used = 0;
    a->total += size;
    return true;
}

void *arena_alloc(struct arena *a, size_t n)
{
    const size_t align = alignof(max_align_t);
    if (n > SIZE_MAX - align) {
        return NULL;
    }
    size_t need = n > 0 ? (n + align - 1) / align * align : align;
    if ((a->blocks == NULL || a->blocks->size - a->used < need) && !add_block(a, need)) {
        return NULL;
    }
    void *p = a->blocks->data + a->used;
    a->used += need;
    return p;
}

struct str arena_dup(struct arena *a, struct str s)
{
    char *p = s.n < SIZE_MAX ? arena_alloc(a, s.n + 1) : NULL;
    if (p == NULL) {
        return STR_NONE;
    }
    if (s.n > 0) {
        memcpy(p, s.p, s.n);
    }
    p[s.n] = '\0';
    return (struct str){p, s.n};
}

struct str arena_printf(struct arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *p = n >= 0 ? arena_alloc(a, (size_t)n + 1) : NULL;
    if (p == NULL) {
        return STR_NONE;
    }
    va_start(args, format);
    (void)vsnprintf(p, (size_t)n + 1, format, args);
    va_end(args);
    return (struct str){p, (size_t)n};
}

static void free_all_but(struct arena *a, const struct arena_block *keep)
{
    struct arena_block *block = a->blocks;
    while (block != NULL) {
        struct arena_block *next = block->next;
        if (block != keep) {
            mem_free(block);
        }
        block = next;
    }
}

/* The block of the usual size is kept, so that one large request does not pin its memory. */
void arena_reset(struct arena *a)
{
    struct arena_block *keep = a->blocks;
    while (keep != NULL && keep->size > BLOCK_SIZE) {
        keep = keep->next;
    }
    free_all_but(a, keep);
    size_t cap = a->cap;
    arena_init(a, cap);
    if (keep != NULL) {
        keep->next = NULL;
        a->blocks = keep;
        a->total = keep->size;
    }
}

void arena_release(struct arena *a)
{
    free_all_but(a, NULL);
    arena_init(a, a->cap);
}
