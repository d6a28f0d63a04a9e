/* The page of somebody who has a one-time code, and no certificate yet. Each returns 0 or a
 * negative err_code with the call's err. Private to ca/pages. */
#ifndef CA_PAGES_VISIT_H
#define CA_PAGES_VISIT_H

#include "ca/pages/page.h"

/* The form; and what it does: the answer is the file. */
int visit_page(struct page *p) __attribute__((warn_unused_result));
int visit_redeem(struct page *p) __attribute__((warn_unused_result));

#endif
