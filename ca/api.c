/* Owns: paths, who may do what, and the JSON. Leaves what happens to request, issue, deliver,
 * withdraw. */
#include "ca/api.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/enc.h"
#include "ca/api_json.h"
#include "ca/crl.h"
#include "ca/csr.h"
#include "ca/deliver.h"
#include "ca/issue.h"
#include "ca/records.h"
#include "ca/request.h"
#include "ca/withdraw.h"

#define PUBLIC     STR("/ca/public/")
#define PREFIX     STR("/ca/v1/")
#define PAGE_MAX   1000
#define PAGE_USUAL 100

/* One call of the API. */
struct call {
    struct api *api;
    const struct http_request *request;
    struct http_reply *reply;
    struct user *user; /* the account of who asks */
    struct request_operator self;
    struct str id;  /* what stands in the path behind the noun */
    char name[768]; /* of who asks; the proxy writes an octet as three at most */
    struct err err;
};

static unsigned status_of(int rc)
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
        return 503;
    default:
        return 500;
    }
}

/* RFC 9457. What is our own trouble is told to nobody but the log. */
static void problem(struct call *c, int rc)
{
    unsigned status = status_of(rc);
    api_problem(c->reply, status, status == 500 || status == 503 ? err_name(rc) : c->err.text);
}

static bool is_operator(const struct call *c, struct str profile)
{
    const struct conf_ca_profile *p = life_profile(&c->api->life, profile);
    for (size_t i = 0; p != NULL && i < p->operators.n; i++) {
        for (size_t k = 0; k < c->self.group_count; k++) {
            if (str_eq(c->self.groups[k], str_of(p->operators.v[i].p))) {
                return true;
            }
        }
    }
    return false;
}

static bool is_any_operator(const struct call *c)
{
    const struct conf_ca *conf = c->api->life.conf;
    for (size_t i = 0; i < conf->profile_count; i++) {
        if (is_operator(c, str_of(conf->profiles[i].name.p))) {
            return true;
        }
    }
    return false;
}

/* Shows a record as JSON to who may see it: its user, who filed it, and the profile's operators. */
struct shown {
    struct call *call;
    json_t *out;
    bool full; /* with the certificate */
    bool hidden;
};

static bool show(void *arg, const struct record *r)
{
    struct shown *s = arg;
    struct str self = s->call->self.who.name;
    s->hidden =
        !str_eq(r->user, self) && !str_eq(r->requester, self) && !is_operator(s->call, r->profile);
    if (!s->hidden) {
        s->out = api_record(&s->call->api->life, r, s->full);
    }
    return true;
}

/* What one may not see looks like what is not there. */
static int find(struct call *c, struct str id, bool full, json_t **out)
{
    struct shown s = {.call = c, .full = full};
    int rc = record_show(&c->api->life, id, show, &s, &c->err);
    if (rc == 0 && s.hidden) {
        rc = err_set(&c->err, ERR_NOT_FOUND, "there is no request \"%.*s\"", STR_ARG(id));
    }
    *out = s.out;
    return rc;
}

static int reply_record(struct call *c, struct str id, unsigned status)
{
    json_t *record = NULL;
    int rc = find(c, id, true, &record);
    return rc == 0 ? api_reply(c->reply, status, record, &c->err) : rc;
}

/* The fields of a filing, from JSON or from the bare request. */
struct filing {
    json_t *root;
    struct str csr;
    struct str profile;
    struct str renews;
};

static struct str member(const json_t *root, const char *name)
{
    const json_t *v = json_object_get(root, name);
    return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)} : STR_NONE;
}

