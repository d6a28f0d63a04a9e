/* The part of the API by which operators register people. Private to ca. */
#ifndef CA_API_HANDOVER_H
#define CA_API_HANDOVER_H

#include <jansson.h>

#include "ca/call.h"

/* POST registrations: "user", "company", "profile". Returns as api_call(). */
int api_handover_register(struct call *c) __attribute__((warn_unused_result));

/* POST requests/ID/code. */
int api_handover_code(struct call *c) __attribute__((warn_unused_result));

/* If the request that record shows waits for its one-time code: have one made, and add to record
 * what the operator is to pass on, as "handover". That it cannot be made is told there too. */
void api_handover_add(struct call *c, json_t *record);

#endif
