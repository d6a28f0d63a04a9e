/* Proven credentials are remembered for their time, in their number, and by all four parts. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/pwcache.h"
#include "base/mem.h"
#include "tests/support/check.h"

static void digest(struct pwcache *c, const char *user, unsigned char out[PWCACHE_DIGEST])
{
    assert_int_equal(pwcache_digest(c, str_of(user), STR("h"), STR("p"), NULL, out), 0);
}

static const unsigned char cert_one[32] = {1};
static const unsigned char cert_zero[32] = {0};

static const struct part {
    const char *what;
    const char *user;
    const char *hash;
    const char *password;
    const unsigned char *cert;
} parts[] = {
    {"the credential itself", "u", "h", "p", cert_one},
    {"another user", "v", "h", "p", cert_one},
    {"another stored hash", "u", "i", "p", cert_one},
    {"another password", "u", "h", "q", cert_one},
    {"another certificate", "u", "h", "p", cert_zero},
    {"no certificate", "u", "h", "p", NULL},
    {"a border that moved", "uh", "", "p", cert_one},
    {"an empty password", "u", "hp", "", cert_one},
};

enum { PARTS = sizeof(parts) / sizeof(parts[0]) };

static void digest_part(struct pwcache *c, const struct part *part, unsigned char *out)
{
    assert_int_equal(pwcache_digest(c, str_of(part->user), str_of(part->hash),
                                    str_of(part->password), part->cert, out),
                     0);
}

/* The nth digest is none of those before. */
static void check_new(unsigned char d[PARTS][PWCACHE_DIGEST], size_t n)
{
    for (size_t k = 0; k < n; k++) {
        if (memcmp(d[n], d[k], PWCACHE_DIGEST) == 0) {
            fail_msg("%s has the digest of %s", parts[n].what, parts[k].what);
        }
    }
}

static void test_binding(void **state)
{
    (void)state;
    unsigned char d[PARTS][PWCACHE_DIGEST];
    struct pwcache *c = pwcache_new(4, 1000);
    assert_non_null(c);
    for (size_t i = 0; i < PARTS; i++) {
        digest_part(c, &parts[i], d[i]);
        check_new(d, i);
    }
    pwcache_put(c, d[0], 1);
    assert_true(pwcache_known(c, d[0], 2));
    for (size_t i = 1; i < PARTS; i++) {
        assert_false(pwcache_known(c, d[i], 2));
    }
    pwcache_free(c);
}

/* The same again gives the same, and under another key something else. */
static void test_key(void **state)
{
    (void)state;
    unsigned char d[3][PWCACHE_DIGEST];
    struct pwcache *c = pwcache_new(4, 1000);
    struct pwcache *other = pwcache_new(4, 1000);
    assert_non_null(c);
    assert_non_null(other);
    digest_part(c, &parts[0], d[0]);
    digest_part(c, &parts[0], d[1]);
    digest_part(other, &parts[0], d[2]);
    assert_memory_equal(d[0], d[1], PWCACHE_DIGEST);
    assert_memory_not_equal(d[0], d[2], PWCACHE_DIGEST);
    pwcache_free(c);
    pwcache_free(other);
}

static void test_time(void **state)
{
    (void)state;
    unsigned char d[PWCACHE_DIGEST];
    struct pwcache *c = pwcache_new(2, 1000);
    digest(c, "u", d);
    assert_false(pwcache_known(c, d, 0));
    pwcache_put(c, d, 5000);
    assert_true(pwcache_known(c, d, 5000));
    assert_true(pwcache_known(c, d, 5999));
    assert_false(pwcache_known(c, d, 6000));
    assert_false(pwcache_known(c, d, 5999)); /* gone for good */
    pwcache_put(c, d, 5000);
    pwcache_put(c, d, 5900); /* used: a new time */
    assert_true(pwcache_known(c, d, 6800));
    assert_true(pwcache_known(c, d, 6899)); /* asking is no use */
    assert_int_equal(pwcache_count(c), 1);
    assert_false(pwcache_known(c, d, 6900));
    assert_int_equal(pwcache_count(c), 0);
    pwcache_put(c, d, 5900);
    assert_false(pwcache_known(c, d, 5800)); /* a clock that went back trusts nothing */
    pwcache_free(c);
}

