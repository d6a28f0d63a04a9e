/* A user table out of texts: for the tests of the gate. */
#ifndef TESTS_UNIT_AUTH_USERS_LAB_H
#define TESTS_UNIT_AUTH_USERS_LAB_H

#include "auth/users.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#define USERS_LAB_HASH "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=" /* "secret" */

static const struct conf_identity users_lab_rule = {.fold_domain = true};

/* The users of an htpasswd text, with a text of fields (NULL: none) and n rules. */
static inline struct users *users_lab(const char *htpasswd, const char *fields,
                                      struct conf_user_rule *rules, size_t n)
{
    char path[TMPDIR_PATH_MAX];
    char fields_path[TMPDIR_PATH_MAX];
    struct tmpdir dir;
    tmpdir_make(&dir);
    tmpdir_write(&dir, "users", htpasswd, strlen(htpasswd));
    struct conf_users conf = {
        .htpasswd = {.p = tmpdir_path(&dir, "users", path)}, .rules = rules, .rule_count = n};
    if (fields != NULL) {
        tmpdir_write(&dir, "fields", fields, strlen(fields));
        conf.fields.p = tmpdir_path(&dir, "fields", fields_path);
    }
    struct files *files = files_new();
    struct diags *diags = diags_new();
    struct users *u = users_load(&conf, &users_lab_rule, files, diags);
    assert_non_null(u);
    diags_free(diags);
    files_free(files);
    tmpdir_remove(&dir);
    return u;
}

#endif
