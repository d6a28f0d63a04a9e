/* Users in an htpasswd file and a file of fields: changes of one user leave the others' lines as
 * they are, faults in other lines do not stop them, and nobody's fields are left to another. */
#include <stdio.h>
#include <stdlib.h>

#include "auth/store/store.h"
#include "base/mem.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#define H1 "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="
#define H5 "$5$rounds=1000$saltsalt$eKLZU9t9OoPWrqOQsoTIKG0aYkZ5rGOoOQhiIvoSWX2"

static struct tmpdir dir;
static struct diags *diags;
static struct store *store;

static void open_store(bool with_fields)
{
    char htpasswd[TMPDIR_PATH_MAX];
    char fields[TMPDIR_PATH_MAX];
    store_close(store);
    store = store_of_files(tmpdir_path(&dir, "h", htpasswd),
                           with_fields ? tmpdir_path(&dir, "f", fields) : NULL, diags, NULL);
    assert_non_null(store);
}

static int set_up(void **state)
{
    (void)state;
    tmpdir_make(&dir);
    diags = diags_new();
    store = NULL;
    open_store(true);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store_close(store);
    diags_free(diags);
    tmpdir_remove(&dir);
    return 0;
}

static void write_file(const char *name, const char *text)
{
    tmpdir_write(&dir, name, text, strlen(text));
}

static void check_file(const char *says, const char *name, const char *wanted)
{
    char *text = tmpdir_read(&dir, name, NULL);
    CHECK_STR(says, str_of(text), str_of(wanted));
    free(text);
}

/* Sets what arg, a row of "key=value" ended by NULL, says. */
static int edit(void *arg, struct user_draft *d, struct err *e)
{
    for (const char *const *word = arg; *word != NULL; word++) {
        struct str key = STR_NONE;
        struct str value = STR_NONE;
        (void)str_cut(str_of(*word), '=', &key, &value);
        if (str_eq(key, STR("hash"))) {
            d->user.hash = value;
        } else if (user_draft_set(d, key, value) != NULL) {
            return err_set(e, ERR_MALFORMED, "refused");
        }
    }
    return 0;
}

static int change(enum store_change what, const char *name, const char *first, const char *second)
{
    struct err e = {0};
    const char *words[] = {first, second, NULL};
    return store_change(store, what, str_of(name), edit, words, &e);
}

static void test_life(void **state)
{
    (void)state;
    assert_int_equal(change(STORE_ADD, "alice", "hash=" H1, "groups=a"), 0);
    assert_int_equal(change(STORE_ADD, "b b", "hash=" H1, NULL), 0);
    check_file("made", "h", "alice:" H1 "\nb b:" H1 "\n");
    check_file("only who has fields", "f", "alice groups=a\n");
    assert_int_equal(change(STORE_ADD, "alice", "hash=" H5, "groups=admin"), -ERR_EXISTS);
    check_file("a refused addition changes no fields", "f", "alice groups=a\n");
    assert_int_equal(change(STORE_SET, "b b", "disabled=yes", "hash=" H5), 0);
    check_file("a new hash", "h", "alice:" H1 "\nb b:" H5 "\n");
    check_file("a blank in a name", "f", "alice groups=a\nb%20b disabled=yes\n");
    assert_int_equal(change(STORE_SET, "alice", "disabled=no", "groups=,"), -ERR_MALFORMED);
    assert_int_equal(change(STORE_SET, "carol", "disabled=yes", NULL), -ERR_NOT_FOUND);
    assert_int_equal(change(STORE_DELETE, "carol", NULL, NULL), -ERR_NOT_FOUND);
    assert_int_equal(change(STORE_SET, "a:b", "disabled=yes", NULL), -ERR_MALFORMED);
    assert_int_equal(change(STORE_ADD, "carol", "hash=secret", NULL), -ERR_MALFORMED);
    struct user *u = NULL;
    assert_int_equal(store_find(store, STR("b b"), &u, NULL), 0);
    assert_true(u->disabled);
    CHECK_STR("together", u->hash, STR(H5));
    user_unref(u);
    assert_int_equal(store_find(store, STR("B b"), &u, NULL), -ERR_NOT_FOUND);
    assert_int_equal(change(STORE_DELETE, "alice", NULL, NULL), 0);
    check_file("fields go along", "f", "b%20b disabled=yes\n");
    check_file("and the line", "h", "b b:" H5 "\n");
}

static void test_other_lines_stay(void **state)
{
    (void)state;
    write_file("h", "# ours\nodd line\nalice:" H1 "\nold:plain text\n");
    write_file("f", "# theirs\n\nalice  groups=a\nold colour=blue\r\nnobody disabled=yes\n");
    assert_int_equal(change(STORE_SET, "alice", "disabled=yes", NULL), 0);
    check_file("moved behind, the rest as it was", "f",
               "# theirs\n\nold colour=blue\r\nnobody disabled=yes\n"
               "alice groups=a disabled=yes\n");
    assert_int_equal(change(STORE_SET, "old", "hash=" H5, NULL), -ERR_MALFORMED);
    write_file("f", "");
    assert_int_equal(change(STORE_SET, "old", "hash=" H5, NULL), 0);
    check_file("a faulty hash is mended", "h", "# ours\nodd line\nalice:" H1 "\nold:" H5 "\n");
    assert_int_equal(change(STORE_DELETE, "old", NULL, NULL), 0);
    /* Fields that were left behind are nobody else's. */
    write_file("f", "carol groups=admin\n");
    assert_int_equal(change(STORE_ADD, "carol", "hash=" H1, NULL), 0);
    check_file("a new user begins with nothing", "f", "");
    struct user *u = NULL;
    assert_int_equal(store_find(store, STR("alice"), &u, NULL), -ERR_MALFORMED);
    assert_true(diags_errors(diags) > 0);
}

