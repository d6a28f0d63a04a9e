/* Owns: the shared table. Not: what keys and values mean. Any thread of any process that was forked
 * after slots_new().
 *
 * There are no locks, so no worker that dies or is stopped holds up another. A slot is a key and a
 * value; a value carries 16 bits of the key that it belongs to, so what an earlier key left behind
 * is never taken for a value. Whoever wants a new key claims a slot by writing the key, looks
 * whether somebody else claimed one for the same key at the same time (then both let go and try
 * again), and only then writes the value: a claimed slot without a value is unsettled, and others
 * wait for it a moment. So a key never has two values, and a value is never decided upon twice. */
#include "auth/slots.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"
#include "base/shm.h"
#include "base/siphash.h"

enum {
    WAYS = 8,        /* slots in a set */
    TRIES_MAX = 64,  /* another worker was faster */
    YIELDS_MAX = 200 /* for a claimed slot; past them its claimer is taken for dead */
};

#define TAG_MASK UINT64_C(0xffff)

struct slot {
    _Atomic uint64_t key;   /* 0: free */
    _Atomic uint64_t value; /* shifted by 16; below it the key's lowest 16 bits */
    _Atomic uint64_t note[SLOTS_NOTE_WORDS];
};

struct slots {
    size_t mapped;
    size_t sets;
    unsigned char secret[SIPHASH_KEY];
    struct slot slot[];
};

struct slots *slots_new(size_t entries)
{
    size_t sets = entries / WAYS + 1;
    if (sets > SIZE_MAX / (WAYS * sizeof(struct slot)) / 2) {
        return NULL;
    }
    size_t size = sizeof(struct slots) + sets * WAYS * sizeof(struct slot);
    struct slots *s = shm_map(size);
    if (s == NULL) {
        return NULL;
    }
    s->mapped = size;
    s->sets = sets;
    if (getrandom(s->secret, sizeof(s->secret), 0) != (ssize_t)sizeof(s->secret)) {
        shm_unmap(s, size);
        return NULL;
    }
    return s;
}

void slots_free(struct slots *s)
{
    if (s != NULL) {
        shm_unmap(s, s->mapped);
    }
}

uint64_t slots_key(const struct slots *s, const struct str *parts, size_t n)
{
    char text[SLOTS_KEY_MAX];
    size_t at = 0;
    /* Each part behind its length, so that no cut is ambiguous. */
    for (size_t i = 0; i < n; i++) {
        uint64_t length = parts[i].n;
        if (sizeof(text) - at < sizeof(length) || sizeof(text) - at - sizeof(length) < parts[i].n) {
            return 0;
        }
        memcpy(text + at, &length, sizeof(length));
        at += sizeof(length);
        if (parts[i].n > 0) {
            memcpy(text + at, parts[i].p, parts[i].n);
        }
        at += parts[i].n;
    }
    uint64_t key = siphash(s->secret, (struct str){text, at});
    mem_wipe(text, at); /* one of the parts may be a secret */
    return key != 0 ? key : 1;
}

static struct slot *set_of(struct slots *s, uint64_t key)
{
    return &s->slot[(key >> 16) % s->sets * WAYS];
}

static uint64_t pack(uint64_t key, uint64_t value)
{
    return value << 16 | (key & TAG_MASK);
}

static bool is_settled(uint64_t key, uint64_t packed)
{
    return packed >> 16 != 0 && (packed & TAG_MASK) == (key & TAG_MASK);
}

static struct slot *find(struct slot *set, uint64_t key)
{
    for (size_t i = 0; i < WAYS; i++) {
        if (atomic_load(&set[i].key) == key) {
            return &set[i];
        }
    }
    return NULL;
}

uint64_t slots_read(struct slots *s, uint64_t key)
{
    const struct slot *slot = key != 0 ? find(set_of(s, key), key) : NULL;
    uint64_t packed = slot != NULL ? atomic_load(&slot->value) : 0;
    return is_settled(key, packed) ? packed >> 16 : 0;
}

/* A free slot of the set, or the one of the lowest value. packed: its value. */
static struct slot *choose(struct slot *set, uint64_t *old, uint64_t *packed)
{
    struct slot *best = NULL;
    for (size_t i = 0; i < WAYS; i++) {
        uint64_t key = atomic_load(&set[i].key);
        uint64_t value = atomic_load(&set[i].value);
        if (best == NULL || key == 0 || value >> 16 < *packed >> 16) {
            best = &set[i];
            *old = key;
            *packed = value;
        }
        if (key == 0) {
            break;
        }
    }
    return best;
}

