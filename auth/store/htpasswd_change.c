/* Owns: changing one user in an htpasswd file without losing anything. Command line only.
 *
 * The lock is flock(2) on PATH.lock: the kernel lets go of it when a writer dies, and the file
 * itself cannot carry the lock because it is replaced. The lock file stays, empty; removing it
 * would let two writers hold locks on two files of the same name. The new text goes to PATH.new,
 * which only the holder of the lock touches, so that one left by a crash may be removed. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/store/htpasswd.h"
#include "auth/store/htpasswd_line.h"
#include "auth/store/pwhash.h"
#include "base/buf.h"
#include "base/mem.h"

#define FILE_MAX_BYTES ((size_t)1 << 30)
#define NEW_FILE_MODE  0640

/* One change under way. */
struct change {
    enum htpasswd_change what;
    struct str name;
    struct str hash;
    char path[PATH_MAX]; /* symbolic links resolved */
    char lock_path[PATH_MAX + 8];
    char new_path[PATH_MAX + 8];
    int lock;
    bool exists;
    struct stat old;
};

static int check_input(const struct change *c, struct err *e)
{
    const char *fault = htpasswd_name_fault(c->name);
    if (fault != NULL) {
        return err_set(e, ERR_MALFORMED, "%s", fault);
    }
    if (c->what != HTPASSWD_DELETE && pwhash_kind(c->hash) == PWHASH_UNKNOWN) {
        return err_set(e, ERR_MALFORMED, "not a password hash that is accepted");
    }
    return 0;
}

static int resolve_paths(struct change *c, const char *path, struct err *e)
{
    if (strlen(path) >= sizeof(c->path)) {
        return err_set(e, ERR_IO, "%s: the path is too long", path);
    }
    if (realpath(path, c->path) == NULL) {
        if (errno != ENOENT) {
            return err_set_errno(e, ERR_IO, errno, "%s", path);
        }
        (void)snprintf(c->path, sizeof(c->path), "%s", path);
    }
    (void)snprintf(c->lock_path, sizeof(c->lock_path), "%s.lock", c->path);
    (void)snprintf(c->new_path, sizeof(c->new_path), "%s.new", c->path);
    return 0;
}

static int take_lock(struct change *c, struct err *e)
{
    c->lock = open(c->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (c->lock < 0) {
        return err_set_errno(e, ERR_IO, errno, "%s", c->lock_path);
    }
    while (flock(c->lock, LOCK_EX) != 0) {
        if (errno != EINTR) {
            return err_set_errno(e, ERR_IO, errno, "%s: cannot lock", c->lock_path);
        }
    }
    return 0;
}

static int read_all(int fd, struct buf *text)
{
    for (;;) {
        char *room = buf_reserve(text, 65536);
        if (room == NULL) {
            errno = EFBIG;
            return -1;
        }
        ssize_t n = read(fd, room, 65536);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return (int)n;
        }
        buf_commit(text, (size_t)n);
    }
}

static int read_old(struct change *c, struct buf *text, struct err *e)
{
    int fd = open(c->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT && c->what == HTPASSWD_ADD) {
            return 0;
        }
        return err_set_errno(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "%s", c->path);
    }
    c->exists = true;
    int rc = 0;
    if (fstat(fd, &c->old) != 0 || read_all(fd, text) != 0) {
        rc = err_set_errno(e, ERR_IO, errno, "%s", c->path);
    }
    (void)close(fd);
    return rc;
}

static int append_entry(const struct change *c, struct buf *out, struct str end)
{
    int rc = buf_append(out, c->name);
    rc = rc == 0 ? buf_append(out, STR(":")) : rc;
    rc = rc == 0 ? buf_append(out, c->hash) : rc;
    return rc == 0 ? buf_append(out, end) : rc;
}

/* Copy every line of old but c's user's, whose first is replaced in place; *found: how many. */
static int copy_lines(const struct change *c, struct str old, struct buf *out, size_t *found)
{
    int rc = 0;
    struct str rest = old;
    while (rest.n > 0 && rc == 0) {
        struct str line = STR_NONE;
        struct str name = STR_NONE;
        struct str hash = STR_NONE;
        bool ended = str_cut(rest, '\n', &line, &rest);
        if (htpasswd_is_comment(line) || !str_cut(line, ':', &name, &hash) ||
            !str_eq(name, c->name)) {
            rc = buf_append(out, line);
            rc = rc == 0 && ended ? buf_append(out, STR("\n")) : rc;
            continue;
        }
        if ((*found)++ == 0 && c->what == HTPASSWD_REPLACE) {
            rc = append_entry(c, out, str_ends(line, STR("\r")) ? STR("\r\n") : STR("\n"));
        }
    }
    return rc;
}

