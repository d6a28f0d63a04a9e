/* Owns: the way from a path to a configuration: the main file, what it includes, one tree. Not: the
 * rows and checks. One thread a call. */
#include "conf/load.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "conf/build.h"
#include "conf/check.h"
#include "conf/expand.h"
#include "conf/keys.h"
#include "conf/read.h"
#include "conf/reader.h"

enum { SOURCES_MAX = 1024 };

struct loader {
    struct draft *draft;
    struct files *files;
    struct diags *diags;
    const char *main_path; /* absolute */
    struct node *root;     /* all files in one */
    const char *directories[SOURCES_MAX];
    const char *paths[SOURCES_MAX];
    size_t count;
    uint32_t first; /* index of the main file in diags */
};

static struct read_base base_of(const struct loader *l)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets the environment */
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    bool set = credentials != NULL && credentials[0] == '/';
    return (struct read_base){l->directories, l->count, l->first, set ? credentials : NULL};
}

/* Where systemd keeps the state of the service, or would keep it. */
static const char *state_directory(struct arena *a)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets the environment */
    const char *given = getenv("STATE_DIRECTORY");
    struct str first = STR_NONE;
    struct str others = STR_NONE;
    if (given == NULL || given[0] != '/') {
        return "/var/lib/countersign";
    }
    (void)str_cut(str_of(given), ':', &first, &others);
    return arena_dup(a, first).p;
}

/* The directory of an absolute path, "/" for the root; NULL without memory. */
static const char *directory_of(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash != NULL ? (size_t)(slash - path) : 0;
    return arena_dup(a, n > 0 ? (struct str){path, n} : STR("/")).p;
}

/* path from the working directory; NULL without memory or working directory. */
static const char *from_here(struct arena *a, const char *path)
{
    char here[4096];
    if (path[0] == '/') {
        return arena_dup(a, str_of(path)).p;
    }
    if (getcwd(here, sizeof(here)) == NULL) {
        return NULL;
    }
    const struct read_base base = {(const char *const[]){here}, 1, 0, NULL};
    return reader_absolute(a, &base, 0, str_of(path));
}

/* Secrets that do not belong here, but may stand in the URI of a key all the same. */
static void mask_secrets(struct diags *d, uint32_t file)
{
    static const char *const keys[] = {"pin-value=", "pin=", "password=", "passphrase="};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        diags_mask(d, file, str_of(keys[i]));
    }
}

/* Read one file to a tree. shown: its name as it is printed and read; at: who included it, line 0
 * for the main file. Returns 0; -ERR_MALFORMED, reported; -ERR_NOMEM. */
static int read_source(struct loader *l, const char *shown, const char *absolute,
                       struct conf_pos at, struct node **root)
{
    struct err e = {0};
    struct str text;
    int rc = files_read(l->files, shown, &text, &e);
    if (rc != 0) {
        diag_add(l->diags, DIAG_ERROR, at, at.line > 0 ? "include" : NULL,
                 at.line > 0 ? NULL : "Name the file with -c FILE.", "%s", e.text);
        return rc == -ERR_NOMEM ? rc : -ERR_MALFORMED;
    }
    files_pin(l->files, shown);
    uint32_t index = diags_source(l->diags, shown, text);
    mask_secrets(l->diags, index);
    l->first = l->count == 0 ? index : l->first;
    l->paths[l->count] = absolute;
    l->directories[l->count] = directory_of(&l->draft->arena, absolute);
    if (index != l->first + l->count || l->directories[l->count] == NULL) {
        return -ERR_NOMEM;
    }
    l->count++;
    rc = yaml_read(&l->draft->arena, l->diags, index, text, root);
    if (rc == 0 && *root != NULL && (*root)->kind != NODE_MAP) {
        diag_add(l->diags, DIAG_ERROR, (*root)->at, NULL, "Write \"key: value\" lines.",
                 "a configuration is a section, with keys such as listeners and routes");
        rc = -ERR_MALFORMED;
    }
    return rc;
}

/* Take the children of one section or map over to another. */
static void append_children(struct node *to, struct node *from)
{
    for (struct node *n = from->first; n != NULL;) {
        struct node *next = n->next;
        node_append(to, n);
        n = next;
    }
}

/* Join an included file's tree with what there is: lists of sections, sections and maps grow;
 * everything else given twice stays, for read_draft to report. */
static void merge(struct node *root, struct node *from)
{
    for (struct node *n = from->first; n != NULL;) {
        struct node *next = n->next;
        const struct key *k = keys_find(&keys_root, n->key);
        struct node *there = node_find(root, n->key);
        bool list = k != NULL && k->type == KEY_LIST && n->kind == NODE_LIST;
        bool map = k != NULL && k->type != KEY_LIST && n->kind == NODE_MAP;
        if (there != NULL && there->at.file != n->at.file && there->kind == n->kind &&
            (list || map)) {
            append_children(there, n);
        } else {
            node_append(root, n);
        }
        n = next;
    }
}

