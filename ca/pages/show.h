/* Pieces that several pages show. Private to ca/pages. */
#ifndef CA_PAGES_SHOW_H
#define CA_PAGES_SHOW_H

#include "ca/pages/page.h"
#include "ca/records.h"

/* A state in a word, with a class for its colour. */
void show_state(struct page *p, const struct record *r);

/* Words for a reason to withdraw: "the key is known to others". */
struct str show_reason(int reason);

/* A table of requests: its head, rows and end. caption: for those who do not see. */
void show_table(struct page *p, struct str caption);
void show_row(struct page *p, const struct record *r);
void show_table_end(struct page *p);

/* Whether the record's certificate lets somebody in: it is there, not withdrawn, not past its end.
 */
bool show_is_good(const struct record *r);

#endif
