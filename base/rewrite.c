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
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#define NEW_FILE_MODE 0640
#define READ_AT_ONCE  ((size_t)256 * 1024)

struct rewrite {
    char path[PATH_MAX]; /* symbolic links resolved */
    char lock_path[PATH_MAX + 8];
    char new_path[PATH_MAX + 8];
    int lock;
    bool exists;
    struct stat old;
    struct buf text; /* what stood in it, if it was kept */
    uint64_t size;   /* octets that were read */
    bool open_end;   /* the last line had no end */
};

/* Who hears the lines of a file that is not kept. */
struct hearer {
    rewrite_line_fn line;
    void *arg;
    bool enough;
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

/* Tell h the whole lines in text, and take them off. */
static void tell_lines(struct hearer *h, struct buf *text)
{
    struct str line = STR_NONE;
    struct str rest = buf_str(text);
    struct str next = STR_NONE;
    while (!h->enough && str_chr(rest, '\n') != STR_NPOS) {
        (void)str_cut(rest, '\n', &line, &next);
        h->enough = !h->line(h->arg, line);
        rest = next;
    }
    buf_consume(text, h->enough ? buf_len(text) : buf_len(text) - rest.n);
}

/* Read fd to its end; h NULL: all of it is kept. */
static int read_all(struct rewrite *c, int fd, struct hearer *h)
{
    for (;;) {
        char *room = buf_reserve(&c->text, READ_AT_ONCE);
        if (room == NULL) {
            errno = buf_len(&c->text) > REWRITE_MAX - READ_AT_ONCE ? EFBIG : ENOMEM;
            return -1;
        }
        ssize_t n = read(fd, room, READ_AT_ONCE);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return (int)n;
        }
        c->size += (uint64_t)n;
        c->open_end = room[n - 1] != '\n';
        buf_commit(&c->text, (size_t)n);
        if (h != NULL) {
            tell_lines(h, &c->text);
        }
    }
}

static int read_old(struct rewrite *c, struct hearer *h, struct err *e)
{
    int fd = open(c->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? 0 : err_set_errno(e, ERR_IO, errno, "%s", c->path);
    }
    c->exists = true;
    int rc = 0;
    if (fstat(fd, &c->old) != 0 || read_all(c, fd, h) != 0) {
        rc = errno == ENOMEM ? err_set(e, ERR_NOMEM, "out of memory for %s", c->path)
                             : err_set_errno(e, ERR_IO, errno, "%s", c->path);
    } else if (h != NULL && !h->enough && buf_len(&c->text) > 0) {
        (void)h->line(h->arg, buf_str(&c->text));
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

static int begin(struct rewrite **out, const char *path, struct hearer *h, struct err *e)
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
    rc = rc == 0 ? read_old(c, h, e) : rc;
    if (rc != 0) {
        rewrite_close(c);
        return rc;
    }
    *out = c;
    return 0;
}

int rewrite_open(struct rewrite **out, const char *path, struct err *e)
{
    return begin(out, path, NULL, e);
}

int rewrite_scan(struct rewrite **out, const char *path, rewrite_line_fn line, void *arg,
                 struct err *e)
{
    struct hearer h = {.line = line, .arg = arg};
    int rc = begin(out, path, &h, e);
    if (rc == 0) {
        buf_wipe(&(*out)->text);
    }
    return rc;
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

/* What stands in front of a line of n octets at the end of the file: the end of the line before it,
 * and what fills the page. Octets of it in out[REWRITE_PAGE]. */
static size_t lead_in(const struct rewrite *c, size_t n, char comment, char out[REWRITE_PAGE])
{
    size_t lead = 0;
    if (c->open_end) {
        out[lead++] = '\n';
    }
    size_t left = REWRITE_PAGE - (size_t)((c->size + lead) % REWRITE_PAGE);
    if (n > left) {
        memset(out + lead, ' ', left);
        out[lead] = comment;
        out[lead + left - 1] = '\n';
        lead += left;
    }
    return lead;
}

static int write_behind(const struct rewrite *c, int fd, struct str text, struct err *e)
{
    struct stat now;
    if (fstat(fd, &now) != 0) {
        return err_set_errno(e, ERR_IO, errno, "%s", c->path);
    }
    if (now.st_ino != c->old.st_ino || (uint64_t)now.st_size != c->size) {
        return err_set(e, ERR_BUSY, "%s was changed by somebody else meanwhile: try again",
                       c->path);
    }
    /* Room first: a full disk must not cut the line. */
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, now.st_size, (off_t)text.n) != 0 && errno == ENOSPC) {
        return err_set_errno(e, ERR_IO, errno, "%s", c->path);
    }
    ssize_t n = write(fd, text.p, text.n);
    if (n != (ssize_t)text.n) {
        int number = n < 0 ? errno : ENOSPC;
        (void)!ftruncate(fd, now.st_size);
        return err_set_errno(e, ERR_IO, number, "%s", c->path);
    }
    return fsync(fd) == 0 ? 0 : err_set_errno(e, ERR_IO, errno, "%s", c->path);
}

int rewrite_append(struct rewrite *c, struct str line, char comment, struct err *e)
{
    char text[2 * REWRITE_PAGE];
    if (!c->exists || line.n > REWRITE_PAGE) {
        return err_set(e, ERR_NOT_FOUND, "%s cannot be appended to", c->path);
    }
    int fd = open(c->path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return err_set_errno(e, errno == EACCES || errno == EPERM ? ERR_DENIED : ERR_IO, errno,
                             "%s", c->path);
    }
    size_t lead = lead_in(c, line.n, comment, text);
    memcpy(text + lead, line.p, line.n);
    int rc = write_behind(c, fd, (struct str){text, lead + line.n}, e);
    if (close(fd) != 0 && rc == 0) {
        rc = err_set_errno(e, ERR_IO, errno, "%s", c->path);
    }
    return rc;
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
