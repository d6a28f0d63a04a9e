/* Owns: the set of contents read for one configuration, and whether the disk still holds them. Not:
 * handing it to other processes (files_pack.c). One thread a set. */
#include "conf/files.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/files_set.h"

#define SIZE_LIMIT ((size_t)1024 * 1024 * 1024)

struct files *files_new(void)
{
    return mem_calloc(1, sizeof(struct files));
}

static void drop_data(struct file_entry *e)
{
    if (e->data != NULL) {
        mem_wipe(e->data, e->n);
    }
    mem_free(e->data);
    e->data = NULL;
    e->n = 0;
}

static void release_entry(struct file_entry *e, bool packed)
{
    if (!packed) {
        drop_data(e);
        mem_free(e->path);
    }
    derived_unref(e->derived);
    mem_free(e->paths);
}

void files_free(struct files *f)
{
    if (f == NULL) {
        return;
    }
    for (size_t i = 0; i < f->count; i++) {
        release_entry(&f->entries[i], f->packed);
    }
    if (f->map != NULL) {
        (void)munmap(f->map, f->map_n);
    }
    mem_free(f->entries);
    mem_free(f);
}

static struct file_entry *find(const struct files *f, enum file_kind kind, const char *path)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->entries[i].kind == kind && strcmp(f->entries[i].path, path) == 0) {
            return &f->entries[i];
        }
    }
    return NULL;
}

struct file_entry *files_slot(struct files *f)
{
    if (f->count == f->size) {
        size_t size = f->size == 0 ? 16 : f->size * 2;
        struct file_entry *grown = mem_realloc(f->entries, size * sizeof(*grown));
        if (grown == NULL) {
            return NULL;
        }
        f->entries = grown;
        f->size = size;
    }
    f->entries[f->count] = (struct file_entry){0};
    return &f->entries[f->count++];
}

/* An entry of kind for a copy of path, or NULL. */
static struct file_entry *add(struct files *f, enum file_kind kind, const char *path)
{
    char *copy = mem_dup(path, strlen(path));
    struct file_entry *e = copy != NULL ? files_slot(f) : NULL;
    if (e == NULL) {
        mem_free(copy);
        return NULL;
    }
    e->kind = kind;
    e->path = copy;
    return e;
}

static struct file_stamp stamp_of(const struct stat *st)
{
    return (struct file_stamp){
        .device = st->st_dev,
        .inode = st->st_ino,
        .size = (uint64_t)st->st_size,
        .mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
        .ctime_ns = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec,
    };
}

