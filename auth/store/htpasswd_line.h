/* What a line of an htpasswd file is, for reading and changing alike. */
#ifndef AUTH_STORE_HTPASSWD_LINE_H
#define AUTH_STORE_HTPASSWD_LINE_H

#include <stdbool.h>

#include "base/str.h"

#define HTPASSWD_NAME_MAX 255

/* True for an empty line and one that begins with '#'. line: without its line feed. */
bool htpasswd_is_comment(struct str line);

/* line without the carriage return that editors on other systems leave at the end. */
struct str htpasswd_without_cr(struct str line);

/* What is wrong with name as a user's, or NULL. */
const char *htpasswd_name_fault(struct str name);

#endif
