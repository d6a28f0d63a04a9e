/* Owns: the words and columns of a result. What can be wrong with the figures themselves (the
 * client was the limit, the run was cut short) stands at the end, where a terminal shows it. */
#include "bench/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench/quantity.h"
#include "bench/writer.h"

const char *text_count(uint64_t n, char out[TEXT_COUNT_MAX])
{
    char digits[TEXT_COUNT_MAX];
    int length = snprintf(digits, sizeof(digits), "%" PRIu64, n);
    size_t k = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            out[k++] = ',';
        }
        out[k++] = digits[i];
    }
    out[k] = '\0';
    return out;
}

static double percent_of(uint64_t part, uint64_t all)
{
    return all > 0 ? 100.0 * (double)part / (double)all : 0.0;
}

/* ---- What was done ---- */

static void say_target(struct writer *w, const struct result *r)
{
    const struct options *o = r->options;
    char count[TEXT_COUNT_MAX];
    writer_put(w, "%s  %s", o->url, options_mode_name(o->mode));
    const char *const parts[] = {r->env.tls, r->env.cipher, r->env.group};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && parts[i][0] != '\0'; i++) {
        writer_put(w, "%s %s", i == 0 ? "," : "", parts[i]);
    }
    if (r->env.server_key[0] != '\0') {
        writer_put(w, ", server %s", r->env.server_key);
    }
    writer_put(w, "\n");
    if (r->env.identities > 0) {
        writer_put(w, "%s client%s", text_count(r->env.identities, count),
                   r->env.identities == 1 ? "" : "s");
        if (r->env.client_key[0] != '\0') {
            writer_put(w, " with certificates (%s)", r->env.client_key);
        }
        writer_put(w, ", picked %s", options_pick_name(o->pick));
        if (o->pick == PICK_ZIPF) {
            writer_put(w, " (exponent %g)", o->zipf);
        }
        writer_put(w, "\n");
    }
}

static void say_load(struct writer *w, const struct result *r)
{
    const struct options *o = r->options;
    char count[TEXT_COUNT_MAX];
    writer_put(w, "%.1f s", (double)r->elapsed_ns / 1e9);
    if (o->warmup_ms > 0) {
        writer_put(w, " after %.1f s of warm-up", (double)o->warmup_ms / 1e3);
    }
    if (o->closed) {
        writer_put(w, ", closed loop over %s connections", text_count(o->connections, count));
    } else if (o->find_max) {
        writer_put(w, ", open loop, at the highest rate that met the objective");
    } else {
        writer_put(w, ", open loop %g/s (%s), at most %s connections", o->rate,
                   options_arrivals_name(o->arrivals), text_count(o->connections, count));
    }
    writer_put(w, ", %zu thread%s\n\n", o->threads, o->threads == 1 ? "" : "s");
}

/* ---- What came ---- */

static void say_alerts(struct writer *w, const struct result *r)
{
    const char *before = " (";
    char name[RESULT_ALERT_NAME];
    for (unsigned i = 0; i < sizeof(r->alerts) / sizeof(r->alerts[0]); i++) {
        if (r->alerts[i] > 0) {
            writer_put(w, "%s%s %" PRIu64, before, result_alert_name(i, name), r->alerts[i]);
            before = ", ";
        }
    }
    writer_put(w, "%s", strcmp(before, ", ") == 0 ? ")" : "");
}

/* Of all answers, the right ones too: they are not counted apart. */
static void say_statuses(struct writer *w, const struct result *r)
{
    const char *before = " (of all answers ";
    for (unsigned i = 0; i < sizeof(r->statuses) / sizeof(r->statuses[0]); i++) {
        if (r->statuses[i] > 0) {
            writer_put(w, "%s%u: %" PRIu64, before, i, r->statuses[i]);
            before = ", ";
        }
    }
    writer_put(w, "%s", strcmp(before, ", ") == 0 ? ")" : "");
}

static void say_outcomes(struct writer *w, const struct result *r)
{
    char count[TEXT_COUNT_MAX];
    uint64_t ok = r->by_class[RESULT_OK];
    uint64_t failed = result_failed(r);
    writer_put(w, "  right      %12s   %.1f/s", text_count(ok, count), result_rate(r));
    if (!r->options->closed && !r->options->find_max) {
        writer_put(w, " of %g/s asked for", r->options->rate);
    }
    writer_put(w, "\n  wrong      %12s   %.3g %%\n", text_count(failed, count),
               percent_of(failed, ok + failed));
    for (size_t i = 0; i < RESULT_CLASS_COUNT; i++) {
        enum result_class c = (enum result_class)i;
        if (c == RESULT_OK || r->by_class[c] == 0) {
            continue;
        }
        writer_put(w, "             %12s   %s", text_count(r->by_class[c], count),
                   result_class_text(c));
        if (c == RESULT_ALERT) {
            say_alerts(w, r);
        } else if (c == RESULT_STATUS || c == RESULT_PAIRING) {
            say_statuses(w, r);
        }
        writer_put(w, "\n");
    }
    if (r->not_begun > 0) {
        bool waited = (r->limits & LIMIT_CONNECTIONS) != 0;
        writer_put(w, "  not begun  %12s   %s\n", text_count(r->not_begun, count),
                   waited ? "no connection was free in time" : "the client came too late");
    }
}

static void say_handshakes(struct writer *w, const struct result *r)
{
    char all[TEXT_COUNT_MAX];
    char full[TEXT_COUNT_MAX];
    char resumed[TEXT_COUNT_MAX];
    writer_put(w, "  handshakes %12s   %s full, %s resumed (%.1f %%)\n",
               text_count(r->full + r->resumed, all), text_count(r->full, full),
               text_count(r->resumed, resumed), percent_of(r->resumed, r->full + r->resumed));
    if (r->resume_missing > 0) {
        writer_put(
            w, "             %12s   were to resume, but the server had given no unused ticket\n",
            text_count(r->resume_missing, all));
    }
    if (r->mismatched > 0) {
        writer_put(w,
                   "  mismatched %12s   sent with another's user, %s of them answered with 403\n",
                   text_count(r->mismatched, all), text_count(r->mismatched_refused, full));
    }
}

