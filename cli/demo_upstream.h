/* The demonstration's upstream: answers every request with the fields that it saw. */
#ifndef CLI_DEMO_UPSTREAM_H
#define CLI_DEMO_UPSTREAM_H

#include <sys/types.h>

#include "base/err.h"

/* Listen on 127.0.0.1 at a free port and serve in a child process until it is ended. *port gets
 * the port. Returns the child's process id or a negative err_code with e. */
pid_t demo_upstream_start(unsigned *port, struct err *e);

#endif
