/* Password hashes: which forms are taken, what matches, what never does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth/store/pwhash.h"
#include "base/mem.h"

#define BCRYPT   "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"
#define YESCRYPT "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$GmcwIgvdUC9qLWcKCi6gklUa1dM3ziD43YxYNURLKy0"
#define SHA512                                                                                     \
    "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91" \
    "p5hVO1"
#define SHA512_HASH                                                                                \
    "TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1"
#define SHA256 "$5$rounds=1000$saltsalt$eKLZU9t9OoPWrqOQsoTIKG0aYkZ5rGOoOQhiIvoSWX2"
#define APR1   "$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0"
#define SHA1   "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="
#define MD5    "$1$saltsalt$9xy1btjgzLYfb7hivXtC//"

static const struct {
    const char *what;
    const char *hash; /* of "secret" where it is one */
    enum pwhash_kind kind;
} kinds[] = {
    {"bcrypt 2b", BCRYPT, PWHASH_BCRYPT},
    {"bcrypt 2y", "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW", PWHASH_BCRYPT},
    {"bcrypt 2a", "$2a$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW", PWHASH_BCRYPT},
    {"yescrypt", YESCRYPT, PWHASH_YESCRYPT},
    {"SHA-512", SHA512, PWHASH_SHA512},
    {"SHA-512 with rounds", "$6$rounds=5000$saltsalt$" SHA512_HASH, PWHASH_SHA512},
    {"SHA-256 with rounds", SHA256, PWHASH_SHA256},
    {"apr1", APR1, PWHASH_APR1},
    {"apr1 with a short salt", "$apr1$x$12YdXEY0/hH4rDNkmZupO0", PWHASH_APR1},
    {"SHA-1", SHA1, PWHASH_SHA1},
    {"MD5", MD5, PWHASH_MD5},
    {"nothing", "", PWHASH_UNKNOWN},
    {"plain text", "secret", PWHASH_UNKNOWN},
    {"plain text with a prefix", "{PLAIN}secret", PWHASH_UNKNOWN},
    {"DES", "ab1FBcWEbYq7w", PWHASH_UNKNOWN},
    {"a locked account", "!", PWHASH_UNKNOWN},
    {"no password", "*", PWHASH_UNKNOWN},
    {"bcrypt 2x", "$2x$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW", PWHASH_UNKNOWN},
    {"bcrypt 2", "$2$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW1", PWHASH_UNKNOWN},
    {"bcrypt cost 3", "$2b$03$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
     PWHASH_UNKNOWN},
    {"bcrypt cost 16", "$2b$16$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
     PWHASH_BCRYPT},
    {"bcrypt cost 17", "$2b$17$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
     PWHASH_UNKNOWN},
    {"bcrypt cost that is no number",
     "$2b$+4$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW", PWHASH_UNKNOWN},
    {"bcrypt cut short", "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIr",
     PWHASH_UNKNOWN},
    {"bcrypt with one more", "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrWW",
     PWHASH_UNKNOWN},
    {"bcrypt with a foreign octet", "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WI-W",
     PWHASH_UNKNOWN},
    {"bcrypt with unused salt bits", "$2b$04$abcdefghijklmnopqrstuv2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
     PWHASH_UNKNOWN},
    {"bcrypt with unused hash bits", "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrX",
     PWHASH_UNKNOWN},
    {"SHA-512 of 85",
     "$6$saltsalt$VLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y7"
     "7vwPZN.Pq.H91p5hVO1",
     PWHASH_UNKNOWN},
    {"SHA-512 without salt", "$6$$" SHA512_HASH, PWHASH_UNKNOWN},
    {"SHA-512 with a long salt", "$6$saltsaltsaltsalts$" SHA512_HASH, PWHASH_UNKNOWN},
    {"SHA-512 with 999 rounds", "$6$rounds=999$saltsalt$" SHA512_HASH, PWHASH_UNKNOWN},
    {"SHA-512 with 5,000,000 rounds", "$6$rounds=5000000$saltsalt$" SHA512_HASH, PWHASH_SHA512},
    {"SHA-512 with 5,000,001 rounds", "$6$rounds=5000001$saltsalt$" SHA512_HASH, PWHASH_UNKNOWN},
    {"SHA-512 with a leading zero", "$6$rounds=05000$saltsalt$" SHA512_HASH, PWHASH_UNKNOWN},
    {"SHA-512 with no rounds", "$6$rounds=$saltsalt$" SHA512_HASH, PWHASH_UNKNOWN},
    {"SHA-256 with a hash of SHA-512", "$5$saltsalt$" SHA512_HASH, PWHASH_UNKNOWN},
    {"yescrypt with a huge N",
     "$y$jHT$F5Jx5fExrKuPp53xLKQ..1$GmcwIgvdUC9qLWcKCi6gklUa1dM3ziD43YxYNU"
     "RLKy0",
     PWHASH_UNKNOWN},
    {"yescrypt with more parameters",
     "$y$j9T0$F5Jx5fExrKuPp53xLKQ..1$GmcwIgvdUC9qLWcKCi6gklUa1dM3zi"
     "D43YxYNURLKy0",
     PWHASH_UNKNOWN},
    {"yescrypt of another flavour",
     "$y$.9T$F5Jx5fExrKuPp53xLKQ..1$GmcwIgvdUC9qLWcKCi6gklUa1dM3ziD43Y"
     "xYNURLKy0",
     PWHASH_UNKNOWN},
    {"yescrypt without hash", "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$", PWHASH_UNKNOWN},
    {"gost-yescrypt", "$gy$j9T$F5Jx5fExrKuPp53xLKQ..1$uE5FcoxTz78xZpMZkpTmj/0MogyeNUSLIjdCxpQjz.8",
     PWHASH_UNKNOWN},
    {"apr1 with a salt of nine", "$apr1$saltsalts$LrttParrLPdxvgutaSXWJ0", PWHASH_UNKNOWN},
    {"SHA-1 cut short", "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ", PWHASH_UNKNOWN},
    {"SHA-1 in lower case", "{sha}5en6G6MezRroT3XKqkdPOmY/BfQ=", PWHASH_UNKNOWN},
    {"a blank behind", SHA1 " ", PWHASH_UNKNOWN},
    {"a further field behind", MD5 ":x", PWHASH_UNKNOWN},
};

