/* Owns: the change from root to the user that workers run as. Not: when. Single-threaded process.
 */
#include "proxy/proc/privdrop.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ENTRY_MAX = 16384 }; /* octets of one entry of the user database */

static int find_user(const char *user, struct privdrop *out, struct err *e)
{
    struct passwd entry;
    struct passwd *found = NULL;
    char text[ENTRY_MAX];
    int rc = getpwnam_r(user, &entry, text, sizeof(text), &found);
    if (rc != 0 || found == NULL || strlen(user) >= sizeof(out->user)) {
        return err_set(e, ERR_NOT_FOUND, "process.user: there is no user \"%.64s\"", user);
    }
    out->uid = found->pw_uid;
    out->gid = found->pw_gid;
    (void)snprintf(out->user, sizeof(out->user), "%s", user);
    return 0;
}

static int find_group(const char *group, struct privdrop *out, struct err *e)
{
    struct group entry;
    struct group *found = NULL;
    char text[ENTRY_MAX];
    int rc = getgrnam_r(group, &entry, text, sizeof(text), &found);
    if (rc != 0 || found == NULL) {
        return err_set(e, ERR_NOT_FOUND, "process.group: there is no group \"%.64s\"", group);
    }
    out->gid = found->gr_gid;
    return 0;
}

bool privdrop_knows_user(const char *user)
{
    struct privdrop unused;
    return find_user(user, &unused, NULL) == 0;
}

bool privdrop_knows_group(const char *group)
{
    struct privdrop unused;
    return find_group(group, &unused, NULL) == 0;
}

int privdrop_find(const char *user, const char *group, struct privdrop *out, struct err *e)
{
    *out = (struct privdrop){.uid = getuid(), .gid = getgid()};
    int rc = 0;
    if (user != NULL) {
        rc = find_user(user, out, e);
    }
    if (rc == 0 && group != NULL) {
        rc = find_group(group, out, e);
    }
    if (rc != 0) {
        return rc;
    }
    out->new_user = out->uid != geteuid();
    out->wanted = out->new_user || out->gid != getegid();
    if (out->wanted && geteuid() != 0) {
        return err_set(e, ERR_DENIED,
                       "process.user: only root can change to another user or group; start as "
                       "root, or leave process.user and process.group out");
    }
    return 0;
}

static int set_ids(const struct privdrop *p, struct err *e)
{
    int rc = p->user[0] != '\0' ? initgroups(p->user, p->gid) : setgroups(1, &p->gid);
    if (rc != 0) {
        return err_set_errno(e, ERR_DENIED, errno, "cannot set the groups of the worker");
    }
    if (setresgid(p->gid, p->gid, p->gid) != 0) {
        return err_set_errno(e, ERR_DENIED, errno, "cannot change to group %u", (unsigned)p->gid);
    }
    if (setresuid(p->uid, p->uid, p->uid) != 0) {
        return err_set_errno(e, ERR_DENIED, errno, "cannot change to user %u", (unsigned)p->uid);
    }
    return 0;
}

int privdrop_now(const struct privdrop *p, struct err *e)
{
    if (!p->wanted) {
        return 0;
    }
    int rc = set_ids(p, e);
    if (rc != 0) {
        return rc;
    }
    uid_t uid[3];
    gid_t gid[3];
    bool there =
        getresuid(&uid[0], &uid[1], &uid[2]) == 0 && getresgid(&gid[0], &gid[1], &gid[2]) == 0;
    for (int i = 0; i < 3 && there; i++) {
        there = uid[i] == p->uid && gid[i] == p->gid;
    }
    if (!there || (p->uid != 0 && (setuid(0) == 0 || setreuid((uid_t)-1, 0) == 0))) {
        return err_set(e, ERR_DENIED, "the worker could come back to root: it does not start");
    }
    return 0;
}