static bool is_read(const struct loader *l, const char *path)
{
    for (size_t i = 0; i < l->count; i++) {
        if (strcmp(l->paths[i], path) == 0) {
            return true;
        }
    }
    return false;
}

static int include_file(struct loader *l, const char *path, struct conf_pos at)
{
    struct node *root = NULL;
    if (is_read(l, path)) {
        return 0;
    }
    if (l->count == SOURCES_MAX) {
        diag_add(l->diags, DIAG_ERROR, at, "include", NULL, "more than %d files", SOURCES_MAX);
        return -ERR_MALFORMED;
    }
    int rc = read_source(l, path, path, at, &root);
    if (rc != 0 || root == NULL) {
        return rc;
    }
    const struct node *again = node_find(root, STR("include"));
    if (again != NULL) {
        diag_add(l->diags, DIAG_ERROR, again->key_at, "include", "Name the files in the main file.",
                 "only the main file may include others");
        return -ERR_MALFORMED;
    }
    merge(l->root, root);
    return 0;
}

/* Read the files of one pattern. Returns the first failure, after all were tried. */
static int include_pattern(struct loader *l, const struct node *n)
{
    struct err e = {0};
    struct str text = STR("");
    struct arena *a = &l->draft->arena;
    const struct read_base base = base_of(l);
    const char *const *paths = NULL;
    size_t count = 0;
    if (n->kind != NODE_SCALAR || n->text.n == 0 || expand(a, n->text, &text, &e) != 0) {
        return 0; /* read_draft reports it, as the row says what is expected */
    }
    const char *pattern = reader_absolute(a, &base, n->at.file, text);
    if (pattern == NULL) {
        return -ERR_NOMEM;
    }
    int rc = files_glob(l->files, pattern, &paths, &count, &e);
    if (rc != 0) {
        diag_add(l->diags, DIAG_ERROR, n->at, "include", NULL, "%s", e.text);
        return rc == -ERR_NOMEM ? rc : -ERR_MALFORMED;
    }
    files_pin(l->files, pattern);
    if (count == 0 && strpbrk(pattern, "*?[") == NULL) {
        diag_add(l->diags, DIAG_ERROR, n->at, "include", NULL, "there is no file %s", pattern);
        return -ERR_MALFORMED;
    }
    for (size_t i = 0; i < count && rc != -ERR_NOMEM; i++) {
        int one = include_file(l, paths[i], n->at);
        rc = one != 0 ? one : rc;
    }
    return rc;
}

static int include_all(struct loader *l)
{
    const struct node *list = l->root != NULL ? node_find(l->root, STR("include")) : NULL;
    int rc = 0;
    if (list == NULL || list->kind != NODE_LIST) {
        return 0;
    }
    for (const struct node *n = list->first; n != NULL && rc != -ERR_NOMEM; n = n->next) {
        int one = include_pattern(l, n);
        rc = one != 0 ? one : rc;
    }
    return rc;
}

static int load_all(struct loader *l, const char *path)
{
    l->main_path = from_here(&l->draft->arena, path);
    l->draft->state_dir = state_directory(&l->draft->arena);
    if (l->main_path == NULL || l->draft->state_dir == NULL) {
        return -ERR_NOMEM;
    }
    int rc = read_source(l, path, l->main_path, (struct conf_pos){0}, &l->root);
    if (rc != 0) {
        return rc;
    }
    l->draft->main_file = l->first;
    int included = include_all(l);
    if (included == -ERR_NOMEM) {
        return included;
    }
    const struct read_base base = base_of(l);
    rc = read_draft(l->draft, l->root, &base, l->files, l->diags);
    if (rc != 0) {
        return rc;
    }
    draft_sort(l->draft);
    rc = build_conf(l->draft);
    /* With a file left out, what is missing may stand in it. */
    if (rc == 0 && included == 0) {
        check_draft(l->draft, l->diags);
    }
    return rc;
}

struct conf *conf_load(const char *path, struct files *files, struct diags *diags)
{
    size_t before = diags_errors(diags);
    struct loader l = {.draft = draft_new(), .files = files, .diags = diags};
    int rc = l.draft != NULL ? load_all(&l, path) : -ERR_NOMEM;
    if (rc == -ERR_NOMEM) {
        diag_add(diags, DIAG_ERROR, (struct conf_pos){0}, NULL, NULL, "out of memory");
    }
    if (rc != 0 || diags_errors(diags) > before) {
        draft_free(l.draft);
        return NULL;
    }
    return &l.draft->conf;
}

/* The draft around c, for those who may change it. */
static struct draft *owner(struct conf *c)
{
    return (struct draft *)(void *)c;
}

struct conf *conf_ref(struct conf *c)
{
    owner(c)->refs++;
    return c;
}

void conf_unref(struct conf *c)
{
    if (c != NULL && --owner(c)->refs == 0) {
        draft_free(owner(c));
    }
}
