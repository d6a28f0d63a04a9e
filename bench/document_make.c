/* Owns: the members of a document, their names and order. A member that cannot be made makes the
 * whole fail: nothing is left out silently. */
#include "bench/document_make.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "bench/document.h"
#include "bench/hgrm.h"

#define NS_PER_MS UINT64_C(1000000)

static const struct percentile {
    const char *member;
    double percent;
} percentiles[] = {
    {"p50_ns", 50.0}, {"p75_ns", 75.0},   {"p90_ns", 90.0},     {"p95_ns", 95.0},
    {"p99_ns", 99.0}, {"p99_9_ns", 99.9}, {"p99_99_ns", 99.99},
};

/* o[name] = v, which is taken. False if v is NULL or there is no memory. */
static bool put(json_t *o, const char *name, json_t *v)
{
    return json_object_set_new(o, name, v) == 0;
}

static bool put_count(json_t *o, const char *name, uint64_t n)
{
    return put(o, name, json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n));
}

static bool put_real(json_t *o, const char *name, double n)
{
    return put(o, name, isfinite(n) ? json_real(n) : json_null());
}

static bool put_bool(json_t *o, const char *name, bool b)
{
    return put(o, name, json_boolean(b));
}

/* Octets that are no UTF-8 (a path may have any) become '?'. */
static json_t *text_of(const char *text)
{
    json_t *made = json_string(text);
    if (made != NULL || str_is_utf8(str_of(text))) {
        return made;
    }
    char plain[1024];
    size_t n = 0;
    for (; n < sizeof(plain) - 1 && text[n] != '\0'; n++) {
        plain[n] = '?';
        if ((unsigned char)text[n] < 0x80) {
            plain[n] = text[n];
        }
    }
    plain[n] = '\0';
    return json_string(plain);
}

static bool put_text(json_t *o, const char *name, const char *text)
{
    return put(o, name, text != NULL && text[0] != '\0' ? text_of(text) : json_null());
}

/* o if it is complete; else it is freed. */
static json_t *whole(json_t *o, bool complete)
{
    if (complete && o != NULL) {
        return o;
    }
    json_decref(o);
    return NULL;
}

/* ---- What it ran on, what it was asked ---- */

json_t *document_environment(const struct result_environment *v)
{
    json_t *o = json_object();
    char started[CLOCK_RFC3339_LEN + 1];
    clock_rfc3339(v->started_wall_ms, started);
    bool ok = put_text(o, "tool", v->tool) && put_text(o, "started", started) &&
              put_text(o, "cpu", v->cpu) && put_count(o, "cores", v->cores) &&
              put_text(o, "kernel", v->kernel) && put_text(o, "openssl", v->openssl) &&
              put_text(o, "tls", v->tls) && put_text(o, "cipher", v->cipher) &&
              put_text(o, "group", v->group) && put_text(o, "server_key", v->server_key) &&
              put_text(o, "client_key", v->client_key) && put_count(o, "identities", v->identities);
    return whole(o, ok);
}

static json_t *header_names(const struct options *o)
{
    json_t *names = json_array();
    bool ok = names != NULL;
    for (size_t i = 0; i < o->header_count && ok; i++) {
        struct str name;
        struct str value;
        str_cut(str_of(o->headers[i]), ':', &name, &value);
        ok = json_array_append_new(names, json_stringn(name.p, name.n)) == 0;
    }
    return whole(names, ok);
}

static bool put_load(json_t *j, const struct options *o)
{
    bool ok = put_text(j, "loop", o->closed ? "closed" : "open") &&
              put(j, "rate", o->closed || o->find_max ? json_null() : json_real(o->rate)) &&
              put_text(j, "arrivals", o->closed ? NULL : options_arrivals_name(o->arrivals)) &&
              put_count(j, "connections", o->connections) && put_count(j, "threads", o->threads) &&
              put_count(j, "duration_ns", o->duration_ms * NS_PER_MS) &&
              put_count(j, "warmup_ns", o->warmup_ms * NS_PER_MS) &&
              put_count(j, "operations", o->operations) && put_count(j, "seed", o->seed) &&
              put_count(j, "sources", o->source_count) && put_bool(j, "find_max", o->find_max);
    if (ok && o->slo.percent > 0.0) {
        json_t *slo = json_object();
        ok = put(j, "slo", slo) && put_real(slo, "percent", o->slo.percent) &&
             put_count(slo, "limit_ns", o->slo.limit_ns);
    }
    return ok;
}

