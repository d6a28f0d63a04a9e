/* Owns: the walk over a tree along the rows: which keys there are, of which type, with which
 * default. Not: single values (read_value.c), what must fit together (check.c). One thread a
 * call. */
#include "conf/read.h"

#include <stdio.h>

#include "base/err.h"
#include "conf/expand.h"
#include "conf/read_value.h"
#include "conf/reader.h"
#include "conf/value.h"

/* Put a further step on the key path; returns what leave() takes back. */
static size_t enter(struct reader *r, const char *before, struct str step)
{
    size_t n = strlen(r->path);
    (void)snprintf(r->path + n, sizeof(r->path) - n, "%s%.*s", n > 0 ? before : "", STR_ARG(step));
    return n;
}

static size_t enter_index(struct reader *r, size_t index)
{
    size_t n = strlen(r->path);
    (void)snprintf(r->path + n, sizeof(r->path) - n, "[%zu]", index);
    return n;
}

static void leave(struct reader *r, size_t n)
{
    r->path[n] = '\0';
}

static const char *describe(const struct node *n)
{
    switch (n->kind) {
    case NODE_LIST:
        return "a list";
    case NODE_MAP:
        return "a section";
    case NODE_SCALAR:
    case NODE_REFUSED:
    default:
        return n->text.n == 0 && !n->quoted ? "nothing" : "a single value";
    }
}

/* True if n is of the kind; otherwise the mistake is reported. */
static bool is_kind(struct reader *r, const struct node *n, enum node_kind kind,
                    const char *expected, const char *suggestion)
{
    if (n->kind == kind) {
        return true;
    }
    if (n->kind != NODE_REFUSED) {
        reader_complain(r, n->at, suggestion, "expected %s, found %s", expected, describe(n));
    }
    return false;
}

/* The text of a scalar with its variables replaced; false if there is none (reported). */
/* Note where object was given. */
static void note_place(struct reader *r, const void *object, struct conf_pos at)
{
    if (draft_note(r->draft, object, at) != 0) {
        r->nomem = true;
    }
}

/* The text of a scalar, its variables replaced; false if there is none, which is then reported. */
static bool scalar_text(struct reader *r, const struct node *n, struct str *out)
{
    struct err e = {0};
    if (!is_kind(r, n, NODE_SCALAR, "a single value", NULL)) {
        return false;
    }
    bool null =
        !n->quoted && (n->text.n == 0 || str_eq(n->text, STR("~")) || str_eq(n->text, STR("null")));
    if (null) {
        reader_complain(r, n->at, "Write a value, or remove the key.", "has no value");
        return false;
    }
    int rc = expand(&r->draft->arena, n->text, out, &e);
    if (rc == -ERR_NOMEM) {
        r->nomem = true;
        return false;
    }
    if (rc != 0) {
        reader_complain(r, n->at,
                        rc == -ERR_NOT_FOUND ? "Set it, or write ${NAME:-default}." : NULL, "%s",
                        e.text);
        return false;
    }
    if (!str_is_utf8(*out) || str_has_control(*out)) {
        reader_complain(r, n->at, NULL, "holds a control character, or is not UTF-8");
        return false;
    }
    return true;
}

static void read_section(struct reader *r, const struct key_section *s, const struct node *n,
                         void *base);

static void twice(struct reader *r, const struct node *n, struct conf_pos first)
{
    const char *file = diags_source_name(r->diags, first.file);
    reader_complain(r, n->key_at, "Remove one of the two.", "given twice, first at %s:%u:%u",
                    file != NULL ? file : "?", first.line, first.column);
}

/* Names of a map may be anything, so that the rows cannot tell a name given twice. */
static void check_names(struct reader *r, const struct node *n)
{
    for (const struct node *child = n->first; child != NULL; child = child->next) {
        const struct node *first = node_find(n, child->key);
        if (first != child) {
            size_t back = enter(r, ".", child->key);
            twice(r, child, first->key_at);
            leave(r, back);
        }
    }
}

