/* Owns: the table of users by normalised name, and their rules. Leaves the files to store/htpasswd
 * and store/fields. Loop thread. */
#include "auth/users.h"

#include <stdlib.h>

#include "auth/pairing.h"
#include "auth/store/fields.h"
#include "auth/store/htpasswd.h"
#include "auth/store/pwhash.h"
#include "base/mem.h"

#define COSTS_MAX 32 /* kinds and costs that are told apart when the most frequent is sought */

struct row {
    struct str normal; /* normalised name; borrows users.names */
    struct user *user; /* a reference */
    unsigned line;
};

struct users {
    unsigned refs;
    struct conf_identity rule;
    char *names;      /* owned: the normalised names, one after another */
    struct row *rows; /* owned; by normal */
    size_t n;
    bool any_without_certificate;
    char decoy[PWHASH_MAX + 1];
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

static struct row *find_row(const struct users *u, struct str name)
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
static int fill_rows(struct users *u, const struct htpasswd *file, const struct conf_users *conf,
                     struct diags *diags)
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

static int sort_rows(struct users *u, const struct conf_users *conf, struct diags *diags)
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

/* A line of the file of fields belongs to whose name it holds, not to whom it normalises to: both
 * files are kept by hand or by "countersign user" side by side. */
static int apply_fields(struct users *u, const struct conf_users *conf, struct str text,
                        struct diags *diags)
{
    struct fields_file *fields = fields_file_read(conf->fields.p, text, diags);
    if (fields == NULL) {
        return -ERR_MALFORMED;
    }
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
    fields_file_free(fields);
    return rc;
}

static int load_fields(struct users *u, const struct conf_users *conf, struct files *files,
                       struct diags *diags)
{
    struct err e = {0};
    struct str text = STR_NONE;
    if (files_read(files, conf->fields.p, &text, &e) != 0) {
        diag_add(diags, DIAG_ERROR, conf->fields.at, "users.fields", NULL, "%s", e.text);
        return -ERR_IO;
    }
    return apply_fields(u, conf, text, diags);
}

/* What the configuration says of a user goes before what the store says. */
static int apply_rules(struct users *u, const struct conf_users *conf, struct diags *diags)
{
    for (size_t i = 0; i < u->n; i++) {
        struct user *user = u->rows[i].user;
        user->certificate_required = user->certificate == USER_CERTIFICATE_UNSET
                                         ? conf->certificate != CONF_NEED_OPTIONAL
                                         : user->certificate != USER_CERTIFICATE_OPTIONAL;
    }
    int rc = 0;
    bool *has_rule = mem_calloc(u->n, sizeof(*has_rule));
    if (has_rule == NULL) {
        diag_add(diags, DIAG_ERROR, conf->htpasswd.at, "users.rules", NULL, "out of memory");
        return -ERR_NOMEM;
    }
    for (size_t i = 0; i < conf->rule_count; i++) {
        const struct conf_user_rule *rule = &conf->rules[i];
        struct row *row = find_row(u, str_of(rule->name.p));
        if (row == NULL) {
            diag_add(diags, DIAG_WARNING, rule->name.at, "users.rules", NULL,
                     "there is no user of this name, so the rule has no effect");
            continue;
        }
        if (has_rule[row - u->rows]) {
            diag_add(diags, DIAG_ERROR, rule->name.at, "users.rules", "Keep one of the rules.",
                     "there is already a rule for this user");
            rc = -ERR_MALFORMED;
        }
        has_rule[row - u->rows] = true;
        row->user->certificate_required = rule->certificate != CONF_NEED_OPTIONAL;
    }
    mem_free(has_rule);
    for (size_t i = 0; i < u->n; i++) {
        u->any_without_certificate |= !u->rows[i].user->certificate_required;
    }
    return rc;
}

/* A hash of the kind and cost that most users have; empty without users. */
static struct str typical_hash(const struct users *u)
{
    struct {
        struct str cost;
        struct str hash;
        size_t users;
    } seen[COSTS_MAX];
    size_t n = 0;
    size_t best = 0;
    for (size_t i = 0; i < u->n; i++) {
        struct str cost = pwhash_cost(u->rows[i].user->hash);
        size_t k = 0;
        while (k < n && !str_eq(seen[k].cost, cost)) {
            k++;
        }
        if (k == COSTS_MAX) {
            continue;
        }
        if (k == n) {
            seen[n].cost = cost;
            seen[n].hash = u->rows[i].user->hash;
            seen[n++].users = 0;
        }
        seen[k].users++;
        best = seen[k].users > seen[best].users ? k : best;
    }
    return n > 0 ? seen[best].hash : STR_NONE;
}

static int load_file(struct users *u, const struct conf_users *conf, struct files *files,
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
    struct htpasswd *file = htpasswd_read(conf->htpasswd.p, text, diags);
    if (file == NULL) {
        return -ERR_MALFORMED;
    }
    int rc = fill_rows(u, file, conf, diags);
    htpasswd_free(file);
    rc = rc == 0 ? sort_rows(u, conf, diags) : rc;
    return rc == 0 && conf->fields.p != NULL ? load_fields(u, conf, files, diags) : rc;
}

struct users *users_load(const struct conf_users *conf, const struct conf_identity *identity,
                         struct files *files, struct diags *diags)
{
    struct users *u = mem_calloc(1, sizeof(*u));
    if (u == NULL) {
        diag_add(diags, DIAG_ERROR, conf->htpasswd.at, "users", NULL, "out of memory");
        return NULL;
    }
    u->refs = 1;
    u->rule = *identity;
    int rc = conf->htpasswd.p != NULL ? load_file(u, conf, files, diags) : 0;
    rc = rc == 0 ? apply_rules(u, conf, diags) : rc;
    if (rc == 0) {
        rc = pwhash_decoy(typical_hash(u), u->decoy);
        if (rc != 0) {
            diag_add(diags, DIAG_ERROR, conf->htpasswd.at, "users", NULL,
                     "libcrypt cannot make a password hash");
        }
    }
    if (rc != 0) {
        users_unref(u);
        return NULL;
    }
    return u;
}

struct users *users_ref(struct users *u)
{
    u->refs++;
    return u;
}

void users_unref(struct users *u)
{
    if (u == NULL || --u->refs > 0) {
        return;
    }
    for (size_t i = 0; i < u->n; i++) {
        user_unref(u->rows[i].user);
    }
    mem_free(u->names);
    mem_free(u->rows);
    mem_wipe(u, sizeof(*u));
    mem_free(u);
}

enum users_found users_find(struct users *u, struct str name, users_done_fn done, void *arg,
                            struct users_ticket **ticket, const struct user **user)
{
    (void)done;
    (void)arg;
    (void)ticket;
    const struct row *row = find_row(u, name);
    if (row == NULL) {
        return USERS_NONE;
    }
    *user = user_ref(row->user);
    return USERS_FOUND;
}

void users_cancel(struct users_ticket *ticket)
{
    (void)ticket;
}

bool users_any_without_certificate(const struct users *u)
{
    return u->any_without_certificate;
}

struct str users_decoy(const struct users *u)
{
    return str_of(u->decoy);
}

size_t users_count(const struct users *u)
{
    return u->n;
}
