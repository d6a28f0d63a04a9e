/* Owns: what must fit together in and among the listeners and the admin address. Not: the other
 * sections (check.c). One thread a call. */
#include <stdio.h>

#include "conf/check.h"
#include "conf/value.h"

enum { KEY_TEXT_MAX = 128, UNIX_MODE_DEFAULT = 0660 };

struct spot {
    const struct draft *d;
    struct diags *diags;
    size_t listener;
};

/* Report something about a key below a listener. */
static void report(const struct spot *s, enum diag_level level, struct conf_pos at, const char *key,
                   const char *suggestion, const char *text)
{
    char path[KEY_TEXT_MAX];
    (void)snprintf(path, sizeof(path), "listeners[%zu]%s%s", s->listener, key[0] != '\0' ? "." : "",
                   key);
    diag_add(s->diags, level, at, path, suggestion, "%s", text);
}

static struct conf_pos place_of(const struct spot *s, const void *object, struct conf_pos otherwise)
{
    const struct conf_pos *at = draft_origin(s->d, object);
    return at != NULL ? *at : otherwise;
}

static void check_certificate(const struct spot *s, const struct draft_listener *l)
{
    const struct conf_site *own = &l->own;
    struct conf_pos at = own->at.line > 0 ? own->at : l->out.at;
    bool given = draft_origin(s->d, &own->certificate) != NULL;
    if (!given && l->name_count == 0) {
        report(s, DIAG_ERROR, at, "tls.certificate",
               "Add tls: { certificate: server.crt, key: server.key }.",
               "the listener has no certificate");
        return;
    }
    if (!given && own->key.p != NULL) {
        report(s, DIAG_ERROR, own->key.at, "tls.key", "Add tls.certificate, or remove the key.",
               "a key without a certificate");
    }
    if (!given && own->also_count > 0) {
        report(s, DIAG_ERROR, own->also[0].at, "tls.also",
               "Add tls.certificate, or put these under names.",
               "certificates beside one that is not there");
    }
    const struct conf_pos *unknown = draft_origin(s->d, &l->unknown_name);
    if (unknown == NULL) {
        return;
    }
    if (l->unknown_name == DRAFT_UNKNOWN_DEFAULT && !given) {
        report(s, DIAG_ERROR, *unknown, "unknown_name", "Add tls.certificate.",
               "there is no default certificate to answer with");
    } else if (l->unknown_name == DRAFT_UNKNOWN_REFUSE && l->name_count == 0) {
        report(s, DIAG_ERROR, *unknown, "unknown_name", "Add names, or remove unknown_name.",
               "without names this refuses every client");
    } else if (l->unknown_name == DRAFT_UNKNOWN_REFUSE && given) {
        report(s, DIAG_WARNING, own->certificate.at, "tls.certificate", NULL,
               "is never used, as unknown_name is refuse");
    }
}

/* The first route that no client without certificate can pass, or NULL. */
static const struct conf_route *needs_certificate(const struct conf *c)
{
    bool spared = c->users.certificate == CONF_NEED_OPTIONAL;
    for (size_t i = 0; i < c->users.rule_count; i++) {
        spared = spared || c->users.rules[i].certificate == CONF_NEED_OPTIONAL;
    }
    for (size_t i = 0; i < c->route_count; i++) {
        enum conf_require r = c->routes[i].require;
        if (r == CONF_REQUIRE_CERTIFICATE || (r == CONF_REQUIRE_BOTH && !spared)) {
            return &c->routes[i];
        }
    }
    return NULL;
}

static void report_client(const struct spot *s, struct conf_pos at, const char *prefix,
                          const char *key, const char *suggestion, const char *text)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "%sclient.%s", prefix, key);
    report(s, DIAG_WARNING, at, path, suggestion, text);
}

static void check_crl(const struct spot *s, const struct conf_client *c, const char *prefix)
{
    const struct conf_pos *scope = draft_origin(s->d, &c->crl_scope);
    const struct conf_pos *grace = draft_origin(s->d, &c->crl_grace_ms);
    if (c->crl.n == 0 && scope != NULL && c->crl_scope != CONF_CRL_SCOPE_CHAIN) {
        report_client(s, *scope, prefix, "crl_scope", "Name the lists in crl.",
                      "has no effect without a revocation list");
    }
    if (c->crl.n == 0 && grace != NULL && c->crl_grace_ms > 0) {
        report_client(s, *grace, prefix, "crl_grace", "Name the lists in crl.",
                      "has no effect without a revocation list");
    }
}

