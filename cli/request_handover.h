/* What countersign request tells an operator of a hand-over. */
#ifndef CLI_REQUEST_HANDOVER_H
#define CLI_REQUEST_HANDOVER_H

#include "ca/handover.h"
#include "cli/ca_open.h"

struct request_handover {
    struct ca_open *open; /* with the key, and people */
    const struct request_operator *self;
};

/* Register a person and print the id of the request; if nobody needs to agree, have a code made as
 * below. Returns 0 or a negative err_code with e. */
int request_handover_register(const struct request_handover *h, const struct handover_person *p,
                              struct err *e) __attribute__((warn_unused_result));

/* Have a code made for request id, and print what is to be passed on. Returns as handover_code().
 */
int request_handover_code(const struct request_handover *h, struct str id, struct err *e)
    __attribute__((warn_unused_result));

/* Print what people were told about request id, and what could not be told. Returns 0 or a negative
 * err_code with e. */
int request_handover_messages(const struct life *l, struct str id, struct err *e)
    __attribute__((warn_unused_result));

#endif
