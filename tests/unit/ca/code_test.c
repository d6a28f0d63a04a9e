/* One-time codes: what is none first. */
#include "base/mem.h"
#include "ca/code.h"
#include "tests/support/check.h"

static const struct str id = {"0123456789abcdef01234567", 24};
static const struct str other = {"0123456789abcdef01234568", 24};

static void test_none(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *typed;
    } rows[] = {
        {"nothing", ""},
        {"one letter too few", "7K3M-9QXD-0000-000"},
        {"one too many", "7K3M-9QXD-0000-00000"},
        {"a letter that the alphabet lacks", "7K3M-9QXD-0000-000U"},
        {"punctuation", "7K3M.9QXD.0000.0000"},
        {"a line end", "7K3M-9QXD-0000-0000\n"},
        {"dashes alone", "----------------"},
        {"not ASCII", "7K3M-9QXD-0000-000\xc3\xa9"},
        {"longer than anybody types",
         "7K3M-9QXD-0000-0000                                                              "},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct code c;
        struct err e = {0};
        CHECK_ROW(rows[i].says, code_read(str_of(rows[i].typed), &c, &e) == -ERR_MALFORMED);
        CHECK_ROW(rows[i].says, e.text[0] != '\0');
    }
    struct code c;
    assert_int_equal(code_read((struct str){"7K3M-9QXD\0-0000-0000", 20}, &c, NULL),
                     -ERR_MALFORMED);
}

/* However it is typed, it is the same. */
static void test_typed(void **state)
{
    (void)state;
    static const char *const typed[] = {
        "1K3M-0QXD-1001-ZZZZ",   "1k3m-0qxd-1001-zzzz", "1K3M0QXD1001ZZZZ",
        " 1K3M 0QXD 1001 ZZZZ",  "IK3M-OQXD-LOOi-ZZZZ", "lk3m-oqxd-loo1-zzzz",
        "1-K-3-M0QXD1001Z-ZZZ-",
    };
    for (size_t i = 0; i < ROWS(typed); i++) {
        struct code c;
        CHECK_ROW(typed[i], code_read(str_of(typed[i]), &c, NULL) == 0);
        CHECK_STR(typed[i], str_of(c.text), STR("1K3M-0QXD-1001-ZZZZ"));
    }
}

/* What is kept knows one code alone, for one request alone. */
static void test_kept(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        struct code c;
        struct code again;
        struct code password;
        struct code_kept kept;
        assert_int_equal(code_make(id, &c, &kept, NULL), 0);
        assert_int_equal(strlen(c.text), CODE_TEXT_LEN);
        assert_int_equal(code_read(str_of(c.text), &again, NULL), 0);
        assert_memory_equal(c.octets, again.octets, CODE_OCTETS);
        unsigned char hash[CODE_HASH];
        assert_int_equal(code_hash(&again, id, hash, NULL), 0);
        assert_true(code_is(hash, &kept));
        assert_int_equal(code_hash(&again, other, hash, NULL), 0);
        assert_false(code_is(hash, &kept));
        assert_int_equal(code_password(&again, id, &kept, &password, NULL), 0);
        assert_string_not_equal(password.text, c.text);
        again.octets[i % CODE_OCTETS] ^= (unsigned char)(1U << (i % 8));
        assert_int_equal(code_hash(&again, id, hash, NULL), 0);
        assert_false(code_is(hash, &kept));
        kept.salt[0] ^= 1;
        struct code another;
        assert_int_equal(code_password(&c, id, &kept, &another, NULL), 0);
        assert_string_not_equal(another.text, password.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_typed),
        cmocka_unit_test(test_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
