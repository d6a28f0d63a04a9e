/* What workers tell: nothing where nobody hears it, and each certificate once. */
#include <sys/socket.h>
#include <unistd.h>

#include "base/sighting.h"
#include "proxy/observe/sightings.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

static size_t heard(int fd, struct sighting *last)
{
    char octets[SIGHTING_MAX + 1];
    size_t n = 0;
    ssize_t got = 0;
    while ((got = recv(fd, octets, sizeof(octets), MSG_DONTWAIT)) > 0) {
        assert_true(sighting_read((struct str){octets, (size_t)got}, last));
        n++;
    }
    return n;
}

static void test_told_once(void **state)
{
    (void)state;
    struct tmpdir dir;
    char path[TMPDIR_PATH_MAX];
    struct sockaddr_un address;
    struct sighting last = {.from = ""};
    unsigned char one[32] = {1, 2, 3};
    unsigned char two[32] = {2, 2, 3};
    tmpdir_make(&dir);
    (void)tmpdir_path(&dir, "ca.sock", path);
    assert_true(sighting_address(path, &address));
    struct sightings *s = sightings_new(path);
    assert_non_null(s);
    assert_true(sightings_is_for(s, path));
    assert_false(sightings_is_for(s, "/other"));
    assert_false(sightings_is_for(s, NULL));
    assert_false(sightings_is_for(NULL, path));

    sightings_tell(s, one, STR("192.0.2.1")); /* nobody is there */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    sightings_tell(s, one, STR("192.0.2.1"));
    assert_int_equal(heard(fd, &last), 1);
    assert_string_equal(last.from, "192.0.2.1");
    assert_memory_equal(last.digest, one, sizeof(one));
    sightings_tell(s, one, STR("192.0.2.1"));
    sightings_tell(s, two, STR_NONE);
    assert_int_equal(heard(fd, &last), 0);
    sightings_tell(s, two, STR("2001:db8::1"));
    assert_int_equal(heard(fd, &last), 1);
    assert_memory_equal(last.digest, two, sizeof(two));

    /* A reader that does not keep up loses what does not fit, and nobody waits for it. */
    unsigned char many[32] = {0};
    for (unsigned i = 1; i <= 5000; i++) {
        memcpy(many, &i, sizeof(i));
        sightings_tell(s, many, STR("192.0.2.1"));
    }
    size_t n = heard(fd, &last);
    assert_true(n > 0);
    memcpy(many, &(unsigned){5000}, sizeof(unsigned));
    sightings_tell(s, many, STR("192.0.2.1"));
    assert_int_equal(heard(fd, &last), n < 5000 ? 1 : 0);
    sightings_free(s);
    sightings_free(NULL);
    (void)close(fd);
    (void)unlink(address.sun_path);
    tmpdir_remove(&dir);
}

static void test_no_name_for_it(void **state)
{
    (void)state;
    char path[200];
    memset(path, 'x', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    assert_null(sightings_new(path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_told_once),
        cmocka_unit_test(test_no_name_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