static void check_ocsp(const struct spot *s, const struct conf_client *c, const char *prefix,
                       struct conf_pos otherwise)
{
    char path[64];
    if (c->ocsp.keep_min_ms > c->ocsp.keep_max_ms) {
        (void)snprintf(path, sizeof(path), "%sclient.ocsp.keep_min", prefix);
        report(s, DIAG_ERROR, place_of(s, &c->ocsp.keep_min_ms, otherwise), path,
               "Make it the shorter one.", "is longer than keep_max");
    }
}

/* prefix: "" or "names[1].". */
static void check_client(const struct spot *s, const struct conf_client *c, const char *prefix,
                         struct conf_pos otherwise)
{
    char key[64];
    struct conf_pos at = c->at.line > 0 ? c->at : otherwise;
    if (c->mode != CONF_CLIENT_OFF) {
        if (c->ca.n == 0 && draft_origin(s->d, &c->ca) == NULL) {
            (void)snprintf(key, sizeof(key), "%sclient.ca", prefix);
            report(s, DIAG_ERROR, at, key,
                   "Add client: { ca: ca.crt }; to ask for no certificate, client: { mode: off }.",
                   "client certificates are asked for, but there is no CA to verify them");
        } else if (c->ca.n == 0) {
            (void)snprintf(key, sizeof(key), "%sclient.ca", prefix);
            report(s, DIAG_ERROR, place_of(s, &c->ca, at), key, "Name at least one file.",
                   "client certificates are asked for, but there is no CA to verify them");
        }
        check_crl(s, c, prefix);
        check_ocsp(s, c, prefix, at);
        return;
    }
    const struct conf_route *r = needs_certificate(&s->d->conf);
    if (r != NULL && r->path.p != NULL) {
        char text[256];
        (void)snprintf(text, sizeof(text),
                       "no client of this listener can pass the route %.100s, which requires a "
                       "certificate",
                       r->path.p);
        (void)snprintf(key, sizeof(key), "%sclient.mode", prefix);
        report(s, DIAG_WARNING, place_of(s, &c->mode, at), key, NULL, text);
    }
}

/* True if an earlier site, or an earlier name of the same site, has that name. */
static const struct conf_text *find_name(const struct draft_listener *l, size_t site, size_t name)
{
    struct str wanted = str_of(l->names[site].names.v[name].p);
    for (size_t i = 0; i <= site; i++) {
        const struct conf_texts *names = &l->names[i].names;
        for (size_t j = 0; j < (i == site ? name : names->n); j++) {
            if (wanted.p != NULL && names->v[j].p != NULL &&
                str_eq(wanted, str_of(names->v[j].p))) {
                return &names->v[j];
            }
        }
    }
    return NULL;
}

static void check_site(const struct spot *s, const struct draft_listener *l, size_t site)
{
    const struct conf_site *own = &l->names[site];
    for (size_t i = 0; i < own->names.n; i++) {
        const struct conf_text *first = find_name(l, site, i);
        if (first != NULL) {
            char key[64];
            char text[160];
            char shown[VALUE_QUOTE_MAX];
            (void)snprintf(key, sizeof(key), "names[%zu].names[%zu]", site, i);
            (void)snprintf(text, sizeof(text), "%s is given twice, first in line %u",
                           value_quote(str_of(first->p), shown), first->at.line);
            report(s, DIAG_ERROR, own->names.v[i].at, key, "Remove one of the two.", text);
        }
    }
    if (own->client.at.line > 0 && own->client.at.line != l->own.client.at.line) {
        char prefix[48];
        (void)snprintf(prefix, sizeof(prefix), "names[%zu].", site);
        check_client(s, &own->client, prefix, own->at);
    }
}

