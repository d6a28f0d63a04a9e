/* The table of users: found by normalised name, with their rules; the decoy looks like the many. */
#include <stdlib.h>
#include <sys/stat.h>

#include "auth/store/pwhash.h"
#include "auth/users.h"
#include "base/mem.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#define H5 "$5$rounds=1000$saltsalt$eKLZU9t9OoPWrqOQsoTIKG0aYkZ5rGOoOQhiIvoSWX2"
#define H1 "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="
#define HB "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"
#define HC "$2b$05$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"

/* Everything a load needs, and what it gave. */
struct load {
    struct tmpdir dir;
    char path[TMPDIR_PATH_MAX];
    struct files *files;
    struct diags *diags;
    struct users *users;
};

static void begin(struct load *l, const char *text)
{
    tmpdir_make(&l->dir);
    (void)tmpdir_path(&l->dir, "users", l->path);
    if (text != NULL) {
        tmpdir_write(&l->dir, "users", text, strlen(text));
    }
    l->files = files_new();
    l->diags = diags_new();
}

static void load(struct load *l, const char *text, struct conf_users conf,
                 struct conf_identity identity)
{
    begin(l, text);
    conf.htpasswd.p = l->path;
    l->users = users_load(&conf, &identity, l->files, l->diags);
}

static void end(struct load *l)
{
    users_unref(l->users);
    diags_free(l->diags);
    files_free(l->files);
    tmpdir_remove(&l->dir);
}

/* As users_find() of a file, which answers at once; the reference in *out is the caller's. */
static bool find(struct users *u, struct str name, const struct user **out)
{
    *out = NULL;
    enum users_found found = users_find(u, name, NULL, NULL, NULL, out);
    assert_true(found == USERS_FOUND || found == USERS_NONE);
    assert_true((*out != NULL) == (found == USERS_FOUND));
    return found == USERS_FOUND;
}

/* Whether a user who must be there needs a certificate. */
static bool needs_certificate(struct users *u, struct str name)
{
    const struct user *user = NULL;
    assert_true(find(u, name, &user));
    bool required = user->certificate_required;
    user_unref(user);
    return required;
}

static void test_find(void **state)
{
    (void)state;
    struct load l;
    load(&l, "Alice@Example.com:" H5 "\nbob:" H1 "\n", (struct conf_users){0},
         (struct conf_identity){.fold_domain = true});
    assert_non_null(l.users);
    const struct {
        const char *says;
        struct str name;
        const char *found; /* NULL: nobody */
    } rows[] = {
        {"as it stands in the file", STR("Alice@Example.com"), "Alice@Example.com"},
        {"the domain is folded", STR("Alice@EXAMPLE.COM"), "Alice@Example.com"},
        {"the local part is not", STR("alice@example.com"), NULL},
        {"without a domain", STR("bob"), "bob"},
        {"not folded", STR("Bob"), NULL},
        {"a part of a name", STR("bo"), NULL},
        {"more than a name", STR("bob "), NULL},
        {"a NUL behind a name", STR("bob\0"), NULL},
        {"nothing", STR(""), NULL},
        {"a name that is no UTF-8", STR("b\xffob"), NULL},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct user *user = NULL;
        bool found = find(l.users, rows[i].name, &user);
        CHECK_ROW(rows[i].says, found == (rows[i].found != NULL));
        if (found) {
            CHECK_STR(rows[i].says, user->name, str_of(rows[i].found));
            CHECK_ROW(rows[i].says, user->certificate_required);
        }
        user_unref(user);
    }
    struct users *again = users_ref(l.users);
    users_unref(again);
    end(&l);
    users_unref(NULL);
}

