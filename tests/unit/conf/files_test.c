/* Sets of files: read once, changes noticed, pinned and read anew. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/files.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

struct place {
    struct tmpdir dir;
    char path[TMPDIR_PATH_MAX];
    struct files *files;
};

static int begin(void **state)
{
    struct place *p = test_calloc(1, sizeof(*p));
    tmpdir_make(&p->dir);
    tmpdir_write(&p->dir, "a", "one", 3);
    (void)tmpdir_path(&p->dir, "a", p->path);
    p->files = files_new();
    *state = p;
    return p->files == NULL;
}

static int end(void **state)
{
    struct place *p = *state;
    files_free(p->files);
    tmpdir_remove(&p->dir);
    test_free(p);
    return 0;
}

static void expect(struct files *f, const char *path, const char *text)
{
    struct str got;
    struct err e = {0};
    if (files_read(f, path, &got, &e) != 0) {
        fail_msg("%s", e.text);
    }
    CHECK_STR(path, got, str_of(text));
}

static void test_read_once(void **state)
{
    struct place *p = *state;
    assert_int_equal(chmod(p->path, 0640), 0);
    expect(p->files, p->path, "one");
    tmpdir_write(&p->dir, "a", "three", 5);
    expect(p->files, p->path, "one");
    assert_int_equal(files_mode(p->files, p->path), 0640);
    assert_int_equal(files_mode(p->files, "/nothing"), 0);
}

static void test_empty(void **state)
{
    struct place *p = *state;
    tmpdir_write(&p->dir, "a", "", 0);
    expect(p->files, p->path, "");
}

static void test_large(void **state)
{
    struct place *p = *state;
    size_t n = 300000;
    char *octets = test_malloc(n);
    struct str got;
    for (size_t i = 0; i < n; i++) {
        octets[i] = (char)(i * 7);
    }
    tmpdir_write(&p->dir, "a", octets, n);
    assert_int_equal(files_read(p->files, p->path, &got, NULL), 0);
    assert_true(str_eq(got, (struct str){octets, n}));
    test_free(octets);
}

static void test_refused(void **state)
{
    struct place *p = *state;
    char path[TMPDIR_PATH_MAX];
    struct str got;
    struct err e = {0};
    assert_int_equal(files_read(p->files, "/nothing/there", &got, &e), -ERR_NOT_FOUND);
    CHECK_STR("text", str_of(e.text), STR("cannot open /nothing/there: No such file or directory"));
    assert_int_equal(files_read(p->files, p->dir.path, &got, NULL), -ERR_IO);
    assert_int_equal(mkfifo(tmpdir_path(&p->dir, "fifo", path), 0600), 0);
    assert_int_equal(files_read(p->files, path, &got, NULL), -ERR_IO);
    if (geteuid() != 0) {
        assert_int_equal(chmod(p->path, 0), 0);
        assert_int_equal(files_read(p->files, p->path, &got, NULL), -ERR_DENIED);
    }
    /* Sparse: takes no room on disk. */
    int fd = open(tmpdir_path(&p->dir, "big", path), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)1024 * 1024 * 1024 + 1), 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(files_read(p->files, path, &got, NULL), -ERR_TOO_LARGE);
}

static void test_changed(void **state)
{
    struct place *p = *state;
    char other[TMPDIR_PATH_MAX];
    struct str got;
    assert_false(files_changed(p->files));
    expect(p->files, p->path, "one");
    assert_false(files_changed(p->files));
    tmpdir_write(&p->dir, "a", "other", 5);
    assert_true(files_changed(p->files));

    struct files *again = files_again(p->files);
    assert_int_equal(files_read(again, tmpdir_path(&p->dir, "b", other), &got, NULL),
                     -ERR_NOT_FOUND);
    assert_false(files_changed(again));
    tmpdir_write(&p->dir, "b", "", 0);
    assert_true(files_changed(again)); /* it has come */
    assert_int_equal(files_read(again, other, &got, NULL), -ERR_NOT_FOUND);
    files_free(again);

    again = files_again(p->files);
    expect(again, p->path, "other");
    assert_int_equal(unlink(p->path), 0);
    assert_true(files_changed(again)); /* it has gone */
    files_free(again);
}

static void test_replaced(void **state)
{
    struct place *p = *state;
    char other[TMPDIR_PATH_MAX];
    struct stat st;
    expect(p->files, p->path, "one");
    /* The same size and time, but another inode: an atomic rename. */
    assert_int_equal(stat(p->path, &st), 0);
    tmpdir_write(&p->dir, "b", "two", 3);
    (void)tmpdir_path(&p->dir, "b", other);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, other, times, 0), 0);
    assert_int_equal(rename(other, p->path), 0);
    assert_true(files_changed(p->files));
}

