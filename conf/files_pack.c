/* Owns: the form of a set of files in a sealed memory file. Not: reading the disk. One thread a
 * set. The form is ours alone and lives no longer than the program: numbers in host order. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/files.h"
#include "conf/files_set.h"

enum { SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

struct pack_head {
    char magic[8];
    uint64_t count;
};

/* Behind it stand the path with its NUL and the data, then zeros up to a multiple of 8. Derived
 * data begins at a multiple of PAGE from the front of all, so that it can be mapped alone. */
struct pack_entry {
    uint32_t kind;
    uint32_t flags;
    uint32_t mode;
    uint32_t path_n;
    uint64_t data_n;
    struct file_stamp stamp;
};

enum { FLAG_PINNED = 1, FLAG_MISSING = 2, FLAG_SEEDED = 4, FLAG_DROPPED = 8 };

enum { PAGE = 65536 }; /* the largest page of the machines that Linux runs on */

static const char magic[8] = "csfiles2";

static int write_all(int fd, const void *p, size_t n)
{
    const char *at = p;
    while (n > 0) {
        ssize_t done = write(fd, at, n);
        if (done < 0 && errno != EINTR) {
            return -ERR_IO;
        }
        at += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
    return 0;
}

static size_t padding(size_t n, size_t unit)
{
    return (unit - n % unit) % unit;
}

static int write_zeros(int fd, size_t n)
{
    static const char zeros[512];
    int rc = 0;
    while (rc == 0 && n > 0) {
        size_t now = n < sizeof(zeros) ? n : sizeof(zeros);
        rc = write_all(fd, zeros, now);
        n -= now;
    }
    return rc;
}

/* Zeros up to a multiple of unit. */
static int pad(int fd, size_t unit)
{
    off_t at = lseek(fd, 0, SEEK_CUR);
    return at >= 0 ? write_zeros(fd, padding((size_t)at, unit)) : -ERR_IO;
}

static int write_entry(int fd, const struct file_entry *e)
{
    const struct str data = files_data(e);
    struct pack_entry head = {
        .kind = e->kind,
        .flags = (e->pinned ? FLAG_PINNED : 0U) | (e->missing ? FLAG_MISSING : 0U) |
                 (e->seeded ? FLAG_SEEDED : 0U) | (e->dropped ? FLAG_DROPPED : 0U),
        .mode = e->mode,
        .path_n = (uint32_t)strlen(e->path) + 1,
        .data_n = data.n,
        .stamp = e->stamp,
    };
    int rc = write_all(fd, &head, sizeof(head));
    rc = rc != 0 ? rc : write_all(fd, e->path, head.path_n);
    if (rc == 0 && e->kind == FILE_DERIVED) {
        rc = pad(fd, PAGE);
    }
    rc = rc != 0 ? rc : write_all(fd, data.p, data.n);
    return rc != 0 ? rc : pad(fd, 8);
}

int files_pack(const struct files *f, int *fd, struct err *e)
{
    struct pack_head head = {.count = f->count};
    memcpy(head.magic, magic, sizeof(magic));
    int memory = memfd_create("countersign-files", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memory < 0) {
        return err_set_errno(e, ERR_IO, errno, "cannot create a memory file");
    }
    int rc = write_all(memory, &head, sizeof(head));
    for (size_t i = 0; rc == 0 && i < f->count; i++) {
        rc = write_entry(memory, &f->entries[i]);
    }
    if (rc != 0) {
        rc = err_set_errno(e, ERR_IO, errno, "cannot write to the memory file");
    } else if (fcntl(memory, F_ADD_SEALS, SEALS) != 0) {
        rc = err_set_errno(e, ERR_IO, errno, "cannot seal the memory file");
    }
    if (rc != 0) {
        (void)close(memory);
        return rc;
    }
    *fd = memory;
    return 0;
}

/* Take n octets from the front of *rest, or NULL if it is shorter. */
static char *take(char **rest, size_t *left, size_t n)
{
    char *p = *rest;
    if (n > *left) {
        return NULL;
    }
    *rest += n;
    *left -= n;
    return p;
}

/* Take zeros up to a multiple of unit from the front of all. */
static bool take_padding(const struct files *f, char **rest, size_t *left, size_t unit)
{
    return take(rest, left, padding(f->map_n - *left, unit)) != NULL;
}

/* A mapping of its own: it may live longer than the set, whose secrets go with the set. */
static int map_derived(struct file_entry *e, const struct files *f, int fd)
{
    if (e->n == 0 || sysconf(_SC_PAGESIZE) > PAGE) {
        return -ERR_MALFORMED;
    }
    e->derived = derived_map(fd, e->data - (char *)f->map, e->n);
    e->data = NULL;
    e->n = 0;
    return e->derived != NULL ? 0 : -ERR_NOMEM;
}

static int read_entry(struct files *f, int fd, char **rest, size_t *left)
{
    struct pack_entry head;
    const char *p = take(rest, left, sizeof(head));
    if (p == NULL) {
        return -ERR_MALFORMED;
    }
    memcpy(&head, p, sizeof(head));
    char *path = take(rest, left, head.path_n);
    bool fits = head.kind != FILE_DERIVED || take_padding(f, rest, left, PAGE);
    char *data = take(rest, left, head.data_n);
    if (path == NULL || !fits || data == NULL || head.path_n == 0 ||
        path[head.path_n - 1] != '\0' || head.kind > FILE_DERIVED ||
        !take_padding(f, rest, left, 8)) {
        return -ERR_MALFORMED;
    }
    struct file_entry *e = files_slot(f);
    if (e == NULL) {
        return -ERR_NOMEM;
    }
    *e = (struct file_entry){
        .kind = (enum file_kind)head.kind,
        .pinned = (head.flags & FLAG_PINNED) != 0,
        .missing = (head.flags & FLAG_MISSING) != 0,
        .seeded = (head.flags & FLAG_SEEDED) != 0,
        .dropped = (head.flags & FLAG_DROPPED) != 0,
        .mode = head.mode,
        .stamp = head.stamp,
        .path = path,
        .data = data,
        .n = head.data_n,
    };
    if (e->kind == FILE_DERIVED) {
        int rc = map_derived(e, f, fd);
        f->count -= rc != 0 ? 1 : 0; /* half an entry is none */
        return rc;
    }
    return e->kind == FILE_GLOB ? files_index_glob(e) : 0;
}

static int read_set(struct files *f, int fd)
{
    struct pack_head head;
    char *rest = f->map;
    size_t left = f->map_n;
    const char *p = take(&rest, &left, sizeof(head));
    if (p == NULL) {
        return -ERR_MALFORMED;
    }
    memcpy(&head, p, sizeof(head));
    int rc = memcmp(head.magic, magic, sizeof(magic)) == 0 ? 0 : -ERR_MALFORMED;
    for (uint64_t i = 0; rc == 0 && i < head.count; i++) {
        rc = read_entry(f, fd, &rest, &left);
    }
    return rc == 0 && left > 0 ? -ERR_MALFORMED : rc;
}

struct files *files_unpack(int fd, struct err *e)
{
    struct stat st;
    /* Without the seals the octets could change under our pointers. */
    if (fcntl(fd, F_GET_SEALS) != SEALS || fstat(fd, &st) != 0 || st.st_size <= 0) {
        (void)err_set(e, ERR_MALFORMED, "not a sealed set of files");
        return NULL;
    }
    struct files *f = files_new();
    if (f == NULL) {
        (void)err_set(e, ERR_NOMEM, "out of memory for the set of files");
        return NULL;
    }
    f->packed = true;
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
        (void)err_set_errno(e, ERR_IO, errno, "cannot map the set of files");
        files_free(f);
        return NULL;
    }
    f->map = map;
    f->map_n = (size_t)st.st_size;
    int rc = read_set(f, fd);
    if (rc != 0) {
        (void)err_set(e, (enum err_code) - rc, "the set of files cannot be read: %s", err_name(rc));
        files_free(f);
        return NULL;
    }
    return f;
}
