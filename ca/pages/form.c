/* Owns: names and bounds of fields. Leaves where they come from to body and multipart. */
#include "ca/pages/form.h"

#include "base/mem.h"

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) {
            return false;
        }
    }
    return s.n > 0 && s.n <= FORM_NAME_MAX;
}

struct str form_value(const struct form *f, struct str name)
{
    for (size_t i = 0; i < f->count; i++) {
        if (str_eq(f->fields[i].name, name)) {
            return f->fields[i].value;
        }
    }
    return STR_NONE;
}

int form_add(struct form *f, struct str name, struct str value, struct err *e)
{
    if (!is_name(name)) {
        return err_set(e, ERR_MALFORMED, "the form has a field whose name cannot be");
    }
    for (size_t i = 0; i < f->count; i++) {
        if (str_eq(f->fields[i].name, name)) {
            return err_set(e, ERR_MALFORMED, "the form has the field \"%.*s\" twice",
                           STR_ARG(name));
        }
    }
    if (f->count == FORM_FIELDS_MAX) {
        return err_set(e, ERR_TOO_LARGE, "the form has more than %d fields", FORM_FIELDS_MAX);
    }
    if (value.n > FORM_VALUE_MAX) {
        return err_set(e, ERR_TOO_LARGE, "the field \"%.*s\" is longer than %d octets",
                       STR_ARG(name), FORM_VALUE_MAX);
    }
    if (value.p == NULL) {
        value.p = ""; /* it is there, and empty */
    }
    f->fields[f->count++] = (struct form_field){name, value};
    return 0;
}

void form_release(struct form *f)
{
    if (f->memory != NULL) {
        mem_wipe(f->memory, f->memory_n);
        mem_free(f->memory);
    }
    *f = (struct form){.count = 0};
}
