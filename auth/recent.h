/* A bounded table of what was used of late, under keys that are digests: the entry that was not
 * used for longest makes room, and what is forgotten is wiped. Of one thread. */
#ifndef AUTH_RECENT_H
#define AUTH_RECENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"

#define RECENT_KEY 32

/* The first member of each entry; the owner's own stands behind it. */
struct recent_entry {
    struct list order;         /* in recent.used, longest not used first, or in recent.spare */
    struct recent_entry *next; /* in its bucket */
    unsigned char key[RECENT_KEY];
};

/* count may be read, the rest is recent.c's. */
struct recent {
    struct list used;
    struct list spare;
    unsigned char *entries;        /* entries_max of entry_size octets */
    struct recent_entry **buckets; /* bucket_mask + 1 of them; NULL while off */
    size_t entry_size;
    size_t entries_max;
    size_t bucket_mask;
    size_t count; /* in used */
};

/* Prepare r, off: it finds nothing and takes nothing. */
void recent_init(struct recent *r);

/* Forget everything, and have room for entries_max entries of entry_size octets; 0: off. Returns 0
 * or -ERR_NOMEM, then it is off. */
int recent_resize(struct recent *r, size_t entries_max, size_t entry_size)
    __attribute__((warn_unused_result));

/* Have room for entries_max entries instead, at least as many as there are: all of them stay, in
 * their order, at other addresses. Returns 0 or -ERR_NOMEM, then nothing has changed. */
int recent_move(struct recent *r, size_t entries_max) __attribute__((warn_unused_result));

/* Wipe and free; it is off then. */
void recent_fini(struct recent *r);

/* Whether it takes anything. */
static inline bool recent_is_on(const struct recent *r)
{
    return r->buckets != NULL;
}

/* The entry under key, or NULL. All 256 bits are compared, in the same time whatever they are. That
 * is no use of it. */
struct recent_entry *recent_find(const struct recent *r, const unsigned char key[RECENT_KEY]);

/* A new entry under key, which has none: used just now, with zeros behind its head. NULL: r is off.
 */
struct recent_entry *recent_add(struct recent *r, const unsigned char key[RECENT_KEY]);

/* It was used: all others go before it. */
void recent_use(struct recent *r, struct recent_entry *e);

/* Wipe it; its place is free. */
void recent_forget(struct recent *r, struct recent_entry *e);

/* The one that was not used for longest; NULL: there is none. */
struct recent_entry *recent_oldest(const struct recent *r);

#endif
