/* A directory of its own for a test, with its files. */
#ifndef TESTS_SUPPORT_TMPDIR_H
#define TESTS_SUPPORT_TMPDIR_H

#include <stddef.h>

#define TMPDIR_PATH_MAX 256

struct tmpdir {
    char path[TMPDIR_PATH_MAX];
};

/* Make an empty directory under $TMPDIR or /tmp; ends the program if that fails. */
void tmpdir_make(struct tmpdir *d);

/* Remove the directory with all in it. */
void tmpdir_remove(struct tmpdir *d);

/* "DIRECTORY/name" into out, which is returned. */
const char *tmpdir_path(const struct tmpdir *d, const char *name, char out[TMPDIR_PATH_MAX]);

/* Write a file of that name, replacing what it held; ends the program if that fails. */
void tmpdir_write(const struct tmpdir *d, const char *name, const void *octets, size_t n);

/* All of the file as a NUL-ended text, *n its length unless NULL; caller frees with free(). Ends
 * the program if that fails. */
char *tmpdir_read(const struct tmpdir *d, const char *name, size_t *n);

#endif
