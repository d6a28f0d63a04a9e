/* Owns: the counts of connections in shared memory. A slot is written by its worker only, with
 * relaxed atomics; the others read it. Two workers that ask at the same moment may overshoot a
 * limit by one each. */
#include "proxy/server/admit.h"

#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "base/shm.h"

/* An address is in one of so many places from its hash on, or not counted. */
enum { WINDOW = 16 };

struct entry {
    _Atomic uint64_t key;
    _Atomic uint32_t count; /* 0: free */
};

struct table {
    _Atomic uint32_t total;
    struct entry entries[];
};

struct admit_region {
    char *memory;
    size_t size;
    size_t table_size;
    unsigned workers;
    unsigned entries;
};

struct admit {
    const struct admit_region *region;
    struct table *own;
};

static struct table *table_at(const struct admit_region *r, unsigned i)
{
    return (struct table *)(void *)(r->memory + (size_t)i * r->table_size);
}

struct admit_region *admit_region_new(unsigned workers, unsigned entries)
{
    struct admit_region *r = mem_calloc(1, sizeof(*r));
    if (r == NULL) {
        return NULL;
    }
    r->workers = workers;
    r->entries = entries < WINDOW ? WINDOW : entries;
    size_t size = sizeof(struct table) + r->entries * sizeof(struct entry);
    r->table_size = (size + 63) / 64 * 64; /* no cache line belongs to two workers */
    r->size = workers * r->table_size;
    r->memory = shm_map(r->size);
    if (r->memory == NULL) {
        mem_free(r);
        return NULL;
    }
    return r;
}

void admit_region_free(struct admit_region *r)
{
    if (r != NULL) {
        shm_unmap(r->memory, r->size);
        mem_free(r);
    }
}

void admit_clear(struct admit_region *r, unsigned i)
{
    struct table *t = table_at(r, i);
    atomic_store_explicit(&t->total, 0, memory_order_relaxed);
    for (unsigned e = 0; e < r->entries; e++) {
        atomic_store_explicit(&t->entries[e].count, 0, memory_order_relaxed);
    }
}

struct admit *admit_open(struct admit_region *r, unsigned i)
{
    struct admit *a = mem_alloc(sizeof(*a));
    if (a != NULL) {
        a->region = r;
        a->own = table_at(r, i);
    }
    return a;
}

void admit_free(struct admit *a)
{
    mem_free(a);
}

/* Mix all bits of key (the finaliser of splitmix64). */
static uint64_t mix(uint64_t key)
{
    key ^= key >> 30;
    key *= 0xbf58476d1ce4e5b9U;
    key ^= key >> 27;
    key *= 0x94d049bb133111ebU;
    return key ^ (key >> 31);
}

/* The entry of key in t, or else a free one in its window (if want_free), or NULL. */
static struct entry *find(const struct admit_region *r, struct table *t, uint64_t key,
                          bool want_free)
{
    struct entry *free_one = NULL;
    size_t at = (size_t)(mix(key) % r->entries);
    for (size_t i = 0; i < WINDOW; i++) {
        struct entry *e = &t->entries[(at + i) % r->entries];
        if (atomic_load_explicit(&e->count, memory_order_relaxed) == 0) {
            free_one = free_one != NULL ? free_one : e;
        } else if (atomic_load_explicit(&e->key, memory_order_relaxed) == key) {
            return e;
        }
    }
    return want_free ? free_one : NULL;
}

static uint64_t count_all(const struct admit_region *r)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < r->workers; i++) {
        n += atomic_load_explicit(&table_at(r, i)->total, memory_order_relaxed);
    }
    return n;
}

static uint64_t count_key(const struct admit_region *r, uint64_t key)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < r->workers; i++) {
        const struct entry *e = find(r, table_at(r, i), key, false);
        n += e != NULL ? atomic_load_explicit(&e->count, memory_order_relaxed) : 0;
    }
    return n;
}

enum reason admit_enter(struct admit *a, const struct addr *peer, uint32_t connections_max,
                        uint32_t per_address_max)
{
    uint64_t key = addr_count_key(peer);
    if (count_all(a->region) >= connections_max) {
        return REASON_CONNECTIONS_MAX;
    }
    if (per_address_max != 0 && count_key(a->region, key) >= per_address_max) {
        return REASON_CONNECTIONS_PER_ADDRESS_MAX;
    }
    struct entry *e = find(a->region, a->own, key, true);
    if (e != NULL) {
        atomic_store_explicit(&e->key, key, memory_order_relaxed);
        atomic_fetch_add_explicit(&e->count, 1, memory_order_relaxed);
    }
    atomic_fetch_add_explicit(&a->own->total, 1, memory_order_relaxed);
    return REASON_OK;
}

void admit_leave(struct admit *a, const struct addr *peer)
{
    struct entry *e = find(a->region, a->own, addr_count_key(peer), false);
    if (e != NULL) {
        atomic_fetch_sub_explicit(&e->count, 1, memory_order_relaxed);
    }
    if (atomic_load_explicit(&a->own->total, memory_order_relaxed) > 0) {
        atomic_fetch_sub_explicit(&a->own->total, 1, memory_order_relaxed);
    }
}
