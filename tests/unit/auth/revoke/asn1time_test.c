/* Dates of certificates as seconds. */
#include "auth/revoke/asn1time.h"
#include "tests/support/check.h"

static void test_dates(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *text;
        int64_t seconds;
        bool good;
    } rows[] = {
        {"UTCTime", "270115080000Z", 1800000000, true},
        {"UTCTime before 2000", "700101000001Z", 1, true},
        {"UTCTime 50 is 1950", "500101000000Z", -631152000, true},
        {"GeneralizedTime", "20270115080000Z", 1800000000, true},
        {"the last year", "99991231235959Z", INT64_C(253402300799), true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        ASN1_TIME *t = ASN1_TIME_new();
        int64_t seconds = 7;
        assert_int_equal(ASN1_TIME_set_string(t, rows[i].text), 1);
        CHECK_ROW(rows[i].says, asn1time_seconds(t, &seconds) == rows[i].good);
        CHECK_ROW(rows[i].says, seconds == rows[i].seconds);
        ASN1_TIME_free(t);
    }
    int64_t seconds = 7;
    assert_false(asn1time_seconds(NULL, &seconds));
    assert_int_equal(seconds, 0);
    ASN1_TIME *junk = ASN1_STRING_type_new(V_ASN1_UTCTIME);
    assert_int_equal(ASN1_STRING_set(junk, "279915080000Z", -1), 1);
    assert_false(asn1time_seconds(junk, &seconds));
    assert_int_equal(ASN1_STRING_set(junk, "", 0), 1);
    assert_false(asn1time_seconds(junk, &seconds));
    ASN1_STRING_free(junk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
