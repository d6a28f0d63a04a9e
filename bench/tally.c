/* Owns: what is counted for each operation, and putting the threads' counts together. */
#include "bench/tally.h"

#include <string.h>

#include "base/mem.h"

/* An operation that begins so much later than due was late. */
#define LATE_NS UINT64_C(1000000)

#define SECOND_NS UINT64_C(1000000000)

int tally_init(struct tally *t, const struct options *o)
{
    memset(t, 0, sizeof(*t));
    return result_init(&t->r, o);
}

void tally_fini(struct tally *t)
{
    result_fini(&t->r);
    mem_free(t->seconds);
    t->seconds = NULL;
}

/* The second of the measured part in which at_ns lies, or NULL outside and without memory. */
static struct tally_second *second_at(struct tally *t, uint64_t at_ns)
{
    if (at_ns < t->begin_ns || at_ns >= t->end_ns) {
        return NULL;
    }
    size_t i = (size_t)((at_ns - t->begin_ns) / SECOND_NS);
    if (i >= t->second_size) {
        size_t size = i + 64;
        struct tally_second *v = mem_realloc(t->seconds, size * sizeof(*v));
        if (v == NULL) {
            return NULL;
        }
        t->seconds = v;
        t->second_size = size;
    }
    while (t->second_count <= i) {
        memset(&t->seconds[t->second_count++], 0, sizeof(*t->seconds));
    }
    return &t->seconds[i];
}

static void increment(_Atomic uint64_t *n)
{
    atomic_fetch_add_explicit(n, 1, memory_order_relaxed);
}

void tally_begun(struct tally *t, const struct conn_op *op, bool blocked)
{
    struct tally_second *second = second_at(t, op->begin_ns);
    uint64_t lag = op->begin_ns > op->due_ns ? op->begin_ns - op->due_ns : 0;
    if (second != NULL) {
        second->counts.started++;
    }
    if (!op->measured) {
        return;
    }
    t->r.started++;
    t->r.mismatched += op->mismatched;
    if (!t->r.options->closed) {
        hist_fine_add(&t->r.lag, lag);
        t->late_client += lag > LATE_NS && !blocked;
        t->late_blocked += lag > LATE_NS && blocked;
    }
}

static void count_part(struct tally *t, enum result_part part, uint64_t ns, uint64_t lag)
{
    hist_fine_add(&t->r.service[part], ns);
    if (!t->r.options->closed) {
        hist_fine_add(&t->r.corrected[part], ns + lag);
    }
}

static void count_parts(struct tally *t, const struct conn_op *op, uint64_t lag)
{
    if (op->fresh) {
        uint64_t handshake = op->handshake_ns - op->connected_ns;
        count_part(t, PART_CONNECT, op->connected_ns - op->begin_ns, lag);
        count_part(t, PART_HANDSHAKE, handshake, lag);
        if (op->resumed) {
            count_part(t, PART_RESUMED, handshake, lag);
        }
    }
    if (op->first_ns != 0) {
        uint64_t from = op->written_ns != 0 ? op->written_ns : op->first_ns;
        count_part(t, PART_FIRST_BYTE, op->first_ns > from ? op->first_ns - from : 0, lag);
    }
    count_part(t, PART_TOTAL, op->end_ns - op->begin_ns, lag);
}

static void count_handshake(struct tally *t, const struct conn_op *op)
{
    t->r.connections += op->connected_ns != 0;
    t->r.resume_offered += op->offered;
    t->r.resume_missing += op->wanted && !op->offered;
    t->r.full += op->handshake_ns != 0 && !op->resumed;
    t->r.resumed += op->handshake_ns != 0 && op->resumed;
}

static void count_measured(struct tally *t, const struct conn_op *op, uint64_t lag)
{
    t->r.by_class[op->outcome]++;
    t->r.alerts[op->outcome == RESULT_ALERT ? op->alert & 0xffU : 0] += op->outcome == RESULT_ALERT;
    if (op->status > 0 && op->status < 600) {
        t->r.statuses[op->status]++;
    }
    t->r.mismatched_refused += op->mismatched && op->outcome == RESULT_OK;
    if (op->fresh) {
        count_handshake(t, op);
    }
    if (op->outcome == RESULT_OK) {
        count_parts(t, op, lag);
    }
}

static void count_second(struct tally *t, const struct conn_op *op, uint64_t total)
{
    struct tally_second *second = second_at(t, op->end_ns);
    if (second == NULL) {
        return;
    }
    struct result_second *counts = &second->counts;
    counts->full += op->fresh && op->handshake_ns != 0 && !op->resumed;
    counts->resumed += op->fresh && op->handshake_ns != 0 && op->resumed;
    if (op->outcome != RESULT_OK) {
        counts->failed++;
        return;
    }
    counts->ok++;
    t->r.ok_in_window++;
    counts->max_ns = total > counts->max_ns ? total : counts->max_ns;
    hist_add(&second->total, total / 1000);
}

