/* What can be done with a request, beside what is known of it. Private to ca/pages. */
#ifndef CA_PAGES_PANEL_H
#define CA_PAGES_PANEL_H

#include "ca/pages/page.h"
#include "ca/records.h"

/* Returns 0 or a negative err_code with the call's err. */
int panel(struct page *p, const struct record *r) __attribute__((warn_unused_result));

#endif