static bool is_alone(struct slot *set, const struct slot *mine, uint64_t key)
{
    for (size_t i = 0; i < WAYS; i++) {
        if (&set[i] != mine && atomic_load(&set[i].key) == key) {
            return false;
        }
    }
    return true;
}

/* Returns true once slot holds value for key. */
static bool settle(struct slot *slot, uint64_t key, uint64_t seen, uint64_t value)
{
    return atomic_compare_exchange_strong(&slot->value, &seen, pack(key, value)) &&
           atomic_load(&slot->key) == key;
}

static bool claim(struct slot *set, uint64_t key, uint64_t value,
                  const uint64_t note[SLOTS_NOTE_WORDS])
{
    uint64_t old = 0;
    uint64_t seen = 0;
    struct slot *slot = choose(set, &old, &seen);
    /* The value goes first: if it has grown since, it is not the lowest any more. */
    if (old == key || !atomic_compare_exchange_strong(&slot->value, &seen, 0) ||
        !atomic_compare_exchange_strong(&slot->key, &old, key)) {
        return false;
    }
    if (!is_alone(set, slot, key)) {
        uint64_t mine = key;
        (void)atomic_compare_exchange_strong(&slot->key, &mine, 0);
        (void)sched_yield();
        return false;
    }
    for (size_t i = 0; note != NULL && i < SLOTS_NOTE_WORDS; i++) {
        atomic_store_explicit(&slot->note[i], note[i], memory_order_relaxed);
    }
    return settle(slot, key, 0, value);
}

/* The value of a slot that was claimed for key; 0 if its claimer never gave it one. */
static uint64_t wait_for(struct slot *slot, uint64_t key)
{
    uint64_t packed = atomic_load(&slot->value);
    for (unsigned i = 0; i < YIELDS_MAX && !is_settled(key, packed); i++) {
        if (atomic_load(&slot->key) != key) {
            break;
        }
        (void)sched_yield();
        packed = atomic_load(&slot->value);
    }
    return packed;
}

/* Returns true once slot, which held seen for key, is free. */
static bool let_go(struct slot *slot, uint64_t key, uint64_t seen)
{
    return atomic_compare_exchange_strong(&slot->value, &seen, 0) &&
           atomic_compare_exchange_strong(&slot->key, &key, 0);
}

/* One try to put after in place of seen. */
static bool put(struct slot *set, struct slot *slot, uint64_t key, uint64_t seen, uint64_t after,
                const uint64_t note[SLOTS_NOTE_WORDS])
{
    if (after == 0) {
        return slot == NULL || let_go(slot, key, seen);
    }
    return slot != NULL ? settle(slot, key, seen, after) : claim(set, key, after, note);
}

bool slots_change(struct slots *s, uint64_t key, slots_change_fn change, void *arg,
                  const uint64_t note[SLOTS_NOTE_WORDS])
{
    if (key == 0) {
        return false;
    }
    struct slot *set = set_of(s, key);
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        struct slot *slot = find(set, key);
        uint64_t seen = slot != NULL ? wait_for(slot, key) : 0;
        uint64_t after = 0;
        if (slot != NULL && atomic_load(&slot->key) != key) {
            continue;
        }
        if (!change(arg, is_settled(key, seen) ? seen >> 16 : 0, &after)) {
            return false;
        }
        if (put(set, slot, key, seen, after, note)) {
            return true;
        }
    }
    return false;
}

bool slots_drop(struct slots *s, uint64_t key)
{
    struct slot *slot = key != 0 ? find(set_of(s, key), key) : NULL;
    if (slot == NULL) {
        return false;
    }
    uint64_t mine = key;
    uint64_t seen = atomic_load(&slot->value);
    if (is_settled(key, seen)) {
        (void)atomic_compare_exchange_strong(&slot->value, &seen, 0);
    }
    return atomic_compare_exchange_strong(&slot->key, &mine, 0);
}

void slots_each(const struct slots *s,
                void (*each)(void *arg, uint64_t key, uint64_t value,
                             const uint64_t note[SLOTS_NOTE_WORDS]),
                void *arg)
{
    for (size_t i = 0; i < s->sets * WAYS; i++) {
        const struct slot *slot = &s->slot[i];
        uint64_t key = atomic_load(&slot->key);
        uint64_t packed = atomic_load(&slot->value);
        uint64_t note[SLOTS_NOTE_WORDS];
        if (key == 0 || !is_settled(key, packed)) {
            continue;
        }
        for (size_t k = 0; k < SLOTS_NOTE_WORDS; k++) {
            note[k] = atomic_load_explicit(&slot->note[k], memory_order_relaxed);
        }
        each(arg, key, packed >> 16, note);
    }
}
