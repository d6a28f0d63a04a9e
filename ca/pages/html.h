/* Writing HTML: markup stands in literals of our own alone, and whatever else goes in is escaped on
 * its way, so that no caller can forget it. A literal has a {} for each text, or a {u} for each
 * text that stands in a URL; attributes are in double quotes always. Pure. */
#ifndef CA_PAGES_HTML_H
#define CA_PAGES_HTML_H

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct html {
    struct buf *out; /* borrowed */
    int rc;          /* the first thing that went wrong; nothing is written from then on */
};

/* Write markup. literal: a string literal, which the compiler makes sure of. */
#define HTML(h, literal) html_fill((h), STR("" literal ""), NULL, 0)

/* Write markup with texts (struct str) at its {} and {u}, in order. */
#define HTML_WITH(h, literal, ...)                                                                 \
    html_fill((h), STR("" literal ""), (const struct str[]){__VA_ARGS__},                          \
              sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str))

/* A text in a table of constants. */
#define HTML_WORDS(literal)                                                                        \
    {                                                                                              \
        ("" literal), sizeof(literal) - 1                                                          \
    }

/* What the macros call; use them. Another number of texts than of places is -ERR_INTERNAL. */
void html_fill(struct html *h, struct str literal, const struct str *texts, size_t n);

/* A text: the five characters of markup become references, octets that are not UTF-8 and control
 * characters but tab and line feed become U+FFFD, and characters that turn the direction of a text
 * or cannot be seen are named: [U+202E]. */
void html_text(struct html *h, struct str s);

/* A number in digits. */
void html_number(struct html *h, uint64_t n);

/* A time of the wall clock as <time>, to the minute, UTC. */
void html_time(struct html *h, int64_t ms);

/* How far a time is from now: "in 3 days", "2 hours ago". */
void html_distance(struct html *h, int64_t ms, int64_t now_ms);

/* Octets in hexadecimal, two digits each with colons between, breakable. */
void html_octets(struct html *h, const unsigned char *octets, size_t n);

#endif
