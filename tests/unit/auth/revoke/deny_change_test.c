/* Changing deny files: what is added, what is taken out, what stays as it stands. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/revoke/deny_change.h"
#include "base/mem.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

static const struct conf_identity fold = {.fold_domain = true};

/* Stands in for pairing_normalise(): lower case. */
static bool normalise(struct str name, const struct conf_identity *rule, char *out, size_t *n)
{
    *n = name.n;
    for (size_t i = 0; i < name.n; i++) {
        out[i] = name.p[i];
        if (rule->fold_domain) {
            out[i] = str_lower(name.p[i]);
        }
    }
    return name.n > 0;
}

static const struct deny_names names = {normalise, &fold};

#define PRINT "fingerprint=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

enum action { ADD, REMOVE, PRUNE };

static const struct {
    const char *says;
    enum action action;
    const char *entry; /* a line; of PRUNE: unused */
    const char *before;
    int result;
    const char *after; /* NULL: as before */
} changes[] = {
    {"an entry that is there already", ADD, "user=alice", "user=alice\n", -ERR_EXISTS, NULL},
    {"the same with another reason", ADD, "user=alice reason=superseded", "user=alice\n",
     -ERR_EXISTS, NULL},
    {"the same with other names for people", ADD, PRINT " subject=x", PRINT " subject=y\n",
     -ERR_EXISTS, NULL},
    {"a user in another spelling", ADD, "user=ALICE", "user=alice\n", -ERR_EXISTS, NULL},
    {"a certificate that is taken back but withdrawn for good", REMOVE, PRINT,
     PRINT " reason=keyCompromise\n", -ERR_DENIED, NULL},
    {"one held and, further down, withdrawn for good", REMOVE, PRINT,
     PRINT " reason=certificateHold\n" PRINT "\n", -ERR_DENIED, NULL},
    {"a user who is not withdrawn", REMOVE, "user=bob", "user=alice\n", -ERR_NOT_FOUND, NULL},
    {"a user whose name is the beginning of another", REMOVE, "user=ali", "user=alice\n",
     -ERR_NOT_FOUND, NULL},
    {"a user who is named in a comment", REMOVE, "user=bob", "# user=bob\n", -ERR_NOT_FOUND, NULL},
    {"into an empty file", ADD, "user=alice", "", 0, "user=alice reason=unspecified\n"},
    {"behind a line without its end", ADD, "user=alice", "user=bob", 0,
     "user=bob\nuser=alice reason=unspecified\n"},
    {"comments, faults and blank lines stay", ADD, "user=alice", "# me\n\nnonsense\n", 0,
     "# me\n\nnonsense\nuser=alice reason=unspecified\n"},
    {"who is named in a comment, or for people only, is not withdrawn yet", ADD, "user=alice",
     "# user=alice\nuser=bob subject=\"user=alice\"\n", 0,
     "# user=alice\nuser=bob subject=\"user=alice\"\nuser=alice reason=unspecified\n"},
    {"a user comes back, whatever the reason, and every time he is named", REMOVE, "user=alice",
     "user=Alice reason=keyCompromise\nuser=bob\nuser=ALICE", 0, "user=bob\n"},
    {"a certificate on hold comes back", REMOVE, PRINT, PRINT " reason=certificateHold\nuser=b\n",
     0, "user=b\n"},
    {"a hold becomes a withdrawal for good", ADD, PRINT " reason=keyCompromise",
     "user=a\n" PRINT " reason=certificateHold\nuser=b\n", 0,
     "user=a\nuser=b\n" PRINT " reason=keyCompromise\n"},
    {"the same on the last line, which has no end", ADD, PRINT " reason=superseded",
     "user=a\n" PRINT " reason=certificateHold", 0, "user=a\n" PRINT " reason=superseded\n"},
    {"for good does not become a hold", ADD, PRINT " reason=certificateHold",
     PRINT " reason=superseded\n", -ERR_EXISTS, NULL},
    {"what is over goes, what is not told stays", PRUNE, NULL,
     "user=a until=1970-01-01T00:00:01Z\nuser=b until=1970-01-01T00:10:00Z\nuser=c\n", 0,
     "user=b until=1970-01-01T00:10:00Z\nuser=c\n"},
};

static int apply(enum action action, const char *path, const char *line, struct err *e)
{
    struct deny_entry entry;
    struct deny_fault fault;
    size_t dropped = 0;
    if (action == PRUNE) {
        return deny_change_prune(path, 60, &dropped, e);
    }
    assert_true(deny_line_read(str_of(line), &entry, &fault));
    return action == ADD ? deny_change_add(path, &entry, &names, e)
                         : deny_change_remove(path, &entry, &names, e);
}

