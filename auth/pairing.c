/* Owns: when two user names are the same. Pure, any thread. */
#include "auth/pairing.h"

static size_t last_at(struct str name)
{
    for (size_t i = name.n; i > 0; i--) {
        if (name.p[i - 1] == '@') {
            return i - 1;
        }
    }
    return name.n;
}

bool pairing_normalise(struct str name, const struct conf_identity *rule,
                       char out[PAIRING_NAME_MAX], size_t *n)
{
    *n = 0;
    if (name.n == 0 || name.n > PAIRING_NAME_MAX || str_chr(name, ':') != STR_NPOS ||
        str_has_control(name) || !str_is_utf8(name)) {
        return false;
    }
    size_t at = last_at(name);
    for (size_t i = 0; i < name.n; i++) {
        out[i] = name.p[i];
        if (i < at ? rule->fold_local_part : rule->fold_domain) {
            out[i] = str_lower(name.p[i]);
        }
    }
    *n = name.n;
    return true;
}

bool pairing_same(struct str a, struct str b, const struct conf_identity *rule)
{
    char normal_a[PAIRING_NAME_MAX];
    char normal_b[PAIRING_NAME_MAX];
    size_t n_a = 0;
    size_t n_b = 0;
    if (!pairing_normalise(a, rule, normal_a, &n_a) ||
        !pairing_normalise(b, rule, normal_b, &n_b)) {
        return false;
    }
    return n_a == n_b && memcmp(normal_a, normal_b, n_a) == 0;
}
