/* Owns: the lists of free memory of each thread, and OpenSSL's way to them. Not: counting and
 * failing of our own allocations (mem.c). Any thread; what is kept belongs to the thread that keeps
 * it.
 *
 * The lists stand beside the memory, not in it: who writes to what it has freed cannot bend them.
 */
#include "base/mem_pool.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

/* Small pieces are kept by steps as the C library has them, 24, 40, 56 ... octets that can be used,
 * so that none is larger for being kept; the few larger ones by steps of 256. */
enum {
    FINE_STEP = 16,
    FINE_LEAST = 24,
    FINE_COUNT = 64,
    FINE_MOST = FINE_LEAST + (FINE_COUNT - 1) * FINE_STEP,
    WIDE_STEP = 256,
    WIDE_COUNT = 72,
    WIDE_MOST = FINE_MOST + WIDE_COUNT * WIDE_STEP,
    FINE_KEPT = 64, /* of each size */
    WIDE_KEPT = 8
};

struct fine {
    uint32_t n;
    void *v[FINE_KEPT];
};

struct wide {
    uint32_t n;
    void *v[WIDE_KEPT];
};

struct pool {
    struct fine fine[FINE_COUNT];
    struct wide wide[WIDE_COUNT];
};

static _Thread_local struct pool *own; /* NULL: nothing is kept */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { ALLOWED = 0 };
#else
enum { ALLOWED = 1 };
#endif

static size_t wide_octets(size_t at)
{
    return FINE_MOST + (at + 1) * WIDE_STEP;
}

void *mem_pool_take(size_t n)
{
    if (own == NULL || n > WIDE_MOST) {
        return malloc(n);
    }
    if (n <= FINE_MOST) {
        struct fine *f = &own->fine[n <= FINE_LEAST ? 0 : (n - FINE_LEAST - 1) / FINE_STEP + 1];
        return f->n > 0 ? f->v[--f->n] : malloc(n);
    }
    size_t at = (n - FINE_MOST - 1) / WIDE_STEP;
    struct wide *w = &own->wide[at];
    return w->n > 0 ? w->v[--w->n] : malloc(wide_octets(at));
}

/* True if p, which has room for n octets, is kept. It may have more room than it is kept for. */
static bool keep(struct pool *pool, void *p, size_t n)
{
    if (n < FINE_MOST + FINE_STEP) {
        struct fine *f = &pool->fine[(n - FINE_LEAST) / FINE_STEP];
        if (f->n < FINE_KEPT) {
            f->v[f->n++] = p;
            return true;
        }
    } else if (n >= wide_octets(0) && n < wide_octets(WIDE_COUNT)) {
        struct wide *w = &pool->wide[(n - wide_octets(0)) / WIDE_STEP];
        if (w->n < WIDE_KEPT) {
            w->v[w->n++] = p;
            return true;
        }
    }
    return false;
}

void mem_pool_give(void *p)
{
    if (own == NULL || p == NULL || !keep(own, p, malloc_usable_size(p))) {
        free(p);
    }
}

static void end(struct pool *pool)
{
    for (size_t i = 0; i < FINE_COUNT; i++) {
        while (pool->fine[i].n > 0) {
            free(pool->fine[i].v[--pool->fine[i].n]);
        }
    }
    for (size_t i = 0; i < WIDE_COUNT; i++) {
        while (pool->wide[i].n > 0) {
            free(pool->wide[i].v[--pool->wide[i].n]);
        }
    }
    free(pool);
}

void mem_pool_use(bool on)
{
    if (on && own == NULL && ALLOWED != 0) {
        own = calloc(1, sizeof(*own)); /* without memory nothing is kept */
    } else if (!on && own != NULL) {
        struct pool *pool = own;
        own = NULL;
        end(pool);
    }
}

size_t mem_pool_kept(void)
{
    size_t octets = 0;
    for (size_t i = 0; own != NULL && i < FINE_COUNT; i++) {
        octets += own->fine[i].n * (FINE_LEAST + i * FINE_STEP);
    }
    for (size_t i = 0; own != NULL && i < WIDE_COUNT; i++) {
        octets += own->wide[i].n * wide_octets(i);
    }
    return octets;
}

/* ---- OpenSSL ---- */

static bool wiping; /* set before there are threads */
static _Thread_local bool wiping_here;

void mem_pool_wipe(void)
{
    wiping = true;
}

void mem_pool_wipe_here(bool on)
{
    wiping_here = on;
}

static void *on_take(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return mem_pool_take(n);
}

static void *on_resize(void *p, size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    if ((!wiping && !wiping_here) || p == NULL) {
        return realloc(p, n);
    }
    size_t had = malloc_usable_size(p);
    void *moved = mem_pool_take(n);
    if (moved != NULL) {
        memcpy(moved, p, had < n ? had : n);
        OPENSSL_cleanse(p, had);
        mem_pool_give(p);
    }
    return moved;
}

static void on_give(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    if ((wiping || wiping_here) && p != NULL) {
        OPENSSL_cleanse(p, malloc_usable_size(p));
    }
    mem_pool_give(p);
}

void mem_pool_install(void)
{
    (void)CRYPTO_set_mem_functions(on_take, on_resize, on_give);
}
