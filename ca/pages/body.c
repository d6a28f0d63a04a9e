/* Owns: kinds of forms, and percent-coding. Leaves parts between boundaries to multipart. */
#include "ca/pages/body.h"

#include <stdbool.h>

#include "base/enc.h"
#include "base/mem.h"
#include "ca/pages/multipart.h"

/* Decode s behind what is in the memory already. */
static int decode(struct form *f, struct str s, struct str *out, struct err *e)
{
    char *at = f->memory + f->memory_n;
    size_t n = 0;
    if (enc_percent_decode(s, at, &n) != 0) {
        return err_set(e, ERR_MALFORMED, "the form has a %% without two digits behind it");
    }
    for (size_t i = 0, k = 0; k < n; i++, k++) {
        /* A plus of the form is a space; one that was decoded is a plus. */
        if (s.p[i] == '+') {
            at[k] = ' ';
        } else if (s.p[i] == '%') {
            i += 2;
        }
    }
    *out = (struct str){at, n};
    f->memory_n += n;
    if (!str_is_utf8(*out) || str_chr(*out, '\0') != STR_NPOS) {
        return err_set(e, ERR_MALFORMED, "the form has a text that is not UTF-8, or has a NUL");
    }
    return 0;
}

static int read_urlencoded(struct str body, struct form *f, struct err *e)
{
    struct str pair;
    f->memory = mem_alloc(body.n + 1);
    if (f->memory == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    int rc = 0;
    while (rc == 0 && body.n > 0) {
        struct str name;
        struct str value;
        (void)str_cut(body, '&', &pair, &body);
        if (pair.n == 0) {
            continue;
        }
        (void)str_cut(pair, '=', &name, &value);
        rc = decode(f, name, &name, e);
        rc = rc == 0 ? decode(f, value, &value, e) : rc;
        rc = rc == 0 ? form_add(f, name, value, e) : rc;
    }
    return rc;
}

/* The parameters of a form's type: none, or that the texts are UTF-8. */
static bool is_utf8_form(struct str parameters)
{
    parameters = str_trim(parameters);
    return parameters.n == 0 || str_ieq(parameters, STR("charset=utf-8")) ||
           str_ieq(parameters, STR("charset=\"utf-8\""));
}

int body_read(struct str type, struct str body, struct form *f, struct err *e)
{
    struct str media;
    struct str parameters;
    int rc = 0;
    *f = (struct form){.count = 0};
    (void)str_cut(type, ';', &media, &parameters);
    media = str_trim(media);
    if (str_ieq(media, STR("application/x-www-form-urlencoded")) && is_utf8_form(parameters)) {
        rc = read_urlencoded(body, f, e);
    } else if (str_ieq(media, STR("multipart/form-data"))) {
        rc = multipart_read(parameters, body, f, e);
    } else {
        rc = err_set(e, ERR_UNSUPPORTED, "this takes a form as a browser sends it, in UTF-8");
    }
    if (rc != 0) {
        form_release(f);
    }
    return rc;
}
