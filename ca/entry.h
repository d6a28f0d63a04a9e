/* The way into the CA's process: which path is served by whom, and how what went wrong is told. */
#ifndef CA_ENTRY_H
#define CA_ENTRY_H

#include "ca/call.h"

/* Who serves the paths that begin with a prefix. */
struct entry_way {
    struct str prefix;
    bool anybody; /* who asks does not matter, or call finds it out itself */
    bool whole;   /* call tells itself what goes wrong, and returns 0 always */
    int (*call)(struct call *c, struct str path); /* path: what is behind the prefix */
};

/* A http_serve_fn; arg: a struct service. */
void entry_serve(void *arg, const struct http_request *r, struct http_reply *reply);

#endif
