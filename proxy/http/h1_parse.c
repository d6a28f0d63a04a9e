/* Owns: the calls of llhttp. Not: what a head means. Any thread. */
#include "proxy/http/h1_parse.h"

#include <llhttp.h>

#include "base/err.h"

#if defined(LLHTTP_VERSION_MAJOR) && LLHTTP_VERSION_MAJOR < 9 && !LLHTTP_STRICT_MODE
#error "before version 9, llhttp must be compiled with LLHTTP_STRICT_MODE=1"
#endif

struct parse {
    llhttp_t llhttp;
    struct fields *fields; /* borrowed */
    struct str text;       /* target or phrase */
    struct str name;
    struct str value;
    bool is_head_done;
    bool is_out_of_memory;
};

/* Spans of one kind are contiguous: a head is parsed in one call and has no folded lines. */
static void extend(struct str *s, const char *at, size_t n)
{
    if (s->p == NULL) {
        s->p = at;
    }
    s->n = (size_t)(at - s->p) + n;
}

static struct parse *self(llhttp_t *l)
{
    return l->data;
}

static int on_text(llhttp_t *l, const char *at, size_t n)
{
    extend(&self(l)->text, at, n);
    return 0;
}

static int on_name(llhttp_t *l, const char *at, size_t n)
{
    extend(&self(l)->name, at, n);
    return 0;
}

static int on_value(llhttp_t *l, const char *at, size_t n)
{
    extend(&self(l)->value, at, n);
    return 0;
}

static int on_value_complete(llhttp_t *l)
{
    struct parse *p = self(l);
    if (fields_add(p->fields, p->name, str_trim(p->value)) != 0) {
        p->is_out_of_memory = true;
        return -1;
    }
    p->name = STR_NONE;
    p->value = STR_NONE;
    return 0;
}

static int on_headers_complete(llhttp_t *l)
{
    self(l)->is_head_done = true;
    return 0;
}

static const llhttp_settings_t settings = {
    .on_url = on_text,
    .on_status = on_text,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_headers_complete,
};

/* llhttp also takes Proxy-Connection for Connection, and then stops behind the head to let another
 * protocol begin; here none ever does. */
static bool execute(struct parse *p, struct str head)
{
    llhttp_errno_t rc = llhttp_execute(&p->llhttp, head.p, head.n);
    return (rc == HPE_OK || rc == HPE_PAUSED_UPGRADE) && p->is_head_done;
}

static bool agrees(struct parse *p, const struct h1_start *start)
{
    llhttp_t *l = &p->llhttp;
    if (!str_eq(p->text, start->text) || llhttp_get_http_major(l) != 1 ||
        llhttp_get_http_minor(l) != start->minor) {
        return false;
    }
    if (llhttp_get_type(l) == HTTP_RESPONSE) {
        return llhttp_get_status_code(l) == (int)start->status;
    }
    const char *method = llhttp_method_name((llhttp_method_t)llhttp_get_method(l));
    return str_eq(str_of(method), start->method);
}

int h1_parse_head(bool is_response, struct str head, const struct h1_start *start,
                  struct fields *out)
{
    struct parse p = {.fields = out};
    llhttp_init(&p.llhttp, is_response ? HTTP_RESPONSE : HTTP_REQUEST, &settings);
    p.llhttp.data = &p;
    bool is_good = execute(&p, head);
    if (p.is_out_of_memory) {
        return -ERR_NOMEM;
    }
    return is_good && agrees(&p, start) ? 0 : -ERR_MALFORMED;
}

#define TEXT_OF(x)  TEXT_OF_(x)
#define TEXT_OF_(x) #x

const char *h1_parse_library(void)
{
    return "llhttp " TEXT_OF(LLHTTP_VERSION_MAJOR) "." TEXT_OF(LLHTTP_VERSION_MINOR) "." TEXT_OF(
        LLHTTP_VERSION_PATCH);
}
