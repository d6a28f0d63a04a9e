/* The words of other proxies: which fields they set, and how they write a certificate in them. Our
 * own six fields are own.h. Private to auth/headers. */
#ifndef AUTH_HEADERS_DIALECT_H
#define AUTH_HEADERS_DIALECT_H

#include <stdbool.h>

#include "auth/headers/facts.h"
#include "auth/headers/render.h"

struct dialect {
    const char *name;
    const char *const *fields; /* every name that it may set; NULL at the end */
    /* Write the fields for a client with (facts) or without (NULL) an accepted certificate. chain:
     * tell the chain, too. */
    void (*render)(const struct facts *facts, bool chain, struct render *out);
};

extern const struct dialect dialect_rfc9440;
extern const struct dialect dialect_xfcc;
extern const struct dialect dialect_nginx;
extern const struct dialect dialect_apache;
extern const struct dialect dialect_traefik;
extern const struct dialect dialect_haproxy;

#define DIALECT_COUNT 6

/* All of them, in the order of their names above. */
extern const struct dialect *const dialects[DIALECT_COUNT];

/* The one of that name, or NULL. */
const struct dialect *dialect_find(struct str name);

#endif