static void test_without_a_file_of_fields(void **state)
{
    (void)state;
    struct err e = {0};
    const char *words[] = {"groups=a", NULL};
    open_store(false);
    assert_int_equal(change(STORE_ADD, "alice", "hash=" H1, NULL), 0);
    assert_int_equal(store_change(store, STORE_SET, STR("alice"), edit, words, &e), -ERR_CONFIG);
    assert_non_null(strstr(e.text, "users.fields"));
    assert_int_equal(change(STORE_SET, "alice", "hash=" H5, NULL), 0);
    check_file("the hash alone", "h", "alice:" H5 "\n");
}

static bool collect(void *arg, const struct user *u)
{
    struct buf *out = arg;
    assert_int_equal(buf_append(out, u->name), 0);
    assert_int_equal(user_draft_write(u, out), 0);
    return !str_eq(u->name, STR("stop"));
}

static void test_walk(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct store_page page;
        const char *told;
    } rows[] = {
        {"all, in order", {{NULL, 0}, 0}, "ab disabled=yesstop"},
        {"one", {{NULL, 0}, 1}, "a"},
        {"behind one", {{"a", 1}, 1}, "b disabled=yes"},
        {"behind the last", {{"z", 1}, 0}, ""},
    };
    write_file("h", "z:" H5 "\nstop:" H5 "\nb:" H5 "\na:" H5 "\n");
    write_file("f", "b disabled=yes\n");
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct buf out;
        buf_init(&out, 1000);
        assert_int_equal(store_each(store, &rows[i].page, collect, &out, NULL), 0);
        CHECK_STR(rows[i].says, buf_str(&out), str_of(rows[i].told));
        buf_release(&out);
    }
}

/* Fails unless all that was told, if anything, is that memory ran out. */
static void check_told(const char *says, unsigned long nth, int rc, const struct err *e)
{
    struct buf out;
    struct str line = STR_NONE;
    buf_init(&out, 1 << 16);
    assert_int_equal(diags_render(diags, &out), 0);
    struct str rest = buf_str(&out);
    while (rest.n > 0) {
        (void)str_cut(rest, '\n', &line, &rest);
        if (!str_ends(line, STR("out of memory")) &&
            !str_eq(line, STR("error: out of memory, not every finding is shown"))) {
            fail_msg("%s, allocation %lu: told %.*s", says, nth, STR_ARG(line));
        }
    }
    buf_release(&out);
    if (rc != 0 && (rc != -ERR_NOMEM || strstr(e->text, "out of memory") == NULL)) {
        fail_msg("%s, allocation %lu: %d (%s)", says, nth, rc, e->text);
    }
}

static int starved_find(struct err *e)
{
    struct user *u = NULL;
    int rc = store_find(store, STR("alice"), &u, e);
    assert_true((rc == 0) == (u != NULL));
    user_unref(u);
    return rc;
}

static bool hear(void *arg, const struct user *u)
{
    (void)arg;
    return u->name.n > 0;
}

static int starved_walk(struct err *e)
{
    return store_each(store, &(struct store_page){{NULL, 0}, 0}, hear, NULL, e);
}

static int starved_set(struct err *e)
{
    const char *words[] = {"hash=" H5, "disabled=yes", NULL};
    return store_change(store, STORE_SET, STR("alice"), edit, words, e);
}

static int starved_add(struct err *e)
{
    const char *words[] = {"hash=" H1, "expires=2027-01-31", NULL};
    return store_change(store, STORE_ADD, STR("bob"), edit, words, e);
}

static int starved_delete(struct err *e)
{
    return store_change(store, STORE_DELETE, STR("alice"), NULL, NULL, e);
}

/* Whichever allocation fails, and whether there is memory again behind it. */
static void test_memory(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        int (*take)(struct err *e);
    } rows[] = {
        {"find", starved_find}, {"walk", starved_walk},     {"set", starved_set},
        {"add", starved_add},   {"delete", starved_delete},
    };
    for (size_t i = 0; i < ROWS(rows) * 2; i++) {
        unsigned long nth = 0;
        int rc = -1;
        while (rc != 0) {
            struct err e = {0};
            write_file("h", "alice:" H5 "\nzoe:" H5 "\n");
            write_file("f", "alice groups=a,b disabled=no\nzoe company=Acme\n");
            diags_free(diags);
            diags = diags_new();
            open_store(true);
            mem_fail_after(++nth, i % 2 == 0);
            rc = rows[i / 2].take(&e);
            mem_fail_after(0, false);
            check_told(rows[i / 2].says, nth, rc, &e);
            if (rc != 0 && rows[i / 2].take == starved_add) {
                check_file("nobody was added by half", "h", "alice:" H5 "\nzoe:" H5 "\n");
            }
        }
        CHECK_ROW(rows[i / 2].says, nth > 4);
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_life), CASE(test_other_lines_stay), CASE(test_without_a_file_of_fields),
        CASE(test_walk), CASE(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
