/* A run as a JSON document, "countersign-bench/1": what stands in a file, and is read again by
 * report and compare. document_make() makes one. Times are whole nanoseconds in members that end in
 * _ns. And what single parts cost, "countersign-micro/1", of which only "summary" and "environment"
 * are the same. One thread. */
#ifndef BENCH_DOCUMENT_H
#define BENCH_DOCUMENT_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

#define DOCUMENT_FORMAT       "countersign-bench/1"
#define DOCUMENT_FORMAT_PARTS "countersign-micro/1"
#define DOCUMENT_BYTES_MAX    ((size_t)256 << 20)

/* Append the text of a document, indented, with a line end. Returns as buf_append. */
int document_write(const json_t *document, struct buf *out) __attribute__((warn_unused_result));

/* Read a document from a text of n octets that came from name (for messages). NULL with e: no JSON,
 * members twice, another format or version. Caller json_decref(). */
json_t *document_parse(const char *text, size_t n, const char *name, struct err *e);

/* The same from a file, at most DOCUMENT_BYTES_MAX long. */
json_t *document_read(const char *path, struct err *e);

/* The same, but one of either format is taken; and whether it is of parts. */
json_t *document_read_any(const char *path, struct err *e);
bool document_is_of_parts(const json_t *document);

/* What compare and report know a figure by: a member of "summary" ("rate", "p99"), or names with
 * dots from the top ("latency.service.handshake.p99_ns"). "_ns" may be left out, and a percentile
 * be written with its dot ("p99.9"). */
enum document_unit { DOCUMENT_PLAIN = 0, DOCUMENT_NS };

struct document_figure {
    bool known;   /* there is such a member */
    bool present; /* and it is a number, not null */
    double value;
    enum document_unit unit;
};

struct document_figure document_figure(const json_t *document, struct str name);

/* Texts and numbers of members by names with dots; "" and 0 where there is none. Borrowed. */
const char *document_text(const json_t *document, const char *name);
double document_number(const json_t *document, const char *name);
json_t *document_member(const json_t *document, const char *name);

#endif