/* A list or map of sections. */
static void read_entries(struct reader *r, const struct key *k, const struct node *n, void *base)
{
    const struct key_section *s = k->section;
    bool map = k->type == KEY_MAP;
    if (!is_kind(r, n, map ? NODE_MAP : NODE_LIST, map ? "a section" : "a list",
                 map ? "Write one \"name:\" for each, and its keys below."
                     : "Begin each entry with a dash.")) {
        return;
    }
    if (map) {
        check_names(r, n);
    }
    char *entries = reader_alloc(r, n->count, s->size);
    if (entries == NULL) {
        return;
    }
    size_t i = 0;
    for (const struct node *child = n->first; child != NULL; child = child->next, i++) {
        char *entry = entries + i * s->size;
        size_t back = map ? enter(r, ".", child->key) : enter_index(r, i);
        if (map) {
            const struct conf_text name = {child->key.p, child->key_at};
            const char *wrong = s->check_name(child->key);
            memcpy(entry + s->name_offset, &name, sizeof(name));
            if (wrong != NULL) {
                reader_complain(r, child->key_at, NULL, "%s", wrong);
            }
        }
        read_section(r, s, child, entry);
        leave(r, back);
    }
    if (n->count == 0 && k->shown) {
        reader_complain(r, n->at, NULL, "needs at least one entry");
    }
    memcpy((char *)base + k->offset, &entries, sizeof(entries));
    memcpy((char *)base + k->second, &n->count, sizeof(n->count));
}

/* One of several texts. */
static void read_list(struct reader *r, const struct key *k, const struct node *n, void *base)
{
    bool single = k->type == KEY_FILES && n->kind == NODE_SCALAR;
    if (!single && !is_kind(r, n, NODE_LIST, "a list", "Write it as [ first, second ].")) {
        return;
    }
    size_t count = single ? 1 : n->count;
    if (!read_value_list_begin(r, k, count, base)) {
        return;
    }
    size_t i = 0;
    for (const struct node *child = single ? n : n->first; i < count; child = child->next, i++) {
        size_t back = single ? strlen(r->path) : enter_index(r, i);
        struct str text;
        if (scalar_text(r, child, &text)) {
            read_value_list_item(r, k, &(struct reader_value){text, child->at}, i, base);
        }
        leave(r, back);
    }
    if (count == 0 && k->required) {
        reader_complain(r, n->at, NULL, "needs at least one entry");
    }
}

/* Texts by name. */
static void read_pairs(struct reader *r, const struct key *k, const struct node *n, void *base)
{
    if (!is_kind(r, n, NODE_MAP, "a section", "Write one \"name: text\" for each.")) {
        return;
    }
    check_names(r, n);
    struct conf_pair *pairs = reader_alloc(r, n->count, sizeof(*pairs));
    if (pairs == NULL) {
        return;
    }
    size_t i = 0;
    for (const struct node *child = n->first; child != NULL; child = child->next, i++) {
        size_t back = enter(r, ".", child->key);
        const char *wrong = k->check_name(child->key);
        struct str text;
        pairs[i].name = (struct conf_text){child->key.p, child->key_at};
        if (wrong != NULL) {
            reader_complain(r, child->key_at, NULL, "%s", wrong);
        }
        if (scalar_text(r, child, &text)) {
            read_value_pair(r, k, &(struct reader_value){text, child->at}, &pairs[i].value);
        }
        leave(r, back);
    }
    memcpy((char *)base + k->offset, &pairs, sizeof(pairs));
    memcpy((char *)base + k->second, &n->count, sizeof(n->count));
}

/* Give an object its default. The rows are right or a test fails, so that this never makes a
 * mistake. */
static void read_default(struct reader *r, const struct key *k, void *base)
{
    if (k->type == KEY_SECTION) {
        read_section(r, k->section, NULL, (char *)base + k->offset);
    } else if (k->fallback != NULL) {
        read_value_scalar(r, k, &(struct reader_value){str_of(k->fallback), {0}}, base);
    }
}

