/* Owns: what the configuration says of users, and which store they come from. Leaves finding them
 * to users_table and users_db. Loop thread. */
#include "auth/users.h"

#include <sys/stat.h>

#include "auth/costs.h"
#include "auth/pairing.h"
#include "auth/store/pwhash.h"
#include "auth/users_db.h"
#include "auth/users_table.h"
#include "base/mem.h"

struct users {
    unsigned refs;
    const struct conf_users *conf; /* borrowed */
    struct conf_identity rule;
    struct users_table *table; /* owned; NULL without a file */
    struct users_db *db;       /* owned; NULL without a database */
    bool any_by_rule;          /* somebody may come without a certificate, says the configuration */
    unsigned facts;            /* of the database, that decoy was made by */
    char decoy[PWHASH_MAX + 1];
};

/* What is said of a user by the store, or of all users by the configuration. */
static void resolve_own(const struct users *u, struct user *user)
{
    user->certificate_required = user->certificate == USER_CERTIFICATE_UNSET
                                     ? u->conf->certificate != CONF_NEED_OPTIONAL
                                     : user->certificate != USER_CERTIFICATE_OPTIONAL;
}

/* A rule of the configuration goes before that. */
static void resolve(void *arg, struct user *user)
{
    const struct users *u = arg;
    resolve_own(u, user);
    for (size_t i = 0; i < u->conf->rule_count; i++) {
        const struct conf_user_rule *rule = &u->conf->rules[i];
        if (pairing_same(str_of(rule->name.p), user->name, &u->rule)) {
            user->certificate_required = rule->certificate != CONF_NEED_OPTIONAL;
        }
    }
}

static enum users_found look_up(struct users *u, struct str name)
{
    const struct user *user = NULL;
    if (u->db == NULL) {
        bool known = u->table != NULL && users_table_find(u->table, name) != NULL;
        return known ? USERS_FOUND : USERS_NONE;
    }
    /* Nothing is attached while loading: the answer comes at once. */
    enum users_found found = users_db_find(u->db, name, NULL, NULL, NULL, &user);
    user_unref(user);
    return found;
}

static int check_rules(struct users *u, const struct conf_users *conf, struct diags *diags)
{
    int rc = 0;
    for (size_t i = 0; i < conf->rule_count; i++) {
        const struct conf_user_rule *rule = &conf->rules[i];
        struct str name = str_of(rule->name.p);
        enum users_found found = look_up(u, name);
        if (found == USERS_FAILED) {
            diag_add(diags, DIAG_ERROR, rule->name.at, "users.rules", NULL,
                     "the user cannot be looked up: %s does not answer, or out of memory",
                     conf->store.p);
            return -ERR_UNAVAILABLE;
        }
        if (found != USERS_FOUND) {
            diag_add(diags, DIAG_WARNING, rule->name.at, "users.rules", NULL,
                     "there is no user of this name, so the rule has no effect");
            continue;
        }
        u->any_by_rule |= rule->certificate == CONF_NEED_OPTIONAL;
        for (size_t j = 0; j < i; j++) {
            if (pairing_same(str_of(conf->rules[j].name.p), name, &u->rule)) {
                diag_add(diags, DIAG_ERROR, rule->name.at, "users.rules", "Keep one of the rules.",
                         "there is already a rule for this user");
                rc = -ERR_MALFORMED;
                break;
            }
        }
    }
    return rc;
}

/* Make the decoy anew for the hash that most users have. */
static int make_decoy(struct users *u, struct str typical)
{
    char decoy[PWHASH_MAX + 1];
    int rc = pwhash_decoy(typical, decoy);
    if (rc == 0) {
        memcpy(u->decoy, decoy, sizeof(decoy));
    }
    return rc;
}

static int decoy_of_table(struct users *u)
{
    struct costs *costs = mem_calloc(1, sizeof(*costs));
    if (costs == NULL) {
        return -ERR_NOMEM;
    }
    struct user *user = NULL;
    for (size_t i = 0; u->table != NULL && (user = users_table_at(u->table, i)) != NULL; i++) {
        costs_add(costs, user->hash);
    }
    int rc = make_decoy(u, costs_best(costs));
    mem_wipe(costs, sizeof(*costs));
    mem_free(costs);
    return rc;
}

static int load_table(struct users *u, struct files *files, struct diags *diags)
{
    u->table = users_table_load(u->conf, &u->rule, files, diags);
    if (u->table == NULL) {
        return -ERR_MALFORMED;
    }
    int rc = check_rules(u, u->conf, diags);
    struct user *user = NULL;
    for (size_t i = 0; (user = users_table_at(u->table, i)) != NULL; i++) {
        resolve_own(u, user);
    }
    for (size_t i = 0; i < u->conf->rule_count; i++) {
        user = users_table_find(u->table, str_of(u->conf->rules[i].name.p));
        if (user != NULL) {
            user->certificate_required = u->conf->rules[i].certificate != CONF_NEED_OPTIONAL;
        }
    }
    for (size_t i = 0; (user = users_table_at(u->table, i)) != NULL; i++) {
        u->any_by_rule |= !user->certificate_required;
    }
    return rc;
}

