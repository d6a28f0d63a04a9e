/* Owns: what each option of the verb run reads and sets. Not: what fits together. One thread. */
#include "bench/options_row.h"

#include <string.h>

#include "bench/quantity.h"
#include "bench/target.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Index of text in a NULL-ended row of names, or -1. */
static int index_in(const char *const *names, struct str text)
{
    for (int i = 0; names[i] != NULL; i++) {
        if (str_eq(text, str_of(names[i]))) {
            return i;
        }
    }
    return -1;
}

static const char *set_mode(struct options *o, const char *value)
{
    int i = index_in(options_mode_names, str_of(value));
    o->mode = i >= 0 ? (enum options_mode)i : o->mode;
    return i >= 0 ? NULL : "handshake, request, keepalive or resume";
}

static const char *set_pick(struct options *o, const char *value)
{
    int i = index_in(options_pick_names, str_of(value));
    o->pick = i >= 0 ? (enum options_pick)i : o->pick;
    return i >= 0 ? NULL : "round-robin, random or zipf";
}

static const char *set_arrivals(struct options *o, const char *value)
{
    int i = index_in(options_arrivals_names, str_of(value));
    o->arrivals = i >= 0 ? (enum options_arrivals)i : o->arrivals;
    return i >= 0 ? NULL : "uniform or poisson";
}

static const char *set_tls(struct options *o, const char *value)
{
    int i = index_in(options_tls_names, str_of(value));
    o->tls = i >= 0 ? (enum options_tls)i : o->tls;
    return i >= 0 ? NULL : "1.2, 1.3 or any";
}

static const char *set_count(const char *value, uint64_t low, uint64_t high, uint64_t *out)
{
    uint64_t n = 0;
    if (!str_to_u64(str_of(value), &n) || n < low || n > high) {
        return "a whole number in its bounds";
    }
    *out = n;
    return NULL;
}

static const char *set_time(const char *value, uint64_t low_ms, uint64_t high_ms, uint64_t *out_ms)
{
    uint64_t ns = 0;
    if (!quantity_time(str_of(value), &ns) || ns < low_ms * 1000000 || ns > high_ms * 1000000) {
        return "a time with its unit (ms, s, m, h) in its bounds, such as 10s";
    }
    *out_ms = ns / 1000000;
    return NULL;
}

static const char *set_share(const char *value, double *out)
{
    return quantity_share(str_of(value), out) ? NULL : "a share such as 5% or 0.05";
}

static const char *set_connections(struct options *o, const char *value)
{
    return set_count(value, 1, 1000000, &o->connections) != NULL ? "1 to 1000000" : NULL;
}

static const char *set_operations(struct options *o, const char *value)
{
    return set_count(value, 1, UINT64_MAX, &o->operations);
}

static const char *set_per_connection(struct options *o, const char *value)
{
    return set_count(value, 0, UINT64_MAX, &o->per_connection);
}

static const char *set_in_flight(struct options *o, const char *value)
{
    return set_count(value, 1, 1000000, &o->in_flight) != NULL ? "1 to 1000000" : NULL;
}

static const char *set_seed(struct options *o, const char *value)
{
    return set_count(value, 0, UINT64_MAX, &o->seed);
}

static const char *set_threads(struct options *o, const char *value)
{
    uint64_t n = 0;
    const char *expected = set_count(value, 1, OPTIONS_THREADS_MAX, &n);
    o->threads = expected == NULL ? (size_t)n : o->threads;
    return expected != NULL ? "1 to 256" : NULL;
}

static const char *set_expect(struct options *o, const char *value)
{
    uint64_t n = 0;
    const char *expected = set_count(value, 200, 599, &n);
    o->expect = expected == NULL ? (unsigned)n : o->expect;
    return expected != NULL ? "a status from 200 to 599" : NULL;
}

static const char *set_rate(struct options *o, const char *value)
{
    return quantity_rate(str_of(value), &o->rate) ? NULL : "a rate such as 500/s";
}

static const char *set_closed(struct options *o, const char *value)
{
    (void)value;
    o->closed = true;
    return NULL;
}

static const char *set_find_max(struct options *o, const char *value)
{
    (void)value;
    o->find_max = true;
    return NULL;
}

