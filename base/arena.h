/* A bump allocator for what lives as long as one request: text and heads only, never descriptors,
 * secrets or OpenSSL objects. Freed as a whole. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first; owned */
    size_t used;                /* bytes used in the newest */
    size_t total;               /* bytes allocated in all blocks */
    size_t cap;                 /* total never grows past this */
};

/* Prepare a, holding at most cap bytes; allocates nothing. */
void arena_init(struct arena *a, size_t cap);

/* n bytes aligned for any object, not cleared, good until arena_reset/arena_release; NULL past the
 * cap or without memory. */
void *arena_alloc(struct arena *a, size_t n) __attribute__((warn_unused_result));

/* A copy of s with a NUL behind; p is NULL on failure. */
struct str arena_dup(struct arena *a, struct str s);

/* printf into the arena; p is NULL on failure. */
struct str arena_printf(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Drop everything but keep one block for the next request. */
void arena_reset(struct arena *a);

/* Drop everything and free all memory. */
void arena_release(struct arena *a);

#endif