/* ---- How long it took ---- */

static void say_durations(struct writer *w, const char *name, const struct hist_fine *h)
{
    static const double percents[] = {50.0, 90.0, 99.0, 99.9};
    char text[QUANTITY_TEXT_MAX];
    if (h->count == 0) {
        return;
    }
    writer_put(w, "  %-12s", name);
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
        writer_put(w, " %9s", quantity_time_text(hist_fine_percentile(h, percents[i]), text));
    }
    writer_put(w, " %9s", quantity_time_text(h->max_ns, text));
    writer_put(w, " %9s\n", quantity_time_text(hist_fine_mean(h), text));
}

static void say_latency(struct writer *w, const struct result *r)
{
    if (r->service[PART_TOTAL].count == 0) {
        writer_put(w, "\nNo right answer came, so there is no latency to tell.\n");
        return;
    }
    writer_put(w, "\n  %-12s %9s %9s %9s %9s %9s %9s\n", "latency", "p50", "p90", "p99", "p99.9",
               "max", "mean");
    say_durations(w, "corrected", &r->corrected[PART_TOTAL]);
    say_durations(w, "as measured", &r->service[PART_TOTAL]);
    if (!r->options->closed) {
        writer_put(w,
                   "  corrected: from the moment at which the operation was due, waits included\n");
    }
    writer_put(w, "\n  parts, as measured\n");
    say_durations(w, "connect", &r->service[PART_CONNECT]);
    say_durations(w, "handshake", &r->service[PART_HANDSHAKE]);
    say_durations(w, "  resumed", &r->service[PART_RESUMED]);
    say_durations(w, "first byte", &r->service[PART_FIRST_BYTE]);
}

/* ---- The search ---- */

/* Of several tries of a rate the last one counted. */
static void say_client_limit(struct writer *w, const struct result *r, double rate)
{
    bool limited = false;
    for (size_t i = 0; i < r->step_count; i++) {
        limited = r->steps[i].rate == rate ? r->steps[i].client_limited : limited;
    }
    if (limited) {
        writer_put(w, "  the client was the limit at %.0f/s: the server may do more\n", rate);
    }
}

static void say_search(struct writer *w, const struct result *r)
{
    const struct options_slo *slo = &r->options->slo;
    char text[QUANTITY_TEXT_MAX];
    if (!r->options->find_max) {
        return;
    }
    writer_put(w, "\n  highest rate with p%g < %s: ", slo->percent,
               quantity_time_text(slo->limit_ns, text));
    if (r->max_low > 0.0) {
        writer_put(w, "%.0f/s", r->max_low);
    } else {
        writer_put(w, "none that was tried");
    }
    if (r->max_high > 0.0) {
        writer_put(w, " (%.0f/s did not meet it)", r->max_high);
    }
    writer_put(w, "%s\n", r->converged ? "" : ", search not ended");
    say_client_limit(w, r, r->max_low);
    say_client_limit(w, r, r->max_high);
    writer_put(w, "\n  %10s %10s %9s %9s\n", "asked", "reached", "latency", "wrong");
    for (size_t i = 0; i < r->step_count; i++) {
        const struct result_step *s = &r->steps[i];
        /* Neither wrong nor slow: then not all that was due was begun. */
        bool waited = !s->met && s->failed == 0 && s->slo_ns < r->options->slo.limit_ns;
        writer_put(w, "  %8.0f/s %8.0f/s %9s %9" PRIu64 "  %s%s%s\n", s->rate, s->reached,
                   quantity_time_text(s->slo_ns, text), s->failed, s->met ? "met" : "not met",
                   waited ? ", no connection was free for some" : "",
                   s->client_limited ? ", the client was the limit" : "");
    }
}

/* ---- What the figures are worth ---- */

static void say_client(struct writer *w, const struct result *r)
{
    const struct result_limit_row *row = NULL;
    double cpu = r->elapsed_ns > 0 ? 100.0 * (double)r->client_cpu_ns / (double)r->elapsed_ns : 0.0;
    writer_put(w, "\nclient: %.0f %% of a processor, busiest thread %.0f %%%s\n", cpu,
               100.0 * r->busiest_thread, r->limits == LIMIT_NONE ? "; it was not the limit" : "");
    for (size_t i = 0; (row = result_limit(i)) != NULL; i++) {
        if ((r->limits & (unsigned)row->limit) != 0) {
            writer_put(w, "%s: %s\n", row->ours ? "LIMITED BY THE CLIENT" : "CONNECTIONS USED UP",
                       row->text);
        }
    }
    if (r->mismatched_refused < r->mismatched) {
        char count[TEXT_COUNT_MAX];
        writer_put(w, "PAIRING: %s requests with another's user were not answered with 403%s\n",
                   text_count(r->mismatched - r->mismatched_refused, count),
                   r->statuses[429] > 0 ? "; there were 429: was it the server's lockout?" : "");
    }
    if (r->interrupted) {
        writer_put(w, "INTERRUPTED: the figures are of the time until then\n");
    }
}

int text_write(const struct result *r, struct buf *out)
{
    struct writer w = {out, 0};
    say_target(&w, r);
    say_load(&w, r);
    say_outcomes(&w, r);
    say_handshakes(&w, r);
    say_latency(&w, r);
    say_search(&w, r);
    say_client(&w, r);
    return w.rc;
}
