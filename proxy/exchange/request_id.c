/* Owns: where request ids come from. On the loop's thread. */
#include "proxy/exchange/request_id.h"

#include <string.h>

#include "base/enc.h"

enum { ID_MAX = 128, COUNT_OCTETS = 5 };

static bool is_acceptable(struct str id)
{
    if (id.n == 0 || id.n > ID_MAX) {
        return false;
    }
    for (size_t i = 0; i < id.n; i++) {
        if (id.p[i] <= ' ' || id.p[i] > '~') {
            return false;
        }
    }
    return true;
}

struct str request_id_choose(struct env *env, const struct http_request *head, bool trusted,
                             struct arena *arena)
{
    if (trusted && head != NULL && fields_count(&head->fields, STR("X-Request-Id")) == 1) {
        const struct field *f = fields_find(&head->fields, STR("X-Request-Id"));
        if (f != NULL && is_acceptable(f->value)) {
            return arena_dup(arena, f->value);
        }
    }
    unsigned char octets[sizeof(env->id_seed) + COUNT_OCTETS];
    memcpy(octets, env->id_seed, sizeof(env->id_seed));
    for (size_t i = 0; i < COUNT_OCTETS; i++) {
        octets[sizeof(octets) - 1 - i] = (unsigned char)(env->next_id >> (8 * i));
    }
    env->next_id++;
    char *p = arena_alloc(arena, 2 * sizeof(octets));
    if (p == NULL) {
        return STR_NONE;
    }
    enc_hex(octets, sizeof(octets), p);
    return (struct str){p, 2 * sizeof(octets)};
}
