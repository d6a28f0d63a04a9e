/* How long a verdict on a chain holds. */
#ifndef AUTH_TRUST_TERM_H
#define AUTH_TRUST_TERM_H

#include <stdint.h>

#include "base/reason.h"

/* Cleared: it does not. */
struct trust_term {
    int64_t until_ms; /* wall clock; the first millisecond for which it no longer holds */
    enum reason then; /* what is the matter from there on */
};

#endif
