/* One-time codes: the vectors of the RFC, what is refused, and that none counts twice. */
#include "auth/totp.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/support/check.h"

#define SECRET_20 "12345678901234567890"
#define SECRET_32 "12345678901234567890123456789012"
#define SECRET_64 "1234567890123456789012345678901234567890123456789012345678901234"

/* RFC 6238 appendix B. */
static void test_vectors(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *sha1, *sha256, *sha512;
    } rows[] = {
        {59, "94287082", "46119246", "90693936"},
        {1111111109, "07081804", "68084774", "25091201"},
        {1111111111, "14050471", "67062674", "99943326"},
        {1234567890, "89005924", "91819424", "93441116"},
        {2000000000, "69279037", "90698825", "38618901"},
        {20000000000, "65353130", "77737706", "47863826"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct {
            enum conf_totp_hash algorithm;
            struct str secret;
            const char *code;
        } kinds[] = {
            {CONF_TOTP_SHA1, STR(SECRET_20), rows[i].sha1},
            {CONF_TOTP_SHA256, STR(SECRET_32), rows[i].sha256},
            {CONF_TOTP_SHA512, STR(SECRET_64), rows[i].sha512},
        };
        for (size_t k = 0; k < ROWS(kinds); k++) {
            const struct conf_totp rule = {.algorithm = kinds[k].algorithm,
                                           .digits = CONF_TOTP_EIGHT};
            char code[TOTP_DIGITS_MAX + 1];
            uint64_t step = 0;
            assert_int_equal(
                totp_code(&rule, kinds[k].secret, (uint64_t)rows[i].seconds / 30, code), 0);
            assert_string_equal(code, kinds[k].code);
            assert_true(
                totp_match(&rule, kinds[k].secret, str_of(code), rows[i].seconds * 1000, &step));
            assert_int_equal(step, rows[i].seconds / 30);
        }
    }
}

/* RFC 4226 appendix D: six digits, counters 0 to 9. */
static void test_counters(void **state)
{
    (void)state;
    static const char *const codes[] = {"755224", "287082", "359152", "969429", "338314",
                                        "254676", "287922", "162583", "399871", "520489"};
    const struct conf_totp rule = {.digits = CONF_TOTP_SIX};
    for (size_t i = 0; i < ROWS(codes); i++) {
        char code[TOTP_DIGITS_MAX + 1];
        assert_int_equal(totp_code(&rule, STR(SECRET_20), i, code), 0);
        assert_string_equal(code, codes[i]);
    }
}

static void test_window(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *code;
        uint32_t window;
        int64_t wall_ms;
        bool match;
        uint64_t step;
    } rows[] = {
        {"none", "", 1, 95000, false, 0},
        {"five digits", "96942", 1, 95000, false, 0},
        {"seven", "9694290", 1, 95000, false, 0},
        {"a blank", "96942 ", 1, 95000, false, 0},
        {"a wrong one", "969428", 1, 95000, false, 0},
        {"two steps old", "287082", 1, 95000, false, 0},
        {"two steps ahead", "254676", 1, 95000, false, 0},
        {"the next without a window", "338314", 0, 95000, false, 0},
        {"the last without a window", "359152", 0, 95000, false, 0},
        {"the present", "969429", 0, 95000, true, 3},
        {"its first millisecond", "969429", 0, 90000, true, 3},
        {"its last", "969429", 0, 119999, true, 3},
        {"the last", "359152", 1, 95000, true, 2},
        {"the next", "338314", 1, 95000, true, 4},
        {"before 1970 there is step 0", "755224", 0, -5, true, 0},
        {"a window past the beginning", "755224", 10, 1000, true, 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct conf_totp rule = {.window = rows[i].window};
        uint64_t step = 0;
        bool match =
            totp_match(&rule, STR(SECRET_20), str_of(rows[i].code), rows[i].wall_ms, &step);
        CHECK_ROW(rows[i].says, match == rows[i].match);
        CHECK_ROW(rows[i].says, step == rows[i].step);
    }
    const struct conf_totp rule = {.window = 1};
    uint64_t step = 0;
    assert_false(totp_match(&rule, STR_NONE, STR("755224"), 0, &step));
    char long_secret[TOTP_SECRET_MAX + 1] = {0};
    assert_false(
        totp_match(&rule, (struct str){long_secret, sizeof(long_secret)}, STR("755224"), 0, &step));
}

