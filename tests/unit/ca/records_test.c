/* Looking at many: every list walks an index, in order, and the next page goes on where the last
 * one ended. */
#include <stdio.h>

#include "ca/records.h"
#include "tests/unit/ca/ca_lab.h"

#define COUNT     300
#define END_MS    (PKI_NOW_S * 1000 + LAB_DAY_MS)
#define SAME_END  100 /* that many end in the same second */
#define PAGE      7
#define USER_NAME "user%03d"

static void insert(struct ca_lab *lab, int i)
{
    char id[LIFE_ID_LEN + 1];
    char user[16];
    char serial[41];
    unsigned char fingerprint[32] = {(unsigned char)i, (unsigned char)(i >> 8)};
    (void)snprintf(id, sizeof(id), "%024x", i);
    (void)snprintf(user, sizeof(user), USER_NAME, i / 3);
    (void)snprintf(serial, sizeof(serial), "%040X", COUNT - i);
    int rc = db_query(lab->life.db,
                      "INSERT INTO request (id, state, kind, profile, user, company, requester, "
                      "origin, filed_ms, approvals_needed) "
                      "VALUES (?1, ?2, 3, 'client', ?3, 'x', 'y', 'z', 1, 0)",
                      DB_VALUES(DB_TEXT(str_of(id)), DB_NUMBER(LIFE_ACTIVE), DB_TEXT(str_of(user))),
                      NULL, NULL, NULL);
    assert_int_equal(rc, 0);
    rc = db_query(lab->life.db,
                  "INSERT INTO certificate (serial, request, der, fingerprint, not_before_ms, "
                  "not_after_ms) VALUES (?1, ?2, x'30', ?3, 1, ?4)",
                  DB_VALUES(DB_TEXT(str_of(serial)), DB_TEXT(str_of(id)),
                            DB_BLOB(((struct str){(const char *)fingerprint, 32})),
                            DB_NUMBER(END_MS + INT64_C(1000) * (i / SAME_END))),
                  NULL, NULL, NULL);
    assert_int_equal(rc, 0);
    const struct actor who = {STR("x"), STR("y")};
    assert_int_equal(
        audit_append(lab->life.db, &who, "test", str_of(i % 2 == 0 ? id : serial), STR_NONE, NULL),
        0);
}

static void fill(struct ca_lab *lab)
{
    lab_open(lab);
    assert_int_equal(db_begin(lab->life.db, NULL), 0);
    for (int i = 0; i < COUNT; i++) {
        insert(lab, i);
    }
    assert_int_equal(db_end(lab->life.db, 0, NULL), 0);
}

struct seen {
    size_t n;
    int64_t cursor;
    int64_t end_ms;
    char serial[41];
};

static bool look(void *arg, const struct record *r)
{
    struct seen *s = arg;
    s->n++;
    s->cursor = r->cursor;
    s->end_ms = r->not_after_ms;
    (void)snprintf(s->serial, sizeof(s->serial), "%.*s", STR_ARG(r->serial));
    return true;
}

struct row {
    const char *says;
    bool state;
    const char *user;
    const char *prefix;
    int64_t expires_before_ms;
    size_t total;
};

static const struct row rows[] = {
    {"all", false, NULL, NULL, 0, COUNT},
    {"of a state", true, NULL, NULL, 0, COUNT},
    {"of a user", false, "user007", NULL, 0, 3},
    {"of a user and a state", true, "user007", NULL, 0, 3},
    {"by their end", false, NULL, NULL, INT64_MAX, COUNT},
    {"by their end, up to one", false, NULL, NULL, END_MS + 1000, SAME_END},
    {"by the beginning of users, the first page", false, NULL, "user00", 0, PAGE},
    {"by a whole user", false, NULL, "user042", 0, 3},
    {"by what none begins with", false, NULL, "vser", 0, 0},
    {"by what could be a pattern", false, NULL, "user%", 0, 0},
};

static size_t walk(struct ca_lab *lab, const struct row *row)
{
    enum life_state active = LIFE_ACTIVE;
    struct record_query q = {.state = row->state ? &active : NULL,
                             .user = str_of(row->user),
                             .user_prefix = str_of(row->prefix),
                             .expires_before_ms = row->expires_before_ms,
                             .limit = PAGE};
    struct seen s = {.n = 0};
    size_t before;
    do {
        before = s.n;
        assert_int_equal(record_each(&lab->life, &q, look, &s, NULL), 0);
        q.after = row->expires_before_ms > 0 ? s.end_ms : s.cursor;
        q.after_serial = str_of(s.serial);
    } while (s.n - before == PAGE && row->prefix == NULL);
    return s.n;
}

static bool count_audit(void *arg, const struct audit_entry *a)
{
    (void)a;
    ++*(size_t *)arg;
    return true;
}

static void test_lists(void **state)
{
    struct ca_lab lab;
    size_t n = 0;
    (void)state;
    fill(&lab);
    int64_t scanned = db_scanned(lab.life.db);
    for (size_t i = 0; i < ROWS(rows); i++) {
        CHECK_ROW(rows[i].says, walk(&lab, &rows[i]) == rows[i].total);
        CHECK_ROW(rows[i].says, db_scanned(lab.life.db) == scanned);
    }
    assert_int_equal(audit_each_of(lab.life.db, STR("00000000000000000000000a"), STR_NONE,
                                   count_audit, &n, NULL),
                     0);
    assert_int_equal(n, 1);
    assert_true(db_scanned(lab.life.db) <= scanned + 1); /* two objects' lines are sorted */
    lab_close(&lab);
}

/* That the counter counts: a question without an index. */
static int pass_row(void *arg, const struct db_row *r)
{
    (void)arg;
    (void)r;
    return 0;
}

static void test_counter(void **state)
{
    struct ca_lab lab;
    (void)state;
    fill(&lab);
    int64_t scanned = db_scanned(lab.life.db);
    assert_int_equal(db_query(lab.life.db, "SELECT id FROM request WHERE company = ?1",
                              DB_VALUES(DB_TEXT(STR("x"))), pass_row, NULL, NULL),
                     0);
    assert_true(db_scanned(lab.life.db) - scanned >= COUNT - 1);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lists),
                                       cmocka_unit_test(test_counter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
