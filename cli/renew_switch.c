/* Owns: the directory of pairs, its link, and the order in which both change. */
#include "cli/renew_switch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CERTIFICATE "certificate.pem"
#define KEY         "key.pem"
#define LIVE        "live"

struct place {
    const char *certificate;
    const char *key;
    struct stat certificate_like;
    struct stat key_like;
    char directory[PATH_MAX]; /* absolute: CERTIFICATE.d */
    char before[NAME_MAX + 1];
};

static int failed(struct err *e, const char *path)
{
    return err_set_errno(e, ERR_IO, errno, "%s", path);
}

static int join(char out[PATH_MAX], const char *directory, const char *name, struct err *e)
{
    int n = snprintf(out, PATH_MAX, "%s/%s", directory, name);
    return n > 0 && n < PATH_MAX ? 0 : err_set(e, ERR_IO, "%s: the path is too long", directory);
}

static int sync_directory(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 && fsync(fd) == 0 ? 0 : failed(e, path);
    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}

/* Links are followed later by whoever opens them, from wherever they are. */
static int find_directory(struct place *p, struct err *e)
{
    char parent[PATH_MAX];
    char name[NAME_MAX + 3];
    const char *slash = strrchr(p->certificate, '/');
    const char *base = slash != NULL ? slash + 1 : p->certificate;
    size_t n = slash != NULL ? (size_t)(slash - p->certificate) + 1 : 0;
    char above[PATH_MAX] = ".";
    if (n >= sizeof(above) || strlen(base) > NAME_MAX - 2) {
        return err_set(e, ERR_IO, "%s: the path is too long", p->certificate);
    }
    memcpy(above, n > 0 ? p->certificate : ".", n > 0 ? n : 1);
    above[n > 0 ? n : 1] = '\0';
    if (realpath(above, parent) == NULL) {
        return failed(e, above);
    }
    (void)snprintf(name, sizeof(name), "%s.d", base);
    int rc = join(p->directory, strcmp(parent, "/") == 0 ? "" : parent, name, e);
    return rc != 0                                             ? rc
           : mkdir(p->directory, 0755) == 0 || errno == EEXIST ? 0
                                                               : failed(e, p->directory);
}

static int write_file(const char *path, struct str text, const struct stat *like, struct err *e)
{
    struct stat now;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return failed(e, path);
    }
    bool ok = fstat(fd, &now) == 0;
    ok = ok && ((now.st_uid == like->st_uid && now.st_gid == like->st_gid) ||
                fchown(fd, like->st_uid, like->st_gid) == 0);
    ok = ok && fchmod(fd, like->st_mode & 0777) == 0;
    for (size_t done = 0; ok && done < text.n;) {
        ssize_t n = write(fd, text.p + done, text.n - done);
        ok = n > 0;
        done += ok ? (size_t)n : 0;
    }
    ok = ok && fsync(fd) == 0;
    int rc = ok ? 0 : failed(e, path);
    (void)close(fd);
    return rc;
}

static void remove_pair(const char *directory)
{
    char path[PATH_MAX];
    if (join(path, directory, CERTIFICATE, NULL) == 0) {
        (void)unlink(path);
    }
    if (join(path, directory, KEY, NULL) == 0) {
        (void)unlink(path);
    }
    (void)rmdir(directory);
}

/* A directory with both files; its name into name. */
static int make_pair(const struct place *p, const struct renew_switch_texts *t,
                     char name[NAME_MAX + 1], struct err *e)
{
    char directory[PATH_MAX];
    char path[PATH_MAX];
    int rc = join(directory, p->directory, "XXXXXX", e);
    if (rc != 0 || mkdtemp(directory) == NULL) {
        return rc != 0 ? rc : failed(e, p->directory);
    }
    rc = chmod(directory, 0755) == 0 ? 0 : failed(e, directory);
    rc = rc == 0 ? join(path, directory, CERTIFICATE, e) : rc;
    rc = rc == 0 ? write_file(path, t->certificate, &p->certificate_like, e) : rc;
    rc = rc == 0 ? join(path, directory, KEY, e) : rc;
    rc = rc == 0 ? write_file(path, t->key, &p->key_like, e) : rc;
    rc = rc == 0 ? sync_directory(directory, e) : rc;
    if (rc != 0) {
        remove_pair(directory);
        return rc;
    }
    (void)snprintf(name, NAME_MAX + 1, "%s", strrchr(directory, '/') + 1);
    return 0;
}

