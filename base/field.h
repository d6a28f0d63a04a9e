/* A header field: a name and a value, both borrowed. */
#ifndef BASE_FIELD_H
#define BASE_FIELD_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

struct field {
    struct str name;
    struct str value;
};

/* A growable row of fields in an arena. */
struct fields {
    struct field *v;
    size_t n;
    size_t size;
    struct arena *arena; /* where v and copies go; borrowed */
};

/* Prepare f, empty, in arena a. */
void fields_init(struct fields *f, struct arena *a);

/* Append (name, value), both borrowed as long as the arena. Returns 0 or -ERR_NOMEM. */
int fields_add(struct fields *f, struct str name, struct str value)
    __attribute__((warn_unused_result));

/* The first field whose name matches (ASCII case folded), or NULL. */
const struct field *fields_find(const struct fields *f, struct str name);

/* How many fields have that name. */
size_t fields_count(const struct fields *f, struct str name);

/* As field_alike(), of the beginning of name. */
bool field_begins_alike(struct str name, struct str prefix);

/* True if an upstream may take name for other: equal when ASCII case is folded and every octet that
 * is no letter or digit reads as '-'. Those that turn names into variables (CGI and what came after
 * it) make '_' of any mark, so that "X.Client!User" and "X-Client-User" become one. */
static inline bool field_alike(struct str name, struct str other)
{
    return name.n == other.n && field_begins_alike(name, other);
}

/* Remove every field for which drop(name, arg) is true, keeping the order. */
void fields_remove_if(struct fields *f, bool (*drop)(struct str name, void *arg), void *arg);

#endif
