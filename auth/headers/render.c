/* Owns: encodings of field values. Not: what is told (dialects, template). Any thread. */
#include "auth/headers/render.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/enc.h"
#include "base/err.h"
#include "base/mem.h"

#define PEM_LINE 64 /* base64 characters */

void render_init(struct render *r, struct fields *out, size_t max)
{
    *r = (struct render){.out = out};
    buf_init(&r->text, max);
}

int render_fini(struct render *r)
{
    buf_release(&r->text);
    return r->rc;
}

void render_put(struct render *r, struct str s)
{
    if (r->rc == 0 && s.n > 0) {
        r->rc = buf_append(&r->text, s);
    }
}

void render_printf(struct render *r, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof(text)) {
        r->rc = r->rc == 0 ? -ERR_INTERNAL : r->rc;
        return;
    }
    render_put(r, (struct str){text, (size_t)n});
}

void render_base64(struct render *r, struct str s)
{
    char *to = r->rc == 0 ? buf_reserve(&r->text, ENC_BASE64_LEN(s.n)) : NULL;
    if (to == NULL) {
        r->rc = r->rc == 0 ? -ERR_FULL : r->rc;
        return;
    }
    buf_commit(&r->text, enc_base64(s, to));
}

/* DER octets that make one line of PEM. */
#define PEM_OCTETS (PEM_LINE / 4 * 3)

void render_pem(struct render *r, struct str der, struct str between)
{
    render_put(r, STR("-----BEGIN CERTIFICATE-----"));
    render_put(r, between);
    for (size_t i = 0; i < der.n; i += PEM_OCTETS) {
        render_base64(r, str_slice(der, i, i + PEM_OCTETS));
        render_put(r, between);
    }
    render_put(r, STR("-----END CERTIFICATE-----"));
}

void render_percent_pem(struct render *r, struct str der)
{
    struct render plain;
    render_init(&plain, r->out, 2 * der.n + 256);
    render_pem(&plain, der, STR("\n"));
    render_put(&plain, STR("\n"));
    if (r->rc == 0) {
        r->rc = plain.rc == 0 ? enc_percent(&r->text, buf_str(&plain.text)) : plain.rc;
    }
    (void)render_fini(&plain);
}

void render_escaped(struct render *r, struct str s, const char *also, const char *before)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n && r->rc == 0; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool outer = c == ' ' && (i == 0 || i + 1 == s.n);
        if (c >= ' ' && c <= '~' && !outer && strchr(also, c) == NULL) {
            render_put(r, str_slice(s, i, i + 1));
            continue;
        }
        const char hex[2] = {digits[c >> 4], digits[c & 15]};
        render_put(r, str_of(before));
        render_put(r, (struct str){hex, 2});
    }
}

void render_date(struct render *r, int64_t seconds)
{
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm tm;
    time_t t = (time_t)seconds;
    if (gmtime_r(&t, &tm) != NULL) {
        render_printf(r, "%s %2d %02d:%02d:%02d %d GMT", months[tm.tm_mon], tm.tm_mday, tm.tm_hour,
                      tm.tm_min, tm.tm_sec, tm.tm_year + 1900);
    }
}

void render_field(struct render *r, const char *name)
{
    struct str text = buf_str(&r->text);
    if (r->rc == 0 && text.n > 0) {
        struct str value = arena_dup(r->out->arena, text);
        r->rc = value.p != NULL ? fields_add(r->out, str_of(name), value) : -ERR_NOMEM;
    }
    buf_clear(&r->text);
}

void render_value(struct render *r, const char *name, struct str value)
{
    render_put(r, value);
    render_field(r, name);
}
