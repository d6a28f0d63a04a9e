/* Owns: the handle, the schema and the prepared statements. Leaves what they mean to audit and
 * life. */
#include "ca/db.h"

#include <ca_schema.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "auth/store/sqlite_file.h"
#include "base/mem.h"

#define WAIT_MS        10000
#define STATEMENTS_MAX 256

static const struct sqlite_kind kind = {
    .what = "a CA's database",
    .mended_by = "any change",
    .application_id = 0x63736361, /* as in schema/001_life.sql */
    .schema = ca_schema,
    .version = sizeof(ca_schema) / sizeof(ca_schema[0]),
    .mode = 0600,
};

struct kept {
    const char *sql;
    sqlite3_stmt *statement;
};

struct db {
    struct sqlite_file file;
    struct kept kept[STATEMENTS_MAX];
    size_t kept_n;
    char path[];
};

struct db_row {
    sqlite3_stmt *statement;
};

static int failed(const struct db *d, struct err *e)
{
    return sqlite_file_failed(&d->file, e);
}

static struct db *new_db(const char *path)
{
    size_t n = strlen(path) + 1;
    struct db *d = mem_calloc(1, sizeof(*d) + n);
    if (d != NULL) {
        memcpy(d->path, path, n);
        d->file.path = d->path;
    }
    return d;
}

