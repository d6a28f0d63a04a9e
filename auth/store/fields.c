/* Owns: reading the file of users' fields. Leaves the form of each field to user_draft. Any
 * thread, or the command line. */
#include "auth/store/fields.h"

#include <stdlib.h>

#include "auth/store/htpasswd_line.h"
#include "auth/store/user_draft.h"
#include "base/err.h"
#include "base/mem.h"

#define FINDINGS_MAX 100 /* after these a file is given up */

struct fields_file {
    const char *path; /* borrowed from the caller, like the next two */
    struct diags *diags;
    struct str text;
    struct fields_entry *entries; /* owned; by name */
    size_t n;
    size_t errors;
    uint32_t source;
    bool has_source;
};

static uint32_t source_of(struct fields_file *f)
{
    if (!f->has_source) {
        f->source = diags_source(f->diags, f->path, f->text);
        diags_mask(f->diags, f->source, STR("totp="));
        f->has_source = true;
    }
    return f->source;
}

static void fault_at(struct fields_file *f, unsigned line, size_t column, const char *what)
{
    struct conf_pos at = {source_of(f), line, (uint32_t)column};
    f->errors++;
    diag_add(f->diags, DIAG_ERROR, at, NULL, NULL, "%s", what);
}

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c != '\0' ? strchr(digits, str_lower(c)) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

bool fields_read_name(struct str line, char *scratch, struct str *name, struct str *rest)
{
    size_t n = 0;
    size_t at = 0;
    while (at < line.n && line.p[at] != ' ' && line.p[at] != '\t') {
        char c = line.p[at++];
        if (c == '%') {
            int high = at + 1 < line.n ? hex_value(line.p[at]) : -1;
            int low = at + 1 < line.n ? hex_value(line.p[at + 1]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = (char)(high * 16 + low);
            at += 2;
        }
        if (n == USER_NAME_MAX) {
            return false;
        }
        scratch[n++] = c;
    }
    *name = (struct str){scratch, n};
    *rest = str_slice(line, at, line.n);
    return !htpasswd_is_comment(line) && htpasswd_name_fault(*name) == NULL;
}

int fields_write_name(struct str name, struct buf *out)
{
    int rc = 0;
    for (size_t i = 0; i < name.n && rc == 0; i++) {
        char c = name.p[i];
        bool plain = c != '%' && c != ' ' && c != '\t' && (c != '#' || i > 0);
        rc = plain ? buf_append(out, str_slice(name, i, i + 1))
                   : buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
    return rc;
}

/* Take the next field off *rest into d; *word is what it was (empty: only blanks were left).
 * Returns NULL, or what is wrong. */
static const char *next_field(struct str *rest, struct str *word, struct user_draft *d)
{
    struct str key = STR_NONE;
    struct str value = STR_NONE;
    *rest = str_trim(*rest);
    size_t end = 0;
    while (end < rest->n && rest->p[end] != ' ' && rest->p[end] != '\t') {
        end++;
    }
    *word = str_slice(*rest, 0, end);
    *rest = str_slice(*rest, end, rest->n);
    if (word->n == 0) {
        return NULL;
    }
    return str_cut(*word, '=', &key, &value) ? user_draft_read(d, key, value)
                                             : "a field is written as key=value";
}

const char *fields_read_of(struct str text, struct str name, struct user_draft *d)
{
    char scratch[USER_NAME_MAX];
    struct str line = STR_NONE;
    struct str word = STR_NONE;
    struct str of = STR_NONE;
    struct str rest = STR_NONE;
    const char *fault = NULL;
    while (text.n > 0) {
        (void)str_cut(text, '\n', &line, &text);
        if (!fields_read_name(htpasswd_without_cr(line), scratch, &of, &rest) ||
            !str_eq(of, name)) {
            continue;
        }
        while (rest.n > 0 && fault == NULL) {
            fault = next_field(&rest, &word, d);
        }
        return fault;
    }
    return NULL;
}

/* Returns -ERR_NOMEM, or 0, faults told. */
static int read_line(struct fields_file *f, struct str line, unsigned number)
{
    char scratch[USER_NAME_MAX];
    struct str name = STR_NONE;
    struct str rest = STR_NONE;
    if (htpasswd_is_comment(line)) {
        return 0;
    }
    if (!fields_read_name(line, scratch, &name, &rest)) {
        fault_at(f, number, 1, "the line does not begin with a name that a user can have");
        return 0;
    }
    struct user_draft d;
    user_draft_begin(&d, &(struct user){.name = name});
    struct str word = STR_NONE;
    while (rest.n > 0) {
        const char *fault = next_field(&rest, &word, &d);
        if (fault != NULL) {
            fault_at(f, number, (size_t)(word.p - line.p) + 1, fault);
        }
    }
    struct fields_entry e = {user_new(&d.user), number};
    mem_wipe(&d, sizeof(d));
    if (e.user == NULL) {
        return -ERR_NOMEM;
    }
    f->entries[f->n++] = e;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct fields_entry *x = a;
    const struct fields_entry *y = b;
    int order = str_cmp(x->user->name, y->user->name);
    return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

static int read_lines(struct fields_file *f)
{
    struct str rest = f->text;
    struct str line = STR_NONE;
    for (unsigned number = 1; rest.n > 0 && f->errors < FINDINGS_MAX; number++) {
        (void)str_cut(rest, '\n', &line, &rest);
        int rc = read_line(f, htpasswd_without_cr(line), number);
        if (rc != 0) {
            return rc;
        }
    }
    if (f->n > 1) {
        qsort(f->entries, f->n, sizeof(*f->entries), by_name);
    }
    for (size_t i = 1; i < f->n; i++) {
        if (str_eq(f->entries[i - 1].user->name, f->entries[i].user->name)) {
            fault_at(f, f->entries[i].line, 1, "the name stands in the file twice");
        }
    }
    return f->errors == 0 ? 0 : -ERR_MALFORMED;
}

static size_t count_lines(struct str text)
{
    size_t n = 1;
    for (size_t i = 0; i < text.n; i++) {
        n += text.p[i] == '\n' ? 1 : 0;
    }
    return n;
}

int fields_file_read(const char *path, struct str text, struct diags *diags,
                     struct fields_file **out)
{
    *out = NULL;
    int rc = -ERR_NOMEM;
    struct fields_file *f = mem_calloc(1, sizeof(*f));
    if (f != NULL) {
        f->path = path;
        f->text = text;
        f->diags = diags;
        f->entries = mem_calloc(count_lines(text), sizeof(*f->entries));
        rc = f->entries != NULL ? read_lines(f) : rc;
    }
    if (rc == 0) {
        *out = f;
        return 0;
    }
    if (rc == -ERR_NOMEM) {
        diag_add(diags, DIAG_ERROR, (struct conf_pos){0}, NULL, NULL, "%s: out of memory", path);
    }
    fields_file_free(f);
    return rc;
}

void fields_file_free(struct fields_file *f)
{
    if (f == NULL) {
        return;
    }
    for (size_t i = 0; f->entries != NULL && i < f->n; i++) {
        user_unref(f->entries[i].user);
    }
    mem_free(f->entries);
    mem_free(f);
}

const struct fields_entry *fields_file_entries(const struct fields_file *f, size_t *n)
{
    *n = f->n;
    return f->entries;
}

struct conf_pos fields_file_place(struct fields_file *f, const struct fields_entry *e)
{
    return (struct conf_pos){source_of(f), e->line, 1};
}
