/* Owns: reading deny files into a set. Leaves a line's grammar to deny_line, the table to deny.c.
 * Master or command line. */
#include <stdlib.h>
#include <string.h>

#include "auth/revoke/deny_set.h"
#include "base/mem.h"
#include "base/sum.h"

#define FINDINGS_MAX 100 /* after these a file is given up: it is no deny file */

/* One reading under way. */
struct reading {
    const struct deny_source *source;
    const struct deny *base; /* of which the files have but grown; NULL: all is read */
    struct files *files;
    struct diags *diags;
    struct str *texts; /* of all files; owned array */
    struct deny_items items;
    struct deny_origin origin;
    size_t errors;
};

/* One file of it. */
struct file {
    struct reading *r;
    const char *path;
    struct str text;
    uint32_t source;
    bool has_source;
    size_t findings;
};

static void out_of_memory(struct reading *r)
{
    r->errors++;
    diag_add(r->diags, DIAG_ERROR, (struct conf_pos){0}, "revocation.deny", NULL, "out of memory");
}

static void finding(struct file *f, unsigned line, const struct deny_fault *fault)
{
    if (!f->has_source) {
        f->source = diags_source(f->r->diags, f->path, f->text);
        f->has_source = true;
    }
    struct conf_pos at = {f->source, line, (uint32_t)fault->column};
    f->findings++;
    f->r->errors++;
    diag_add(f->r->diags, DIAG_ERROR, at, NULL, fault->help, "%s", fault->what);
}