int db_open(const char *path, bool create, struct db **out, struct err *e)
{
    int rc = create ? sqlite_file_make(path, &kind, e) : 0;
    *out = NULL;
    if (rc != 0) {
        return rc;
    }
    struct db *d = new_db(path);
    if (d == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    if (sqlite3_open_v2(path, &d->file.handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_EXRESCODE,
                        NULL) != SQLITE_OK) {
        rc = failed(d, e);
    }
    rc = rc == 0 ? sqlite_file_set_up(&d->file, &kind, true, WAIT_MS, e) : rc;
    if (rc != 0) {
        db_close(d);
        return rc;
    }
    *out = d;
    return 0;
}

void db_close(struct db *d)
{
    if (d == NULL) {
        return;
    }
    for (size_t i = 0; i < d->kept_n; i++) {
        (void)sqlite3_finalize(d->kept[i].statement);
    }
    sqlite_file_close(&d->file);
    mem_free(d);
}

int db_begin(struct db *d, struct err *e)
{
    return sqlite_file_begin(&d->file, e);
}

int db_end(struct db *d, int rc, struct err *e)
{
    return sqlite_file_end(&d->file, rc, e);
}

static sqlite3_stmt *prepare(struct db *d, const char *sql)
{
    for (size_t i = 0; i < d->kept_n; i++) {
        if (d->kept[i].sql == sql) {
            return d->kept[i].statement;
        }
    }
    sqlite3_stmt *s = NULL;
    if (d->kept_n == STATEMENTS_MAX ||
        sqlite3_prepare_v3(d->file.handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL) !=
            SQLITE_OK) {
        return NULL;
    }
    d->kept[d->kept_n++] = (struct kept){sql, s};
    return s;
}

static int bind(sqlite3_stmt *s, int at, const struct db_value *v)
{
    const char *p = v->octets.n > 0 ? v->octets.p : "";
    switch (v->type) {
    case DB_TYPE_NUMBER:
        return sqlite3_bind_int64(s, at, v->number);
    case DB_TYPE_TEXT:
        return sqlite3_bind_text64(s, at, p, v->octets.n, SQLITE_STATIC, SQLITE_UTF8);
    case DB_TYPE_BLOB:
        return sqlite3_bind_blob64(s, at, p, v->octets.n, SQLITE_STATIC);
    case DB_TYPE_NULL:
        break;
    }
    return sqlite3_bind_null(s, at);
}

int db_query(struct db *d, const char *sql, struct db_values values, db_row_fn row, void *arg,
             struct err *e)
{
    sqlite3_stmt *s = prepare(d, sql);
    if (s == NULL) {
        return failed(d, e);
    }
    int rc = 0;
    for (size_t i = 0; i < values.n && rc == 0; i++) {
        rc = bind(s, (int)i + 1, &values.v[i]) == SQLITE_OK ? 0 : failed(d, e);
    }
    int step = SQLITE_ROW;
    while (rc == 0 && (step = sqlite3_step(s)) == SQLITE_ROW) {
        struct db_row r = {s};
        rc = row != NULL ? row(arg, &r) : 0;
    }
    if (rc == 0 && step != SQLITE_DONE) {
        rc = failed(d, e);
    }
    (void)sqlite3_reset(s);
    (void)sqlite3_clear_bindings(s);
    return rc;
}

int64_t db_number(const struct db_row *r, int column)
{
    return sqlite3_column_int64(r->statement, column);
}

struct str db_octets(const struct db_row *r, int column)
{
    const char *p = sqlite3_column_blob(r->statement, column);
    return (struct str){p != NULL ? p : "", (size_t)sqlite3_column_bytes(r->statement, column)};
}

int64_t db_scanned(const struct db *d)
{
    int64_t n = 0;
    for (size_t i = 0; i < d->kept_n; i++) {
        n += sqlite3_stmt_status(d->kept[i].statement, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0);
        n += sqlite3_stmt_status(d->kept[i].statement, SQLITE_STMTSTATUS_SORT, 0);
        n += sqlite3_stmt_status(d->kept[i].statement, SQLITE_STMTSTATUS_AUTOINDEX, 0);
    }
    return n;
}

int64_t db_changes(const struct db *d)
{
    return sqlite3_changes64(d->file.handle);
}

int64_t db_steps(const struct db *d)
{
    int64_t n = 0;
    for (size_t i = 0; i < d->kept_n; i++) {
        n += sqlite3_stmt_status(d->kept[i].statement, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0);
        n += sqlite3_stmt_status(d->kept[i].statement, SQLITE_STMTSTATUS_SORT, 0);
    }
    return n;
}

int64_t db_instructions(const struct db *d)
{
    int64_t n = 0;
    for (size_t i = 0; i < d->kept_n; i++) {
        n += sqlite3_stmt_status(d->kept[i].statement, SQLITE_STMTSTATUS_VM_STEP, 0);
    }
    return n;
}

static int copy_to(struct db *d, const char *path, struct err *e)
{
    sqlite3 *to = NULL;
    int rc = 0;
    if (sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        rc = err_set(e, ERR_IO, "%s: %s", path, sqlite3_errmsg(to));
    } else {
        sqlite3_backup *backup = sqlite3_backup_init(to, "main", d->file.handle, "main");
        int step = backup != NULL ? sqlite3_backup_step(backup, -1) : sqlite3_errcode(to);
        (void)sqlite3_backup_finish(backup);
        if (step != SQLITE_DONE) {
            rc = err_set(e, sqlite_file_code(step), "%s: %s", path, sqlite3_errstr(step));
        }
    }
    (void)sqlite3_close(to);
    return rc;
}

int db_backup(struct db *d, const char *path, struct err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return err_set_errno(e, errno == EEXIST ? ERR_EXISTS : ERR_IO, errno, "%s", path);
    }
    int rc = copy_to(d, path, e);
    if (rc == 0 && fsync(fd) != 0) {
        rc = err_set_errno(e, ERR_IO, errno, "%s", path);
    }
    (void)close(fd);
    if (rc != 0) {
        (void)unlink(path);
    }
    return rc;
}

static int sound_row(void *arg, const struct db_row *r)
{
    struct str said = db_octets(r, 0);
    return str_eq(said, STR("ok"))
               ? 0
               : err_set(arg, ERR_MALFORMED, "the database is damaged: %.*s", STR_ARG(said));
}

static int dangling_row(void *arg, const struct db_row *r)
{
    return err_set(arg, ERR_MALFORMED,
                   "the database is damaged: table %.*s, row %lld refers to nothing",
                   STR_ARG(db_octets(r, 0)), (long long)db_number(r, 1));
}

int db_check(struct db *d, struct err *e)
{
    struct db_values none = {NULL, 0};
    int rc = db_query(d, "PRAGMA integrity_check(1)", none, sound_row, e, e);
    return rc == 0 ? db_query(d, "PRAGMA foreign_key_check", none, dangling_row, e, e) : rc;
}
