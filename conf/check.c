/* Owns: what must fit together among routes, upstreams, users, fields and limits. Not: listeners
 * (check_listeners.c), single values (read_value.c). One thread a call. */
#include "conf/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/field.h"
#include "base/mem.h"
#include "conf/syntax.h"
#include "conf/value.h"

enum { KEY_TEXT_MAX = 128 };

static struct conf_pos place_of(const struct draft *d, const void *object,
                                struct conf_pos otherwise)
{
    const struct conf_pos *at = draft_origin(d, object);
    return at != NULL ? *at : otherwise;
}

static const char *file_of(const struct diags *diags, struct conf_pos at)
{
    const char *name = diags_source_name(diags, at.file);
    return name != NULL ? name : "?";
}

/* Where to point at when the whole file lacks something. */
static struct conf_pos top(const struct draft *d)
{
    return (struct conf_pos){.file = d->main_file, .line = 1, .column = 1};
}

static void check_route_upstream(const struct draft *d, struct diags *diags, size_t i)
{
    const struct conf *c = &d->conf;
    const struct conf_route *r = &c->routes[i];
    if (r->upstream != SIZE_MAX || r->upstream_name.p == NULL) {
        return;
    }
    char key[KEY_TEXT_MAX];
    char help[256];
    char shown[VALUE_QUOTE_MAX];
    const char *near = NULL;
    const char **names = mem_calloc(c->upstream_count + 1, sizeof(*names));
    for (size_t n = 0; names != NULL && n < c->upstream_count; n++) {
        names[n] = c->upstreams[n].name.p;
    }
    if (names != NULL) {
        near = diag_nearest(str_of(r->upstream_name.p), names, c->upstream_count);
    }
    if (near != NULL) {
        (void)snprintf(help, sizeof(help), "Did you mean \"%s\"?", near);
    }
    (void)snprintf(key, sizeof(key), "routes[%zu].upstream", i);
    diag_add(diags, DIAG_ERROR, r->upstream_name.at, key,
             near != NULL ? help : "Add it under upstreams.", "there is no upstream %s",
             value_quote(str_of(r->upstream_name.p), shown));
    mem_free(names);
}

static bool same_text(const struct conf_text *a, const struct conf_text *b)
{
    return (a->p == NULL) == (b->p == NULL) && str_eq(str_of(a->p), str_of(b->p));
}

static bool names_method(const struct conf_route *r, const char *method)
{
    bool found = false;
    for (size_t i = 0; i < r->methods.n; i++) {
        struct str own = str_of(r->methods.v[i].p);
        found |= str_eq(own, str_of(method)) ||
                 (str_eq(own, STR("GET")) && str_eq(str_of(method), STR("HEAD")));
    }
    return found;
}

/* True if a request could fall under both, which have the same host and path. */
static bool same_methods(const struct conf_route *a, const struct conf_route *b)
{
    static const char *const methods[] = {"GET",    "HEAD",    "POST", "PUT",
                                          "DELETE", "OPTIONS", "PATCH"};
    if (a->methods.n == 0 || b->methods.n == 0) {
        return a->methods.n == b->methods.n;
    }
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (names_method(a, methods[i]) && names_method(b, methods[i])) {
            return true;
        }
    }
    return false;
}

static int compare_texts(const struct conf_text *a, const struct conf_text *b)
{
    if (a->p == NULL || b->p == NULL) {
        return (a->p != NULL) - (b->p != NULL);
    }
    return str_cmp(str_of(a->p), str_of(b->p));
}

/* By host and path; those of one place as in the configuration. */
static int by_place(const void *left, const void *right)
{
    const struct conf_route *a = *(const struct conf_route *const *)left;
    const struct conf_route *b = *(const struct conf_route *const *)right;
    int d = compare_texts(&a->host, &b->host);
    if (d == 0) {
        d = compare_texts(&a->path, &b->path);
    }
    return d != 0 ? d : (a > b) - (a < b);
}

/* routes[at] against those before it; from: the first with the same host and path. */
static void check_route_twice(const struct draft *d, struct diags *diags,
                              const struct conf_route **routes, size_t from, size_t at)
{
    const struct conf_route *r = routes[at];
    for (size_t j = from; j < at && r->path.p != NULL; j++) {
        const struct conf_route *other = routes[j];
        if (same_methods(r, other)) {
            char key[KEY_TEXT_MAX];
            (void)snprintf(key, sizeof(key), "routes[%zu].path", (size_t)(r - d->conf.routes));
            diag_add(diags, DIAG_ERROR, r->path.at, key, "Remove one of the two routes.",
                     "the same host and path as the route at %s:%u", file_of(diags, other->at),
                     other->at.line);
            return;
        }
    }
}

