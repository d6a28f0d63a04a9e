/* Replacing a file by a changed copy of itself, so that no reader sees a half and no two writers
 * lose each other's change. */
#ifndef BASE_REWRITE_H
#define BASE_REWRITE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

#define REWRITE_MAX ((size_t)1 << 30) /* octets of a file, at most */

struct rewrite;

/* Lock path against other writers (a lock file beside it, path.lock) and read it; a file that is
 * not there counts as empty. Returns 0 and *out (rewrite_close), or a negative err_code with e. */
int rewrite_open(struct rewrite **out, const char *path, struct err *e)
    __attribute__((warn_unused_result));

/* One line without its end, borrowed for the call. Returns false to hear no more. */
typedef bool (*rewrite_line_fn)(void *arg, struct str line);

/* As rewrite_open(), but the file is not kept: its lines are told to line as they are read. For
 * rewrite_append() to a long file; rewrite_old() is empty. */
int rewrite_scan(struct rewrite **out, const char *path, rewrite_line_fn line, void *arg,
                 struct err *e) __attribute__((warn_unused_result));

/* The path with symbolic links resolved; borrowed. */
const char *rewrite_path(const struct rewrite *c);

/* Whether the file was there, and what stood in it; borrowed. */
bool rewrite_exists(const struct rewrite *c);
struct str rewrite_old(const struct rewrite *c);

/* Put text in its place: written beside it with the same mode and owner (a new file: 0640), synced,
 * renamed. Returns 0 or a negative err_code with e. */
int rewrite_put(struct rewrite *c, struct str text, struct err *e)
    __attribute__((warn_unused_result));

#define REWRITE_PAGE 4096

/* Put line, which ends with its line feed, behind what stands in the file, in place: of a long file
 * nothing else is written. A reader sees all of it or nothing, as it never lies across the edge of
 * a page; where it would, a line that begins with comment and means nothing fills what is left of
 * the page. Synced. Returns 0; -ERR_NOT_FOUND or -ERR_DENIED where rewrite_put() may still do, also
 * for a line over REWRITE_PAGE octets; another negative err_code with e. */
int rewrite_append(struct rewrite *c, struct str line, char comment, struct err *e)
    __attribute__((warn_unused_result));

/* Unlock, wipe, free; NULL is fine. */
void rewrite_close(struct rewrite *c);

#endif
