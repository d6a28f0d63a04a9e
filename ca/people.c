/* Owns: the open store, whose an account is, and what makes it one that may act. */
#include "ca/people.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "auth/pairing.h"
#include "auth/store/sqlite.h"
#include "auth/store/store.h"
#include "base/clock.h"
#include "base/mem.h"

enum { FILES = 2 };

/* What shows that a file is another than it was. */
struct stamp {
    struct timespec changed;
    off_t size;
    ino_t inode;
};

struct people {
    struct store *store;
    struct diags *diags;
    struct conf_identity rule;
    bool is_database;
    char *paths[FILES]; /* owned; NULL: none */
    struct stamp stamps[FILES];
    bool looked;
};

/* What a database commits stands in its log first. */
static bool note_paths(struct people *p, const struct conf_users *conf)
{
    static const char log[] = "-wal";
    const char *first = conf->store.p != NULL ? conf->store.p : conf->htpasswd.p;
    const char *second = conf->store.p != NULL ? conf->store.p : conf->fields.p;
    size_t n = second != NULL ? strlen(second) : 0;
    p->paths[0] = first != NULL ? mem_dup(first, strlen(first)) : NULL;
    p->paths[1] = second != NULL ? mem_alloc(n + sizeof(log)) : NULL;
    if (p->paths[1] != NULL) {
        (void)snprintf(p->paths[1], n + sizeof(log), "%s%s", second,
                       conf->store.p != NULL ? log : "");
    }
    return (first == NULL || p->paths[0] != NULL) && (second == NULL || p->paths[1] != NULL);
}

bool people_changed(struct people *p)
{
    bool changed = !p->looked;
    for (size_t i = 0; i < FILES; i++) {
        struct stat s;
        struct stamp now = {.size = -1};
        if (p->paths[i] != NULL && stat(p->paths[i], &s) == 0) {
            now = (struct stamp){s.st_mtim, s.st_size, s.st_ino};
        }
        const struct stamp *was = &p->stamps[i];
        changed = changed || now.size != was->size || now.inode != was->inode ||
                  now.changed.tv_sec != was->changed.tv_sec ||
                  now.changed.tv_nsec != was->changed.tv_nsec;
        p->stamps[i] = now;
    }
    p->looked = true;
    return changed;
}

/* Another file may have taken the place of a database. */
static int refresh(struct people *p, struct err *e)
{
    uint64_t version = 0;
    if (!p->is_database || sqlite_version(p->store, &version, NULL) != -ERR_CLOSED) {
        return 0;
    }
    struct store *store = sqlite_open(p->paths[0], SQLITE_MODE_READ, e);
    if (store == NULL) {
        return -ERR_UNAVAILABLE;
    }
    store_close(p->store);
    p->store = store;
    return 0;
}

int people_each(struct people *p, bool (*each)(void *arg, const struct user *u), void *arg,
                struct err *e)
{
    static const struct store_page all = {.limit = 0};
    int rc = refresh(p, e);
    return rc == 0 ? store_each(p->store, &all, each, arg, e) : rc;
}

