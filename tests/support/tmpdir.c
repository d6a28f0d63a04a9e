/* Owns: directories made for a test. */
#include "tests/support/tmpdir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static _Noreturn void give_up(const char *what, const char *path)
{
    (void)fprintf(stderr, "%s %s: ", what, path);
    perror(NULL);
    abort();
}

void tmpdir_make(struct tmpdir *d)
{
    const char *base = getenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe): no threads yet */
    (void)snprintf(d->path, sizeof(d->path), "%.128s/countersign-test-XXXXXX",
                   base != NULL ? base : "/tmp");
    if (mkdtemp(d->path) == NULL) {
        give_up("cannot make", d->path);
    }
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void tmpdir_remove(struct tmpdir *d)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread changes the directory */
    (void)nftw(d->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    d->path[0] = '\0';
}

const char *tmpdir_path(const struct tmpdir *d, const char *name, char out[TMPDIR_PATH_MAX])
{
    (void)snprintf(out, TMPDIR_PATH_MAX, "%.180s/%.70s", d->path, name);
    return out;
}

void tmpdir_write(const struct tmpdir *d, const char *name, const void *octets, size_t n)
{
    char path[TMPDIR_PATH_MAX];
    FILE *f = fopen(tmpdir_path(d, name, path), "we");
    if (f == NULL || fwrite(octets, 1, n, f) != n || fclose(f) != 0) {
        give_up("cannot write", path);
    }
}

char *tmpdir_read(const struct tmpdir *d, const char *name, size_t *n)
{
    char path[TMPDIR_PATH_MAX];
    FILE *f = fopen(tmpdir_path(d, name, path), "re");
    struct stat st;
    if (f == NULL || fstat(fileno(f), &st) != 0) {
        give_up("cannot read", path);
    }
    size_t size = (size_t)st.st_size;
    char *octets = malloc(size + 1);
    if (octets == NULL || fread(octets, 1, size, f) != size) {
        give_up("cannot read", path);
    }
    (void)fclose(f);
    octets[size] = '\0';
    if (n != NULL) {
        *n = size;
    }
    return octets;
}
