/* The control socket: a client asks the master by one line of JSON and gets one line back. */
#ifndef PROXY_PROC_CONTROL_H
#define PROXY_PROC_CONTROL_H

#include "base/buf.h"
#include "base/err.h"

/* Client side: send command ("status", "reload", "lockouts", "unlock") to the master at the Unix
 * socket path; user is whom it is about (p NULL: nobody); answer gets the JSON text. Blocks up to
 * timeout_ms. Returns 0 or a negative err_code with e (no such socket: is it running?; not allowed:
 * who may). */
int control_ask(const char *path, const char *command, struct str user, unsigned timeout_ms,
                struct buf *answer, struct err *e) __attribute__((warn_unused_result));

#endif
