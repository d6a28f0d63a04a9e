/* countersign request ls, show: requests for people and for programs. JSON is that of the API. */
#ifndef CLI_REQUEST_SHOW_H
#define CLI_REQUEST_SHOW_H

#include <stdbool.h>
#include <stdint.h>

#include "ca/life.h"

struct request_show_wish {
    const enum life_state *state; /* NULL: any */
    struct str user;              /* empty: any */
    uint64_t after;               /* the "next" of the list before; 0: from the newest on */
    uint64_t limit;               /* 0: all */
    bool json;
};

/* Print a line for each request, the newest first; or {"requests":[...],"next":N}, next null at the
 * end. Returns 0 or a negative err_code with e. */
int request_show_list(const struct life *life, const struct request_show_wish *w, struct err *e)
    __attribute__((warn_unused_result));

/* Print all that is known of one. Returns 0, -ERR_NOT_FOUND, or another, with e. */
int request_show(const struct life *life, struct str id, bool json, struct err *e)
    __attribute__((warn_unused_result));

#endif