static void read_key(struct reader *r, const struct key *k, const struct node *n, void *base)
{
    struct str text;
    void *object = (char *)base + k->offset;
    switch (k->type) {
    case KEY_SECTION:
        read_section(r, k->section, n, object);
        break;
    case KEY_LIST:
    case KEY_MAP:
        note_place(r, object, n->at);
        read_entries(r, k, n, base);
        break;
    case KEY_PAIRS:
        note_place(r, object, n->at);
        read_pairs(r, k, n, base);
        break;
    case KEY_TEXTS:
    case KEY_FILES:
    case KEY_SERVERS:
    case KEY_RANGES:
        note_place(r, object, n->at);
        read_list(r, k, n, base);
        break;
    case KEY_TEXT:
    case KEY_FILE:
    case KEY_PATH:
    case KEY_OUTPUT:
    case KEY_BOOL:
    case KEY_CHOICE:
    case KEY_COUNT:
    case KEY_DURATION:
    case KEY_SIZE_32:
    case KEY_SIZE:
    case KEY_MODE:
    case KEY_LISTEN:
    default:
        note_place(r, object, n->at);
        /* What is wrong keeps its default, so that it is not reported again as not fitting. */
        read_default(r, k, base);
        if (scalar_text(r, n, &text)) {
            read_value_scalar(r, k, &(struct reader_value){text, n->at}, base);
        }
        break;
    }
}

static void unknown_key(struct reader *r, const struct key_section *s, const struct node *n)
{
    const char *names[64];
    char help[512] = "Known keys here:";
    size_t count = 0;
    for (; count < s->count && count < sizeof(names) / sizeof(names[0]); count++) {
        size_t used = strlen(help);
        names[count] = s->keys[count].name;
        (void)snprintf(help + used, sizeof(help) - used, "%s %s", count > 0 ? "," : "",
                       names[count]);
    }
    const char *near = diag_nearest(n->key, names, count);
    if (near != NULL) {
        (void)snprintf(help, sizeof(help), "Did you mean \"%s\"?", near);
    }
    char shown[VALUE_QUOTE_MAX];
    reader_complain(r, n->key_at, help, "unknown key %s", value_quote(n->key, shown));
}

/* Read what was given; seen[i]: the place of the key of row i, line 0 if it is not there. */
static void read_given(struct reader *r, const struct key_section *s, const struct node *n,
                       void *base, struct conf_pos *seen)
{
    for (const struct node *child = n->first; child != NULL; child = child->next) {
        const struct key *k = keys_find(s, child->key);
        if (k == NULL) {
            unknown_key(r, s, child);
            continue;
        }
        size_t back = enter(r, ".", child->key);
        struct conf_pos *first = &seen[k - s->keys];
        if (first->line > 0) {
            twice(r, child, *first);
        } else {
            *first = child->key_at;
            read_key(r, k, child, base);
        }
        leave(r, back);
    }
}

static void read_section(struct reader *r, const struct key_section *s, const struct node *n,
                         void *base)
{
    struct conf_pos seen[READER_KEYS_MAX] = {0};
    struct conf_pos at = {0};
    if (n != NULL) {
        at = n->key.p != NULL ? n->key_at : n->at;
        if (is_kind(r, n, NODE_MAP, "a section", "Write \"key: value\" lines below it.")) {
            read_given(r, s, n, base, seen);
        } else {
            return;
        }
    }
    if (s->at_offset != KEY_NOWHERE) {
        memcpy((char *)base + s->at_offset, &at, sizeof(at));
    }
    for (size_t i = 0; i < s->count; i++) {
        const struct key *k = &s->keys[i];
        if (seen[i].line > 0) {
            continue;
        }
        if (k->required) {
            reader_complain(r, at, NULL, "the key \"%s\" is missing", k->name);
        }
        read_default(r, k, base);
    }
}

int read_draft(struct draft *d, const struct node *root, const struct read_base *base,
               struct files *files, struct diags *diags)
{
    struct reader r = {.draft = d, .diags = diags, .files = files, .base = base};
    read_section(&r, &keys_root, root, d);
    return r.nomem ? -ERR_NOMEM : 0;
}
