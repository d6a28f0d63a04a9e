/* Owns: opening the CA's database and key for a command, and who runs it. */
#include "cli/ca_open.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

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
    (void)snprintf(o->name, sizeof(o->name), "local:%s", user->pw_name);
    int n = getgroups(CA_OPERATOR_GROUPS_MAX - 1, ids);
    n = n < 0 ? 0 : n;
    ids[n++] = getgid();
    size_t count = 0;
    for (int i = 0; i < n; i++) {
        const struct group *group = getgrgid(ids[i]);
        if (group != NULL) {
            (void)snprintf(o->group_names[count], CA_OPERATOR_NAME_MAX, "local:%s", group->gr_name);
            o->groups[count] = str_of(o->group_names[count]);
            count++;
        }
    }
    o->self = (struct request_operator){
        .who = {str_of(o->name), STR("local")}, .groups = o->groups, .group_count = count};
    return 0;
}
