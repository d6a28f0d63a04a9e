/* fuzz: auth/headers
 * Templates of field values: the first line is the template, the others are what it is filled with.
 * What was read can be filled in; a value is printable ASCII, holds no value that could end it, and
 * is the same again; one without {user} and {groups} does not depend on the request. */
#include <stdlib.h>
#include <string.h>

#include <openssl/objects.h>

#include "auth/headers/template.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VALUES = 8, VALUE_MAX = 65536 };

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* What a certificate says, in the forms in which facts_read() leaves it: printed texts are
 * printable, attributes and SANs may hold any octet. */
struct filling {
    struct facts_attribute attributes[2];
    struct facts_san sans[4];
    struct facts facts;
    struct template_request request;
};

static void fill(struct filling *f, struct str values[VALUES])
{
    *f = (struct filling){
        .attributes = {{OBJ_nid2obj(NID_organizationalUnitName), values[0]},
                       {OBJ_nid2obj(NID_commonName), values[1]}},
        .sans = {{FACTS_SAN_DNS, values[2]},
                 {FACTS_SAN_EMAIL, values[3]},
                 {FACTS_SAN_URI, values[4]},
                 {FACTS_SAN_IP, STR("192.0.2.1")}},
    };
    struct facts_name name = {.v = f->attributes, .n = 2, .text = STR("CN=a,OU=b")};
    f->facts = (struct facts){.der = values[1],
                              .subject = name,
                              .issuer = name,
                              .sans = f->sans,
                              .san_count = 4,
                              .serial = STR("0A1B"),
                              .serial_decimal = STR("2587"),
                              .sha1 = STR("aa"),
                              .sha256 = STR("bb"),
                              .not_after_s = INT32_MAX};
    f->request = (struct template_request){
        .user = values[5], .groups = &values[6], .group_count = values[6].n > 0 ? 2 : 0};
}

/* The value, or p NULL if there is none; the caller frees it. */
static struct str render(const struct template *t, const struct facts *facts,
                         const struct template_request *request)
{
    struct render r;
    struct str copy = STR_NONE;
    render_init(&r, NULL, VALUE_MAX);
    if (template_render(t, facts, request, &r) && r.rc == 0) {
        struct str text = buf_str(&r.text);
        char *p = mem_dup(text.p != NULL ? text.p : "", text.n);
        demand(p != NULL && text.n <= VALUE_MAX);
        for (size_t i = 0; i < text.n; i++) {
            demand(text.p[i] >= ' ' && text.p[i] <= '~');
        }
        copy = (struct str){p, text.n};
    }
    (void)render_fini(&r);
    return copy;
}

static void check(const struct template *t, struct str values[VALUES])
{
    struct filling f;
    static const struct template_request nobody = {.user = {NULL, 0}};
    fill(&f, values);
    struct str one = render(t, &f.facts, &f.request);
    struct str two = render(t, &f.facts, &f.request);
    struct str other = render(t, &f.facts, &nobody);
    demand((one.p == NULL) == (two.p == NULL) && str_eq(one, two));
    if (!template_is_dynamic(t)) {
        demand((one.p == NULL) == (other.p == NULL) && str_eq(one, other));
    }
    struct str without = render(t, NULL, &f.request);
    demand(without.p == NULL || one.p != NULL);
    mem_free((void *)(uintptr_t)one.p);
    mem_free((void *)(uintptr_t)two.p);
    mem_free((void *)(uintptr_t)other.p);
    mem_free((void *)(uintptr_t)without.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size};
    struct str text = STR_NONE;
    struct str values[VALUES] = {STR_NONE};
    struct err e = {0};
    size_t at = 0;
    (void)str_cut(rest, '\n', &text, &rest);
    for (size_t i = 0; i < VALUES; i++) {
        (void)str_cut(rest, '\n', &values[i], &rest);
    }
    struct template *t = template_parse(text, &at, &e);
    demand(at <= text.n && (t != NULL) == (e.code == ERR_OK));
    if (t != NULL) {
        check(t, values);
    }
    template_free(t);
    return 0;
}