static int read_filing(struct call *c, struct filing *f)
{
    struct str type = http_field(c->request, "Content-Type");
    *f = (struct filing){.csr = c->request->body,
                         .profile = http_query(c->request, "profile"),
                         .renews = http_query(c->request, "renews")};
    if (!str_starts(type, STR("application/json"))) {
        return 0;
    }
    f->root = api_parse(c->request->body, &c->err);
    if (f->root == NULL) {
        return -ERR_MALFORMED;
    }
    f->csr = member(f->root, "certificateSigningRequest");
    f->profile = member(f->root, "profile");
    f->renews = member(f->root, "renews");
    return f->csr.n > 0 ? 0
                        : err_set(&c->err, ERR_MALFORMED,
                                  "\"certificateSigningRequest\" is missing or no text");
}

static const struct conf_ca_profile *profile_of(struct call *c, struct str name)
{
    const struct conf_ca *conf = c->api->life.conf;
    if (name.n == 0 && conf->profile_count == 1) {
        return &conf->profiles[0];
    }
    const struct conf_ca_profile *p = life_profile(&c->api->life, name);
    if (p == NULL) {
        (void)err_set(&c->err, ERR_MALFORMED, "%s",
                      name.n == 0 ? "say which profile" : "there is no such profile");
    }
    return p;
}

static int file_checked(struct call *c, const struct filing *f, struct life_id *id)
{
    struct csr *csr = NULL;
    struct str user = c->self.who.name;
    const struct conf_ca_profile *p = profile_of(c, f->profile);
    int rc = p != NULL ? csr_read(f->csr, &csr, &c->err) : -ERR_MALFORMED;
    rc = rc == 0 ? csr_check(csr, p, user, &c->err) : rc;
    if (rc == 0) {
        const struct request_filing filing = {.csr = csr,
                                              .profile = str_of(p->name.p),
                                              .user = user,
                                              .company = str_of(csr->company),
                                              .renews = f->renews};
        rc = request_file(&c->api->life, &c->self.who, &filing, id, &c->err);
    }
    csr_free(csr);
    return rc;
}

/* Sign it if nobody needs to be asked any more. What cannot be signed now is tried again later. */
static void issue_now(const struct call *c, struct str id)
{
    struct err e = {0};
    int rc = issue(&c->api->life, id, &e);
    if (rc != 0 && rc != -ERR_DENIED) {
        LOG(c->api->log, LOG_LEVEL_ERROR, "not_issued", LOG_TEXT("request", id),
            LOG_TEXT("error", str_of(e.text)));
    }
}

/* POST requests: for oneself alone. */
static int post_request(struct call *c)
{
    struct filing f;
    struct life_id id = {""};
    char location[64];
    int rc = read_filing(c, &f);
    rc = rc == 0 ? file_checked(c, &f, &id) : rc;
    json_decref(f.root);
    if (rc != 0) {
        return rc;
    }
    issue_now(c, str_of(id.text));
    (void)snprintf(location, sizeof(location), "/ca/v1/requests/%s", id.text);
    http_reply_field(c->reply, "Location", location);
    return reply_record(c, str_of(id.text), 201);
}

static int get_request(struct call *c)
{
    return reply_record(c, c->id, 200);
}

static int agree(struct call *c)
{
    json_t *seen = NULL;
    int rc = find(c, c->id, false, &seen);
    json_decref(seen);
    rc = rc == 0 ? request_approve(&c->api->life, &c->self, c->id, &c->err) : rc;
    if (rc != 0) {
        return rc;
    }
    issue_now(c, c->id);
    return reply_record(c, c->id, 200);
}

static int refuse(struct call *c)
{
    json_t *seen = NULL;
    json_t *root = NULL;
    int rc = find(c, c->id, false, &seen);
    json_decref(seen);
    if (rc == 0) {
        root = api_parse(c->request->body, &c->err);
        rc = root != NULL
                 ? request_deny(&c->api->life, &c->self, c->id, member(root, "reason"), &c->err)
                 : -ERR_MALFORMED;
    }
    json_decref(root);
    return rc == 0 ? reply_record(c, c->id, 200) : rc;
}

