/* What is told of a certificate in use: what is no such thing is refused, the rest comes through as
 * it was. */
#include <stdio.h>

#include "base/sighting.h"
#include "tests/support/check.h"

#define DIGEST "0123456789abcdef0123456789abcdef"
#define LONG   "1111:1111:1111:1111:1111:1111:1111:1111:"

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct str octets;
    } rows[] = {
        {"nothing", {"", 0}},
        {"a part of a digest", {DIGEST, 31}},
        {"a digest alone", {DIGEST, 32}},
        {"a blank in the address", {DIGEST "192.0.2.1 ", 42}},
        {"a line end", {DIGEST "192.0.2.1\n", 42}},
        {"NUL", {DIGEST "192.0.2.1\0", 42}},
        {"a name", {DIGEST "localhost", 41}},
        {"too long", {DIGEST LONG LONG, 32 + 80}},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct sighting s;
        CHECK_ROW(rows[i].says, !sighting_read(rows[i].octets, &s));
    }
}

static void test_round(void **state)
{
    (void)state;
    static const char *const from[] = {"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"};
    for (size_t i = 0; i < ROWS(from); i++) {
        unsigned char octets[SIGHTING_MAX];
        struct sighting s;
        struct sighting again;
        memcpy(s.digest, DIGEST, sizeof(s.digest));
        (void)snprintf(s.from, sizeof(s.from), "%s", from[i]);
        size_t n = sighting_write(&s, octets);
        CHECK_ROW(from[i], sighting_read((struct str){(const char *)octets, n}, &again));
        assert_string_equal(again.from, from[i]);
        assert_memory_equal(again.digest, s.digest, sizeof(s.digest));
    }
}

static void test_address(void **state)
{
    (void)state;
    struct sockaddr_un address;
    char path[sizeof(address.sun_path) - 4];
    assert_true(sighting_address("/run/ca.sock", &address));
    assert_string_equal(address.sun_path, "/run/ca.sock.seen");
    memset(path, 'x', sizeof(path));
    path[sizeof(path) - 2] = '\0';
    assert_true(sighting_address(path, &address));
    path[sizeof(path) - 2] = 'x';
    path[sizeof(path) - 1] = '\0';
    assert_false(sighting_address(path, &address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
