/* Owns: who may end a certificate from here, and telling the proxies. Leaves the revocation list to
 * the CA's process. */
#include "cli/ca_withdraw.h"

#include <stdio.h>

#include "ca/publish.h"
#include "ca/withdraw.h"
#include "cli/withdraw.h"

bool ca_withdraw_note(void *arg, const struct record *r)
{
    struct ca_withdraw_found *f = arg;
    (void)snprintf(f->id, sizeof(f->id), "%.*s", STR_ARG(r->id));
    (void)snprintf(f->serial, sizeof(f->serial), "%.*s", STR_ARG(r->serial));
    f->may = request_is_operator(&f->by->here->self, life_profile(f->by->life, r->profile));
    return false;
}

static int check(const struct ca_withdraw_found *f, struct err *e)
{
    if (!f->may) {
        return err_set(e, ERR_DENIED, "\"%s\" is not an operator for this profile",
                       f->by->here->name);
    }
    return f->serial[0] != '\0' ? 0 : err_set(e, ERR_CLOSED, "the request has no certificate");
}

int ca_withdraw_record(const struct ca_withdraw_found *f, int reason, struct err *e)
{
    int rc = check(f, e);
    return rc == 0 ? withdraw(f->by->life, &f->by->here->self.who, str_of(f->serial), reason, e)
                   : rc;
}

int ca_withdraw_lift(const struct ca_withdraw_found *f, struct err *e)
{
    int rc = check(f, e);
    return rc == 0 ? withdraw_lift(f->by->life, &f->by->here->self.who, str_of(f->serial), e) : rc;
}

/* The CA's process does the same within a second, where there is one. */
int ca_withdraw_tell(const struct ca_withdraw *by, struct err *e)
{
    size_t n = 0;
    if (by->conf->revocation.deny.n == 0) {
        return err_set(e, ERR_CONFIG,
                       "it is recorded, but the proxies are not told: revocation.deny names no "
                       "file");
    }
    int rc = publish_denied(by->life, by->conf->revocation.deny.v[0].p, &n, e);
    if (rc == 0 && withdraw_tell(by->verb, by->conf) != 0) {
        rc = err_set(e, ERR_IO, "it is recorded, but not in force everywhere");
    }
    return rc;
}
