/* SQLite's memory from tests/support/library_memory: it fails when a test lets it. */
#ifndef TESTS_SUPPORT_SQLITE_MEMORY_H
#define TESTS_SUPPORT_SQLITE_MEMORY_H

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>

#include <sqlite3.h>

#include "tests/support/library_memory.h"

static inline void *sqlite_memory_take(int n)
{
    return library_memory_take((size_t)n);
}

static inline void *sqlite_memory_resize(void *p, int n)
{
    return library_memory_resize(p, (size_t)n);
}

static inline int sqlite_memory_size(void *p)
{
    return (int)malloc_usable_size(p);
}

static inline int sqlite_memory_round_up(int n)
{
    return (n + 7) & ~7;
}

static inline int sqlite_memory_begin(void *arg)
{
    (void)arg;
    return SQLITE_OK;
}

static inline void sqlite_memory_end(void *arg)
{
    (void)arg;
}

/* For main(), before anything of SQLite's. False: it was too late. */
static inline bool sqlite_memory_ours(void)
{
    static sqlite3_mem_methods methods = {.xMalloc = sqlite_memory_take,
                                          .xFree = free,
                                          .xRealloc = sqlite_memory_resize,
                                          .xSize = sqlite_memory_size,
                                          .xRoundup = sqlite_memory_round_up,
                                          .xInit = sqlite_memory_begin,
                                          .xShutdown = sqlite_memory_end};
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK &&
           sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) == SQLITE_OK;
}

#endif
