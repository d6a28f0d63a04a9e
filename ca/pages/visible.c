/* Owns: whose requests are whose. */
#include "ca/pages/visible.h"

#include <stdio.h>

bool visible_is(const struct page *p, const struct record *r)
{
    struct str self = p->call->self.who.name;
    return p->area == PAGE_DESK ? call_is_operator(p->call, r->profile)
                                : str_eq(r->user, self) || str_eq(r->requester, self);
}

int visible_none(struct page *p)
{
    return err_set(&p->call->err, ERR_NOT_FOUND, "there is no request \"%.*s\"",
                   STR_ARG(p->call->id));
}

struct found {
    const struct page *p;
    bool visible;
    struct visible *out;
};

static bool take(void *arg, const struct record *r)
{
    struct found *f = arg;
    f->visible =
        visible_is(f->p, r) && r->serial.n <= VISIBLE_SERIAL_MAX && r->user.n <= VISIBLE_USER_MAX;
    if (f->visible) {
        (void)snprintf(f->out->serial, sizeof(f->out->serial), "%.*s", STR_ARG(r->serial));
        (void)snprintf(f->out->user, sizeof(f->out->user), "%.*s", STR_ARG(r->user));
    }
    return true;
}

int visible_find(struct page *p, struct visible *out)
{
    struct call *c = p->call;
    struct found f = {p, false, out};
    int rc = record_show(&c->service->life, c->id, take, &f, &c->err);
    return rc == 0 && !f.visible ? visible_none(p) : rc;
}
