/* The way into the CA's process: which path is served by whom, and how what went wrong is told. */
#ifndef CA_ENTRY_H
#define CA_ENTRY_H

#include "ca/http.h"

/* A http_serve_fn; arg: a struct service. */
void entry_serve(void *arg, const struct http_request *r, struct http_reply *reply);

#endif
