/* JSON as text for people. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "cli/json.h"

/* Append an object: "name  value" lines, aligned; objects in it indented under their name; a list
 * of objects as a table with their names as its head. Members that are 0 in a nested object are
 * left out. */
int table_render(const struct json *object, struct buf *out) __attribute__((warn_unused_result));

#endif
