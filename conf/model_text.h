/* Texts of a configuration and where they stand. */
#ifndef CONF_MODEL_TEXT_H
#define CONF_MODEL_TEXT_H

#include <stddef.h>

#include "conf/diag.h"

/* A text and where it stands. p is NULL when the key was not given; NUL-ended otherwise. Paths are
 * made absolute (relative ones start at the directory of the file that names them). */
struct conf_text {
    const char *p;
    struct conf_pos at;
};

struct conf_texts {
    struct conf_text *v;
    size_t n;
};

/* A text under a name that the file chose. */
struct conf_pair {
    struct conf_text name;
    struct conf_text value;
};

#endif
