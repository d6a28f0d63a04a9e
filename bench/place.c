/* Owns: the file beside a file. */
#include "bench/place.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE 0644

static int write_all(FILE *f, struct str text)
{
    return fwrite(text.p, 1, text.n, f) == text.n && fflush(f) == 0 ? 0 : -ERR_IO;
}

/* Into what is there and is no regular file: /dev/null, a pipe. */
static int write_through(const char *path, struct str text, struct err *e)
{
    FILE *f = fopen(path, "we");
    if (f == NULL) {
        return err_set_errno(e, ERR_IO, errno, "cannot write %s", path);
    }
    int rc = write_all(f, text);
    if (fclose(f) != 0 || rc != 0) {
        return err_set_errno(e, ERR_IO, errno, "cannot write %s", path);
    }
    return 0;
}

static int write_beside(const char *path, struct str text, struct err *e)
{
    char beside[PATH_MAX];
    int n = snprintf(beside, sizeof(beside), "%s.XXXXXX", path);
    if (n < 0 || (size_t)n >= sizeof(beside)) {
        return err_set(e, ERR_IO, "the path %.60s... is too long", path);
    }
    mode_t mask = umask(0);
    (void)umask(mask);
    int fd = mkstemp(beside);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (f == NULL) {
        return err_set_errno(e, ERR_IO, errno, "cannot write beside %s", path);
    }
    int rc = write_all(f, text);
    if (rc == 0 && (fchmod(fd, FILE_MODE & ~mask) != 0 || fsync(fd) != 0)) {
        rc = -ERR_IO;
    }
    int why = errno;
    if (fclose(f) != 0 && rc == 0) {
        why = errno;
        rc = -ERR_IO;
    }
    if (rc == 0 && rename(beside, path) != 0) {
        why = errno;
        rc = -ERR_IO;
    }
    if (rc != 0) {
        (void)unlink(beside);
        return err_set_errno(e, ERR_IO, why, "cannot write %s", path);
    }
    return 0;
}

int place_check(const char *path, struct err *e)
{
    char target[PATH_MAX];
    char *slash = NULL;
    struct stat st;
    if (path == NULL || strcmp(path, "-") == 0) {
        return 0;
    }
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        int why = S_ISDIR(st.st_mode) ? EISDIR : access(path, W_OK) != 0 ? errno : 0;
        return why == 0 ? 0 : err_set_errno(e, ERR_CONFIG, why, "cannot write %s", path);
    }
    if (realpath(path, target) == NULL) {
        (void)snprintf(target, sizeof(target), "%s", path);
    }
    slash = strrchr(target, '/');
    if (slash == NULL) {
        (void)snprintf(target, sizeof(target), ".");
    } else {
        slash[slash == target ? 1 : 0] = '\0';
    }
    if (stat(target, &st) != 0 || access(target, W_OK | X_OK) != 0) {
        return err_set_errno(e, ERR_CONFIG, errno, "cannot write %s", path);
    }
    return 0;
}

int place_put(const char *path, struct str text, struct err *e)
{
    struct stat st;
    if (path == NULL || strcmp(path, "-") == 0) {
        return write_all(stdout, text) == 0 ? 0
                                            : err_set(e, ERR_IO, "cannot write to standard output");
    }
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        return write_through(path, text, e);
    }
    char target[PATH_MAX];
    return write_beside(realpath(path, target) != NULL ? target : path, text, e);
}