static void test_kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (pwhash_kind(str_of(kinds[i].hash)) != kinds[i].kind) {
            fail_msg("%s: kind %d", kinds[i].what, (int)pwhash_kind(str_of(kinds[i].hash)));
        }
    }
    char nul[] = MD5;
    nul[5] = '\0';
    assert_int_equal(pwhash_kind((struct str){nul, sizeof(nul) - 1}), PWHASH_UNKNOWN);
    char variant[] = BCRYPT; /* "$2" NUL "$": NUL is no letter of a list of letters */
    variant[2] = '\0';
    assert_int_equal(pwhash_kind((struct str){variant, sizeof(variant) - 1}), PWHASH_UNKNOWN);
    assert_true(pwhash_is_weak(PWHASH_APR1) && pwhash_is_weak(PWHASH_SHA1) &&
                pwhash_is_weak(PWHASH_MD5));
    assert_false(pwhash_is_weak(PWHASH_BCRYPT) || pwhash_is_weak(PWHASH_YESCRYPT) ||
                 pwhash_is_weak(PWHASH_SHA512) || pwhash_is_weak(PWHASH_SHA256));
}

static void test_verify(void **state)
{
    (void)state;
    /* NOLINTBEGIN(bugprone-suspicious-missing-comma): long texts in two pieces */
    const char *const hashes[] = {BCRYPT,
                                  YESCRYPT,
                                  SHA512,
                                  SHA256,
                                  APR1,
                                  SHA1,
                                  MD5,
                                  ("$6$rounds=5000$saltsalt$" SHA512_HASH),
                                  "$apr1$x$12YdXEY0/hH4rDNkmZupO0"};
    /* NOLINTEND(bugprone-suspicious-missing-comma) */
    for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
        struct str hash = str_of(hashes[i]);
        if (!pwhash_verify(hash, STR("secret")) || pwhash_verify(hash, STR("Secret")) ||
            pwhash_verify(hash, STR("secretx")) || pwhash_verify(hash, STR("secre")) ||
            pwhash_verify(hash, STR("")) || pwhash_verify(hash, STR("secret\0x")) ||
            pwhash_verify(hash, STR("secret\n"))) {
            fail_msg("%s", hashes[i]);
        }
        char changed[PWHASH_MAX];
        memcpy(changed, hash.p, hash.n);
        size_t at = hash.n - 10;
        changed[at] = changed[at] == 'A' ? 'B' : 'A';
        if (pwhash_verify((struct str){changed, hash.n}, STR("secret"))) {
            fail_msg("%s: matches with another octet", hashes[i]);
        }
    }
}

