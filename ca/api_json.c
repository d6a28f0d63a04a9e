/* Owns: the names of members, and which state is which status. */
#include "ca/api_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ca/compare.h"
#include "ca/csr.h"
#include "ca/outbox.h"
#include "ca/withdraw.h"

json_t *api_parse(struct str text, struct err *e)
{
    json_error_t error;
    json_t *root = json_loadb(text.n > 0 ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        /* Behind that the library quotes what was sent; that may be a code, and this goes to the
         * log. */
        char *quoted = strstr(error.text, " near '");
        if (quoted != NULL) {
            *quoted = '\0';
        }
        (void)err_set(e, ERR_MALFORMED, "the body is not JSON: line %d, column %d: %s", error.line,
                      error.column, error.text);
        return NULL;
    }
    if (!json_is_object(root)) {
        json_decref(root);
        (void)err_set(e, ERR_MALFORMED, "the body is not a JSON object");
        return NULL;
    }
    return root;
}

struct str api_member(const json_t *root, const char *name)
{
    const json_t *v = json_object_get(root, name);
    return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)} : STR_NONE;
}

static const char *status_name(enum life_state s)
{
    switch (s) {
    case LIFE_PENDING:
        return "PENDING";
    case LIFE_APPROVED:
        return "APPROVED";
    case LIFE_DENIED:
        return "REJECTED";
    case LIFE_ISSUED:
    case LIFE_DELIVERED:
    case LIFE_ACTIVE:
    case LIFE_RENEWED:
    case LIFE_WITHDRAWN:
    case LIFE_EXPIRED:
    case LIFE_STATE_COUNT:
        break;
    }
    return "EXECUTED";
}

static void set_text(json_t *o, const char *name, struct str s)
{
    (void)json_object_set_new(o, name, json_stringn(s.n > 0 ? s.p : "", s.n));
}

static void set_time(json_t *o, const char *name, int64_t ms)
{
    char text[CLOCK_RFC3339_LEN + 1];
    if (ms > 0) {
        clock_rfc3339(ms, text);
        (void)json_object_set_new(o, name, json_string(text));
    } else {
        (void)json_object_set_new(o, name, json_null());
    }
}

struct lists {
    json_t *agreed;
    json_t *refused;
};

static bool add_decision(void *arg, const struct record_decision *d)
{
    const struct lists *l = arg;
    return json_array_append_new(d->agreed ? l->agreed : l->refused,
                                 json_stringn(d->operator_name.p, d->operator_name.n)) == 0;
}

/* While agreements are missing: the groups whose members may give them. */
static json_t *waiting_for(const struct life *l, const struct record *r)
{
    json_t *groups = json_array();
    const struct conf_ca_profile *p = life_profile(l, r->profile);
    for (size_t i = 0; r->state == LIFE_PENDING && p != NULL && i < p->operators.n; i++) {
        (void)json_array_append_new(groups, json_string(p->operators.v[i].p));
    }
    return groups;
}

static int set_decisions(json_t *o, const struct life *l, const struct record *r)
{
    struct lists lists = {json_array(), json_array()};
    int rc = record_decisions(l, r->id, add_decision, &lists, NULL);
    (void)json_object_set_new(o, "approvedBy", lists.agreed);
    (void)json_object_set_new(o, "notYetApprovedBy", waiting_for(l, r));
    (void)json_object_set_new(o, "rejectedBy", lists.refused);
    (void)json_object_set_new(o, "approvals", json_integer(r->approvals));
    (void)json_object_set_new(o, "approvalsNeeded", json_integer(r->approvals_needed));
    return rc;
}

static json_t *pem_of(struct str der)
{
    char *p = NULL;
    const unsigned char *in = (const unsigned char *)der.p;
    X509 *x = der.n > 0 ? d2i_X509(NULL, &in, (long)der.n) : NULL;
    BIO *bio = x != NULL ? BIO_new(BIO_s_mem()) : NULL;
    json_t *text = NULL;
    if (bio != NULL && PEM_write_bio_X509(bio, x) == 1) {
        long n = BIO_get_mem_data(bio, &p);
        text = json_stringn(p, (size_t)n);
    }
    BIO_free(bio);
    X509_free(x);
    return text != NULL ? text : json_null();
}

/* What an operator looks at before saying yes. */
static void set_csr(json_t *o, const struct record *r)
{
    struct csr *csr = NULL;
    char key[24];
    if (r->csr.n > 0 && csr_read(r->csr, &csr, NULL) == 0) {
        csr_key_name(csr, key);
        (void)json_object_set_new(o, "subject", json_string(csr->subject));
        (void)json_object_set_new(o, "key", json_string(key));
    }
    csr_free(csr);
}

static json_t *text_or_null(const char *text)
{
    return text[0] != '\0' ? json_string(text) : json_null();
}

