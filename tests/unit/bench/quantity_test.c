/* Numbers with units: refused first. */
#include <math.h>

#include "bench/quantity.h"
#include "tests/support/check.h"

static const struct {
    const char *text;
    bool ok;
    double value;
} numbers[] = {
    {"", false, 0},   {".", false, 0},    {"1.", false, 0},       {".5", false, 0},
    {"-1", false, 0}, {"+1", false, 0},   {"1e3", false, 0},      {"1.2.3", false, 0},
    {" 1", false, 0}, {"nan", false, 0},  {"0x10", false, 0},     {"1234567890123456789", false, 0},
    {"0", true, 0.0}, {"1.5", true, 1.5}, {"99.95", true, 99.95}, {"1000000", true, 1e6},
};

static const struct {
    const char *text;
    bool ok;
    uint64_t ns;
} times[] = {
    {"10", false, 0},
    {"ms", false, 0},
    {"1 s", false, 0},
    {"1d", false, 0},
    {"99999999h", false, 0},
    {"-1s", false, 0},
    {"0ns", true, 0},
    {"1us", true, 1000},
    {"1.5ms", true, 1500000},
    {"2m", true, 120000000000},
    {"1h", true, 3600000000000},
};

static const struct {
    const char *text;
    bool ok;
    double share;
} shares[] = {
    {"", false, 0},      {"%", false, 0},   {"101%", false, 0}, {"1.01", false, 0},
    {"-5%", false, 0},   {"5%%", false, 0}, {"5%", true, 0.05}, {"0.05", true, 0.05},
    {"100%", true, 1.0}, {"1", true, 1.0},  {"0", true, 0.0},
};

static const struct {
    const char *text;
    bool ok;
    double rate;
} rates[] = {
    {"0", false, 0},
    {"0/s", false, 0},
    {"/s", false, 0},
    {"5/m", false, 0},
    {"1e9", false, 0},
    {"10000001", false, 0},
    {"0.00000000000001", false, 0},
    {"0.001/s", true, 0.001},
    {"500/s", true, 500.0},
    {"0.5/s", true, 0.5},
    {"500", true, 500.0},
};

static const struct {
    const char *text;
    bool ok;
    uint64_t size;
} sizes[] = {
    {"", false, 0},
    {"KiB", false, 0},
    {"1kB", false, 0},
    {"1.5KiB", false, 0},
    {"18014398509481985KiB", false, 0},
    {"0", true, 0},
    {"7B", true, 7},
    {"64KiB", true, 65536},
    {"1MiB", true, 1048576},
    {"1GiB", true, 1073741824},
};

static const struct {
    const char *text;
    bool ok;
    double percent;
} percentiles[] = {
    {"99", false, 0},  {"p", false, 0},     {"p0", false, 0},      {"p100.1", false, 0},
    {"P99", false, 0}, {"p99", true, 99.0}, {"p99.9", true, 99.9}, {"p100", true, 100.0},
};

static void test_numbers(void **state)
{
    (void)state;
    double n;
    uint64_t u;
    for (size_t i = 0; i < ROWS(numbers); i++) {
        n = -1.0;
        CHECK_ROW(numbers[i].text, quantity_number(str_of(numbers[i].text), &n) == numbers[i].ok);
        CHECK_ROW(numbers[i].text, fabs(n - (numbers[i].ok ? numbers[i].value : -1.0)) < 1e-9);
    }
    for (size_t i = 0; i < ROWS(shares); i++) {
        n = -1.0;
        CHECK_ROW(shares[i].text, quantity_share(str_of(shares[i].text), &n) == shares[i].ok);
        CHECK_ROW(shares[i].text, fabs(n - (shares[i].ok ? shares[i].share : -1.0)) < 1e-9);
    }
    for (size_t i = 0; i < ROWS(rates); i++) {
        n = -1.0;
        CHECK_ROW(rates[i].text, quantity_rate(str_of(rates[i].text), &n) == rates[i].ok);
        CHECK_ROW(rates[i].text, fabs(n - (rates[i].ok ? rates[i].rate : -1.0)) < 1e-9);
    }
    for (size_t i = 0; i < ROWS(percentiles); i++) {
        n = -1.0;
        CHECK_ROW(percentiles[i].text,
                  quantity_percentile(str_of(percentiles[i].text), &n) == percentiles[i].ok);
        CHECK_ROW(percentiles[i].text,
                  fabs(n - (percentiles[i].ok ? percentiles[i].percent : -1.0)) < 1e-9);
    }
    for (size_t i = 0; i < ROWS(times); i++) {
        u = 77;
        CHECK_ROW(times[i].text, quantity_time(str_of(times[i].text), &u) == times[i].ok);
        CHECK_ROW(times[i].text, u == (times[i].ok ? times[i].ns : 77));
    }
    for (size_t i = 0; i < ROWS(sizes); i++) {
        u = 77;
        CHECK_ROW(sizes[i].text, quantity_size(str_of(sizes[i].text), &u) == sizes[i].ok);
        CHECK_ROW(sizes[i].text, u == (sizes[i].ok ? sizes[i].size : 77));
    }
}

static void test_time_texts(void **state)
{
    (void)state;
    static const struct {
        uint64_t ns;
        const char *text;
    } texts[] = {
        {0, "0ns"},
        {999, "999ns"},
        {1000, "1.00us"},
        {12345, "12.3us"},
        {999499, "999us"},
        {999500, "1.00ms"},
        {4560000, "4.56ms"},
        {99960000, "100ms"},
        {1200000000, "1.20s"},
        {3600000000000, "3600s"},
    };
    for (size_t i = 0; i < ROWS(texts); i++) {
        char out[QUANTITY_TEXT_MAX];
        CHECK_STR(texts[i].text, str_of(quantity_time_text(texts[i].ns, out)),
                  str_of(texts[i].text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_time_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
