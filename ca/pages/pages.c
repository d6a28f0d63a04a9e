/* Owns: paths, methods, and that no form is taken that is not ours. Leaves what is on a page to the
 * others. */
#include "ca/pages/pages.h"

#include <pages_style.h>
#include <stdio.h>

#include "ca/pages/act.h"
#include "ca/pages/body.h"
#include "ca/pages/detail.h"
#include "ca/pages/files.h"
#include "ca/pages/lists.h"
#include "ca/pages/page.h"
#include "ca/pages/register.h"
#include "ca/pages/sent.h"
#include "ca/pages/visit.h"
#include "ca/pages/wish.h"

#define STYLE_NAME "style-" pages_style_TAG ".css"

static int go_to_requests(struct page *p)
{
    return page_go(p, "/ca/pages/desk/requests");
}

static int style(struct page *p)
{
    p->call->reply->status = 200;
    p->call->reply->type = "text/css; charset=utf-8";
    p->call->reply->cache = "private, max-age=31536000, immutable";
    return buf_append(p->h.out, STR(pages_style)) == 0 ? 0 : -ERR_NOMEM;
}

/* ID stands for the name of a request. */
#define ID "*"

static const struct route {
    enum page_area area;
    bool post;
    const char *path[3]; /* its segments; NULL: no more */
    int (*run)(struct page *p);
} routes[] = {
    {PAGE_OWN, false, {NULL}, lists_own},
    {PAGE_OWN, false, {"new"}, wish_page},
    {PAGE_OWN, true, {"new"}, wish_file},
    {PAGE_OWN, false, {"requests", ID}, detail_page},
    {PAGE_OWN, true, {"requests", ID, "withdraw"}, act_withdraw},
    {PAGE_OWN, false, {"requests", ID, "chain.pem"}, files_pem},
    {PAGE_OWN, false, {"requests", ID, "chain.p7b"}, files_p7b},
    {PAGE_OWN, false, {"requests", ID, "certificate.cer"}, files_cer},
    {PAGE_DESK, false, {NULL}, go_to_requests},
    {PAGE_DESK, false, {"requests"}, lists_requests},
    {PAGE_DESK, false, {"certificates"}, lists_expiry},
    {PAGE_DESK, false, {"people"}, lists_user},
    {PAGE_DESK, false, {"search"}, lists_search},
    {PAGE_DESK, false, {"register"}, register_page},
    {PAGE_DESK, true, {"register"}, register_person},
    {PAGE_DESK, false, {"requests", ID}, detail_page},
    {PAGE_DESK, true, {"requests", ID, "code"}, register_code},
    {PAGE_DESK, true, {"requests", ID, "approve"}, act_approve},
    {PAGE_DESK, true, {"requests", ID, "deny"}, act_deny},
    {PAGE_DESK, true, {"requests", ID, "withdraw"}, act_withdraw},
    {PAGE_DESK, true, {"requests", ID, "lift"}, act_lift},
    {PAGE_DESK, false, {"requests", ID, "chain.pem"}, files_pem},
    {PAGE_DESK, false, {"requests", ID, "chain.p7b"}, files_p7b},
    {PAGE_DESK, false, {"requests", ID, "certificate.cer"}, files_cer},
    {PAGE_ENROL, false, {NULL}, visit_page},
    {PAGE_ENROL, false, {ID}, visit_page},
    {PAGE_ENROL, true, {NULL}, visit_redeem},
};

static bool matches(const struct route *r, struct str path, struct str *id)
{
    struct str segment;
    *id = STR_NONE;
    for (size_t i = 0; i < 3 && r->path[i] != NULL; i++) {
        bool is_id = str_eq(str_of(r->path[i]), STR(ID));
        bool more = str_cut(path, '/', &segment, &path);
        bool last = i == 2 || r->path[i + 1] == NULL;
        if (segment.n == 0 || more == last || (!is_id && !str_eq(segment, str_of(r->path[i])))) {
            return false;
        }
        *id = is_id ? segment : *id;
    }
    return path.n == 0;
}

static bool is_post(const struct call *c)
{
    return str_eq(c->request->method, STR("POST"));
}

static bool is_get(const struct call *c)
{
    return str_eq(c->request->method, STR("GET")) || str_eq(c->request->method, STR("HEAD"));
}

/* What may be done at a path. */
struct ways {
    bool get;
    bool post;
    const struct route *route; /* for the method that was asked; NULL: none */
};

