/* Owns: the users of an htpasswd file by normalised name. Leaves the files to store/htpasswd and
 * store/fields. Loop thread. */
#include "auth/users_table.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "auth/pairing.h"
#include "auth/store/fields.h"
#include "auth/store/htpasswd.h"
#include "base/mem.h"

struct row {
    struct str normal; /* normalised name; borrows users.names */
    struct user *user; /* a reference */
    unsigned line;
};

struct users_table {
    struct conf_identity rule;
    char *names;      /* owned: the normalised names, one after another */
    struct row *rows; /* owned; by normal */
    size_t n;
};

static int by_normal(const void *a, const void *b)
{
    const struct row *x = a;
    const struct row *y = b;
    int order = str_cmp(x->normal, y->normal);
    return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

static int normal_to_row(const void *key, const void *element)
{
    const struct str *normal = key;
    const struct row *r = element;
    return str_cmp(*normal, r->normal);
}

static struct row *find_row(const struct users_table *u, struct str name)
{
    char normal[PAIRING_NAME_MAX];
    size_t n = 0;
    if (u->n == 0 || !pairing_normalise(name, &u->rule, normal, &n)) {
        return NULL;
    }
    struct str key = {normal, n};
    return bsearch(&key, u->rows, u->n, sizeof(*u->rows), normal_to_row);
}

/* Fill u->rows from the file's entries. Returns 0 or a negative err_code. */
static int fill_rows(struct users_table *u, const struct htpasswd *file,
                     const struct conf_users *conf, struct diags *diags)
{
    size_t n = 0;
    const struct htpasswd_entry *entries = htpasswd_entries(file, &n);
    size_t octets = 0;
    for (size_t i = 0; i < n; i++) {
        octets += entries[i].name.n;
    }
    /* What pairing_normalise() may write is the longest name, whatever is left of the text. */
    u->names = mem_alloc(octets + PAIRING_NAME_MAX);
    u->rows = mem_calloc(n, sizeof(*u->rows));
    if (u->names == NULL || u->rows == NULL) {
        diag_add(diags, DIAG_ERROR, conf->htpasswd.at, "users.htpasswd", NULL, "out of memory");
        return -ERR_NOMEM;
    }
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        size_t length = 0;
        if (!pairing_normalise(entries[i].name, &u->rule, u->names + at, &length)) {
            diag_add(diags, DIAG_ERROR, conf->htpasswd.at, "users.htpasswd", NULL,
                     "line %u holds a name that no user can have", entries[i].line);
            return -ERR_MALFORMED;
        }
        const struct user found = {.name = entries[i].name, .hash = entries[i].hash};
        struct row *row = &u->rows[u->n];
        *row = (struct row){{u->names + at, length}, user_new(&found), entries[i].line};
        if (row->user == NULL) {
            diag_add(diags, DIAG_ERROR, conf->htpasswd.at, "users.htpasswd", NULL, "out of memory");
            return -ERR_NOMEM;
        }
        u->n++;
        at += length;
    }
    return 0;
}

static int sort_rows(struct users_table *u, const struct conf_users *conf, struct diags *diags)
{
    int rc = 0;
    if (u->n > 1) {
        qsort(u->rows, u->n, sizeof(*u->rows), by_normal);
    }
    for (size_t i = 1; i < u->n; i++) {
        if (str_eq(u->rows[i - 1].normal, u->rows[i].normal)) {
            diag_add(diags, DIAG_ERROR, conf->htpasswd.at, "users.htpasswd",
                     "Keep one of the lines.",
                     "lines %u and %u name the same user once letter case is folded",
                     u->rows[i - 1].line, u->rows[i].line);
            rc = -ERR_MALFORMED;
        }
    }
    return rc;
}

/* Whoever reads a secret of one-time codes can make them. */
static void check_mode(const struct conf_users *conf, const struct fields_file *fields, mode_t mode,
                       struct diags *diags)
{
    size_t n = 0;
    bool secret = false;
    const struct fields_entry *entries = fields_file_entries(fields, &n);
    for (size_t i = 0; i < n; i++) {
        secret |= entries[i].user->totp_secret.n > 0;
    }
    if (secret && (mode & S_IRWXO) != 0) {
        diag_add(diags, DIAG_WARNING, conf->fields.at, "users.fields",
                 "Use chmod 600, or 640 with a group of its own.",
                 "%s holds secrets of one-time codes and is open to other users of this machine "
                 "(mode %04o)",
                 conf->fields.p, (unsigned)mode);
    }
}

