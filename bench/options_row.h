/* The options of the verb run, one row each: how it is spelled, what it sets. Private to the
 * reading of options. */
#ifndef BENCH_OPTIONS_ROW_H
#define BENCH_OPTIONS_ROW_H

#include "bench/options.h"

struct options_row {
    const char *name;  /* with its dashes */
    const char *value; /* what stands behind it, as the help names it; NULL: nothing */
    /* Returns NULL, or what is expected as "a number". value is NULL if the option takes none. */
    const char *(*set)(struct options *o, const char *value);
    const char *help;
};

extern const struct options_row options_rows[];
extern const size_t options_row_count;

#endif
