/* Owns: who the clients are and what each sends. One thread; read by all afterwards. */
#include "bench/identities.h"

#include "base/buf.h"
#include "base/mem.h"
#include "bench/request.h"
#include "bench/users_load.h"

void identities_free(struct identities *ids)
{
    for (size_t i = 0; i < ids->n && ids->v != NULL; i++) {
        request_free(ids->v[i].request);
    }
    mem_free(ids->v);
    certs_free(&ids->certs);
    *ids = (struct identities){0};
}

/* Client i: the certificate of that index, its user by name; or the user of that index. */
static int fill(const struct options *o, struct identities *ids, const struct user_list *users,
                size_t i, struct err *e)
{
    struct identity *id = &ids->v[i];
    const struct user_entry *user = NULL;
    if (o->certs != NULL) {
        const struct cert_entry *c = &ids->certs.v[i];
        id->cert = c->cert;
        id->chain = c->chain;
        id->key = c->key;
        user = user_list_find(users, str_of(c->name));
        if (o->users != NULL && user == NULL) {
            return err_set(e, ERR_CONFIG, "--users %s: no line for the certificate of \"%s\"",
                           o->users, c->name);
        }
    } else if (o->users != NULL) {
        user = &users->v[i];
    }
    id->request = request_make(o, user != NULL ? user->user : STR_NONE,
                               user != NULL ? user->password : STR_NONE);
    return id->request.p != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for the clients");
}

int identities_load(const struct options *o, OSSL_LIB_CTX *lib, struct identities *ids,
                    struct err *e)
{
    struct user_list users = {0};
    int rc = 0;
    ids->certs.library = lib;
    if (o->certs != NULL) {
        rc = certs_load(o->certs, &ids->certs, e);
    }
    if (rc == 0 && o->users != NULL) {
        rc = user_list_load(o->users, &users, e);
    }
    if (rc != 0) {
        goto out;
    }
    ids->n = o->users != NULL ? users.n : 1;
    ids->n = o->certs != NULL ? ids->certs.n : ids->n;
    if (o->mismatch > 0.0 && ids->n < 2) {
        rc = err_set(e, ERR_CONFIG, "--mismatch needs at least two clients");
        goto out;
    }
    ids->v = mem_calloc(ids->n, sizeof(*ids->v));
    if (ids->v == NULL) {
        rc = err_set(e, ERR_NOMEM, "out of memory for the clients");
        goto out;
    }
    for (size_t i = 0; i < ids->n && rc == 0; i++) {
        rc = fill(o, ids, &users, i, e);
    }
out:
    user_list_free(&users);
    return rc;
}
