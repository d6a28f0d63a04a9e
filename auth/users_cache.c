/* Owns: remembered answers about users. Leaves when they are forgotten to users_db. Loop thread. */
#include "auth/users_cache.h"

#include <stdint.h>
#include <sys/random.h>

#include "base/list.h"
#include "base/mem.h"

struct answer {
    struct list used; /* in users_cache.used, the last asked for first */
    struct answer *next;
    const struct user *user; /* a reference, or NULL */
    uint32_t hash;
    size_t n;
    char name[];
};

struct users_cache {
    size_t max;
    size_t n;
    size_t mask; /* number of buckets less one */
    uint32_t seed;
    struct list used;
    struct answer *buckets[];
};

struct users_cache *users_cache_new(size_t max)
{
    size_t buckets = 1;
    while (buckets < max) {
        buckets *= 2;
    }
    struct users_cache *c =
        mem_calloc(1, sizeof(struct users_cache) + buckets * sizeof(struct answer *));
    if (c == NULL) {
        return NULL;
    }
    c->max = max;
    c->mask = buckets - 1;
    list_init(&c->used);
    /* Without a seed it works all the same, only foreseeably. */
    if (getrandom(&c->seed, sizeof(c->seed), GRND_NONBLOCK) != (ssize_t)sizeof(c->seed)) {
        c->seed = 0;
    }
    return c;
}

/* FNV-1a behind a seed. */
static uint32_t hash_of(const struct users_cache *c, struct str name)
{
    uint32_t h = UINT32_C(2166136261) ^ c->seed;
    for (size_t i = 0; i < name.n; i++) {
        h = (h ^ (unsigned char)name.p[i]) * UINT32_C(16777619);
    }
    return h;
}

static struct answer **place_of(struct users_cache *c, struct str name, uint32_t hash)
{
    struct answer **at = &c->buckets[hash & c->mask];
    while (*at != NULL && ((*at)->hash != hash || (*at)->n != name.n ||
                           memcmp((*at)->name, name.p, name.n) != 0)) {
        at = &(*at)->next;
    }
    return at;
}

static void forget(struct users_cache *c, struct answer *a)
{
    struct answer **at = &c->buckets[a->hash & c->mask];
    while (*at != a) {
        at = &(*at)->next;
    }
    *at = a->next;
    list_remove(&a->used);
    user_unref(a->user);
    mem_free(a);
    c->n--;
}

void users_cache_clear(struct users_cache *c)
{
    while (!list_empty(&c->used)) {
        forget(c, LIST_ENTRY(c->used.next, struct answer, used));
    }
}

void users_cache_free(struct users_cache *c)
{
    if (c != NULL) {
        users_cache_clear(c);
        mem_free(c);
    }
}

bool users_cache_get(struct users_cache *c, struct str name, const struct user **user)
{
    struct answer *a = *place_of(c, name, hash_of(c, name));
    if (a == NULL) {
        return false;
    }
    list_remove(&a->used);
    list_push_front(&c->used, &a->used);
    *user = a->user != NULL ? user_ref(a->user) : NULL;
    return true;
}

void users_cache_put(struct users_cache *c, struct str name, const struct user *user)
{
    uint32_t hash = hash_of(c, name);
    if (c->max == 0 || *place_of(c, name, hash) != NULL) {
        return;
    }
    struct answer *a = mem_alloc(sizeof(struct answer) + name.n);
    if (a == NULL) {
        return;
    }
    if (c->n == c->max) {
        forget(c, LIST_ENTRY(c->used.prev, struct answer, used));
    }
    a->user = user != NULL ? user_ref(user) : NULL;
    a->hash = hash;
    a->n = name.n;
    memcpy(a->name, name.p, name.n);
    list_init(&a->used);
    list_push_front(&c->used, &a->used);
    a->next = c->buckets[hash & c->mask];
    c->buckets[hash & c->mask] = a;
    c->n++;
}

size_t users_cache_count(const struct users_cache *c)
{
    return c->n;
}
