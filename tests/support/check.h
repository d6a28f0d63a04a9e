/* Checks for tables of rows: a failure names the row by its sentence. */
#ifndef TESTS_SUPPORT_CHECK_H
#define TESTS_SUPPORT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Fails the test, naming the row by says, unless condition holds. */
#define CHECK_ROW(says, condition)                                                                 \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fail_msg("row \"%s\": %s", (says), #condition);                                        \
        }                                                                                          \
    } while (0)

/* Fails the test, showing both texts, unless the spans are equal. */
#define CHECK_STR(says, got, wanted)                                                               \
    do {                                                                                           \
        struct str check_got = (got);                                                              \
        struct str check_wanted = (wanted);                                                        \
        if (!str_eq(check_got, check_wanted)) {                                                    \
            fail_msg("row \"%s\": got \"%.*s\", wanted \"%.*s\"", (says), STR_ARG(check_got),      \
                     STR_ARG(check_wanted));                                                       \
        }                                                                                          \
    } while (0)

#endif
