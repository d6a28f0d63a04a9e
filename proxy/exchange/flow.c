/* Owns: one upstream call and the two bodies that go through it. A full upstream holds back the
 * client's body, a full sink holds back the upstream's; nothing is kept here. On the loop's thread.
 */
#include "proxy/exchange/flow.h"

#include "base/clock.h"
#include "base/err.h"
#include "proxy/exchange/forward.h"
#include "proxy/exchange/record.h"
#include "proxy/exchange/reply.h"
#include "proxy/exchange/state.h"

static void want_body(struct exchange *x)
{
    x->ops->want_body(x->sink, true);
}

static void on_ready(void *self)
{
    struct exchange *x = self;
    if (x->state == EXCHANGE_CONNECT) {
        x->note.sent_us = clock_mono_us();
        state_enter(x, EXCHANGE_STREAM);
    }
    if (x->body_complete) {
        upstream_call_finish(x->call, NULL);
    } else {
        want_body(x);
    }
}

/* 100 is the sink's: want_body() has sent it where it was asked for. HTTP/1.0 knows no 1xx. */
static void on_interim(struct exchange *x, struct http_response *head)
{
    if (head->status == 101) {
        reply_problem(x, REASON_UPSTREAM_BAD_RESPONSE);
        return;
    }
    if (head->status == 100 || x->head->minor == 0) {
        return;
    }
    if (forward_response(&x->runtime->conf->headers, x->request_id, 0, head) != 0) {
        reply_problem(x, REASON_OUT_OF_MEMORY);
        return;
    }
    head->keep_alive = true;
    x->ops->head(x->sink, head);
}

static void on_head(void *self, struct http_response *head)
{
    struct exchange *x = self;
    if (head->status < 200) {
        on_interim(x, head);
        return;
    }
    x->note.answer_us = clock_mono_us();
    record_server(x);
    if (forward_response(&x->runtime->conf->headers, x->request_id, clock_wall_ms(), head) != 0) {
        reply_problem(x, REASON_OUT_OF_MEMORY);
        return;
    }
    head->keep_alive = true;
    x->status = head->status;
    x->ops->head(x->sink, head);
}

static void on_body(void *self, struct str octets)
{
    struct exchange *x = self;
    x->sent += octets.n;
    x->ops->body(x->sink, octets);
    if (!x->answer_paused && x->ops->full(x->sink)) {
        x->answer_paused = true;
        upstream_call_pause(x->call, true);
    }
}

static void on_end(void *self, struct fields *trailers)
{
    struct exchange *x = self;
    x->call = NULL;
    x->outcome = REASON_OK;
    if (trailers == NULL || trailers->n == 0 || !x->route->forward_trailers) {
        state_end(x, NULL);
        return;
    }
    forward_trailers(&x->runtime->conf->headers, trailers);
    state_end(x, trailers);
}

static void on_failed(void *self, enum reason why)
{
    struct exchange *x = self;
    record_server(x);
    x->call = NULL;
    reply_problem(x, why);
}

static void on_upstream_drained(void *self)
{
    struct exchange *x = self;
    if (!x->body_complete) {
        want_body(x);
    }
}

static const struct upstream_ops call_ops = {
    .on_ready = on_ready,
    .on_head = on_head,
    .on_body = on_body,
    .on_end = on_end,
    .on_failed = on_failed,
    .on_drained = on_upstream_drained,
};

/* The identity of a certificate that was accepted, or NULL. */
static const struct identity *accepted(const struct exchange *x)
{
    const struct gate_peer *gate = &x->peer->gate;
    return gate->certificate == REASON_OK ? gate->identity : NULL;
}

/* Only what was verified: the gate has refused what expired since. */
static void fill_own_facts(const struct exchange *x, struct own_facts *own)
{
    const struct identity *id = accepted(x);
    *own = (struct own_facts){.user = x->user};
    if (id != NULL) {
        own->subject = id->subject;
        own->issuer = id->issuer;
        own->serial = id->serial;
        own->fingerprint = str_of(id->fingerprint);
        own->certificate = true;
    }
}

