/* Owns: which dialects and templates are told, once a connection and once a request. Not: how
 * (dialect, template). Made at start and reload, used on the loop's thread. */
#include "auth/headers/plan.h"

#include <stdio.h>

#include "auth/headers/dialect.h"
#include "auth/headers/template.h"
#include "base/err.h"
#include "base/mem.h"

/* Room for what a certificate is taken apart into, which is a few times its size. */
#define SCRATCH_MAX ((size_t)4 * 1024 * 1024)

struct entry {
    const char *name; /* the field's; borrowed from the configuration */
    struct template *template;
};

struct plan {
    const struct conf_headers *conf;
    const struct dialect *dialects[DIALECT_COUNT];
    size_t dialect_count;
    struct entry *entries;
    size_t entry_count;
    size_t max;   /* octets of all fields */
    bool dynamic; /* a template tells of the request */
};

struct told {
    const struct plan *plan;
    struct arena arena; /* of the fields; and of facts, if a request needs them */
    struct fields fields;
    struct facts facts; /* until told_new() returns, unless the plan is dynamic */
    bool has_facts;
};

static bool has_field(const struct dialect *d, struct str name)
{
    for (size_t i = 0; d->fields[i] != NULL; i++) {
        if (field_alike(str_of(d->fields[i]), name)) {
            return true;
        }
    }
    return false;
}

bool plan_is_dialect_field(struct str name)
{
    for (size_t i = 0; i < DIALECT_COUNT; i++) {
        if (has_field(dialects[i], name)) {
            return true;
        }
    }
    return false;
}

static void add_dialects(struct plan *p, struct diags *diags)
{
    const struct conf_texts *names = &p->conf->dialects;
    for (size_t i = 0; i < names->n && p->dialect_count < DIALECT_COUNT; i++) {
        const struct dialect *d = dialect_find(str_of(names->v[i].p));
        for (size_t k = 0; d != NULL && k < p->dialect_count; k++) {
            for (size_t f = 0; d->fields[f] != NULL; f++) {
                if (has_field(p->dialects[k], str_of(d->fields[f]))) {
                    diag_add(diags, DIAG_ERROR, names->v[i].at, "headers.dialects",
                             "Choose one of them.", "%s and %s both set the field %s",
                             p->dialects[k]->name, d->name, d->fields[f]);
                    return;
                }
            }
        }
        if (d != NULL) {
            p->dialects[p->dialect_count++] = d;
        }
    }
}

/* Who else gives a field of that name; NULL: nobody. */
static const char *giver(const struct plan *p, const struct conf *c, struct str name)
{
    const struct conf_headers *h = p->conf;
    const char *const own[] = {h->user.p,   h->subject.p,     h->issuer.p,
                               h->serial.p, h->fingerprint.p, h->verify.p};
    for (size_t i = 0; !h->without_own && i < sizeof(own) / sizeof(own[0]); i++) {
        if (own[i] != NULL && field_alike(str_of(own[i]), name)) {
            return "the dialect own";
        }
    }
    for (size_t i = 0; i < p->dialect_count; i++) {
        if (has_field(p->dialects[i], name)) {
            return p->dialects[i]->name;
        }
    }
    if (c->signature.keys.n > 0 &&
        (field_alike(name, STR("Signature")) || field_alike(name, STR("Signature-Input")))) {
        return "signature";
    }
    return NULL;
}

static void check_name(const struct plan *p, const struct conf *c, const struct conf_text *name,
                       const char *key, struct diags *diags)
{
    const char *other = giver(p, c, str_of(name->p));
    if (other != NULL) {
        diag_add(diags, DIAG_ERROR, name->at, key, "Choose another name.",
                 "a field of that name is given by %s, too", other);
    }
}

static void add_entry(struct plan *p, const struct conf *c, const struct conf_pair *pair,
                      struct diags *diags)
{
    char key[96];
    struct err e = {0};
    size_t at = 0;
    (void)snprintf(key, sizeof(key), "headers.fields.%.64s", pair->name.p);
    check_name(p, c, &pair->name, key, diags);
    if (c->token.keys.n > 0 && field_alike(str_of(c->token.header.p), str_of(pair->name.p))) {
        diag_add(diags, DIAG_ERROR, pair->name.at, key, "Choose another name.",
                 "a field of that name is given by token.header, too");
    }
    for (size_t i = 0; i < p->entry_count; i++) {
        if (field_alike(str_of(p->entries[i].name), str_of(pair->name.p))) {
            diag_add(diags, DIAG_ERROR, pair->name.at, key, "Remove one of the two.",
                     "upstreams may take it for the same field as %s", p->entries[i].name);
        }
    }
    struct template *t = template_parse(str_of(pair->value.p), &at, &e);
    if (t == NULL) {
        diag_add(diags, DIAG_ERROR, pair->value.at, key, NULL, "at character %zu: %s", at + 1,
                 e.text);
        return;
    }
    p->entries[p->entry_count++] = (struct entry){pair->name.p, t};
    p->dynamic = p->dynamic || template_is_dynamic(t);
}

/* The field of the code comes from the client: it can be none that we give, nor one that dialects
 * give elsewhere, which no client may set. */
