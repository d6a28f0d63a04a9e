/* YAML text to a tree of texts, lists and maps, each with its place. Private to conf. */
#ifndef CONF_YAML_H
#define CONF_YAML_H

#include "base/arena.h"
#include "conf/diag.h"

enum node_kind {
    NODE_SCALAR,
    NODE_LIST,
    NODE_MAP,
    NODE_REFUSED /* something that was reported already; no more is said about it */
};

struct node {
    enum node_kind kind;
    bool quoted;            /* of a scalar */
    struct conf_pos at;     /* of the value */
    struct str text;        /* of a scalar */
    struct str key;         /* if the parent is a map */
    struct conf_pos key_at; /* if the parent is a map */
    struct node *first;     /* children of a list or map */
    struct node *last;
    struct node *next; /* sibling */
    size_t count;      /* children */
};

enum { YAML_DEPTH_MAX = 32, YAML_SIZE_MAX = 4 * 1024 * 1024 };

/* Read text, registered in d as file, into nodes in arena a. *root: the document, NULL if it is
 * empty. Anchors, aliases, tags, directives and further documents are reported and refused.
 * Returns 0; -ERR_MALFORMED if the tree is not whole (reported); -ERR_NOMEM. */
int yaml_read(struct arena *a, struct diags *d, uint32_t file, struct str text, struct node **root)
    __attribute__((warn_unused_result));

/* Append child to the list or map parent. */
void node_append(struct node *parent, struct node *child);

/* The first child of map with that key, or NULL. */
struct node *node_find(const struct node *map, struct str key);

/* "libyaml 0.2.5": the library that runs. */
const char *yaml_library(void);

#endif
