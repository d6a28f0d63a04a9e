/* Two files that change as one: what is refused leaves both as they were. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/renew_switch.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

static const struct renew_switch_texts texts[] = {
    {{"cert 0", 6}, {"key 0", 5}},
    {{"cert 1", 6}, {"key 1", 5}},
    {{"cert 2", 6}, {"key 2", 5}},
    {{"cert 3", 6}, {"key 3", 5}},
};

struct lab {
    struct tmpdir dir;
    char certificate[TMPDIR_PATH_MAX];
    char key[TMPDIR_PATH_MAX];
    char pairs[TMPDIR_PATH_MAX]; /* the directory with them */
};

/* The files as somebody has put them there. */
static void lab_open(struct lab *l)
{
    tmpdir_make(&l->dir);
    tmpdir_write(&l->dir, "my.pem", "cert 0", 6);
    tmpdir_write(&l->dir, "my.key", "key 0", 5);
    (void)tmpdir_path(&l->dir, "my.pem", l->certificate);
    (void)tmpdir_path(&l->dir, "my.key", l->key);
    (void)tmpdir_path(&l->dir, "my.pem.d", l->pairs);
    assert_int_equal(chmod(l->certificate, 0644), 0);
    assert_int_equal(chmod(l->key, 0600), 0);
}

static void check_file(const char *says, const struct lab *l, const char *name, struct str wanted,
                       mode_t mode)
{
    char path[TMPDIR_PATH_MAX];
    struct stat st;
    size_t n = 0;
    char *text = tmpdir_read(&l->dir, name, &n);
    CHECK_STR(says, ((struct str){text, n}), wanted);
    free(text);
    CHECK_ROW(says, stat(tmpdir_path(&l->dir, name, path), &st) == 0);
    CHECK_ROW(says, (st.st_mode & 0777) == mode);
}

/* Both names lead to the pair of that number. */
static void check_pair(const char *says, const struct lab *l, size_t i)
{
    check_file(says, l, "my.pem", texts[i].certificate, 0644);
    check_file(says, l, "my.key", texts[i].key, 0600);
}

/* How many pairs there are in the directory; they may be looked at by whoever may read the files.
 */
