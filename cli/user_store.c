/* countersign user: which store, and what goes into it from other files. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/store/htpasswd.h"
#include "auth/store/sqlite.h"
#include "base/mem.h"
#include "cli/user_request.h"

enum { SKIPPED_SHOWN = 20 };

static bool is_verb(const struct user_request *r, const char *verb)
{
    return strcmp(r->verb, verb) == 0;
}

static int open_database(struct user_request *r, const char *path)
{
    struct err e = {0};
    bool looks = is_verb(r, "ls") || is_verb(r, "show") || is_verb(r, "verify");
    bool makes = is_verb(r, "add") || is_verb(r, "import");
    r->is_database = true;
    r->store = sqlite_open(path,
                           looks   ? SQLITE_MODE_READ
                           : makes ? SQLITE_MODE_CREATE
                                   : SQLITE_MODE_CHANGE,
                           &e);
    return r->store != NULL ? 0 : user_complain(&e);
}

static int open_files(struct user_request *r, const char *htpasswd, const char *fields)
{
    struct err e = {0};
    r->store = store_of_files(htpasswd, fields, r->diags, &e);
    return r->store != NULL ? 0 : user_complain(&e);
}

/* A file that was named itself has its fields beside it, once there are any. */
static int open_named_file(struct user_request *r)
{
    char beside[PATH_MAX];
    struct str stem = str_of(r->file);
    if (r->fields != NULL) {
        return open_files(r, r->file, r->fields);
    }
    if (str_ends(stem, STR(".htpasswd"))) {
        stem = str_slice(stem, 0, stem.n - strlen(".htpasswd"));
    }
    int n = snprintf(beside, sizeof beside, "%.*s.fields", STR_ARG(stem));
    if (n < 0 || (size_t)n >= sizeof beside) {
        (void)fprintf(stderr, "countersign user: %s: the path is too long\n", r->file);
        return 1;
    }
    return open_files(r, r->file,
                      user_changes_fields(r) || access(beside, F_OK) == 0 ? beside : NULL);
}

static int open_of_config(struct user_request *r)
{
    int status = loaded_open(&r->loaded, r->config);
    if (status != 0) {
        return status;
    }
    const struct conf_users *users = &r->loaded.conf->users;
    if (users->store.p != NULL) {
        return open_database(r, users->store.p);
    }
    if (users->htpasswd.p != NULL) {
        return open_files(r, users->htpasswd.p, users->fields.p);
    }
    (void)fprintf(stderr, "countersign user: %s names neither users.htpasswd nor users.store\n",
                  r->config);
    return 1;
}

int user_open_store(struct user_request *r)
{
    r->diags = diags_new();
    if (r->diags == NULL) {
        return user_complain(&(struct err){ERR_NOMEM, "out of memory"});
    }
    if (r->database != NULL) {
        return open_database(r, r->database);
    }
    return r->file != NULL ? open_named_file(r) : open_of_config(r);
}

void user_close_store(struct user_request *r)
{
    store_close(r->store);
    if (r->diags != NULL) {
        diags_print(r->diags, stderr);
    }
    diags_free(r->diags);
    loaded_close(&r->loaded);
}

static int set_hash(void *arg, struct user_draft *d, struct err *e)
{
    const struct htpasswd_entry *entry = arg;
    (void)e;
    d->user.hash = entry->hash;
    return 0;
}

/* Put every entry in; *skipped: how many were there. */
static int import_all(const struct user_request *r, const struct htpasswd *table, size_t *added,
                      size_t *skipped, struct err *e)
{
    size_t n = 0;
    int rc = 0;
    const struct htpasswd_entry *entries = htpasswd_entries(table, &n);
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct err why = {0};
        struct htpasswd_entry entry = entries[i];
        rc = store_change(r->store, STORE_ADD, entry.name, set_hash, &entry, &why);
        if (rc == -ERR_EXISTS) {
            if ((*skipped)++ < SKIPPED_SHOWN) {
                (void)fprintf(stderr, "countersign user: %s\n", why.text);
            }
            rc = 0;
        } else if (rc == 0) {
            (*added)++;
        } else {
            rc = err_set(e, why.code, "line %u: %s", entry.line, why.text);
        }
    }
    return rc;
}

static int by_folded_name(const void *a, const void *b)
{
    const struct htpasswd_entry *x = *(const struct htpasswd_entry *const *)a;
    const struct htpasswd_entry *y = *(const struct htpasswd_entry *const *)b;
    size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
    for (size_t i = 0; i < n; i++) {
        int order = (unsigned char)str_lower(x->name.p[i]) - (unsigned char)str_lower(y->name.p[i]);
        if (order != 0) {
            return order;
        }
    }
    return (x->name.n > y->name.n) - (x->name.n < y->name.n);
}

/* A database knows but one spelling of a name. */
static int check_spellings(const struct htpasswd *table, const char *path, struct err *e)
{
    size_t n = 0;
    const struct htpasswd_entry *entries = htpasswd_entries(table, &n);
    const struct htpasswd_entry **sorted = mem_calloc(n + 1, sizeof(*sorted));
    if (sorted == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < n; i++) {
        sorted[i] = &entries[i];
    }
    qsort(sorted, n, sizeof(*sorted), by_folded_name);
    int rc = 0;
    for (size_t i = 1; i < n && rc == 0; i++) {
        if (by_folded_name(&sorted[i - 1], &sorted[i]) == 0) {
            rc = err_set(e, ERR_EXISTS,
                         "%s: lines %u and %u differ in letter case only, and a database knows but "
                         "one spelling: nothing was imported",
                         path, sorted[i - 1]->line, sorted[i]->line);
        }
    }
    mem_free(sorted);
    return rc;
}

int user_import(const struct user_request *r)
{
    struct err e = {0};
    struct str text = STR_NONE;
    size_t added = 0;
    size_t skipped = 0;
    if (!r->is_database) {
        (void)fputs(
            "countersign user: import fills a database: name one with -s, or as users.store\n",
            stderr);
        return 1;
    }
    struct files *files = files_new();
    int rc = files != NULL ? files_read(files, r->name, &text, &e)
                           : err_set(&e, ERR_NOMEM, "out of memory");
    struct htpasswd *table = NULL;
    rc = rc == 0 ? htpasswd_read(r->name, text, r->diags, &table) : rc;
    if (rc != 0) {
        (void)err_set(&e, (enum err_code) - rc,
                      rc == -ERR_NOMEM ? "out of memory for %s"
                                       : "%s has faults: nothing was imported",
                      r->name);
    }
    rc = rc == 0 ? check_spellings(table, r->name, &e) : rc;
    rc = rc == 0 ? sqlite_begin(r->store, &e) : rc;
    if (rc == 0) {
        rc = import_all(r, table, &added, &skipped, &e);
        int ended = sqlite_end(r->store, rc == 0, &e);
        rc = rc == 0 ? ended : rc;
    }
    htpasswd_free(table);
    files_free(files);
    if (rc != 0) {
        return user_complain(&e);
    }
    printf("%zu imported, %zu left as they were\n", added, skipped);
    return 0;
}
