/* One request and its certificate. Private to ca/pages. */
#ifndef CA_PAGES_DETAIL_H
#define CA_PAGES_DETAIL_H

#include "ca/pages/page.h"

/* The page of the request that the path names, for its owner or, at the desk, for an operator of
 * its profile. Returns 0 or a negative err_code with the call's err. */
int detail_page(struct page *p) __attribute__((warn_unused_result));

#endif