/* Sorted first: there may be very many. */
static void check_routes_twice(const struct draft *d, struct diags *diags)
{
    size_t n = d->conf.route_count;
    const struct conf_route **routes = mem_calloc(n + 1, sizeof(struct conf_route *));
    if (routes == NULL) {
        diag_add(diags, DIAG_ERROR, top(d), "routes", NULL, "no memory to compare them");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        routes[i] = &d->conf.routes[i];
    }
    qsort(routes, n, sizeof(struct conf_route *), by_place);
    size_t from = 0;
    for (size_t i = 1; i < n; i++) {
        if (!same_text(&routes[i]->host, &routes[from]->host) ||
            !same_text(&routes[i]->path, &routes[from]->path)) {
            from = i;
        }
        check_route_twice(d, diags, routes, from, i);
    }
    mem_free(routes);
}

/* Who nobody names can neither be in a group nor have a secret. */
static void check_route_factors(const struct draft *d, struct diags *diags, size_t i)
{
    const struct conf_route *r = &d->conf.routes[i];
    char key[KEY_TEXT_MAX];
    if (r->require == CONF_REQUIRE_NONE && r->groups.n > 0) {
        (void)snprintf(key, sizeof(key), "routes[%zu].groups", i);
        diag_add(diags, DIAG_ERROR, r->groups.v[0].at, key, "Choose another require.",
                 "asks for a group, but require: none names no user");
    }
    if (r->require == CONF_REQUIRE_NONE && r->require_totp) {
        (void)snprintf(key, sizeof(key), "routes[%zu].require_totp", i);
        diag_add(diags, DIAG_ERROR, place_of(d, &r->require_totp, r->at), key,
                 "Choose another require.", "asks for a code, but require: none names no user");
    }
    if (r->report_only) {
        (void)snprintf(key, sizeof(key), "routes[%zu].report_only", i);
        diag_add(diags, DIAG_WARNING, place_of(d, &r->report_only, r->at), key, NULL,
                 "this route lets through whom it should refuse");
    }
}

static void check_routes(const struct draft *d, struct diags *diags)
{
    const struct conf *c = &d->conf;
    if (draft_origin(d, &c->routes) == NULL) {
        diag_add(diags, DIAG_ERROR, top(d), "routes",
                 "Add one, such as - { path: /, upstream: app }.", "there is no route");
    }
    for (size_t i = 0; i < c->route_count; i++) {
        check_route_upstream(d, diags, i);
        check_route_factors(d, diags, i);
    }
    check_routes_twice(d, diags);
}

static bool is_used(const struct conf *c, const struct conf_text *upstream)
{
    for (size_t i = 0; i < c->route_count; i++) {
        if (same_text(&c->routes[i].upstream_name, upstream)) {
            return true;
        }
    }
    return false;
}

static void check_servers(const struct conf_upstream *u, struct diags *diags)
{
    for (size_t i = 0; i < u->server_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (u->servers[i].text.p != NULL &&
                same_text(&u->servers[i].text, &u->servers[j].text)) {
                char key[KEY_TEXT_MAX];
                (void)snprintf(key, sizeof(key), "upstreams.%.64s.servers[%zu]", u->name.p, i);
                diag_add(diags, DIAG_WARNING, u->servers[i].text.at, key, NULL,
                         "the same server stands in the list twice");
                break;
            }
        }
    }
}

static void check_upstreams(const struct draft *d, struct diags *diags)
{
    const struct conf *c = &d->conf;
    if (draft_origin(d, &c->upstreams) == NULL) {
        diag_add(diags, DIAG_ERROR, top(d), "upstreams",
                 "Add one, such as app: { servers: [ \"127.0.0.1:9000\" ] }.",
                 "there is no upstream");
    }
    for (size_t i = 0; i < c->upstream_count; i++) {
        const struct conf_upstream *u = &c->upstreams[i];
        check_servers(u, diags);
        if (c->route_count > 0 && !is_used(c, &u->name)) {
            char key[KEY_TEXT_MAX];
            (void)snprintf(key, sizeof(key), "upstreams.%.64s", u->name.p);
            diag_add(diags, DIAG_WARNING, u->name.at, key, NULL, "no route names this upstream");
        }
    }
}

static void check_rules(const struct draft *d, struct diags *diags)
{
    const struct conf_users *u = &d->conf.users;
    for (size_t i = 0; i < u->rule_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (u->rules[i].name.p != NULL && same_text(&u->rules[i].name, &u->rules[j].name)) {
                char key[KEY_TEXT_MAX];
                (void)snprintf(key, sizeof(key), "users.rules[%zu].user", i);
                diag_add(diags, DIAG_ERROR, u->rules[i].name.at, key, "Remove one of the two.",
                         "this user has a rule already, at %s:%u",
                         file_of(diags, u->rules[j].name.at), u->rules[j].name.at.line);
                break;
            }
        }
    }
}