static bool push(struct reading *r, const struct deny_item *item)
{
    struct deny_items *items = &r->items;
    if (items->n == items->size) {
        size_t size = items->size > 0 ? items->size * 2 : 64;
        struct deny_item *grown = mem_realloc(items->v, size * sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        items->v = grown;
        items->size = size;
    }
    items->v[items->n++] = *item;
    items->counts[item->kind]++;
    return true;
}

/* The key of e's entry. Returns what is wrong, or NULL. */
static const char *key_of(const struct reading *r, const struct deny_entry *e,
                          unsigned char key[DENY_KEY])
{
    char normal[255];
    size_t n = 0;
    int rc = 0;
    switch (e->kind) {
    case DENY_SERIAL:
        rc = deny_key_of_serial(e->issuer, str_of(e->serial), key);
        break;
    case DENY_FINGERPRINT:
        deny_key_of_digest(e->fingerprint, key);
        break;
    case DENY_USER:
        if (!r->source->normal(str_of(e->user), r->source->rule, normal, &n)) {
            return "no user can have that name";
        }
        rc = deny_key_of_user((struct str){normal, n}, key);
        break;
    case DENY_KIND_COUNT:
        rc = -ERR_INTERNAL;
        break;
    }
    return rc == 0 ? NULL : "SHA-256 is not available";
}

static void read_line(struct file *f, struct str line, unsigned number)
{
    struct deny_entry e;
    struct deny_fault fault;
    struct deny_item item = {.kind = DENY_SERIAL};
    if (!deny_line_read(line, &e, &fault)) {
        finding(f, number, &fault);
        return;
    }
    item.kind = e.kind;
    item.reason = e.reason;
    fault = (struct deny_fault){.what = key_of(f->r, &e, item.key), .column = 1};
    if (fault.what != NULL) {
        finding(f, number, &fault);
    } else if (!push(f->r, &item)) {
        out_of_memory(f->r);
    }
}

/* Note f as it was read. False without memory. */
static bool note_file(struct file *f, unsigned lines)
{
    struct deny_origin *o = &f->r->origin;
    char *path = mem_dup(f->path, strlen(f->path));
    if (path == NULL) {
        return false;
    }
    o->v[o->n++] =
        (struct deny_file){.path = path, .n = f->text.n, .lines = lines, .sum = sum_of(f->text)};
    return true;
}

/* Read the lines of f behind the first skip octets, which hold known lines. */
static void read_lines(struct file *f, size_t skip, unsigned known)
{
    struct str rest = str_slice(f->text, skip, f->text.n);
    struct str line = STR_NONE;
    unsigned number = known;
    while (rest.n > 0 && f->findings < FINDINGS_MAX) {
        number++;
        (void)str_cut(rest, '\n', &line, &rest);
        if (!deny_line_is_blank(line)) {
            read_line(f, line, number);
        }
    }
    if (!note_file(f, number)) {
        out_of_memory(f->r);
    }
}

static void read_file(struct reading *r, size_t i)
{
    struct file f = {.r = r, .path = r->source->conf->deny.v[i].p, .text = r->texts[i]};
    const struct deny_file *old = r->base != NULL ? &deny_origin(r->base)->v[i] : NULL;
    read_lines(&f, old != NULL ? old->n : 0, old != NULL ? old->lines : 0);
    if (f.findings == 0) {
        files_done(r->files, f.path); /* else diags borrow it */
    }
}

static void fetch(struct reading *r, size_t i)
{
    const struct conf_text *path = &r->source->conf->deny.v[i];
    struct err e = {0};
    int rc = files_read(r->files, path->p, &r->texts[i], &e);
    if (rc != 0) {
        r->errors++;
        diag_add(r->diags, DIAG_ERROR, path->at, "revocation.deny",
                 rc == -ERR_NOT_FOUND ? "Make an empty file if nothing is withdrawn." : NULL, "%s",
                 e.text);
    }
}

/* True if text begins with all that old was, as whole lines. */
static bool has_grown(const struct deny_file *old, struct str text)
{
    struct str front = str_slice(text, 0, old->n);
    return text.n >= old->n && (old->n == 0 || str_ends(front, STR("\n"))) &&
           sum_of(front) == old->sum;
}

/* True if base was read from the same files by the same rule, and they have but grown. */
static bool is_base(const struct reading *r, const struct deny *base)
{
    const struct conf_texts *paths = &r->source->conf->deny;
    const struct deny_origin *origin = base != NULL ? deny_origin(base) : NULL;
    if (origin == NULL || origin->n != paths->n) {
        return false;
    }
    struct conf_identity rule = deny_rule(base);
    bool fits = rule.fold_domain == r->source->rule->fold_domain &&
                rule.fold_local_part == r->source->rule->fold_local_part;
    for (size_t i = 0; fits && i < paths->n; i++) {
        fits =
            strcmp(paths->v[i].p, origin->v[i].path) == 0 && has_grown(&origin->v[i], r->texts[i]);
    }
    return fits;
}

static struct deny *read_all(struct reading *r)
{
    struct err e = {0};
    struct deny *d = NULL;
    size_t n = r->source->conf->deny.n;
    for (size_t i = 0; i < n; i++) {
        fetch(r, i);
    }
    if (r->errors == 0 && is_base(r, r->source->base)) {
        r->base = r->source->base;
    }
    for (size_t i = 0; i < n; i++) {
        read_file(r, i);
    }
    if (r->errors == 0) {
        d = deny_make(r->base, &r->items, r->source->rule, &r->origin, &e);
        if (d == NULL) {
            diag_add(r->diags, DIAG_ERROR, (struct conf_pos){0}, "revocation.deny", NULL, "%s",
                     e.text);
        }
    }
    return d;
}

struct deny *deny_load(const struct deny_source *source, struct files *files, struct diags *diags)
{
    struct reading r = {.source = source, .files = files, .diags = diags};
    struct deny *d = NULL;
    size_t n = source->conf->deny.n + 1; /* never none */
    r.texts = mem_calloc(n, sizeof(*r.texts));
    r.origin.v = mem_calloc(n, sizeof(*r.origin.v));
    if (r.texts != NULL && r.origin.v != NULL) {
        d = read_all(&r);
    } else {
        out_of_memory(&r);
    }
    deny_origin_release(&r.origin);
    mem_free(r.items.v);
    mem_free(r.texts);
    return d;
}
