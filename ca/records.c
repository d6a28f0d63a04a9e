/* Owns: the questions to the database. */
#include "ca/records.h"

#define COLUMNS                                                                                    \
    "r.seq, r.id, r.state, r.kind, r.profile, r.user, r.company, r.requester, r.origin, r.csr, "   \
    "r.filed_ms, r.decided_ms, r.approvals_needed, "                                               \
    "(SELECT count(*) FROM decision d WHERE d.request = r.id AND d.agreed = 1), "                  \
    "r.denied_reason, r.renews, c.der, c.serial, c.not_before_ms, c.not_after_ms, "                \
    "c.withdrawn_ms, coalesce(c.withdrawn_reason, -1) "
#define TABLES "FROM request r LEFT JOIN certificate c ON c.request = r.id "

enum { ENDED = 1 };

struct walk {
    record_each_fn each;
    void *arg;
    bool any;
};

static int show(void *arg, const struct db_row *row)
{
    struct walk *w = arg;
    struct record r = {.cursor = db_number(row, 0),
                       .id = db_octets(row, 1),
                       .state = (enum life_state)db_number(row, 2),
                       .kind = (enum life_kind)db_number(row, 3),
                       .profile = db_octets(row, 4),
                       .user = db_octets(row, 5),
                       .company = db_octets(row, 6),
                       .requester = db_octets(row, 7),
                       .origin = db_octets(row, 8),
                       .csr = db_octets(row, 9),
                       .filed_ms = db_number(row, 10),
                       .decided_ms = db_number(row, 11),
                       .approvals_needed = (uint32_t)db_number(row, 12),
                       .approvals = (uint32_t)db_number(row, 13),
                       .denied_reason = db_octets(row, 14),
                       .renews = db_octets(row, 15),
                       .certificate = db_octets(row, 16),
                       .serial = db_octets(row, 17),
                       .not_before_ms = db_number(row, 18),
                       .not_after_ms = db_number(row, 19),
                       .withdrawn_ms = db_number(row, 20),
                       .withdrawn_reason = (int)db_number(row, 21)};
    w->any = true;
    return w->each(w->arg, &r) ? 0 : ENDED;
}

static int walk(const struct life *l, const char *sql, struct db_values values, struct walk *w,
                struct err *e)
{
    int rc = db_query(l->db, sql, values, show, w, e);
    return rc == ENDED ? 0 : rc;
}

static struct db_value before(int64_t cursor)
{
    return DB_NUMBER(cursor > 0 ? cursor : INT64_MAX);
}

/* Those in use, in the order of their ends; of one end, of their serial numbers. */
static int walk_ends(const struct life *l, const struct record_query *q, struct walk *w,
                     struct err *e)
{
    struct db_value serial = DB_TEXT(q->after_serial);
    if (q->user.n > 0) {
        return walk(l,
                    "SELECT " COLUMNS "FROM request r JOIN certificate c ON c.request = r.id "
                    "WHERE r.user = ?5 AND (c.not_after_ms, c.serial) > (?1, ?2) "
                    "AND c.not_after_ms < ?3 AND r.state BETWEEN 3 AND 5 "
                    "ORDER BY c.not_after_ms, c.serial LIMIT ?4",
                    DB_VALUES(DB_NUMBER(q->after), serial, DB_NUMBER(q->expires_before_ms),
                              DB_NUMBER(q->limit), DB_TEXT(q->user)),
                    w, e);
    }
    return walk(l,
                "SELECT " COLUMNS "FROM certificate c CROSS JOIN request r ON r.id = c.request "
                "WHERE (c.not_after_ms, c.serial) > (?1, ?2) AND c.not_after_ms < ?3 "
                "AND r.state BETWEEN 3 AND 5 ORDER BY c.not_after_ms, c.serial LIMIT ?4",
                DB_VALUES(DB_NUMBER(q->after), serial, DB_NUMBER(q->expires_before_ms),
                          DB_NUMBER(q->limit)),
                w, e);
}

