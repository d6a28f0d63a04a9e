/* Conditions of compare: what is refused, what is met. */
#include "bench/condition.h"
#include "tests/support/check.h"

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *text;
    } rows[] = {
        {"nothing", ""},
        {"a field alone", "p99"},
        {"no field", ">+10%"},
        {"no bound", "p99>"},
        {"a sign alone", "p99>+"},
        {"a percentage without a sign", "p99>10%"},
        {"a percent sign alone", "p99>+%"},
        {"an unknown unit", "p99>5parsec"},
        {"a unit alone", "p99>ms"},
        {"two signs", "p99>+-5%"},
        {"an exponent", "p99>1e3"},
        {"hexadecimal", "p99>0x10"},
        {"not a number", "p99>nan"},
        {"two comparisons", "p99>>5ms"},
        {"equality", "p99=5ms"},
        {"a field with blanks inside", "p 99>5ms"},
        {"a field with other characters", "p99;x>5ms"},
        {"something behind", "p99>+10% or so"},
        {"a field that is too long", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                     "aaaaa>1"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct condition c;
        struct err e = {0};
        CHECK_ROW(rows[i].says, condition_read(str_of(rows[i].text), &c, &e) == -ERR_MALFORMED);
        CHECK_ROW(rows[i].says, e.text[0] != '\0');
    }
}

static void taken(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *field;
        struct condition c;
    } rows[] = {
        {"p99>+10%", "p99", {.above = true, .kind = CONDITION_PERCENT, .bound = 10.0}},
        {"p99.9 > +2.5%", "p99.9", {.above = true, .kind = CONDITION_PERCENT, .bound = 2.5}},
        {"*_p99>+5%", "*_p99", {.above = true, .kind = CONDITION_PERCENT, .bound = 5.0}},
        {"rate<-5%", "rate", {.above = false, .kind = CONDITION_PERCENT, .bound = -5.0}},
        {"p99>-10%", "p99", {.above = true, .kind = CONDITION_PERCENT, .bound = -10.0}},
        {"p99>+2ms", "p99", {.above = true, .kind = CONDITION_BY, .bound = 2e6, .is_time = true}},
        {"p99>50ms",
         "p99",
         {.above = true, .kind = CONDITION_ITSELF, .bound = 5e7, .is_time = true}},
        {"error_share>0.01", "error_share", {.above = true, .bound = 0.01}},
        {"rate<1000", "rate", {.above = false, .bound = 1000.0}},
        {"latency.service.connect.p99_ns>0", "latency.service.connect.p99_ns", {.above = true}},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct condition c;
        const struct condition *w = &rows[i].c;
        CHECK_ROW(rows[i].text, condition_read(str_of(rows[i].text), &c, NULL) == 0);
        CHECK_STR(rows[i].text, str_of(c.field), str_of(rows[i].field));
        CHECK_ROW(rows[i].text, c.above == w->above && c.kind == w->kind);
        CHECK_ROW(rows[i].text, c.is_time == w->is_time);
        CHECK_ROW(rows[i].text, c.bound - w->bound < 1e-9 && w->bound - c.bound < 1e-9);
    }
}

static void met(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *text;
        double was, is;
        bool met;
    } rows[] = {
        {"11 % more than allowed 10", "p99>+10%", 100, 111, true},
        {"10 % is not more than 10 %", "p99>+10%", 100, 110, false},
        {"less is fine", "p99>+10%", 100, 50, false},
        {"a rise from nothing", "p99>+10%", 0, 1, true},
        {"nothing from nothing", "p99>+10%", 0, 0, false},
        {"6 % less than allowed 5", "rate<-5%", 100, 94, true},
        {"4 % less", "rate<-5%", 100, 96, false},
        {"no better where 10 % better is wanted", "p99>-10%", 100, 95, true},
        {"better by 11 %", "p99>-10%", 100, 89, false},
        {"above the bound itself", "p99>50ns", 1000, 51, true},
        {"at the bound", "p99>50ns", 1000, 50, false},
        {"risen by more than the difference", "p99>+5ns", 10, 16, true},
        {"risen by the difference", "p99>+5ns", 10, 15, false},
        {"fallen by more than the difference", "rate<-5", 10, 4, true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct condition c;
        CHECK_ROW(rows[i].says, condition_read(str_of(rows[i].text), &c, NULL) == 0);
        CHECK_ROW(rows[i].says, condition_met(&c, rows[i].was, rows[i].is) == rows[i].met);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),
        cmocka_unit_test(taken),
        cmocka_unit_test(met),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
