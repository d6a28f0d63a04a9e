/* Owns: replacing a file as a whole, one writer at a time. Leaves what stands in it to the caller.
 * Command line only.
 *
 * The lock is flock(2) on PATH.lock: the kernel lets go of it when a writer dies, and the file
 * itself cannot carry the lock because it is replaced. The lock file stays, empty; removing it
 * would let two writers hold locks on two files of the same name. The new text goes to PATH.new,
 * which only the holder of the lock touches, so that one left by a crash may be removed. */
#include "base/rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#define NEW_FILE_MODE 0640

struct rewrite {
    char path[PATH_MAX]; /* symbolic links resolved */
    char lock_path[PATH_MAX + 8];
    char new_path[PATH_MAX + 8];
    int lock;
    bool exists;
    struct stat old;
    struct buf text; /* what stood in it */
};

static int resolve_paths(struct rewrite *c, const char *path, struct err *e)
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

static int take_lock(struct rewrite *c, struct err *e)
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

static int read_old(struct rewrite *c, struct err *e)
{
    int fd = open(c->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? 0 : err_set_errno(e, ERR_IO, errno, "%s", c->path);
    }
    c->exists = true;
    int rc = 0;
    if (fstat(fd, &c->old) != 0 || read_all(fd, &c->text) != 0) {
        rc = err_set_errno(e, ERR_IO, errno, "%s", c->path);
    }
    (void)close(fd);
    return rc;
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
static int copy_owner(const struct rewrite *c, int fd)
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

static int write_new(const struct rewrite *c, struct str text, struct err *e)
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

static int sync_directory(const struct rewrite *c, struct err *e)
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

int rewrite_open(struct rewrite **out, const char *path, struct err *e)
{
    *out = NULL;
    struct rewrite *c = mem_calloc(1, sizeof(*c));
    if (c == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    c->lock = -1;
    buf_init(&c->text, REWRITE_MAX);
    int rc = resolve_paths(c, path, e);
    rc = rc == 0 ? take_lock(c, e) : rc;
    rc = rc == 0 ? read_old(c, e) : rc;
    if (rc != 0) {
        rewrite_close(c);
        return rc;
    }
    *out = c;
    return 0;
}

const char *rewrite_path(const struct rewrite *c)
{
    return c->path;
}

bool rewrite_exists(const struct rewrite *c)
{
    return c->exists;
}

struct str rewrite_old(const struct rewrite *c)
{
    return buf_str(&c->text);
}

int rewrite_put(struct rewrite *c, struct str text, struct err *e)
{
    int rc = write_new(c, text, e);
    if (rc == 0 && rename(c->new_path, c->path) != 0) {
        rc = err_set_errno(e, ERR_IO, errno, "%s", c->path);
        (void)unlink(c->new_path);
    }
    return rc == 0 ? sync_directory(c, e) : rc;
}

void rewrite_close(struct rewrite *c)
{
    if (c == NULL) {
        return;
    }
    if (c->lock >= 0) {
        (void)close(c->lock);
    }
    buf_wipe(&c->text);
    mem_free(c);
}
