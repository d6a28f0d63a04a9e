/* The way from a request to its end while memory, disk or the lock is not to be had: each step
 * happened wholly or not at all, the record verifies, and tried again it succeeds. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "ca/crl.h"
#include "ca/deliver.h"
#include "ca/issue.h"
#include "ca/records.h"
#include "ca/request.h"
#include "ca/withdraw.h"
#include "tests/unit/ca/ca_lab.h"

static const struct actor alice = {{ALICE, sizeof(ALICE) - 1}, {"192.0.2.1", 9}};
static const struct str groups[] = {{"operators", 9}};
static const struct request_operator operators[] = {
    {{{"op1@example.com", 15}, {"192.0.2.7", 9}}, groups, 1},
    {{{"op2@example.com", 15}, {"192.0.2.8", 9}}, groups, 1},
};
static const struct db_values none = {NULL, 0};

struct run {
    struct ca_lab ca;
    char *pem;
    struct life_id id;
    char serial[48];
};

static int file(struct run *r, struct err *e)
{
    struct csr *c = NULL;
    int rc = csr_read(str_of(r->pem), &c, e);
    const struct request_filing f = {
        .csr = c, .profile = STR("client"), .user = STR(ALICE), .company = STR(ACME)};
    rc = rc == 0 ? csr_check(c, &r->ca.profiles[0], f.user, life_rule(&r->ca.life), e) : rc;
    rc = rc == 0 ? request_file(&r->ca.life, &alice, &f, &r->id, e) : rc;
    csr_free(c);
    return rc;
}

static int agree_first(struct run *r, struct err *e)
{
    return request_approve(&r->ca.life, &operators[0], str_of(r->id.text), e);
}

static int agree_second(struct run *r, struct err *e)
{
    return request_approve(&r->ca.life, &operators[1], str_of(r->id.text), e);
}

static bool note(void *arg, const struct record *r)
{
    struct run *run = arg;
    (void)snprintf(run->serial, sizeof(run->serial), "%.*s", STR_ARG(r->serial));
    return false;
}

static int sign(struct run *r, struct err *e)
{
    int rc = issue(&r->ca.life, str_of(r->id.text), e);
    return rc == 0 ? record_show(&r->ca.life, str_of(r->id.text), note, r, e) : rc;
}

static int fetch(struct run *r, struct err *e)
{
    struct buf out;
    buf_init(&out, 65536);
    int rc = deliver(&r->ca.life, &alice, str_of(r->id.text), &out, e);
    buf_release(&out);
    return rc;
}

static int end(struct run *r, struct err *e)
{
    return withdraw(&r->ca.life, &alice, str_of(r->serial), WITHDRAW_KEY_COMPROMISE, e);
}

static int list(struct run *r, struct err *e)
{
    bool made = false;
    return crl_renew(&r->ca.life, 3600000, &made, e);
}

static const struct {
    const char *says;
    int (*take)(struct run *r, struct err *e);
} steps[] = {
    {"file", file},
    {"the first agrees", agree_first},
    {"the second agrees", agree_second},
    {"sign", sign},
    {"fetch", fetch},
    {"withdraw", end},
    {"the revocation list", list},
};

static void run_begin(struct run *r)
{
    struct lab_request wish = {.subject = lab_subject, .subject_count = 2};
    X509_REQ *req = lab_req(&wish);
    *r = (struct run){.pem = lab_pem(req, false)};
    X509_REQ_free(req);
    lab_open(&r->ca);
}

static void run_end(struct run *r)
{
    free(r->pem);
    lab_close(&r->ca);
}

static int take_text(void *arg, const struct db_row *row)
{
    char *out = arg;
    struct str s = db_octets(row, 0);
    assert_true(s.n < 4096);
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return 0;
}

/* All that is known, in one text. */
static void look(const struct run *r, char out[4096])
{
    struct err e = {0};
    struct audit_entry last;
    out[0] = '\0';
    assert_int_equal(
        db_query(
            r->ca.life.db,
            "SELECT (SELECT coalesce(group_concat(id || state || decided_ms), '') FROM request)"
            " || '|' || (SELECT coalesce(group_concat(operator || agreed), '') FROM decision)"
            " || '|' || (SELECT coalesce(group_concat(serial || withdrawn_ms || published), '')"
            " FROM certificate) || '|' || (SELECT count(*) FROM audit)"
            " || '|' || (SELECT coalesce(max(number), 0) FROM crl)"
            " || '|' || (SELECT count(*) FROM account)",
            none, take_text, out, &e),
        0);
    assert_int_equal(audit_verify(r->ca.life.db, &last, &e), 0);
}

