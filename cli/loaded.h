/* A configuration read from disk for a command. */
#ifndef CLI_LOADED_H
#define CLI_LOADED_H

#include "conf/load.h"

#define LOADED_DEFAULT_PATH "/etc/countersign/countersign.yaml"

/* Read the options of a verb that has -c FILE (into *path, else LOADED_DEFAULT_PATH) and -h alone;
 * optind then stands at the first word behind them. Returns -1 to go on, otherwise the exit status
 * after printing usage_text. */
int loaded_options(int argc, char **argv, const char *usage_text, const char **path)
    __attribute__((warn_unused_result));

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
