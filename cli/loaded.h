/* A configuration read from disk for a command. */
#ifndef CLI_LOADED_H
#define CLI_LOADED_H

#include "conf/load.h"

#define LOADED_DEFAULT_PATH "/etc/countersign/countersign.yaml"

struct loaded {
    struct files *files;
    struct diags *diags;
    struct conf *conf;
};

/* Read path and what it includes. Returns 0, or 1 after telling every error on standard error;
 * loaded_close() in any case. */
int loaded_open(struct loaded *l, const char *path) __attribute__((warn_unused_result));

/* Free it. */
void loaded_close(struct loaded *l);

#endif