int people_open(const struct conf_users *conf, const struct conf_identity *rule,
                struct people **out, struct err *e)
{
    *out = NULL;
    if (conf->store.p == NULL && conf->htpasswd.p == NULL) {
        return 0;
    }
    struct people *p = mem_calloc(1, sizeof(*p));
    if (p == NULL || (p->diags = diags_new()) == NULL || !note_paths(p, conf)) {
        people_close(p);
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    p->rule = *rule;
    p->is_database = conf->store.p != NULL;
    p->store = p->is_database ? sqlite_open(conf->store.p, SQLITE_MODE_READ, e)
                              : store_of_files(conf->htpasswd.p, conf->fields.p, p->diags, e);
    if (p->store == NULL) {
        people_close(p);
        return -(int)(e != NULL && e->code != ERR_OK ? e->code : ERR_IO);
    }
    *out = p;
    return 0;
}

void people_close(struct people *p)
{
    if (p != NULL) {
        store_close(p->store);
        diags_free(p->diags);
        for (size_t i = 0; i < FILES; i++) {
            mem_free(p->paths[i]);
        }
        mem_free(p);
    }
}

/* The account whose normalised name is this. */
struct sought {
    const struct conf_identity *rule;
    struct str name;
    struct user *found;
    bool twice;
    bool failed;
};

static bool take_sought(void *arg, const struct user *u)
{
    struct sought *s = arg;
    char name[PAIRING_NAME_MAX];
    size_t n = 0;
    if (!pairing_normalise(u->name, s->rule, name, &n) || !str_eq((struct str){name, n}, s->name)) {
        return true;
    }
    s->twice = s->found != NULL;
    s->found = s->twice ? s->found : user_new(u);
    s->failed = s->found == NULL;
    return !s->twice && !s->failed;
}

/* The database does not tell letter case apart; whether that matters is said by the rule. */
static int look_up_database(struct people *p, struct sought *s, struct err *e)
{
    struct err mine = {0};
    int rc = refresh(p, e);
    if (rc != 0) {
        return rc;
    }
    rc = store_find(p->store, s->name, &s->found, &mine);
    if (rc == 0 && !pairing_same(s->found->name, s->name, s->rule)) {
        user_unref(s->found);
        s->found = NULL;
    }
    return rc == 0 || rc == -ERR_NOT_FOUND ? 0 : err_set(e, mine.code, "%s", mine.text);
}

static int look_up_files(struct people *p, struct sought *s, struct err *e)
{
    int rc = people_each(p, take_sought, s, e);
    if (rc == 0 && s->failed) {
        rc = err_set(e, ERR_NOMEM, "out of memory");
    }
    if (rc == 0 && s->twice) {
        rc = err_set(e, ERR_MALFORMED, "the users' store names \"%.*s\" twice", STR_ARG(s->name));
    }
    return rc;
}

/* *out is NULL if there is no such account. A store that fails knows nothing of anybody. */
static int look_up(struct people *p, struct str name, struct user **out, struct err *e)
{
    char normal[PAIRING_NAME_MAX];
    struct err mine = {0};
    struct sought s = {.name = {normal, 0}};
    *out = NULL;
    if (p == NULL || !pairing_normalise(name, &p->rule, normal, &s.name.n)) {
        return 0;
    }
    s.rule = &p->rule;
    int rc = p->is_database ? look_up_database(p, &s, &mine) : look_up_files(p, &s, &mine);
    if (rc != 0) {
        user_unref(s.found);
        return err_set(e, ERR_UNAVAILABLE, "the users' store fails: %s", mine.text);
    }
    *out = s.found;
    return 0;
}

static bool is_open(const struct user *u)
{
    return !u->disabled && (u->expires_ms == 0 || u->expires_ms > clock_wall_ms());
}

int people_find(struct people *p, struct str name, struct user **out, struct err *e)
{
    int rc = look_up(p, name, out, e);
    if (rc == 0 && *out == NULL) {
        rc = err_set(e, ERR_NOT_FOUND, "there is no account \"%.*s\"", STR_ARG(name));
    } else if (rc == 0 && !is_open(*out)) {
        user_unref(*out);
        *out = NULL;
        rc = err_set(e, ERR_DENIED, "the account \"%.*s\" is closed", STR_ARG(name));
    }
    return rc;
}

static int check_company(const struct user *u, struct str company, struct err *e)
{
    return u->company.n == 0 || str_eq(u->company, company)
               ? 0
               : err_set(e, ERR_DENIED,
                         "the account \"%.*s\" is of the company \"%.*s\": the organization (O) "
                         "must be that",
                         (int)(u->name.n < 80 ? u->name.n : 80), u->name.p,
                         (int)(u->company.n < 80 ? u->company.n : 80), u->company.p);
}

int people_admit(struct people *p, struct str user, struct str company, bool *known, struct err *e)
{
    struct user *u = NULL;
    int rc = look_up(p, user, &u, e);
    *known = u != NULL;
    if (u != NULL) {
        rc = is_open(u) ? check_company(u, company, e)
                        : err_set(e, ERR_CLOSED, "the account \"%.*s\" is closed", STR_ARG(user));
    }
    user_unref(u);
    return rc;
}

int people_company(struct people *p, struct str user, struct str company, struct err *e)
{
    struct user *u = NULL;
    int rc = look_up(p, user, &u, e);
    rc = rc == 0 && u != NULL ? check_company(u, company, e) : rc;
    user_unref(u);
    return rc;
}
