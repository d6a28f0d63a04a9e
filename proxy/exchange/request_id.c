/* Owns: where request ids come from. On the loop's thread. */
#include "proxy/exchange/request_id.h"

#include "base/enc.h"

enum { ID_MAX = 128 };

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
    char seed[2 * sizeof(env->id_seed)];
    enc_hex(env->id_seed, sizeof(env->id_seed), seed);
    return arena_printf(arena, "%.*s%010llx", (int)sizeof(seed), seed,
                        (unsigned long long)env->next_id++);
}
