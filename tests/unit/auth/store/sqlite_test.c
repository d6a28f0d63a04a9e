/* The database of users: what is refused, that changes are whole, that readers see them. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "auth/store/sqlite.h"
#include "base/mem.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#define H1 "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="
#define H5 "$5$rounds=1000$saltsalt$eKLZU9t9OoPWrqOQsoTIKG0aYkZ5rGOoOQhiIvoSWX2"

static struct tmpdir dir;
static char path[TMPDIR_PATH_MAX];

static int set_up(void **state)
{
    (void)state;
    tmpdir_make(&dir);
    (void)tmpdir_path(&dir, "users.db", path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tmpdir_remove(&dir);
    return 0;
}

static struct store *opened(enum sqlite_mode mode)
{
    struct err e = {0};
    struct store *s = sqlite_open(path, mode, &e);
    if (s == NULL) {
        fail_msg("%s", e.text);
    }
    return s;
}

/* Sets what arg (key=value words) says. */
static int edit(void *arg, struct user_draft *d, struct err *e)
{
    struct str rest = str_of(arg);
    while (rest.n > 0) {
        struct str word = STR_NONE;
        struct str key = STR_NONE;
        struct str value = STR_NONE;
        (void)str_cut(rest, ' ', &word, &rest);
        (void)str_cut(word, '=', &key, &value);
        if (str_eq(key, STR("hash"))) {
            d->user.hash = value;
        } else if (user_draft_set(d, key, value) != NULL) {
            return err_set(e, ERR_MALFORMED, "refused");
        }
    }
    return 0;
}

static int change(struct store *s, enum store_change what, const char *name, const char *words)
{
    char text[512];
    struct err e = {0};
    (void)snprintf(text, sizeof(text), "%s", words);
    return store_change(s, what, str_of(name), edit, text, &e);
}

static bool run_sql(const char *sql)
{
    sqlite3 *db = NULL;
    bool fine = sqlite3_open(path, &db) == SQLITE_OK &&
                sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
    (void)sqlite3_close(db);
    return fine;
}

