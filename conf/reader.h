/* What read.c (the walk) and read_value.c (the values) share. Private to conf. */
#ifndef CONF_READER_H
#define CONF_READER_H

#include <stdarg.h>

#include "conf/keys.h"
#include "conf/read.h"

enum { READER_KEYS_MAX = 32, READER_PATH_MAX = 512 };

struct reader {
    struct draft *draft;
    struct diags *diags;
    struct files *files;
    const struct read_base *base;
    char path[READER_PATH_MAX]; /* of the key that is being read */
    bool nomem;
};

/* A scalar: its text (NUL-ended) and place; line 0 for a default. */
struct reader_value {
    struct str text;
    struct conf_pos at;
};

/* Report a mistake at the current key. */
void reader_complain(struct reader *r, struct conf_pos at, const char *suggestion,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The text of a scalar, its variables replaced; false if there is none, which is then reported. */
bool reader_text(struct reader *r, const struct node *n, struct str *out);

/* count * size cleared octets in the draft's arena; NULL, with r->nomem set, without memory. */
void *reader_alloc(struct reader *r, size_t count, size_t size);

/* Note where object was given. */
void reader_note(struct reader *r, const void *object, struct conf_pos at);

/* Read v into the object of a scalar row at base; mistakes are reported. */
void reader_scalar(struct reader *r, const struct key *k, const struct reader_value *v, void *base);

/* Give the object of a list row room for count entries. False without memory. */
bool reader_list_begin(struct reader *r, const struct key *k, size_t count, void *base);

/* Read v into entry i of the object of a list row. */
void reader_list_item(struct reader *r, const struct key *k, const struct reader_value *v, size_t i,
                      void *base);

#endif
