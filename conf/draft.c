/* Owns: the memory of a configuration and the notes of where its values stand. Not: the values. One
 * thread a draft. */
#include "conf/draft.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"

#define ARENA_MAX ((size_t)256 * 1024 * 1024)

_Static_assert(offsetof(struct draft, conf) == 0, "draft_of relies on it");

struct draft *draft_new(void)
{
    struct draft *d = mem_calloc(1, sizeof(*d));
    if (d != NULL) {
        arena_init(&d->arena, ARENA_MAX);
        d->refs = 1;
    }
    return d;
}

void draft_free(struct draft *d)
{
    if (d != NULL) {
        arena_release(&d->arena);
        mem_free(d->origins);
        mem_free(d);
    }
}

const struct draft *draft_of(const struct conf *c)
{
    return (const struct draft *)(const void *)c;
}

int draft_note(struct draft *d, const void *object, struct conf_pos at)
{
    if (d->origin_count == d->origin_size) {
        size_t size = d->origin_size == 0 ? 64 : d->origin_size * 2;
        struct origin *grown = mem_realloc(d->origins, size * sizeof(*grown));
        if (grown == NULL) {
            return -ERR_NOMEM;
        }
        d->origins = grown;
        d->origin_size = size;
    }
    d->origins[d->origin_count++] = (struct origin){object, at};
    return 0;
}

static int by_object(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const struct origin *)a)->object;
    uintptr_t y = (uintptr_t)((const struct origin *)b)->object;
    return (x > y) - (x < y);
}

void draft_sort(struct draft *d)
{
    if (d->origin_count > 0) {
        qsort(d->origins, d->origin_count, sizeof(*d->origins), by_object);
    }
}

const struct conf_pos *draft_origin(const struct draft *d, const void *object)
{
    struct origin wanted = {.object = object};
    if (d->origin_count == 0) {
        return NULL;
    }
    const struct origin *o =
        bsearch(&wanted, d->origins, d->origin_count, sizeof(wanted), by_object);
    return o != NULL ? &o->at : NULL;
}