static const char *set_slo(struct options *o, const char *value)
{
    struct str left;
    struct str right;
    double percent = 0.0;
    uint64_t limit = 0;
    if (!str_cut(str_of(value), '<', &left, &right) ||
        !quantity_percentile(str_trim(left), &percent) || !quantity_time(str_trim(right), &limit) ||
        limit == 0) {
        return "a percentile and its limit, such as 'p99<50ms'";
    }
    o->slo = (struct options_slo){.percent = percent, .limit_ns = limit};
    return NULL;
}

static const char *set_duration(struct options *o, const char *value)
{
    return set_time(value, 100, UINT64_C(604800000), &o->duration_ms);
}

static const char *set_warmup(struct options *o, const char *value)
{
    return set_time(value, 0, UINT64_C(3600000), &o->warmup_ms);
}

static const char *set_timeout(struct options *o, const char *value)
{
    return set_time(value, 1, UINT64_C(3600000), &o->timeout_ms);
}

static const char *set_resume_ratio(struct options *o, const char *value)
{
    return set_share(value, &o->resume_ratio);
}

static const char *set_mismatch(struct options *o, const char *value)
{
    return set_share(value, &o->mismatch);
}

static const char *set_zipf(struct options *o, const char *value)
{
    double n = 0.0;
    if (!quantity_number(str_of(value), &n) || n <= 0.0 || n > 10.0) {
        return "an exponent above 0, at most 10";
    }
    o->zipf = n;
    return NULL;
}

static const char *set_certs(struct options *o, const char *value)
{
    o->certs = value;
    return value[0] != '\0' ? NULL : "a directory or a pattern of files";
}

static const char *set_users(struct options *o, const char *value)
{
    o->users = value;
    return value[0] != '\0' ? NULL : "a file";
}

static const char *set_ca(struct options *o, const char *value)
{
    o->ca = value;
    return value[0] != '\0' ? NULL : "a file";
}

static const char *set_no_verify(struct options *o, const char *value)
{
    (void)value;
    o->insecure_no_verify = true;
    return NULL;
}

static const char *set_stock_library(struct options *o, const char *value)
{
    (void)value;
    o->stock_library = true;
    return NULL;
}

static const char *set_groups(struct options *o, const char *value)
{
    o->groups = value;
    return value[0] != '\0' ? NULL : "names of groups, such as X25519:P-256";
}

static const char *set_ciphers(struct options *o, const char *value)
{
    o->ciphers = value;
    return value[0] != '\0' ? NULL : "names of ciphers, such as TLS_AES_128_GCM_SHA256";
}

static const char *set_sigalgs(struct options *o, const char *value)
{
    o->sigalgs = value;
    return value[0] != '\0' ? NULL : "names of signature algorithms";
}

/* RFC 9110 5.6.2. */
static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool letter = (c | 0x20U) >= 'a' && (c | 0x20U) <= 'z';
        if (!letter && !(c >= '0' && c <= '9') &&
            (c == 0 || strchr("!#$%&'*+-.^_`|~", c) == NULL)) {
            return false;
        }
    }
    return s.n > 0;
}

static const char *set_method(struct options *o, const char *value)
{
    o->method = value;
    return is_token(str_of(value)) && strlen(value) <= 32 ? NULL : "a method such as GET";
}

static const char *set_header(struct options *o, const char *value)
{
    static const char *const ours[] = {"host",          "content-length", "transfer-encoding",
                                       "authorization", "connection",     NULL};
    struct str name;
    struct str rest;
    if (!str_cut(str_of(value), ':', &name, &rest) || !is_token(name) || str_has_control(rest)) {
        return "\"Name: value\"";
    }
    for (size_t i = 0; ours[i] != NULL; i++) {
        if (str_ieq(name, str_of(ours[i]))) {
            return "a field that is not made by other options (Host, Authorization, framing)";
        }
    }
    if (o->header_count == OPTIONS_HEADERS_MAX) {
        return "at most 32 of them";
    }
    o->headers[o->header_count++] = value;
    return NULL;
}

static const char *set_body_size(struct options *o, const char *value)
{
    uint64_t n = 0;
    if (!quantity_size(str_of(value), &n) || n > UINT64_C(1073741824)) {
        return "a size up to 1GiB, such as 64KiB";
    }
    o->body_bytes = n;
    return NULL;
}

static const char *set_source(struct options *o, const char *value)
{
    return target_sources(value, o);
}