static void check_code_name(const struct plan *p, const struct conf *c, struct diags *diags)
{
    const struct conf_text *name = &c->totp.header;
    const char *other = NULL;
    if (name->p == NULL) {
        return;
    }
    struct str code = str_of(name->p);
    for (size_t i = 0; i < c->headers.field_count; i++) {
        if (field_alike(str_of(c->headers.fields[i].name.p), code)) {
            other = "headers.fields";
        }
    }
    if (c->token.keys.n > 0 && c->token.header.p != NULL &&
        field_alike(str_of(c->token.header.p), code)) {
        other = "token.header";
    }
    other = other == NULL && plan_is_dialect_field(code) ? "a dialect" : other;
    other = other == NULL ? giver(p, c, code) : other;
    if (other != NULL) {
        diag_add(diags, DIAG_ERROR, name->at, "totp.header", "Choose another name.",
                 "a field of that name is given by %s, not by clients", other);
    }
}

struct plan *plan_new(const struct conf *c, struct diags *diags)
{
    const struct conf_pos nowhere = {0};
    struct plan *p = mem_calloc(1, sizeof(*p));
    if (p != NULL) {
        p->entries = mem_calloc(c->headers.field_count + 1, sizeof(*p->entries));
    }
    if (p == NULL || p->entries == NULL) {
        diag_add(diags, DIAG_ERROR, nowhere, NULL, NULL, "out of memory");
        plan_free(p);
        return NULL;
    }
    size_t errors = diags_errors(diags);
    p->conf = &c->headers;
    p->max = c->headers.generated_bytes != 0 ? c->headers.generated_bytes : SCRATCH_MAX;
    add_dialects(p, diags);
    for (size_t i = 0; i < c->headers.field_count; i++) {
        add_entry(p, c, &c->headers.fields[i], diags);
    }
    if (c->token.keys.n > 0 && c->token.header.p != NULL && c->token.header.p[0] != '\0') {
        check_name(p, c, &c->token.header, "token.header", diags);
    }
    check_code_name(p, c, diags);
    if (diags_errors(diags) > errors) {
        plan_free(p);
        return NULL;
    }
    return p;
}

void plan_free(struct plan *p)
{
    if (p == NULL) {
        return;
    }
    for (size_t i = 0; i < p->entry_count; i++) {
        template_free(p->entries[i].template);
    }
    mem_free(p->entries);
    mem_free(p);
}

static void render_dialects(const struct told *t, struct render *r)
{
    const struct facts *facts = t->has_facts ? &t->facts : NULL;
    for (size_t i = 0; i < t->plan->dialect_count; i++) {
        t->plan->dialects[i]->render(facts, t->plan->conf->chain, r);
    }
}

static void render_templates(const struct told *t, bool dynamic,
                             const struct template_request *request, struct render *r)
{
    const struct facts *facts = t->has_facts ? &t->facts : NULL;
    for (size_t i = 0; i < t->plan->entry_count && r->rc == 0; i++) {
        const struct entry *e = &t->plan->entries[i];
        if (template_is_dynamic(e->template) != dynamic) {
            continue;
        }
        if (template_render(e->template, facts, request, r)) {
            render_field(r, e->name);
        } else {
            buf_clear(&r->text);
        }
    }
}

static int finish(struct render *r)
{
    int rc = render_fini(r);
    return rc == -ERR_FULL ? -ERR_TOO_LARGE : rc;
}

int told_new(const struct plan *plan, X509 *leaf, STACK_OF(X509) * chain, struct told **out)
{
    *out = NULL;
    if (plan == NULL || (plan->dialect_count == 0 && plan->entry_count == 0)) {
        return 0;
    }
    struct told *t = mem_calloc(1, sizeof(*t));
    if (t == NULL) {
        return -ERR_NOMEM;
    }
    t->plan = plan;
    struct arena scratch;
    arena_init(&scratch, SCRATCH_MAX);
    arena_init(&t->arena, SCRATCH_MAX);
    fields_init(&t->fields, &t->arena);
    struct arena *a = plan->dynamic ? &t->arena : &scratch;
    int rc = leaf != NULL ? facts_read(&t->facts, leaf, chain, a) : 0;
    t->has_facts = leaf != NULL && rc == 0;
    if (rc == 0) {
        struct render r;
        const struct template_request nobody = {.group_count = 0};
        render_init(&r, &t->fields, plan->max);
        render_dialects(t, &r);
        render_templates(t, false, &nobody, &r);
        rc = finish(&r);
    }
    arena_release(&scratch);
    if (rc != 0) {
        told_free(t);
        return rc;
    }
    *out = t;
    return 0;
}

void told_free(struct told *t)
{
    if (t != NULL) {
        arena_release(&t->arena);
        mem_free(t);
    }
}

int told_add(const struct told *t, struct str user, const struct str *groups, size_t group_count,
             struct fields *out)
{
    if (t == NULL) {
        return 0;
    }
    for (size_t i = 0; i < t->fields.n; i++) {
        if (fields_add(out, t->fields.v[i].name, t->fields.v[i].value) != 0) {
            return -ERR_NOMEM;
        }
    }
    struct render r;
    const struct template_request request = {user, groups, group_count};
    render_init(&r, out, t->plan->max);
    render_templates(t, true, &request, &r);
    return finish(&r);
}