/* True if some client meets the listener's own client policy. */
static bool uses_own_client(const struct draft_listener *l)
{
    bool used = l->own.certificate.p != NULL || l->name_count == 0;
    for (size_t i = 0; i < l->name_count; i++) {
        const struct conf_pos *at = &l->names[i].client.at;
        used = used || memcmp(at, &l->own.client.at, sizeof(*at)) == 0;
    }
    return used;
}

static bool is_any(const struct addr *a, sa_family_t family)
{
    if (a->kind != ADDR_INET || a->sa.sa_family != family) {
        return false;
    }
    return family == AF_INET ? a->in4.sin_addr.s_addr == INADDR_ANY
                             : IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr) != 0;
}

/* True if [::]:port of a also takes what 0.0.0.0:port of b wants. */
static bool overlaps(const struct conf_listener *a, const struct conf_listener *b)
{
    return is_any(&a->address, AF_INET6) && !a->v6_only && is_any(&b->address, AF_INET) &&
           a->address.port == b->address.port;
}

static bool same_address(const struct addr *a, const struct addr *b)
{
    char x[ADDR_TEXT_MAX];
    char y[ADDR_TEXT_MAX];
    return a->kind != ADDR_NONE && a->kind == b->kind && str_eq(addr_text(a, x), addr_text(b, y));
}

static void check_address(const struct spot *s, const struct draft_listener *l)
{
    const struct conf_listener *own = &l->out;
    bool v6 = own->address.kind == ADDR_INET && own->address.sa.sa_family == AF_INET6;
    for (size_t i = 0; i < s->listener; i++) {
        const struct conf_listener *other = &s->d->listeners[i].out;
        char text[160];
        if (same_address(&own->address, &other->address)) {
            (void)snprintf(text, sizeof(text), "the same address as listeners[%zu], in line %u", i,
                           other->address_text.at.line);
            report(s, DIAG_ERROR, own->address_text.at, "address",
                   "Join the two; several certificates stand under names.", text);
        } else if (overlaps(own, other) || overlaps(other, own)) {
            (void)snprintf(text, sizeof(text),
                           "0.0.0.0 and [::] of one port overlap: listeners[%zu], in line %u", i,
                           other->address_text.at.line);
            report(s, DIAG_ERROR, own->address_text.at, "address",
                   "Set v6_only: true for [::], or remove 0.0.0.0.", text);
        }
    }
    if (own->address.kind == ADDR_NONE) {
        return;
    }
    if (own->v6_only && !v6) {
        report(s, DIAG_WARNING, place_of(s, &own->v6_only, own->at), "v6_only", NULL,
               "has no effect on an address that is not IPv6");
    }
    if (own->address.kind != ADDR_UNIX && own->unix_mode != UNIX_MODE_DEFAULT) {
        report(s, DIAG_WARNING, place_of(s, &own->unix_mode, own->at), "mode", NULL,
               "has no effect on an address that is no Unix socket");
    }
}

static void check_admin(const struct draft *d, struct diags *diags)
{
    const struct conf_admin *a = &d->conf.admin;
    for (size_t i = 0; i < d->listener_count; i++) {
        if (same_address(&a->address, &d->listeners[i].out.address)) {
            diag_add(diags, DIAG_ERROR, a->address_text.at, "admin.address",
                     "Give it a port of its own, such as 127.0.0.1:9901.",
                     "the same address as listeners[%zu], in line %u", i,
                     d->listeners[i].out.address_text.at.line);
        }
    }
}

void check_listeners(const struct draft *d, struct diags *diags)
{
    if (draft_origin(d, &d->listeners) == NULL) {
        diag_add(diags, DIAG_ERROR, (struct conf_pos){d->main_file, 1, 1}, "listeners",
                 "Add one, such as - { address: \"0.0.0.0:8443\", tls: ..., client: ... }.",
                 "there is no listener");
    }
    for (size_t i = 0; i < d->listener_count; i++) {
        const struct draft_listener *l = &d->listeners[i];
        struct spot s = {d, diags, i};
        check_address(&s, l);
        check_certificate(&s, l);
        if (uses_own_client(l)) {
            check_client(&s, &l->own.client, "", l->out.at);
        }
        for (size_t site = 0; site < l->name_count; site++) {
            check_site(&s, l, site);
        }
    }
    check_admin(d, diags);
}
