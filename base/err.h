/* Errors of our own functions: a code to act on, a text for the operator. Decisions about requests
 * are not errors: see verdict.h and reason.h. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stddef.h>

#define ERR_LIST(X)                                                                                \
    X(NOMEM, "out of memory")                                                                      \
    X(MALFORMED, "malformed")                                                                      \
    X(TOO_LARGE, "too large")                                                                      \
    X(FULL, "full")                                                                                \
    X(IO, "input/output error")                                                                    \
    X(NOT_FOUND, "not found")                                                                      \
    X(EXISTS, "already exists")                                                                    \
    X(DENIED, "permission denied")                                                                 \
    X(UNSUPPORTED, "not supported")                                                                \
    X(BUSY, "busy")                                                                                \
    X(CLOSED, "closed")                                                                            \
    X(CONFIG, "configuration error")                                                               \
    X(UNAVAILABLE, "not available for now")                                                        \
    X(CRYPTO, "cryptographic library error")                                                       \
    X(INTERNAL, "internal error")

enum err_code {
    ERR_OK = 0,
#define ERR_ENUM(name, text) ERR_##name,
    ERR_LIST(ERR_ENUM)
#undef ERR_ENUM
        ERR_CODE_COUNT
};

/* Text for the operator: never a secret. The first text set stays, as it is the most specific. */
struct err {
    enum err_code code;
    char text[240];
};

/* Record code and a printf-formatted text in e (which may be NULL) unless e already holds one.
 * Returns -code always, so that "return err_set(...)" reads well. */
int err_set(struct err *e, enum err_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As err_set, with ": " and the text of errno_value appended. */
int err_set_errno(struct err *e, enum err_code code, int errno_value, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Empty e. */
void err_clear(struct err *e);

/* The general text of a code or of a negated code; never NULL. */
const char *err_name(int code);

#endif