/* Hashes, and secrets of one-time codes, now or later. */
static void check_mode(const struct conf_text *store, struct diags *diags)
{
    struct stat now;
    if (stat(store->p, &now) == 0 && (now.st_mode & S_IRWXO) != 0) {
        diag_add(diags, DIAG_WARNING, store->at, "users.store",
                 "Use chmod 640 with the group of the workers, on users.db-wal and -shm too.",
                 "%s is open to other users of this machine (mode %04o)", store->p,
                 (unsigned)(now.st_mode & 07777));
    }
}

static int load_db(struct users *u, struct diags *diags)
{
    const struct conf_users *conf = u->conf;
    struct err e = {0};
    const struct users_db_options options = {
        .path = conf->store.p,
        .rule = &u->rule,
        .remember_max = conf->lookup_remember_max,
        .prepare = resolve,
        .arg = u,
    };
    u->db = users_db_new(&options);
    int rc = u->db != NULL ? users_db_check(u->db, &e) : err_set(&e, ERR_NOMEM, "out of memory");
    if (rc != 0) {
        diag_add(diags, DIAG_ERROR, conf->store.at, "users.store",
                 e.code == ERR_NOT_FOUND ? "Make it with \"countersign user add\" or \"import\", "
                                           "or name another place as users.htpasswd or users.store."
                                         : NULL,
                 "%s", e.text);
        return rc;
    }
    check_mode(&conf->store, diags);
    u->any_by_rule = conf->certificate == CONF_NEED_OPTIONAL;
    u->facts = users_db_facts(u->db);
    rc = check_rules(u, conf, diags);
    users_db_rest(u->db);
    return rc;
}

static int load(struct users *u, struct files *files, struct diags *diags)
{
    const struct conf_users *conf = u->conf;
    int rc = 0;
    if (conf->store.p != NULL) {
        rc = load_db(u, diags);
    } else if (conf->htpasswd.p != NULL) {
        rc = load_table(u, files, diags);
    } else {
        rc = check_rules(u, conf, diags);
    }
    if (rc != 0) {
        return rc;
    }
    rc = u->db != NULL ? make_decoy(u, users_db_typical_hash(u->db)) : decoy_of_table(u);
    if (rc != 0) {
        diag_add(diags, DIAG_ERROR, conf->htpasswd.at, "users", NULL, "%s",
                 rc == -ERR_NOMEM ? "out of memory" : "libcrypt cannot make a password hash");
    }
    return rc;
}

struct users *users_load(const struct conf_users *conf, const struct conf_identity *identity,
                         struct files *files, struct diags *diags)
{
    struct users *u = mem_calloc(1, sizeof(*u));
    if (u == NULL) {
        diag_add(diags, DIAG_ERROR, conf->htpasswd.at, "users", NULL, "out of memory");
        return NULL;
    }
    u->refs = 1;
    u->conf = conf;
    u->rule = *identity;
    if (load(u, files, diags) != 0) {
        users_unref(u);
        return NULL;
    }
    return u;
}

void users_attach(struct users *u, struct job_pool *pool, const struct users_ear *ear)
{
    if (u->db != NULL) {
        users_db_attach(u->db, pool, ear);
    }
}

bool users_poll(struct users *u)
{
    if (u->db != NULL) {
        users_db_poll(u->db);
    }
    return u->db != NULL;
}

struct users *users_ref(struct users *u)
{
    u->refs++;
    return u;
}

void users_unref(struct users *u)
{
    if (u == NULL || --u->refs > 0) {
        return;
    }
    users_table_free(u->table);
    users_db_close(u->db);
    mem_wipe(u, sizeof(*u));
    mem_free(u);
}

enum users_found users_find(struct users *u, struct str name, users_done_fn done, void *arg,
                            struct users_ticket **ticket, const struct user **user)
{
    if (u->db != NULL) {
        return users_db_find(u->db, name, done, arg, ticket, user);
    }
    const struct user *found = u->table != NULL ? users_table_find(u->table, name) : NULL;
    if (found == NULL) {
        return USERS_NONE;
    }
    *user = user_ref(found);
    return USERS_FOUND;
}

void users_cancel(struct users_ticket *ticket)
{
    users_db_cancel(ticket);
}

bool users_any_without_certificate(const struct users *u)
{
    return u->any_by_rule || (u->db != NULL && users_db_any_optional(u->db));
}

struct str users_decoy(struct users *u)
{
    if (u->db != NULL && u->facts != users_db_facts(u->db)) {
        u->facts = users_db_facts(u->db);
        /* Should it fail, the old one does. */
        (void)make_decoy(u, users_db_typical_hash(u->db));
    }
    return str_of(u->decoy);
}
