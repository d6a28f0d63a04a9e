/* Owns: the database of users, its schema, and its statements. Leaves what names are alike to
 * auth/users. The thread that opened it, or whoever takes its place.
 *
 * The database is in WAL mode: readers (the workers) never wait for a writer (the command line) nor
 * he for them. The files NAME-wal and NAME-shm stay when nobody has it open, so that a reader
 * without the right to make them finds them. */
#include "auth/store/sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <user_schema.h>

#include <sqlite3.h>

#include "auth/store/htpasswd_line.h"
#include "auth/store/pwhash.h"
#include "auth/store/sqlite_file.h"
#include "base/mem.h"

#define READ_WAIT_MS  1000
#define WRITE_WAIT_MS 10000
#define GROUPS_TEXT   (USER_GROUPS_MAX * (USER_GROUP_MAX + 1))

#define COLUMNS                                                                                    \
    "name, hash, certificate, disabled, expires_ms, totp_required, totp_secret, groups, pins, "    \
    "company"

static const struct sqlite_kind kind = {
    .what = "a database of users",
    .mended_by = "any change by \"countersign user\"",
    .application_id = 0x63736775, /* as in schema/001_users.sql */
    .schema = user_schema,
    .version = sizeof(user_schema) / sizeof(user_schema[0]),
    .mode = 0640,
};

enum statement { FIND = 0, EACH, INSERT, UPDATE, DELETE, VERSION, OPTIONAL, SAMPLE, STATEMENTS };

static const char *const texts[STATEMENTS] = {
    [FIND] = "SELECT " COLUMNS " FROM user WHERE folded = ?1",
    [EACH] = "SELECT " COLUMNS " FROM user WHERE folded > ?1 ORDER BY folded LIMIT ?2",
    [INSERT] = "INSERT INTO user (" COLUMNS ", folded) "
               "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [UPDATE] = "UPDATE user SET name = ?1, hash = ?2, certificate = ?3, disabled = ?4, "
               "expires_ms = ?5, totp_required = ?6, totp_secret = ?7, groups = ?8, pins = ?9, "
               "company = ?10 WHERE folded = ?11",
    [DELETE] = "DELETE FROM user WHERE folded = ?1",
    [VERSION] = "PRAGMA data_version",
    [OPTIONAL] = "SELECT EXISTS (SELECT 1 FROM user WHERE certificate = 2)",
    [SAMPLE] = "SELECT hash FROM user ORDER BY id LIMIT ?1",
};

struct database {
    struct store store;
    struct sqlite_file file;
    sqlite3_stmt *statements[STATEMENTS]; /* made when needed first */
    struct stat found;                    /* as what it was opened */
    bool writable;
    bool in_transaction;
    char path[];
};

static struct database *database_of(struct store *s)
{
    return (struct database *)(void *)s;
}

static int failed(const struct database *d, struct err *e)
{
    return sqlite_file_failed(&d->file, e);
}

static sqlite3_stmt *prepare(struct database *d, enum statement which, struct err *e)
{
    sqlite3_stmt **s = &d->statements[which];
    if (*s == NULL && sqlite3_prepare_v3(d->file.handle, texts[which], -1,
                                         SQLITE_PREPARE_PERSISTENT, s, NULL) != SQLITE_OK) {
        (void)failed(d, e);
        return NULL;
    }
    return *s;
}

/* Give back a statement that is not needed for now, if there is one; what was bound may be secret,
 * and one that failed takes no values before. */
static void release(sqlite3_stmt *s)
{
    if (s == NULL) {
        return;
    }
    (void)sqlite3_reset(s);
    (void)sqlite3_clear_bindings(s);
}

