/* The fields of a form that was sent. Pure. */
#ifndef CA_PAGES_FORM_H
#define CA_PAGES_FORM_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

#define FORM_FIELDS_MAX 16
#define FORM_NAME_MAX   32
#define FORM_VALUE_MAX  32768 /* octets of one value */

struct form_field {
    struct str name;
    struct str value; /* UTF-8 without NUL; of a file: any octets */
};

struct form {
    struct form_field fields[FORM_FIELDS_MAX];
    size_t count;
    char *memory; /* owned: decoded texts, which may be secret */
    size_t memory_n;
};

/* Wipe and free. One that is cleared is fine. */
void form_release(struct form *f);

/* The value of a field; p NULL: it is not there. */
struct str form_value(const struct form *f, struct str name);

/* Add a field, for those who parse. Returns 0, -ERR_MALFORMED (the name, or it comes twice) or
 * -ERR_TOO_LARGE, with e. */
int form_add(struct form *f, struct str name, struct str value, struct err *e)
    __attribute__((warn_unused_result));

#endif
