/* Where users are kept, for those who change them: one table of operations, two kinds. The proxy
 * reads an htpasswd file as a whole (auth/users_table) and a database by name (sqlite.h). */
#ifndef AUTH_STORE_STORE_H
#define AUTH_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/store/user_draft.h"
#include "base/err.h"
#include "conf/diag.h"

struct store;

enum store_change { STORE_ADD = 0, STORE_SET, STORE_DELETE };

/* One user of a walk; borrowed for the call. Returns false to end the walk. */
typedef bool (*store_each_fn)(void *arg, const struct user *u);

/* Change d, which holds what the store knows of the user (STORE_ADD: the name only). Texts that are
 * put in must live until the change is made. Returns 0, or a negative err_code with e: then nothing
 * is changed. */
typedef int (*store_edit_fn)(void *arg, struct user_draft *d, struct err *e);

/* A part of all users, in order of name. */
struct store_page {
    struct str after; /* begin behind this name; empty: at the front */
    size_t limit;     /* 0: all */
};

struct store_ops {
    /* The user of that name (letter case of ASCII aside where the store knows but one) as a
     * reference. Returns 0, -ERR_NOT_FOUND, or another negative err_code, with e. */
    int (*find)(struct store *s, struct str name, struct user **out, struct err *e);

    /* Tell the users of a page. Returns 0 or a negative err_code with e. */
    int (*each)(struct store *s, const struct store_page *page, store_each_fn each, void *arg,
                struct err *e);

    /* Add, change or delete one user, all or nothing, other writers locked out meanwhile. edit may
     * be NULL. Returns 0, -ERR_EXISTS, -ERR_NOT_FOUND, -ERR_MALFORMED, what edit returned, or
     * another negative err_code, with e. */
    int (*change)(struct store *s, enum store_change what, struct str name, store_edit_fn edit,
                  void *arg, struct err *e);

    void (*close)(struct store *s);
};

/* What every kind begins with. */
struct store {
    const struct store_ops *ops;
};

static inline int store_find(struct store *s, struct str name, struct user **out, struct err *e)
{
    return s->ops->find(s, name, out, e);
}

static inline int store_each(struct store *s, const struct store_page *page, store_each_fn each,
                             void *arg, struct err *e)
{
    return s->ops->each(s, page, each, arg, e);
}

static inline int store_change(struct store *s, enum store_change what, struct str name,
                               store_edit_fn edit, void *arg, struct err *e)
{
    return s->ops->change(s, what, name, edit, arg, e);
}

/* NULL is fine. */
static inline void store_close(struct store *s)
{
    if (s != NULL) {
        s->ops->close(s);
    }
}

/* An htpasswd file and the file of fields beside it, which is made when it is needed first. fields
 * NULL: there is none, and fields cannot be set. Paths are copied, and read anew by every
 * operation; faults in them go to diags (borrowed). NULL with e without memory. */
struct store *store_of_files(const char *htpasswd, const char *fields, struct diags *diags,
                             struct err *e);

#endif
