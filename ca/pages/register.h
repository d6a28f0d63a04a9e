/* Pages of operators for people who bring no signing request: registering them, and the code that
 * they are to be told. Each returns 0 or a negative err_code with the call's err. Private to
 * ca/pages. */
#ifndef CA_PAGES_REGISTER_H
#define CA_PAGES_REGISTER_H

#include "ca/pages/page.h"
#include "ca/records.h"

/* The form; and what it does, which shows it again with what is wrong with what was sent. */
int register_page(struct page *p) __attribute__((warn_unused_result));
int register_person(struct page *p) __attribute__((warn_unused_result));

/* Have a code made for the request that the path names, and show it: as the answer to the form,
 * since a secret stands in no address. */
int register_code(struct page *p) __attribute__((warn_unused_result));

/* After a decision about request id: if it waits for nothing but its code, show that; otherwise go
 * to its page, with what was done. */
int register_go(struct page *p, struct str id, const char *done)
    __attribute__((warn_unused_result));

/* The form for a code, beside a request; nothing where there is no code to make. */
void register_panel(struct page *p, const struct record *r);

#endif
