/* Who may see what. What one may not see looks like what is not there. Private to ca/pages. */
#ifndef CA_PAGES_VISIBLE_H
#define CA_PAGES_VISIBLE_H

#include "ca/pages/page.h"
#include "ca/records.h"

/* Whether who asks may see r in this area: at the desk operators of its profile; elsewhere whom it
 * is for, and who filed it. */
bool visible_is(const struct page *p, const struct record *r);

#define VISIBLE_SERIAL_MAX 40
#define VISIBLE_USER_MAX   768

struct visible {
    char serial[VISIBLE_SERIAL_MAX + 1]; /* empty: no certificate */
    char user[VISIBLE_USER_MAX + 1];
};

/* The request that the path names, if it is there and visible. Returns 0, -ERR_NOT_FOUND or
 * another, with the call's err. */
int visible_find(struct page *p, struct visible *out) __attribute__((warn_unused_result));

/* Set the call's err to what is said of a request that is not there; returns -ERR_NOT_FOUND. */
int visible_none(struct page *p);

#endif
