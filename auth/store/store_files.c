/* Owns: users in an htpasswd file and a file of fields, taken together. Leaves each file to
 * htpasswd and fields, replacing them to rewrite. Command line only.
 *
 * The lock of a change is that of the file of fields; htpasswd_change() takes that of its own file
 * for as long as it works on it. Changes look at one user's lines only, so that they can mend a
 * file that has faults. */
#include <string.h>

#include "auth/store/fields.h"
#include "auth/store/htpasswd.h"
#include "auth/store/htpasswd_line.h"
#include "auth/store/store.h"
#include "base/mem.h"
#include "base/rewrite.h"
#include "conf/files.h"

struct pair {
    struct store store;
    struct diags *diags;
    char *htpasswd; /* owned */
    char *fields;   /* owned; may be NULL */
};

/* Both files as they are now. */
struct tables {
    struct files *files;
    struct htpasswd *passwords;
    struct fields_file *fields; /* NULL if there is none */
};

static struct pair *pair_of(struct store *s)
{
    return (struct pair *)(void *)s;
}

static void tables_free(struct tables *t)
{
    htpasswd_free(t->passwords);
    fields_file_free(t->fields);
    files_free(t->files);
}

/* What has been told in the findings, for e. */
static int unreadable(int rc, const char *path, struct err *e)
{
    return rc == -ERR_NOMEM
               ? err_set(e, ERR_NOMEM, "out of memory for %s", path)
               : err_set(e, ERR_MALFORMED, "%s cannot be read until that is mended", path);
}

static int read_passwords(const struct pair *p, struct tables *t, struct err *e)
{
    struct str text = STR_NONE;
    int rc = files_read(t->files, p->htpasswd, &text, e);
    if (rc != 0) {
        return rc;
    }
    rc = htpasswd_read(p->htpasswd, text, p->diags, &t->passwords);
    return rc == 0 ? 0 : unreadable(rc, p->htpasswd, e);
}

static int read_fields(const struct pair *p, struct tables *t, struct err *e)
{
    struct str text = STR_NONE;
    int rc = files_read(t->files, p->fields, &text, e);
    if (rc != 0) {
        return rc;
    }
    rc = fields_file_read(p->fields, text, p->diags, &t->fields);
    return rc == 0 ? 0 : unreadable(rc, p->fields, e);
}

static int tables_read(const struct pair *p, struct tables *t, struct err *e)
{
    *t = (struct tables){.files = files_new()};
    int rc = t->files != NULL ? read_passwords(p, t, e) : err_set(e, ERR_NOMEM, "out of memory");
    if (rc == 0 && p->fields != NULL && files_exists(t->files, p->fields)) {
        rc = read_fields(p, t, e);
    }
    return rc;
}