/* Written over in place, with as many octets, and the time set back. */
static void test_written_over(void **state)
{
    struct place *p = *state;
    struct stat st;
    expect(p->files, p->path, "one");
    assert_int_equal(stat(p->path, &st), 0);
    /* The clock of a file system is a coarse one. */
    struct stat now = st;
    while (now.st_ctim.tv_sec == st.st_ctim.tv_sec && now.st_ctim.tv_nsec == st.st_ctim.tv_nsec) {
        FILE *f = fopen(p->path, "r+");
        assert_non_null(f);
        assert_int_equal(fwrite("two", 1, 3, f), 3);
        assert_int_equal(fclose(f), 0);
        const struct timespec times[2] = {st.st_atim, st.st_mtim};
        assert_int_equal(utimensat(AT_FDCWD, p->path, times, 0), 0);
        assert_int_equal(stat(p->path, &now), 0);
        assert_true(now.st_ino == st.st_ino && now.st_mtim.tv_nsec == st.st_mtim.tv_nsec);
    }
    assert_true(files_changed(p->files));
}

static void test_pinned(void **state)
{
    struct place *p = *state;
    expect(p->files, p->path, "one");
    files_pin(p->files, p->path);
    tmpdir_write(&p->dir, "a", "three", 5);
    assert_false(files_changed(p->files));
    struct files *again = files_again(p->files);
    expect(again, p->path, "one");
    assert_false(files_changed(again));
    files_free(again);
}

static void test_glob(void **state)
{
    struct place *p = *state;
    char pattern[TMPDIR_PATH_MAX];
    const char *const *paths = NULL;
    size_t n = 9;
    tmpdir_write(&p->dir, "c.x", "", 0);
    tmpdir_write(&p->dir, "b.x", "", 0);
    (void)tmpdir_path(&p->dir, "*.x", pattern);
    assert_int_equal(files_glob(p->files, pattern, &paths, &n, NULL), 0);
    assert_int_equal(n, 2);
    assert_true(str_ends(str_of(paths[0]), STR("/b.x")));
    assert_true(str_ends(str_of(paths[1]), STR("/c.x")));
    assert_false(files_changed(p->files));
    tmpdir_write(&p->dir, "a.x", "", 0);
    assert_true(files_changed(p->files));
    assert_int_equal(files_glob(p->files, pattern, &paths, &n, NULL), 0);
    assert_int_equal(n, 2);
    files_pin(p->files, pattern);
    assert_false(files_changed(p->files));
    struct files *again = files_again(p->files);
    assert_int_equal(files_glob(again, pattern, &paths, &n, NULL), 0);
    assert_int_equal(n, 2);
    files_free(again);
    assert_int_equal(files_glob(p->files, "/nothing/*.x", &paths, &n, NULL), 0);
    assert_int_equal(n, 0);
}

static void test_put_and_exists(void **state)
{
    struct place *p = *state;
    assert_int_equal(files_put(p->files, "/seeded", STR("text")), 0);
    assert_int_equal(files_put(p->files, "/seeded", STR("text")), -ERR_EXISTS);
    expect(p->files, "/seeded", "text");
    assert_false(files_changed(p->files));
    assert_true(files_exists(p->files, "/seeded"));
    assert_true(files_exists(p->files, p->path));
    assert_false(files_exists(p->files, "/nothing"));
    assert_int_equal(unlink(p->path), 0);
    assert_true(files_exists(p->files, p->path));
    struct files *again = files_again(p->files);
    expect(again, "/seeded", "text");
    assert_true(files_exists(again, p->path));
    files_free(again);
}

static void test_packed(void **state)
{
    struct place *p = *state;
    char pattern[TMPDIR_PATH_MAX];
    const char *const *paths = NULL;
    struct str got;
    size_t n = 0;
    int fd = -1;
    (void)tmpdir_path(&p->dir, "*", pattern);
    expect(p->files, p->path, "one");
    assert_int_equal(files_read(p->files, "/nothing", &got, NULL), -ERR_NOT_FOUND);
    assert_int_equal(files_glob(p->files, pattern, &paths, &n, NULL), 0);
    assert_true(files_exists(p->files, p->path));
    assert_int_equal(files_pack(p->files, &fd, NULL), 0);

    /* Nobody can change it, also not through another name. */
    assert_int_equal(write(fd, "x", 1), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, 0), -1);

    struct files *there = files_unpack(fd, NULL);
    assert_non_null(there);
    assert_int_equal(close(fd), 0);
    expect(there, p->path, "one");
    assert_int_equal(files_mode(there, p->path), files_mode(p->files, p->path));
    assert_int_equal(files_glob(there, pattern, &paths, &n, NULL), 0);
    assert_int_equal(n, 1);
    CHECK_STR("glob", str_of(paths[0]), str_of(p->path));
    assert_true(files_exists(there, p->path));
    assert_false(files_exists(there, p->dir.path)); /* never touches the disk */
    assert_int_equal(files_read(there, "/nothing", &got, NULL), -ERR_NOT_FOUND);
    assert_int_equal(files_read(there, "/etc/hostname", &got, NULL), -ERR_NOT_FOUND);
    assert_int_equal(files_glob(there, "/etc/*", &paths, &n, NULL), 0);
    assert_int_equal(n, 0);
    assert_false(files_changed(there));
    files_free(there);
}