static void test_split(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *password;
        enum conf_totp_digits digits;
        const char *rest; /* NULL: there is no code */
        const char *code;
    } rows[] = {
        {"nothing", "", CONF_TOTP_SIX, NULL, NULL},
        {"a code alone is the password", "123456", CONF_TOTP_SIX, NULL, NULL},
        {"five digits", "secret12345", CONF_TOTP_SIX, NULL, NULL},
        {"a letter among them", "secret12a456", CONF_TOTP_SIX, NULL, NULL},
        {"at the beginning", "123456secret", CONF_TOTP_SIX, NULL, NULL},
        {"six where eight are wanted", "secret123456", CONF_TOTP_EIGHT, NULL, NULL},
        {"six", "secret123456", CONF_TOTP_SIX, "secret", "123456"},
        {"six of seven", "x1234567", CONF_TOTP_SIX, "x1", "234567"},
        {"eight", "s12345678", CONF_TOTP_EIGHT, "s", "12345678"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct conf_totp rule = {.digits = rows[i].digits};
        const char *rest = rows[i].rest != NULL ? rows[i].rest : rows[i].password;
        struct str password = str_of(rows[i].password);
        struct str code = STR_NONE;
        CHECK_ROW(rows[i].says, totp_split(&rule, &password, &code) == (rows[i].rest != NULL));
        CHECK_STR(rows[i].says, password, str_of(rest));
        CHECK_STR(rows[i].says, code, str_of(rows[i].code));
    }
}

static void test_base32(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *text;
        const char *octets; /* NULL: refused */
    } rows[] = {
        {"empty", "", NULL},
        {"lower case", "mzxw6", NULL},
        {"padding", "MZXW6===", NULL},
        {"a blank", "MZXW 6YQ", NULL},
        {"digits that are none", "MZXW1", NULL},
        {"one digit holds no octet", "M", NULL},
        {"three digits", "MZX", NULL},
        {"unused bits", "MZ", NULL},
        {"RFC 4648 f", "MY", "f"},
        {"fo", "MZXQ", "fo"},
        {"foo", "MZXW6", "foo"},
        {"foob", "MZXW6YQ", "foob"},
        {"fooba", "MZXW6YTB", "fooba"},
        {"foobar", "MZXW6YTBOI", "foobar"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        unsigned char out[TOTP_SECRET_MAX];
        char back[TOTP_BASE32_LEN(TOTP_SECRET_MAX)];
        size_t n = 0;
        int rc = totp_base32_decode(str_of(rows[i].text), out, &n);
        CHECK_ROW(rows[i].says, (rc == 0) == (rows[i].octets != NULL));
        if (rc == 0) {
            struct str octets = {(const char *)out, n};
            CHECK_STR(rows[i].says, octets, str_of(rows[i].octets));
            struct str text = {back, totp_base32(octets, back)};
            CHECK_STR(rows[i].says, text, str_of(rows[i].text));
        }
    }
    char all[TOTP_BASE32_LEN(TOTP_SECRET_MAX) + 8];
    unsigned char out[TOTP_SECRET_MAX];
    size_t n = 0;
    memset(all, 'A', sizeof(all));
    assert_int_equal(totp_base32_decode((struct str){all, TOTP_BASE32_LEN(64)}, out, &n), 0);
    assert_int_equal(n, 64);
    assert_int_not_equal(totp_base32_decode((struct str){all, sizeof(all)}, out, &n), 0);
}

