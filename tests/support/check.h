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
#define CHECK_ROW(says, condition) check_row((says), (condition), #condition, __FILE__, __LINE__)

/* Fails the test, showing both texts, unless the spans are equal. */
#define CHECK_STR(says, got, wanted) check_str((says), (got), (wanted), __FILE__, __LINE__)

/* What the macros call. */
void check_row(const char *says, bool holds, const char *condition, const char *file, int line);
void check_str(const char *says, struct str got, struct str wanted, const char *file, int line);

#endif
