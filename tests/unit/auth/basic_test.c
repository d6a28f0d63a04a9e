/* Basic credentials: what splits, what is refused, and with which reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth/basic.h"
#include "base/enc.h"

struct row {
    const char *what;
    const char *value;
    enum reason reason;
    const char *user;
    const char *password;
};

static const struct row rows[] = {
    {"the example of RFC 7617 2", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", REASON_OK, "Aladdin",
     "open sesame"},
    {"the UTF-8 example of RFC 7617 2.1", "Basic dGVzdDoxMjPCow==", REASON_OK, "test",
     "123\xc2\xa3"},
    {"the scheme has no case", "bAsIC dGVzdDoxMjPCow==", REASON_OK, "test", "123\xc2\xa3"},
    {"several spaces are one", "Basic   dGVzdDoxMjPCow==", REASON_OK, "test", "123\xc2\xa3"},
    {"colons in the password stay (a:b:c)", "Basic YTpiOmM=", REASON_OK, "a", "b:c"},
    {"an empty user parses (:b)", "Basic OmI=", REASON_OK, "", "b"},
    {"an empty password parses (a:)", "Basic YTo=", REASON_OK, "a", ""},
    {"both empty (:)", "Basic Og==", REASON_OK, "", ""},
    {"another scheme", "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==", REASON_CREDENTIALS_OTHER_SCHEME, 0,
     0},
    {"a scheme that only begins alike", "Basics YTpi", REASON_CREDENTIALS_OTHER_SCHEME, 0, 0},
    {"a scheme that only ends alike", "XBasic YTpi", REASON_CREDENTIALS_OTHER_SCHEME, 0, 0},
    {"no scheme, only the text", "YTpi", REASON_CREDENTIALS_OTHER_SCHEME, 0, 0},
    {"an empty value", "", REASON_CREDENTIALS_MALFORMED, 0, 0},
    {"only a blank", " ", REASON_CREDENTIALS_MALFORMED, 0, 0},
    {"only the scheme", "Basic", REASON_CREDENTIALS_MALFORMED, 0, 0},
    {"the scheme and a space", "Basic ", REASON_CREDENTIALS_MALFORMED, 0, 0},
    {"a tab is no space", "Basic\tYTpi", REASON_CREDENTIALS_MALFORMED, 0, 0},
    {"a tab after the space", "Basic \tYTpi", REASON_CREDENTIALS_MALFORMED, 0, 0},
    {"no colon (ab)", "Basic YWI=", REASON_CREDENTIALS_MALFORMED, 0, 0},
    {"missing padding", "Basic YTo", REASON_CREDENTIALS_MALFORMED, 0, 0},
    {"too much padding", "Basic YTpi====", REASON_CREDENTIALS_MALFORMED, 0, 0},
    {"data after the padding", "Basic YTo=YTpi", REASON_CREDENTIALS_MALFORMED, 0, 0},
    {"junk after the padding", "Basic YTo=x", REASON_CREDENTIALS_MALFORMED, 0, 0},
    {"unused bits that are set", "Basic YTp=", REASON_CREDENTIALS_MALFORMED, 0, 0},
    {"the alphabet of URLs", "Basic YTpi_-__", REASON_CREDENTIALS_MALFORMED, 0, 0},
    {"a space inside", "Basic YT pi", REASON_CREDENTIALS_MALFORMED, 0, 0},
    {"a space at the end", "Basic YTpi ", REASON_CREDENTIALS_MALFORMED, 0, 0},
    {"parameters behind", "Basic YTpi, realm=x", REASON_CREDENTIALS_MALFORMED, 0, 0},
    {"not UTF-8 (a:\\xff)", "Basic YTr/", REASON_CREDENTIALS_MALFORMED, 0, 0},
    {"ISO-8859-1 in the name (\\xe9:b)", "Basic 6Tpi", REASON_CREDENTIALS_MALFORMED, 0, 0},
    {"NUL in the password (a:b\\0c)", "Basic YTpiAGM=", REASON_CREDENTIALS_CONTROL, 0, 0},
    {"NUL in the name (a\\0:b)", "Basic YQA6Yg==", REASON_CREDENTIALS_CONTROL, 0, 0},
    {"LF in the password (a:b\\n)", "Basic YTpiCg==", REASON_CREDENTIALS_CONTROL, 0, 0},
    {"CR in the name (a\\r:b)", "Basic YQ06Yg==", REASON_CREDENTIALS_CONTROL, 0, 0},
    {"DEL in the password (a:\\x7f)", "Basic YTp/", REASON_CREDENTIALS_CONTROL, 0, 0},
    {"a C1 control as UTF-8 (a:U+0085)", "Basic YTrChQ==", REASON_CREDENTIALS_CONTROL, 0, 0},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        char scratch[BASIC_DECODED_MAX];
        struct basic out = {STR("untouched"), STR("untouched")};
        enum reason r = basic_parse(str_of(row->value), scratch, &out);
        if (r != row->reason) {
            fail_msg("%s: %s instead of %s", row->what, reason_token(r), reason_token(row->reason));
        }
        const char *user = r == REASON_OK ? row->user : "untouched";
        const char *password = r == REASON_OK ? row->password : "untouched";
        if (!str_eq(out.user, str_of(user)) || !str_eq(out.password, str_of(password))) {
            fail_msg("%s: the parts are wrong", row->what);
        }
    }
}

/* "a:" and so many x. */
static enum reason parse_long(size_t decoded)
{
    char plain[BASIC_DECODED_MAX + 8];
    char value[ENC_BASE64_LEN(sizeof(plain)) + 16] = "Basic ";
    char scratch[BASIC_DECODED_MAX];
    struct basic out;
    memset(plain, 'x', sizeof(plain));
    plain[1] = ':';
    size_t n = enc_base64((struct str){plain, decoded}, value + 6);
    return basic_parse((struct str){value, n + 6}, scratch, &out);
}

static void test_length(void **state)
{
    (void)state;
    assert_int_equal(parse_long(BASIC_DECODED_MAX), REASON_OK);
    assert_int_equal(parse_long(BASIC_DECODED_MAX + 1), REASON_CREDENTIALS_MALFORMED);
    assert_int_equal(parse_long(BASIC_DECODED_MAX + 3), REASON_CREDENTIALS_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
