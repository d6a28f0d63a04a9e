/* Owns: the failure messages of tables of rows. */
#include "tests/support/check.h"

void check_row(const char *says, bool holds, const char *condition, const char *file, int line)
{
    if (!holds) {
        print_error("row \"%s\": %s\n", says, condition);
        _fail(file, line);
    }
}

void check_str(const char *says, struct str got, struct str wanted, const char *file, int line)
{
    if (!str_eq(got, wanted)) {
        print_error("row \"%s\": got \"%.*s\", wanted \"%.*s\"\n", says, STR_ARG(got),
                    STR_ARG(wanted));
        _fail(file, line);
    }
}
