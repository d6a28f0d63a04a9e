/* What forms do. Each returns 0 or a negative err_code with the call's err. Private to ca/pages. */
#ifndef CA_PAGES_ACT_H
#define CA_PAGES_ACT_H

#include "ca/pages/page.h"

int act_approve(struct page *p) __attribute__((warn_unused_result));
int act_deny(struct page *p) __attribute__((warn_unused_result));
int act_withdraw(struct page *p) __attribute__((warn_unused_result));
int act_lift(struct page *p) __attribute__((warn_unused_result));

#endif
