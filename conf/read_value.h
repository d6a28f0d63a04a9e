/* One scalar into its place in the model: type, bounds, form. Private to conf. */
#ifndef CONF_READ_VALUE_H
#define CONF_READ_VALUE_H

#include "conf/reader.h"

/* Read v into the object of a scalar row at base; mistakes are reported. */
void read_value_scalar(struct reader *r, const struct key *k, const struct reader_value *v,
                       void *base);

/* Read v into out as a text of row k. */
void read_value_pair(struct reader *r, const struct key *k, const struct reader_value *v,
                     struct conf_text *out);

/* Give the object of a list row room for count entries. False without memory. */
bool read_value_list_begin(struct reader *r, const struct key *k, size_t count, void *base);

/* Read v into entry i of the object of a list row. */
void read_value_list_item(struct reader *r, const struct key *k, const struct reader_value *v,
                          size_t i, void *base);

#endif
