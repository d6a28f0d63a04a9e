/* Owns: identifying who asks, and the road from a signing request to a filed one. */
#include "ca/call.h"

#include <stdio.h>

#include "auth/revoke/deny_line.h"
#include "base/enc.h"
#include "ca/csr.h"
#include "ca/deliver.h"
#include "ca/issue.h"
#include "ca/records.h"

#define PROFILE_MAX 128
#define SCHEME      "https://"

unsigned call_status(int rc)
{
    switch (-rc) {
    case ERR_MALFORMED:
    case ERR_UNSUPPORTED:
        return 400;
    case ERR_DENIED:
        return 403;
    case ERR_NOT_FOUND:
        return 404;
    case ERR_EXISTS:
    case ERR_CLOSED:
        return 409;
    case ERR_TOO_LARGE:
        return 413;
    case ERR_BUSY:
    case ERR_FULL:
    case ERR_UNAVAILABLE:
        return 503;
    default:
        return 500;
    }
}

bool call_is_operator(const struct call *c, struct str profile)
{
    return request_is_operator(&c->self, life_profile(&c->service->life, profile));
}

bool call_is_any_operator(const struct call *c)
{
    const struct conf_ca *conf = c->service->life.conf;
    for (size_t i = 0; i < conf->profile_count; i++) {
        if (call_is_operator(c, str_of(conf->profiles[i].name.p))) {
            return true;
        }
    }
    return false;
}

static const struct conf_ca_profile *profile_of(struct call *c, struct str name)
{
    const struct conf_ca *conf = c->service->life.conf;
    if (name.n == 0 && conf->profile_count == 1) {
        return &conf->profiles[0];
    }
    const struct conf_ca_profile *p = life_profile(&c->service->life, name);
    if (p == NULL) {
        (void)err_set(&c->err, ERR_MALFORMED, "%s",
                      name.n == 0 ? "say which profile, as profile=NAME or in the JSON"
                                  : "there is no such profile");
    }
    return p;
}

struct shown {
    struct life_id *id;
    char *profile;
    size_t size;
};

static bool take_shown(void *arg, const struct record *r)
{
    const struct shown *s = arg;
    (void)snprintf(s->id->text, sizeof(s->id->text), "%.*s", STR_ARG(r->id));
    (void)snprintf(s->profile, s->size, "%.*s", STR_ARG(r->profile));
    return false;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): take_shown() writes there */
int call_shown(struct call *c, struct life_id *id, char *profile, size_t size)
{
    struct shown s = {id, profile, size};
    unsigned char digest[32];
    if (!call_fingerprint(c, digest)) {
        return err_set(&c->err, ERR_DENIED,
                       "renewing needs the present certificate: show it in the handshake");
    }
    return record_show_fingerprint(&c->service->life,
                                   (struct str){(const char *)digest, sizeof(digest)}, take_shown,
                                   &s, &c->err);
}

/* A renewal asks no operator: a password alone is not enough for that. */
static bool is_held(const struct call *c, struct str renews)
{
    struct call asks = {.service = c->service, .request = c->request};
    struct life_id id = {""};
    char profile[PROFILE_MAX];
    return renews.n > 0 && call_shown(&asks, &id, profile, sizeof(profile)) == 0 &&
           str_eq(renews, str_of(id.text));
}

int call_file(struct call *c, const struct call_wish *w, struct life_id *id)
{
    struct csr *csr = NULL;
    struct str user = c->self.who.name;
    const struct conf_ca_profile *p = profile_of(c, w->profile);
    int rc = p != NULL ? csr_read(w->csr, &csr, &c->err) : -ERR_MALFORMED;
    rc = rc == 0 ? csr_check(csr, p, user, life_rule(&c->service->life), &c->err) : rc;
    if (rc == 0) {
        const struct request_filing filing = {.csr = csr,
                                              .profile = str_of(p->name.p),
                                              .user = user,
                                              .company = str_of(csr->company),
                                              .renews = w->renews,
                                              .held = is_held(c, w->renews)};
        rc = request_file(&c->service->life, &c->self.who, &filing, id, &c->err);
    }
    csr_free(csr);
    return rc;
}

void call_issue(const struct call *c, struct str id)
{
    struct err e = {0};
    int rc = issue(&c->service->life, id, &e);
    if (rc != 0 && rc != -ERR_DENIED) {
        LOG(c->service->log, LOG_LEVEL_ERROR, "not_issued", LOG_TEXT("request", id),
            LOG_TEXT("error", str_of(e.text)));
    }
}

bool call_fingerprint(const struct call *c, unsigned char out[32])
{
    struct str hex = http_field(c->request, c->service->fingerprint_field);
    return hex.n > 0 && deny_digest_read(hex, out);
}

/* Whether an origin is that of this host, over TLS. */
static bool is_origin(struct str origin, struct str host)
{
    struct str scheme = STR(SCHEME);
    return host.n > 0 && str_starts(origin, scheme) &&
           str_ieq(str_slice(origin, scheme.n, origin.n), host);
}

enum call_origin call_origin(const struct call *c)
{
    struct str site = http_field(c->request, "Sec-Fetch-Site");
    struct str origin = http_field(c->request, "Origin");
    struct str host = http_field(c->request, "X-Forwarded-Host");
    if (host.p == NULL) {
        host = http_field(c->request, "Host");
    }
    if (site.p == NULL && origin.p == NULL) {
        return CALL_ORIGIN_UNTOLD;
    }
    bool own = (site.p == NULL || str_eq(site, STR("same-origin"))) &&
               (origin.p == NULL || is_origin(origin, host));
    return own ? CALL_ORIGIN_OWN : CALL_ORIGIN_OTHER;
}

int call_identify(struct call *c)
{
    struct str field = http_field(c->request, c->service->user_field);
    struct str origin = http_field(c->request, "X-Forwarded-For");
    size_t n = 0;
    if (field.n == 0 || field.n > sizeof(c->name) || enc_percent_decode(field, c->name, &n) != 0) {
        return err_set(&c->err, ERR_DENIED, "the proxy names no user: its route must require one");
    }
    struct str name = {c->name, n};
    int rc = people_find(c->service->life.people, name, &c->user, &c->err);
    if (rc != 0) {
        return rc == -ERR_NOT_FOUND ? err_set(&c->err, ERR_DENIED, "there is no such account") : rc;
    }
    c->self = (struct request_operator){.who = {name, origin.n > 0 ? origin : STR("proxy")},
                                        .groups = c->user->groups,
                                        .group_count = c->user->group_count};
    unsigned char shown[32];
    return call_fingerprint(c, shown)
               ? deliver_seen(&c->service->life, &c->self.who,
                              (struct str){(const char *)shown, sizeof(shown)}, &c->err)
               : 0;
}

void call_end(struct call *c)
{
    user_unref(c->user);
    c->user = NULL;
}
