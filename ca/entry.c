/* Owns: the first part of paths. */
#include "ca/entry.h"

#include "ca/api.h"
#include "ca/api_json.h"
#include "ca/call.h"
#include "ca/enrol.h"
#include "ca/est.h"
#include "ca/journal.h"
#include "ca/public.h"

static const struct entry_way ways[] = {
    {{"/ca/v1/", 7}, false, false, api_call},
    {{"/ca/public/", 11}, true, false, public_call},
    {{"/ca/enrol", 9}, true, false, enrol_call},
    {{"/.well-known/est/", 17}, true, false, est_call},
};

/* RFC 9457. What is our own trouble is told to nobody but the log. */
static void problem(struct call *c, int rc)
{
    unsigned status = call_status(rc);
    api_problem(c->reply, status, status == 500 || status == 503 ? err_name(rc) : c->err.text);
}

static const struct entry_way *find(const struct entry_way *v, size_t n, struct str path)
{
    for (size_t i = 0; i < n; i++) {
        if (str_starts(path, v[i].prefix)) {
            return &v[i];
        }
    }
    return NULL;
}

/* A browser sends certificate and password along with whatever anybody's page has it send. */
static int dispatch(struct call *c)
{
    struct str path = c->request->path;
    const struct entry_way *way = find(ways, sizeof(ways) / sizeof(ways[0]), path);
    if (way == NULL) {
        way = find(c->service->ways, c->service->way_count, path);
    }
    if (way == NULL) {
        return err_set(&c->err, ERR_NOT_FOUND, "there is nothing at this path");
    }
    if (c->request->too_large && !way->whole) {
        return err_set(&c->err, ERR_TOO_LARGE, "the body is longer than %d octets", HTTP_BODY_MAX);
    }
    if (!way->whole && !str_eq(c->request->method, STR("GET")) &&
        call_origin(c) == CALL_ORIGIN_OTHER) {
        return err_set(&c->err, ERR_DENIED,
                       "this was sent from a page of another site: nothing was done");
    }
    int rc = way->anybody ? 0 : call_identify(c);
    return rc == 0 ? way->call(c, str_slice(path, way->prefix.n, path.n)) : rc;
}

void entry_serve(void *arg, const struct http_request *r, struct http_reply *reply)
{
    struct call c = {.service = arg, .request = r, .reply = reply};
    int rc = dispatch(&c);
    if (rc != 0) {
        problem(&c, rc);
    }
    journal_write(&c.service->life, c.service->log, &c.service->journal_seq);
    journal_refused(&c);
    call_end(&c);
}