/* What is new against the last certificate of the same user; null: there is none. */
static int set_difference(json_t *o, const struct life *l, const struct record *r)
{
    struct comparison c;
    if (compare_last(l, r, &c, NULL) != 0) {
        return -ERR_IO;
    }
    if (!c.any_before) {
        return json_object_set_new(o, "difference", json_null());
    }
    json_t *fields = json_array();
    for (size_t i = 0; i < COMPARE_COUNT; i++) {
        const struct compare_field *f = &c.fields[i];
        (void)json_array_append_new(
            fields, json_pack("{s:s,s:o,s:o,s:b}", "field", compare_token((enum compare_name)i),
                              "new", text_or_null(f->now), "old", text_or_null(f->before),
                              "changed", (int)f->changed));
    }
    json_t *difference = json_pack("{s:s,s:s,s:o}", "request", c.before.text, "state",
                                   life_state_name(c.before_state), "fields", fields);
    return json_object_set_new(o, "difference", difference);
}

/* What was told, or could not be. */
static bool add_message(void *arg, const struct outbox_shown *s)
{
    json_t *o = json_object();
    (void)json_object_set_new(o, "kind", json_string(message_name(s->kind)));
    set_time(o, "sent", s->sent_ms);
    set_time(o, "givenUp", s->failed_ms);
    if (s->error.n > 0) {
        set_text(o, "error", s->error);
    }
    return json_array_append_new(arg, o) == 0;
}

static int set_messages(json_t *o, const struct life *l, const struct record *r)
{
    json_t *messages = json_array();
    int rc = outbox_each(l, r->id, add_message, messages, NULL);
    (void)json_object_set_new(o, "messages", messages);
    return rc;
}

/* A hold is told by its reason. */
static void set_withdrawn(json_t *o, const struct record *r)
{
    const char *reason = withdraw_reason_name(r->withdrawn_reason);
    if (reason != NULL) {
        set_time(o, "withdrawnTime", r->withdrawn_ms);
        (void)json_object_set_new(o, "withdrawnReason", json_string(reason));
    }
}

json_t *api_record(const struct life *l, const struct record *r, bool full)
{
    json_t *o = json_object();
    if (o == NULL) {
        return NULL;
    }
    set_text(o, "id", r->id);
    (void)json_object_set_new(o, "status", json_string(status_name(r->state)));
    (void)json_object_set_new(o, "state", json_string(life_state_name(r->state)));
    (void)json_object_set_new(o, "kind", json_string(life_kind_name(r->kind)));
    set_text(o, "profile", r->profile);
    set_text(o, "user", r->user);
    set_text(o, "company", r->company);
    set_text(o, "requestedBy", r->requester);
    set_text(o, "requestedFrom", r->origin);
    set_time(o, "requestTime", r->filed_ms);
    if (r->denied_reason.n > 0) {
        set_text(o, "reason", r->denied_reason);
    }
    if (r->renews.n > 0) {
        set_text(o, "renews", r->renews);
    }
    if (r->serial.n > 0) {
        set_text(o, "serial", r->serial);
        set_time(o, "notBefore", r->not_before_ms);
        set_time(o, "notAfter", r->not_after_ms);
        set_withdrawn(o, r);
    }
    if (full) {
        if (set_decisions(o, l, r) != 0 || set_difference(o, l, r) != 0 ||
            set_messages(o, l, r) != 0) {
            json_decref(o);
            return NULL;
        }
        set_csr(o, r);
        set_time(o, "executionTime", r->serial.n > 0 ? r->decided_ms : 0);
        (void)json_object_set_new(o, "result", pem_of(r->certificate));
    }
    return o;
}

int api_reply(struct http_reply *reply, unsigned status, json_t *v, struct err *e)
{
    char *text = v != NULL ? json_dumps(v, JSON_COMPACT) : NULL;
    int rc = text != NULL ? buf_append(&reply->body, str_of(text)) : -ERR_NOMEM;
    if (text != NULL) {
        mem_wipe(text, strlen(text)); /* may hold a code */
    }
    free(text);
    json_decref(v);
    if (rc != 0) {
        buf_clear(&reply->body);
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    reply->status = status;
    reply->type = "application/json";
    return 0;
}

/* The words of RFC 9110, as an about:blank problem has them. */
static const char *title_of(unsigned status)
{
    switch (status) {
    case 400:
        return "Bad Request";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 413:
        return "Content Too Large";
    case 503:
        return "Service Unavailable";
    default:
        return "Internal Server Error";
    }
}

void api_problem(struct http_reply *reply, unsigned status, const char *detail)
{
    json_t *v = json_pack("{s:s,s:s,s:i,s:s}", "type", "about:blank", "title", title_of(status),
                          "status", (int)status, "detail", detail);
    buf_clear(&reply->body);
    if (api_reply(reply, status, v, NULL) != 0) {
        reply->status = 500;
        reply->type = NULL;
        return;
    }
    reply->type = "application/problem+json";
}

void api_not_allowed(struct http_reply *reply, const char *allowed)
{
    char detail[64];
    (void)snprintf(detail, sizeof(detail), "this is done with another method: %s", allowed);
    http_reply_field(reply, "Allow", allowed);
    api_problem(reply, 405, detail);
}

int api_reason(struct str name)
{
    return withdraw_reason_of(name);
}
