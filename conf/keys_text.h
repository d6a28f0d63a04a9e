/* The rows in words: types, bounds and numbers as people write them. Private to conf. */
#ifndef CONF_KEYS_TEXT_H
#define CONF_KEYS_TEXT_H

#include "base/buf.h"
#include "conf/keys.h"
#include "conf/value.h"

/* Output that remembers its first failure, so that a long print need not ask after each line. */
struct emit {
    struct buf *out;
    int rc; /* 0 or a negative err_code */
};

/* Append printf-formatted text unless something failed before. */
void emit(struct emit *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Append s as a YAML double-quoted text that reads back as s: with $ doubled. */
void emit_quoted(struct emit *e, struct str s);

/* Append s as a JSON string. */
void emit_json(struct emit *e, struct str s);

/* A number of the row's type as it is written; into out or constant; returns it. */
const char *keys_number_text(const struct key *k, uint64_t number, char out[VALUE_TEXT_MAX]);

/* True if the row has bounds to speak of. */
bool keys_has_bounds(const struct key *k);

#define KEYS_BOUNDS_MAX 80

/* "1KiB to 256KiB", "0, or 1s to 1d"; "" without bounds. */
const char *keys_bounds_text(const struct key *k, char out[KEYS_BOUNDS_MAX]);

/* "path", "duration", "list of texts" and so on. */
const char *keys_type_text(const struct key *k);

/* True if the type holds several values. */
bool keys_is_list(const struct key *k);

#endif
