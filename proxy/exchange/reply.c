/* Owns: what our own answers look like. A problem document says no more than the status and the
 * reason's public text, so that nobody learns from it which factor failed. On the loop's thread. */
#include "proxy/exchange/reply.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/enc.h"
#include "base/err.h"
#include "proxy/exchange/state.h"

enum { PROBLEM_MAX = 2048, CHALLENGE_MAX = 2048, ALLOW_MAX = 128, LOCAL_MAX = 16 * 1024 * 1024 };

/* After these the client may go on with the connection; the others leave it in doubt, or useless.
 */
static bool keeps_connection(enum reason why)
{
    switch (reason_status(why)) {
    case 401:
    case 404:
    case 405:
    case 421:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
        return true;
    case 403:
        return why != REASON_CLIENT_CERT_WITHDRAWN;
    default:
        return false;
    }
}

static int add_date(struct exchange *x, struct fields *fields)
{
    char *date = arena_alloc(&x->arena, CLOCK_HTTP_DATE_LEN + 1);
    if (date == NULL) {
        return -ERR_NOMEM;
    }
    clock_http_date(clock_wall_ms(), date);
    return fields_add(fields, STR("Date"), (struct str){date, CLOCK_HTTP_DATE_LEN});
}

/* RFC 7617 2, 2.1 */
static int add_challenge(struct exchange *x, struct fields *fields)
{
    struct buf b;
    buf_init(&b, CHALLENGE_MAX);
    int r = buf_append(&b, STR("Basic realm="));
    if (r == 0) {
        r = enc_quoted_string(&b, str_of(x->runtime->conf->users.realm.p));
    }
    if (r == 0) {
        r = buf_append(&b, STR(", charset=\"UTF-8\""));
    }
    struct str value = r == 0 ? arena_dup(&x->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return value.p != NULL ? fields_add(fields, STR("WWW-Authenticate"), value) : -ERR_NOMEM;
}

/* Whole seconds, rounded up (RFC 9110 10.2.3). */
static int add_retry(struct exchange *x, struct fields *fields)
{
    struct str text = arena_printf(&x->arena, "%" PRIu64, (x->retry_ms + 999) / 1000);
    return text.p != NULL ? fields_add(fields, STR("Retry-After"), text) : -ERR_NOMEM;
}

static int add_allow(struct exchange *x, struct fields *fields)
{
    struct buf b;
    buf_init(&b, ALLOW_MAX);
    int r = route_allow(x->runtime->routes, x->route, &b);
    struct str value = r == 0 ? arena_dup(&x->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return value.p != NULL ? fields_add(fields, STR("Allow"), value) : -ERR_NOMEM;
}

static int problem_fields(struct exchange *x, enum reason why, struct fields *fields)
{
    fields_init(fields, &x->arena);
    int r = add_date(x, fields);
    if (r == 0) {
        r = fields_add(fields, STR("Content-Type"), STR("application/problem+json"));
    }
    if (r == 0) {
        r = fields_add(fields, STR("Cache-Control"), STR("no-store"));
    }
    if (r == 0 && x->request_id.n > 0) {
        r = fields_add(fields, STR("X-Request-Id"), x->request_id);
    }
    if (r == 0 && reason_status(why) == 401) {
        r = add_challenge(x, fields);
    }
    if (r == 0 && reason_status(why) == 503) {
        r = fields_add(fields, STR("Retry-After"), STR("1"));
    }
    if (r == 0 && why == REASON_LOCKED_OUT) {
        r = add_retry(x, fields);
    }
    if (r == 0 && why == REASON_METHOD_NOT_ALLOWED && x->route != NULL) {
        r = add_allow(x, fields);
    }
    return r;
}

static int problem_body(const struct exchange *x, enum reason why, struct buf *out)
{
    unsigned status = reason_status(why);
    int r = buf_append(out, STR("{\"type\":\"about:blank\",\"title\":"));
    if (r == 0) {
        r = enc_json_string(out, http_status_phrase(status));
    }
    if (r == 0) {
        r = buf_printf(out, ",\"status\":%u,\"detail\":", status);
    }
    if (r == 0) {
        r = enc_json_string(out, str_of(reason_text(why)));
    }
    if (r == 0 && x->request_id.n > 0) {
        r = buf_append(out, STR(",\"request_id\":"));
        if (r == 0) {
            r = enc_json_string(out, x->request_id);
        }
    }
    return r == 0 ? buf_append(out, STR("}\n")) : r;
}

static void send_answer(struct exchange *x, const struct http_response *head, struct str body)
{
    x->status = head->status;
    x->ops->head(x->sink, head);
    if (body.n > 0 && (x->head == NULL || x->head->method != HTTP_METHOD_HEAD)) {
        x->sent = body.n;
        x->ops->body(x->sink, body);
    }
    state_end(x, NULL);
}

void reply_problem(struct exchange *x, enum reason why)
{
    state_drop_call(x);
    x->outcome = why;
    if (reason_status(why) == 0 || x->status != 0) {
        state_abort(x, why);
        return;
    }
    state_enter(x, EXCHANGE_REPLY);
    struct http_response head = {.status = reason_status(why),
                                 .phrase = http_status_phrase(reason_status(why)),
                                 .minor = 1,
                                 .framing = HTTP_FRAMING_LENGTH,
                                 .keep_alive = keeps_connection(why)};
    struct buf body;
    buf_init(&body, PROBLEM_MAX);
    if (problem_fields(x, why, &head.fields) == 0 && problem_body(x, why, &body) == 0) {
        head.length = buf_len(&body);
        send_answer(x, &head, buf_str(&body));
    } else {
        state_abort(x, REASON_OUT_OF_MEMORY);
    }
    buf_release(&body);
}

static int local_fields(struct exchange *x, struct str content_type, struct fields *fields)
{
    fields_init(fields, &x->arena);
    int r = add_date(x, fields);
    if (r == 0 && content_type.n > 0) {
        r = fields_add(fields, STR("Content-Type"), content_type);
    }
    return r == 0 ? fields_add(fields, STR("Cache-Control"), STR("no-store")) : r;
}

void reply_local(struct exchange *x)
{
    struct local_answer answer = {.status = 500};
    buf_init(&answer.body, LOCAL_MAX);
    state_enter(x, EXCHANGE_REPLY);
    x->peer->local(x->peer->local_arg, x->head, &answer);
    struct http_response head = {.status = answer.status,
                                 .phrase = http_status_phrase(answer.status),
                                 .minor = 1,
                                 .framing = HTTP_FRAMING_LENGTH,
                                 .length = buf_len(&answer.body),
                                 .keep_alive = true};
    if (local_fields(x, answer.content_type, &head.fields) == 0) {
        x->outcome = REASON_OK;
        send_answer(x, &head, buf_str(&answer.body));
    } else {
        state_abort(x, REASON_OUT_OF_MEMORY);
    }
    buf_release(&answer.body);
}
