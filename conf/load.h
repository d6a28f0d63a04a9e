/* From files to a checked struct conf. */
#ifndef CONF_LOAD_H
#define CONF_LOAD_H

#include "conf/diag.h"
#include "conf/files.h"
#include "conf/model.h"

/* Read path and what it includes, fill in defaults, check everything that needs no other library:
 * types, bounds, names that refer to others, addresses twice, unknown or duplicate keys.
 * Every file that is read goes through files (configuration files are pinned there); certificates,
 * keys and user files are not opened here. Every error and warning goes to diags.
 * Returns the configuration, whose one reference is the caller's, or NULL if there was an error. */
struct conf *conf_load(const char *path, struct files *files, struct diags *diags);

/* One more reference. The count is not atomic: one process, one thread. Returns c. */
struct conf *conf_ref(struct conf *c);

/* One reference less; the last frees c and all that it holds. NULL is fine. */
void conf_unref(struct conf *c);

#endif