static const struct user *find_fields(const struct tables *t, struct str name)
{
    size_t low = 0;
    size_t high = 0;
    if (t->fields == NULL) {
        return NULL;
    }
    const struct fields_entry *entries = fields_file_entries(t->fields, &high);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_cmp(entries[middle].user->name, name);
        if (order == 0) {
            return entries[middle].user;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

/* The user of a line, with the fields that belong to it; borrows from t. */
static struct user join(const struct tables *t, const struct htpasswd_entry *entry)
{
    const struct user *fields = find_fields(t, entry->name);
    struct user whole = fields != NULL ? *fields : (struct user){0};
    whole.refs = NULL;
    whole.name = entry->name;
    whole.hash = entry->hash;
    return whole;
}

static int pair_find(struct store *s, struct str name, struct user **out, struct err *e)
{
    const struct pair *p = pair_of(s);
    struct tables t;
    *out = NULL;
    int rc = tables_read(p, &t, e);
    const struct htpasswd_entry *entry = rc == 0 ? htpasswd_find(t.passwords, name) : NULL;
    if (entry != NULL) {
        struct user whole = join(&t, entry);
        *out = user_new(&whole);
        rc = *out != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory");
    } else if (rc == 0) {
        rc = err_set(e, ERR_NOT_FOUND, "%s: there is no user \"%.*s\"", p->htpasswd, STR_ARG(name));
    }
    tables_free(&t);
    return rc;
}

static int pair_each(struct store *s, const struct store_page *page, store_each_fn each, void *arg,
                     struct err *e)
{
    struct tables t;
    int rc = tables_read(pair_of(s), &t, e);
    size_t n = 0;
    size_t told = 0;
    bool more = true;
    const struct htpasswd_entry *entries = rc == 0 ? htpasswd_entries(t.passwords, &n) : NULL;
    for (size_t i = 0; i < n && more && (page->limit == 0 || told < page->limit); i++) {
        if (page->after.n == 0 || str_cmp(entries[i].name, page->after) > 0) {
            struct user whole = join(&t, &entries[i]);
            more = each(arg, &whole);
            told++;
        }
    }
    tables_free(&t);
    return rc;
}

/* Copy the lines of old but that of name to out, then one for u unless it is NULL or says
 * nothing. */
static int edit_lines(struct str old, struct str name, const struct user *u, struct buf *out)
{
    struct buf own;
    struct str rest = old;
    struct str line = STR_NONE;
    int rc = 0;
    while (rest.n > 0 && rc == 0) {
        char scratch[USER_NAME_MAX];
        struct str of = STR_NONE;
        struct str fields = STR_NONE;
        (void)str_cut(rest, '\n', &line, &rest);
        if (!fields_read_name(htpasswd_without_cr(line), scratch, &of, &fields) ||
            !str_eq(of, name)) {
            rc = buf_append(out, line);
            rc = rc == 0 ? buf_append(out, STR("\n")) : rc;
        }
    }
    buf_init(&own, REWRITE_MAX);
    rc = rc == 0 && u != NULL ? user_draft_write(u, &own) : rc;
    if (rc == 0 && buf_len(&own) > 0) {
        rc = fields_write_name(name, out);
        rc = rc == 0 ? buf_append(out, buf_str(&own)) : rc;
        rc = rc == 0 ? buf_append(out, STR("\n")) : rc;
    }
    buf_wipe(&own);
    return rc;
}

static struct str old_fields(const struct rewrite *file)
{
    return file != NULL ? rewrite_old(file) : STR_NONE;
}

/* What the file of fields is to hold, so that it says what u says. */
static int make_fields(const struct pair *p, const struct rewrite *file, struct str name,
                       const struct user *u, struct buf *out, struct err *e)
{
    if (edit_lines(old_fields(file), name, u, out) != 0) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    return file != NULL || buf_len(out) == 0
               ? 0
               : err_set(e, ERR_CONFIG,
                         "there is no file for this: name one as users.fields beside %s",
                         p->htpasswd);
}

/* Nothing is written where nothing changes. */
static int put_fields(struct rewrite *file, struct str text, struct err *e)
{
    return str_eq(text, old_fields(file)) ? 0 : rewrite_put(file, text, e);
}

static int write_fields(const struct pair *p, struct rewrite *file, struct str name,
                        const struct user *u, struct err *e)
{
    struct buf out;
    buf_init(&out, REWRITE_MAX);
    int rc = make_fields(p, file, name, u, &out, e);
    rc = rc == 0 ? put_fields(file, buf_str(&out), e) : rc;
    buf_wipe(&out);
    return rc;
}

/* A change under way. */
struct change {
    enum store_change what;
    struct str name;
    store_edit_fn edit;
    void *arg;
    struct rewrite *file; /* of the fields; NULL if there is none */
};

/* A user without the fields that were meant could do more than was meant: what can fail for lack of
 * memory, or of a file, comes first. */
static int add_user(struct pair *p, const struct change *c, struct err *e)
{
    struct user_draft d;
    struct buf fields;
    buf_init(&fields, REWRITE_MAX);
    user_draft_begin(&d, &(struct user){.name = c->name});
    int rc = c->edit != NULL ? c->edit(c->arg, &d, e) : 0;
    rc = rc == 0 ? make_fields(p, c->file, c->name, &d.user, &fields, e) : rc;
    rc = rc == 0 ? htpasswd_change(p->htpasswd, HTPASSWD_ADD, c->name, d.user.hash, e) : rc;
    rc = rc == 0 ? put_fields(c->file, buf_str(&fields), e) : rc;
    buf_wipe(&fields);
    mem_wipe(&d, sizeof(d));
    return rc;
}

/* The hash in the line of name; empty if there is none. */
static struct str hash_of(struct str text, struct str name)
{
    struct str line = STR_NONE;
    struct str of = STR_NONE;
    struct str hash = STR_NONE;
    while (text.n > 0) {
        (void)str_cut(text, '\n', &line, &text);
        line = htpasswd_without_cr(line);
        if (!htpasswd_is_comment(line) && str_cut(line, ':', &of, &hash) && str_eq(of, name)) {
            return hash;
        }
    }
    return STR_NONE;
}

static int set_user(struct pair *p, const struct change *c, struct str text, struct err *e)
{
    struct user_draft d;
    struct str hash = hash_of(text, c->name);
    if (hash.p == NULL) {
        return err_set(e, ERR_NOT_FOUND, "%s: there is no user \"%.*s\"", p->htpasswd,
                       STR_ARG(c->name));
    }
    user_draft_begin(&d, &(struct user){.name = c->name, .hash = hash});
    const char *fault = c->file != NULL ? fields_read_of(rewrite_old(c->file), c->name, &d) : NULL;
    int rc = fault == NULL ? 0
                           : err_set(e, ERR_MALFORMED, "%s: the line of \"%.*s\": %s", p->fields,
                                     STR_ARG(c->name), fault);
    rc = rc == 0 && c->edit != NULL ? c->edit(c->arg, &d, e) : rc;
    rc = rc == 0 ? write_fields(p, c->file, c->name, &d.user, e) : rc;
    if (rc == 0 && !str_eq(d.user.hash, hash)) {
        rc = htpasswd_change(p->htpasswd, HTPASSWD_REPLACE, c->name, d.user.hash, e);
    }
    mem_wipe(&d, sizeof(d));
    return rc;
}

static int change_locked(struct pair *p, const struct change *c, struct err *e)
{
    struct files *files = NULL;
    struct str text = STR_NONE;
    int rc = 0;
    switch (c->what) {
    case STORE_ADD:
        return add_user(p, c, e);
    case STORE_SET:
        files = files_new();
        rc = files != NULL ? files_read(files, p->htpasswd, &text, e)
                           : err_set(e, ERR_NOMEM, "out of memory");
        rc = rc == 0 ? set_user(p, c, text, e) : rc;
        files_free(files);
        return rc;
    case STORE_DELETE:
    default:
        rc = htpasswd_change(p->htpasswd, HTPASSWD_DELETE, c->name, STR_NONE, e);
        return rc == 0 ? write_fields(p, c->file, c->name, NULL, e) : rc;
    }
}

static int pair_change(struct store *s, enum store_change what, struct str name, store_edit_fn edit,
                       void *arg, struct err *e)
{
    struct pair *p = pair_of(s);
    struct change c = {what, name, edit, arg, NULL};
    const char *fault = htpasswd_name_fault(name);
    if (fault != NULL) {
        return err_set(e, ERR_MALFORMED, "%s", fault);
    }
    int rc = p->fields != NULL ? rewrite_open(&c.file, p->fields, e) : 0;
    rc = rc == 0 ? change_locked(p, &c, e) : rc;
    rewrite_close(c.file);
    return rc;
}

static void pair_close(struct store *s)
{
    struct pair *p = pair_of(s);
    mem_free(p->htpasswd);
    mem_free(p->fields);
    mem_free(p);
}

static const struct store_ops pair_ops = {
    .find = pair_find, .each = pair_each, .change = pair_change, .close = pair_close};

struct store *store_of_files(const char *htpasswd, const char *fields, struct diags *diags,
                             struct err *e)
{
    struct pair *p = mem_calloc(1, sizeof(*p));
    if (p != NULL) {
        p->store.ops = &pair_ops;
        p->diags = diags;
        p->htpasswd = mem_dup(htpasswd, strlen(htpasswd));
        p->fields = fields != NULL ? mem_dup(fields, strlen(fields)) : NULL;
    }
    if (p == NULL || p->htpasswd == NULL || (fields != NULL && p->fields == NULL)) {
        (void)err_set(e, ERR_NOMEM, "out of memory");
        if (p != NULL) {
            pair_close(&p->store);
        }
        return NULL;
    }
    return &p->store;
}
