/* Lines of the CA's log: why a call was refused, and each step of the record once. */
#include "ca/call.h"
#include "ca/journal.h"
#include "ca/withdraw.h"
#include "tests/unit/ca/ca_lab.h"

static void test_reasons(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        unsigned status;
        enum err_code code;
        bool with_code;
        enum reason reason;
    } rows[] = {
        {"not refused", 200, ERR_OK, false, REASON_OK},
        {"an answer that says so by itself", 202, ERR_DENIED, false, REASON_OK},
        {"no good request", 400, ERR_MALFORMED, false, REASON_CA_REQUEST_MALFORMED},
        {"a kind that is not known", 400, ERR_UNSUPPORTED, false, REASON_CA_REQUEST_MALFORMED},
        {"too long", 413, ERR_TOO_LARGE, false, REASON_HTTP_BODY_TOO_LARGE},
        {"somebody who may not", 403, ERR_DENIED, false, REASON_CA_DENIED},
        {"a wrong code", 403, ERR_DENIED, true, REASON_CA_CODE_REFUSED},
        {"no code at all", 400, ERR_MALFORMED, true, REASON_CA_REQUEST_MALFORMED},
        {"not there", 404, ERR_NOT_FOUND, false, REASON_CA_NOT_FOUND},
        {"there already", 409, ERR_EXISTS, false, REASON_CA_CONFLICT},
        {"decided", 409, ERR_CLOSED, false, REASON_CA_CONFLICT},
        {"others write", 503, ERR_BUSY, false, REASON_CA_BUSY},
        {"no room", 503, ERR_FULL, false, REASON_CA_BUSY},
        {"the users' store fails", 503, ERR_UNAVAILABLE, false, REASON_USER_STORE_UNAVAILABLE},
        {"our fault", 500, ERR_IO, false, REASON_INTERNAL},
        {"another method", 405, ERR_OK, false, REASON_METHOD_NOT_ALLOWED},
        {"no reason at all", 500, ERR_OK, false, REASON_INTERNAL},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct call c = {.err = {.code = rows[i].code}, .code_refused = rows[i].with_code};
        CHECK_ROW(rows[i].says, journal_reason(&c, rows[i].status) == rows[i].reason);
    }
}

static void test_ids(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is;
    } rows[] = {
        {"", false},
        {"0123-4567-89ab-cdef", false}, /* the form of a code */
        {"0123456789abcdef0123456", false},
        {"0123456789abcdef012345678", false},
        {"0123456789ABCDEF01234567", false},
        {"0123456789abcdef01234567", true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        CHECK_ROW(rows[i].text, life_is_id(str_of(rows[i].text)) == rows[i].is);
    }
}

struct lines {
    struct ca_lab lab;
    struct logfile *file;
    struct log *log;
    int64_t seq;
};

static void open_lines(struct lines *l, enum log_level level)
{
    char path[TMPDIR_PATH_MAX];
    lab_open(&l->lab);
    l->file = logfile_open(tmpdir_path(&l->lab.dir, "log", path), 0, NULL);
    assert_non_null(l->file);
    l->log = log_new(l->file, level, LOG_FORMAT_LOGFMT, "ca");
    assert_non_null(l->log);
}

/* What was logged; free(). */
static char *read_lines(const struct lines *l)
{
    return tmpdir_read(&l->lab.dir, "log", NULL);
}

static void close_lines(struct lines *l)
{
    log_free(l->log);
    logfile_close(l->file);
    lab_close(&l->lab);
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *p = strstr(text, what); p != NULL; p = strstr(p + 1, what)) {
        n++;
    }
    return n;
}

static void test_each_step_once(void **state)
{
    (void)state;
    static const struct actor bob = {{"bob", 3}, {"127.0.0.9", 9}};
    static struct lines l;
    char line[256];
    open_lines(&l, LOG_LEVEL_INFO);
    struct lab_issued before = lab_issue(&l.lab);
    assert_int_equal(journal_begin(&l.lab.life, &l.seq, NULL), 0);
    struct lab_issued one = lab_issue(&l.lab);
    assert_int_equal(withdraw(&l.lab.life, &bob, str_of(one.serial), WITHDRAW_HOLD, NULL), 0);
    journal_write(&l.lab.life, l.log, &l.seq);
    journal_write(&l.lab.life, l.log, &l.seq);
    char *text = read_lines(&l);
    assert_int_equal(count(text, "\n"), 3);
    assert_null(strstr(text, before.id.text));
    (void)snprintf(line, sizeof(line),
                   "event=request_filed entry=3 request=%s serial=%s user=" ALICE
                   " profile=auto who=local:root from=local",
                   one.id.text, one.serial);
    assert_int_equal(count(text, line), 1);
    assert_int_equal(count(text, "event=certificate_issued entry=4"), 1);
    (void)snprintf(line, sizeof(line),
                   "event=certificate_withdrawn entry=5 request=%s serial=%s user=" ALICE
                   " profile=auto who=bob from=127.0.0.9 detail=certificateHold\n",
                   one.id.text, one.serial);
    assert_int_equal(count(text, line), 1);
    free(text);
    X509_free(before.certificate);
    X509_free(one.certificate);
    close_lines(&l);
}

/* Several batches, found by index. */
static void test_many(void **state)
{
    (void)state;
    enum { MANY = 300 };
    static const struct actor bob = {{"bob", 3}, {"local", 5}};
    static struct lines l;
    open_lines(&l, LOG_LEVEL_INFO);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(
            audit_append(l.lab.life.db, &bob, "request.tested", STR("x"), STR_NONE, NULL), 0);
    }
    int64_t steps = db_steps(l.lab.life.db);
    journal_write(&l.lab.life, l.log, &l.seq);
    assert_int_equal(db_steps(l.lab.life.db), steps);
    assert_int_equal(l.seq, MANY);
    char *text = read_lines(&l);
    assert_int_equal(count(text, "event=request_tested"), MANY);
    free(text);
    close_lines(&l);
}

static void test_not_wanted(void **state)
{
    (void)state;
    static struct lines l;
    open_lines(&l, LOG_LEVEL_WARNING);
    struct lab_issued one = lab_issue(&l.lab);
    journal_write(&l.lab.life, l.log, &l.seq);
    journal_write(&l.lab.life, NULL, &l.seq);
    char *text = read_lines(&l);
    assert_string_equal(text, "");
    free(text);
    X509_free(one.certificate);
    close_lines(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reasons),        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_each_step_once), cmocka_unit_test(test_many),
        cmocka_unit_test(test_not_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
