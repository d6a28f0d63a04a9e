/* The parts of multipart/form-data (RFC 7578, RFC 2046 5.1). Private to ca/pages. */
#ifndef CA_PAGES_MULTIPART_H
#define CA_PAGES_MULTIPART_H

#include "ca/pages/form.h"

/* Add the parts of body to f. parameters: those of the Content-Type. Values are slices of body.
 * Nothing may stand before the first boundary. Returns as body_read(). */
int multipart_read(struct str parameters, struct str body, struct form *f, struct err *e)
    __attribute__((warn_unused_result));

#endif
