/* Owns: the list of dialects. Constant data. */
#include "auth/headers/dialect.h"

const struct dialect *const dialects[DIALECT_COUNT] = {&dialect_rfc9440, &dialect_xfcc,
                                                       &dialect_nginx,   &dialect_apache,
                                                       &dialect_traefik, &dialect_haproxy};

const struct dialect *dialect_find(struct str name)
{
    for (size_t i = 0; i < DIALECT_COUNT; i++) {
        if (str_eq(str_of(dialects[i]->name), name)) {
            return dialects[i];
        }
    }
    return NULL;
}
