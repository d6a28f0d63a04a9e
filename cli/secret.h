/* Asking for a password: from the terminal without echo, or from standard input. */
#ifndef CLI_SECRET_H
#define CLI_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

#define SECRET_MAX 256 /* longest password, octets */

/* From now on this process' memory is for nobody's debugger or core file. */
void secret_hide(void);

/* Read one password into out (the caller wipes it), after secret_hide(). With from_stdin, or when
 * standard input is no terminal: the first line of standard input, without its line end. Otherwise
 * from the terminal without echo after prompt, and with again (may be NULL) a second time, which
 * must be equal. *secret borrows out. Returns 0, -ERR_TOO_LARGE, -ERR_MALFORMED (the two differ),
 * -ERR_IO (nothing there, too). */
int secret_read(const char *prompt, const char *again, bool from_stdin, char out[SECRET_MAX],
                struct str *secret, struct err *e) __attribute__((warn_unused_result));

#endif