static json_t *options(const struct options *o)
{
    json_t *j = json_object();
    bool ok =
        put_text(j, "url", o->url) && put_text(j, "mode", options_mode_name(o->mode)) &&
        put_load(j, o) && put_text(j, "certs", o->certs) && put_text(j, "users", o->users) &&
        put_text(j, "pick", options_pick_name(o->pick)) &&
        put(j, "zipf", o->pick == PICK_ZIPF ? json_real(o->zipf) : json_null()) &&
        put_real(j, "mismatch", o->mismatch) && put_real(j, "resume_ratio", o->resume_ratio) &&
        put_count(j, "per_connection", o->per_connection) &&
        put_count(j, "in_flight", o->in_flight) && put_text(j, "tls", options_tls_name(o->tls)) &&
        put_text(j, "groups", o->groups) && put_text(j, "ciphers", o->ciphers) &&
        put_text(j, "sigalgs", o->sigalgs) && put_text(j, "ca", o->ca) &&
        put_bool(j, "verify", !o->insecure_no_verify) && put_text(j, "method", o->method) &&
        put(j, "headers", header_names(o)) && put_count(j, "body_bytes", o->body_bytes) &&
        put(j, "expect", o->expect != 0 ? json_integer(o->expect) : json_null()) &&
        put_count(j, "timeout_ns", o->timeout_ms * NS_PER_MS);
    return whole(j, ok);
}

/* ---- Durations ---- */

/* value in nanoseconds, or null where nothing was counted. */
static bool put_ns(json_t *o, const char *name, const struct hist_fine *h, uint64_t value)
{
    return h->count > 0 ? put_count(o, name, value) : put(o, name, json_null());
}

static bool put_percentiles(json_t *o, const struct hist_fine *h)
{
    bool ok = true;
    for (size_t i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]) && ok; i++) {
        const struct percentile *p = &percentiles[i];
        ok = put_ns(o, p->member, h, hist_fine_percentile(h, p->percent));
    }
    return ok;
}

/* [[percent, nanoseconds, count], ...] */
static json_t *distribution(const struct hist_fine *h)
{
    struct hgrm_point points[HGRM_POINTS_MAX];
    size_t n = hgrm_points(h, points);
    json_t *all = json_array();
    bool ok = all != NULL;
    for (size_t i = 0; i < n && ok; i++) {
        json_t *one = json_array();
        ok = json_array_append_new(all, one) == 0 &&
             json_array_append_new(one, json_real(points[i].percent)) == 0 &&
             json_array_append_new(one, json_integer((json_int_t)points[i].value_ns)) == 0 &&
             json_array_append_new(one, json_integer((json_int_t)points[i].count)) == 0;
    }
    return whole(all, ok);
}

static json_t *durations(const struct hist_fine *h)
{
    json_t *o = json_object();
    double deviation = h->count > 0 ? hist_fine_deviation(h) : 0.0;
    bool ok = put_count(o, "count", h->count) && put_ns(o, "min_ns", h, h->min_ns) &&
              put_ns(o, "mean_ns", h, hist_fine_mean(h)) &&
              put_ns(o, "deviation_ns", h, (uint64_t)deviation) && put_percentiles(o, h) &&
              put_ns(o, "max_ns", h, h->max_ns) && put(o, "distribution", distribution(h));
    return whole(o, ok);
}

static json_t *parts(const struct hist_fine h[PART_COUNT])
{
    json_t *o = json_object();
    bool ok = o != NULL;
    for (size_t i = 0; i < PART_COUNT && ok; i++) {
        ok = put(o, result_part_name((enum result_part)i), durations(&h[i]));
    }
    return whole(o, ok);
}

static json_t *latency(const struct result *r)
{
    json_t *o = json_object();
    bool closed = r->options->closed;
    bool ok = put_text(o, "told", closed ? "service" : "corrected") &&
              put(o, "corrected", closed ? json_null() : parts(r->corrected)) &&
              put(o, "service", parts(r->service));
    return whole(o, ok);
}

/* ---- What came ---- */

static json_t *outcomes(const struct result *r)
{
    json_t *o = json_object();
    bool ok = o != NULL;
    for (size_t i = 0; i < RESULT_CLASS_COUNT && ok; i++) {
        ok = put_count(o, result_class_token((enum result_class)i), r->by_class[i]);
    }
    return whole(o, ok);
}

static json_t *alerts(const struct result *r)
{
    json_t *o = json_object();
    bool ok = o != NULL;
    for (unsigned i = 0; i < sizeof(r->alerts) / sizeof(r->alerts[0]) && ok; i++) {
        if (r->alerts[i] > 0) {
            char name[RESULT_ALERT_NAME];
            ok = put_count(o, result_alert_name(i, name), r->alerts[i]);
        }
    }
    return whole(o, ok);
}

static json_t *statuses(const struct result *r)
{
    json_t *o = json_object();
    bool ok = o != NULL;
    for (unsigned i = 0; i < sizeof(r->statuses) / sizeof(r->statuses[0]) && ok; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "%u", i);
        ok = r->statuses[i] == 0 || put_count(o, name, r->statuses[i]);
    }
    return whole(o, ok);
}

static double share(uint64_t part, uint64_t all)
{
    return all > 0 ? (double)part / (double)all : 0.0;
}