static int set_up(struct database *d, struct err *e)
{
    int keep = 1;
    (void)sqlite3_file_control(d->file.handle, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
    return sqlite_file_set_up(&d->file, &kind, d->writable,
                              d->writable ? WRITE_WAIT_MS : READ_WAIT_MS, e);
}

static void database_close(struct store *s)
{
    struct database *d = database_of(s);
    for (size_t i = 0; i < STATEMENTS; i++) {
        (void)sqlite3_finalize(d->statements[i]);
    }
    if (d->writable && d->file.handle != NULL) {
        /* A long WAL slows readers down; if one of them is in the way, the next change does it. */
        (void)sqlite3_busy_timeout(d->file.handle, READ_WAIT_MS);
        (void)sqlite3_wal_checkpoint_v2(d->file.handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
                                        NULL);
    }
    sqlite_file_close(&d->file);
    mem_free(d);
}

static struct str column(sqlite3_stmt *s, int i)
{
    const char *p = sqlite3_column_blob(s, i);
    return (struct str){p != NULL ? p : "", (size_t)sqlite3_column_bytes(s, i)};
}

/* Make a draft of the row that s stands on; borrows from s. Returns what is wrong, or NULL. */
static const char *read_row(sqlite3_stmt *s, struct user_draft *d)
{
    struct str pins = column(s, 8);
    int certificate = sqlite3_column_int(s, 2);
    user_draft_begin(d, NULL);
    d->user.name = column(s, 0);
    d->user.hash = column(s, 1);
    d->user.certificate =
        certificate >= 0 && certificate <= 2 ? (enum user_certificate)certificate : 0;
    d->user.disabled = sqlite3_column_int(s, 3) != 0;
    d->user.expires_ms = sqlite3_column_int64(s, 4);
    d->user.totp_required = sqlite3_column_int(s, 5) != 0;
    d->user.totp_secret = column(s, 6);
    if (pins.n % sizeof(struct user_pin) != 0 || pins.n > sizeof(d->pins)) {
        return "its pins are damaged";
    }
    memcpy(d->pins, pins.p, pins.n);
    d->user.pin_count = pins.n / sizeof(struct user_pin);
    const char *fault = user_draft_set(d, STR("company"), column(s, 9));
    return fault != NULL ? fault : user_draft_set(d, STR("groups"), column(s, 7));
}

static int take_row(struct database *d, sqlite3_stmt *s, struct user_draft *draft, struct err *e)
{
    const char *fault = read_row(s, draft);
    return fault == NULL ? 0
                         : err_set(e, ERR_MALFORMED, "%s: the record of \"%.*s\" is damaged: %s",
                                   d->path, STR_ARG(draft->user.name), fault);
}

static int bind_folded(sqlite3_stmt *s, int at, struct str name)
{
    char folded[USER_NAME_MAX];
    size_t n = 0;
    while (n < name.n && n < sizeof(folded)) {
        folded[n] = str_lower(name.p[n]);
        n++;
    }
    return sqlite3_bind_text(s, at, folded, (int)n, SQLITE_TRANSIENT);
}

static int database_find(struct store *s, struct str name, struct user **out, struct err *e)
{
    struct database *d = database_of(s);
    struct user_draft draft;
    *out = NULL;
    if (htpasswd_name_fault(name) != NULL) {
        return err_set(e, ERR_NOT_FOUND, "%s: there is no such user", d->path);
    }
    sqlite3_stmt *q = prepare(d, FIND, e);
    if (q == NULL || bind_folded(q, 1, name) != SQLITE_OK) {
        return failed(d, e);
    }
    int rc = 0;
    int step = sqlite3_step(q);
    if (step == SQLITE_ROW) {
        rc = take_row(d, q, &draft, e);
        *out = rc == 0 ? user_new(&draft.user) : NULL;
        rc = rc == 0 && *out == NULL ? err_set(e, ERR_NOMEM, "out of memory") : rc;
        mem_wipe(&draft, sizeof(draft));
    } else if (step == SQLITE_DONE) {
        rc = err_set(e, ERR_NOT_FOUND, "%s: there is no user \"%.*s\"", d->path, STR_ARG(name));
    } else {
        rc = failed(d, e);
    }
    release(q);
    return rc;
}

static int database_each(struct store *s, const struct store_page *page, store_each_fn each,
                         void *arg, struct err *e)
{
    struct database *d = database_of(s);
    struct user_draft draft;
    sqlite3_stmt *q = prepare(d, EACH, e);
    if (q == NULL || bind_folded(q, 1, page->after) != SQLITE_OK ||
        sqlite3_bind_int64(q, 2, page->limit > 0 ? (sqlite3_int64)page->limit : -1) != SQLITE_OK) {
        return failed(d, e);
    }
    int rc = 0;
    int step = SQLITE_ROW;
    bool more = true;
    while (rc == 0 && more && (step = sqlite3_step(q)) == SQLITE_ROW) {
        rc = take_row(d, q, &draft, e);
        more = rc == 0 && each(arg, &draft.user);
    }
    if (rc == 0 && more && step != SQLITE_DONE) {
        rc = failed(d, e);
    }
    mem_wipe(&draft, sizeof(draft));
    release(q);
    return rc;
}

static bool bind_blob(sqlite3_stmt *s, int at, struct str octets)
{
    return sqlite3_bind_blob(s, at, octets.n > 0 ? octets.p : "", (int)octets.n,
                             SQLITE_TRANSIENT) == SQLITE_OK;
}

static bool bind_text(sqlite3_stmt *s, int at, struct str text)
{
    return sqlite3_bind_text(s, at, text.n > 0 ? text.p : "", (int)text.n, SQLITE_TRANSIENT) ==
           SQLITE_OK;
}

static bool bind_user(sqlite3_stmt *s, const struct user *u)
{
    char groups[GROUPS_TEXT];
    size_t n = 0;
    for (size_t i = 0; i < u->group_count; i++) {
        if (i > 0) {
            groups[n++] = ',';
        }
        memcpy(groups + n, u->groups[i].p, u->groups[i].n);
        n += u->groups[i].n;
    }
    struct str pins = {(const char *)u->pins, u->pin_count * sizeof(struct user_pin)};
    return bind_text(s, 1, u->name) && bind_text(s, 2, u->hash) &&
           sqlite3_bind_int(s, 3, (int)u->certificate) == SQLITE_OK &&
           sqlite3_bind_int(s, 4, u->disabled) == SQLITE_OK &&
           sqlite3_bind_int64(s, 5, u->expires_ms) == SQLITE_OK &&
           sqlite3_bind_int(s, 6, u->totp_required) == SQLITE_OK &&
           bind_blob(s, 7, u->totp_secret) && bind_text(s, 8, (struct str){groups, n}) &&
           bind_blob(s, 9, pins) && bind_text(s, 10, u->company) &&
           bind_folded(s, 11, u->name) == SQLITE_OK;
}

static int check_user(const struct user *u, struct err *e)
{
    const char *fault = htpasswd_name_fault(u->name);
    if (fault != NULL) {
        return err_set(e, ERR_MALFORMED, "%s", fault);
    }
    return pwhash_kind(u->hash) != PWHASH_UNKNOWN
               ? 0
               : err_set(e, ERR_MALFORMED, "not a password hash that is accepted");
}

static int write_user(struct database *d, enum statement which, const struct user *u, struct err *e)
{
    sqlite3_stmt *q = NULL;
    int rc = check_user(u, e);
    if (rc != 0) {
        return rc;
    }
    q = prepare(d, which, e);
    if (q == NULL || !bind_user(q, u) || sqlite3_step(q) != SQLITE_DONE) {
        rc = sqlite3_extended_errcode(d->file.handle) == SQLITE_CONSTRAINT_UNIQUE
                 ? err_set(e, ERR_EXISTS,
                           "%s: there is already a user \"%.*s\", perhaps in other "
                           "letter case",
                           d->path, STR_ARG(u->name))
                 : failed(d, e);
    }
    release(q);
    return rc;
}

/* Works on damaged records too. */
static int delete_user(struct database *d, struct str name, struct err *e)
{
    sqlite3_stmt *q = prepare(d, DELETE, e);
    int rc = q != NULL && bind_folded(q, 1, name) == SQLITE_OK && sqlite3_step(q) == SQLITE_DONE
                 ? 0
                 : failed(d, e);
    release(q);
    return rc != 0 || sqlite3_changes(d->file.handle) > 0
               ? rc
               : err_set(e, ERR_NOT_FOUND, "%s: there is no user \"%.*s\"", d->path, STR_ARG(name));
}

static int set_user(struct database *d, struct str name, store_edit_fn edit, void *arg,
                    struct err *e)
{
    struct user_draft draft;
    struct user *known = NULL;
    int rc = database_find(&d->store, name, &known, e);
    if (rc == 0) {
        user_draft_begin(&draft, known);
        rc = edit != NULL ? edit(arg, &draft, e) : 0;
        rc = rc == 0 ? write_user(d, UPDATE, &draft.user, e) : rc;
        mem_wipe(&draft, sizeof(draft));
    }
    user_unref(known);
    return rc;
}

static int add_user(struct database *d, struct str name, store_edit_fn edit, void *arg,
                    struct err *e)
{
    struct user_draft draft;
    user_draft_begin(&draft, &(struct user){.name = name});
    int rc = edit != NULL ? edit(arg, &draft, e) : 0;
    rc = rc == 0 ? write_user(d, INSERT, &draft.user, e) : rc;
    mem_wipe(&draft, sizeof(draft));
    return rc;
}

static int change_now(struct database *d, enum store_change what, struct str name,
                      store_edit_fn edit, void *arg, struct err *e)
{
    switch (what) {
    case STORE_ADD:
        return add_user(d, name, edit, arg, e);
    case STORE_SET:
        return set_user(d, name, edit, arg, e);
    case STORE_DELETE:
    default:
        return delete_user(d, name, e);
    }
}

static int database_change(struct store *s, enum store_change what, struct str name,
                           store_edit_fn edit, void *arg, struct err *e)
{
    struct database *d = database_of(s);
    if (d->in_transaction) {
        /* The library ends it by itself where memory or disk run out: a change would stand alone.
         */
        return sqlite3_get_autocommit(d->file.handle) == 0
                   ? change_now(d, what, name, edit, arg, e)
                   : err_set(e, ERR_CLOSED, "%s: the transaction was taken back", d->path);
    }
    int rc = sqlite_begin(s, e);
    if (rc != 0) {
        return rc;
    }
    rc = change_now(d, what, name, edit, arg, e);
    int ended = sqlite_end(s, rc == 0, e);
    return rc == 0 ? ended : rc;
}

static const struct store_ops database_ops = {
    .find = database_find,
    .each = database_each,
    .change = database_change,
    .close = database_close,
};

struct store *sqlite_open(const char *path, enum sqlite_mode mode, struct err *e)
{
    struct stat now;
    if (mode == SQLITE_MODE_CREATE && sqlite_file_make(path, &kind, e) != 0) {
        return NULL;
    }
    if (stat(path, &now) != 0) {
        (void)err_set_errno(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "%s", path);
        return NULL;
    }
    struct database *d = mem_calloc(1, sizeof(*d) + strlen(path) + 1);
    if (d == NULL) {
        (void)err_set(e, ERR_NOMEM, "out of memory");
        return NULL;
    }
    memcpy(d->path, path, strlen(path) + 1);
    d->store.ops = &database_ops;
    d->file.path = d->path;
    d->found = now;
    d->writable = mode != SQLITE_MODE_READ;
    int flags = (d->writable ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;
    int rc = sqlite3_open_v2(path, &d->file.handle, flags, NULL) == SQLITE_OK ? 0 : failed(d, e);
    rc = rc == 0 ? set_up(d, e) : rc;
    if (rc != 0) {
        database_close(&d->store);
        return NULL;
    }
    return &d->store;
}

int sqlite_version(struct store *s, uint64_t *version, struct err *e)
{
    struct database *d = database_of(s);
    struct stat now;
    if (stat(d->path, &now) != 0) {
        return err_set_errno(e, ERR_CLOSED, errno, "%s", d->path);
    }
    if (now.st_dev != d->found.st_dev || now.st_ino != d->found.st_ino) {
        return err_set(e, ERR_CLOSED, "%s: another file has taken its place", d->path);
    }
    sqlite3_stmt *q = prepare(d, VERSION, e);
    int rc = q != NULL && sqlite3_step(q) == SQLITE_ROW ? 0 : failed(d, e);
    if (rc == 0) {
        *version = (uint64_t)sqlite3_column_int64(q, 0);
    }
    release(q);
    return rc;
}

int sqlite_any_optional(struct store *s, bool *any, struct err *e)
{
    struct database *d = database_of(s);
    sqlite3_stmt *q = prepare(d, OPTIONAL, e);
    int rc = q != NULL && sqlite3_step(q) == SQLITE_ROW ? 0 : failed(d, e);
    *any = rc != 0 || sqlite3_column_int(q, 0) != 0;
    release(q);
    return rc;
}

int sqlite_sample_hashes(struct store *s, size_t n, void (*each)(void *arg, struct str hash),
                         void *arg, struct err *e)
{
    struct database *d = database_of(s);
    sqlite3_stmt *q = prepare(d, SAMPLE, e);
    if (q == NULL || sqlite3_bind_int64(q, 1, (sqlite3_int64)n) != SQLITE_OK) {
        return failed(d, e);
    }
    int step = 0;
    while ((step = sqlite3_step(q)) == SQLITE_ROW) {
        each(arg, column(q, 0));
    }
    int rc = step == SQLITE_DONE ? 0 : failed(d, e);
    release(q);
    return rc;
}

int sqlite_begin(struct store *s, struct err *e)
{
    struct database *d = database_of(s);
    int rc = sqlite_file_begin(&d->file, e);
    d->in_transaction = rc == 0;
    return rc;
}

int sqlite_end(struct store *s, bool commit, struct err *e)
{
    struct database *d = database_of(s);
    d->in_transaction = false;
    int rc = sqlite_file_end(&d->file, commit ? 0 : -ERR_CLOSED, e);
    return commit ? rc : 0;
}

const char *sqlite_library(void)
{
    static char text[40];
    (void)snprintf(text, sizeof(text), "SQLite %s", sqlite3_libversion());
    return text;
}
