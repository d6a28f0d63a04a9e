/* Owns: filters, and where the next page begins. */
#include "ca/api_list.h"

#include <stdio.h>
#include <time.h>

#include <jansson.h>

#include "base/clock.h"
#include "ca/api_json.h"
#include "ca/records.h"

#define PAGE_MAX   1000
#define PAGE_USUAL 100
#define YEARS_MS   (INT64_C(100) * 366 * 86400000) /* longer than any certificate lives */

struct page {
    struct call *call;
    json_t *items;
    int64_t cursor;
    int64_t end_ms;
    char serial[48];
    size_t n; /* looked at, shown or not */
};

/* A row that one may not see makes the page shorter. */
static bool add_item(void *arg, const struct record *r)
{
    struct page *p = arg;
    p->cursor = r->cursor;
    p->end_ms = r->not_after_ms;
    (void)snprintf(p->serial, sizeof(p->serial), "%.*s", STR_ARG(r->serial));
    p->n++;
    if (!str_eq(r->user, p->call->self.who.name) && !call_is_operator(p->call, r->profile)) {
        return true;
    }
    return json_array_append_new(p->items, api_record(&p->call->service->life, r, false)) == 0;
}

static int read_limit(struct call *c, size_t *out)
{
    struct str text = http_query(c->request, "limit");
    uint64_t n = PAGE_USUAL;
    if (text.p != NULL && (!str_to_u64(text, &n) || n == 0 || n > PAGE_MAX)) {
        return err_set(&c->err, ERR_MALFORMED, "\"limit\" is not a number from 1 to %d", PAGE_MAX);
    }
    *out = (size_t)n;
    return 0;
}

static int bad_after(struct call *c)
{
    return err_set(&c->err, ERR_MALFORMED, "\"after\" is not what \"next\" said");
}

static int walk(struct call *c, const struct record_query *q, struct page *p)
{
    *p = (struct page){.call = c, .items = json_array()};
    return p->items != NULL ? record_each(&c->service->life, q, add_item, p, &c->err)
                            : err_set(&c->err, ERR_NOMEM, "out of memory");
}

/* next: where the next page begins, taken over; NULL: there is none. */
static int reply_page(struct call *c, const char *name, struct page *p, json_t *next)
{
    json_t *out = json_pack("{s:O}", name, p->items);
    if (out != NULL && next != NULL) {
        (void)json_object_set(out, "next", next);
    }
    json_decref(next);
    json_decref(p->items);
    return api_reply(c->reply, 200, out, &c->err);
}

int api_list_requests(struct call *c)
{
    enum life_state state = LIFE_STATE_COUNT;
    uint64_t after = 0;
    struct record_query q = {.limit = 0};
    struct page p;
    struct str wanted = http_query(c->request, "state");
    struct str from = http_query(c->request, "after");
    int rc = read_limit(c, &q.limit);
    if (rc != 0) {
        return rc;
    }
    if (from.p != NULL && (!str_to_u64(from, &after) || after == 0 || after > INT64_MAX)) {
        return bad_after(c);
    }
    state = life_state_of(wanted);
    if (wanted.p != NULL && state == LIFE_STATE_COUNT) {
        return err_set(&c->err, ERR_MALFORMED, "there is no such state");
    }
    q.state = wanted.p != NULL ? &state : NULL;
    q.user = call_is_any_operator(c) ? http_query(c->request, "user") : c->self.who.name;
    q.after = (int64_t)after;
    rc = walk(c, &q, &p);
    if (rc != 0) {
        json_decref(p.items);
        return rc;
    }
    return reply_page(c, "requests", &p, p.n == q.limit ? json_integer(p.cursor) : NULL);
}

/* A day: "2027-01-31". */
static bool read_day(struct str text, int64_t *ms)
{
    struct tm tm = {0};
    char day[11];
    (void)snprintf(day, sizeof(day), "%.*s", STR_ARG(text));
    const char *end = text.n == 10 ? strptime(day, "%Y-%m-%d", &tm) : NULL;
    *ms = end != NULL ? (int64_t)timegm(&tm) * 1000 : 0;
    return end != NULL && *end == '\0' && *ms > 0;
}

/* "MILLISECONDS-SERIAL": two certificates may end at one time. */
static bool read_place(struct str text, struct record_query *q)
{
    uint64_t ms = 0;
    struct str head;
    if (!str_cut(text, '-', &head, &q->after_serial) || !str_to_u64(head, &ms) || ms > INT64_MAX) {
        return false;
    }
    q->after = (int64_t)ms;
    return true;
}

int api_list_certificates(struct call *c)
{
    struct record_query q = {.after = clock_wall_ms()};
    struct page p;
    char next[80];
    struct str from = http_query(c->request, "after");
    struct str day = http_query(c->request, "expiresBefore");
    int rc = read_limit(c, &q.limit);
    if (rc != 0) {
        return rc;
    }
    if (from.p != NULL && !read_place(from, &q)) {
        return bad_after(c);
    }
    q.expires_before_ms = clock_wall_ms() + YEARS_MS;
    if (day.p != NULL && !read_day(day, &q.expires_before_ms)) {
        return err_set(&c->err, ERR_MALFORMED, "\"expiresBefore\" is not a day: 2027-01-31");
    }
    q.user = call_is_any_operator(c) ? http_query(c->request, "user") : c->self.who.name;
    rc = walk(c, &q, &p);
    if (rc != 0) {
        json_decref(p.items);
        return rc;
    }
    (void)snprintf(next, sizeof(next), "%lld-%s", (long long)p.end_ms, p.serial);
    return reply_page(c, "certificates", &p, p.n == q.limit ? json_string(next) : NULL);
}