/* The name path becomes a link to target at one instant. */
static int put_link(const char *path, const char *target, struct err *e)
{
    char new[PATH_MAX];
    int n = snprintf(new, sizeof(new), "%s.new", path);
    if (n < 0 || n >= PATH_MAX) {
        return err_set(e, ERR_IO, "%s: the path is too long", path);
    }
    (void)unlink(new);
    if (symlink(target, new) != 0 || rename(new, path) != 0) {
        int rc = failed(e, path);
        (void)unlink(new);
        return rc;
    }
    return 0;
}

/* As put_link(), and on the disk, which the change of what it leads to must not get to before. */
static int put_name(const char *path, const char *target, struct err *e)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int rc = put_link(path, target, e);
    if (rc == 0 && slash != NULL) {
        (void)snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path) + 1, path);
    }
    return rc == 0 ? sync_directory(slash != NULL ? directory : ".", e) : rc;
}

static int put_live(const struct place *p, const char *name, struct err *e)
{
    char live[PATH_MAX];
    int rc = join(live, p->directory, LIVE, e);
    rc = rc == 0 ? put_link(live, name, e) : rc;
    return rc == 0 ? sync_directory(p->directory, e) : rc;
}

static bool is_link_to(const char *path, const char *target)
{
    char now[PATH_MAX];
    ssize_t n = readlink(path, now, sizeof(now));
    return n >= 0 && (size_t)n == strlen(target) && memcmp(now, target, (size_t)n) == 0;
}

/* Both names lead through the link; what they lead to is still the old pair. */
static int lead_through(const struct place *p, const struct renew_switch_texts *old, struct err *e)
{
    char live[PATH_MAX];
    char certificate[PATH_MAX];
    char key[PATH_MAX];
    char name[NAME_MAX + 1];
    int rc = join(live, p->directory, LIVE, e);
    rc = rc == 0 ? join(certificate, live, CERTIFICATE, e) : rc;
    rc = rc == 0 ? join(key, live, KEY, e) : rc;
    if (rc != 0 || (is_link_to(p->certificate, certificate) && is_link_to(p->key, key))) {
        return rc;
    }
    rc = make_pair(p, old, name, e);
    rc = rc == 0 ? put_live(p, name, e) : rc;
    rc = rc == 0 ? put_name(p->certificate, certificate, e) : rc;
    return rc == 0 ? put_name(p->key, key, e) : rc;
}

static void note_before(struct place *p)
{
    char live[PATH_MAX];
    ssize_t n = join(live, p->directory, LIVE, NULL) == 0
                    ? readlink(live, p->before, sizeof(p->before) - 1)
                    : -1;
    p->before[n > 0 ? n : 0] = '\0';
}

/* Old keys are not left lying about. */
static void remove_others(const struct place *p, const char *now)
{
    DIR *d = opendir(p->directory);
    const struct dirent *entry = NULL;
    char path[PATH_MAX];
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this directory stream */
    while (d != NULL && (entry = readdir(d)) != NULL) {
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, LIVE) != 0 &&
            strcmp(entry->d_name, now) != 0 && strcmp(entry->d_name, p->before) != 0 &&
            join(path, p->directory, entry->d_name, NULL) == 0) {
            remove_pair(path);
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
}

int renew_switch(const char *certificate, const char *key, const struct renew_switch_texts *old,
                 const struct renew_switch_texts *new, struct err *e)
{
    struct place p = {.certificate = certificate, .key = key};
    char name[NAME_MAX + 1];
    if (stat(certificate, &p.certificate_like) != 0) {
        return failed(e, certificate);
    }
    if (stat(key, &p.key_like) != 0) {
        return failed(e, key);
    }
    int rc = find_directory(&p, e);
    rc = rc == 0 ? lead_through(&p, old, e) : rc;
    rc = rc == 0 ? make_pair(&p, new, name, e) : rc;
    if (rc == 0) {
        note_before(&p);
        rc = put_live(&p, name, e);
    }
    if (rc == 0) {
        remove_others(&p, name);
    }
    return rc;
}