static void test_rules(void **state)
{
    (void)state;
    struct load l;
    struct conf_user_rule rules[] = {
        {.name = {.p = "bob"}, .certificate = CONF_NEED_OPTIONAL},
        {.name = {.p = "nobody"}, .certificate = CONF_NEED_OPTIONAL},
    };
    load(&l, "alice:" H5 "\nbob:" H1 "\n",
         (struct conf_users){.rules = rules, .rule_count = ROWS(rules)}, (struct conf_identity){0});
    assert_non_null(l.users);
    assert_int_equal(diags_warnings(l.diags), 2); /* a weak hash, a rule for nobody */
    assert_true(needs_certificate(l.users, STR("alice")));
    assert_false(needs_certificate(l.users, STR("bob")));
    assert_true(users_any_without_certificate(l.users));
    end(&l);

    rules[0].certificate = CONF_NEED_REQUIRED;
    load(&l, "alice:" H5 "\nbob:" H5 "\n",
         (struct conf_users){.certificate = CONF_NEED_OPTIONAL, .rules = rules, .rule_count = 1},
         (struct conf_identity){0});
    assert_non_null(l.users);
    assert_false(needs_certificate(l.users, STR("alice")));
    assert_true(needs_certificate(l.users, STR("bob")));
    end(&l);

    load(&l, "alice:" H5 "\n", (struct conf_users){0}, (struct conf_identity){0});
    assert_false(users_any_without_certificate(l.users));
    end(&l);
}

static void test_refused(void **state)
{
    (void)state;
    struct conf_user_rule twice[] = {
        {.name = {.p = "alice"}, .certificate = CONF_NEED_OPTIONAL},
        {.name = {.p = "ALICE"}, .certificate = CONF_NEED_REQUIRED},
    };
    const struct {
        const char *says;
        const char *text;
        struct conf_users conf;
        struct conf_identity identity;
    } rows[] = {
        {"no such file", NULL, {.rule_count = 0}, {.fold_domain = false}},
        {"a bad line", "alice:secret\n", {.rule_count = 0}, {.fold_domain = false}},
        {"two names that are one when folded",
         "a@b.c:" H5 "\na@B.c:" H5 "\n",
         {.rule_count = 0},
         {.fold_domain = true}},
        {"two rules for one user",
         "alice:" H5 "\n",
         {.rules = twice, .rule_count = 2},
         {.fold_local_part = true}},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct load l;
        load(&l, rows[i].text, rows[i].conf, rows[i].identity);
        CHECK_ROW(rows[i].says, l.users == NULL);
        CHECK_ROW(rows[i].says, diags_errors(l.diags) == 1);
        end(&l);
    }
    struct load l;
    load(&l, "a@b.c:" H5 "\na@B.c:" H5 "\n", (struct conf_users){0}, (struct conf_identity){0});
    assert_non_null(l.users); /* two users while nothing is folded */
    end(&l);
}

