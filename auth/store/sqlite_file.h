/* What every SQLite file of ours has in common, whoever keeps what in it: made with the mode that
 * we want, of a kind that is checked, brought forward to the newest schema. One handle belongs to
 * one thread at a time. */
#ifndef AUTH_STORE_SQLITE_FILE_H
#define AUTH_STORE_SQLITE_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include <sqlite3.h>

#include "base/err.h"

/* What such a file is. Texts live as long as the program. */
struct sqlite_kind {
    const char *what;          /* for people: "a database of users" */
    const char *mended_by;     /* for people: what brings an old schema up to date */
    int application_id;        /* as its first migration sets it */
    const char *const *schema; /* schema[i] brings version i to version i + 1 */
    int version;               /* how many there are: the newest */
    mode_t mode;               /* of a new file, whatever the umask is */
};

/* An open file. Its owner opens handle, and path is his. */
struct sqlite_file {
    sqlite3 *handle;
    const char *path;
    sqlite3_stmt *rollback; /* ours; NULL where nothing is written */
};

/* Make the file at path, empty, with the mode of its kind, unless there is one. Returns 0 or
 * -ERR_IO with e. */
int sqlite_file_make(const char *path, const struct sqlite_kind *kind, struct err *e);

/* Set the handle up (how long it waits for others, in ms; extended codes; a schema that is not
 * trusted) and check what the file is. Writable: WAL, every commit on disk, deleted octets
 * overwritten, and the schema brought to the newest version, all at once; of two processes that
 * find the same old schema, the second sees what the first has done. Returns 0; -ERR_MALFORMED:
 * something else; -ERR_UNSUPPORTED: of a newer program, or old and not writable; or another
 * negative err_code with e; then nothing is left to do with the file but sqlite_file_close(). */
int sqlite_file_set_up(struct sqlite_file *f, const struct sqlite_kind *kind, bool writable,
                       int wait_ms, struct err *e);

/* Close the handle, if there is one; whoever prepared statements has finalized them. */
void sqlite_file_close(struct sqlite_file *f);

/* Run a statement without values or rows. Returns 0 or a negative err_code with e. */
int sqlite_file_run(const struct sqlite_file *f, const char *sql, struct err *e);

/* What the last call on the handle failed with. Returns a negative err_code with e, never 0. */
int sqlite_file_failed(const struct sqlite_file *f, struct err *e);

/* The err_code of an extended result code of SQLite. */
enum err_code sqlite_file_code(int extended);

/* Begin a transaction of a file that was set up writable, the only one that writes. Returns 0 or a
 * negative err_code with e; then none is open. */
int sqlite_file_begin(const struct sqlite_file *f, struct err *e)
    __attribute__((warn_unused_result));

/* End it: commit if rc is 0, roll back if it is not or if that fails. Rolling back needs no memory.
 * Returns rc, or why it could not be committed with e. */
int sqlite_file_end(const struct sqlite_file *f, int rc, struct err *e);

#endif
