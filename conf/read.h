/* A tree to a draft, by the rows. Private to conf. */
#ifndef CONF_READ_H
#define CONF_READ_H

#include "conf/draft.h"
#include "conf/files.h"
#include "conf/yaml.h"

struct read_base;

/* Fill d from root (NULL: an empty file) and the defaults. Every mistake goes to diags. Returns 0,
 * also with mistakes, or -ERR_NOMEM. */
int read_draft(struct draft *d, const struct node *root, const struct read_base *base,
               struct files *files, struct diags *diags) __attribute__((warn_unused_result));

#endif
