/* Owns: the places of OCSP answers and how they are read while they change: a number that is odd
 * during a change stands in front of each (a sequence lock with one writer). */
#include "auth/revoke/ocsp_table.h"

#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "base/shm.h"

enum { WAYS = 4, KEY_WORDS = OCSP_KEY / 8, TRIES = 1000 };

struct place {
    _Atomic uint64_t sequence;
    _Atomic uint64_t key[KEY_WORDS];
    _Atomic uint64_t status;
    _Atomic int64_t until_s;
    _Atomic int64_t refresh_s;
    _Atomic int64_t this_s;
};

struct shared {
    _Atomic uint64_t revocations;
    struct place places[];
};

struct ocsp_table {
    struct shared *shared;
    size_t sets; /* a power of two, of WAYS places each */
    size_t size; /* octets */
};

struct ocsp_table *ocsp_table_new(size_t places)
{
    struct ocsp_table *t = mem_calloc(1, sizeof(*t));
    if (t == NULL) {
        return NULL;
    }
    t->sets = 1;
    while (t->sets * WAYS < places) {
        t->sets *= 2;
    }
    t->size = sizeof(struct shared) + t->sets * WAYS * sizeof(struct place);
    t->shared = shm_map(t->size);
    if (t->shared == NULL) {
        mem_free(t);
        return NULL;
    }
    return t;
}

void ocsp_table_free(struct ocsp_table *t)
{
    if (t != NULL) {
        shm_unmap(t->shared, t->size);
        mem_free(t);
    }
}

static void words_of(const unsigned char key[OCSP_KEY], uint64_t words[KEY_WORDS])
{
    memcpy(words, key, OCSP_KEY);
}

static struct place *set_of(const struct ocsp_table *t, const uint64_t words[KEY_WORDS])
{
    return &t->shared->places[(words[0] & (t->sets - 1)) * WAYS];
}

static uint64_t load(const _Atomic uint64_t *p)
{
    return atomic_load_explicit(p, memory_order_relaxed);
}

static bool has_key(const struct place *p, const uint64_t words[KEY_WORDS])
{
    bool same = true;
    for (size_t i = 0; i < KEY_WORDS; i++) {
        same = same && load(&p->key[i]) == words[i];
    }
    return same;
}

/* Read p whole if it is about words. */
static bool read_place(const struct place *p, const uint64_t words[KEY_WORDS],
                       struct ocsp_entry *out)
{
    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t before = atomic_load_explicit(&p->sequence, memory_order_acquire);
        bool same = has_key(p, words);
        uint64_t status = load(&p->status);
        int64_t until_s = atomic_load_explicit(&p->until_s, memory_order_relaxed);
        int64_t refresh_s = atomic_load_explicit(&p->refresh_s, memory_order_relaxed);
        int64_t this_s = atomic_load_explicit(&p->this_s, memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        if (before % 2 != 0 || load(&p->sequence) != before) {
            continue;
        }
        *out = (struct ocsp_entry){(enum ocsp_status)status, until_s, refresh_s, this_s};
        return same && status != OCSP_STATUS_NONE;
    }
    return false; /* a writer that died in the middle */
}

struct ocsp_entry ocsp_table_get(const struct ocsp_table *t, const unsigned char key[OCSP_KEY])
{
    uint64_t words[KEY_WORDS];
    struct ocsp_entry e;
    words_of(key, words);
    const struct place *set = set_of(t, words);
    for (size_t i = 0; i < WAYS; i++) {
        if (read_place(&set[i], words, &e)) {
            return e;
        }
    }
    return (struct ocsp_entry){.status = OCSP_STATUS_NONE};
}

/* The place for words: its own, or the one whose answer ends first; REVOKED stays longest. */
static struct place *choose(struct place *set, const uint64_t words[KEY_WORDS])
{
    struct place *best = &set[0];
    int64_t best_until_s = INT64_MAX;
    for (size_t i = 0; i < WAYS; i++) {
        struct place *p = &set[i];
        if (has_key(p, words)) {
            return p;
        }
        int64_t until_s = load(&p->status) == OCSP_STATUS_REVOKED
                              ? INT64_MAX - 1
                              : atomic_load_explicit(&p->until_s, memory_order_relaxed);
        if (until_s < best_until_s) {
            best = p;
            best_until_s = until_s;
        }
    }
    return best;
}

void ocsp_table_put(struct ocsp_table *t, const unsigned char key[OCSP_KEY],
                    const struct ocsp_entry *e)
{
    uint64_t words[KEY_WORDS];
    words_of(key, words);
    struct place *p = choose(set_of(t, words), words);
    bool known = has_key(p, words) && load(&p->status) == OCSP_STATUS_REVOKED;
    /* Odd from here on, also if the last writer died in the middle. */
    uint64_t sequence = load(&p->sequence) | 1;
    atomic_store_explicit(&p->sequence, sequence, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < KEY_WORDS; i++) {
        atomic_store_explicit(&p->key[i], words[i], memory_order_relaxed);
    }
    atomic_store_explicit(&p->status, (uint64_t)e->status, memory_order_relaxed);
    atomic_store_explicit(&p->until_s, e->until_s, memory_order_relaxed);
    atomic_store_explicit(&p->refresh_s, e->refresh_s, memory_order_relaxed);
    atomic_store_explicit(&p->this_s, e->this_s, memory_order_relaxed);
    atomic_store_explicit(&p->sequence, sequence + 1, memory_order_release);
    if (e->status == OCSP_STATUS_REVOKED && !known) {
        atomic_fetch_add_explicit(&t->shared->revocations, 1, memory_order_release);
    }
}

uint64_t ocsp_table_revocations(const struct ocsp_table *t)
{
    return atomic_load_explicit(&t->shared->revocations, memory_order_acquire);
}