static int get_certificate(struct call *c)
{
    json_t *seen = NULL;
    int rc = find(c, c->id, false, &seen);
    json_decref(seen);
    rc = rc == 0 ? deliver(&c->api->life, &c->self.who, c->id, &c->reply->body, &c->err) : rc;
    if (rc == 0) {
        c->reply->status = 200;
        c->reply->type = "application/x-pem-file";
    }
    return rc;
}

struct page {
    struct call *call;
    json_t *items;
    int64_t cursor;
    size_t n;
};

static bool add_item(void *arg, const struct record *r)
{
    struct page *p = arg;
    p->cursor = r->cursor;
    p->n++;
    return json_array_append_new(p->items, api_record(&p->call->api->life, r, false)) == 0;
}

static int read_number(struct call *c, const char *name, uint64_t most, uint64_t *out)
{
    struct str text = http_query(c->request, name);
    if (text.p == NULL || (str_to_u64(text, out) && *out > 0 && *out <= most)) {
        return 0;
    }
    return err_set(&c->err, ERR_MALFORMED, "\"%s\" is not a number from 1 to %llu", name,
                   (unsigned long long)most);
}

/* GET requests: operators see all, everybody else their own. */
static int list(struct call *c)
{
    enum life_state state = LIFE_STATE_COUNT;
    uint64_t limit = PAGE_USUAL;
    uint64_t after = 0;
    struct str wanted = http_query(c->request, "state");
    struct str user = http_query(c->request, "user");
    int rc = read_number(c, "limit", PAGE_MAX, &limit);
    rc = rc == 0 ? read_number(c, "after", INT64_MAX, &after) : rc;
    if (rc != 0) {
        return rc;
    }
    state = life_state_of(wanted);
    if (wanted.p != NULL && state == LIFE_STATE_COUNT) {
        return err_set(&c->err, ERR_MALFORMED, "there is no such state");
    }
    const struct record_query q = {.state = wanted.p != NULL ? &state : NULL,
                                   .user = is_any_operator(c) ? user : c->self.who.name,
                                   .after = (int64_t)after,
                                   .limit = (size_t)limit};
    struct page p = {.call = c, .items = json_array()};
    rc = p.items != NULL ? record_each(&c->api->life, &q, add_item, &p, &c->err)
                         : err_set(&c->err, ERR_NOMEM, "out of memory");
    if (rc != 0) {
        json_decref(p.items);
        return rc;
    }
    json_t *out = json_pack("{s:o}", "requests", p.items);
    if (out != NULL && p.n == q.limit) {
        (void)json_object_set_new(out, "next", json_integer(p.cursor));
    }
    return api_reply(c->reply, 200, out, &c->err);
}

/* Whose certificate is it, and may who asks withdraw it? */
static int find_serial(struct call *c)
{
    struct shown s = {.call = c};
    int rc = record_show_serial(&c->api->life, c->id, show, &s, &c->err);
    json_decref(s.out);
    return rc == 0 && s.hidden ? err_set(&c->err, ERR_NOT_FOUND, "there is no such certificate")
                               : rc;
}

static int post_withdraw(struct call *c)
{
    json_t *root = NULL;
    int rc = find_serial(c);
    if (rc == 0) {
        root = api_parse(c->request->body, &c->err);
        rc = root != NULL ? withdraw(&c->api->life, &c->self.who, c->id,
                                     api_reason(member(root, "reason")), &c->err)
                          : -ERR_MALFORMED;
    }
    json_decref(root);
    if (rc == 0) {
        c->reply->status = c->api->publish(c->api->publish_arg) ? 204 : 202;
    }
    return rc;
}

static const struct {
    const char *method;
    const char *noun;
    const char *verb; /* NULL: the thing itself; with id: what stands behind it */
    bool id;
    int (*run)(struct call *c);
} routes[] = {
    {"POST", "requests", NULL, false, post_request},
    {"GET", "requests", NULL, false, list},
    {"GET", "requests", NULL, true, get_request},
    {"POST", "requests", "approve", true, agree},
    {"POST", "requests", "deny", true, refuse},
    {"GET", "requests", "certificate", true, get_certificate},
    {"POST", "certificates", "withdraw", true, post_withdraw},
};

