/* Owns: the way of a code in and of the file out. */
#include "ca/enrol.h"

#include <stdio.h>

#include "base/enc.h"
#include "ca/api_json.h"

#define NAME_MAX_OCTETS 768

/* The reply with the file is out. */
static void arrived(void *arg, const char *id)
{
    struct service *s = arg;
    struct err e = {0};
    if (handover_arrived(&s->life, str_of(id), &e) != 0) {
        LOG(s->log, LOG_LEVEL_ERROR, "arrival_not_recorded", LOG_TEXT("request", str_of(id)),
            LOG_TEXT("error", str_of(e.text)));
    }
}

static void fill(struct call *c, struct str id, const struct handover_gift *g)
{
    char disposition[128];
    (void)snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s\"", g->name);
    http_reply_field(c->reply, "Content-Disposition", disposition);
    c->reply->status = 200;
    c->reply->type = g->type;
    c->reply->sent = arrived;
    c->reply->sent_arg = c->service;
    (void)snprintf(c->reply->sent_note, sizeof(c->reply->sent_note), "%.*s", STR_ARG(id));
}

/* What was typed as the request may be the code. */
static void note_refused(struct call *c, struct str id)
{
    c->code_refused = true;
    if (life_is_id(id)) {
        (void)snprintf(c->tried, sizeof(c->tried), "%.*s", STR_ARG(id));
    }
}

int enrol_give(struct call *c, struct handover_visit *v)
{
    char name[NAME_MAX_OCTETS];
    size_t n = 0;
    struct handover_gift g;
    const struct handover h = {&c->service->life, c->service->notify};
    struct str field = http_field(c->request, c->service->user_field);
    struct str origin = http_field(c->request, "X-Forwarded-For");
    if (field.n > sizeof(name) || (field.n > 0 && enc_percent_decode(field, name, &n) != 0)) {
        return err_set(&c->err, ERR_DENIED, "the proxy names a user that cannot be read");
    }
    v->user = (struct str){name, n};
    v->origin = origin.n > 0 ? origin : STR("proxy");
    int rc = handover_redeem(&h, v, &g, &c->err);
    if (rc == 0 && buf_append(&c->reply->body, buf_str(&g.file)) != 0) {
        rc = err_set(&c->err, ERR_NOMEM, "out of memory");
    }
    if (rc == 0) {
        fill(c, v->id, &g);
    } else {
        note_refused(c, v->id);
    }
    handover_gift_wipe(&g);
    return rc;
}

int enrol_call(struct call *c, struct str path)
{
    if (path.n > 0) {
        return err_set(&c->err, ERR_NOT_FOUND, "there is nothing at this path");
    }
    if (!str_eq(c->request->method, STR("POST"))) {
        api_not_allowed(c->reply, "POST");
        return 0;
    }
    json_t *root = api_parse(c->request->body, &c->err);
    if (root == NULL) {
        return -ERR_MALFORMED;
    }
    struct handover_visit v = {.id = api_member(root, "request"),
                               .code = api_member(root, "code"),
                               .csr = api_member(root, "certificateSigningRequest")};
    int rc = enrol_give(c, &v);
    json_decref(root);
    return rc;
}
