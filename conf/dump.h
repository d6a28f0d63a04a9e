/* Printing: the configuration in force, the defaults, the reference page, the JSON Schema. All of
 * it comes from the rows of keys.c. */
#ifndef CONF_DUMP_H
#define CONF_DUMP_H

#include "base/buf.h"
#include "conf/model.h"

/* c as YAML with every default filled in and "# file:line" behind what was given; secrets never
 * stand in a configuration, only paths to them. diags gives the file names. */
int conf_dump(const struct conf *c, const struct diags *diags, struct buf *out)
    __attribute__((warn_unused_result));

/* A commented full file with all defaults. */
int conf_dump_defaults(struct buf *out) __attribute__((warn_unused_result));

/* JSON Schema (2020-12) of the file. */
int conf_dump_schema(struct buf *out) __attribute__((warn_unused_result));

/* docs/configuration.md. */
int conf_dump_reference(struct buf *out) __attribute__((warn_unused_result));

#endif
