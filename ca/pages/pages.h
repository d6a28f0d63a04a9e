/* Pages for people, served beside the API under /ca/pages/: HTML without scripts, one style sheet,
 * nothing from elsewhere. Operators' are below desk/, so that the proxy can ask more of those who
 * go there. */
#ifndef CA_PAGES_PAGES_H
#define CA_PAGES_PAGES_H

#include "ca/entry.h"

#define PAGES_WAYS 2

/* For struct serve_hooks. */
extern const struct entry_way pages_ways[PAGES_WAYS];

#endif
