/* Checked allocation with failure injection, wiping, and constant-time comparison.
 * The counters of the injection are per process and meant for single-threaded tests. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

/* n bytes, not cleared; NULL when there are none (n 0 gives a valid pointer). Caller frees. */
void *mem_alloc(size_t n) __attribute__((malloc, warn_unused_result));

/* count * size cleared bytes; NULL on overflow or when there are none. Caller frees. */
void *mem_calloc(size_t count, size_t size) __attribute__((malloc, warn_unused_result));

/* p grown or shrunk to n bytes; NULL (p unchanged) when there are none. */
void *mem_realloc(void *p, size_t n) __attribute__((warn_unused_result));

/* Give p back; NULL is fine. */
void mem_free(void *p);

/* A copy of n bytes with a NUL behind; NULL when there is no memory. Caller frees. */
char *mem_dup(const char *p, size_t n) __attribute__((malloc, warn_unused_result));

/* Overwrite n bytes at p with zeros in a way that no compiler removes. */
void mem_wipe(void *p, size_t n);

/* True if the n bytes are equal; takes the same time whatever they hold. */
bool mem_equal_secret(const void *a, const void *b, size_t n);

/* Tests: let the nth allocation from now fail (1 = the next one), and every one after it if
 * forever. 0 switches the injection off. */
void mem_fail_after(unsigned long nth, bool forever);

/* Tests: allocations made since the last mem_fail_after(). */
unsigned long mem_allocations(void);

#endif