/* One way in which something is missing: lay it on so hard (0: hardest), and take it off. False:
 * there is no softer one. */
struct trouble {
    bool (*begin)(struct run *r, int softness);
    void (*end)(struct run *r);
    int softness_max;
};

/* Each step with the trouble, softer each time until it succeeds, and then the next. */
static void go_through(const struct trouble *t)
{
    struct run r;
    size_t refused = 0;
    run_begin(&r);
    for (size_t i = 0; i < ROWS(steps); i++) {
        int rc = -1;
        for (int softness = 0; rc != 0 && softness <= t->softness_max; softness++) {
            char before[4096];
            char after[4096];
            struct err e = {0};
            look(&r, before);
            bool laid = t->begin(&r, softness);
            rc = steps[i].take(&r, &e);
            t->end(&r);
            look(&r, after);
            CHECK_ROW(steps[i].says, (rc == 0) == (strcmp(before, after) != 0));
            CHECK_ROW(steps[i].says, rc == 0 || e.text[0] != '\0');
            refused += rc != 0 ? 1 : 0;
            if (!laid) {
                break;
            }
        }
        struct err e = {0};
        CHECK_ROW(steps[i].says, rc == 0 || steps[i].take(&r, &e) == 0);
    }
    assert_true(refused >= ROWS(steps) / 2);
    struct err e = {0};
    assert_int_equal(db_check(r.ca.life.db, &e), 0);
    run_end(&r);
}

static bool no_memory(struct run *r, int softness)
{
    (void)r;
    mem_fail_after((unsigned long)softness + 1, false);
    return true;
}

static void memory(struct run *r)
{
    (void)r;
    mem_fail_after(0, false);
}

/* Most steps allocate in the libraries alone; those of ours that do fail one after the other. */
static void test_no_memory(void **state)
{
    (void)state;
    struct run r;
    struct err e = {0};
    run_begin(&r);
    size_t refused = 0;
    for (size_t i = 0; i < ROWS(steps); i++) {
        int rc = -1;
        for (int softness = 0; rc != 0 && softness < 100; softness++) {
            char before[4096];
            char after[4096];
            look(&r, before);
            (void)no_memory(&r, softness);
            rc = steps[i].take(&r, NULL);
            memory(&r);
            look(&r, after);
            CHECK_ROW(steps[i].says, (rc == 0) == (strcmp(before, after) != 0));
            refused += rc != 0 ? 1 : 0;
        }
        CHECK_ROW(steps[i].says, rc == 0);
    }
    assert_true(refused > 0);
    assert_int_equal(db_check(r.ca.life.db, &e), 0);
    run_end(&r);
}

static int take_number(void *arg, const struct db_row *row)
{
    *(int64_t *)arg = db_number(row, 0);
    return 0;
}

/* Not a page more than there are, and so many. Freed pages come first, so fill them. */
static bool no_pages(struct run *r, int softness)
{
    static const char *const limits[] = {
        "PRAGMA max_page_count = 1", /* as low as what is there */
    };
    int64_t n = 0;
    if (softness > 0) {
        return false;
    }
    assert_int_equal(db_query(r->ca.life.db, limits[0], none, take_number, &n, NULL), 0);
    return true;
}

