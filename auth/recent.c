/* Owns: places, buckets and order of the table. Leaves to the caches what an entry holds and how
 * long it is good. Loop thread. */
#include "auth/recent.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"

/* A digest: any part of it is a good hash. Whoever makes keys until they fall into one bucket must
 * know the key of the digest, or have certificates signed. */
static struct recent_entry **bucket_of(const struct recent *r, const unsigned char *key)
{
    size_t index = 0;
    memcpy(&index, key, sizeof(index));
    return &r->buckets[index & r->bucket_mask];
}

void recent_init(struct recent *r)
{
    *r = (struct recent){.entries = NULL};
    list_init(&r->used);
    list_init(&r->spare);
}

void recent_fini(struct recent *r)
{
    if (r->entries != NULL) {
        mem_wipe(r->entries, r->entries_max * r->entry_size);
    }
    mem_free(r->entries);
    mem_free(r->buckets);
    recent_init(r);
}

int recent_resize(struct recent *r, size_t entries_max, size_t entry_size)
{
    recent_fini(r);
    if (entries_max == 0) {
        return 0;
    }
    size_t buckets = 1;
    while (buckets < entries_max) {
        buckets *= 2;
    }
    r->entries = mem_calloc(entries_max, entry_size);
    r->buckets = (struct recent_entry **)mem_calloc(buckets, sizeof(struct recent_entry *));
    if (r->entries == NULL || r->buckets == NULL) {
        recent_fini(r);
        return -ERR_NOMEM;
    }
    r->entry_size = entry_size;
    r->entries_max = entries_max;
    r->bucket_mask = buckets - 1;
    for (size_t i = 0; i < entries_max; i++) {
        struct recent_entry *e = (struct recent_entry *)(void *)(r->entries + i * entry_size);
        list_push_back(&r->spare, &e->order);
    }
    return 0;
}

/* to is empty, from is so afterwards. */
static void take_list(struct list *to, struct list *from)
{
    if (!list_empty(from)) {
        from->next->prev = to;
        from->prev->next = to;
        *to = *from;
        list_init(from);
    }
}

int recent_move(struct recent *r, size_t entries_max)
{
    struct recent fresh;
    recent_init(&fresh);
    int rc = recent_resize(&fresh, entries_max, r->entry_size);
    if (rc != 0) {
        return rc;
    }
    for (struct list *at = r->used.next; at != &r->used; at = at->next) {
        const struct recent_entry *e = LIST_ENTRY(at, struct recent_entry, order);
        struct recent_entry *same = recent_add(&fresh, e->key);
        memcpy(same + 1, e + 1, r->entry_size - sizeof(*e));
    }
    recent_fini(r);
    *r = fresh;
    list_init(&r->used);
    list_init(&r->spare);
    take_list(&r->used, &fresh.used);
    take_list(&r->spare, &fresh.spare);
    return 0;
}

struct recent_entry *recent_find(const struct recent *r, const unsigned char key[RECENT_KEY])
{
    struct recent_entry *e = r->buckets != NULL ? *bucket_of(r, key) : NULL;
    while (e != NULL && !mem_equal_secret(e->key, key, RECENT_KEY)) {
        e = e->next;
    }
    return e;
}

struct recent_entry *recent_oldest(const struct recent *r)
{
    return list_empty(&r->used) ? NULL : LIST_ENTRY(r->used.next, struct recent_entry, order);
}

void recent_forget(struct recent *r, struct recent_entry *e)
{
    struct recent_entry **at = bucket_of(r, e->key);
    while (*at != e) {
        at = &(*at)->next;
    }
    *at = e->next;
    list_remove(&e->order);
    mem_wipe(e->key, r->entry_size - offsetof(struct recent_entry, key));
    list_push_back(&r->spare, &e->order);
    r->count--;
}

void recent_use(struct recent *r, struct recent_entry *e)
{
    list_remove(&e->order);
    list_push_back(&r->used, &e->order);
}

struct recent_entry *recent_add(struct recent *r, const unsigned char key[RECENT_KEY])
{
    if (r->buckets == NULL) {
        return NULL;
    }
    struct recent_entry *oldest = list_empty(&r->spare) ? recent_oldest(r) : NULL;
    if (oldest != NULL) {
        recent_forget(r, oldest);
    }
    struct recent_entry *e = LIST_ENTRY(r->spare.next, struct recent_entry, order);
    struct recent_entry **bucket = bucket_of(r, key);
    memcpy(e->key, key, RECENT_KEY);
    e->next = *bucket;
    *bucket = e;
    recent_use(r, e);
    r->count++;
    return e;
}