static unsigned pairs_of(const struct lab *l)
{
    DIR *d = opendir(l->pairs);
    const struct dirent *entry = NULL;
    unsigned n = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while (d != NULL && (entry = readdir(d)) != NULL) {
        n += entry->d_name[0] != '.' && strcmp(entry->d_name, "live") != 0;
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return n;
}

static bool is_link(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

static void refused(void **state)
{
    static const struct {
        const char *says;
        const char *take_away; /* this file */
        const char *directory; /* this is a directory that is not empty */
        const char *plain;     /* this is a file */
        const char *word;
    } rows[] = {
        {"there is no certificate", "my.pem", NULL, NULL, "my.pem"},
        {"there is no key", "my.key", NULL, NULL, "my.key"},
        {"a file is where the pairs would be", NULL, NULL, "my.pem.d", "my.pem.d"},
        {"the link cannot be made", NULL, "my.pem.d/live", NULL, "live"},
        {"nor can it be made aside", NULL, "my.pem.d/live.new", NULL, "live"},
        {"the certificate's name cannot become a link", NULL, "my.pem.new", NULL, "my.pem"},
        {"the key's cannot", NULL, "my.key.new", NULL, "my.key"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct lab l;
        struct err e = {0};
        char path[TMPDIR_PATH_MAX];
        lab_open(&l);
        if (rows[i].take_away != NULL) {
            assert_int_equal(unlink(tmpdir_path(&l.dir, rows[i].take_away, path)), 0);
        }
        if (rows[i].plain != NULL) {
            tmpdir_write(&l.dir, rows[i].plain, "x", 1);
        }
        if (rows[i].directory != NULL) {
            char inside[TMPDIR_PATH_MAX];
            (void)mkdir(l.pairs, 0755);
            assert_int_equal(mkdir(tmpdir_path(&l.dir, rows[i].directory, path), 0755), 0);
            (void)snprintf(inside, sizeof(inside), "%s/x", rows[i].directory);
            tmpdir_write(&l.dir, inside, "x", 1);
        }
        CHECK_ROW(rows[i].says,
                  renew_switch(l.certificate, l.key, &texts[0], &texts[1], &e) == -ERR_IO);
        CHECK_ROW(e.text, strstr(e.text, rows[i].word) != NULL);
        if (rows[i].take_away == NULL) {
            check_pair(rows[i].says, &l, 0);
        }
        tmpdir_remove(&l.dir);
    }
}

static void long_paths(void **state)
{
    static char path[5000];
    struct lab l;
    struct err e = {0};
    (void)state;
    lab_open(&l);
    memset(path, 'a', sizeof(path) - 1);
    assert_int_equal(renew_switch(path, l.key, &texts[0], &texts[1], &e), -ERR_IO);
    assert_int_equal(renew_switch(l.certificate, path, &texts[0], &texts[1], &e), -ERR_IO);
    check_pair("neither is touched", &l, 0);
    tmpdir_remove(&l.dir);
}

static void taken(void **state)
{
    struct lab l;
    struct err e = {0};
    char live[TMPDIR_PATH_MAX + 8];
    char before[64] = "";
    char now[64] = "";
    (void)state;
    lab_open(&l);
    (void)snprintf(live, sizeof(live), "%s/live", l.pairs);
    for (size_t i = 1; i < ROWS(texts); i++) {
        assert_int_equal(renew_switch(l.certificate, l.key, &texts[i - 1], &texts[i], &e), 0);
        check_pair("the new pair", &l, i);
        assert_true(is_link(l.certificate) && is_link(l.key) && is_link(live));
        assert_int_equal(pairs_of(&l), 2); /* this one, and the one before */
        memcpy(before, now, sizeof(before));
        ssize_t n = readlink(live, now, sizeof(now) - 1);
        assert_true(n > 0);
        now[n] = '\0';
        assert_string_not_equal(before, now); /* the link alone has changed */
    }
    char name[128];
    (void)snprintf(name, sizeof(name), "my.pem.d/%s/key.pem", before);
    check_file("the one before is kept", &l, name, texts[2].key, 0600);
    tmpdir_remove(&l.dir);
}

/* A certificate that somebody has put there as a plain file again. */
static void put_back(void **state)
{
    struct lab l;
    struct err e = {0};
    (void)state;
    lab_open(&l);
    assert_int_equal(renew_switch(l.certificate, l.key, &texts[0], &texts[1], &e), 0);
    assert_int_equal(unlink(l.certificate), 0);
    tmpdir_write(&l.dir, "my.pem", "cert 2", 6);
    assert_int_equal(chmod(l.certificate, 0644), 0);
    assert_int_equal(renew_switch(l.certificate, l.key, &texts[2], &texts[3], &e), 0);
    check_pair("the new pair", &l, 3);
    assert_true(is_link(l.certificate));
    tmpdir_remove(&l.dir);
}

/* Where it broke off, the next one begins where it has to. */
static void again(void **state)
{
    static const char *const left[] = {"my.pem.new", "my.key.new", "my.pem.d/live.new"};
    (void)state;
    for (size_t i = 0; i < ROWS(left); i++) {
        struct lab l;
        struct err e = {0};
        char path[TMPDIR_PATH_MAX];
        lab_open(&l);
        (void)mkdir(l.pairs, 0755);
        assert_int_equal(symlink("/nonexistent", tmpdir_path(&l.dir, left[i], path)), 0);
        CHECK_ROW(left[i], renew_switch(l.certificate, l.key, &texts[0], &texts[1], &e) == 0);
        check_pair(left[i], &l, 1);
        CHECK_ROW(left[i], access(path, F_OK) != 0);
        tmpdir_remove(&l.dir);
    }
}

/* Names without a directory are of this one, and their links hold from everywhere. */
static void from_here(void **state)
{
    struct lab l;
    struct err e = {0};
    (void)state;
    lab_open(&l);
    assert_int_equal(chdir(l.dir.path), 0);
    assert_int_equal(renew_switch("my.pem", "my.key", &texts[0], &texts[1], &e), 0);
    assert_int_equal(chdir("/"), 0);
    check_pair("read from elsewhere", &l, 1);
    tmpdir_remove(&l.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),  cmocka_unit_test(long_paths), cmocka_unit_test(taken),
        cmocka_unit_test(put_back), cmocka_unit_test(again),      cmocka_unit_test(from_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
