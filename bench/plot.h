/* Plots are gnuplot's: it is run as a child, gets a script with the data in it and gives an SVG.
 * One thread. */
#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

#include "base/buf.h"
#include "base/err.h"

#define PLOT_BYTES_MAX  ((size_t)8 << 20)
#define PLOT_PATIENCE_S 30

/* Draw script (it must set the terminal svg) and append the SVG to out, fit to stand inside HTML:
 * no XML head, no definitions that clash with those of others, described by label (plain text of
 * letters, digits, blanks). css_class goes to its element. Returns 0, -ERR_NOT_FOUND if there is no
 * gnuplot, -ERR_IO or -ERR_MALFORMED if it did not draw, -ERR_NOMEM. out is unchanged then. */
int plot_svg(struct str script, const char *css_class, const char *label, struct buf *out)
    __attribute__((warn_unused_result));

#endif
