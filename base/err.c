/* Owns: recording of error codes with their texts. Not: printing them. Any thread. */
#include "base/err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *const names[ERR_CODE_COUNT] = {[ERR_OK] = "no error",
#define ERR_ROW(name, text) [ERR_##name] = (text),
                                                  ERR_LIST(ERR_ROW)
#undef ERR_ROW
};

/* Starts a record; false if e is NULL or already holds one. */
static bool claim(struct err *e, enum err_code code)
{
    if (e == NULL || e->code != ERR_OK) {
        return false;
    }
    e->code = code;
    e->text[0] = '\0';
    return true;
}

int err_set(struct err *e, enum err_code code, const char *format, ...)
{
    if (claim(e, code)) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(e->text, sizeof(e->text), format, args);
        va_end(args);
    }
    return -(int)code;
}

int err_set_errno(struct err *e, enum err_code code, int errno_value, const char *format, ...)
{
    if (claim(e, code)) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(e->text, sizeof(e->text), format, args);
        va_end(args);
        char scratch[96];
        const char *why = strerror_r(errno_value, scratch, sizeof(scratch));
        size_t used = strlen(e->text);
        (void)snprintf(e->text + used, sizeof(e->text) - used, ": %s", why);
    }
    return -(int)code;
}

void err_clear(struct err *e)
{
    e->code = ERR_OK;
    e->text[0] = '\0';
}

const char *err_name(int code)
{
    long index = code < 0 ? -(long)code : code;
    return index < ERR_CODE_COUNT ? names[index] : "unknown error";
}
