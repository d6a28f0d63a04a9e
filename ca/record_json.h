/* A request as JSON text, as the API shows it (api_json.h). */
#ifndef CA_RECORD_JSON_H
#define CA_RECORD_JSON_H

#include <stdbool.h>

#include "base/buf.h"
#include "ca/records.h"

/* Append r as an object on one line; full: with who decided, the difference, what was told and the
 * certificate. Returns 0, -ERR_IO (the database does not answer, or there is no memory), or as
 * buf_append(). */
int record_json(const struct life *l, const struct record *r, bool full, struct buf *out)
    __attribute__((warn_unused_result));

/* "jansson 2.14": the library that runs. */
const char *record_json_library(void);

#endif
