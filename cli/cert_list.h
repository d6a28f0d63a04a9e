/* What the deny files of a configuration hold, for people and programs. */
#ifndef CLI_CERT_LIST_H
#define CLI_CERT_LIST_H

#include <stdbool.h>

#include "base/err.h"
#include "conf/files.h"
#include "conf/model.h"

/* Print every entry on standard output, as a table or as JSON; faulty lines are told on standard
 * error. Returns 0 or a negative err_code with e. */
int cert_list_print(const struct conf *conf, struct files *files, bool json, struct err *e)
    __attribute__((warn_unused_result));

#endif
