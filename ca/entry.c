/* Owns: the first part of paths. */
#include "ca/entry.h"

#include "ca/api.h"
#include "ca/api_json.h"
#include "ca/call.h"
#include "ca/est.h"
#include "ca/public.h"

static const struct {
    struct str prefix;
    bool anybody; /* who asks does not matter */
    int (*call)(struct call *c, struct str path);
} ways[] = {
    {{"/ca/v1/", 7}, false, api_call},
    {{"/ca/public/", 11}, true, public_call},
    {{"/.well-known/est/", 17}, true, est_call},
};

/* RFC 9457. What is our own trouble is told to nobody but the log. */
static void problem(struct call *c, int rc)
{
    unsigned status = call_status(rc);
    api_problem(c->reply, status, status == 500 || status == 503 ? err_name(rc) : c->err.text);
}

static int dispatch(struct call *c)
{
    struct str path = c->request->path;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (str_starts(path, ways[i].prefix)) {
            int rc = ways[i].anybody ? 0 : call_identify(c);
            return rc == 0 ? ways[i].call(c, str_slice(path, ways[i].prefix.n, path.n)) : rc;
        }
    }
    return err_set(&c->err, ERR_NOT_FOUND, "there is nothing at this path");
}

void entry_serve(void *arg, const struct http_request *r, struct http_reply *reply)
{
    struct call c = {.service = arg, .request = r, .reply = reply};
    int rc = dispatch(&c);
    if (rc != 0) {
        problem(&c, rc);
    }
    call_end(&c);
}
