/* Owns: paths, who may do what, and the JSON. Leaves what happens to request, issue, deliver,
 * withdraw. */
#include "ca/api.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "ca/api_handover.h"
#include "ca/api_json.h"
#include "ca/api_list.h"
#include "ca/deliver.h"
#include "ca/figures.h"
#include "ca/import.h"
#include "ca/records.h"
#include "ca/request.h"
#include "ca/withdraw.h"

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
    f->wish =
        (struct call_wish){.csr = c->request->body, .profile = http_query(c->request, "profile")};
    if (!str_starts(type, STR("application/json"))) {
        return 0;
    }
    f->root = api_parse(c->request->body, &c->err);
    if (f->root == NULL) {
        return -ERR_MALFORMED;
    }
    f->wish.csr = api_member(f->root, "certificateSigningRequest");
    f->wish.profile = api_member(f->root, "profile");
    return f->wish.csr.n > 0 ? 0
                             : err_set(&c->err, ERR_MALFORMED,
                                       "\"certificateSigningRequest\" is missing or no text");
}

static int reply_filed(struct call *c, const struct life_id *id)
{
    char location[64];
    struct str text = str_of(id->text);
    call_issue(c, text);
    (void)snprintf(location, sizeof(location), "/ca/v1/requests/%s", id->text);
    http_reply_field(c->reply, "Location", location);
    return reply_record(c, text, 201);
}

/* POST requests: for oneself alone. */
static int post_request(struct call *c)
{
    struct filing f;
    struct life_id id = {""};
    int rc = read_filing(c, &f);
    rc = rc == 0 ? call_file(c, &f.wish, &id) : rc;
    json_decref(f.root);
    return rc == 0 ? reply_filed(c, &id) : rc;
}

/* POST renew: of the certificate that is shown. */
static int post_renewal(struct call *c)
{
    struct filing f;
    struct life_id old = {""};
    struct life_id id = {""};
    char profile[128];
    int rc = read_filing(c, &f);
    rc = rc == 0 ? call_shown(c, &old, profile, sizeof(profile)) : rc;
    if (rc == 0) {
        f.wish.renews = str_of(old.text);
        f.wish.profile = f.wish.profile.n > 0 ? f.wish.profile : str_of(profile);
        rc = call_file(c, &f.wish, &id);
    }
    json_decref(f.root);
    return rc == 0 ? reply_filed(c, &id) : rc;
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

/* Whose certificate is it, and may who asks see it, or withdraw it? */
static int find_serial(struct call *c, bool full, json_t **out)
{
    struct shown s = {.call = c, .full = full};
    int rc = record_show_serial(&c->service->life, c->id, show, &s, &c->err);
    *out = s.out;
    return rc == 0 && s.hidden
               ? err_set(&c->err, ERR_NOT_FOUND,
                         "there is no certificate with the serial number %.*s", STR_ARG(c->id))
               : rc;
}

/* GET certificates/SERIAL: the request that it came of, with it. */
static int get_by_serial(struct call *c)
{
    json_t *record = NULL;
    int rc = find_serial(c, true, &record);
    return rc == 0 ? api_reply(c->reply, 200, record, &c->err) : rc;
}

/* What the proxies do not know yet is told to them again and again: 202. */
static void reply_published(struct call *c)
{
    c->reply->status = c->service->publish(c->service->publish_arg) ? 204 : 202;
}

static int post_withdraw(struct call *c)
{
    json_t *seen = NULL;
    json_t *root = NULL;
    int rc = find_serial(c, false, &seen);
    json_decref(seen);
    if (rc == 0) {
        root = api_parse(c->request->body, &c->err);
        rc = root != NULL ? withdraw(&c->service->life, &c->self.who, c->id,
                                     api_reason(api_member(root, "reason")), &c->err)
                          : -ERR_MALFORMED;
    }
    json_decref(root);
    if (rc == 0) {
        reply_published(c);
    }
    return rc;
}

static bool note_operator(void *arg, const struct record *r)
{
    struct shown *s = arg;
    s->hidden = !call_is_operator(s->call, r->profile);
    return false;
}

/* POST certificates/SERIAL/restore: a hold is lifted by operators alone. */
static int post_restore(struct call *c)
{
    json_t *seen = NULL;
    struct shown s = {.call = c};
    int rc = find_serial(c, false, &seen);
    json_decref(seen);
    rc = rc == 0 ? record_show_serial(&c->service->life, c->id, note_operator, &s, &c->err) : rc;
    if (rc == 0 && s.hidden) {
        rc = err_set(&c->err, ERR_DENIED, "this is for operators of the profile");
    }
    rc = rc == 0 ? withdraw_lift(&c->service->life, &c->self.who, c->id, &c->err) : rc;
    if (rc == 0) {
        reply_published(c);
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

static int get_figures(struct call *c)
{
    if (!call_is_any_operator(c)) {
        return err_set(&c->err, ERR_DENIED, "this is for operators");
    }
    int rc = figures_write(&c->service->life, &c->reply->body, &c->err);
    if (rc == 0) {
        c->reply->status = 200;
        c->reply->type = "text/plain; version=0.0.4";
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
    {"GET", "requests", NULL, false, api_list_requests},
    {"GET", "requests", NULL, true, get_request},
    {"POST", "requests", "approve", true, agree},
    {"POST", "requests", "deny", true, refuse},
    {"GET", "requests", "certificate", true, get_certificate},
    {"POST", "requests", "code", true, api_handover_code},
    {"POST", "registrations", NULL, false, api_handover_register},
    {"POST", "renew", NULL, false, post_renewal},
    {"GET", "metrics", NULL, false, get_figures},
    {"POST", "certificates", NULL, false, post_certificate},
    {"GET", "certificates", NULL, false, api_list_certificates},
    {"GET", "certificates", NULL, true, get_by_serial},
    {"POST", "certificates", "withdraw", true, post_withdraw},
    {"POST", "certificates", "restore", true, post_restore},
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
    char allowed[32] = "";
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        struct str id;
        if (!matches(i, path, &id)) {
            continue;
        }
        if (str_eq(c->request->method, str_of(routes[i].method))) {
            c->id = id;
            return routes[i].run(c);
        }
        size_t n = strlen(allowed);
        (void)snprintf(allowed + n, sizeof(allowed) - n, "%s%s", n > 0 ? ", " : "",
                       routes[i].method);
    }
    if (allowed[0] != '\0') {
        api_not_allowed(c->reply, allowed);
        return 0;
    }
    return err_set(&c->err, ERR_NOT_FOUND, "there is nothing at this path");
}