/* As long as somebody comes, those who do not are wiped: two for each that is used. */
static void test_over_is_wiped(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *user;
        uint64_t at;
        size_t count; /* then */
    } rows[] = {
        {"one", "a", 0, 1},
        {"two", "b", 0, 2},
        {"three", "c", 1, 3},
        {"the first is used again", "a", 999, 3},
        {"nobody is over", "a", 999, 3},
        {"one is, and its place is another's", "d", 1000, 3},
        {"the next", "a", 1001, 2},
        {"nobody is over again", "a", 1999, 2},
        {"the last that was not used", "a", 2000, 1},
        {"much later: itself, and anew", "a", 9000, 1},
    };
    unsigned char d[PWCACHE_DIGEST];
    struct pwcache *c = pwcache_new(8, 1000);
    for (size_t i = 0; i < ROWS(rows); i++) {
        digest(c, rows[i].user, d);
        pwcache_put(c, d, rows[i].at);
        CHECK_ROW(rows[i].says, pwcache_known(c, d, rows[i].at));
        CHECK_ROW(rows[i].says, pwcache_count(c) == rows[i].count);
    }
    for (char user[2] = "A"; user[0] < 'A' + 7; user[0]++) {
        digest(c, user, d);
        pwcache_put(c, d, 9001);
    }
    assert_int_equal(pwcache_count(c), 8);
    static const size_t counts[] = {6, 4, 2, 1, 1};
    for (size_t i = 0; i < ROWS(counts); i++) {
        pwcache_put(c, d, 20000);
        assert_int_equal(pwcache_count(c), counts[i]);
    }
    pwcache_free(c);
}

/* How often the octets stand in what the process has allocated. They come inverted, so that this
 * does not find them where they were handed over. */
static size_t copies_in(int memory, unsigned long from, unsigned long to,
                        const unsigned char inverted[PWCACHE_DIGEST])
{
    enum { STEP = 65536 };
    unsigned char piece[STEP + PWCACHE_DIGEST];
    size_t found = 0;
    for (unsigned long at = from; at < to; at += STEP) {
        ssize_t n = pread(memory, piece, sizeof(piece), (off_t)at);
        for (ssize_t i = 0; i < STEP && i + PWCACHE_DIGEST <= n; i++) {
            int k = 0;
            while (k < PWCACHE_DIGEST && (piece[i + k] ^ inverted[k]) == 0xff) {
                k++;
            }
            found += k == PWCACHE_DIGEST ? 1 : 0;
        }
    }
    return found;
}

static size_t copies_of(const unsigned char inverted[PWCACHE_DIGEST])
{
    enum { LARGEST = 1 << 26 };
    char line[512];
    size_t found = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    assert_true(maps != NULL && memory >= 0);
    while (fgets(line, sizeof(line), maps) != NULL) {
        char *end = NULL;
        unsigned long from = strtoul(line, &end, 16);
        unsigned long to = *end == '-' ? strtoul(end + 1, &end, 16) : from;
        bool allocated = strstr(line, "[heap]") != NULL || strchr(line, '/') == NULL;
        if (strncmp(end, " rw-p", 5) == 0 && allocated && strstr(line, "[stack]") == NULL &&
            to - from <= LARGEST) {
            found += copies_in(memory, from, to, inverted);
        }
    }
    (void)fclose(maps);
    (void)close(memory);
    return found;
}

static void put_new(struct pwcache *c, const char *user, uint64_t at,
                    unsigned char inverted[PWCACHE_DIGEST])
{
    unsigned char d[PWCACHE_DIGEST];
    digest(c, user, d);
    pwcache_put(c, d, at);
    for (size_t i = 0; i < PWCACHE_DIGEST; i++) {
        inverted[i] = d[i] ^ 0xff;
    }
    mem_wipe(d, sizeof(d));
}

/* What is over goes although nobody comes any more. */
static void test_swept(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        uint64_t at;
        size_t count;      /* behind it */
        uint64_t again_ms; /* as it says */
        size_t first;      /* copies of the first one in memory */
        size_t last;       /* of the last one */
    } rows[] = {
        {"all are good", 5000, 3, 1000, 1, 1},
        {"none is over; not more often than once a second", 5999, 3, 1000, 1, 1},
        {"the first two are over", 6000, 1, 5000, 0, 1},
        {"the last is good", 10999, 1, 1000, 0, 1},
        {"and over", 11000, 0, 0, 0, 0},
        {"nothing is there", 11001, 0, 0, 0, 0},
    };
    unsigned char first[PWCACHE_DIGEST];
    unsigned char last[PWCACHE_DIGEST];
    struct pwcache *c = pwcache_new(8, 6000);
    assert_int_equal(pwcache_sweep(c, 0), 0);
    put_new(c, "a", 0, first);
    put_new(c, "b", 0, last);
    assert_int_equal(pwcache_sweep(c, 500), 5500);
    put_new(c, "c", 5000, last);
    for (size_t i = 0; i < ROWS(rows); i++) {
        CHECK_ROW(rows[i].says, pwcache_sweep(c, rows[i].at) == rows[i].again_ms);
        CHECK_ROW(rows[i].says, pwcache_count(c) == rows[i].count);
        CHECK_ROW(rows[i].says, copies_of(first) == rows[i].first);
        CHECK_ROW(rows[i].says, copies_of(last) == rows[i].last);
    }
    pwcache_free(c);
}

