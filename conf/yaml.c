/* Owns: the walk over libyaml's events, and what of YAML is refused. Not: what the keys mean. One
 * thread a call. */
#include "conf/yaml.h"

#include <stdio.h>

#include <yaml.h>

#include "base/err.h"

struct walk {
    struct arena *arena;
    struct diags *diags;
    uint32_t file;
    bool marked; /* the text begins with a byte order mark, which the parser does not see */
    size_t documents;
    struct node *root;
    struct node *stack[YAML_DEPTH_MAX]; /* open lists and maps */
    size_t depth;
    struct str key; /* read, its value not yet; p NULL: none */
    struct conf_pos key_at;
};

void node_append(struct node *parent, struct node *child)
{
    child->next = NULL;
    if (parent->last != NULL) {
        parent->last->next = child;
    } else {
        parent->first = child;
    }
    parent->last = child;
    parent->count++;
}

struct node *node_find(const struct node *map, struct str key)
{
    for (struct node *n = map->first; n != NULL; n = n->next) {
        if (str_eq(n->key, key)) {
            return n;
        }
    }
    return NULL;
}

static struct conf_pos place(const struct walk *w, const yaml_mark_t *mark)
{
    uint32_t line = (uint32_t)mark->line + 1;
    size_t characters = mark->column + (line == 1 && w->marked ? 1 : 0);
    return (struct conf_pos){w->file, line, diags_column(w->diags, w->file, line, characters)};
}

static void refuse(struct walk *w, struct conf_pos at, const char *what, const char *suggestion)
{
    diag_add(w->diags, DIAG_ERROR, at, NULL, suggestion, "%s", what);
}

static void refuse_marks(struct walk *w, struct conf_pos at, const void *anchor, const void *tag)
{
    if (anchor != NULL) {
        refuse(w, at, "anchors are not supported", "Remove the & and what stands behind it.");
    }
    if (tag != NULL) {
        refuse(w, at, "tags are not supported",
               "Remove the tag; a text that begins with ! needs quotation marks.");
    }
}

/* Put a new node where the walk stands. Returns 0, -ERR_NOMEM, -ERR_MALFORMED. */
static int put(struct walk *w, const struct node *value, struct node **out)
{
    struct node *parent = w->depth > 0 ? w->stack[w->depth - 1] : NULL;
    if (parent != NULL && parent->kind == NODE_MAP && w->key.p == NULL) {
        if (value->kind != NODE_REFUSED) {
            refuse(w, value->at, "a key must be a text", "Write key: value.");
        }
        return -ERR_MALFORMED;
    }
    struct node *n = arena_alloc(w->arena, sizeof(*n));
    if (n == NULL) {
        return -ERR_NOMEM;
    }
    *n = *value;
    n->key = w->key;
    n->key_at = w->key_at;
    w->key = STR_NONE;
    if (parent != NULL) {
        node_append(parent, n);
    } else {
        w->root = n;
    }
    *out = n;
    return 0;
}

static int on_scalar(struct walk *w, const yaml_event_t *e)
{
    struct conf_pos at = place(w, &e->start_mark);
    refuse_marks(w, at, e->data.scalar.anchor, e->data.scalar.tag);
    struct str text = arena_dup(
        w->arena, (struct str){(const char *)e->data.scalar.value, e->data.scalar.length});
    if (text.p == NULL) {
        return -ERR_NOMEM;
    }
    const struct node *parent = w->depth > 0 ? w->stack[w->depth - 1] : NULL;
    if (parent != NULL && parent->kind == NODE_MAP && w->key.p == NULL) {
        w->key = text;
        w->key_at = at;
        return 0;
    }
    struct node *n = NULL;
    bool quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return put(w, &(struct node){.kind = NODE_SCALAR, .quoted = quoted, .at = at, .text = text},
               &n);
}

static int on_open(struct walk *w, enum node_kind kind, const yaml_event_t *e)
{
    struct conf_pos at = place(w, &e->start_mark);
    if (w->depth == YAML_DEPTH_MAX) {
        refuse(w, at, "nested too deeply", NULL);
        return -ERR_MALFORMED;
    }
    struct node *n = NULL;
    int rc = put(w, &(struct node){.kind = kind, .at = at}, &n);
    if (rc == 0) {
        w->stack[w->depth++] = n;
    }
    return rc;
}

