/* Owns: the open store, and what makes an account one that may act. */
#include "ca/people.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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

int people_each(struct people *p, bool (*each)(void *arg, const struct user *u), void *arg,
                struct err *e)
{
    static const struct store_page all = {.limit = 0};
    return store_each(p->store, &all, each, arg, e);
}

int people_open(const struct conf_users *conf, struct people **out, struct err *e)
{
    struct people *p = mem_calloc(1, sizeof(*p));
    *out = NULL;
    if (p == NULL || (p->diags = diags_new()) == NULL || !note_paths(p, conf)) {
        people_close(p);
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    p->store = conf->store.p != NULL
                   ? sqlite_open(conf->store.p, SQLITE_MODE_READ, e)
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

int people_find(struct people *p, struct str name, struct user **out, struct err *e)
{
    int rc = store_find(p->store, name, out, e);
    if (rc != 0) {
        return rc;
    }
    if ((*out)->disabled || ((*out)->expires_ms != 0 && (*out)->expires_ms <= clock_wall_ms())) {
        user_unref(*out);
        *out = NULL;
        return err_set(e, ERR_DENIED, "the account \"%.*s\" is closed", STR_ARG(name));
    }
    return 0;
}
