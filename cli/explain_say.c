/* Owns: how "countersign explain" prints a line. */
#include <stdarg.h>
#include <stdio.h>

#include "cli/explain_inner.h"

void explain_say(const char *what, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("%-12s ", what);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

int explain_refused(const char *what, enum reason why)
{
    if (reason_status(why) == 0) {
        explain_say(what, "refused: %s (no HTTP answer)", reason_token(why));
    } else {
        explain_say(what, "refused: %s, status %u", reason_token(why), reason_status(why));
    }
    return REFUSED;
}
