/* Back to an older copy: what the deny list says holds, what it lacks is told again, and the number
 * of the revocation list does not fall. */
#include "ca/crl.h"
#include "ca/publish.h"
#include "ca/restored.h"
#include "ca/withdraw.h"
#include "tests/unit/ca/ca_lab.h"

static const struct actor root = {{"local:root", 10}, {"local", 5}};

static int take_number(void *arg, const struct db_row *r)
{
    *(int64_t *)arg = db_number(r, 0);
    return 0;
}

static int64_t number_of(struct ca_lab *lab, const char *sql)
{
    int64_t n = -1;
    assert_int_equal(
        db_query(lab->life.db, sql, (struct db_values){NULL, 0}, take_number, &n, NULL), 0);
    return n;
}

static int64_t reason_of(struct ca_lab *lab, const struct lab_issued *c)
{
    int64_t n = -2;
    assert_int_equal(db_query(lab->life.db,
                              "SELECT withdrawn_reason FROM certificate WHERE serial = ?1",
                              DB_VALUES(DB_TEXT(str_of(c->serial))), take_number, &n, NULL),
                     0);
    return n;
}

static void print_line(const struct lab_issued *c, const char *fields, char *out, size_t size)
{
    unsigned char digest[32];
    unsigned n = 0;
    assert_int_equal(X509_digest(c->certificate, EVP_sha256(), digest, &n), 1);
    int at = snprintf(out, size, "fingerprint=");
    for (unsigned i = 0; i < n; i++) {
        at += snprintf(out + at, size - (size_t)at, "%02x", digest[i]);
    }
    (void)snprintf(out + at, size - (size_t)at, " reason=%s\n", fields);
}

struct row {
    const char *says;
    const char *listed; /* with which reason, and further fields; NULL: it is not in the list */
    int before;         /* withdrawn in the copy, with this reason; -1: not */
    int64_t reason;     /* afterwards */
    size_t withdrawn;
    size_t told;  /* entries that the list lacks */
    int64_t at_s; /* when it was withdrawn; 0: now */
};

#define BEFORE "2027-01-14T08:00:00Z" /* a day before now */

static const struct row rows[] = {
    {"as it was", NULL, -1, -1, 0, 0, 0},
    {"stolen since", "keyCompromise", -1, 1, 1, 0, 0},
    {"held since", "certificateHold", -1, 6, 1, 0, 0},
    {"a reason that clients' certificates have not", "cACompromise", -1, 0, 1, 0, 0},
    {"the date is that of the withdrawal", "keyCompromise date=" BEFORE, -1, 1, 1, 0,
     PKI_NOW_S - PKI_DAY_S},
    {"a date to come is none", "keyCompromise date=2028-01-14T08:00:00Z", -1, 1, 1, 0, 0},
    {"nor is one before there were any", "keyCompromise date=1969-12-31T23:59:59Z", -1, 1, 1, 0, 0},
    {"held in the copy, stolen since", "keyCompromise date=" BEFORE, 6, 1, 1, 0,
     PKI_NOW_S - PKI_DAY_S},
    {"held in both", "certificateHold date=" BEFORE, 6, 6, 0, 0, 0},
    {"withdrawn for good in the copy, held in the list", "certificateHold", 1, 1, 0, 0, 0},
    {"withdrawn in both", "superseded", 4, 4, 0, 0, 0},
    {"in the copy alone, as the list is gone", NULL, 4, 4, 0, 1, 0},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct row *r = &rows[i];
        struct ca_lab lab;
        char line[256] = "";
        char path[TMPDIR_PATH_MAX];
        char text[512];
        size_t n = 99;
        bool made = false;
        lab_open(&lab);
        struct lab_issued c = lab_issue(&lab);
        if (r->before >= 0) {
            pki_write(tmpdir_path(&lab.dir, "first", path), "");
            assert_int_equal(withdraw(&lab.life, &root, str_of(c.serial), r->before, NULL), 0);
            assert_int_equal(publish_denied(&lab.life, path, &n, NULL), 0);
        }
        assert_int_equal(crl_renew(&lab.life, 86400000, &made, NULL), 0);
        if (r->listed != NULL) {
            print_line(&c, r->listed, line, sizeof(line));
        }
        (void)snprintf(text, sizeof(text),
                       "# by hand\nuser=alice@example.com\nnonsense\nfingerprint=%064d\n%s", 7,
                       line);
        pki_write(tmpdir_path(&lab.dir, "denied", path), text);
        CHECK_ROW(r->says, restored_catch_up(&lab.life, &root, str_of(text), &n, NULL) == 0);
        CHECK_ROW(r->says, n == r->withdrawn);
        CHECK_ROW(r->says, reason_of(&lab, &c) == r->reason);
        int64_t at_ms = number_of(&lab, "SELECT max(withdrawn_ms) FROM certificate");
        int64_t wanted_ms = (r->at_s > 0 ? r->at_s : PKI_NOW_S) * 1000;
        CHECK_ROW(r->says, at_ms == (r->reason >= 0 ? wanted_ms : 0));
        CHECK_ROW(r->says, publish_denied(&lab.life, path, &n, NULL) == 0 && n == r->told);
        CHECK_ROW(r->says, crl_renew(&lab.life, 86400000, &made, NULL) == 0 && made);
        CHECK_ROW(r->says, number_of(&lab, "SELECT number FROM crl") > PKI_NOW_S);
        X509_free(c.certificate);
        lab_close(&lab);
    }
}

/* Nothing is half done. */
static void test_fails(void **state)
{
    (void)state;
    struct ca_lab lab;
    char line[256];
    size_t n = 99;
    lab_open(&lab);
    struct lab_issued c = lab_issue(&lab);
    print_line(&c, "keyCompromise", line, sizeof(line));
    assert_int_equal(db_query(lab.life.db,
                              "CREATE TRIGGER full BEFORE INSERT ON audit "
                              "BEGIN SELECT raise(ABORT, 'full'); END",
                              (struct db_values){NULL, 0}, NULL, NULL, NULL),
                     0);
    assert_int_not_equal(restored_catch_up(&lab.life, &root, str_of(line), &n, NULL), 0);
    assert_int_equal(n, 0);
    assert_int_equal(reason_of(&lab, &c), -1);
    X509_free(c.certificate);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