static struct ways find(const struct page *p, struct str path, struct str *id)
{
    struct ways w = {.route = NULL};
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        const struct route *r = &routes[i];
        struct str found;
        if (r->area != p->area || !matches(r, path, &found)) {
            continue;
        }
        w.get = w.get || !r->post;
        w.post = w.post || r->post;
        if (r->post ? is_post(p->call) : is_get(p->call)) {
            w.route = r;
            *id = found;
        }
    }
    return w;
}

/* Before anything is done for a form. */
static int read_sent(struct page *p, unsigned *status)
{
    struct call *c = p->call;
    int rc = sent_check_origin(c);
    if (rc == 0 && c->request->too_large) {
        rc = err_set(&c->err, ERR_TOO_LARGE, "what was sent is longer than %d octets",
                     HTTP_BODY_MAX);
    }
    if (rc == 0) {
        rc = body_read(http_field(c->request, "Content-Type"), c->request->body, &p->form, &c->err);
        *status = rc == -ERR_UNSUPPORTED ? 415 : 0;
    }
    return rc == 0 ? sent_check_token(c, &p->form) : rc;
}

static void fail(struct page *p, unsigned status, int rc)
{
    status = status != 0 ? status : call_status(rc);
    bool ours = status == 500 || status == 503;
    /* The text may be in what is cleared for the page. */
    struct err e = p->call->err;
    page_error(p, status, ours ? str_of(err_name(rc)) : str_of(e.text));
}

static void not_allowed(struct page *p, const struct ways *w)
{
    const char *all = w->get ? "GET, HEAD, POST" : "POST";
    http_reply_field(p->call->reply, "Allow", w->get && !w->post ? "GET, HEAD" : all);
    page_error(p, 405, STR("This address is not for that method"));
}

static int run_route(struct page *p, const struct route *r, unsigned *status)
{
    int rc = r->post ? read_sent(p, status) : 0;
    rc = rc == 0 ? r->run(p) : rc;
    return rc == 0 ? p->h.rc : rc;
}

static void run(struct page *p, struct str path)
{
    struct call *c = p->call;
    unsigned status = 0;
    struct ways w = find(p, path, &c->id);
    int rc;
    if (w.route == NULL && (w.get || w.post)) {
        not_allowed(p, &w);
        return;
    }
    if (p->area == PAGE_DESK && !call_is_any_operator(c)) {
        rc = err_set(&c->err, ERR_DENIED, "this part is for operators");
    } else if (w.route == NULL) {
        rc = err_set(&c->err, ERR_NOT_FOUND, "there is nothing at this address");
    } else {
        rc = run_route(p, w.route, &status);
    }
    if (rc != 0) {
        fail(p, status, rc);
    }
    form_release(&p->form);
}

/* The area that a path is in; what is behind it is left in *path. */
static enum page_area area_of(struct str *path)
{
    static const struct {
        struct str name;
        enum page_area area;
    } areas[] = {
        {HTML_WORDS("desk"), PAGE_DESK},
        {HTML_WORDS("enrol"), PAGE_ENROL},
    };
    struct str head;
    struct str rest;
    (void)str_cut(*path, '/', &head, &rest);
    for (size_t i = 0; i < sizeof(areas) / sizeof(areas[0]); i++) {
        if (str_eq(head, areas[i].name)) {
            *path = rest;
            return areas[i].area;
        }
    }
    return PAGE_OWN;
}

static int serve(struct call *c, struct str path)
{
    struct page p = {.call = c, .h = {&c->reply->body, 0}, .area = area_of(&path)};
    /* A route that lets in everybody for their codes lets them have the style sheet there. */
    p.style =
        p.area == PAGE_ENROL ? STR("/ca/pages/enrol/" STYLE_NAME) : STR("/ca/pages/" STYLE_NAME);
    page_fields(c->reply);
    if (p.area != PAGE_DESK && str_eq(path, STR(STYLE_NAME)) && is_get(c)) {
        return style(&p);
    }
    int rc = p.area == PAGE_ENROL ? 0 : call_identify(c);
    if (rc != 0) {
        fail(&p, 0, rc);
    } else {
        run(&p, path);
    }
    if (p.h.rc != 0) { /* not even the error has room */
        buf_clear(&c->reply->body);
        c->reply->status = 500;
        c->reply->type = NULL;
    }
    return 0;
}

static int go_home(struct call *c, struct str path)
{
    if (path.n > 0) {
        return err_set(&c->err, ERR_NOT_FOUND, "there is nothing at this path");
    }
    c->reply->status = 308;
    http_reply_field(c->reply, "Location", "/ca/pages/");
    return 0;
}

const struct entry_way pages_ways[PAGES_WAYS] = {
    {{"/ca/pages/", 10}, true, true, serve},
    {{"/ca/pages", 9}, true, false, go_home},
};
