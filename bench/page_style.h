/* The style sheet of the HTML report. */
#ifndef BENCH_PAGE_STYLE_H
#define BENCH_PAGE_STYLE_H

/* Light and dark by the reader's system; plots in the width of a telephone or a desk. Colours of
 * lines replace those that bench/chart writes. NUL-ended, lives for ever. */
const char *page_style(void);

#endif