static json_t *summary(const struct result *r)
{
    const struct hist_fine *total = result_latency(r, PART_TOTAL);
    const struct hist_fine *handshake = &r->service[PART_HANDSHAKE];
    uint64_t failed = result_failed(r);
    uint64_t ok_count = r->by_class[RESULT_OK];
    json_t *o = json_object();
    bool ok = put_real(o, "rate", result_rate(r)) && put_count(o, "ok", ok_count) &&
              put_count(o, "failed", failed) &&
              put_real(o, "error_share", share(failed, failed + ok_count)) &&
              put_real(o, "resumed_share", share(r->resumed, r->full + r->resumed)) &&
              put_ns(o, "mean_ns", total, hist_fine_mean(total)) && put_percentiles(o, total) &&
              put_ns(o, "max_ns", total, total->max_ns) &&
              put_ns(o, "handshake_p50_ns", handshake, hist_fine_percentile(handshake, 50.0)) &&
              put_ns(o, "handshake_p99_ns", handshake, hist_fine_percentile(handshake, 99.0)) &&
              put(o, "max_rate",
                  r->options->find_max && r->max_low > 0.0 ? json_real(r->max_low) : json_null());
    return whole(o, ok);
}

static json_t *counts(const struct result *r)
{
    json_t *o = json_object();
    bool ok =
        put_count(o, "elapsed_ns", r->elapsed_ns) && put_bool(o, "interrupted", r->interrupted) &&
        put_count(o, "started", r->started) && put_count(o, "not_begun", r->not_begun) &&
        put_count(o, "ok_in_window", r->ok_in_window) && put(o, "outcomes", outcomes(r)) &&
        put(o, "alerts", alerts(r)) && put(o, "statuses", statuses(r)) &&
        put_count(o, "mismatched", r->mismatched) &&
        put_count(o, "mismatched_refused", r->mismatched_refused) &&
        put_count(o, "connections", r->connections) && put_count(o, "full", r->full) &&
        put_count(o, "resumed", r->resumed) && put_count(o, "resume_offered", r->resume_offered) &&
        put_count(o, "resume_missing", r->resume_missing) && put_count(o, "tickets", r->tickets) &&
        put_count(o, "bytes_in", r->bytes_in) && put_count(o, "bytes_out", r->bytes_out);
    return whole(o, ok);
}

static json_t *client(const struct result *r)
{
    json_t *o = json_object();
    json_t *limits = json_array();
    bool ok = put(o, "limited_by", limits) && put_count(o, "cpu_ns", r->client_cpu_ns) &&
              put_real(o, "busiest_thread", r->busiest_thread) &&
              put(o, "lag", r->options->closed ? json_null() : durations(&r->lag));
    const struct result_limit_row *row = NULL;
    for (size_t i = 0; (row = result_limit(i)) != NULL && ok; i++) {
        ok = (r->limits & (unsigned)row->limit) == 0 ||
             json_array_append_new(limits, json_string(row->name)) == 0;
    }
    return whole(o, ok);
}

static json_t *seconds(const struct result *r)
{
    json_t *all = json_array();
    bool ok = all != NULL;
    for (size_t i = 0; i < r->second_count && ok; i++) {
        const struct result_second *s = &r->seconds[i];
        json_t *o = json_object();
        ok = json_array_append_new(all, o) == 0 && put_count(o, "started", s->started) &&
             put_count(o, "ok", s->ok) && put_count(o, "failed", s->failed) &&
             put_count(o, "full", s->full) && put_count(o, "resumed", s->resumed) &&
             put_count(o, "in_flight", s->in_flight) && put_count(o, "p50_ns", s->p50_ns) &&
             put_count(o, "p99_ns", s->p99_ns) && put_count(o, "max_ns", s->max_ns);
    }
    return whole(all, ok);
}

static json_t *search(const struct result *r)
{
    json_t *o = json_object();
    json_t *steps = json_array();
    bool ok = put(o, "steps", steps) && put_bool(o, "converged", r->converged) &&
              put_real(o, "low", r->max_low) && put_real(o, "high", r->max_high);
    for (size_t i = 0; i < r->step_count && ok; i++) {
        const struct result_step *s = &r->steps[i];
        json_t *one = json_object();
        ok = json_array_append_new(steps, one) == 0 && put_real(one, "rate", s->rate) &&
             put_real(one, "reached", s->reached) && put_count(one, "slo_ns", s->slo_ns) &&
             put_count(one, "failed", s->failed) &&
             put_bool(one, "client_limited", s->client_limited) && put_bool(one, "met", s->met);
    }
    return whole(o, ok);
}

json_t *document_make(const struct result *r, struct err *e)
{
    json_t *o = json_object();
    bool ok = put_text(o, "format", DOCUMENT_FORMAT) && put(o, "summary", summary(r)) &&
              put(o, "environment", document_environment(&r->env)) &&
              put(o, "options", options(r->options)) && put(o, "counts", counts(r)) &&
              put(o, "latency", latency(r)) && put(o, "client", client(r)) &&
              put(o, "seconds", seconds(r)) &&
              put(o, "search", r->options->find_max ? search(r) : json_null());
    if (whole(o, ok) == NULL) {
        err_set(e, ERR_NOMEM, "no memory for the result as JSON");
        return NULL;
    }
    return o;
}