static int on_alias(struct walk *w, const yaml_event_t *e)
{
    struct conf_pos at = place(w, &e->start_mark);
    struct node *n = NULL;
    refuse(w, at, "aliases are not supported",
           "Repeat the value; a text that begins with * needs quotation marks.");
    return put(w, &(struct node){.kind = NODE_REFUSED, .at = at}, &n);
}

static int on_document(struct walk *w, const yaml_event_t *e)
{
    struct conf_pos at = place(w, &e->start_mark);
    if (e->data.document_start.version_directive != NULL ||
        e->data.document_start.tag_directives.start != e->data.document_start.tag_directives.end) {
        refuse(w, at, "directives are not supported", "Remove the lines that begin with %.");
    }
    if (w->documents++ > 0) {
        refuse(w, at, "a second document begins here, one file holds one",
               "Remove the line \"---\", or move what follows to a file of its own and name it "
               "under include.");
        return -ERR_MALFORMED;
    }
    return 0;
}

static int on_event(struct walk *w, const yaml_event_t *e)
{
    /* NOLINTNEXTLINE(bugprone-branch-clone): the two ends differ from the ignored events */
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        return on_document(w, e);
    case YAML_ALIAS_EVENT:
        return on_alias(w, e);
    case YAML_SCALAR_EVENT:
        return on_scalar(w, e);
    case YAML_SEQUENCE_START_EVENT:
        refuse_marks(w, place(w, &e->start_mark), e->data.sequence_start.anchor,
                     e->data.sequence_start.tag);
        return on_open(w, NODE_LIST, e);
    case YAML_MAPPING_START_EVENT:
        refuse_marks(w, place(w, &e->start_mark), e->data.mapping_start.anchor,
                     e->data.mapping_start.tag);
        return on_open(w, NODE_MAP, e);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        w->depth--;
        return 0;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    default:
        return 0;
    }
}

/* The two slips that the parser's own words do not explain. */
static const char *syntax_help(struct str text, uint32_t line)
{
    struct str rest = text;
    struct str now = STR("");
    for (uint32_t i = 0; i < line; i++) {
        (void)str_cut(rest, '\n', &now, &rest);
    }
    if (str_chr(now, '\t') != STR_NPOS) {
        return "Indent with spaces: YAML does not allow tabs there.";
    }
    if (now.n > 0 && memmem(now.p, now.n, "${", 2) != NULL) {
        return "Between { } or [ ], a text with ${...} needs quotation marks.";
    }
    return NULL;
}

static int report_syntax(struct walk *w, const yaml_parser_t *p, struct str text)
{
    if (p->error == YAML_MEMORY_ERROR) {
        return -ERR_NOMEM;
    }
    struct conf_pos at =
        p->error == YAML_READER_ERROR
            ? diags_place(w->diags, w->file, p->problem_offset + (w->marked ? 3 : 0))
            : place(w, &p->problem_mark);
    struct conf_pos start = {.file = w->file, .line = at.line, .column = 1};
    diag_add(w->diags, DIAG_ERROR, at.column > 0 ? at : start, NULL, syntax_help(text, at.line),
             "not valid YAML: %s%s%s", p->problem != NULL ? p->problem : "unknown problem",
             p->context != NULL ? " " : "", p->context != NULL ? p->context : "");
    return -ERR_MALFORMED;
}

int yaml_read(struct arena *a, struct diags *d, uint32_t file, struct str text, struct node **root)
{
    struct walk w = {.arena = a, .diags = d, .file = file};
    yaml_parser_t parser;
    /* libyaml would count the mark as a column of indentation. */
    w.marked = str_starts(text, STR("\xef\xbb\xbf"));
    struct str seen = str_slice(text, w.marked ? 3 : 0, text.n);
    *root = NULL;
    if (text.n > YAML_SIZE_MAX) {
        refuse(&w, (struct conf_pos){file, 1, 1}, "the file is larger than 4 MiB", NULL);
        return -ERR_MALFORMED;
    }
    if (yaml_parser_initialize(&parser) == 0) {
        return -ERR_NOMEM;
    }
    /* Named, or a byte order mark could switch to UTF-16, which has no columns in octets. */
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(seen.p != NULL ? seen.p : ""),
                                 seen.n);
    int rc = 0;
    bool end = false;
    while (rc == 0 && !end) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) == 0) {
            rc = report_syntax(&w, &parser, text);
            break;
        }
        rc = on_event(&w, &event);
        end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    *root = w.root;
    return rc;
}

const char *yaml_library(void)
{
    static char text[40];
    (void)snprintf(text, sizeof(text), "libyaml %s", yaml_get_version_string());
    return text;
}