/* A line of the file of fields belongs to whose name it holds, not to whom it normalises to: both
 * files are kept by hand or by "countersign user" side by side. */
static int apply_fields(struct users_table *u, const struct conf_users *conf,
                        struct fields_file *fields, struct diags *diags)
{
    size_t n = 0;
    const struct fields_entry *entries = fields_file_entries(fields, &n);
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct row *row = find_row(u, entries[i].user->name);
        if (row == NULL || !str_eq(row->user->name, entries[i].user->name)) {
            diag_add(diags, DIAG_WARNING, fields_file_place(fields, &entries[i]), "users.fields",
                     NULL, "there is no user of this name, so the line has no effect");
            continue;
        }
        struct user whole = *entries[i].user;
        whole.hash = row->user->hash;
        struct user *user = user_new(&whole);
        if (user == NULL) {
            diag_add(diags, DIAG_ERROR, conf->fields.at, "users.fields", NULL, "out of memory");
            rc = -ERR_NOMEM;
            continue;
        }
        user_unref(row->user);
        row->user = user;
    }
    return rc;
}

static int load_fields(struct users_table *u, const struct conf_users *conf, struct files *files,
                       struct diags *diags)
{
    struct err e = {0};
    struct str text = STR_NONE;
    if (files_read(files, conf->fields.p, &text, &e) != 0) {
        diag_add(diags, DIAG_ERROR, conf->fields.at, "users.fields", NULL, "%s", e.text);
        return -ERR_IO;
    }
    struct fields_file *fields = NULL;
    int rc = fields_file_read(conf->fields.p, text, diags, &fields);
    if (rc != 0) {
        return rc;
    }
    check_mode(conf, fields, files_mode(files, conf->fields.p), diags);
    rc = apply_fields(u, conf, fields, diags);
    fields_file_free(fields);
    return rc;
}

static int load_file(struct users_table *u, const struct conf_users *conf, struct files *files,
                     struct diags *diags)
{
    struct err e = {0};
    struct str text = STR_NONE;
    int failed = files_read(files, conf->htpasswd.p, &text, &e);
    if (failed != 0) {
        diag_add(diags, DIAG_ERROR, conf->htpasswd.at, "users.htpasswd",
                 failed == -ERR_NOT_FOUND ? "\"countersign user add -f FILE NAME\" makes the file."
                                          : files_help(failed),
                 "%s", e.text);
        return -ERR_IO;
    }
    struct htpasswd *file = NULL;
    int rc = htpasswd_read(conf->htpasswd.p, text, diags, &file);
    if (rc != 0) {
        return rc;
    }
    rc = fill_rows(u, file, conf, diags);
    htpasswd_free(file);
    rc = rc == 0 ? sort_rows(u, conf, diags) : rc;
    return rc == 0 && conf->fields.p != NULL ? load_fields(u, conf, files, diags) : rc;
}

struct users_table *users_table_load(const struct conf_users *conf,
                                     const struct conf_identity *identity, struct files *files,
                                     struct diags *diags)
{
    struct users_table *u = mem_calloc(1, sizeof(*u));
    if (u == NULL) {
        diag_add(diags, DIAG_ERROR, conf->htpasswd.at, "users", NULL, "out of memory");
        return NULL;
    }
    u->rule = *identity;
    if (load_file(u, conf, files, diags) != 0) {
        users_table_free(u);
        return NULL;
    }
    return u;
}

void users_table_free(struct users_table *u)
{
    if (u == NULL) {
        return;
    }
    for (size_t i = 0; i < u->n; i++) {
        user_unref(u->rows[i].user);
    }
    mem_free(u->names);
    mem_free(u->rows);
    mem_free(u);
}

struct user *users_table_find(const struct users_table *u, struct str name)
{
    const struct row *row = find_row(u, name);
    return row != NULL ? row->user : NULL;
}

struct user *users_table_at(const struct users_table *u, size_t i)
{
    return i < u->n ? u->rows[i].user : NULL;
}
