/* Owns: from an entry of the record, and from a call that was refused, to a line. No text that
 * somebody has sent gets into one but names, paths and reasons: codes and passwords are in none of
 * these. */
#include "ca/journal.h"

#include <stdio.h>
#include <string.h>

#include "ca/call.h"

#define BATCH      256
#define EVENT_MAX  48
#define FIELDS_MAX 9

struct writing {
    struct log *log;
    int64_t seq; /* of the last that was written */
    size_t n;
};

struct line {
    struct log_field fields[FIELDS_MAX];
    size_t n;
};

static void add(struct line *line, const char *key, struct str text)
{
    if (text.n > 0) {
        line->fields[line->n++] = LOG_TEXT(key, text);
    }
}

/* "request.filed" is the event request_filed: events have one kind of separator. */
static void name_event(struct str action, char out[EVENT_MAX])
{
    (void)snprintf(out, EVENT_MAX, "%.*s", STR_ARG(action));
    for (char *p = strchr(out, '.'); p != NULL; p = strchr(p, '.')) {
        *p = '_';
    }
}

static int write_entry(void *arg, const struct db_row *r)
{
    struct writing *w = arg;
    struct line line = {.n = 0};
    char event[EVENT_MAX];
    name_event(db_octets(r, 1), event);
    line.fields[line.n++] = LOG_NUMBER("entry", db_number(r, 0));
    add(&line, "request", db_octets(r, 5));
    add(&line, "serial", db_octets(r, 6));
    add(&line, "user", db_octets(r, 7));
    add(&line, "profile", db_octets(r, 8));
    add(&line, "who", db_octets(r, 2));
    add(&line, "from", db_octets(r, 3));
    add(&line, "detail", db_octets(r, 4));
    log_event(w->log, LOG_LEVEL_INFO, event, line.fields, line.n);
    w->seq = db_number(r, 0);
    w->n++;
    return 0;
}

static int take_seq(void *arg, const struct db_row *r)
{
    *(int64_t *)arg = db_number(r, 0);
    return 0;
}

int journal_begin(const struct life *l, int64_t *seq, struct err *e)
{
    *seq = 0;
    return db_query(l->db, "SELECT seq FROM audit ORDER BY seq DESC LIMIT 1",
                    (struct db_values){NULL, 0}, take_seq, seq, e);
}

/* What an entry is about is named by a request's id or a certificate's serial number. */
void journal_write(const struct life *l, struct log *log, int64_t *seq)
{
    struct err e = {0};
    struct writing w = {.log = log, .seq = *seq};
    if (!log_wants(log, LOG_LEVEL_INFO)) {
        return;
    }
    do {
        w.n = 0;
        int rc = db_query(
            l->db,
            "SELECT a.seq, a.action, a.actor, a.origin, a.detail, r.id, "
            "coalesce(c.serial, (SELECT serial FROM certificate WHERE request = r.id)), r.user, "
            "r.profile FROM audit a LEFT JOIN certificate c ON c.serial = a.object "
            "LEFT JOIN request r ON r.id = coalesce(c.request, a.object) "
            "WHERE a.seq > ?1 ORDER BY a.seq LIMIT ?2",
            DB_VALUES(DB_NUMBER(w.seq), DB_NUMBER(BATCH)), write_entry, &w, &e);
        *seq = w.seq;
        if (rc != 0) {
            LOG(log, LOG_LEVEL_ERROR, "record_not_read", LOG_TEXT("error", str_of(e.text)));
            return;
        }
    } while (w.n == BATCH);
}

enum reason journal_reason(const struct call *c, unsigned status)
{
    if (status < 400) {
        return REASON_OK;
    }
    switch ((int)c->err.code) {
    case ERR_MALFORMED:
    case ERR_UNSUPPORTED:
        return REASON_CA_REQUEST_MALFORMED;
    case ERR_TOO_LARGE:
        return REASON_HTTP_BODY_TOO_LARGE;
    case ERR_DENIED:
        return c->code_refused ? REASON_CA_CODE_REFUSED : REASON_CA_DENIED;
    case ERR_NOT_FOUND:
        return REASON_CA_NOT_FOUND;
    case ERR_EXISTS:
    case ERR_CLOSED:
        return REASON_CA_CONFLICT;
    case ERR_BUSY:
    case ERR_FULL:
        return REASON_CA_BUSY;
    case ERR_UNAVAILABLE:
        return REASON_USER_STORE_UNAVAILABLE;
    default:
        return status == 405 ? REASON_METHOD_NOT_ALLOWED : REASON_INTERNAL;
    }
}

void journal_refused(const struct call *c)
{
    enum reason reason = journal_reason(c, c->reply->status);
    struct line line = {.n = 0};
    bool ours = reason_class(reason) == REASON_CLASS_SELF;
    if (reason == REASON_OK || (str_eq(c->request->method, STR("GET")) && !ours)) {
        return;
    }
    add(&line, "reason", str_of(reason_token(reason)));
    line.fields[line.n++] = LOG_NUMBER("status", c->reply->status);
    add(&line, "request", str_of(c->tried));
    add(&line, "who", c->self.who.name);
    add(&line, "from", http_field(c->request, "X-Forwarded-For"));
    add(&line, "path", c->request->path);
    add(&line, "error", str_of(c->err.text));
    log_event(c->service->log, log_level_of(reason), "refused", line.fields, line.n);
}
