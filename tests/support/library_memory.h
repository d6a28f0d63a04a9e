/* Lets allocations of OpenSSL fail by mem_fail_after(), as ours do; and those of another library
 * that can be told where its memory comes from. */
#ifndef TESTS_SUPPORT_LIBRARY_MEMORY_H
#define TESTS_SUPPORT_LIBRARY_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Whether they can fail just now: a test sets it around what is under test. */
extern bool library_memory_fails;

/* For main(), before anything of OpenSSL's. False: it was too late. */
bool library_memory_openssl(void) __attribute__((warn_unused_result));

/* As malloc() and realloc(), but failing; free() is the other half. */
void *library_memory_take(size_t n);
void *library_memory_resize(void *p, size_t n);

#endif
