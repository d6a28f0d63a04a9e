/* Owns: the values of our identity fields. Leaves names to the configuration, removing the client's
 * to strip. Loop thread. */
#include "auth/headers/own.h"

#include "base/err.h"

static bool needs_encoding(struct str user)
{
    for (size_t i = 0; i < user.n; i++) {
        if (user.p[i] < ' ' || user.p[i] > '~' || user.p[i] == '%') {
            return true;
        }
    }
    return user.n > 0 && (user.p[0] == ' ' || user.p[user.n - 1] == ' ');
}

/* user as field value. No two users have the same one: '%' itself is always encoded. */
static struct str encode_user(struct arena *a, struct str user)
{
    static const char digits[] = "0123456789ABCDEF";
    if (!needs_encoding(user)) {
        return arena_dup(a, user);
    }
    char *out = user.n < SIZE_MAX / 3 ? arena_alloc(a, user.n * 3) : NULL;
    if (out == NULL) {
        return STR_NONE;
    }
    size_t n = 0;
    for (size_t i = 0; i < user.n; i++) {
        unsigned char c = (unsigned char)user.p[i];
        if (c > ' ' && c <= '~' && c != '%') {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '%';
        out[n++] = digits[c >> 4];
        out[n++] = digits[c & 15];
    }
    return (struct str){out, n};
}

static int add(struct fields *out, const struct conf_text *name, struct str value)
{
    struct str field = str_of(name->p);
    if (field.n == 0 || value.n == 0) {
        return 0;
    }
    struct str copy = arena_dup(out->arena, value);
    return copy.p != NULL ? fields_add(out, field, copy) : -ERR_NOMEM;
}

static int add_user(struct fields *out, const struct conf_text *name, struct str user)
{
    struct str field = str_of(name->p);
    if (field.n == 0 || user.n == 0) {
        return 0;
    }
    struct str value = encode_user(out->arena, user);
    return value.p != NULL ? fields_add(out, field, value) : -ERR_NOMEM;
}

int own_fields_add(const struct conf_headers *names, const struct own_facts *facts,
                   struct fields *out)
{
    if (names->without_own) {
        return 0;
    }
    int rc = add_user(out, &names->user, facts->user);
    rc = rc == 0 ? add(out, &names->subject, facts->subject) : rc;
    rc = rc == 0 ? add(out, &names->issuer, facts->issuer) : rc;
    rc = rc == 0 ? add(out, &names->serial, facts->serial) : rc;
    rc = rc == 0 ? add(out, &names->fingerprint, facts->fingerprint) : rc;
    struct str verify = facts->certificate ? STR("SUCCESS") : STR("NONE");
    return rc == 0 ? add(out, &names->verify, verify) : rc;
}
