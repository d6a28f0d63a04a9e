/* Owns: the table made of reason.def. Any thread. */
#include "base/reason.h"

#include <stddef.h>

struct row {
    unsigned status;
    enum reason_class class;
    const char *token;
    const char *text;
};

static const struct row rows[REASON_COUNT] = {
#define REASON(name, row_status, row_token, row_class, row_text)                                   \
    [REASON_##name] = {.status = (row_status),                                                     \
                       .class = REASON_CLASS_##row_class,                                          \
                       .token = (row_token),                                                       \
                       .text = (row_text)},
#include "base/reason.def"
#undef REASON
};

/* A value that is no reason counts as row 0: a refusal, our fault. */
static const struct row *row_of(enum reason r)
{
    return (size_t)r < REASON_COUNT ? &rows[r] : &rows[0];
}

unsigned reason_status(enum reason r)
{
    return row_of(r)->status;
}

const char *reason_token(enum reason r)
{
    return row_of(r)->token;
}

enum reason_class reason_class(enum reason r)
{
    return row_of(r)->class;
}

const char *reason_text(enum reason r)
{
    return row_of(r)->text;
}
