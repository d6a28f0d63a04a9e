/* Text encodings: what strict base64 refuses, what escapes keep apart, all or nothing. */
#include <inttypes.h>
#include <stdio.h>

#include "base/enc.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/support/check.h"

/* The alphabet of RFC 4648 5, as JWT writes it. */
static void test_base64url(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct str in;
        const char *out;
    } rows[] = {
        {"nothing", {"", 0}, ""},
        {"one octet", {"f", 1}, "Zg"},
        {"two", {"fo", 2}, "Zm8"},
        {"three", {"foo", 3}, "Zm9v"},
        {"the two that differ", {"\xfb\xff\xfe", 3}, "-__-"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char out[16];
        size_t n = enc_base64url(rows[i].in, out);
        CHECK_STR(rows[i].says, ((struct str){out, n}), str_of(rows[i].out));
    }
}

static void test_base64_refused(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct str in;
    } rows[] = {
        {"no padding, two letters", {"YQ", 2}},
        {"no padding, three letters", {"YWI", 3}},
        {"one letter alone", {"Y", 1}},
        {"one padding sign too few", {"YQ=", 3}},
        {"one letter and three signs", {"Y===", 4}},
        {"padding only", {"====", 4}},
        {"a letter after one sign", {"YW=i", 4}},
        {"a whole group after the padding", {"YQ==YQ==", 8}},
        {"junk after the padding", {"YQ==x", 5}},
        {"a line end after the padding", {"YQ==\n", 5}},
        {"surplus padding", {"YWJj====", 8}},
        {"four unused bits set", {"YR==", 4}},
        {"lowest of four unused bits, other end", {"YX==", 4}},
        {"two unused bits set", {"YWJ=", 4}},
        {"url-safe minus", {"-_-_", 4}},
        {"url-safe underscore", {"YWJ_", 4}},
        {"a blank in the middle", {"YW Jj", 5}},
        {"a blank for a letter", {"YW j", 4}},
        {"a line end inside", {"YWJj\r\nYWJj", 10}},
        {"a NUL for a letter", {"YW\0j", 4}},
        {"an octet past ASCII", {"YW\xc3j", 4}},
        {"left of 'A'", {"@AAA", 4}},
        {"right of 'Z'", {"[AAA", 4}},
        {"left of 'a'", {"`AAA", 4}},
        {"right of 'z'", {"{AAA", 4}},
        {"right of '9'", {":AAA", 4}},
        {"between '+' and '/'", {".AAA", 4}},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        unsigned char out[16];
        size_t n = 0;
        CHECK_ROW(rows[i].says, enc_base64_decode(rows[i].in, out, &n) == -ERR_MALFORMED);
    }
}

static void test_base64_vectors(void **state)
{
    (void)state;
    /* RFC 4648 section 10. */
    static const struct {
        const char *says;
        struct str plain;
        struct str text;
    } rows[] = {
        {"empty", {"", 0}, {"", 0}},
        {"f", {"f", 1}, {"Zg==", 4}},
        {"fo", {"fo", 2}, {"Zm8=", 4}},
        {"foo", {"foo", 3}, {"Zm9v", 4}},
        {"foob", {"foob", 4}, {"Zm9vYg==", 8}},
        {"fooba", {"fooba", 5}, {"Zm9vYmE=", 8}},
        {"foobar", {"foobar", 6}, {"Zm9vYmFy", 8}},
        {"plus and slash", {"\xfb\xff\xfe", 3}, {"+//+", 4}},
        {"NUL octets", {"\0\0", 2}, {"AAA=", 4}},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[16];
        unsigned char plain[16];
        size_t n = 99;
        size_t text_n = enc_base64(rows[i].plain, text);
        CHECK_STR(rows[i].says, ((struct str){text, text_n}), rows[i].text);
        assert_int_equal(text_n, ENC_BASE64_LEN(rows[i].plain.n));
        CHECK_ROW(rows[i].says, enc_base64_decode(rows[i].text, plain, &n) == 0);
        CHECK_STR(rows[i].says, ((struct str){(const char *)plain, n}), rows[i].plain);
    }
}

