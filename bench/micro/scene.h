/* What single steps are about: a configuration with one user, and the certificate of that user. */
#ifndef BENCH_MICRO_SCENE_H
#define BENCH_MICRO_SCENE_H

#include "auth/identity.h"
#include "auth/users.h"
#include "bench/micro/pki.h"
#include "conf/model.h"

#define SCENE_USER     "client-0"
#define SCENE_HASH     "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="
#define SCENE_PASSWORD "secret"
#define SCENE_BASIC    "Basic Y2xpZW50LTA6c2VjcmV0" /* the two as credentials */

struct scene {
    const struct pki *pki; /* clients[0] is the user's */
    struct files *files;
    struct conf *conf;
    struct users *users;
    struct identity *identity;
};

/* Make all of it; pki is borrowed. A failure ends the program. */
void scene_make(struct scene *s, const struct pki *pki);

/* Free what s holds. */
void scene_free(struct scene *s);

#endif