static struct derived *block_of(const char *text)
{
    unsigned char *copy = (unsigned char *)mem_dup(text, strlen(text));
    return derived_new(copy, strlen(text));
}

static void test_derived(void **state)
{
    struct place *p = *state;
    struct str got;
    int fd = -1;
    assert_null(files_derived(p->files, "sum"));
    expect(p->files, p->path, "one");
    struct derived *block = block_of("three");
    assert_int_equal(files_derive(p->files, "sum", block), 0);
    assert_int_equal(files_derive(p->files, "sum", block), -ERR_EXISTS);
    derived_unref(block);
    files_done(p->files, p->path);
    files_done(p->files, p->path);
    files_done(p->files, "/nothing");
    assert_false(files_changed(p->files));
    assert_int_equal(files_pack(p->files, &fd, NULL), 0);
    struct files *there = files_unpack(fd, NULL);
    assert_non_null(there);
    assert_int_equal(files_read(there, p->path, &got, NULL), -ERR_NOT_FOUND);
    assert_int_equal(files_read(there, "sum", &got, NULL), -ERR_NOT_FOUND);
    block = files_derived(there, "sum");
    assert_non_null(block);
    assert_null(files_derived(there, "other"));
    assert_false(files_changed(there));
    /* It outlives the set. */
    files_free(there);
    assert_int_equal(block->n, 5);
    assert_memory_equal(block->p, "three", 5);
    derived_unref(block);
    assert_int_equal(close(fd), 0);
    /* The next set computes anew. */
    struct files *again = files_again(p->files);
    assert_null(files_derived(again, "sum"));
    files_free(again);
}

/* Who comes later gets the same content, or none. */
static void test_done(void **state)
{
    struct place *p = *state;
    struct str got;
    struct err e = {0};
    expect(p->files, p->path, "one");
    expect(p->files, p->path, "one");
    files_done(p->files, p->path);
    tmpdir_write(&p->dir, "a", "three", 5);
    expect(p->files, p->path, "one"); /* others still have it */
    files_done(p->files, p->path);
    files_done(p->files, p->path);
    assert_int_equal(files_read(p->files, p->path, &got, &e), -ERR_IO);
    assert_true(str_ends(str_of(e.text), STR("a changed while it was read")));
    assert_true(files_changed(p->files));
    struct files *again = files_again(p->files);
    expect(again, p->path, "three");
    files_done(again, p->path);
    expect(again, p->path, "three");
    files_free(again);
    /* What does not come from disk stays. */
    assert_int_equal(files_put(p->files, "/seeded", STR("text")), 0);
    expect(p->files, "/seeded", "text");
    files_done(p->files, "/seeded");
    expect(p->files, "/seeded", "text");
}

static void test_no_memory(void **state)
{
    struct place *p = *state;
    int fd = -1;
    for (unsigned long nth = 1; nth < 12; nth++) {
        struct str got;
        const char *const *paths = NULL;
        size_t n = 0;
        struct files *f = files_new();
        assert_non_null(f);
        mem_fail_after(nth, false);
        int rc = files_read(f, p->path, &got, NULL);
        assert_true(rc == 0 || rc == -ERR_NOMEM);
        rc = files_glob(f, "/*", &paths, &n, NULL);
        assert_true(rc == 0 || rc == -ERR_NOMEM);
        rc = files_put(f, "/x", STR("x"));
        assert_true(rc == 0 || rc == -ERR_NOMEM);
        assert_int_equal(files_pack(f, &fd, NULL), 0);
        struct files *there = files_unpack(fd, NULL);
        struct files *again = files_again(f);
        mem_fail_after(0, false);
        files_free(there);
        files_free(again);
        files_free(f);
        assert_int_equal(close(fd), 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_read_once),      TEST(test_empty),     TEST(test_large),
        TEST(test_refused),        TEST(test_changed),   TEST(test_replaced),
        TEST(test_written_over),   TEST(test_pinned),    TEST(test_glob),
        TEST(test_put_and_exists), TEST(test_packed),    TEST(test_derived),
        TEST(test_done),           TEST(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
