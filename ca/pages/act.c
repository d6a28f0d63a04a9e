/* Owns: from a form's fields to what is done, and where one goes then. */
#include "ca/pages/act.h"

#include <stdio.h>

#include "ca/api_json.h"
#include "ca/pages/detail.h"
#include "ca/pages/register.h"
#include "ca/pages/visible.h"
#include "ca/withdraw.h"

/* Back to the request, with what was done. */
static int go(struct page *p, const char *done)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "/ca/pages/%srequests/%.*s?done=%s", page_prefix(p).p,
                   STR_ARG(p->call->id), done);
    return page_go(p, path);
}

/* The same page again with what was wrong with the form; the status says so too. */
static int again(struct page *p, int rc)
{
    struct err e = p->call->err;
    if (rc != -ERR_MALFORMED) {
        return rc;
    }
    p->later_status = 400;
    p->message = str_of(e.text);
    err_clear(&p->call->err);
    return detail_page(p);
}

int act_approve(struct page *p)
{
    struct call *c = p->call;
    struct visible v;
    int rc = visible_find(p, &v);
    rc = rc == 0 ? request_approve(&c->service->life, &c->self, c->id, &c->err) : rc;
    if (rc != 0) {
        return rc;
    }
    call_issue(c, c->id);
    return register_go(p, c->id, "approved");
}

int act_deny(struct page *p)
{
    struct call *c = p->call;
    struct visible v;
    int rc = visible_find(p, &v);
    if (rc != 0) {
        return rc;
    }
    rc = request_deny(&c->service->life, &c->self, c->id, form_value(&p->form, STR("reason")),
                      &c->err);
    return rc == 0 ? go(p, "denied") : again(p, rc);
}

static bool is_for_operators(int reason)
{
    return reason == WITHDRAW_HOLD || reason == WITHDRAW_PRIVILEGE_WITHDRAWN;
}

static int read_reason(struct page *p, int *reason)
{
    struct err *e = &p->call->err;
    struct str name = form_value(&p->form, STR("reason"));
    *reason = name.n > 0 ? api_reason(name) : -1;
    if (*reason < 0) {
        return err_set(e, ERR_MALFORMED, "choose a reason to withdraw it");
    }
    if (is_for_operators(*reason) && p->area != PAGE_DESK) {
        return err_set(e, ERR_DENIED, "this reason is for operators");
    }
    return str_eq(form_value(&p->form, STR("sure")), STR("yes"))
               ? 0
               : err_set(e, ERR_MALFORMED, "tick the box to say that you are sure");
}

static int find_certificate(struct page *p, struct visible *v)
{
    int rc = visible_find(p, v);
    return rc == 0 && v->serial[0] == '\0'
               ? err_set(&p->call->err, ERR_CLOSED, "this request has no certificate")
               : rc;
}

int act_withdraw(struct page *p)
{
    struct call *c = p->call;
    struct visible v;
    int reason = 0;
    int rc = find_certificate(p, &v);
    if (rc != 0) {
        return rc;
    }
    rc = read_reason(p, &reason);
    if (rc != 0) {
        return again(p, rc);
    }
    rc = withdraw(&c->service->life, &c->self.who, str_of(v.serial), reason, &c->err);
    if (rc != 0) {
        return rc;
    }
    return go(p, c->service->publish(c->service->publish_arg) ? "withdrawn" : "withdrawing");
}

int act_lift(struct page *p)
{
    struct call *c = p->call;
    struct visible v;
    int rc = find_certificate(p, &v);
    rc = rc == 0 ? withdraw_lift(&c->service->life, &c->self.who, str_of(v.serial), &c->err) : rc;
    if (rc != 0) {
        return rc;
    }
    (void)c->service->publish(c->service->publish_arg);
    return go(p, "lifted");
}
