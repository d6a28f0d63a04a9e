/* The API's lists, a page at a time. Private to ca. */
#ifndef CA_API_LIST_H
#define CA_API_LIST_H

#include "ca/call.h"

/* GET requests, the newest first, and GET certificates, those in use, the one that ends first
 * first. Operators see those of their profiles, everybody else their own. Return 0 with the reply
 * filled, or a negative err_code with c->err. */
int api_list_requests(struct call *c) __attribute__((warn_unused_result));
int api_list_certificates(struct call *c) __attribute__((warn_unused_result));

#endif
