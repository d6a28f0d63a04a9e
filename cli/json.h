/* Reading the JSON that a running countersign answers with: enough of RFC 8259 to walk it. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

enum json_kind { JSON_NONE = 0, JSON_OBJECT, JSON_ARRAY, JSON_STRING, JSON_OTHER };

/* One value; borrows the text. */
struct json {
    enum json_kind kind;
    struct str text; /* all of it: "[1,2]", "\"a\"", "17", "true" */
};

/* The value that text is; kind JSON_NONE if it is none. Values nest up to 16 deep. */
struct json json_value(struct str text);

/* Walk an object or array: *at is 0 at first. Returns false at the end. key gets the member's name
 * with its quotes and escapes as they stand; empty in an array. */
bool json_next(const struct json *of, size_t *at, struct str *key, struct json *value);

/* The member of an object; kind JSON_NONE if there is none. */
struct json json_member(const struct json *of, struct str key);

/* Append the value as text: a string without quotes and escapes, control characters but newline as
 * '?'; anything else as it stands. */
int json_text(const struct json *value, struct buf *out) __attribute__((warn_unused_result));

#endif
