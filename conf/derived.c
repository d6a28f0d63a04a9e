/* Owns: blocks of octets counted by references. Not: their names (files.c) and what is in them. */
#include "conf/derived.h"

#include <stdint.h>
#include <sys/mman.h>

#include "base/mem.h"

static struct derived *make(const unsigned char *p, size_t n, bool mapped)
{
    struct derived *d = mem_alloc(sizeof(*d));
    if (d != NULL) {
        *d = (struct derived){.p = p, .n = n, .refs = 1, .mapped = mapped};
    }
    return d;
}

struct derived *derived_new(unsigned char *p, size_t n)
{
    return make(p, n, false);
}

struct derived *derived_map(int fd, off_t offset, size_t n)
{
    void *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, offset);
    if (p == MAP_FAILED) {
        return NULL;
    }
    struct derived *d = make(p, n, true);
    if (d == NULL) {
        (void)munmap(p, n);
    }
    return d;
}

struct derived *derived_ref(struct derived *d)
{
    d->refs++;
    return d;
}

void derived_unref(struct derived *d)
{
    if (d == NULL || --d->refs > 0) {
        return;
    }
    void *p = (void *)(uintptr_t)d->p;
    if (d->mapped) {
        (void)munmap(p, d->n);
    } else {
        mem_free(p);
    }
    mem_free(d);
}
