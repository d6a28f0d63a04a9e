/* The page where somebody asks for a certificate. Private to ca/pages. */
#ifndef CA_PAGES_WISH_H
#define CA_PAGES_WISH_H

#include "ca/pages/page.h"

/* The form; and what it does, which shows it again with what is wrong with what was sent. Each
 * returns 0 or a negative err_code with the call's err. */
int wish_page(struct page *p) __attribute__((warn_unused_result));
int wish_file(struct page *p) __attribute__((warn_unused_result));

#endif
