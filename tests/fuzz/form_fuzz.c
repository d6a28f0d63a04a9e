/* fuzz: ca/pages */
/* Forms: the first line is the Content-Type, the rest the body. What is read is within bounds,
 * texts are texts, and a form written anew from what was read is read as the same. */
#include <stdint.h>
#include <stdlib.h>

#include "ca/pages/body.h"

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

static size_t write_percent(char *out, struct str s)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        out[3 * i] = '%';
        out[3 * i + 1] = digits[(unsigned char)s.p[i] >> 4];
        out[3 * i + 2] = digits[(unsigned char)s.p[i] & 15];
    }
    return 3 * s.n;
}

static bool is_text(struct str s)
{
    return str_is_utf8(s) && str_chr(s, '\0') == STR_NPOS;
}

static void check_again(const struct form *f, size_t octets)
{
    char *text = malloc(3 * octets + 2 * FORM_FIELDS_MAX + 1);
    size_t n = 0;
    bool texts = true;
    demand(text != NULL);
    for (size_t i = 0; i < f->count; i++) {
        n += write_percent(text + n, f->fields[i].name);
        text[n++] = '=';
        n += write_percent(text + n, f->fields[i].value);
        text[n++] = '&';
        texts = texts && is_text(f->fields[i].value);
    }
    struct form again;
    struct str type = STR("application/x-www-form-urlencoded");
    demand((body_read(type, (struct str){text, n}, &again, NULL) == 0) == texts);
    if (texts) {
        demand(again.count == f->count);
        for (size_t i = 0; i < f->count; i++) {
            demand(str_eq(form_value(&again, f->fields[i].name), f->fields[i].value));
        }
    }
    form_release(&again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str all = {(const char *)data, size};
    struct str type;
    struct str body;
    struct form f;
    struct err e = {0};
    size_t octets = 0;
    (void)str_cut(all, '\n', &type, &body);
    int rc = body_read(type, body, &f, &e);
    demand(rc == 0 || ((int)e.code == -rc && f.count == 0 && f.memory == NULL));
    for (size_t i = 0; i < f.count; i++) {
        demand(f.fields[i].name.n > 0 && f.fields[i].name.n <= FORM_NAME_MAX);
        demand(f.fields[i].value.n <= FORM_VALUE_MAX && f.fields[i].value.p != NULL);
        octets += f.fields[i].name.n + f.fields[i].value.n;
    }
    if (rc == 0) {
        check_again(&f, octets);
    }
    form_release(&f);
    return 0;
}
