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

/* Behind it stand the path with its NUL and the data, then zeros up to a multiple of 8. */
struct pack_entry {
    uint32_t kind;
    uint32_t flags;
    uint32_t mode;
    uint32_t path_n;
    uint64_t data_n;
    struct file_stamp stamp;
};

enum { FLAG_PINNED = 1, FLAG_MISSING = 2, FLAG_SEEDED = 4 };

static const char magic[8] = "csfiles1";

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

static size_t padding(size_t n)
{
    return (8 - n % 8) % 8;
}

static int write_entry(int fd, const struct file_entry *e)
{
    static const char zeros[8];
    struct pack_entry head = {
        .kind = e->kind,
        .flags = (e->pinned ? FLAG_PINNED : 0U) | (e->missing ? FLAG_MISSING : 0U) |
                 (e->seeded ? FLAG_SEEDED : 0U),
        .mode = e->mode,
        .path_n = (uint32_t)strlen(e->path) + 1,
        .data_n = e->n,
        .stamp = e->stamp,
    };
    int rc = write_all(fd, &head, sizeof(head));
    rc = rc != 0 ? rc : write_all(fd, e->path, head.path_n);
    rc = rc != 0 ? rc : write_all(fd, e->data, e->n);
    return rc != 0 ? rc : write_all(fd, zeros, padding(head.path_n + e->n));
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

static int read_entry(struct files *f, char **rest, size_t *left)
{
    struct pack_entry head;
    const char *p = take(rest, left, sizeof(head));
    if (p == NULL) {
        return -ERR_MALFORMED;
    }
    memcpy(&head, p, sizeof(head));
    char *path = take(rest, left, head.path_n);
    char *data = take(rest, left, head.data_n);
    if (path == NULL || data == NULL || head.path_n == 0 || path[head.path_n - 1] != '\0' ||
        head.kind > FILE_PROBE ||
        take(rest, left, padding((size_t)head.path_n + head.data_n)) == NULL) {
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
        .mode = head.mode,
        .stamp = head.stamp,
        .path = path,
        .data = data,
        .n = head.data_n,
    };
    return e->kind == FILE_GLOB ? files_index_glob(e) : 0;
}

static int read_set(struct files *f)
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
        rc = read_entry(f, &rest, &left);
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
    int rc = read_set(f);
    if (rc != 0) {
        (void)err_set(e, (enum err_code) - rc, "the set of files cannot be read: %s", err_name(rc));
        files_free(f);
        return NULL;
    }
    return f;
}
