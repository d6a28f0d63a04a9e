/* Owns: paths, who may do what, and the JSON. Leaves what happens to request, issue, deliver,
 * withdraw. */
#include "ca/api.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "ca/api_handover.h"
#include "ca/api_json.h"
#include "ca/deliver.h"
#include "ca/import.h"
#include "ca/records.h"
#include "ca/request.h"
#include "ca/withdraw.h"

#define PAGE_MAX   1000
#define PAGE_USUAL 100

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
    s->hidden = !str_eq(r->user, self) && !str_eq(r->requester, self) &&
                !call_is_operator(s->call, r->profile);
    if (!s->hidden) {
        s->out = api_record(&s->call->service->life, r, s->full);
    }
    return true;
}

/* What one may not see looks like what is not there. */
static int find(struct call *c, struct str id, bool full, json_t **out)
{
    struct shown s = {.call = c, .full = full};
    int rc = record_show(&c->service->life, id, show, &s, &c->err);
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
    struct call_wish wish;
};

static int read_filing(struct call *c, struct filing *f)
{
    struct str type = http_field(c->request, "Content-Type");
    f->root = NULL;
    f->wish = (struct call_wish){.csr = c->request->body,
                                 .profile = http_query(c->request, "profile"),
                                 .renews = http_query(c->request, "renews")};
    if (!str_starts(type, STR("application/json"))) {
        return 0;
    }
    f->root = api_parse(c->request->body, &c->err);
    if (f->root == NULL) {
        return -ERR_MALFORMED;
    }
    f->wish.csr = api_member(f->root, "certificateSigningRequest");
    f->wish.profile = api_member(f->root, "profile");
    f->wish.renews = api_member(f->root, "renews");
    return f->wish.csr.n > 0 ? 0
                             : err_set(&c->err, ERR_MALFORMED,
                                       "\"certificateSigningRequest\" is missing or no text");
}

/* POST requests: for oneself alone. */
static int post_request(struct call *c)
{
    struct filing f;
    struct life_id id = {""};
    char location[64];
    int rc = read_filing(c, &f);
    rc = rc == 0 ? call_file(c, &f.wish, &id) : rc;
    json_decref(f.root);
    if (rc != 0) {
        return rc;
    }
    call_issue(c, str_of(id.text));
    (void)snprintf(location, sizeof(location), "/ca/v1/requests/%s", id.text);
    http_reply_field(c->reply, "Location", location);
    return reply_record(c, str_of(id.text), 201);
}

static int get_request(struct call *c)
{
    return reply_record(c, c->id, 200);
}

/* Nobody gets a certificate whose account was closed while they waited. */
static int check_account(struct call *c, const json_t *seen)
{
    struct user *user = NULL;
    struct str name = api_member(seen, "user");
    struct err e = {0};
    int rc = people_find(c->service->people, name, &user, &e);
    user_unref(user);
    return rc == -ERR_DENIED ? err_set(&c->err, ERR_CLOSED, "%s", e.text) : 0;
}

static int agree(struct call *c)
{
    json_t *seen = NULL;
    int rc = find(c, c->id, false, &seen);
    rc = rc == 0 ? check_account(c, seen) : rc;
    json_decref(seen);
    rc = rc == 0 ? request_approve(&c->service->life, &c->self, c->id, &c->err) : rc;
    if (rc != 0) {
        return rc;
    }
    call_issue(c, c->id);
    json_t *record = NULL;
    rc = find(c, c->id, true, &record);
    if (rc != 0) {
        return rc;
    }
    api_handover_add(c, record);
    return api_reply(c->reply, 200, record, &c->err);
}

static int refuse(struct call *c)
{
    json_t *seen = NULL;
    json_t *root = NULL;
    int rc = find(c, c->id, false, &seen);
    json_decref(seen);
    if (rc == 0) {
        root = api_parse(c->request->body, &c->err);
        rc = root != NULL ? request_deny(&c->service->life, &c->self, c->id,
                                         api_member(root, "reason"), &c->err)
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
    rc = rc == 0 ? deliver(&c->service->life, &c->self.who, c->id, &c->reply->body, &c->err) : rc;
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
    return json_array_append_new(p->items, api_record(&p->call->service->life, r, false)) == 0;
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
                                   .user = call_is_any_operator(c) ? user : c->self.who.name,
                                   .after = (int64_t)after,
                                   .limit = (size_t)limit};
    struct page p = {.call = c, .items = json_array()};
    rc = p.items != NULL ? record_each(&c->service->life, &q, add_item, &p, &c->err)
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
    int rc = record_show_serial(&c->service->life, c->id, show, &s, &c->err);
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
        rc = root != NULL ? withdraw(&c->service->life, &c->self.who, c->id,
                                     api_reason(api_member(root, "reason")), &c->err)
                          : -ERR_MALFORMED;
    }
    json_decref(root);
    if (rc == 0) {
        c->reply->status = c->service->publish(c->service->publish_arg) ? 204 : 202;
    }
    return rc;
}

/* POST certificates: operators take in what was issued before. */
static int post_certificate(struct call *c)
{
    struct life_id id = {""};
    json_t *root = api_parse(c->request->body, &c->err);
    if (root == NULL) {
        return -ERR_MALFORMED;
    }
    struct str profile = api_member(root, "profile");
    struct str text = api_member(root, "certificate");
    int rc = call_is_operator(c, profile)
                 ? import(&c->service->life, &c->self.who, profile, text, &id, &c->err)
                 : err_set(&c->err, ERR_DENIED, "this is for operators of the profile");
    json_decref(root);
    return rc == 0 ? reply_record(c, str_of(id.text), 201) : rc;
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
    {"POST", "requests", "code", true, api_handover_code},
    {"POST", "registrations", NULL, false, api_handover_register},
    {"POST", "certificates", NULL, false, post_certificate},
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

int api_call(struct call *c, struct str path)
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