static void test_refused_files(void **state)
{
    (void)state;
    struct err e = {0};
    assert_null(sqlite_open(path, SQLITE_MODE_READ, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    err_clear(&e);
    assert_null(sqlite_open(path, SQLITE_MODE_CHANGE, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_int_equal(access(path, F_OK), -1);

    tmpdir_write(&dir, "users.db", "this is no database, however long it may be", 43);
    for (int mode = SQLITE_MODE_READ; mode <= SQLITE_MODE_CREATE; mode++) {
        err_clear(&e);
        assert_null(sqlite_open(path, (enum sqlite_mode)mode, &e));
        assert_true(e.code != ERR_OK);
    }
    (void)unlink(path);
    assert_true(run_sql("CREATE TABLE user (name TEXT)"));
    for (int mode = SQLITE_MODE_READ; mode <= SQLITE_MODE_CREATE; mode++) {
        err_clear(&e);
        assert_null(sqlite_open(path, (enum sqlite_mode)mode, &e));
        assert_non_null(strstr(e.text, "not a database of users"));
    }
    (void)unlink(path);
    store_close(opened(SQLITE_MODE_CREATE));
    assert_true(run_sql("PRAGMA user_version = 77"));
    err_clear(&e);
    assert_null(sqlite_open(path, SQLITE_MODE_CREATE, &e));
    assert_non_null(strstr(e.text, "newer countersign"));
}

static void test_an_empty_file_is_filled(void **state)
{
    (void)state;
    struct err e = {0};
    struct stat made;
    tmpdir_write(&dir, "users.db", "", 0);
    assert_null(sqlite_open(path, SQLITE_MODE_READ, &e));
    assert_non_null(strstr(e.text, "too old"));
    store_close(opened(SQLITE_MODE_CHANGE));
    store_close(opened(SQLITE_MODE_READ));
    (void)unlink(path);
    store_close(opened(SQLITE_MODE_CREATE));
    assert_int_equal(stat(path, &made), 0);
    assert_int_equal(made.st_mode & 0777, 0640);
}

/* One that was made before companies stood in it. */
static void test_an_older_one_is_brought_up_to_date(void **state)
{
    (void)state;
    struct err e = {0};
    struct user *u = NULL;
    struct store *s = opened(SQLITE_MODE_CREATE);
    assert_int_equal(change(s, STORE_ADD, "a", "hash=" H1 " groups=x"), 0);
    store_close(s);
    assert_true(run_sql("ALTER TABLE user DROP COLUMN company; PRAGMA user_version = 1"));
    assert_null(sqlite_open(path, SQLITE_MODE_READ, &e));
    assert_non_null(strstr(e.text, "any change by"));
    s = opened(SQLITE_MODE_CHANGE);
    assert_int_equal(change(s, STORE_SET, "a", "company=Acme"), 0);
    store_close(s);
    s = opened(SQLITE_MODE_READ);
    assert_int_equal(store_find(s, STR("a"), &u, NULL), 0);
    CHECK_STR("company", u->company, STR("Acme"));
    assert_int_equal(u->group_count, 1);
    user_unref(u);
    store_close(s);
}

static void test_changes(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        enum store_change what;
        const char *name;
        const char *words;
        int result;
    } rows[] = {
        {"nobody to change", STORE_SET, "alice", "disabled=yes", -ERR_NOT_FOUND},
        {"nobody to delete", STORE_DELETE, "alice", "", -ERR_NOT_FOUND},
        {"no hash", STORE_ADD, "alice", "", -ERR_MALFORMED},
        {"plain text", STORE_ADD, "alice", "hash=secret", -ERR_MALFORMED},
        {"a name with a colon", STORE_ADD, "a:b", "hash=" H1, -ERR_MALFORMED},
        {"an empty name", STORE_ADD, "", "hash=" H1, -ERR_MALFORMED},
        {"a field that is refused", STORE_ADD, "alice", "hash=" H1 " disabled=x", -ERR_MALFORMED},
        {"a company that is none", STORE_ADD, "alice", "hash=" H1 " company=a\x01", -ERR_MALFORMED},
        {"added", STORE_ADD, "Alice", "hash=" H1 " groups=a,b", 0},
        {"added again", STORE_ADD, "Alice", "hash=" H5, -ERR_EXISTS},
        {"added in other letters", STORE_ADD, "aLICE", "hash=" H5, -ERR_EXISTS},
        {"changed", STORE_SET, "alice", "disabled=yes expires=2027-01-31 totp=00ff company=Acme",
         0},
        {"changed wrongly", STORE_SET, "alice", "disabled=no groups=,", -ERR_MALFORMED},
        {"a hash that is none", STORE_SET, "alice", "disabled=no hash=x", -ERR_MALFORMED},
    };
    struct store *s = opened(SQLITE_MODE_CREATE);
    for (size_t i = 0; i < ROWS(rows); i++) {
        CHECK_ROW(rows[i].says,
                  change(s, rows[i].what, rows[i].name, rows[i].words) == rows[i].result);
    }
    struct user *u = NULL;
    struct err e = {0};
    assert_int_equal(store_find(s, STR("ALICE"), &u, &e), 0);
    CHECK_STR("as it was written", u->name, STR("Alice"));
    CHECK_STR("the hash stays", u->hash, STR(H1));
    CHECK_STR("raw octets", u->totp_secret, STR("\0\377"));
    CHECK_STR("company", u->company, STR("Acme"));
    assert_true(u->disabled && u->group_count == 2 && u->expires_ms == INT64_C(1801353600000));
    user_unref(u);
    assert_int_equal(change(s, STORE_DELETE, "ALICE", ""), 0);
    assert_int_equal(store_find(s, STR("Alice"), &u, &e), -ERR_NOT_FOUND);
    assert_null(u);
    store_close(s);
    store_close(NULL);
}

static bool collect(void *arg, const struct user *u)
{
    struct buf *out = arg;
    assert_int_equal(buf_append(out, u->name), 0);
    return !str_eq(u->name, STR("stop"));
}

static void test_walk(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct store_page page;
        const char *names;
    } rows[] = {
        {"all, in order", {{NULL, 0}, 0}, "aBcstop"},
        {"the first two", {{NULL, 0}, 2}, "aB"},
        {"behind one, whatever its letters", {{"b", 1}, 0}, "cstop"},
        {"behind one that is not there", {{"bb", 2}, 1}, "c"},
        {"behind the last", {{"zz", 2}, 0}, ""},
    };
    struct store *s = opened(SQLITE_MODE_CREATE);
    static const char *const names[] = {"c", "a", "zz", "B", "stop"};
    for (size_t i = 0; i < ROWS(names); i++) {
        assert_int_equal(change(s, STORE_ADD, names[i], "hash=" H1), 0);
    }
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct buf out;
        buf_init(&out, 1000);
        assert_int_equal(store_each(s, &rows[i].page, collect, &out, NULL), 0);
        CHECK_STR(rows[i].says, buf_str(&out), str_of(rows[i].names));
        buf_release(&out);
    }
    store_close(s);
}

static uint64_t version_of(struct store *s)
{
    uint64_t version = 0;
    assert_int_equal(sqlite_version(s, &version, NULL), 0);
    return version;
}

static void count(void *arg, struct str hash)
{
    assert_true(hash.n > 0);
    ++*(size_t *)arg;
}

static void test_readers(void **state)
{
    (void)state;
    struct store *writer = opened(SQLITE_MODE_CREATE);
    struct store *reader = opened(SQLITE_MODE_READ);
    struct user *u = NULL;
    bool any = true;
    size_t hashes = 0;
    assert_int_equal(sqlite_any_optional(reader, &any, NULL), 0);
    assert_false(any);
    uint64_t before = version_of(reader);
    assert_int_equal(version_of(reader), before);
    assert_int_equal(sqlite_begin(writer, NULL), 0);
    assert_int_equal(change(writer, STORE_ADD, "a", "hash=" H1 " certificate=optional"), 0);
    assert_int_equal(change(writer, STORE_ADD, "a", "hash=" H1), -ERR_EXISTS);
    assert_int_equal(change(writer, STORE_ADD, "b", "hash=" H1), 0);
    assert_int_equal(version_of(reader), before);
    assert_int_equal(store_find(reader, STR("a"), &u, NULL), -ERR_NOT_FOUND);
    assert_int_equal(sqlite_end(writer, true, NULL), 0);
    assert_true(version_of(reader) != before);
    assert_int_equal(store_find(reader, STR("a"), &u, NULL), 0);
    user_unref(u);
    assert_int_equal(sqlite_any_optional(reader, &any, NULL), 0);
    assert_true(any);
    assert_int_equal(sqlite_sample_hashes(reader, 10, count, &hashes, NULL), 0);
    assert_int_equal(hashes, 2);

    assert_int_equal(sqlite_begin(writer, NULL), 0);
    assert_int_equal(change(writer, STORE_DELETE, "b", ""), 0);
    assert_int_equal(sqlite_end(writer, false, NULL), 0);
    assert_int_equal(store_find(reader, STR("b"), &u, NULL), 0);
    user_unref(u);
    assert_true(change(reader, STORE_DELETE, "b", "") < 0);
    assert_true(change(reader, STORE_ADD, "c", "hash=" H1) < 0);
    store_close(writer);

    char other[TMPDIR_PATH_MAX];
    uint64_t version = 0;
    assert_int_equal(rename(path, tmpdir_path(&dir, "other.db", other)), 0);
    assert_int_equal(sqlite_version(reader, &version, NULL), -ERR_CLOSED);
    store_close(opened(SQLITE_MODE_CREATE));
    assert_int_equal(sqlite_version(reader, &version, NULL), -ERR_CLOSED);
    store_close(reader);
}

/* What somebody else has written into the file is not believed. */
static void test_damaged_records(void **state)
{
    (void)state;
    static const char *const damages[] = {
        "UPDATE user SET groups = 'a,,b'",
        "UPDATE user SET groups = 'a b'",
        "PRAGMA ignore_check_constraints = ON; UPDATE user SET pins = x'00'",
        "UPDATE user SET pins = zeroblob(32 * 17)",
        "UPDATE user SET groups = char(1)",
        "UPDATE user SET company = char(1)",
    };
    for (size_t i = 0; i < ROWS(damages); i++) {
        struct store *s = opened(SQLITE_MODE_CREATE);
        struct user *u = NULL;
        (void)change(s, STORE_DELETE, "a", "");
        assert_int_equal(change(s, STORE_ADD, "a", "hash=" H1), 0);
        store_close(s);
        assert_true(run_sql(damages[i]));
        s = opened(SQLITE_MODE_READ);
        CHECK_ROW(damages[i], store_find(s, STR("a"), &u, NULL) == -ERR_MALFORMED);
        assert_null(u);
        store_close(s);
    }
}

static void test_memory(void **state)
{
    (void)state;
    struct store *s = opened(SQLITE_MODE_CREATE);
    struct user *u = NULL;
    assert_int_equal(change(s, STORE_ADD, "a", "hash=" H1), 0);
    mem_fail_after(1, true);
    assert_int_equal(store_find(s, STR("a"), &u, NULL), -ERR_NOMEM);
    assert_null(sqlite_open(path, SQLITE_MODE_READ, NULL));
    mem_fail_after(0, false);
    store_close(s);
    assert_int_equal(strncmp(sqlite_library(), "SQLite 3.", 9), 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_refused_files),
        CASE(test_an_empty_file_is_filled),
        CASE(test_changes),
        CASE(test_walk),
        CASE(test_an_older_one_is_brought_up_to_date),
        CASE(test_readers),
        CASE(test_damaged_records),
        CASE(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
