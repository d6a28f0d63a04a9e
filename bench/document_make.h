/* Makes the JSON document of a run (bench/document.h tells what it is for). One thread. */
#ifndef BENCH_DOCUMENT_MAKE_H
#define BENCH_DOCUMENT_MAKE_H

#include <jansson.h>

#include "base/err.h"
#include "bench/result.h"

/* The document of r; caller json_decref(). It holds no secret: of header fields only the names, of
 * users only the file. NULL with e: no memory. */
json_t *document_make(const struct result *r, struct err *e);

/* What a program ran on, as a member of its document; caller json_decref(). NULL: no memory. */
json_t *document_environment(const struct result_environment *env);

#endif