static bool same_stamp(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

/* A buffer of size octets holding the n of old, which is wiped and freed; NULL leaves old alone.
 * Not realloc: it would leave a copy of a key behind. */
static char *regrow(char *old, size_t n, size_t size)
{
    char *p = mem_alloc(size);
    if (p != NULL && old != NULL) {
        memcpy(p, old, n);
        mem_wipe(old, n);
        mem_free(old);
    }
    return p;
}

/* All octets of fd, about hint many, into *data and *n. */
static int read_all(int fd, const char *path, size_t hint, struct file_entry *into, struct err *e)
{
    size_t size = hint + 1;
    char *data = regrow(NULL, 0, size);
    size_t n = 0;
    int rc = data == NULL ? err_set(e, ERR_NOMEM, "out of memory for %s", path) : 0;
    while (rc == 0) {
        if (n == size) {
            char *grown = regrow(data, n, size * 2);
            if (grown == NULL) {
                rc = err_set(e, ERR_NOMEM, "out of memory for %s", path);
                break;
            }
            data = grown;
            size *= 2;
        }
        ssize_t got = read(fd, data + n, size - n);
        if (got == 0) {
            into->data = data;
            into->n = n;
            return 0;
        }
        if (got < 0 && errno != EINTR) {
            rc = err_set_errno(e, ERR_IO, errno, "cannot read %s", path);
        }
        n += got > 0 ? (size_t)got : 0;
        if (n > SIZE_LIMIT) {
            rc = err_set(e, ERR_TOO_LARGE, "%s is larger than 1 GiB", path);
        }
    }
    if (data != NULL) {
        mem_wipe(data, n);
    }
    mem_free(data);
    return rc;
}

static int open_error(int number, const char *path, struct err *e)
{
    enum err_code code = ERR_IO;
    if (number == ENOENT || number == ENOTDIR) {
        code = ERR_NOT_FOUND;
    } else if (number == EACCES || number == EPERM) {
        code = ERR_DENIED;
    }
    return err_set_errno(e, code, number, "cannot open %s", path);
}

/* Read path from disk into a fresh entry value. */
static int load(const char *path, struct file_entry *into, struct err *e)
{
    struct stat st;
    /* O_NONBLOCK: a FIFO by mistake must not hang us before we see what it is. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return open_error(errno, path, e);
    }
    int rc = 0;
    if (fstat(fd, &st) != 0) {
        rc = err_set_errno(e, ERR_IO, errno, "cannot look at %s", path);
    } else if (!S_ISREG(st.st_mode)) {
        rc = err_set(e, ERR_IO, "%s is not a regular file", path);
    } else if ((uint64_t)st.st_size > SIZE_LIMIT) {
        rc = err_set(e, ERR_TOO_LARGE, "%s is larger than 1 GiB", path);
    } else {
        into->stamp = stamp_of(&st);
        into->mode = st.st_mode & 07777;
        rc = read_all(fd, path, (size_t)st.st_size, into, e);
    }
    (void)close(fd);
    return rc;
}

static int not_found(const char *path, struct err *e)
{
    return err_set_errno(e, ERR_NOT_FOUND, ENOENT, "cannot open %s", path);
}

/* Read what was dropped once more. */
static int load_again(struct file_entry *known, struct err *e)
{
    struct file_entry fresh = {0};
    int rc = load(known->path, &fresh, e);
    if (rc == 0 && !same_stamp(&fresh.stamp, &known->stamp)) {
        drop_data(&fresh);
        rc = err_set(e, ERR_IO, "%s changed while it was read", known->path);
    }
    if (rc == 0) {
        known->data = fresh.data;
        known->n = fresh.n;
        known->dropped = false;
    }
    return rc;
}

int files_read(struct files *f, const char *path, struct str *out, struct err *e)
{
    *out = STR("");
    struct file_entry *known = find(f, FILE_CONTENT, path);
    if (known == NULL && f->packed) {
        return not_found(path, e);
    }
    if (known == NULL) {
        struct file_entry fresh = {0};
        int rc = load(path, &fresh, e);
        if (rc != 0 && rc != -ERR_NOT_FOUND) {
            return rc;
        }
        known = add(f, FILE_CONTENT, path);
        if (known == NULL) {
            release_entry(&fresh, false);
            return err_set(e, ERR_NOMEM, "out of memory for %s", path);
        }
        known->stamp = fresh.stamp;
        known->mode = fresh.mode;
        known->data = fresh.data;
        known->n = fresh.n;
        known->missing = rc != 0;
    }
    if (known->missing || (known->dropped && f->packed)) {
        return not_found(path, e);
    }
    int rc = known->dropped ? load_again(known, e) : 0;
    if (rc != 0) {
        return rc;
    }
    known->readers++;
    *out = (struct str){known->data, known->n};
    return 0;
}

const char *files_help(int rc)
{
    switch (-rc) {
    case ERR_NOT_FOUND:
        return "Put the file there, or correct the path: a relative one starts at the directory of "
               "the file that names it.";
    case ERR_DENIED:
        return "Let the user that starts the proxy read it.";
    case ERR_IO:
        return "Name a regular file that can be read.";
    default:
        return NULL;
    }
}

int files_put(struct files *f, const char *path, struct str text)
{
    if (find(f, FILE_CONTENT, path) != NULL) {
        return -ERR_EXISTS;
    }
    char *data = mem_dup(text.p != NULL ? text.p : "", text.n);
    struct file_entry *e = data != NULL ? add(f, FILE_CONTENT, path) : NULL;
    if (e == NULL) {
        mem_free(data);
        return -ERR_NOMEM;
    }
    e->data = data;
    e->n = text.n;
    e->mode = 0600;
    e->pinned = true;
    e->seeded = true;
    return 0;
}

bool files_exists(struct files *f, const char *path)
{
    const struct file_entry *known = find(f, FILE_PROBE, path);
    if (known != NULL) {
        return !known->missing;
    }
    if (f->packed) {
        return false;
    }
    bool there = find(f, FILE_CONTENT, path) != NULL || access(path, F_OK) == 0;
    struct file_entry *e = add(f, FILE_PROBE, path);
    if (e != NULL) {
        e->missing = !there;
        e->pinned = true;
    }
    return there;
}

int files_index_glob(struct file_entry *e)
{
    size_t count = 0;
    if (e->n > 0 && e->data[e->n - 1] != '\0') {
        return -ERR_MALFORMED;
    }
    for (size_t i = 0; i < e->n; i++) {
        count += e->data[i] == '\0';
    }
    e->paths = mem_calloc(count + 1, sizeof(*e->paths));
    if (e->paths == NULL) {
        return -ERR_NOMEM;
    }
    for (size_t i = 0; i < e->n; i += strlen(e->data + i) + 1) {
        e->paths[e->path_count++] = e->data + i;
    }
    return 0;
}

/* The paths of a glob one behind the other, each with its NUL. */
static int join_paths(const glob_t *found, struct file_entry *into)
{
    size_t n = 0;
    for (size_t i = 0; i < found->gl_pathc; i++) {
        n += strlen(found->gl_pathv[i]) + 1;
    }
    into->data = mem_alloc(n);
    if (into->data == NULL) {
        return -ERR_NOMEM;
    }
    for (size_t i = 0; i < found->gl_pathc; i++) {
        size_t len = strlen(found->gl_pathv[i]) + 1;
        memcpy(into->data + into->n, found->gl_pathv[i], len);
        into->n += len;
    }
    return files_index_glob(into);
}

/* glob(3) into a fresh entry value. */
static int expand(const char *pattern, struct file_entry *into, struct err *e)
{
    glob_t found = {0};
    int rc = 0;
    errno = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the locale or the environment */
    int status = glob(pattern, GLOB_ERR, NULL, &found);
    if (status == GLOB_ABORTED && errno == ENOENT) {
        status = GLOB_NOMATCH; /* a directory that is not there holds nothing */
    }
    switch (status) {
    case 0:
    case GLOB_NOMATCH:
        rc = join_paths(&found, into);
        break;
    case GLOB_NOSPACE:
        rc = -ERR_NOMEM;
        break;
    default:
        rc = err_set_errno(e, errno == EACCES ? ERR_DENIED : ERR_IO, errno,
                           "cannot list what matches %s", pattern);
        break;
    }
    globfree(&found);
    return rc == -ERR_NOMEM ? err_set(e, ERR_NOMEM, "out of memory for %s", pattern) : rc;
}

struct derived *files_derived(const struct files *f, const char *name)
{
    struct file_entry *e = find(f, FILE_DERIVED, name);
    return e != NULL ? derived_ref(e->derived) : NULL;
}

int files_derive(struct files *f, const char *name, struct derived *d)
{
    if (find(f, FILE_DERIVED, name) != NULL) {
        return -ERR_EXISTS;
    }
    struct file_entry *e = add(f, FILE_DERIVED, name);
    if (e == NULL) {
        return -ERR_NOMEM;
    }
    e->derived = derived_ref(d);
    return 0;
}

void files_done(struct files *f, const char *path)
{
    struct file_entry *e = find(f, FILE_CONTENT, path);
    if (e == NULL || e->readers == 0 || --e->readers > 0) {
        return;
    }
    if (!f->packed && !e->pinned && !e->seeded) {
        drop_data(e);
        e->dropped = true;
    }
}

struct str files_data(const struct file_entry *e)
{
    return e->kind == FILE_DERIVED ? (struct str){(const char *)e->derived->p, e->derived->n}
                                   : (struct str){e->data, e->n};
}

int files_glob(struct files *f, const char *pattern, const char *const **paths, size_t *n,
               struct err *e)
{
    *paths = NULL;
    *n = 0;
    struct file_entry *known = find(f, FILE_GLOB, pattern);
    if (known == NULL && !f->packed) {
        struct file_entry fresh = {0};
        int rc = expand(pattern, &fresh, e);
        known = rc == 0 ? add(f, FILE_GLOB, pattern) : NULL;
        if (known == NULL) {
            release_entry(&fresh, false);
            return rc != 0 ? rc : err_set(e, ERR_NOMEM, "out of memory for %s", pattern);
        }
        known->data = fresh.data;
        known->n = fresh.n;
        known->paths = fresh.paths;
        known->path_count = fresh.path_count;
    }
    if (known != NULL) {
        *paths = known->paths;
        *n = known->path_count;
    }
    return 0;
}

mode_t files_mode(const struct files *f, const char *path)
{
    const struct file_entry *e = find(f, FILE_CONTENT, path);
    return e != NULL ? e->mode : 0;
}

void files_pin(struct files *f, const char *path)
{
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->entries[i].path, path) == 0) {
            f->entries[i].pinned = true;
        }
    }
}

