/* The configuration as the rows fill it, around the struct conf that others see: the listeners as
 * they are written, where each value was given, and the memory. Private to conf. */
#ifndef CONF_DRAFT_H
#define CONF_DRAFT_H

#include "base/arena.h"
#include "conf/model.h"

enum draft_unknown_name { DRAFT_UNKNOWN_REFUSE = 0, DRAFT_UNKNOWN_DEFAULT };

struct draft_listener {
    struct conf_listener out; /* all but the sites */
    struct conf_site own;     /* of "tls" and "client" */
    struct conf_site *names;  /* of "names" */
    size_t name_count;
    enum draft_unknown_name unknown_name;
};

/* A value that stands in a file: the object that it went to, and where it stands. */
struct origin {
    const void *object;
    struct conf_pos at;
};

struct draft {
    struct conf conf; /* first: a struct conf of ours is always the front of a draft */
    struct draft_listener *listeners;
    size_t listener_count;
    struct conf_texts include;
    uint32_t main_file;    /* index in diags */
    const char *state_dir; /* where state is kept if nothing else is said, absolute; borrowed */
    struct arena arena;    /* holds everything that the struct conf points to */
    struct origin *origins;
    size_t origin_count;
    size_t origin_size;
    size_t refs;
};

/* An empty draft with one reference, or NULL. */
struct draft *draft_new(void);

/* Free it, whatever its references. */
void draft_free(struct draft *d);

/* The draft around a configuration that conf_load gave. */
const struct draft *draft_of(const struct conf *c);

/* Note that object was given at a place. Returns 0 or -ERR_NOMEM. */
int draft_note(struct draft *d, const void *object, struct conf_pos at)
    __attribute__((warn_unused_result));

/* Order the notes; draft_origin works only afterwards. */
void draft_sort(struct draft *d);

/* Where object was given, or NULL if it holds a default. */
const struct conf_pos *draft_origin(const struct draft *d, const void *object);

#endif
