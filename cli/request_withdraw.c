/* Owns: finding the certificate of a request, and telling the proxies. Leaves the revocation list
 * to the CA's process. */
#include "cli/request_withdraw.h"

#include <stdio.h>

#include "ca/publish.h"
#include "ca/records.h"
#include "ca/withdraw.h"
#include "cli/withdraw.h"

struct found {
    const struct ca_open *open;
    const struct ca_operator *here;
    char serial[48];
    bool may;
};

static bool take(void *arg, const struct record *r)
{
    struct found *f = arg;
    const struct conf_ca_profile *p = life_profile(&f->open->life, r->profile);
    (void)snprintf(f->serial, sizeof(f->serial), "%.*s", STR_ARG(r->serial));
    for (size_t i = 0; p != NULL && i < p->operators.n; i++) {
        for (size_t k = 0; k < f->here->self.group_count; k++) {
            f->may = f->may || str_eq(f->here->self.groups[k], str_of(p->operators.v[i].p));
        }
    }
    return false;
}

static int find(struct found *f, const char *id, struct err *e)
{
    int rc = record_show(&f->open->life, str_of(id), take, f, e);
    if (rc != 0) {
        return rc;
    }
    if (!f->may) {
        return err_set(e, ERR_DENIED, "\"%s\" is not an operator for this profile", f->here->name);
    }
    return f->serial[0] != '\0' ? 0 : err_set(e, ERR_CLOSED, "the request has no certificate");
}

/* The CA's process does the same within a second, where there is one. */
static int tell(const struct ca_open *o, struct err *e)
{
    const struct conf *conf = o->loaded.conf;
    size_t n = 0;
    if (conf->revocation.deny.n == 0) {
        return err_set(e, ERR_CONFIG,
                       "it is recorded, but the proxies are not told: revocation.deny names no "
                       "file");
    }
    int rc = publish_denied(&o->life, conf->revocation.deny.v[0].p, &n, e);
    if (rc == 0 && withdraw_tell("request", conf) != 0) {
        rc = err_set(e, ERR_IO, "it is recorded, but not in force everywhere");
    }
    return rc;
}

int request_withdraw(const struct ca_open *o, const struct ca_operator *here, const char *id,
                     const char *reason, struct err *e)
{
    struct found f = {.open = o, .here = here};
    int code = withdraw_reason_of(str_of(reason));
    if (code < 0) {
        return err_set(e, ERR_MALFORMED,
                       "the reason is none of RFC 5280's: unspecified, keyCompromise, "
                       "affiliationChanged, superseded, cessationOfOperation, certificateHold, "
                       "privilegeWithdrawn");
    }
    int rc = find(&f, id, e);
    rc = rc == 0 ? withdraw(&o->life, &here->self.who, str_of(f.serial), code, e) : rc;
    if (rc == 0) {
        (void)puts("withdrawn");
    }
    return rc == 0 ? tell(o, e) : rc;
}

int request_lift(const struct ca_open *o, const struct ca_operator *here, const char *id,
                 struct err *e)
{
    struct found f = {.open = o, .here = here};
    int rc = find(&f, id, e);
    rc = rc == 0 ? withdraw_lift(&o->life, &here->self.who, str_of(f.serial), e) : rc;
    if (rc == 0) {
        (void)puts("lifted");
    }
    return rc == 0 ? tell(o, e) : rc;
}