static void test_base64_all_octets(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        char in[5];
        for (unsigned i = 0; i < sizeof(in); i++) {
            in[i] = (char)(first + 51 * i);
        }
        for (size_t len = 1; len <= sizeof(in); len++) {
            char text[8];
            unsigned char out[6];
            size_t n = 0;
            size_t text_n = enc_base64((struct str){in, len}, text);
            assert_int_equal(enc_base64_decode((struct str){text, text_n}, out, &n), 0);
            assert_int_equal(n, len);
            assert_memory_equal(out, in, len);
        }
    }
}

typedef int (*append_fn)(struct buf *out, struct str s);

static void test_escapes(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        append_fn append;
        struct str in;
        const char *wanted;
    } rows[] = {
        {"JSON: empty", enc_json_string, {"", 0}, "\"\""},
        {"JSON: no span", enc_json_string, {NULL, 0}, "\"\""},
        {"JSON: quote and backslash", enc_json_string, {"a\"b\\", 4}, "\"a\\\"b\\\\\""},
        {"JSON: controls",
         enc_json_string,
         {"\n\r\t\0\x7f", 5},
         "\"\\u000a\\u000d\\u0009\\u0000\\u007f\""},
        {"JSON: C1 control", enc_json_string, {"\xc2\x9b", 2}, "\"\\u009b\""},
        {"JSON: UTF-8 stays",
         enc_json_string,
         {"\xc3\xa4\xf0\x9f\x98\x80", 6},
         "\"\xc3\xa4\xf0\x9f\x98\x80\""},
        {"JSON: bad octets, one by one",
         enc_json_string,
         {"x\xff\xe2\x82z", 5},
         "\"x\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\""},
        {"quoted: quote and backslash", enc_quoted_string, {"a\"\\", 3}, "\"a\\\"\\\\\""},
        {"quoted: line ends and NUL", enc_quoted_string, {"\r\n\0", 3}, "\"???\""},
        {"quoted: DEL", enc_quoted_string, {"\x7f", 1}, "\"?\""},
        {"quoted: tab and obs-text stay", enc_quoted_string, {"\t\xff", 2}, "\"\t\xff\""},
        {"log: line end", enc_log_text, {"a\nb", 3}, "a\\x0ab"},
        {"log: quote and backslash", enc_log_text, {"\"\\", 2}, "\\x22\\x5c"},
        {"log: escape sequence", enc_log_text, {"\x1b[2J", 4}, "\\x1b[2J"},
        {"log: octets past ASCII", enc_log_text, {"\xc3\xa4", 2}, "\\xc3\\xa4"},
        {"log: blank stays", enc_log_text, {"a b", 3}, "a b"},
        {"percent: unreserved stays", enc_percent, {"aZ09-._~", 8}, "aZ09-._~"},
        {"percent: the rest does not", enc_percent, {"/ %\0\xff", 5}, "%2F%20%25%00%FF"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct buf out;
        buf_init(&out, 256);
        assert_int_equal(buf_append(&out, STR(">")), 0);
        CHECK_ROW(rows[i].says, rows[i].append(&out, rows[i].in) == 0);
        CHECK_STR(rows[i].says, str_slice(buf_str(&out), 1, SIZE_MAX), str_of(rows[i].wanted));
        buf_release(&out);
    }
}

static void test_escapes_all_or_nothing(void **state)
{
    (void)state;
    static const append_fn appends[] = {enc_json_string, enc_quoted_string, enc_log_text,
                                        enc_percent};
    struct str in = STR("abc\"\\\x01\xff xyz");
    for (size_t i = 0; i < ROWS(appends); i++) {
        struct buf whole;
        buf_init(&whole, 256);
        assert_int_equal(appends[i](&whole, in), 0);
        for (size_t cap = 0; cap < buf_len(&whole); cap++) {
            struct buf out;
            buf_init(&out, cap + 2);
            assert_int_equal(buf_append(&out, STR("ab")), 0);
            assert_int_equal(appends[i](&out, in), -ERR_FULL);
            CHECK_STR("what was there stays", buf_str(&out), STR("ab"));
            buf_release(&out);
        }
        struct buf out;
        buf_init(&out, 256);
        mem_fail_after(1, true);
        assert_int_equal(appends[i](&out, in), -ERR_NOMEM);
        mem_fail_after(0, false);
        assert_int_equal(buf_len(&out), 0);
        buf_release(&whole);
    }
}

