/* What the proxies are told: not before it can be written, once, and taken back with a hold. */
#include <unistd.h>

#include "ca/publish.h"
#include "ca/withdraw.h"
#include "tests/unit/ca/ca_lab.h"

static const struct actor root = {{"local:root", 10}, {"local", 5}};

static size_t entries(const char *path)
{
    char line[1024];
    size_t n = 0;
    FILE *f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        n += strstr(line, "fingerprint=") != NULL ? 1 : 0;
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return n;
}

static bool holds(const char *path, const char *what)
{
    char text[4096] = "";
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    (void)fread(text, 1, sizeof(text) - 1, f);
    (void)fclose(f);
    return strstr(text, what) != NULL;
}

struct row {
    const char *says;
    int reason;  /* of a withdrawal; -1: lifted; -2: nothing */
    bool broken; /* the file cannot be written */
    size_t changed;
    size_t there;
};

static const struct row rows[] = {
    {"nothing is withdrawn", -2, false, 0, 0},
    {"a hold that cannot be written", 6, true, 0, 0},
    {"is written the next time", -2, false, 1, 1},
    {"and not again", -2, false, 0, 1},
    {"lifted, which cannot be written", -1, true, 0, 1},
    {"is written the next time, too", -2, false, 1, 0},
    {"held and lifted between two looks", 6, true, 0, 0},
    {"is as if nothing was", -1, false, 0, 0},
    {"held again", 6, false, 1, 1},
    {"for good, which cannot be written", 1, true, 0, 1},
    {"is written the next time", -2, false, 1, 1},
    {"and not again, for good", -2, false, 0, 1},
};

static void test_rows(void **state)
{
    (void)state;
    struct ca_lab lab;
    char path[TMPDIR_PATH_MAX];
    char nowhere[TMPDIR_PATH_MAX];
    lab_open(&lab);
    pki_write(tmpdir_path(&lab.dir, "denied", path), "# by hand\n");
    (void)tmpdir_path(&lab.dir, "no/such/directory", nowhere);
    struct lab_issued c = lab_issue(&lab);
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct row *r = &rows[i];
        size_t n = 99;
        struct str serial = str_of(c.serial);
        int rc = r->reason == -2   ? 0
                 : r->reason == -1 ? withdraw_lift(&lab.life, &root, serial, NULL)
                                   : withdraw(&lab.life, &root, serial, r->reason, NULL);
        assert_int_equal(rc, 0);
        rc = publish_denied(&lab.life, r->broken ? nowhere : path, &n, NULL);
        CHECK_ROW(r->says, (rc != 0) == r->broken);
        CHECK_ROW(r->says, n == r->changed);
        CHECK_ROW(r->says, entries(path) == r->there);
    }
    assert_true(holds(path, "reason=keyCompromise"));
    assert_false(holds(path, "reason=certificateHold"));
    X509_free(c.certificate);
    lab_close(&lab);
}

/* Written, but killed before that was noted: the same again does no harm. */
static void test_not_noted(void **state)
{
    (void)state;
    struct ca_lab lab;
    char path[TMPDIR_PATH_MAX];
    size_t n = 0;
    lab_open(&lab);
    pki_write(tmpdir_path(&lab.dir, "denied", path), "");
    struct lab_issued c = lab_issue(&lab);
    assert_int_equal(withdraw(&lab.life, &root, str_of(c.serial), 1, NULL), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(publish_denied(&lab.life, path, &n, NULL), 0);
        assert_int_equal(n, 1);
        assert_int_equal(entries(path), 1);
        assert_int_equal(db_query(lab.life.db, "UPDATE certificate SET published = 0",
                                  (struct db_values){NULL, 0}, NULL, NULL, NULL),
                         0);
    }
    X509_free(c.certificate);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows),
                                       cmocka_unit_test(test_not_noted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
