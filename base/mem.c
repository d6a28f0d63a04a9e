/* Owns: our own allocations, with failure injection. Not: where the memory comes from (mem_pool.c).
 * Any thread; the injection only counts right where one thread allocates. */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/mem_pool.h"

/* Larger pieces come from the kernel, cleared: tables that are never filled never take memory. */
#define CLEARED_MAX ((size_t)8192)

/* Atomic because pool threads allocate too, though the numbers are only meant for one thread. */
static _Atomic unsigned long allocations;
static _Atomic unsigned long fail_at;
static _Atomic bool fail_forever;

static bool injected_failure(void)
{
    unsigned long n = atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed) + 1;
    unsigned long at = atomic_load_explicit(&fail_at, memory_order_relaxed);
    return at != 0 &&
           (n == at || (n > at && atomic_load_explicit(&fail_forever, memory_order_relaxed)));
}

void *mem_alloc(size_t n)
{
    return injected_failure() ? NULL : mem_pool_take(n > 0 ? n : 1);
}

void *mem_calloc(size_t count, size_t size)
{
    if (injected_failure() || (size > 0 && count > SIZE_MAX / size)) {
        return NULL;
    }
    size_t n = count > 0 && size > 0 ? count * size : 1;
    if (n > CLEARED_MAX) {
        return calloc(1, n);
    }
    void *p = mem_pool_take(n);
    return p != NULL ? memset(p, 0, n) : NULL;
}

void *mem_realloc(void *p, size_t n)
{
    return injected_failure() ? NULL : realloc(p, n > 0 ? n : 1);
}

void mem_free(void *p)
{
    mem_pool_give(p);
}

char *mem_dup(const char *p, size_t n)
{
    if (n == SIZE_MAX) {
        return NULL;
    }
    char *copy = mem_alloc(n + 1);
    if (copy == NULL) {
        return NULL;
    }
    if (n > 0) {
        memcpy(copy, p, n);
    }
    copy[n] = '\0';
    return copy;
}

void mem_wipe(void *p, size_t n)
{
    if (p != NULL && n > 0) {
        explicit_bzero(p, n);
    }
}

bool mem_equal_secret(const void *a, const void *b, size_t n)
{
    return n == 0 || CRYPTO_memcmp(a, b, n) == 0;
}

void mem_fail_after(unsigned long nth, bool forever)
{
    atomic_store(&allocations, 0);
    atomic_store(&fail_forever, forever);
    atomic_store(&fail_at, nth);
}

unsigned long mem_allocations(void)
{
    return atomic_load(&allocations);
}
