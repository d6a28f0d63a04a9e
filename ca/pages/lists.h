/* Lists of requests and certificates. Each returns 0 or a negative err_code with the call's err.
 * Private to ca/pages. */
#ifndef CA_PAGES_LISTS_H
#define CA_PAGES_LISTS_H

#include "ca/pages/page.h"

/* One's own, newest first. */
int lists_own(struct page *p) __attribute__((warn_unused_result));

/* At the desk: by state, by the end of certificates, of one user, and what fits a text. */
int lists_requests(struct page *p) __attribute__((warn_unused_result));
int lists_expiry(struct page *p) __attribute__((warn_unused_result));
int lists_user(struct page *p) __attribute__((warn_unused_result));
int lists_search(struct page *p) __attribute__((warn_unused_result));

#endif
