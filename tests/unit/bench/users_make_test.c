/* Hashes for load tests: what is refused, what matches. */
#include <stdio.h>
#include <string.h>

#include <crypt.h>

#include "base/mem.h"
#include "bench/users_make.h"
#include "tests/support/check.h"

static const struct {
    const char *says;
    const char *name;
    unsigned long cost;
    const char *front; /* NULL: refused */
} rows[] = {
    {"an unknown hash", "argon2", 0, NULL},
    {"an empty name", "", 0, NULL},
    {"bcrypt too cheap", "bcrypt", 3, NULL},
    {"bcrypt too costly", "bcrypt", 17, NULL},
    {"too few rounds", "sha256", 999, NULL},
    {"too many rounds", "sha512", 5000001, NULL},
    {"yescrypt too costly", "yescrypt", 12, NULL},
    {"a cost for what has none", "md5", 5, NULL},
    {"likewise", "sha1", 5, NULL},
    {"none named", NULL, 0, "$2y$05$"},
    {"bcrypt", "bcrypt", 4, "$2y$04$"},
    {"yescrypt", "yescrypt", 0, "$y$j"},
    {"sha512", "sha512", 0, "$6$rounds=1000$"},
    {"sha256", "sha256", 2000, "$5$rounds=2000$"},
    {"md5", "md5", 0, "$1$"},
    {"sha1", "sha1", 0, "{SHA}"},
};

static void kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct users_make_hash h;
        struct err e = {0};
        char hash[USERS_MAKE_HASH_MAX + 1];
        char again[USERS_MAKE_HASH_MAX + 1];
        int rc = users_make_hash_of(rows[i].name, rows[i].cost, &h, &e);
        if (rows[i].front == NULL) {
            CHECK_ROW(rows[i].says, rc == -ERR_MALFORMED && e.text[0] != '\0');
            continue;
        }
        CHECK_ROW(rows[i].says, rc == 0);
        CHECK_ROW(rows[i].says, users_make_hash(&h, "right", hash, &e) == 0);
        CHECK_ROW(rows[i].says, strncmp(hash, rows[i].front, strlen(rows[i].front)) == 0);
        CHECK_ROW(rows[i].says, users_make_hash(&h, "right", again, &e) == 0);
        struct crypt_data data = {0};
        if (hash[0] == '$') {
            CHECK_ROW(rows[i].says, strcmp(hash, again) != 0);
            CHECK_ROW(rows[i].says, strcmp(crypt_r("right", hash, &data), hash) == 0);
            CHECK_ROW(rows[i].says, strcmp(crypt_r("wrong", hash, &data), hash) != 0);
        }
    }
}

static void sha1_of_a_known_password(void **state)
{
    (void)state;
    struct users_make_hash h;
    char hash[USERS_MAKE_HASH_MAX + 1];
    assert_int_equal(users_make_hash_of("sha1", 0, &h, NULL), 0);
    assert_int_equal(users_make_hash(&h, "password", hash, NULL), 0);
    assert_string_equal(hash, "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=");
}

static void passwords(void **state)
{
    (void)state;
    char one[USERS_MAKE_PASSWORD + 1];
    char other[USERS_MAKE_PASSWORD + 1];
    assert_int_equal(users_make_password(one, NULL), 0);
    assert_int_equal(users_make_password(other, NULL), 0);
    assert_int_equal(strlen(one), USERS_MAKE_PASSWORD);
    assert_int_equal(strspn(one, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"),
                     USERS_MAKE_PASSWORD);
    assert_string_not_equal(one, other);
}

static void without_memory(void **state)
{
    (void)state;
    struct users_make_hash h;
    struct err e = {0};
    char hash[USERS_MAKE_HASH_MAX + 1];
    assert_int_equal(users_make_hash_of("md5", 0, &h, &e), 0);
    mem_fail_after(1, true);
    assert_int_equal(users_make_hash(&h, "right", hash, &e), -ERR_NOMEM);
    mem_fail_after(0, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),
        cmocka_unit_test(sha1_of_a_known_password),
        cmocka_unit_test(passwords),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
