/* Owns: reading deny files into a set. Leaves a line's grammar to deny_line, the table to deny.c.
 * Master or command line. */
#include <stdlib.h>
#include <string.h>

#include "auth/revoke/deny_set.h"
#include "base/mem.h"

#define FINDINGS_MAX 100 /* after these a file is given up: it is no deny file */

/* One reading under way. */
struct reading {
    const struct conf_identity *rule;
    deny_normal_fn normal;
    struct diags *diags;
    struct deny_items items;
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
        if (!r->normal(str_of(e->user), r->rule, normal, &n)) {
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

static void read_file(struct reading *r, struct files *files, const struct conf_text *path)
{
    struct err e = {0};
    struct file f = {.r = r, .path = path->p};
    int rc = files_read(files, path->p, &f.text, &e);
    if (rc != 0) {
        r->errors++;
        diag_add(r->diags, DIAG_ERROR, path->at, "revocation.deny",
                 rc == -ERR_NOT_FOUND ? "Make an empty file if nothing is withdrawn." : NULL, "%s",
                 e.text);
        return;
    }
    struct str rest = f.text;
    struct str line = STR_NONE;
    for (unsigned number = 1; rest.n > 0 && f.findings < FINDINGS_MAX; number++) {
        (void)str_cut(rest, '\n', &line, &rest);
        if (!deny_line_is_blank(line)) {
            read_line(&f, line, number);
        }
    }
}

struct deny *deny_load(const struct conf_revocation *conf, const struct conf_identity *rule,
                       deny_normal_fn normal, struct files *files, struct diags *diags)
{
    struct reading r = {.rule = rule, .normal = normal, .diags = diags};
    struct err e = {0};
    for (size_t i = 0; i < conf->deny.n; i++) {
        read_file(&r, files, &conf->deny.v[i]);
    }
    struct deny *d = r.errors == 0 ? deny_make(&r.items, rule, &e) : NULL;
    if (r.errors == 0 && d == NULL) {
        diag_add(diags, DIAG_ERROR, (struct conf_pos){0}, "revocation.deny", NULL, "%s", e.text);
    }
    mem_free(r.items.v);
    return d;
}