static void test_digests(void **state)
{
    (void)state;
    unsigned char digest[32];
    char hex[64];
    assert_int_equal(enc_sha256(STR("abc"), digest), 0);
    enc_hex(digest, sizeof(digest), hex);
    CHECK_STR("FIPS 180-2 example", ((struct str){hex, sizeof(hex)}),
              STR("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    assert_int_equal(enc_sha256(STR_NONE, digest), 0);
    enc_hex(digest, sizeof(digest), hex);
    CHECK_STR("of nothing", ((struct str){hex, sizeof(hex)}),
              STR("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
}

static void test_percent_decode(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct str in;
        const char *out; /* NULL: refused */
    } rows[] = {
        {"a sign alone", {"%", 1}, NULL},
        {"one digit", {"%4", 2}, NULL},
        {"no digits", {"%zz", 3}, NULL},
        {"a second sign", {"%%41", 4}, NULL},
        {"a digit and a letter", {"%4g", 3}, NULL},
        {"nothing", {"", 0}, ""},
        {"plain", {"a+b@c", 5}, "a+b@c"},
        {"both cases", {"%4a%4A", 6}, "JJ"},
        {"UTF-8", {"%C3%A9t%C3%A9", 13}, "\xc3\xa9t\xc3\xa9"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char out[16];
        size_t n = 0;
        int rc = enc_percent_decode(rows[i].in, out, &n);
        CHECK_ROW(rows[i].says, rc == (rows[i].out != NULL ? 0 : -ERR_MALFORMED));
        if (rc == 0) {
            CHECK_STR(rows[i].says, ((struct str){out, n}), str_of(rows[i].out));
        }
    }
}

/* Each octet at each place of a text long enough for the eight-at-a-time search: the one that
 * appends knows no such search, so the others must say the same. */
static void test_escapes_everywhere(void **state)
{
    (void)state;
    for (unsigned octet = 0; octet < 256; octet++) {
        for (size_t at = 0; at < 19; at++) {
            char text[20];
            char json[sizeof(text) * ENC_ESCAPE_MAX + 2];
            char log[sizeof(text) * ENC_ESCAPE_MAX];
            struct str s = {text, sizeof(text)};
            struct buf out;
            memset(text, 'a', sizeof(text));
            text[at] = (char)octet;
            bool plain = octet >= 0x20 && octet < 0x7f && octet != '"' && octet != '\\';
            buf_init(&out, 4096);
            assert_int_equal(enc_json_string(&out, s), 0);
            json[0] = '"';
            char *end = enc_json_put(json + 1, s);
            *end++ = '"';
            struct str got = {json, (size_t)(end - json)};
            CHECK_STR("JSON", got, buf_str(&out));
            assert_int_equal(buf_len(&out) == sizeof(text) + 2, plain);
            buf_clear(&out);
            assert_int_equal(enc_log_text(&out, s), 0);
            end = enc_log_put(log, s);
            got = (struct str){log, (size_t)(end - log)};
            CHECK_STR("log", got, buf_str(&out));
            assert_int_equal(buf_len(&out) == sizeof(text), plain);
            buf_release(&out);
        }
    }
}

static void test_decimal(void **state)
{
    (void)state;
    static const uint64_t rows[] = {0, 9, 10, 99, 100, 65536, UINT64_MAX - 1, UINT64_MAX};
    for (size_t i = 0; i < ROWS(rows); i++) {
        char got[ENC_DECIMAL_MAX];
        char wanted[ENC_DECIMAL_MAX + 1];
        (void)snprintf(wanted, sizeof(wanted), "%" PRIu64, rows[i]);
        struct str digits = {got, enc_decimal(rows[i], got)};
        CHECK_STR(wanted, digits, str_of(wanted));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64url),
        cmocka_unit_test(test_base64_refused),
        cmocka_unit_test(test_base64_vectors),
        cmocka_unit_test(test_base64_all_octets),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_escapes_all_or_nothing),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_percent_decode),
        cmocka_unit_test(test_escapes_everywhere),
        cmocka_unit_test(test_decimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
