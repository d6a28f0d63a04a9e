/* Owns: the spelling of conditions. */
#include "bench/condition.h"

#include <string.h>

#include "bench/quantity.h"

static bool is_field(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = str_lower(s.p[i]);
        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '.' && c != '*') {
            return false;
        }
    }
    return s.n > 0 && s.n < CONDITION_FIELD_MAX;
}

static bool read_bound(struct str s, struct condition *out)
{
    double sign = 1.0;
    uint64_t ns = 0;
    bool is_difference = s.n > 0 && (s.p[0] == '+' || s.p[0] == '-');
    if (is_difference) {
        sign = s.p[0] == '-' ? -1.0 : 1.0;
        s = str_slice(s, 1, s.n);
    }
    out->kind = is_difference ? CONDITION_BY : CONDITION_ITSELF;
    if (str_ends(s, STR("%"))) {
        s = str_slice(s, 0, s.n - 1);
        out->kind = CONDITION_PERCENT;
        if (!is_difference || !quantity_number(s, &out->bound)) {
            return false;
        }
    } else if (quantity_time(s, &ns)) {
        out->is_time = true;
        out->bound = (double)ns;
    } else if (!quantity_number(s, &out->bound)) {
        return false;
    }
    out->bound *= sign;
    return true;
}

int condition_read(struct str text, struct condition *out, struct err *e)
{
    *out = (struct condition){0};
    size_t at = str_chr(text, '>');
    out->above = at != STR_NPOS;
    if (at == STR_NPOS) {
        at = str_chr(text, '<');
    }
    if (at == STR_NPOS) {
        return err_set(e, ERR_MALFORMED,
                       "condition \"%.*s\": expected a field, > or <, and a bound, such as "
                       "'p99>+10%%'",
                       STR_ARG(text));
    }
    struct str field = str_trim(str_slice(text, 0, at));
    if (!is_field(field)) {
        return err_set(e, ERR_MALFORMED,
                       "condition \"%.*s\": before %c stands the name of a field, such as p99 or "
                       "rate",
                       STR_ARG(text), text.p[at]);
    }
    memcpy(out->field, field.p, field.n);
    if (!read_bound(str_trim(str_slice(text, at + 1, text.n)), out)) {
        return err_set(e, ERR_MALFORMED,
                       "condition \"%.*s\": a bound is such as +10%%, -5%%, +2ms, 50ms, 0.01; a "
                       "percentage has a sign",
                       STR_ARG(text));
    }
    return 0;
}

bool condition_met(const struct condition *c, double was, double is)
{
    double bound = c->bound;
    if (c->kind == CONDITION_BY) {
        bound = was + c->bound;
    } else if (c->kind == CONDITION_PERCENT) {
        bound = was * (1.0 + c->bound / 100.0);
    }
    return c->above ? is > bound : is < bound;
}
