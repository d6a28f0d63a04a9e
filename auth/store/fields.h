/* The file of users' fields beside an htpasswd file. One user a line:
 *
 *     alice@example.com groups=staff,admin expires=2027-01-31
 *     bob@example.com   certificate=optional disabled=yes
 *
 * Blanks separate; fields as in user_draft_read(). In the name, blanks, '%', a leading '#' and
 * octets outside ASCII may be written as %HH, and so may all in company. Empty lines and lines
 * beginning with '#' are skipped. */
#ifndef AUTH_STORE_FIELDS_H
#define AUTH_STORE_FIELDS_H

#include <stddef.h>

#include "auth/store/user_draft.h"
#include "base/buf.h"
#include "conf/diag.h"

/* One line; the record has no hash. */
struct fields_entry {
    struct user *user; /* a reference of the file's */
    unsigned line;
};

struct fields_file;

/* Read text (the whole file). Unknown fields, values that do not fit, a name twice are errors at
 * path:line; secrets are not shown. All three are borrowed until the file is freed. Returns 0 and
 * *out; -ERR_MALFORMED or -ERR_NOMEM and NULL, both told in diags. */
int fields_file_read(const char *path, struct str text, struct diags *diags,
                     struct fields_file **out) __attribute__((warn_unused_result));

/* Free it; records that are held stay. NULL is fine. */
void fields_file_free(struct fields_file *f);

/* Entries in order of name; *n their number. Borrowed. */
const struct fields_entry *fields_file_entries(const struct fields_file *f, size_t *n);

/* Where an entry stands, for a finding. */
struct conf_pos fields_file_place(struct fields_file *f, const struct fields_entry *e);

/* Append name as it stands in such a file. Returns as buf_append. */
int fields_write_name(struct str name, struct buf *out) __attribute__((warn_unused_result));

/* Take the name off the front of a line into scratch (USER_NAME_MAX octets); *rest: the fields.
 * Returns false for an empty line, a comment, and a name that cannot be one. */
bool fields_read_name(struct str line, char *scratch, struct str *name, struct str *rest);

/* Read the fields of one user out of a whole file's text into d, faults in other lines aside.
 * Returns NULL (also if there is no such line), or what is wrong. d borrows from text. */
const char *fields_read_of(struct str text, struct str name, struct user_draft *d);

#endif
