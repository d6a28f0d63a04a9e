/* Owns: the open store, and what makes an account one that may act. */
#include "ca/people.h"

#include "auth/store/sqlite.h"
#include "auth/store/store.h"
#include "base/clock.h"
#include "base/mem.h"

struct people {
    struct store *store;
    struct diags *diags;
};

int people_open(const struct conf_users *conf, struct people **out, struct err *e)
{
    struct people *p = mem_calloc(1, sizeof(*p));
    *out = NULL;
    if (p == NULL || (p->diags = diags_new()) == NULL) {
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
