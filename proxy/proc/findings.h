/* What loading a configuration found, as lines for a log. Private to proxy/proc. */
#ifndef PROXY_PROC_FINDINGS_H
#define PROXY_PROC_FINDINGS_H

#include "base/buf.h"
#include "base/log.h"
#include "conf/diag.h"

/* The first error ("file:line:column: error: ...") in out, NUL-ended and cut to its size; a
 * general text if there is none. */
void findings_first_error(const struct diags *diags, char *out, size_t size);

/* One log line a warning. */
void findings_log_warnings(const struct diags *diags, struct log *log);

#endif