/* A loop that serves is not held up by many that are over at once. */
static void test_swept_in_parts(void **state)
{
    (void)state;
    enum { MANY = 2 * PWCACHE_SWEPT + 1 };
    static const struct {
        uint64_t at, again_ms;
        size_t count;
    } rows[] = {
        {1000, 10, PWCACHE_SWEPT + 1},
        {1010, 10, 1},
        {1020, 0, 0},
    };
    struct pwcache *c = pwcache_new(MANY, 1000);
    for (unsigned i = 0; i < MANY; i++) {
        unsigned char d[PWCACHE_DIGEST] = {(unsigned char)i, (unsigned char)(i >> 8)};
        pwcache_put(c, d, 0);
    }
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_int_equal(pwcache_sweep(c, rows[i].at), rows[i].again_ms);
        assert_int_equal(pwcache_count(c), rows[i].count);
    }
    assert_int_equal(pwcache_reset(c, 0, 0), 0);
    assert_int_equal(pwcache_sweep(c, 9000), 0);
    pwcache_free(c);
}

static void test_number(void **state)
{
    (void)state;
    unsigned char d[4][PWCACHE_DIGEST];
    struct pwcache *c = pwcache_new(3, 1000);
    const char *const users[] = {"a", "b", "c", "d"};
    for (size_t i = 0; i < 4; i++) {
        digest(c, users[i], d[i]);
    }
    pwcache_put(c, d[0], 1);
    pwcache_put(c, d[1], 2);
    pwcache_put(c, d[2], 3);
    pwcache_put(c, d[0], 4); /* a is the newest now, b the oldest */
    pwcache_put(c, d[3], 5);
    assert_true(pwcache_known(c, d[0], 6));
    assert_false(pwcache_known(c, d[1], 6));
    assert_true(pwcache_known(c, d[2], 6));
    assert_true(pwcache_known(c, d[3], 6));
    for (unsigned i = 0; i < 1000; i++) {
        char user[2] = {(char)('A' + i % 26), '\0'};
        digest(c, user, d[0]);
        pwcache_put(c, d[0], 10);
        assert_true(pwcache_known(c, d[0], 10));
    }
    pwcache_free(c);
}

static void test_reset_and_off(void **state)
{
    (void)state;
    unsigned char d[PWCACHE_DIGEST];
    struct pwcache *c = pwcache_new(2, 1000);
    digest(c, "u", d);
    pwcache_put(c, d, 1);
    assert_int_equal(pwcache_reset(c, 2, 1000), 0);
    assert_false(pwcache_known(c, d, 1));
    pwcache_put(c, d, 1);
    assert_true(pwcache_known(c, d, 1));
    assert_int_equal(pwcache_reset(c, 2, 0), 0);
    pwcache_put(c, d, 1);
    assert_false(pwcache_known(c, d, 1));
    assert_int_equal(pwcache_reset(c, 0, 1000), 0);
    pwcache_put(c, d, 1);
    assert_false(pwcache_known(c, d, 1));
    digest(c, "u", d); /* the digest works all the same */
    pwcache_free(c);
    pwcache_free(NULL);
}

static void test_memory(void **state)
{
    (void)state;
    unsigned char d[PWCACHE_DIGEST];
    for (unsigned long nth = 1; nth <= 3; nth++) {
        mem_fail_after(nth, false);
        assert_null(pwcache_new(2, 1000));
    }
    mem_fail_after(0, false);
    struct pwcache *c = pwcache_new(2, 1000);
    digest(c, "u", d);
    pwcache_put(c, d, 1);
    for (unsigned long nth = 1; nth <= 2; nth++) {
        mem_fail_after(nth, false);
        assert_int_not_equal(pwcache_reset(c, 8, 1000), 0);
        mem_fail_after(0, false);
        assert_false(pwcache_known(c, d, 1));
        pwcache_put(c, d, 1);
        assert_false(pwcache_known(c, d, 1));
    }
    pwcache_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_binding), cmocka_unit_test(test_key),
        cmocka_unit_test(test_time),    cmocka_unit_test(test_over_is_wiped),
        cmocka_unit_test(test_swept),   cmocka_unit_test(test_swept_in_parts),
        cmocka_unit_test(test_number),  cmocka_unit_test(test_reset_and_off),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
