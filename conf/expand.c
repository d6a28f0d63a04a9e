/* Owns: the replacement of environment variables. Not: which texts are replaced. Only while no
 * other thread sets the environment. */
#include "conf/expand.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"

enum { NAME_MAX_LEN = 128, EXPANDED_MAX = 64 * 1024 };

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char l = str_lower(s.p[i]);
        bool digit = s.p[i] >= '0' && s.p[i] <= '9';
        if (!(l >= 'a' && l <= 'z') && l != '_' && !(digit && i > 0)) {
            return false;
        }
    }
    return s.n > 0 && s.n <= NAME_MAX_LEN;
}

/* inner: what stands between ${ and }. */
static int append_variable(struct buf *b, struct str inner, struct err *e)
{
    size_t colon = str_chr(inner, ':');
    struct str name = str_slice(inner, 0, colon);
    struct str rest = colon != STR_NPOS ? str_slice(inner, colon, inner.n) : STR("");
    if (!is_name(name) || (rest.n > 0 && !str_starts(rest, STR(":-")))) {
        return err_set(e, ERR_MALFORMED, "between ${ and } stands a name, or NAME:-default");
    }
    char z[NAME_MAX_LEN + 1];
    memcpy(z, name.p, name.n);
    z[name.n] = '\0';
    const char *value = getenv(z); /* NOLINT(concurrency-mt-unsafe): nobody sets it */
    if (rest.n > 0 && (value == NULL || value[0] == '\0')) {
        return buf_append(b, str_slice(rest, 2, rest.n));
    }
    if (value == NULL) {
        return err_set(e, ERR_NOT_FOUND, "the environment variable %s is not set", z);
    }
    return buf_append(b, str_of(value));
}

/* rest: begins with $. *used: octets of it that were replaced. */
static int append_dollar(struct buf *b, struct str rest, size_t *used, struct err *e)
{
    if (str_starts(rest, STR("$$"))) {
        *used = 2;
        return buf_append(b, STR("$"));
    }
    size_t end = str_chr(rest, '}');
    if (!str_starts(rest, STR("${")) || end == STR_NPOS) {
        return err_set(e, ERR_MALFORMED, "a $ that begins no ${NAME} must be written $$");
    }
    *used = end + 1;
    return append_variable(b, str_slice(rest, 2, end), e);
}

int expand(struct arena *a, struct str raw, struct str *out, struct err *e)
{
    *out = raw;
    if (str_chr(raw, '$') == STR_NPOS) {
        return 0;
    }
    struct buf b;
    buf_init(&b, EXPANDED_MAX);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < raw.n;) {
        struct str rest = str_slice(raw, i, raw.n);
        size_t plain = str_chr(rest, '$');
        size_t used = plain;
        if (plain == 0) {
            rc = append_dollar(&b, rest, &used, e);
        } else {
            used = plain == STR_NPOS ? rest.n : plain;
            rc = buf_append(&b, str_slice(rest, 0, used));
        }
        i += used;
    }
    if (rc == 0) {
        *out = arena_dup(a, buf_str(&b));
        rc = out->p != NULL ? 0 : -ERR_NOMEM;
    }
    buf_release(&b);
    return rc != 0 ? err_set(e, (enum err_code) - rc, "%s", err_name(rc)) : 0;
}