static void test_passwords(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *hash;
        const char *password;
        bool match;
    } rows[] = {
        {"apr1 of one octet", "$apr1$saltsalt$OEnK0QmmvoDzFw9W2yFYT/", "a", true},
        {"apr1 of one octet and a short salt", "$apr1$x$16j9.5e7KiXmuYFAYpPJM/", "a", true},
        {"apr1 of a long password", "$apr1$saltsalt$lVFxkFCHyU9MGbMLLFKUZ0",
         "long password of more than sixteen octets, indeed", true},
        {"bcrypt of 72 octets", "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i",
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", true},
        {"bcrypt does not see the 73rd octet: refused",
         "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i",
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", false},
        {"the password in plain text", "secret", "secret", false},
        {"an empty hash", "", "secret", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (pwhash_verify(str_of(rows[i].hash), str_of(rows[i].password)) != rows[i].match) {
            fail_msg("%s", rows[i].what);
        }
    }
}

static void test_make(void **state)
{
    (void)state;
    char one[PWHASH_MAX + 1];
    char two[PWHASH_MAX + 1];
    char longest[PWHASH_PASSWORD_MAX + 1];
    struct err e = {0};
    assert_int_equal(pwhash_make(STR("secret"), one, &e), 0);
    assert_int_equal(pwhash_make(STR("secret"), two, &e), 0);
    assert_string_not_equal(one, two);
    assert_int_equal(pwhash_kind(str_of(one)), PWHASH_YESCRYPT);
    assert_true(pwhash_verify(str_of(one), STR("secret")));
    assert_false(pwhash_verify(str_of(one), STR("secres")));
    memset(longest, 'l', sizeof(longest));
    assert_int_equal(pwhash_make((struct str){longest, PWHASH_PASSWORD_MAX}, one, &e), 0);
    assert_true(pwhash_verify(str_of(one), (struct str){longest, PWHASH_PASSWORD_MAX}));
    assert_false(pwhash_verify(str_of(one), (struct str){longest, PWHASH_PASSWORD_MAX - 1}));
    const struct str bad[] = {STR(""), STR("a\nb"), STR("a\0b"), {longest, sizeof(longest)}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        err_clear(&e);
        assert_int_equal(pwhash_make(bad[i], one, &e), -ERR_MALFORMED);
        assert_string_equal(one, "");
        assert_true(e.text[0] != '\0');
    }
}

static void test_decoy(void **state)
{
    (void)state;
    /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): a long text in two pieces */
    const char *const models[] = {BCRYPT, YESCRYPT, SHA512, SHA256, APR1, SHA1, MD5, ""};
    for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
        char one[PWHASH_MAX + 1];
        char two[PWHASH_MAX + 1];
        struct str model = str_of(models[i]);
        assert_int_equal(pwhash_decoy(model, one), 0);
        assert_int_equal(pwhash_decoy(model, two), 0);
        assert_string_not_equal(one, two);
        assert_string_not_equal(one, models[i]);
        enum pwhash_kind kind = model.n > 0 ? pwhash_kind(model) : PWHASH_YESCRYPT;
        assert_int_equal(pwhash_kind(str_of(one)), kind);
        assert_true(model.n == 0 || str_eq(pwhash_cost(str_of(one)), pwhash_cost(model)));
        assert_false(pwhash_verify(str_of(one), STR("secret")));
    }
}

static void test_cost(void **state)
{
    (void)state;
    const struct {
        const char *hash;
        const char *cost;
    } rows[] = {
        {BCRYPT, "$2b$04$"}, {YESCRYPT, "$y$j9T$"}, {SHA512, "$6$"}, {SHA256, "$5$rounds=1000$"},
        {APR1, "$apr1$"},    {SHA1, "{SHA}"},       {MD5, "$1$"},    {"secret", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!str_eq(pwhash_cost(str_of(rows[i].hash)), str_of(rows[i].cost))) {
            fail_msg("%s", rows[i].hash);
        }
    }
}

static void test_memory(void **state)
{
    (void)state;
    char out[PWHASH_MAX + 1];
    mem_fail_after(1, false);
    assert_false(pwhash_verify(str_of(SHA256), STR("secret")));
    mem_fail_after(1, false);
    assert_int_equal(pwhash_make(STR("secret"), out, NULL), -ERR_NOMEM);
    mem_fail_after(0, false);
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),     cmocka_unit_test(test_verify),
        cmocka_unit_test(test_passwords), cmocka_unit_test(test_make),
        cmocka_unit_test(test_decoy),     cmocka_unit_test(test_cost),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
