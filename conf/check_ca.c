/* Owns: what must fit together where certificates are issued. One thread a call. */
#include <stdio.h>

#include "conf/check.h"

enum { KEY_TEXT_MAX = 128 };

static size_t count_local(const struct conf_texts *groups)
{
    size_t n = 0;
    for (size_t i = 0; i < groups->n; i++) {
        n += str_starts(str_of(groups->v[i].p), STR("local:")) ? 1 : 0;
    }
    return n;
}

static void check_profile(const struct conf_ca *ca, const struct conf_ca_profile *p,
                          struct diags *diags)
{
    char key[KEY_TEXT_MAX];
    size_t local = count_local(&p->operators);
    (void)snprintf(key, sizeof(key), "ca.profiles.%.80s.operators", p->name.p);
    if (p->approvals > 1 && local > 0 && local == p->operators.n &&
        ca->local_account_count < p->approvals) {
        diag_add(diags, DIAG_ERROR, p->at, key,
                 "Name the accounts of enough users of this machine in ca.local_accounts, or add a "
                 "group of accounts.",
                 "%u operators must agree, and fewer of this machine have an account",
                 p->approvals);
    }
    if (p->approvals > 0 && local > 0 && local < p->operators.n && ca->local_account_count == 0) {
        diag_add(diags, DIAG_WARNING, p->at, key,
                 "Say in ca.local_accounts which accounts users of this machine have, such as "
                 "local_accounts: { bob: bob@example.com }.",
                 "holds groups of this machine and groups of accounts: one person may file at the "
                 "command line and agree by their account");
    }
    if (p->approvals > 0 && p->operators.n == 0) {
        diag_add(diags, DIAG_ERROR, p->at, key,
                 "Add groups, such as operators: [ operators ], or approvals: 0.",
                 "nobody could agree to a request of this profile");
    }
}

static bool is_left_out(const struct conf_text *name)
{
    return name->p == NULL || name->p[0] == '\0';
}

/* What its process is told by the proxy, and tells it. */
static void check_process(const struct draft *d, struct diags *diags)
{
    const struct conf *c = &d->conf;
    if (c->ca.socket.p == NULL) {
        return;
    }
    if (c->headers.without_own || is_left_out(&c->headers.user) ||
        is_left_out(&c->headers.fingerprint)) {
        diag_add(diags, DIAG_ERROR, c->ca.socket.at, "ca.socket",
                 "Let headers.dialects hold own, and give headers.user and .fingerprint names.",
                 "the CA's process could not be told who asks");
    }
    if (c->revocation.deny.n == 0) {
        diag_add(diags, DIAG_WARNING, c->ca.socket.at, "revocation.deny", "Name a file.",
                 "is not given: the proxy would go on taking certificates that the CA withdraws");
    }
}

void check_ca(const struct draft *d, struct diags *diags)
{
    const struct conf_ca *ca = &d->conf.ca;
    const struct {
        const char *key;
        const struct conf_text *text;
    } needed[] = {
        {"ca.certificate", &ca->certificate}, {"ca.key", &ca->key}, {"ca.store", &ca->store}};
    bool any = ca->profile_count > 0;
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        any = any || needed[i].text->p != NULL;
    }
    for (size_t i = 0; any && i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (needed[i].text->p == NULL) {
            diag_add(diags, DIAG_ERROR, ca->at, needed[i].key, "Add it.",
                     "is needed to issue certificates");
        }
    }
    if (any && ca->profile_count == 0) {
        diag_add(diags, DIAG_ERROR, ca->at, "ca.profiles",
                 "Add one, such as profiles: { client: { operators: [ operators ] } }.",
                 "there is no kind of certificate to issue");
    }
    check_process(d, diags);
    check_notify(ca, diags);
    for (size_t i = 0; i < ca->profile_count; i++) {
        check_profile(ca, &ca->profiles[i], diags);
    }
}