static void check_stores(const struct draft *d, struct diags *diags)
{
    const struct conf_users *u = &d->conf.users;
    if (u->store.p != NULL && u->htpasswd.p != NULL) {
        diag_add(diags, DIAG_ERROR, u->store.at, "users.store",
                 "Take \"countersign user import\" to fill the database, then leave out htpasswd.",
                 "there is users.htpasswd too: users come from one place");
    }
    if (u->fields.p != NULL && u->htpasswd.p == NULL) {
        diag_add(diags, DIAG_ERROR, u->fields.at, "users.fields",
                 "A database holds the fields itself: leave the key out.",
                 "there is no users.htpasswd that the fields belong to");
    }
}

static void check_headers(const struct draft *d, struct diags *diags)
{
    const struct conf_headers *h = &d->conf.headers;
    const struct {
        const char *key;
        const struct conf_text *name;
    } fields[] = {
        {"headers.user", &h->user},
        {"headers.subject", &h->subject},
        {"headers.issuer", &h->issuer},
        {"headers.serial", &h->serial},
        {"headers.verify", &h->verify},
        {"headers.fingerprint", &h->fingerprint},
        {"totp.header", &d->conf.totp.header},
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        for (size_t j = 0; j < i; j++) {
            struct str a = str_of(fields[i].name->p);
            struct str b = str_of(fields[j].name->p);
            if (a.n == 0 || !field_alike(a, b)) {
                continue;
            }
            size_t shown = fields[i].name->at.line > 0 ? i : j;
            size_t other = shown == i ? j : i;
            diag_add(diags, DIAG_ERROR, fields[shown].name->at, fields[shown].key,
                     "Choose different names; an empty name leaves a field out.",
                     "the same field name as %s", fields[other].key);
        }
    }
}

static void check_once(const struct conf_texts *t, const char *list, const char *what,
                       struct diags *diags)
{
    for (size_t i = 0; i < t->n; i++) {
        for (size_t j = 0; j < i; j++) {
            if (t->v[i].p != NULL && same_text(&t->v[i], &t->v[j])) {
                char key[KEY_TEXT_MAX];
                (void)snprintf(key, sizeof(key), "%s[%zu]", list, i);
                diag_add(diags, DIAG_ERROR, t->v[i].at, key, "Remove one of the two.",
                         "the same %s stands in the list twice", what);
                break;
            }
        }
    }
}

/* A resumed session has the certificate, but not its chain. */
static void check_chain(const struct draft *d, struct diags *diags)
{
    const struct conf *c = &d->conf;
    if (c->resumption.enabled && conf_headers_need_chain(&c->headers)) {
        diag_add(diags, DIAG_ERROR, place_of(d, &c->headers.chain, top(d)), "headers.chain",
                 "Leave out one of the two.",
                 "a session that was resumed has no chain to tell, and resumption.enabled is true");
    }
}

static void check_token(const struct draft *d, struct diags *diags)
{
    const struct conf_token *t = &d->conf.token;
    const struct {
        const char *key;
        const struct conf_text *text;
        const char *example;
    } claims[] = {
        {"token.issuer", &t->issuer, "Add one, such as issuer: https://proxy.example.com."},
        {"token.audience", &t->audience, "Add one, such as audience: orders."},
    };
    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        const struct conf_pos *given = draft_origin(d, claims[i].text);
        if (t->keys.n > 0 && given == NULL) {
            diag_add(diags, DIAG_ERROR, place_of(d, &t->keys, top(d)), claims[i].key,
                     claims[i].example, "is needed with token.keys");
        }
        if (t->keys.n == 0 && given != NULL) {
            diag_add(diags, DIAG_ERROR, *given, claims[i].key, "Add token.keys.",
                     "means nothing without token.keys");
        }
    }
    if ((t->keys.n > 0 || d->conf.signature.keys.n > 0) && d->conf.admin.address_text.p == NULL) {
        const struct conf_texts *keys = t->keys.n > 0 ? &t->keys : &d->conf.signature.keys;
        diag_add(diags, DIAG_WARNING, place_of(d, keys, top(d)),
                 t->keys.n > 0 ? "token.keys" : "signature.keys", "Add admin.address.",
                 "the public keys cannot be fetched: there is no admin listener");
    }
}

/* Why no request has a field of that name when it is signed; NULL: one may. */
static const char *why_never_signed(const struct conf *c, struct str name)
{
    bool kept = false;
    for (size_t i = 0; i < c->route_count; i++) {
        kept |= c->routes[i].forward_authorization;
    }
    if (str_eq(name, STR("authorization")) && !kept) {
        return "cannot be signed: no route has forward_authorization, so it is never forwarded";
    }
    if (c->totp.header.p != NULL && field_alike(name, str_of(c->totp.header.p))) {
        return "cannot be signed: it is totp.header, which is never forwarded";
    }
    for (size_t i = 0; i < c->headers.remove.n; i++) {
        if (c->headers.remove.v[i].p != NULL &&
            field_alike(name, str_of(c->headers.remove.v[i].p))) {
            return "cannot be signed: headers.remove takes it away";
        }
    }
    return NULL;
}