static bool glob_changed(const struct file_entry *e)
{
    struct file_entry now = {0};
    bool changed = expand(e->path, &now, NULL) != 0 || now.n != e->n ||
                   (now.n > 0 && memcmp(now.data, e->data, now.n) != 0);
    release_entry(&now, false);
    return changed;
}

static bool content_changed(const struct file_entry *e)
{
    struct stat st;
    if (stat(e->path, &st) != 0) {
        /* Without the right to look, a file that was there may still be. */
        return !e->missing && (errno == ENOENT || errno == ENOTDIR);
    }
    struct file_stamp now = stamp_of(&st);
    return e->missing || !same_stamp(&now, &e->stamp);
}

bool files_changed(const struct files *f)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct file_entry *e = &f->entries[i];
        if (e->pinned || e->kind == FILE_PROBE || e->kind == FILE_DERIVED) {
            continue;
        }
        if (e->kind == FILE_GLOB ? glob_changed(e) : content_changed(e)) {
            return true;
        }
    }
    return false;
}

/* A deep copy of one entry. */
static int copy_entry(struct files *f, const struct file_entry *from)
{
    struct file_entry *e = add(f, from->kind, from->path);
    if (e == NULL) {
        return -ERR_NOMEM;
    }
    e->pinned = from->pinned;
    e->missing = from->missing;
    e->seeded = from->seeded;
    e->mode = from->mode;
    e->stamp = from->stamp;
    e->data = mem_dup(from->data != NULL ? from->data : "", from->n);
    e->n = e->data != NULL ? from->n : 0;
    if (e->data == NULL) {
        return -ERR_NOMEM;
    }
    return e->kind == FILE_GLOB ? files_index_glob(e) : 0;
}

struct files *files_again(const struct files *old)
{
    struct files *f = files_new();
    for (size_t i = 0; f != NULL && i < old->count; i++) {
        if (old->entries[i].pinned && copy_entry(f, &old->entries[i]) != 0) {
            files_free(f);
            return NULL;
        }
    }
    return f;
}