static const char *set_output(struct options *o, const char *value)
{
    struct str format;
    struct str path;
    bool to_file = str_cut(str_of(value), ':', &format, &path);
    int i = index_in(options_format_names, format);
    if (i < 0 || (to_file && path.n == 0)) {
        return "text, json, csv, hgrm or html, and optionally :FILE";
    }
    if (o->output_count == OPTIONS_OUTPUTS_MAX) {
        return "at most 8 of them";
    }
    o->outputs[o->output_count++] =
        (struct options_output){(enum options_format)i, to_file ? path.p : NULL};
    return NULL;
}

static const char *set_quiet(struct options *o, const char *value)
{
    (void)value;
    o->quiet = true;
    return NULL;
}

static const char *set_tell_opened(struct options *o, const char *value)
{
    (void)value;
    o->tell_opened = true;
    return NULL;
}

static const char *set_own_target(struct options *o, const char *value)
{
    (void)value;
    o->own_target = true;
    return NULL;
}

const struct options_row options_rows[] = {
    {"--mode", "MODE", set_mode,
     "handshake, request (one a connection, default), keepalive, resume"},
    {"--rate", "N/s", set_rate, "open loop: begin so many operations a second (default 100/s)"},
    {"--arrivals", "HOW", set_arrivals, "uniform (default) or poisson"},
    {"--closed", NULL, set_closed, "closed loop: each connection as fast as it can"},
    {"--connections", "N", set_connections,
     "so many at once (default: closed 16, keepalive 64, else 1000); also -c"},
    {"--find-max", NULL, set_find_max, "search the highest rate that meets --slo"},
    {"--slo", "pQ<TIME", set_slo, "the objective, such as 'p99<50ms'"},
    {"--duration", "TIME", set_duration, "measured time (default 10s; each step of --find-max 5s)"},
    {"--warmup", "TIME", set_warmup, "time before that, not measured (default 1s)"},
    {"--operations", "N", set_operations, "end after so many measured operations"},
    {"--timeout", "TIME", set_timeout, "for one operation (default 10s)"},
    {"--threads", "N", set_threads, "default: one a core"},
    {"--source", "A[-B]", set_source, "local addresses to come from, by turns; may be given again"},
    {"--certs", "DIR|GLOB", set_certs,
     "client certificates NAME.pem, each with its key in it or in NAME.key"},
    {"--users", "FILE", set_users, "lines \"name user password\": who sends what with which"},
    {"--pick", "HOW", set_pick, "round-robin (default), random, zipf"},
    {"--zipf", "S", set_zipf, "exponent of --pick zipf (default 1)"},
    {"--mismatch", "SHARE", set_mismatch,
     "so many requests carry another's user and must get 403 (not a lockout's 429)"},
    {"--resume-ratio", "SHARE", set_resume_ratio,
     "so many new connections offer a session (mode resume: 1)"},
    {"--per-connection", "N", set_per_connection,
     "keepalive: requests before a connection is closed (default: no bound)"},
    {"--in-flight", "N", set_in_flight,
     "keepalive: so many requests at once; connections take turns (default: each has one)"},
    {"--tell-opened", NULL, set_tell_opened,
     "keepalive: \"opened\" on standard error once all connections are open"},
    {"--ca", "FILE", set_ca, "trust this CA for the server's certificate (default: the system's)"},
    {"--insecure-no-verify", NULL, set_no_verify, "do not verify the server's certificate"},
    {"--stock-library", NULL, set_stock_library,
     "all of OpenSSL, for servers with rare keys (DSA, SM2): costs more"},
    {"--tls", "VERSION", set_tls, "1.2 or 1.3 only"},
    {"--groups", "LIST", set_groups, "key exchange groups, first is used"},
    {"--ciphers", "LIST", set_ciphers, "suites of TLS 1.3 (TLS_...) or ciphers of 1.2"},
    {"--sigalgs", "LIST", set_sigalgs, "signature algorithms"},
    {"--method", "NAME", set_method, "default GET"},
    {"--header", "\"N: V\"", set_header, "a header field more; may be given again"},
    {"--body-size", "SIZE", set_body_size, "send a body of so many octets"},
    {"--expect", "STATUS", set_expect, "the right answer (default: any 2xx)"},
    {"--seed", "N", set_seed, "of everything drawn by lot (default 1)"},
    {"--output", "FORMAT[:FILE]", set_output,
     "text (default), json, csv, hgrm, html; may be given again"},
    {"--quiet", NULL, set_quiet, "no line of progress"},
    {"--i-own-this-target", NULL, set_own_target,
     "load a server outside loopback and private networks"},
};

const size_t options_row_count = COUNT(options_rows);