static void check_components(const struct draft *d, struct diags *diags)
{
    const struct conf_texts *t = &d->conf.signature.components;
    for (size_t i = 0; i < t->n; i++) {
        const char *why = t->v[i].p != NULL ? why_never_signed(&d->conf, str_of(t->v[i].p)) : NULL;
        if (why != NULL) {
            char key[KEY_TEXT_MAX];
            (void)snprintf(key, sizeof(key), "signature.components[%zu]", i);
            diag_add(diags, DIAG_ERROR, t->v[i].at, key, "Leave it out.", "%s", why);
        }
        for (size_t j = 0; j < i; j++) {
            if (t->v[i].p != NULL && same_text(&t->v[i], &t->v[j])) {
                char key[KEY_TEXT_MAX];
                (void)snprintf(key, sizeof(key), "signature.components[%zu]", i);
                diag_add(diags, DIAG_ERROR, t->v[i].at, key, "Remove one of the two.",
                         "the same component stands in the list twice");
                break;
            }
        }
    }
}

static void check_limits(const struct draft *d, struct diags *diags)
{
    const struct conf_limits *l = &d->conf.limits;
    if (l->target_bytes > l->head_bytes && l->head_bytes > 0) {
        const void *given =
            draft_origin(d, &l->target_bytes) != NULL ? &l->target_bytes : &l->head_bytes;
        diag_add(diags, DIAG_ERROR, place_of(d, given, top(d)), "limits.target",
                 "Raise limits.head or lower limits.target.",
                 "larger than limits.head, of which it is a part");
    }
}

static void check_resumption(const struct draft *d, struct diags *diags)
{
    const struct conf_resumption *r = &d->conf.resumption;
    if (r->life_total_ms < r->life_ms && r->life_total_ms > 0) {
        const void *given =
            draft_origin(d, &r->life_total_ms) != NULL ? &r->life_total_ms : &r->life_ms;
        diag_add(diags, DIAG_ERROR, place_of(d, given, top(d)), "resumption.life_total",
                 "Raise resumption.life_total or lower resumption.life.",
                 "shorter than resumption.life, which it bounds");
    }
    if (r->enabled && r->rotate_ms < r->life_ms) {
        const void *given = draft_origin(d, &r->rotate_ms) != NULL ? &r->rotate_ms : &r->life_ms;
        diag_add(diags, DIAG_WARNING, place_of(d, given, top(d)), "resumption.rotate",
                 "Raise resumption.rotate or lower resumption.life.",
                 "shorter than resumption.life: tickets may end with their key, before their time");
    }
    if (!r->enabled && r->secret_file.p != NULL) {
        diag_add(diags, DIAG_WARNING, r->secret_file.at, "resumption.secret_file", NULL,
                 "has no effect, as resumption.enabled is false");
    }
}

static void check_lockout(const struct draft *d, struct diags *diags)
{
    const struct conf_lockout *l = &d->conf.lockout;
    if (l->delay_max_ms < l->delay_ms) {
        const void *given =
            draft_origin(d, &l->delay_max_ms) != NULL ? &l->delay_max_ms : &l->delay_ms;
        diag_add(diags, DIAG_ERROR, place_of(d, given, top(d)), "lockout.delay_max",
                 "Raise lockout.delay_max or lower lockout.delay.",
                 "shorter than lockout.delay, with which it begins");
    }
    if (l->forget_ms < l->delay_max_ms) {
        const void *given =
            draft_origin(d, &l->forget_ms) != NULL ? &l->forget_ms : &l->delay_max_ms;
        diag_add(diags, DIAG_ERROR, place_of(d, given, top(d)), "lockout.forget",
                 "Raise lockout.forget or lower lockout.delay_max.",
                 "shorter than lockout.delay_max: failures would be forgotten while they count");
    }
}

void check_draft(const struct draft *d, struct diags *diags)
{
    check_listeners(d, diags);
    check_rules(d, diags);
    check_stores(d, diags);
    check_routes(d, diags);
    check_upstreams(d, diags);
    check_headers(d, diags);
    check_once(&d->conf.headers.dialects, "headers.dialects", "dialect", diags);
    check_chain(d, diags);
    check_token(d, diags);
    check_components(d, diags);
    check_limits(d, diags);
    check_resumption(d, diags);
    check_once(&d->conf.tuning.groups, "tuning.groups", "group", diags);
    check_lockout(d, diags);
    check_ca(d, diags);
}
