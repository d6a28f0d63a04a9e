/* Forms as browsers send them: application/x-www-form-urlencoded and multipart/form-data
 * (RFC 7578). Strict: what is not as a browser would write it is refused. Pure. */
#ifndef CA_PAGES_BODY_H
#define CA_PAGES_BODY_H

#include "ca/pages/form.h"

/* Read body, a form of that Content-Type; slices of both are kept: f lives as long as they do. No
 * name may come twice; names are lower-case letters, digits and "_". Returns 0 (form_release),
 * -ERR_UNSUPPORTED (another type or charset), -ERR_MALFORMED, -ERR_TOO_LARGE or -ERR_NOMEM, with e;
 * f needs no release then. */
int body_read(struct str type, struct str body, struct form *f, struct err *e)
    __attribute__((warn_unused_result));

#endif
