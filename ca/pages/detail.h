/* One request and its certificate. Private to ca/pages. */
#ifndef CA_PAGES_DETAIL_H
#define CA_PAGES_DETAIL_H

#include "ca/pages/page.h"
#include "ca/records.h"

/* The page of the request that the path names, for its owner or, at the desk, for an operator of
 * its profile. Returns 0 or a negative err_code with the call's err. */
int detail_page(struct page *p) __attribute__((warn_unused_result));

/* Whether who asks may see r in this area. What one may not see looks like what is not there. */
bool detail_is_visible(const struct page *p, const struct record *r);

/* Whether the request that the path names is there and visible. serial: where its certificate's
 * number goes; empty: it has none. Returns 0, -ERR_NOT_FOUND or another, with the call's err. */
#define DETAIL_SERIAL_MAX 40
int detail_find(struct page *p, char serial[DETAIL_SERIAL_MAX + 1])
    __attribute__((warn_unused_result));

#endif
