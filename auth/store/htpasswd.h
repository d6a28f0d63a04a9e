/* htpasswd files: reading for the proxy, changing for the command line. */
#ifndef AUTH_STORE_HTPASSWD_H
#define AUTH_STORE_HTPASSWD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "conf/diag.h"

/* One line of the file; both borrow from the table. */
struct htpasswd_entry {
    struct str name;
    struct str hash;
    unsigned line;
};

struct htpasswd;

/* Read text (the whole file; copied). Empty lines and # comments are skipped. Plain text, DES and
 * unknown hashes, empty names, names with control characters, names twice, lines without a colon
 * are errors at path:line; $apr1$, {SHA} and $1$ are warnings (weak, hash again with
 * "countersign user passwd"). Findings go to diags with the line as place in a source registered
 * for path. Returns 0 and *out; -ERR_MALFORMED or -ERR_NOMEM and NULL, both told in diags. */
int htpasswd_read(const char *path, struct str text, struct diags *diags, struct htpasswd **out)
    __attribute__((warn_unused_result));

/* Free it (hashes are wiped); NULL is fine. */
void htpasswd_free(struct htpasswd *h);

/* Entries in order of name, for bsearch; *n their number. Borrowed. */
const struct htpasswd_entry *htpasswd_entries(const struct htpasswd *h, size_t *n);

/* The entry whose name is exactly name, or NULL. */
const struct htpasswd_entry *htpasswd_find(const struct htpasswd *h, struct str name);

enum htpasswd_change { HTPASSWD_ADD, HTPASSWD_REPLACE, HTPASSWD_DELETE };

/* Change one user in the file at path: written to a temporary file beside it with the same mode
 * and owner, synced, then renamed over it, under a lock file, so that no reader sees a half and no
 * two writers lose each other's change. Other lines, comments and order stay as they are. A
 * missing file is made (mode 0640) for HTPASSWD_ADD. hash: for ADD and REPLACE. Returns 0,
 * -ERR_EXISTS, -ERR_NOT_FOUND, -ERR_MALFORMED (name), -ERR_IO, with e. */
int htpasswd_change(const char *path, enum htpasswd_change what, struct str name, struct str hash,
                    struct err *e) __attribute__((warn_unused_result));

#endif
