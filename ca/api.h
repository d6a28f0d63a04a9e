/* The API: JSON over HTTP (docs/openapi.yaml). Who asks was settled by the proxy, and stands in the
 * field that conf.headers.user names. */
#ifndef CA_API_H
#define CA_API_H

#include <stdbool.h>

#include "base/log.h"
#include "ca/http.h"
#include "ca/life.h"
#include "ca/people.h"

/* Borrowed, alive as long as it serves. */
struct api {
    struct life life;
    struct people *people;
    const char *user_field;
    struct log *log;            /* NULL: none */
    bool (*publish)(void *arg); /* withdrawals are in force when it returns true */
    void *publish_arg;
};

/* A http_serve_fn; arg: a struct api. */
void api_serve(void *arg, const struct http_request *r, struct http_reply *reply);

#endif
