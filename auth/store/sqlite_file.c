/* Owns: how SQLite files are made, recognized and migrated. Leaves what stands in them to
 * auth/store/sqlite and ca/db. */
#include "auth/store/sqlite_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum err_code sqlite_file_code(int extended)
{
    switch (extended) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
        return ERR_EXISTS;
    default:
        break;
    }
    switch (extended & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_BUSY;
    case SQLITE_FULL:
        return ERR_FULL;
    case SQLITE_NOMEM:
        return ERR_NOMEM;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return ERR_MALFORMED;
    default:
        return ERR_IO;
    }
}

int sqlite_file_failed(const struct sqlite_file *f, struct err *e)
{
    return err_set(e, sqlite_file_code(sqlite3_extended_errcode(f->handle)), "%s: %s", f->path,
                   sqlite3_errmsg(f->handle));
}

int sqlite_file_run(const struct sqlite_file *f, const char *sql, struct err *e)
{
    return sqlite3_exec(f->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? 0
                                                                       : sqlite_file_failed(f, e);
}

/* The statement was there from the beginning: where memory has run out, it could not be prepared
 * any more, and a transaction that stays open would keep everybody from writing. */
static void roll_back(const struct sqlite_file *f)
{
    if (sqlite3_get_autocommit(f->handle) == 0) {
        (void)sqlite3_step(f->rollback);
        (void)sqlite3_reset(f->rollback);
    }
}

int sqlite_file_begin(const struct sqlite_file *f, struct err *e)
{
    int rc = sqlite_file_run(f, "BEGIN IMMEDIATE", e);
    if (rc != 0) {
        roll_back(f); /* it may have failed behind the beginning */
    }
    return rc;
}

int sqlite_file_end(const struct sqlite_file *f, int rc, struct err *e)
{
    rc = rc == 0 ? sqlite_file_run(f, "COMMIT", e) : rc;
    if (rc != 0) {
        roll_back(f);
    }
    return rc;
}

/* The value of a one-number query. */
static int number(const struct sqlite_file *f, const char *sql, int *value, struct err *e)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(f->handle, sql, -1, &s, NULL) == SQLITE_OK &&
                     sqlite3_step(s) == SQLITE_ROW
                 ? 0
                 : sqlite_file_failed(f, e);
    *value = rc == 0 ? sqlite3_column_int(s, 0) : 0;
    (void)sqlite3_finalize(s);
    return rc;
}

static int migrate(const struct sqlite_file *f, const struct sqlite_kind *kind, int version,
                   struct err *e)
{
    char text[64];
    int rc = 0;
    for (int i = version; i < kind->version && rc == 0; i++) {
        rc = sqlite_file_run(f, kind->schema[i], e);
    }
    (void)snprintf(text, sizeof(text), "PRAGMA user_version = %d", kind->version);
    return rc == 0 ? sqlite_file_run(f, text, e) : rc;
}

static int check_schema(const struct sqlite_file *f, const struct sqlite_kind *kind, bool writable,
                        struct err *e)
{
    int id = 0;
    int version = 0;
    int tables = 0;
    int rc = number(f, "PRAGMA application_id", &id, e);
    rc = rc == 0 ? number(f, "PRAGMA user_version", &version, e) : rc;
    rc = rc == 0 ? number(f, "SELECT count(*) FROM sqlite_schema", &tables, e) : rc;
    if (rc != 0) {
        return rc;
    }
    if (tables > 0 && id != kind->application_id) {
        return err_set(e, ERR_MALFORMED, "%s: not %s", f->path, kind->what);
    }
    if (version > kind->version) {
        return err_set(e, ERR_UNSUPPORTED, "%s: made by a newer countersign (schema %d)", f->path,
                       version);
    }
    if (version == kind->version) {
        return 0;
    }
    if (!writable) {
        return err_set(e, ERR_UNSUPPORTED, "%s: schema %d is too old; %s mends that", f->path,
                       version, kind->mended_by);
    }
    return migrate(f, kind, version, e);
}

/* Where it fails, closing the handle ends the transaction. */
static int bring_forward(const struct sqlite_file *f, const struct sqlite_kind *kind, struct err *e)
{
    int rc = sqlite_file_run(f,
                             "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
                             "PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; "
                             "BEGIN IMMEDIATE",
                             e);
    rc = rc == 0 ? check_schema(f, kind, true, e) : rc;
    return rc == 0 ? sqlite_file_run(f, "COMMIT", e) : rc;
}

int sqlite_file_set_up(struct sqlite_file *f, const struct sqlite_kind *kind, bool writable,
                       int wait_ms, struct err *e)
{
    (void)sqlite3_busy_timeout(f->handle, wait_ms);
    (void)sqlite3_extended_result_codes(f->handle, 1);
    (void)sqlite3_db_config(f->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(f->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (!writable) {
        return check_schema(f, kind, false, e);
    }
    int rc = bring_forward(f, kind, e);
    /* Last, for what stands above would have SQLite prepare it again when it is needed. */
    if (rc == 0 && sqlite3_prepare_v3(f->handle, "ROLLBACK", -1, SQLITE_PREPARE_PERSISTENT,
                                      &f->rollback, NULL) != SQLITE_OK) {
        rc = sqlite_file_failed(f, e);
    }
    return rc;
}

void sqlite_file_close(struct sqlite_file *f)
{
    (void)sqlite3_finalize(f->rollback);
    (void)sqlite3_close(f->handle);
    f->rollback = NULL;
    f->handle = NULL;
}

int sqlite_file_make(const char *path, const struct sqlite_kind *kind, struct err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kind->mode);
    if (fd < 0) {
        return errno == EEXIST ? 0 : err_set_errno(e, ERR_IO, errno, "%s", path);
    }
    int rc = fchmod(fd, kind->mode) == 0 ? 0 : err_set_errno(e, ERR_IO, errno, "%s", path);
    (void)close(fd);
    return rc;
}
