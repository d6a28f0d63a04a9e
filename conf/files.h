/* The contents of every file that a configuration names, read once: what is checked is what is
 * run. The master reads from disk and hands the whole set to its workers as one sealed memory
 * file, so that workers need no right to read keys and all run from the same octets. */
#ifndef CONF_FILES_H
#define CONF_FILES_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"
#include "conf/derived.h"

struct files;

/* An empty set that reads from disk; NULL without memory. */
struct files *files_new(void);

/* Wipe and free the set and all contents; NULL is fine. */
void files_free(struct files *f);

/* The content of path (absolute or relative to the working directory), read at the first call and
 * remembered. *out: borrowed from f. Returns 0, -ERR_NOT_FOUND, -ERR_DENIED, -ERR_TOO_LARGE
 * (over 1 GiB), -ERR_IO, -ERR_NOMEM, with e set. In a set from files_unpack() only what was packed
 * is there. */
int files_read(struct files *f, const char *path, struct str *out, struct err *e)
    __attribute__((warn_unused_result));

/* What an operator can do about a file that files_read() did not read, by what it returned: a full
 * sentence, or NULL where there is none better than the error. */
const char *files_help(int rc);

/* Paths that match a glob(7) pattern, in lexical order, remembered like contents. *paths: array of
 * *n NUL-ended texts borrowed from f. No match is n = 0. */
int files_glob(struct files *f, const char *pattern, const char *const **paths, size_t *n,
               struct err *e) __attribute__((warn_unused_result));

/* Give path this content, as if it had been read from disk: for texts that do not stand in a file.
 * It counts as pinned and never as changed. The text is copied. Returns 0, -ERR_EXISTS if path was
 * read before, -ERR_NOMEM. */
int files_put(struct files *f, const char *path, struct str text)
    __attribute__((warn_unused_result));

/* What was kept under name by files_derive(), in this set or in the one that it was unpacked from:
 * a reference more for the caller, or NULL if there is none. */
struct derived *files_derived(const struct files *f, const char *name);

/* Keep d (one reference more) under name, which tells what it was computed from, and pack it with
 * the set. It ends with the set: files_again() does not hold it. Returns 0, -ERR_EXISTS,
 * -ERR_NOMEM. */
int files_derive(struct files *f, const char *name, struct derived *d)
    __attribute__((warn_unused_result));

/* Whoever called files_read() for path is done with its content for good, as a derived block says
 * all of it: without other readers it is not packed, and dropped here. A later reader gets it from
 * disk again, or -ERR_IO if it is not the same file any more. Nothing borrowed from that content
 * may be used after. */
void files_done(struct files *f, const char *path);

/* True if path was there at the first call; the answer is remembered (and packed) as long as the
 * set and its successors live, so that everyone who loads the configuration from it sees the same
 * paths. Without memory the answer is given but not remembered. */
bool files_exists(struct files *f, const char *path);

/* Permission bits (st_mode & 07777) of a path that was read; 0 if it was not. */
mode_t files_mode(const struct files *f, const char *path);

/* Keep path (or a glob pattern) as it is when files_again() reads anew: for the configuration files
 * themselves, which only an explicit reload may replace. */
void files_pin(struct files *f, const char *path);

/* True if any file that is not pinned now differs on disk in device, inode, size, mtime or ctime,
 * or has come or gone. */
bool files_changed(const struct files *f);

/* A new set that holds old's pinned contents and reads everything else anew; NULL without
 * memory. old stays valid. */
struct files *files_again(const struct files *old);

/* Everything read so far, in a sealed memfd that the caller closes. Returns 0 or a negative
 * err_code. */
int files_pack(const struct files *f, int *fd, struct err *e) __attribute__((warn_unused_result));

/* The set that files_pack() wrote; never touches the disk. fd stays the caller's. NULL with e. */
struct files *files_unpack(int fd, struct err *e);

#endif
