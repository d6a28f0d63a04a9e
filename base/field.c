/* Owns: a growing row of header fields. Not: what they mean. One thread a row. */
#include "base/field.h"

#include "base/err.h"

enum { SIZE_FIRST = 32 };

void fields_init(struct fields *f, struct arena *a)
{
    *f = (struct fields){.arena = a};
}

static bool grow(struct fields *f)
{
    size_t size = f->size > 0 ? f->size * 2 : SIZE_FIRST;
    struct field *v = arena_alloc(f->arena, size * sizeof(*v));
    if (v == NULL) {
        return false;
    }
    if (f->n > 0) {
        memcpy(v, f->v, f->n * sizeof(*v));
    }
    f->v = v;
    f->size = size;
    return true;
}

int fields_add(struct fields *f, struct str name, struct str value)
{
    if (f->n == f->size && !grow(f)) {
        return -ERR_NOMEM;
    }
    f->v[f->n++] = (struct field){name, value};
    return 0;
}

const struct field *fields_find(const struct fields *f, struct str name)
{
    for (size_t i = 0; i < f->n; i++) {
        if (str_ieq(f->v[i].name, name)) {
            return &f->v[i];
        }
    }
    return NULL;
}

size_t fields_count(const struct fields *f, struct str name)
{
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++) {
        n += str_ieq(f->v[i].name, name) ? 1 : 0;
    }
    return n;
}

static char fold(char c)
{
    char folded = str_lower(c);
    bool is_mark = (folded < 'a' || folded > 'z') && (folded < '0' || folded > '9');
    return is_mark ? '-' : folded;
}

bool field_begins_alike(struct str name, struct str prefix)
{
    if (name.n < prefix.n) {
        return false;
    }
    for (size_t i = 0; i < prefix.n; i++) {
        if (fold(name.p[i]) != fold(prefix.p[i])) {
            return false;
        }
    }
    return true;
}

void fields_remove_if(struct fields *f, bool (*drop)(struct str name, void *arg), void *arg)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->n; i++) {
        if (!drop(f->v[i].name, arg)) {
            f->v[kept++] = f->v[i];
        }
    }
    f->n = kept;
}