void tally_ended(struct tally *t, const struct conn_op *op)
{
    uint64_t lag = op->begin_ns > op->due_ns ? op->begin_ns - op->due_ns : 0;
    uint64_t total = op->end_ns - op->begin_ns + lag;
    bool ok = op->outcome == RESULT_OK;
    increment(ok ? &t->live.ok : &t->live.failed);
    if (ok) {
        hist_add(&t->live.total, total / 1000);
    }
    if (op->fresh && op->handshake_ns != 0) {
        increment(op->resumed ? &t->live.resumed : &t->live.full);
    }
    if (op->measured) {
        count_measured(t, op, lag);
    }
    count_second(t, op, total);
}

void tally_in_flight(struct tally *t, uint64_t now_ns, uint64_t n)
{
    struct tally_second *second = second_at(t, now_ns);
    atomic_store_explicit(&t->live.in_flight, n, memory_order_relaxed);
    if (second != NULL) {
        second->counts.in_flight = n;
    }
}

static void merge_counts(struct result *r, const struct result *from)
{
    uint64_t *const sums[] = {&r->started,
                              &r->not_begun,
                              &r->ok_in_window,
                              &r->mismatched,
                              &r->mismatched_refused,
                              &r->connections,
                              &r->full,
                              &r->resumed,
                              &r->resume_offered,
                              &r->resume_missing,
                              &r->tickets,
                              &r->bytes_in,
                              &r->bytes_out};
    const uint64_t parts[] = {from->started,
                              from->not_begun,
                              from->ok_in_window,
                              from->mismatched,
                              from->mismatched_refused,
                              from->connections,
                              from->full,
                              from->resumed,
                              from->resume_offered,
                              from->resume_missing,
                              from->tickets,
                              from->bytes_in,
                              from->bytes_out};
    for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++) {
        *sums[i] += parts[i];
    }
    for (size_t i = 0; i < RESULT_CLASS_COUNT; i++) {
        r->by_class[i] += from->by_class[i];
    }
    for (size_t i = 0; i < sizeof(r->alerts) / sizeof(r->alerts[0]); i++) {
        r->alerts[i] += from->alerts[i];
    }
    for (size_t i = 0; i < sizeof(r->statuses) / sizeof(r->statuses[0]); i++) {
        r->statuses[i] += from->statuses[i];
    }
    for (size_t i = 0; i < PART_COUNT; i++) {
        hist_fine_merge(&r->service[i], &from->service[i]);
        hist_fine_merge(&r->corrected[i], &from->corrected[i]);
    }
    hist_fine_merge(&r->lag, &from->lag);
}

static void merge_second(struct result_second *to, struct hist *total,
                         const struct tally_second *from)
{
    to->started += from->counts.started;
    to->ok += from->counts.ok;
    to->failed += from->counts.failed;
    to->full += from->counts.full;
    to->resumed += from->counts.resumed;
    to->in_flight += from->counts.in_flight;
    to->max_ns = from->counts.max_ns > to->max_ns ? from->counts.max_ns : to->max_ns;
    hist_merge(total, &from->total);
}

static uint64_t at_most(uint64_t us, uint64_t max_ns)
{
    return us * 1000 < max_ns ? us * 1000 : max_ns;
}

static int merge_seconds(struct result *r, const struct tally *const *v, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        count = v[i]->second_count > count ? v[i]->second_count : count;
    }
    r->seconds = mem_calloc(count != 0 ? count : 1, sizeof(*r->seconds));
    if (r->seconds == NULL) {
        return -ERR_NOMEM;
    }
    r->second_count = count;
    for (size_t second = 0; second < count; second++) {
        struct result_second *to = &r->seconds[second];
        struct hist total = {0};
        for (size_t i = 0; i < n; i++) {
            if (second < v[i]->second_count) {
                merge_second(to, &total, &v[i]->seconds[second]);
            }
        }
        to->p50_ns = at_most(hist_percentile_us(&total, 50.0), to->max_ns);
        to->p99_ns = at_most(hist_percentile_us(&total, 99.0), to->max_ns);
    }
    return 0;
}

int tally_merge(struct result *r, const struct tally *const *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        merge_counts(r, &v[i]->r);
        if (r->env.tls[0] == '\0') {
            memcpy(r->env.tls, v[i]->r.env.tls, sizeof(r->env.tls));
            memcpy(r->env.cipher, v[i]->r.env.cipher, sizeof(r->env.cipher));
            memcpy(r->env.group, v[i]->r.env.group, sizeof(r->env.group));
            memcpy(r->env.server_key, v[i]->r.env.server_key, sizeof(r->env.server_key));
        }
    }
    return merge_seconds(r, v, n);
}
