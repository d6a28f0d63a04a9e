/* Owns: reading htpasswd text into a sorted table. Leaves changing files to htpasswd_change.c, the
 * forms of hashes to pwhash. Loop thread or command line. */
#include "auth/store/htpasswd.h"

#include <stdlib.h>

#include "auth/store/htpasswd_line.h"
#include "auth/store/pwhash.h"
#include "base/buf.h"
#include "base/mem.h"

#define FINDINGS_MAX 100 /* errors after which a file is given up, warnings that are told */

struct htpasswd {
    char *text; /* owned: what the entries borrow */
    size_t text_n;
    struct htpasswd_entry *entries; /* owned; by name */
    size_t n;
};

/* What a reading needs to say something about a line. */
struct reading {
    const char *path;
    struct str text;
    struct diags *diags;
    uint32_t source;
    bool has_source;
    size_t warnings;
    size_t errors;
};

/* Each line with its hash (or all of it, if there is no colon) masked: a finding shows its line,
 * and neither a hash nor a password that stands in its place may be shown. */
static int mask_text(struct buf *out, struct str text)
{
    struct str rest = text;
    struct str line = STR_NONE;
    while (rest.n > 0) {
        (void)str_cut(rest, '\n', &line, &rest);
        struct str name = STR_NONE;
        struct str hash = STR_NONE;
        bool plain = htpasswd_is_comment(line);
        if (!plain && !str_cut(line, ':', &name, &hash)) {
            name = STR_NONE;
        }
        if (!plain && (!str_is_utf8(name) || str_has_control(name))) {
            name = STR("?");
        }
        int rc = plain ? buf_append(out, STR("#")) : buf_append(out, name);
        rc = rc == 0 && !plain ? buf_append(out, STR(":***")) : rc;
        rc = rc == 0 ? buf_append(out, STR("\n")) : rc;
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static uint32_t source_of(struct reading *r)
{
    if (!r->has_source) {
        struct buf masked;
        buf_init(&masked, r->text.n * 6 + 16);
        struct str shown = mask_text(&masked, r->text) == 0 ? buf_str(&masked) : STR("");
        r->source = diags_source(r->diags, r->path, shown);
        r->has_source = true;
        buf_release(&masked);
    }
    return r->source;
}

static void finding(struct reading *r, enum diag_level level, unsigned line, size_t column,
                    const char *what, const char *suggestion)
{
    if (level == DIAG_WARNING && r->warnings++ >= FINDINGS_MAX) {
        return;
    }
    struct conf_pos at = {source_of(r), line, (uint32_t)column};
    r->errors += level == DIAG_ERROR ? 1 : 0;
    diag_add(r->diags, level, at, NULL, suggestion, "%s", what);
}

static void check_hash(struct reading *r, const struct htpasswd_entry *e)
{
    enum pwhash_kind kind = pwhash_kind(e->hash);
    size_t column = e->name.n + 2;
    if (kind == PWHASH_UNKNOWN) {
        finding(r, DIAG_ERROR, e->line, column,
                e->hash.n == 0
                    ? "there is no password hash behind the name"
                    : "not a password hash that is accepted (plain text and DES are not, "
                      "nor is a hash that is damaged or too costly)",
                "Set the password with \"countersign user passwd\".");
    } else if (pwhash_is_weak(kind)) {
        finding(r, DIAG_WARNING, e->line, column, "the password hash is of a weak kind",
                "Set the password again with \"countersign user passwd\".");
    }
}

/* Read one line into e. Returns true if it is an entry, if perhaps a faulty one. */
static bool read_line(struct reading *r, struct str line, unsigned number, struct htpasswd_entry *e)
{
    if (htpasswd_is_comment(line)) {
        return false;
    }
    struct htpasswd_entry found = {.line = number};
    if (!str_cut(line, ':', &found.name, &found.hash)) {
        finding(r, DIAG_ERROR, number, 1, "there is no colon between name and password hash",
                "Write one user a line, as name:hash.");
        return false;
    }
    const char *fault = htpasswd_name_fault(found.name);
    if (fault != NULL) {
        finding(r, DIAG_ERROR, number, 1, fault, NULL);
        return false;
    }
    check_hash(r, &found);
    *e = found;
    return true;
}

static int by_name(const void *a, const void *b)
{
    const struct htpasswd_entry *x = a;
    const struct htpasswd_entry *y = b;
    int order = str_cmp(x->name, y->name);
    return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

static void check_twice(struct reading *r, const struct htpasswd *h)
{
    for (size_t i = 1; i < h->n; i++) {
        if (str_eq(h->entries[i - 1].name, h->entries[i].name)) {
            finding(r, DIAG_ERROR, h->entries[i].line, 1, "the name stands in the file twice",
                    "Keep one of the lines.");
        }
    }
}

static size_t count_lines(struct str text)
{
    size_t n = 1;
    for (size_t i = 0; i < text.n; i++) {
        n += text.p[i] == '\n' ? 1 : 0;
    }
    return n;
}

static void read_lines(struct reading *r, struct htpasswd *h)
{
    struct str rest = {h->text, h->text_n};
    struct str line = STR_NONE;
    for (unsigned number = 1; rest.n > 0 && r->errors < FINDINGS_MAX; number++) {
        (void)str_cut(rest, '\n', &line, &rest);
        if (read_line(r, htpasswd_without_cr(line), number, &h->entries[h->n])) {
            h->n++;
        }
    }
    if (h->n > 1) {
        qsort(h->entries, h->n, sizeof(*h->entries), by_name);
    }
    check_twice(r, h);
}

int htpasswd_read(const char *path, struct str text, struct diags *diags, struct htpasswd **out)
{
    struct reading r = {.path = path, .text = text, .diags = diags};
    struct htpasswd *h = mem_calloc(1, sizeof(*h));
    *out = NULL;
    if (h != NULL) {
        h->text = mem_dup(text.p, text.n);
        h->text_n = text.n;
        h->entries = mem_calloc(count_lines(text), sizeof(*h->entries));
    }
    if (h == NULL || h->text == NULL || h->entries == NULL) {
        diag_add(diags, DIAG_ERROR, (struct conf_pos){0}, NULL, NULL, "%s: out of memory", path);
        htpasswd_free(h);
        return -ERR_NOMEM;
    }
    read_lines(&r, h);
    if (r.errors > 0) {
        htpasswd_free(h);
        return -ERR_MALFORMED;
    }
    *out = h;
    return 0;
}

void htpasswd_free(struct htpasswd *h)
{
    if (h == NULL) {
        return;
    }
    if (h->text != NULL) {
        mem_wipe(h->text, h->text_n);
    }
    mem_free(h->text);
    mem_free(h->entries);
    mem_free(h);
}

const struct htpasswd_entry *htpasswd_entries(const struct htpasswd *h, size_t *n)
{
    *n = h->n;
    return h->entries;
}

static int name_to_entry(const void *key, const void *element)
{
    const struct str *name = key;
    const struct htpasswd_entry *e = element;
    return str_cmp(*name, e->name);
}

const struct htpasswd_entry *htpasswd_find(const struct htpasswd *h, struct str name)
{
    return h->n == 0 ? NULL : bsearch(&name, h->entries, h->n, sizeof(*h->entries), name_to_entry);
}