static int make_new(const struct change *c, struct str old, struct buf *out, struct err *e)
{
    size_t found = 0;
    int rc = copy_lines(c, old, out, &found);
    if (rc == 0 && c->what == HTPASSWD_ADD) {
        if (found > 0) {
            return err_set(e, ERR_EXISTS, "%s: there is already a user \"%.*s\"", c->path,
                           STR_ARG(c->name));
        }
        if (buf_len(out) > 0 && !str_ends(buf_str(out), STR("\n"))) {
            rc = buf_append(out, STR("\n"));
        }
        rc = rc == 0 ? append_entry(c, out, STR("\n")) : rc;
    } else if (rc == 0 && found == 0) {
        return err_set(e, ERR_NOT_FOUND, "%s: there is no user \"%.*s\"", c->path,
                       STR_ARG(c->name));
    }
    return rc == 0 ? 0 : err_set(e, ERR_NOMEM, "%s: out of memory", c->path);
}

static int write_all(int fd, struct str text)
{
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -1;
        }
        text = str_slice(text, (size_t)n, text.n);
    }
    return 0;
}

/* The same owner and mode as before, so that the proxy can go on reading it. */
static int copy_owner(const struct change *c, int fd)
{
    if (!c->exists) {
        return fchmod(fd, NEW_FILE_MODE);
    }
    struct stat now;
    if (fstat(fd, &now) != 0) {
        return -1;
    }
    if ((now.st_uid != c->old.st_uid || now.st_gid != c->old.st_gid) &&
        fchown(fd, c->old.st_uid, c->old.st_gid) != 0) {
        return -1;
    }
    return fchmod(fd, c->old.st_mode & 07777);
}

static int write_new(const struct change *c, struct str text, struct err *e)
{
    (void)unlink(c->new_path);
    int fd = open(c->new_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return err_set_errno(e, ERR_IO, errno, "%s", c->new_path);
    }
    int rc = 0;
    if (copy_owner(c, fd) != 0 || write_all(fd, text) != 0 || fsync(fd) != 0) {
        rc = err_set_errno(e, ERR_IO, errno, "%s", c->new_path);
    }
    if (close(fd) != 0 && rc == 0) {
        rc = err_set_errno(e, ERR_IO, errno, "%s", c->new_path);
    }
    if (rc != 0) {
        (void)unlink(c->new_path);
    }
    return rc;
}

static int sync_directory(const struct change *c, struct err *e)
{
    char directory[PATH_MAX];
    (void)snprintf(directory, sizeof(directory), "%s", c->path);
    char *slash = strrchr(directory, '/');
    if (slash == NULL) {
        directory[0] = '.';
        directory[1] = '\0';
    } else {
        slash[slash == directory ? 1 : 0] = '\0';
    }
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 && fsync(fd) == 0
                 ? 0
                 : err_set_errno(e, ERR_IO, errno, "%s: cannot sync the directory", directory);
    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}

static int change_locked(struct change *c, struct err *e)
{
    struct buf old;
    struct buf new;
    buf_init(&old, FILE_MAX_BYTES);
    buf_init(&new, FILE_MAX_BYTES);
    int rc = read_old(c, &old, e);
    rc = rc == 0 ? make_new(c, buf_str(&old), &new, e) : rc;
    rc = rc == 0 ? write_new(c, buf_str(&new), e) : rc;
    if (rc == 0 && rename(c->new_path, c->path) != 0) {
        rc = err_set_errno(e, ERR_IO, errno, "%s", c->path);
        (void)unlink(c->new_path);
    }
    rc = rc == 0 ? sync_directory(c, e) : rc;
    buf_wipe(&old);
    buf_wipe(&new);
    return rc;
}

int htpasswd_change(const char *path, enum htpasswd_change what, struct str name, struct str hash,
                    struct err *e)
{
    struct change *c = mem_calloc(1, sizeof(*c));
    if (c == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    c->what = what;
    c->name = name;
    c->hash = hash;
    c->lock = -1;
    int rc = check_input(c, e);
    rc = rc == 0 ? resolve_paths(c, path, e) : rc;
    rc = rc == 0 ? take_lock(c, e) : rc;
    rc = rc == 0 ? change_locked(c, e) : rc;
    if (c->lock >= 0) {
        (void)close(c->lock);
    }
    mem_free(c);
    return rc;
}