/* A statement for each kind of question, so that each uses its index. */
int record_each(const struct life *l, const struct record_query *q, record_each_fn each, void *arg,
                struct err *e)
{
    struct walk w = {each, arg, false};
    struct db_value limit = DB_NUMBER(q->limit);
    if (q->expires_before_ms > 0) {
        return walk_ends(l, q, &w, e);
    }
    if (q->user_prefix.n > 0) {
        /* No text is behind that of the last character there is. */
        return walk(l,
                    "SELECT " COLUMNS TABLES "WHERE r.user >= ?1 AND r.user < ?1 || char(1114111) "
                    "ORDER BY r.user, r.seq LIMIT ?2",
                    DB_VALUES(DB_TEXT(q->user_prefix), limit), &w, e);
    }
    if (q->user.n > 0 && q->state != NULL) {
        return walk(l,
                    "SELECT " COLUMNS TABLES "WHERE r.user = ?1 AND r.state = ?2 AND r.seq < ?3 "
                    "ORDER BY r.seq DESC LIMIT ?4",
                    DB_VALUES(DB_TEXT(q->user), DB_NUMBER(*q->state), before(q->after), limit), &w,
                    e);
    }
    if (q->user.n > 0) {
        return walk(l,
                    "SELECT " COLUMNS TABLES "WHERE r.user = ?1 AND r.seq < ?2 "
                    "ORDER BY r.seq DESC LIMIT ?3",
                    DB_VALUES(DB_TEXT(q->user), before(q->after), limit), &w, e);
    }
    if (q->state != NULL) {
        return walk(l,
                    "SELECT " COLUMNS TABLES "WHERE r.state = ?1 AND r.seq < ?2 "
                    "ORDER BY r.seq DESC LIMIT ?3",
                    DB_VALUES(DB_NUMBER(*q->state), before(q->after), limit), &w, e);
    }
    return walk(l, "SELECT " COLUMNS TABLES "WHERE r.seq < ?1 ORDER BY r.seq DESC LIMIT ?2",
                DB_VALUES(before(q->after), limit), &w, e);
}

int record_show(const struct life *l, struct str id, record_each_fn each, void *arg, struct err *e)
{
    struct walk w = {each, arg, false};
    int rc = walk(l, "SELECT " COLUMNS TABLES "WHERE r.id = ?1", DB_VALUES(DB_TEXT(id)), &w, e);
    return rc == 0 && !w.any
               ? err_set(e, ERR_NOT_FOUND, "there is no request \"%.*s\"", STR_ARG(id))
               : rc;
}

int record_show_serial(const struct life *l, struct str serial, record_each_fn each, void *arg,
                       struct err *e)
{
    struct walk w = {each, arg, false};
    int rc = walk(l,
                  "SELECT " COLUMNS
                  "FROM certificate c JOIN request r ON r.id = c.request WHERE c.serial = ?1",
                  DB_VALUES(DB_TEXT(serial)), &w, e);
    return rc == 0 && !w.any
               ? err_set(e, ERR_NOT_FOUND, "there is no certificate with the serial number %.*s",
                         STR_ARG(serial))
               : rc;
}

int record_show_fingerprint(const struct life *l, struct str fingerprint, record_each_fn each,
                            void *arg, struct err *e)
{
    struct walk w = {each, arg, false};
    int rc = walk(l,
                  "SELECT " COLUMNS
                  "FROM certificate c JOIN request r ON r.id = c.request WHERE c.fingerprint = ?1",
                  DB_VALUES(DB_BLOB(fingerprint)), &w, e);
    return rc == 0 && !w.any ? err_set(e, ERR_NOT_FOUND, "this CA has not issued this certificate")
                             : rc;
}

int record_show_key(const struct life *l, struct str spki, struct str user, record_each_fn each,
                    void *arg, struct err *e)
{
    struct walk w = {each, arg, false};
    return walk(l,
                "SELECT " COLUMNS TABLES "WHERE r.spki = ?1 AND r.user = ?2 "
                "ORDER BY r.seq DESC LIMIT 1",
                DB_VALUES(DB_BLOB(spki), DB_TEXT(user)), &w, e);
}

int record_show_last(const struct life *l, const struct record_sought *s, record_each_fn each,
                     void *arg, struct err *e)
{
    struct walk w = {each, arg, false};
    return walk(l,
                "SELECT " COLUMNS "FROM request r JOIN certificate c ON c.request = r.id "
                "WHERE r.user = ?1 AND r.seq < ?2 AND r.id <> ?3 ORDER BY r.seq DESC LIMIT 1",
                DB_VALUES(DB_TEXT(s->user), DB_NUMBER(s->before), DB_TEXT(s->except)), &w, e);
}

struct decisions {
    record_decision_fn each;
    void *arg;
};

static int show_decision(void *arg, const struct db_row *r)
{
    const struct decisions *w = arg;
    struct record_decision d = {db_octets(r, 0), db_number(r, 1) != 0, db_number(r, 2)};
    return w->each(w->arg, &d) ? 0 : ENDED;
}

int record_decisions(const struct life *l, struct str id, record_decision_fn each, void *arg,
                     struct err *e)
{
    struct decisions w = {each, arg};
    int rc = db_query(l->db,
                      "SELECT operator, agreed, at_ms FROM decision WHERE request = ?1 "
                      "ORDER BY at_ms, operator",
                      DB_VALUES(DB_TEXT(id)), show_decision, &w, e);
    return rc == ENDED ? 0 : rc;
}
