/* Octets that were computed from the contents of a set of files, and are never changed: in the
 * process that made them on its heap, in the others pages that all of them share. */
#ifndef CONF_DERIVED_H
#define CONF_DERIVED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct derived {
    const unsigned char *p;
    size_t n;
    unsigned refs;
    bool mapped;
};

/* A block of the n octets at p, which it then owns (from mem_alloc()), with one reference. NULL
 * without memory: p stays the caller's. */
struct derived *derived_new(unsigned char *p, size_t n);

/* n octets of fd from offset (a multiple of the page size), read only; fd may be closed after. NULL
 * on failure. n is not 0. */
struct derived *derived_map(int fd, off_t offset, size_t n);

/* One reference more; returns d. Not atomic: a block belongs to one thread at a time. */
struct derived *derived_ref(struct derived *d);

/* One reference less; the last gives the octets back. NULL is fine. */
void derived_unref(struct derived *d);

#endif
