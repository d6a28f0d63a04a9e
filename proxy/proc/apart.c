/* Owns: who could read what. Not: changing users (privdrop.c). At start and for "check". */
#include "proxy/proc/apart.h"

#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/syntax.h"
#include "proxy/proc/privdrop.h"

#define GROUPS_MAX 256
#define PATH_SIZE  4096

struct who {
    uid_t uid;
    gid_t groups[GROUPS_MAX];
    int group_n;
};

/* False if there is no such user or group. */
static bool find(const char *user, const char *group, struct who *w)
{
    struct privdrop p;
    int rc = privdrop_find(user, group, &p, NULL);
    if (rc != 0 && rc != -ERR_DENIED) {
        return false;
    }
    w->uid = p.uid;
    w->group_n = GROUPS_MAX;
    if (p.user[0] == '\0') {
        w->group_n = getgroups(GROUPS_MAX - 1, w->groups);
        w->group_n = w->group_n < 0 ? 0 : w->group_n;
        w->groups[w->group_n++] = p.gid;
    } else if (getgrouplist(p.user, p.gid, w->groups, &w->group_n) < 0) {
        w->group_n = GROUPS_MAX;
    }
    return true;
}

static bool is_in(const struct who *w, gid_t group)
{
    bool found = false;
    for (int i = 0; i < w->group_n; i++) {
        found = found || w->groups[i] == group;
    }
    return found;
}

/* Whether w has one of these rights (as for others: 4 read, 2 write); an owner can give them to
 * himself. */
static bool has_right(const struct who *w, const struct stat *s, mode_t rights)
{
    if (w->uid == 0 || s->st_uid == w->uid) {
        return true;
    }
    return (s->st_mode & (is_in(w, s->st_gid) ? rights << 3 : rights)) != 0;
}

static const char *directory_of(const char *path, char out[PATH_SIZE])
{
    const char *end = strrchr(path, '/');
    if (end == NULL) {
        return ".";
    }
    (void)snprintf(out, PATH_SIZE, "%.*s", end > path ? (int)(end - path) : 1, path);
    return out;
}

static void check_file(const struct who *workers, const struct conf_text *path, const char *key,
                       mode_t rights, struct diags *diags)
{
    struct stat s;
    if (path->p == NULL || syntax_scheme(str_of(path->p)) > 0 || stat(path->p, &s) != 0 ||
        !has_right(workers, &s, rights)) {
        return;
    }
    diag_add(diags, DIAG_ERROR, path->at, key, "Make ca.user its owner: chown, and chmod 600.",
             "%s is within reach of the workers' user (owner %u, mode %04o)", path->p,
             (unsigned)s.st_uid, (unsigned)s.st_mode & 07777U);
}

/* Who may write to a directory may put another file in the place of one. */
static void check_directory(const struct who *workers, const struct conf_text *path,
                            struct diags *diags)
{
    char text[PATH_SIZE];
    struct stat s;
    if (path->p == NULL || stat(directory_of(path->p, text), &s) != 0 ||
        !has_right(workers, &s, 02)) {
        return;
    }
    bool sticky = (s.st_mode & S_ISVTX) != 0 && s.st_uid != workers->uid;
    if (!sticky) {
        diag_add(diags, DIAG_ERROR, path->at, "ca.store",
                 "Keep it in a directory that ca.user alone may write to.",
                 "the workers' user could put another file in the place of %s", path->p);
    }
}

static void check_users(const struct conf *conf, const struct who *workers, const struct who *ca,
                        struct diags *diags)
{
    const struct conf_ca *c = &conf->ca;
    static const char help[] = "Name two users, in process.user and ca.user, and start as root.";
    if (ca->uid == workers->uid && c->user.p != NULL) {
        diag_add(diags, DIAG_ERROR, c->user.at, "ca.user", help,
                 "\"%s\" is the user that the workers run as: they could read the CA's key",
                 c->user.p);
    } else if (ca->uid == workers->uid || workers->uid == 0) {
        diag_add(diags, DIAG_WARNING, c->socket.at, "process.user", help,
                 "workers run as a user who can read the CA's key");
    } else if (ca->uid == 0) {
        diag_add(diags, DIAG_WARNING, c->socket.at, "ca.user", help,
                 "is not given: the CA's process runs as root");
    }
}

void apart_check(const struct conf *conf, struct diags *diags)
{
    const struct conf_ca *c = &conf->ca;
    struct who workers;
    struct who ca;
    if (c->certificate.p == NULL || !find(conf->process.user.p, conf->process.group.p, &workers)) {
        return;
    }
    if (!find(c->user.p, NULL, &ca)) {
        diag_add(diags, DIAG_ERROR, c->user.at, "ca.user",
                 "Make the user, or leave the key out to run as whoever starts it.",
                 "there is no user \"%s\" on this machine", c->user.p);
        return;
    }
    if (c->socket.p != NULL) {
        check_users(conf, &workers, &ca, diags);
    }
    if (workers.uid == 0 || workers.uid == ca.uid) {
        return;
    }
    check_file(&workers, &c->key, "ca.key", 04, diags);
    for (size_t i = 0; i < c->former_keys.n; i++) {
        check_file(&workers, &c->former_keys.v[i], "ca.former_keys", 04, diags);
    }
    check_file(&workers, &c->key_passphrase_file, "ca.key_passphrase_file", 04, diags);
    check_file(&workers, &c->store, "ca.store", 06, diags);
    check_directory(&workers, &c->store, diags);
}