static void test_changes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(changes); i++) {
        struct tmpdir dir;
        char path[TMPDIR_PATH_MAX];
        struct err e = {0};
        tmpdir_make(&dir);
        tmpdir_write(&dir, "x.deny", changes[i].before, strlen(changes[i].before));
        int rc = apply(changes[i].action, tmpdir_path(&dir, "x.deny", path), changes[i].entry, &e);
        CHECK_ROW(changes[i].says, rc == changes[i].result);
        CHECK_ROW(changes[i].says, rc == 0 || e.text[0] != '\0');
        char *now = tmpdir_read(&dir, "x.deny", NULL);
        const char *wanted = changes[i].after != NULL ? changes[i].after : changes[i].before;
        CHECK_STR(changes[i].says, str_of(now), str_of(wanted));
        free(now);
        tmpdir_remove(&dir);
    }
}

/* A line may have the issuer's digest in one of two forms; the command knows both. */
static void test_two_digests(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        unsigned char issuer; /* every octet of the digest in the file */
        bool same;
    } rows[] = {
        {"another issuer", 3, false},
        {"the name as it is spelled", 2, true},
        {"the name itself", 1, true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tmpdir dir;
        char path[TMPDIR_PATH_MAX];
        struct err e = {0};
        struct buf line;
        struct deny_entry entry;
        deny_entry_init(&entry, DENY_SERIAL);
        entry.reason = DENY_CERTIFICATE_HOLD;
        memcpy(entry.serial, "0A1B", 5);
        memset(entry.issuer, rows[i].issuer, DENY_DIGEST);
        buf_init(&line, 4096);
        assert_int_equal(deny_line_write(&entry, &line), 0);
        tmpdir_make(&dir);
        tmpdir_write(&dir, "x.deny", buf_str(&line).p, buf_len(&line));
        (void)tmpdir_path(&dir, "x.deny", path);
        memset(entry.issuer, 1, DENY_DIGEST);
        memset(entry.spelled, 2, DENY_DIGEST);
        int rc = deny_change_add(path, &entry, &names, &e);
        CHECK_ROW(rows[i].says, rc == (rows[i].same ? -ERR_EXISTS : 0));
        CHECK_ROW(rows[i].says, deny_change_remove(path, &entry, &names, &e) == 0);
        char *now = tmpdir_read(&dir, "x.deny", NULL);
        CHECK_ROW(rows[i].says, (now[0] == '\0') == rows[i].same);
        free(now);
        buf_release(&line);
        tmpdir_remove(&dir);
    }
}

static void test_missing_file(void **state)
{
    (void)state;
    struct tmpdir dir;
    char path[TMPDIR_PATH_MAX];
    struct err e = {0};
    tmpdir_make(&dir);
    (void)tmpdir_path(&dir, "x.deny", path);
    assert_int_equal(apply(REMOVE, path, "user=alice", &e), -ERR_NOT_FOUND);
    assert_int_equal(apply(PRUNE, path, NULL, &e), -ERR_NOT_FOUND);
    e = (struct err){0};
    assert_int_equal(apply(ADD, path, "user=alice", &e), -ERR_NOT_FOUND);
    assert_non_null(strstr(e.text, "put it back if it was lost"));
    assert_int_not_equal(access(path, F_OK), 0);
    tmpdir_remove(&dir);
}

/* Without memory the file stays as it is. */
static void test_out_of_memory(void **state)
{
    (void)state;
    static const char before[] = "user=bob\n";
    int rc = -1;
    struct tmpdir dir;
    char path[TMPDIR_PATH_MAX];
    tmpdir_make(&dir);
    tmpdir_write(&dir, "x.deny", before, sizeof(before) - 1);
    (void)tmpdir_path(&dir, "x.deny", path);
    for (unsigned long n = 1; rc != 0; n++) {
        struct err e = {0};
        assert_true(n < 1000);
        mem_fail_after(n, false);
        rc = apply(ADD, path, "user=alice", &e);
        mem_fail_after(0, false);
        char *now = tmpdir_read(&dir, "x.deny", NULL);
        assert_string_equal(now, rc == 0 ? "user=bob\nuser=alice reason=unspecified\n" : before);
        free(now);
    }
    tmpdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_two_digests),
        cmocka_unit_test(test_missing_file),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
