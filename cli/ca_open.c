/* Owns: opening the CA's database and key for a command, and who runs it. */
#include "cli/ca_open.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "auth/pairing.h"
#include "ca/people.h"

int ca_open(struct ca_open *o, const char *path, enum ca_open_with with, struct err *e)
{
    *o = (struct ca_open){.life = {.db = NULL}};
    if (loaded_open(&o->loaded, path) != 0) {
        return err_set(e, ERR_CONFIG, "the configuration has errors");
    }
    const struct conf_ca *ca = &o->loaded.conf->ca;
    if (ca->certificate.p == NULL) {
        return err_set(e, ERR_CONFIG, "%s: has no section \"ca\": nothing is issued here", path);
    }
    o->life.conf = ca;
    o->life.rule = &o->loaded.conf->identity;
    int rc = with == CA_OPEN_KEY            ? ca_key_load(ca, &o->key, e)
             : with == CA_OPEN_CERTIFICATES ? ca_key_load_certificates(ca, &o->key, e)
                                            : 0;
    o->life.key = with != CA_OPEN_DATABASE && rc == 0 ? &o->key : NULL;
    return rc == 0 ? db_open(ca->store.p, true, &o->life.db, e) : rc;
}

int ca_open_people(struct ca_open *o, struct err *e)
{
    const struct conf *conf = o->loaded.conf;
    return people_open(&conf->users, &conf->identity, &o->life.people, e);
}

void ca_close(struct ca_open *o)
{
    people_close(o->life.people);
    db_close(o->life.db);
    ca_key_fini(&o->key);
    loaded_close(&o->loaded);
}

/* What the machine calls the account that ran sudo is no more to be trusted than what root says. */
int ca_operator_here(struct ca_operator *o, struct err *e)
{
    gid_t ids[CA_OPERATOR_GROUPS_MAX];
    const struct passwd *user = getpwuid(getuid());
    if (user == NULL) {
        return err_set(e, ERR_NOT_FOUND, "this account has no name on this machine");
    }
    (void)snprintf(o->name, sizeof(o->name), REQUEST_LOCAL "%s", user->pw_name);
    int n = getgroups(CA_OPERATOR_GROUPS_MAX - 1, ids);
    n = n < 0 ? 0 : n;
    ids[n++] = getgid();
    size_t count = 0;
    for (int i = 0; i < n; i++) {
        const struct group *group = getgrgid(ids[i]);
        if (group != NULL) {
            (void)snprintf(o->group_names[count], CA_OPERATOR_NAME_MAX, REQUEST_LOCAL "%s",
                           group->gr_name);
            o->groups[count] = str_of(o->group_names[count]);
            count++;
        }
    }
    o->self = (struct request_operator){
        .who = {str_of(o->name), STR("local")}, .groups = o->groups, .group_count = count};
    return 0;
}

static const char *account_of(const struct conf_ca *ca, const char *name)
{
    for (size_t i = 0; i < ca->local_account_count; i++) {
        if (strcmp(ca->local_accounts[i].name.p, name) == 0) {
            return ca->local_accounts[i].value.p;
        }
    }
    return NULL;
}

int ca_operator_account(struct ca_operator *o, const struct ca_open *open, struct err *e)
{
    const struct life *l = &open->life;
    const char *account = account_of(l->conf, o->name + strlen(REQUEST_LOCAL));
    size_t n = 0;
    if (account == NULL) {
        return 0;
    }
    if (!pairing_normalise(str_of(account), l->rule, o->account_name, &n)) {
        return err_set(e, ERR_CONFIG, "ca.local_accounts: \"%s\" is no name that a user can have",
                       account);
    }
    int rc = people_find(l->people, str_of(account), &o->account, e);
    if (rc != 0) {
        return rc;
    }
    o->self.who = (struct actor){{o->account_name, n}, str_of(o->name)};
    for (size_t i = 0; i < o->account->group_count; i++) {
        o->groups[o->self.group_count++] = o->account->groups[i];
    }
    return 0;
}

void ca_operator_fini(struct ca_operator *o)
{
    user_unref(o->account);
    o->account = NULL;
}
