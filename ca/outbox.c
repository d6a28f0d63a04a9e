/* Owns: the rows. */
#include "ca/outbox.h"

#include <string.h>

#include "base/clock.h"

#define ERROR_MAX 200

/* After so long nobody needs to hear it any more. */
#define STALE_MS INT64_C(259200000)

static int take_number(void *arg, const struct db_row *r)
{
    *(int64_t *)arg = db_number(r, 0);
    return 0;
}

int outbox_put(const struct life *l, struct str request, enum message_kind kind, int64_t next_ms,
               int64_t *id, struct err *e)
{
    return db_query(l->db,
                    "INSERT INTO outbox (request, kind, made_ms, next_ms) "
                    "VALUES (?1, ?2, ?3, ?4) RETURNING id",
                    DB_VALUES(DB_TEXT(request), DB_NUMBER(kind), DB_NUMBER(clock_wall_ms()),
                              DB_NUMBER(next_ms)),
                    take_number, id, e);
}

struct taken {
    struct outbox_row *rows;
    size_t n;
};

static int take_row(void *arg, const struct db_row *r)
{
    struct taken *t = arg;
    struct str request = db_octets(r, 2);
    if (request.n != LIFE_ID_LEN) {
        return -ERR_MALFORMED;
    }
    struct outbox_row *row = &t->rows[t->n++];
    *row = (struct outbox_row){.id = db_number(r, 0),
                               .kind = (enum message_kind)db_number(r, 1),
                               .tries = (uint32_t)db_number(r, 3)};
    memcpy(row->request.text, request.p, request.n);
    return 0;
}

int outbox_take(const struct life *l, uint32_t lease_ms, struct outbox_row *rows, size_t n,
                size_t *taken, struct err *e)
{
    struct taken t = {rows, 0};
    int64_t now_ms = clock_wall_ms();
    int rc = db_query(l->db,
                      "UPDATE outbox SET next_ms = ?1 + ?2, tries = tries + 1, "
                      "made_ms = CASE made_ms WHEN 0 THEN ?1 ELSE made_ms END WHERE id IN "
                      "(SELECT id FROM outbox WHERE sent_ms = 0 AND failed_ms = 0 AND "
                      "next_ms <= ?1 AND kind > ?3 ORDER BY next_ms LIMIT ?4) "
                      "RETURNING id, kind, request, tries",
                      DB_VALUES(DB_NUMBER(now_ms), DB_NUMBER(lease_ms), DB_NUMBER(MESSAGE_PASSWORD),
                                DB_NUMBER(n)),
                      take_row, &t, e);
    *taken = rc == 0 ? t.n : 0;
    return rc;
}

int outbox_result(const struct life *l, int64_t id, const char *error, int64_t next_ms,
                  struct err *e)
{
    int64_t now_ms = clock_wall_ms();
    if (error == NULL) {
        return db_query(l->db,
                        "UPDATE outbox SET sent_ms = ?2, failed_ms = 0, error = '' WHERE id = ?1",
                        DB_VALUES(DB_NUMBER(id), DB_NUMBER(now_ms)), NULL, NULL, e);
    }
    struct str text = str_slice(str_of(error), 0, ERROR_MAX);
    return db_query(l->db,
                    "UPDATE outbox SET error = ?2, next_ms = ?3, failed_ms = CASE WHEN ?3 = 0 OR "
                    "?3 - made_ms > ?5 THEN ?4 ELSE 0 END WHERE id = ?1 AND sent_ms = 0",
                    DB_VALUES(DB_NUMBER(id), DB_TEXT(text), DB_NUMBER(next_ms), DB_NUMBER(now_ms),
                              DB_NUMBER(STALE_MS)),
                    NULL, NULL, e);
}

int outbox_drop(const struct life *l, int64_t id, struct err *e)
{
    return db_query(l->db, "DELETE FROM outbox WHERE id = ?1", DB_VALUES(DB_NUMBER(id)), NULL, NULL,
                    e);
}

int outbox_forget(const struct life *l, struct err *e)
{
    return db_query(l->db, "DELETE FROM outbox WHERE sent_ms = 0 AND failed_ms = 0 AND kind > ?1",
                    DB_VALUES(DB_NUMBER(MESSAGE_PASSWORD)), NULL, NULL, e);
}

int outbox_begin(const struct life *l, bool notices, struct err *e)
{
    int rc =
        db_query(l->db,
                 "UPDATE outbox SET failed_ms = ?1, error = 'the process ended before it was "
                 "sent: have a new code made' WHERE sent_ms = 0 AND failed_ms = 0 AND "
                 "kind <= ?2",
                 DB_VALUES(DB_NUMBER(clock_wall_ms()), DB_NUMBER(MESSAGE_PASSWORD)), NULL, NULL, e);
    return rc == 0 && !notices ? outbox_forget(l, e) : rc;
}

struct walk {
    outbox_each_fn each;
    void *arg;
};

enum { ENDED = 1 };

static int show(void *arg, const struct db_row *r)
{
    const struct walk *w = arg;
    const struct outbox_shown s = {.kind = (enum message_kind)db_number(r, 0),
                                   .made_ms = db_number(r, 1),
                                   .sent_ms = db_number(r, 2),
                                   .failed_ms = db_number(r, 3),
                                   .tries = (uint32_t)db_number(r, 4),
                                   .error = db_octets(r, 5)};
    return w->each(w->arg, &s) ? 0 : ENDED;
}

int outbox_each(const struct life *l, struct str request, outbox_each_fn each, void *arg,
                struct err *e)
{
    struct walk w = {each, arg};
    int rc = db_query(l->db,
                      "SELECT kind, made_ms, sent_ms, failed_ms, tries, error FROM outbox "
                      "WHERE request = ?1 AND (sent_ms != 0 OR failed_ms != 0 OR kind <= ?2 OR ?3) "
                      "ORDER BY id",
                      DB_VALUES(DB_TEXT(request), DB_NUMBER(MESSAGE_PASSWORD),
                                DB_NUMBER(l->conf->notify.notices.p != NULL)),
                      show, &w, e);
    return rc == ENDED ? 0 : rc;
}
