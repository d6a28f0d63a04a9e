/* The CA's database: one SQLite file, its schema and migrations, transactions and statements.
 * Everything that the CA knows stands here; what is not committed did not happen. One thread at a
 * time. */
#ifndef CA_DB_H
#define CA_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct db;

/* Open (create: make it if it is missing, mode 0600) and bring the schema to ours, forward only;
 * one made by a newer countersign is refused (-ERR_UNSUPPORTED), as is another program's. What is
 * committed is on the disk. Returns 0 with *out (db_close), or a negative err_code with e. */
int db_open(const char *path, bool create, struct db **out, struct err *e)
    __attribute__((warn_unused_result));

/* NULL is fine. */
void db_close(struct db *d);

/* A transaction that holds the write lock from its beginning; they do not nest. Returns 0,
 * -ERR_BUSY (another process has written for ten seconds) or -ERR_IO, with e. */
int db_begin(struct db *d, struct err *e) __attribute__((warn_unused_result));

/* End it: commit if rc is 0, otherwise roll back. Returns rc, or -ERR_FULL (disk) or -ERR_IO with e
 * if the commit failed: then nothing of it has happened. */
int db_end(struct db *d, int rc, struct err *e) __attribute__((warn_unused_result));

/* One value of a statement. Texts and blobs are borrowed for the call. */
enum db_type { DB_TYPE_NULL = 0, DB_TYPE_NUMBER, DB_TYPE_TEXT, DB_TYPE_BLOB };
struct db_value {
    enum db_type type;
    int64_t number;
    struct str octets;
};

#define DB_NUMBER(v) ((struct db_value){.type = DB_TYPE_NUMBER, .number = (int64_t)(v)})
#define DB_TEXT(s)   ((struct db_value){.type = DB_TYPE_TEXT, .octets = (s)})
#define DB_BLOB(s)   ((struct db_value){.type = DB_TYPE_BLOB, .octets = (s)})
#define DB_NULL      ((struct db_value){.type = DB_TYPE_NULL})

/* A row of an answer; good during the call that shows it. */
struct db_row;
int64_t db_number(const struct db_row *r, int column);
struct str db_octets(const struct db_row *r, int column); /* empty for NULL */

/* One row; a result other than 0 ends the walk and is what db_query() returns. */
typedef int (*db_row_fn)(void *arg, const struct db_row *r);

/* The values of ?1, ?2, ... in place: DB_VALUES(DB_NUMBER(1), DB_TEXT(name)). */
struct db_values {
    const struct db_value *v;
    size_t n;
};
#define DB_VALUES(...)                                                                             \
    ((struct db_values){(const struct db_value[]){__VA_ARGS__},                                    \
                        sizeof((const struct db_value[]){__VA_ARGS__}) / sizeof(struct db_value)})

/* Run one statement. sql: a literal, prepared once and kept under its address. row NULL: rows are
 * not looked at. Returns 0, what row returned, -ERR_EXISTS (a UNIQUE or PRIMARY KEY stands against
 * it), -ERR_BUSY, -ERR_FULL, -ERR_NOMEM or -ERR_IO, with e. */
int db_query(struct db *d, const char *sql, struct db_values values, db_row_fn row, void *arg,
             struct err *e) __attribute__((warn_unused_result));

/* Rows that queries have walked so far without an index to lead them, and by sorting: none in those
 * that many rows must not slow down. */
int64_t db_scanned(const struct db *d);

/* Rows that the last statement changed. */
int64_t db_changes(const struct db *d);

/* For tests: rows that statements went through without an index, and rows that they sorted, since d
 * was opened. */
int64_t db_steps(const struct db *d);

/* For tests: what all statements have done since, in instructions of the database's machine. */
int64_t db_instructions(const struct db *d);

/* A sound copy of the whole database at path (which must not exist; mode 0600), made while it is in
 * use. Returns 0 or a negative err_code with e; nothing is left at path then. */
int db_backup(struct db *d, const char *path, struct err *e) __attribute__((warn_unused_result));

/* Look through the whole file: 0 if it is sound, -ERR_MALFORMED with e. */
int db_check(struct db *d, struct err *e) __attribute__((warn_unused_result));

#endif
