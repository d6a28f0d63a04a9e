/* What read.c (the walk) and read_value.c (the values) share. Private to conf. */
#ifndef CONF_READER_H
#define CONF_READER_H

#include <stdarg.h>

#include "conf/draft.h"
#include "conf/files.h"
#include "conf/keys.h"

enum { READER_KEYS_MAX = 32, READER_PATH_MAX = 512 };

/* Where relative paths start: the directories of the sources, which diags numbers from first on. */
struct read_base {
    const char *const *directories;
    size_t count;
    uint32_t first;
    const char *credentials; /* $CREDENTIALS_DIRECTORY, or NULL */
};

struct reader {
    struct draft *draft;
    struct diags *diags;
    struct files *files;
    const struct read_base *base;
    char path[READER_PATH_MAX]; /* of the key that is being read */
    bool nomem;
};

/* A scalar: its text (NUL-ended) and place; line 0 for a default. */
struct reader_value {
    struct str text;
    struct conf_pos at;
};

/* Report a mistake at the current key. */
void reader_complain(struct reader *r, struct conf_pos at, const char *suggestion,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* count * size cleared octets in the draft's arena; NULL, with r->nomem set, without memory. */
void *reader_alloc(struct reader *r, size_t count, size_t size);

/* path (NUL-ended) as it stands in source file, made absolute, in a; NULL without memory. */
const char *reader_absolute(struct arena *a, const struct read_base *base, uint32_t file,
                            struct str path) __attribute__((warn_unused_result));

#endif