static void test_uri(void **state)
{
    (void)state;
    const struct conf_totp rule = {.algorithm = CONF_TOTP_SHA256, .digits = CONF_TOTP_EIGHT};
    struct buf out;
    buf_init(&out, 1000);
    assert_int_equal(totp_uri(&rule, STR("My & Co"), STR("alice@example.com"), STR("foobar"), &out),
                     0);
    CHECK_STR("uri", buf_str(&out),
              STR("otpauth://totp/My%20%26%20Co:alice%40example.com?secret=MZXW6YTBOI"
                  "&issuer=My%20%26%20Co&algorithm=SHA256&digits=8&period=30"));
    buf_release(&out);
}

static void test_once(void **state)
{
    (void)state;
    struct totp_memory *m = totp_memory_new(64);
    assert_non_null(m);
    assert_false(totp_used(m, STR("alice"), STR("s"), 100));
    assert_true(totp_use(m, STR("alice"), STR("s"), 100));
    assert_true(totp_used(m, STR("alice"), STR("s"), 100));
    assert_true(totp_used(m, STR("alice"), STR("s"), 99));
    assert_false(totp_used(m, STR("alice"), STR("s"), 101));
    assert_false(totp_used(m, STR("bob"), STR("s"), 100));
    assert_false(totp_use(m, STR("alice"), STR("s"), 100));
    assert_false(totp_use(m, STR("alice"), STR("s"), 99)); /* nor one before it */
    assert_true(totp_use(m, STR("bob"), STR("s"), 100));
    assert_true(totp_use(m, STR("bob"), STR("new"), 99)); /* enrolled again */
    assert_false(totp_use(m, STR("bob"), STR("s"), 99));
    assert_true(totp_use(m, STR("alice"), STR("s"), 101));
    assert_false(totp_use(m, STR("alice"), STR("s"), 100));
    assert_true(totp_use(m, STR("carol"), STR("s"), 0));
    assert_false(totp_use(m, STR("carol"), STR("s"), 0));
    totp_memory_free(m);
    totp_memory_free(NULL);
}

static void test_remembered(void **state)
{
    (void)state;
    static const unsigned char one[32] = {1};
    static const unsigned char two[32] = {2};
    const struct conf_totp rule = {.remember_ms = 1000};
    const struct conf_totp never = {0};
    struct totp_memory *m = totp_memory_new(64);
    assert_false(totp_remembered(m, &rule, STR("alice"), STR("s"), one, 0));
    totp_remember(m, STR("alice"), STR("s"), one, 5000);
    assert_true(totp_remembered(m, &rule, STR("alice"), STR("s"), one, 5000));
    assert_true(totp_remembered(m, &rule, STR("alice"), STR("s"), one, 5999));
    assert_false(totp_remembered(m, &rule, STR("alice"), STR("s"), one, 6000));
    assert_false(totp_remembered(m, &never, STR("alice"), STR("s"), one, 5000));
    assert_false(totp_remembered(m, &rule, STR("alice"), STR("s"), two, 5000));
    assert_false(totp_remembered(m, &rule, STR("alice"), STR("t"), one, 5000));
    assert_false(totp_remembered(m, &rule, STR("bob"), STR("s"), one, 5000));
    assert_false(
        totp_remembered(m, &rule, STR("alice"), STR("s"), one, 4000)); /* from the future */
    totp_memory_free(m);
}

static void test_memory(void **state)
{
    (void)state;
    mem_fail_after(1, false);
    assert_null(totp_memory_new(8));
    mem_fail_after(0, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors), cmocka_unit_test(test_counters),
        cmocka_unit_test(test_window),  cmocka_unit_test(test_split),
        cmocka_unit_test(test_base32),  cmocka_unit_test(test_uri),
        cmocka_unit_test(test_once),    cmocka_unit_test(test_remembered),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
