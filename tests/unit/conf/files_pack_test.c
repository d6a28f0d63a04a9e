/* What is no sealed set of ours is refused, whatever it holds. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/files.h"
#include "tests/support/check.h"

enum { SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

static int memory_of(const char *octets, size_t n, int seals)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, octets, n), n);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void refuse(const char *says, const char *octets, size_t n, int seals)
{
    struct err e = {0};
    int fd = memory_of(octets, n, seals);
    struct files *f = files_unpack(fd, &e);
    CHECK_ROW(says, f == NULL);
    CHECK_ROW(says, e.code != ERR_OK);
    files_free(f);
    assert_int_equal(close(fd), 0);
}

static void test_refused(void **state)
{
    (void)state;
    char octets[4096];
    struct files *f = files_new();
    int fd = -1;
    assert_int_equal(files_put(f, "/a", STR("content")), 0);
    assert_int_equal(files_put(f, "/b", STR("more")), 0);
    assert_int_equal(files_pack(f, &fd, NULL), 0);
    ssize_t got = pread(fd, octets, sizeof(octets), 0);
    assert_true(got > 0);
    size_t n = (size_t)got;
    for (size_t i = 0; i < n; i++) {
        refuse("cut short", octets, i, SEALS);
    }
    refuse("not sealed", octets, n, 0);
    refuse("not sealed against writing", octets, n, SEALS & ~F_SEAL_WRITE);
    octets[n] = 0;
    refuse("longer", octets, n + 1, SEALS);
    for (size_t i = 0; i < n; i++) {
        /* Any octet changed: refused or read, but never outside of the map (the sanitizer sees). */
        octets[i] = (char)~octets[i];
        int other = memory_of(octets, n, SEALS);
        files_free(files_unpack(other, NULL));
        assert_int_equal(close(other), 0);
        octets[i] = (char)~octets[i];
    }
    assert_null(files_unpack(-1, NULL));
    assert_int_equal(close(fd), 0);
    files_free(f);
}

/* A derived block whose place or length is not what it was: refused or read, never outside. */
static void test_derived(void **state)
{
    (void)state;
    struct files *f = files_new();
    int fd = -1;
    struct derived *block = derived_new((unsigned char *)mem_dup("block", 5), 5);
    assert_int_equal(files_put(f, "/a", STR("content")), 0);
    assert_int_equal(files_derive(f, "sum", block), 0);
    derived_unref(block);
    assert_int_equal(files_pack(f, &fd, NULL), 0);
    off_t end = lseek(fd, 0, SEEK_END);
    assert_true(end > 65536);
    size_t n = (size_t)end;
    char *octets = test_malloc(n);
    assert_int_equal(pread(fd, octets, n, 0), (ssize_t)n);
    refuse("cut in the block", octets, n - 6, SEALS);
    refuse("cut in front of it", octets, 65536, SEALS);
    refuse("cut far in front of it", octets, 4096, SEALS);
    for (size_t i = 0; i < 256; i++) {
        octets[i] = (char)~octets[i];
        int other = memory_of(octets, n, SEALS);
        files_free(files_unpack(other, NULL));
        assert_int_equal(close(other), 0);
        octets[i] = (char)~octets[i];
    }
    test_free(octets);
    assert_int_equal(close(fd), 0);
    files_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_derived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
