/* Owns: what the private listener answers. Not: the listener (proxy/server), the numbers
 * (proxy/observe). On the worker's loop; each worker answers for itself, /metrics for all. */
#include "proxy/admin/admin.h"

#include "auth/sign/signer.h"
#include "base/clock.h"

#define BODY_MAX_BYTES ((size_t)1024 * 1024)

#define TYPE_TEXT        STR("text/plain; charset=utf-8")
#define TYPE_PROMETHEUS  STR("text/plain; version=0.0.4; charset=utf-8")
#define TYPE_OPENMETRICS STR("application/openmetrics-text; version=1.0.0; charset=utf-8")

/* An answer with no memory for its body is an answer without body. */
static void say(struct local_answer *out, unsigned status, struct str text)
{
    out->status = status;
    out->content_type = TYPE_TEXT;
    if (buf_append(&out->body, text) != 0) {
        buf_clear(&out->body);
    }
}

/* True if a weight, "q=0" or "q=0.000", says that the media range before it is not wanted. */
static bool is_zero_weight(struct str parameter)
{
    struct str name;
    struct str value;
    (void)str_cut(parameter, '=', &name, &value);
    value = str_trim(value);
    if (!str_ieq(str_trim(name), STR("q")) || value.n == 0 || value.p[0] != '0') {
        return false;
    }
    for (size_t i = 1; i < value.n; i++) {
        if (value.p[i] != '.' && value.p[i] != '0') {
            return false;
        }
    }
    return true;
}

static bool range_is_openmetrics(struct str range)
{
    struct str part;
    bool more = str_cut(range, ';', &part, &range);
    if (!str_ieq(str_trim(part), STR("application/openmetrics-text"))) {
        return false;
    }
    while (more) {
        more = str_cut(range, ';', &part, &range);
        if (is_zero_weight(part)) {
            return false;
        }
    }
    return true;
}

/* Whoever knows OpenMetrics asks for it by name; "*" and everything else gets the older form. */
static bool wants_openmetrics(const struct fields *fields)
{
    for (size_t i = 0; i < fields->n; i++) {
        struct str rest = fields->v[i].value;
        struct str range;
        bool more = str_ieq(fields->v[i].name, STR("accept"));
        while (more) {
            more = str_cut(rest, ',', &range, &rest);
            if (range_is_openmetrics(range)) {
                return true;
            }
        }
    }
    return false;
}

static void answer_metrics(const struct env *env, const struct http_request *request,
                           struct local_answer *out)
{
    bool openmetrics = wants_openmetrics(&request->fields);
    out->status = 200;
    out->content_type = openmetrics ? TYPE_OPENMETRICS : TYPE_PROMETHEUS;
    if (metrics_render(env->region, openmetrics, &out->body) != 0) {
        buf_clear(&out->body); /* half a page would read as counters that vanished */
        say(out, 503, STR("out of memory\n"));
    }
}

/* The checks of /readyz as they are gone through. */
struct checks {
    struct buf *lines;
    bool failed;
    bool no_memory;
    struct str group; /* of the upstream being looked at; p NULL: none yet */
    bool group_up;    /* one of its servers at least is not set aside */
};

/* mark: '+' good, '-' not ready, '!' worth a look but ready all the same. */
static void line(struct checks *c, char mark, const char *what, struct str which, const char *how)
{
    c->failed = c->failed || mark == '-';
    if (buf_printf(c->lines, "[%c] %s%.*s: %s\n", mark, what, STR_ARG(which), how) != 0) {
        c->no_memory = true;
    }
}

static void end_group(struct checks *c)
{
    if (c->group.p != NULL) {
        line(c, c->group_up ? '+' : '!', "upstream ", c->group,
             c->group_up ? "ok" : "every server is set aside");
    }
}

static void each_server(void *arg, struct str group, struct str server, bool aside, size_t active,
                        size_t idle)
{
    (void)server;
    (void)active;
    (void)idle;
    struct checks *c = arg;
    if (c->group.p == NULL || !str_eq(c->group, group)) {
        end_group(c);
        c->group = group;
        c->group_up = false;
    }
    c->group_up = c->group_up || !aside;
}

static void check_certificate(struct checks *c, const struct metrics_region *region)
{
    int64_t expires = metrics_earliest(region, METRIC_DATE_SERVER_CERTIFICATE);
    if (expires == INT64_MAX) {
        return;
    }
    bool expired = expires <= clock_wall_ms() / 1000;
    line(c, expired ? '-' : '+', "server certificate", STR_NONE, expired ? "expired" : "ok");
}

/* True if the query, "a&verbose=1", holds the parameter "verbose". */
static bool is_verbose(struct str target)
{
    struct str path;
    struct str rest;
    struct str part;
    bool more = str_cut(target, '?', &path, &rest);
    while (more) {
        more = str_cut(rest, '&', &part, &rest);
        if (str_eq(part, STR("verbose")) || str_starts(part, STR("verbose="))) {
            return true;
        }
    }
    return false;
}

static void answer_readyz(const struct env *env, const struct http_request *request,
                          struct local_answer *out)
{
    struct checks c = {.lines = &out->body};
    line(&c, env->draining ? '-' : '+', "draining", STR_NONE, env->draining ? "yes" : "no");
    check_certificate(&c, env->region);
    if (env->runtime != NULL && env->runtime->upstreams != NULL) {
        upstream_set_each(env->runtime->upstreams, each_server, &c);
        end_group(&c);
    }
    if (!is_verbose(request->target) || c.no_memory) {
        buf_clear(&out->body);
    }
    say(out, c.failed ? 503 : 200, c.failed ? STR("not ready\n") : STR("ready\n"));
}

/* The public keys of what is signed for upstreams. */
static void answer_keys(const struct env *env, struct local_answer *out)
{
    const struct signer *s = env->runtime != NULL ? env->runtime->signer : NULL;
    out->status = 200;
    out->content_type = STR("application/jwk-set+json");
    if (signer_jwks(s, &out->body) != 0) {
        buf_clear(&out->body);
        say(out, 503, STR("out of memory\n"));
    }
}

void admin_answer(void *arg, const struct http_request *request, struct local_answer *out)
{
    const struct env *env = arg;
    buf_init(&out->body, BODY_MAX_BYTES);
    bool is_metrics = str_eq(request->path, STR("/metrics"));
    bool is_livez = str_eq(request->path, STR("/livez"));
    bool is_readyz = str_eq(request->path, STR("/readyz"));
    bool is_keys = str_eq(request->path, STR("/.well-known/jwks.json"));
    if (!is_metrics && !is_livez && !is_readyz && !is_keys) {
        say(out, 404,
            STR("not found: there are /metrics, /livez, /readyz and /.well-known/jwks.json\n"));
    } else if (request->method != HTTP_METHOD_GET && request->method != HTTP_METHOD_HEAD) {
        say(out, 405, STR("GET or HEAD only\n"));
    } else if (is_metrics) {
        answer_metrics(env, request, out);
    } else if (is_keys) {
        answer_keys(env, out);
    } else if (is_readyz) {
        answer_readyz(env, request, out);
    } else {
        say(out, 200, STR("ok\n"));
    }
}