/* What a failure to tell the upstream who asks means for the request. */
static enum reason untold(int rc)
{
    switch (rc) {
    case 0:
        return REASON_OK;
    case -ERR_TOO_LARGE:
        return REASON_IDENTITY_FIELDS_TOO_LARGE;
    case -ERR_MALFORMED:
        return REASON_CERT_IDENTITY_MALFORMED;
    case -ERR_CRYPTO:
        return REASON_INTERNAL;
    default:
        return REASON_OUT_OF_MEMORY;
    }
}

/* What came through for a report only is no proof of anything, but for a password that was proven.
 */
static bool keeps_authorization(const struct exchange *x)
{
    return x->route->forward_authorization &&
           (x->would == REASON_OK || gate_result(x->gate)->user_by_password);
}

/* The first request of a connection that passes with its certificate, and not for a report only. */
static void tell_sighted(const struct exchange *x)
{
    const struct identity *id = accepted(x);
    if (id == NULL || x->would != REASON_OK) {
        return;
    }
    *x->peer->sighted = true;
    if (x->env->sightings != NULL) {
        sightings_tell(x->env->sightings, id->digest, x->peer->client_text);
    }
}

void flow_start(struct exchange *x)
{
    const struct conf *conf = x->runtime->conf;
    x->body_max =
        x->route->body_max_bytes != 0 ? x->route->body_max_bytes : conf->limits.body_bytes;
    if (x->head->framing == HTTP_FRAMING_LENGTH && x->head->length > x->body_max) {
        reply_problem(x, REASON_HTTP_BODY_TOO_LARGE);
        return;
    }
    const struct gate_answer *answer = gate_result(x->gate);
    struct forward_facts facts = {
        .names = &conf->headers,
        .told = x->peer->told,
        .signer = x->runtime->signer,
        .slot = x->peer->slot,
        /* Whose certificate it is was not asked where the password alone counts. */
        .digest = accepted(x) != NULL && answer->user_by_certificate ? accepted(x)->digest : NULL,
        .wall_ms = clock_wall_ms(),
        .groups = answer->groups,
        .group_count = answer->group_count,
        .client_text = x->peer->client_text,
        .client_kind = x->peer->address->kind,
        .client_trusted = x->peer->trusted,
        .secure = x->peer->secure,
        .keep_authorization = keeps_authorization(x),
        .code_name = str_of(conf->totp.header.p),
        .request_id = x->request_id,
        .metrics = x->env->metrics,
    };
    fill_own_facts(x, &facts.own);
    enum reason why = untold(x->peer->told_error);
    if (why == REASON_OK) {
        why = untold(forward_request(&facts, x->head));
    }
    if (why != REASON_OK) {
        reply_problem(x, why);
        return;
    }
    if (x->peer->sighted != NULL && !*x->peer->sighted) {
        tell_sighted(x);
    }
    state_enter(x, EXCHANGE_CONNECT);
    x->call = upstream_call_start(x->runtime->upstreams, x->route->upstream, x->head, &x->arena,
                                  &call_ops, x);
    if (x->call == NULL) {
        reply_problem(x, REASON_OUT_OF_MEMORY);
    }
}

void flow_body(struct exchange *x, struct str octets)
{
    if (x->call == NULL) {
        return;
    }
    if (octets.n > x->body_max - x->received) {
        reply_problem(x, REASON_HTTP_BODY_TOO_LARGE);
        return;
    }
    x->received += octets.n;
    upstream_call_body(x->call, octets);
    if (x->call != NULL && upstream_call_full(x->call)) {
        x->ops->want_body(x->sink, false);
    }
}

void flow_body_end(struct exchange *x, struct fields *trailers)
{
    if (x->body_complete) {
        return;
    }
    x->body_complete = true;
    if (x->call == NULL || x->state != EXCHANGE_STREAM) {
        return;
    }
    if (trailers == NULL || trailers->n == 0 || !x->route->forward_trailers) {
        upstream_call_finish(x->call, NULL);
        return;
    }
    forward_trailers(&x->runtime->conf->headers, trailers);
    forward_drop_code(str_of(x->runtime->conf->totp.header.p), trailers);
    upstream_call_finish(x->call, trailers);
}

void flow_drained(struct exchange *x)
{
    if (x->call != NULL && x->answer_paused) {
        x->answer_paused = false;
        upstream_call_pause(x->call, false);
    }
}
