/* A tree to a draft, by the rows. Private to conf. */
#ifndef CONF_READ_H
#define CONF_READ_H

#include "conf/draft.h"
#include "conf/files.h"
#include "conf/yaml.h"

/* Where relative paths start: the directories of the sources, which diags numbers from first on. */
struct read_base {
    const char *const *directories;
    size_t count;
    uint32_t first;
    const char *credentials; /* $CREDENTIALS_DIRECTORY, or NULL */
};

/* path (NUL-ended) as it stands in source file, made absolute, in a; NULL without memory. */
const char *read_absolute(struct arena *a, const struct read_base *base, uint32_t file,
                          struct str path) __attribute__((warn_unused_result));

/* Fill d from root (NULL: an empty file) and the defaults. Every mistake goes to diags. Returns 0,
 * also with mistakes, or -ERR_NOMEM. */
int read_draft(struct draft *d, const struct node *root, const struct read_base *base,
               struct files *files, struct diags *diags) __attribute__((warn_unused_result));

#endif
