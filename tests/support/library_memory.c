#include "tests/support/library_memory.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "base/mem.h"

bool library_memory_fails;

void *library_memory_take(size_t n)
{
    if (!library_memory_fails) {
        return malloc(n);
    }
    void *p = mem_alloc(n);
    errno = p != NULL ? errno : ENOMEM;
    return p;
}

void *library_memory_resize(void *p, size_t n)
{
    if (!library_memory_fails) {
        return realloc(p, n);
    }
    void *resized = mem_realloc(p, n);
    errno = resized != NULL ? errno : ENOMEM;
    return resized;
}

static void *openssl_take(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return library_memory_take(n);
}

static void *openssl_resize(void *p, size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return library_memory_resize(p, n);
}

static void openssl_give(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    free(p);
}

bool library_memory_openssl(void)
{
    return CRYPTO_set_mem_functions(openssl_take, openssl_resize, openssl_give) == 1;
}
