/* The database of users while memory runs out in SQLite or our own code: a change is there wholly
 * or not at all, and whoever else wants to write can. */
#include <stdlib.h>

#include "auth/store/sqlite.h"
#include "base/mem.h"
#include "tests/support/check.h"
#include "tests/support/sqlite_memory.h"
#include "tests/support/tmpdir.h"

#define H1 "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="

static struct tmpdir dir;
static char path[TMPDIR_PATH_MAX];

static int make_dir(void **state)
{
    (void)state;
    tmpdir_make(&dir);
    (void)tmpdir_path(&dir, "users.db", path);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    tmpdir_remove(&dir);
    return 0;
}

static struct store *opened(void)
{
    struct err e = {0};
    struct store *s = sqlite_open(path, SQLITE_MODE_CREATE, &e);
    if (s == NULL) {
        fail_msg("%s", e.text);
    }
    return s;
}

/* Sets the hash, and the company to what arg says. */
static int edit(void *arg, struct user_draft *d, struct err *e)
{
    d->user.hash = STR(H1);
    return user_draft_set(d, STR("company"), str_of(arg)) == NULL
               ? 0
               : err_set(e, ERR_MALFORMED, "refused");
}

static int change(struct store *s, enum store_change what, const char *name, const char *company,
                  struct err *e)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%s", company);
    return store_change(s, what, str_of(name), edit, text, e);
}

static int add(struct store *s, struct err *e)
{
    return change(s, STORE_ADD, "new", "Acme", e);
}

static int set(struct store *s, struct err *e)
{
    return change(s, STORE_SET, "old", "Acme", e);
}

static int drop(struct store *s, struct err *e)
{
    return change(s, STORE_DELETE, "old", "", e);
}

static int several(struct store *s, struct err *e)
{
    int rc = sqlite_begin(s, e);
    if (rc != 0) {
        return rc;
    }
    rc = add(s, e);
    rc = rc == 0 ? set(s, e) : rc;
    int ended = sqlite_end(s, rc == 0, e);
    return rc == 0 ? ended : rc;
}

/* One who goes on behind a change that failed: what follows must not stand alone. */
static int several_regardless(struct store *s, struct err *e)
{
    int rc = sqlite_begin(s, e);
    if (rc != 0) {
        return rc;
    }
    rc = add(s, e);
    int last = set(s, e);
    rc = rc == 0 ? last : rc;
    int ended = sqlite_end(s, rc == 0, e);
    return rc == 0 ? ended : rc;
}

static bool collect(void *arg, const struct user *u)
{
    char *text = arg;
    size_t n = strlen(text);
    (void)snprintf(text + n, 256 - n, "%.*s(%.*s) ", STR_ARG(u->name), STR_ARG(u->company));
    return true;
}

static void look(struct store *s, char out[256])
{
    out[0] = '\0';
    assert_int_equal(store_each(s, &(struct store_page){{NULL, 0}, 0}, collect, out, NULL), 0);
}

static const struct step {
    const char *says;
    int (*take)(struct store *s, struct err *e);
    const char *after; /* all that is there if it succeeded */
} steps[] = {
    {"add", add, "new(Acme) old() "},
    {"set", set, "old(Acme) "},
    {"delete", drop, ""},
    {"several at once", several, "new(Acme) old(Acme) "},
    {"several, whatever became of the first", several_regardless, "new(Acme) old(Acme) "},
};

static void check_end(const struct step *s, unsigned long nth, int rc, const struct err *e)
{
    char text[256];
    struct store *other = opened();
    look(other, text);
    if (strcmp(text, rc == 0 ? s->after : "old() ") != 0) {
        fail_msg("%s, allocation %lu: %d (%s), and there is %s", s->says, nth, rc, e->text, text);
    }
    if (rc != 0 && (rc != -ERR_NOMEM || strstr(e->text, "out of memory") == NULL)) {
        fail_msg("%s, allocation %lu: %d (%s)", s->says, nth, rc, e->text);
    }
    if (change(other, STORE_ADD, "other", "", NULL) != 0) {
        fail_msg("%s, allocation %lu: nobody else can write", s->says, nth);
    }
    assert_int_equal(change(other, STORE_DELETE, "other", "", NULL), 0);
    store_close(other);
}

/* The step with the nth allocation failing, and all behind it if forever. Returns how many there
 * were; *refused counts. */
static unsigned long starve(const struct step *s, unsigned long nth, bool forever, size_t *refused)
{
    struct err e = {0};
    struct store *writer = opened();
    (void)change(writer, STORE_DELETE, "old", "", NULL);
    (void)change(writer, STORE_DELETE, "new", "", NULL);
    assert_int_equal(change(writer, STORE_ADD, "old", "", NULL), 0);
    library_memory_fails = true;
    mem_fail_after(nth, forever);
    int rc = s->take(writer, &e);
    unsigned long n = mem_allocations();
    mem_fail_after(0, false);
    library_memory_fails = false;
    check_end(s, nth, rc, &e);
    *refused += rc != 0 ? 1 : 0;
    if (rc != 0) {
        rc = s->take(writer, &e);
        err_clear(&e);
        check_end(s, nth, rc, &e);
    }
    CHECK_ROW(s->says, rc == 0);
    store_close(writer);
    return n;
}

static void test_steps(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(steps); i++) {
        size_t refused = 0;
        unsigned long needed = starve(&steps[i], 0, false, &refused);
        CHECK_ROW(steps[i].says, refused == 0);
        for (unsigned long nth = 1; nth <= needed; nth++) {
            (void)starve(&steps[i], nth, needed > 40 && nth % 2 == 0, &refused);
            if (needed <= 40) {
                (void)starve(&steps[i], nth, true, &refused);
            }
        }
        print_message("%s: %lu allocations, refused %zu times\n", steps[i].says, needed, refused);
        CHECK_ROW(steps[i].says, refused > 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_steps, make_dir, remove_dir)};
    if (!sqlite_memory_ours()) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