static void pages(struct run *r)
{
    assert_int_equal(
        db_query(r->ca.life.db, "PRAGMA max_page_count = 1000000", none, NULL, NULL, NULL), 0);
}

/* Many requests are filed until there is no room; then nothing is half there, and with room again
 * everything goes on. */
static void test_full(void **state)
{
    (void)state;
    struct run r;
    char before[4096] = "";
    int64_t filed = 0;
    int64_t recorded = 0;
    struct err e = {0};
    int rc = 0;
    run_begin(&r);
    assert_int_equal(file(&r, &e), 0);
    look(&r, before);
    (void)no_pages(&r, 0);
    for (int i = 0; i < 1000 && rc == 0; i++) {
        struct csr *c = lab_csr(NULL);
        struct life_id id;
        const struct request_filing f = {
            .csr = c, .profile = STR("client"), .user = STR(ALICE), .company = STR(ACME)};
        rc = request_file(&r.ca.life, &alice, &f, &id, &e);
        csr_free(c);
    }
    assert_int_equal(rc, -ERR_FULL);
    assert_string_not_equal(e.text, "");
    pages(&r);
    assert_int_equal(
        db_query(r.ca.life.db, "SELECT count(*) FROM request", none, take_number, &filed, NULL), 0);
    assert_int_equal(
        db_query(r.ca.life.db, "SELECT count(*) FROM audit", none, take_number, &recorded, NULL),
        0);
    assert_int_equal(filed, recorded);
    err_clear(&e);
    for (size_t i = 1; i < ROWS(steps); i++) {
        CHECK_ROW(steps[i].says, steps[i].take(&r, &e) == 0);
    }
    assert_int_equal(db_check(r.ca.life.db, &e), 0);
    run_end(&r);
}

/* Files may not grow past what they are, and a little more each time. */
static bool no_growth(struct run *r, int softness)
{
    char path[TMPDIR_PATH_MAX];
    struct stat s;
    assert_int_equal(stat(tmpdir_path(&r->ca.dir, "ca.db-wal", path), &s), 0);
    const struct rlimit limit = {(rlim_t)(s.st_size + softness * 4096), RLIM_INFINITY};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    return true;
}

static void growth(struct run *r)
{
    (void)r;
    const struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_no_growth(void **state)
{
    (void)state;
    go_through(&(struct trouble){no_growth, growth, 40});
}

static bool read_only(struct run *r, int softness)
{
    if (softness > 0) {
        return false;
    }
    assert_int_equal(db_query(r->ca.life.db, "PRAGMA query_only = ON", none, NULL, NULL, NULL), 0);
    return true;
}

static void writable(struct run *r)
{
    assert_int_equal(db_query(r->ca.life.db, "PRAGMA query_only = OFF", none, NULL, NULL, NULL), 0);
}

static void test_read_only(void **state)
{
    (void)state;
    go_through(&(struct trouble){read_only, writable, 0});
}

static struct db *other;

/* Somebody else writes, and does not end. */
static bool locked(struct run *r, int softness)
{
    char path[TMPDIR_PATH_MAX];
    struct err e = {0};
    if (softness > 0) {
        return false;
    }
    assert_int_equal(db_query(r->ca.life.db, "PRAGMA busy_timeout = 0", none, NULL, NULL, NULL), 0);
    assert_int_equal(db_open(tmpdir_path(&r->ca.dir, "ca.db", path), false, &other, &e), 0);
    assert_int_equal(db_begin(other, &e), 0);
    return true;
}

static void unlocked(struct run *r)
{
    (void)r;
    assert_int_equal(db_end(other, -ERR_CLOSED, NULL), -ERR_CLOSED);
    db_close(other);
}

static void test_locked(void **state)
{
    (void)state;
    go_through(&(struct trouble){locked, unlocked, 0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_memory), cmocka_unit_test(test_full),
        cmocka_unit_test(test_no_growth), cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_locked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
