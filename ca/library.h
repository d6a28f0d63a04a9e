/* Why a call of OpenSSL failed: whoever is refused because memory ran out must not be told that
 * something is wrong with what he sent, nor with the CA. Any thread, each for itself. Private to
 * ca. */
#ifndef CA_LIBRARY_H
#define CA_LIBRARY_H

#include <stdbool.h>

#include "base/err.h"

/* Drop what OpenSSL has noted: before a step of which the two below may be asked, as it may be of
 * others, and behind one. */
void library_forget(void);

/* After a failed call: record that memory ran out if OpenSSL has noted that, and code with words if
 * not; drop its notes. Returns -ERR_NOMEM or -code. */
int library_failed(struct err *e, enum err_code code, const char *words);

/* After a step that found fault by asking OpenSSL: put into e what mine holds, or that memory ran
 * out if OpenSSL has noted that; drop its notes. rc 0 stays 0. Returns rc or -ERR_NOMEM. */
int library_judge(int rc, const struct err *mine, struct err *e);

#endif
