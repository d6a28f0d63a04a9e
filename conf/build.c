/* Owns: what one key gives another. Not: whether they fit together (check.c). One thread a
 * draft. */
#include "conf/build.h"

#include "base/err.h"

static void complete_site(struct conf_site *s)
{
    if (s->key.p == NULL) {
        s->key = s->certificate;
    }
    for (size_t i = 0; i < s->also_count; i++) {
        if (s->also[i].key.p == NULL) {
            s->also[i].key = s->also[i].certificate;
        }
    }
}

static int build_listener(struct draft *d, struct draft_listener *from, struct conf_listener *to)
{
    complete_site(&from->own);
    for (size_t i = 0; i < from->name_count; i++) {
        complete_site(&from->names[i]);
        if (from->names[i].client.at.line == 0) {
            from->names[i].client = from->own.client;
        }
    }
    if (draft_origin(d, &from->unknown_name) == NULL) {
        from->unknown_name =
            from->own.certificate.p != NULL ? DRAFT_UNKNOWN_DEFAULT : DRAFT_UNKNOWN_REFUSE;
    }
    *to = from->out;
    to->has_default =
        from->unknown_name == DRAFT_UNKNOWN_DEFAULT && from->own.certificate.p != NULL;
    to->site_count = from->name_count + (to->has_default ? 1 : 0);
    to->sites = arena_alloc(&d->arena, to->site_count * sizeof(*to->sites));
    if (to->sites == NULL) {
        return -ERR_NOMEM;
    }
    if (to->has_default) {
        to->sites[0] = from->own;
    }
    if (from->name_count > 0) {
        memcpy(to->sites + to->site_count - from->name_count, from->names,
               from->name_count * sizeof(*to->sites));
    }
    return 0;
}

static size_t upstream_index(const struct conf *c, const struct conf_text *name)
{
    for (size_t i = 0; name->p != NULL && i < c->upstream_count; i++) {
        if (str_eq(str_of(c->upstreams[i].name.p), str_of(name->p))) {
            return i;
        }
    }
    return SIZE_MAX;
}

static struct conf_texts default_components(void)
{
    static struct conf_text components[] = {
        {.p = "@method"}, {.p = "@authority"}, {.p = "@path"}, {.p = "@query"}};
    return (struct conf_texts){components, sizeof(components) / sizeof(components[0])};
}

/* The names that no client may set because we give them, beside the six of headers. */
static int build_reserved(struct draft *d)
{
    struct conf *c = &d->conf;
    struct conf_texts *out = &c->headers.reserved;
    out->v = arena_alloc(&d->arena, (c->headers.field_count + 3) * sizeof(*out->v));
    if (out->v == NULL) {
        return -ERR_NOMEM;
    }
    out->n = 0;
    for (size_t i = 0; i < c->headers.field_count; i++) {
        out->v[out->n++] = c->headers.fields[i].name;
    }
    if (c->token.keys.n > 0) {
        out->v[out->n++] = c->token.header;
    }
    if (c->signature.keys.n > 0) {
        out->v[out->n++] = (struct conf_text){.p = "Signature"};
        out->v[out->n++] = (struct conf_text){.p = "Signature-Input"};
    }
    return 0;
}

static int build_headers(struct draft *d)
{
    struct conf *c = &d->conf;
    struct conf_headers *h = &c->headers;
    h->without_own = draft_origin(d, &h->dialects) != NULL;
    for (size_t i = 0; i < h->dialects.n; i++) {
        h->without_own = h->without_own && !str_eq(str_of(h->dialects.v[i].p), STR("own"));
    }
    if (draft_origin(d, &c->signature.components) == NULL) {
        c->signature.components = default_components();
    }
    return build_reserved(d);
}

bool conf_headers_need_chain(const struct conf_headers *h)
{
    for (size_t i = 0; h->chain && i < h->dialects.n; i++) {
        struct str name = str_of(h->dialects.v[i].p);
        if (str_eq(name, STR("rfc9440")) || str_eq(name, STR("xfcc")) ||
            str_eq(name, STR("traefik"))) {
            return true;
        }
    }
    return false;
}

static bool asks_for_users(const struct conf_route *r)
{
    return r->require == CONF_REQUIRE_BOTH || r->require == CONF_REQUIRE_PASSWORD ||
           r->require == CONF_REQUIRE_EITHER || r->require_totp || r->groups.n > 0;
}

/* Where users are asked for, and it is not said where they are, there is one place to look. */
static int build_users(struct draft *d)
{
    struct conf_users *u = &d->conf.users;
    bool asked = false;
    for (size_t i = 0; i < d->conf.route_count; i++) {
        asked |= asks_for_users(&d->conf.routes[i]);
    }
    if (!asked || draft_origin(d, &u->htpasswd) != NULL || draft_origin(d, &u->store) != NULL) {
        return 0;
    }
    u->store.p = arena_printf(&d->arena, "%s/users.db", d->state_dir).p;
    return u->store.p != NULL ? 0 : -ERR_NOMEM;
}

int build_conf(struct draft *d)
{
    struct conf *c = &d->conf;
    c->listeners = arena_alloc(&d->arena, d->listener_count * sizeof(*c->listeners));
    if (c->listeners == NULL) {
        return -ERR_NOMEM;
    }
    for (; c->listener_count < d->listener_count; c->listener_count++) {
        size_t i = c->listener_count;
        if (build_listener(d, &d->listeners[i], &c->listeners[i]) != 0) {
            return -ERR_NOMEM;
        }
    }
    if (build_headers(d) != 0 || build_users(d) != 0) {
        return -ERR_NOMEM;
    }
    c->body_max_bytes = c->limits.body_bytes;
    for (size_t i = 0; i < c->route_count; i++) {
        c->routes[i].upstream = upstream_index(c, &c->routes[i].upstream_name);
        if (c->routes[i].body_max_bytes > c->body_max_bytes) {
            c->body_max_bytes = c->routes[i].body_max_bytes;
        }
    }
    return 0;
}