static void test_decoy(void **state)
{
    (void)state;
    const struct {
        const char *says;
        const char *text;
        const char *cost;
    } rows[] = {
        {"no users: yescrypt", "", "$y$j9T$"},
        {"one user", "a:" HB "\n", "$2b$04$"},
        {"the most frequent kind", "a:" H1 "\nb:" H5 "\nc:" H5 "\n", "$5$rounds=1000$"},
        {"the most frequent cost", "a:" HB "\nb:" HC "\nc:" HC "\nd:" H1 "\n", "$2b$05$"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct load l;
        load(&l, rows[i].text, (struct conf_users){0}, (struct conf_identity){0});
        assert_non_null(l.users);
        CHECK_STR(rows[i].says, pwhash_cost(users_decoy(l.users)), str_of(rows[i].cost));
        end(&l);
    }
}

static void test_no_file(void **state)
{
    (void)state;
    struct files *files = files_new();
    struct diags *diags = diags_new();
    const struct user *user = NULL;
    struct users *u = users_load(&(struct conf_users){0}, &(struct conf_identity){0}, files, diags);
    assert_non_null(u);
    assert_false(find(u, STR("alice"), &user));
    assert_int_equal(pwhash_kind(users_decoy(u)), PWHASH_YESCRYPT);
    users_unref(u);
    diags_free(diags);
    files_free(files);
}

static void test_fields(void **state)
{
    (void)state;
    struct load l;
    char path[TMPDIR_PATH_MAX];
    static const char fields[] = "# who may do what\n"
                                 "alice certificate=optional groups=a,b\n"
                                 "bob certificate=required totp=00ff totp_required=yes\r\n"
                                 "Bob disabled=yes\n"
                                 "nobody disabled=yes\n";
    struct conf_user_rule rules[] = {{.name = {.p = "bob"}, .certificate = CONF_NEED_OPTIONAL}};
    begin(&l, "alice:" H5 "\nbob:" H5 "\n");
    tmpdir_write(&l.dir, "fields", fields, sizeof(fields) - 1);
    assert_int_equal(chmod(tmpdir_path(&l.dir, "fields", path), 0644), 0);
    struct conf_users conf = {
        .htpasswd = {.p = l.path}, .fields = {.p = path}, .rules = rules, .rule_count = 1};
    l.users = users_load(&conf, &(struct conf_identity){0}, l.files, l.diags);
    assert_non_null(l.users);
    /* Bob and nobody are not there, and bob's secret is open to others. */
    assert_int_equal(diags_warnings(l.diags), 3);
    assert_false(needs_certificate(l.users, STR("alice")));
    assert_false(needs_certificate(l.users, STR("bob"))); /* the configuration wins */
    const struct user *user = NULL;
    assert_true(find(l.users, STR("alice"), &user));
    CHECK_STR("the hash stays", user->hash, STR(H5));
    assert_int_equal(user->group_count, 2);
    user_unref(user);
    assert_true(find(l.users, STR("bob"), &user));
    assert_false(user->disabled);
    assert_true(user->totp_required);
    CHECK_STR("raw octets", user->totp_secret, STR("\0\377"));
    end(&l);
    CHECK_STR("a record outlives its table", user->name, STR("bob"));
    user_unref(user);

    begin(&l, "alice:" H5 "\n");
    tmpdir_write(&l.dir, "fields", "alice disabled=maybe\n", 21);
    conf = (struct conf_users){.htpasswd = {.p = l.path},
                               .fields = {.p = tmpdir_path(&l.dir, "fields", path)}};
    l.users = users_load(&conf, &(struct conf_identity){0}, l.files, l.diags);
    assert_null(l.users);
    assert_int_equal(diags_errors(l.diags), 1);
    conf.fields.p = "/nonexistent/fields";
    assert_null(users_load(&conf, &(struct conf_identity){0}, l.files, l.diags));
    end(&l);
}

/* Fails unless all that was told is that memory ran out. */
static void check_told(const struct diags *d, unsigned long nth)
{
    struct buf out;
    buf_init(&out, 1 << 16);
    assert_int_equal(diags_render(d, &out), 0);
    struct str rest = buf_str(&out);
    struct str line = STR_NONE;
    size_t lines = 0;
    while (rest.n > 0) {
        (void)str_cut(rest, '\n', &line, &rest);
        lines++;
        if (memmem(line.p, line.n, "out of memory", 13) == NULL) {
            fail_msg("allocation %lu: told %.*s", nth, STR_ARG(line));
        }
    }
    assert_true(lines > 0);
    buf_release(&out);
}

static void test_memory(void **state)
{
    (void)state;
    struct conf_user_rule rule = {.name = {.p = "bob"}, .certificate = CONF_NEED_OPTIONAL};
    for (int forever = 0; forever < 2; forever++) {
        bool failed = true;
        for (unsigned long nth = 1; failed; nth++) {
            struct load l;
            char path[TMPDIR_PATH_MAX];
            begin(&l, "alice:" H5 "\nbob:" H5 "\n");
            tmpdir_write(&l.dir, "fields", "bob groups=a\nalice company=Acme\n", 32);
            struct conf_users conf = {.htpasswd = {.p = l.path},
                                      .fields = {.p = tmpdir_path(&l.dir, "fields", path)},
                                      .rules = &rule,
                                      .rule_count = 1};
            mem_fail_after(nth, forever == 1);
            l.users = users_load(&conf, &(struct conf_identity){0}, l.files, l.diags);
            failed = mem_allocations() >= nth;
            mem_fail_after(0, false);
            assert_true((l.users != NULL) != failed);
            if (failed) {
                check_told(l.diags, nth);
            }
            end(&l);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),    cmocka_unit_test(test_rules),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_decoy),
        cmocka_unit_test(test_no_file), cmocka_unit_test(test_fields),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