/* The path of route i leaves *id; false if it is another. */
static bool matches(size_t i, struct str path, struct str *id)
{
    struct str noun;
    struct str rest;
    struct str verb = STR_NONE;
    (void)str_cut(path, '/', &noun, &rest);
    *id = STR_NONE;
    if (!str_eq(noun, str_of(routes[i].noun))) {
        return false;
    }
    if (routes[i].id) {
        (void)str_cut(rest, '/', id, &verb);
        return id->n > 0 && str_eq(verb, str_of(routes[i].verb));
    }
    return rest.n == 0;
}

static int dispatch(struct call *c, struct str path)
{
    bool known = false;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        struct str id;
        if (!matches(i, path, &id)) {
            continue;
        }
        known = true;
        if (str_eq(c->request->method, str_of(routes[i].method))) {
            c->id = id;
            return routes[i].run(c);
        }
    }
    if (known) {
        api_problem(c->reply, 405, "this is done with another method");
        return 0;
    }
    return err_set(&c->err, ERR_NOT_FOUND, "there is nothing at this path");
}

/* The account of the one whom the proxy names; nobody else comes in. */
static int identify(struct call *c)
{
    struct str field = http_field(c->request, c->api->user_field);
    struct str origin = http_field(c->request, "X-Forwarded-For");
    size_t n = 0;
    if (field.n == 0 || field.n > sizeof(c->name) || enc_percent_decode(field, c->name, &n) != 0) {
        return err_set(&c->err, ERR_DENIED, "the proxy names no user: its route must require one");
    }
    struct str name = {c->name, n};
    int rc = people_find(c->api->people, name, &c->user, &c->err);
    if (rc != 0) {
        return rc == -ERR_NOT_FOUND ? err_set(&c->err, ERR_DENIED, "there is no such account") : rc;
    }
    c->self = (struct request_operator){.who = {name, origin.n > 0 ? origin : STR("proxy")},
                                        .groups = c->user->groups,
                                        .group_count = c->user->group_count};
    return 0;
}

static int get_crl(struct call *c, enum crl_form form, const char *type)
{
    int rc = crl_read(&c->api->life, form, &c->reply->body, &c->err);
    if (rc == 0) {
        c->reply->status = 200;
        c->reply->type = type;
    }
    return rc;
}

/* What everybody may know, where the proxy's routes let them in. */
static int serve_public(struct call *c, struct str path)
{
    if (!str_eq(c->request->method, STR("GET"))) {
        api_problem(c->reply, 405, "this is read with GET");
        return 0;
    }
    if (str_eq(path, STR("crl.pem"))) {
        return get_crl(c, CRL_FORM_PEM, "application/x-pem-file");
    }
    if (str_eq(path, STR("crl.der"))) {
        return get_crl(c, CRL_FORM_DER, "application/pkix-crl");
    }
    if (str_eq(path, STR("ca.pem"))) {
        c->reply->status = 200;
        c->reply->type = "application/x-pem-file";
        return deliver_chain(&c->api->life, &c->reply->body, &c->err);
    }
    return err_set(&c->err, ERR_NOT_FOUND, "there is nothing at this path");
}

void api_serve(void *arg, const struct http_request *r, struct http_reply *reply)
{
    struct call c = {.api = arg, .request = r, .reply = reply};
    int rc = 0;
    if (str_starts(r->path, PUBLIC)) {
        rc = serve_public(&c, str_slice(r->path, PUBLIC.n, r->path.n));
    } else if (str_starts(r->path, PREFIX)) {
        rc = identify(&c);
        rc = rc == 0 ? dispatch(&c, str_slice(r->path, PREFIX.n, r->path.n)) : rc;
    } else {
        rc = err_set(&c.err, ERR_NOT_FOUND, "there is nothing at this path");
    }
    if (rc != 0) {
        problem(&c, rc);
    }
    user_unref(c.user);
}
