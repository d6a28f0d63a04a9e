/* Owns: which format is made how, and putting it where it belongs. A file is written beside its
 * place and renamed, so that nobody reads a half. */
#include "bench/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/document.h"
#include "bench/document_make.h"
#include "bench/hgrm.h"
#include "bench/page.h"
#include "bench/place.h"
#include "bench/series.h"
#include "bench/text.h"

static int make_document(const struct result *r, bool as_page, struct buf *out, struct err *e)
{
    json_t *document = document_make(r, e);
    if (document == NULL) {
        return -ERR_NOMEM;
    }
    const struct chart_run run = {.name = r->options->url, .document = document};
    int rc = as_page ? page_write(&run, 1, out) : document_write(document, out);
    json_decref(document);
    return rc;
}

static int make(const struct result *r, enum options_format format, struct buf *out, struct err *e)
{
    switch (format) {
    case FORMAT_JSON:
        return make_document(r, false, out, e);
    case FORMAT_HTML:
        return make_document(r, true, out, e);
    case FORMAT_CSV:
        return series_write(r, out);
    case FORMAT_HGRM:
        return hgrm_write(result_latency(r, PART_TOTAL), out);
    case FORMAT_TEXT:
    case FORMAT_COUNT:
        break;
    }
    return text_write(r, out);
}

static int write_one(const struct result *r, const struct options_output *to, struct err *e)
{
    struct buf made;
    buf_init(&made, DOCUMENT_BYTES_MAX);
    int rc = make(r, to->format, &made, e);
    if (rc != 0) {
        err_set(e, (enum err_code) - rc, "cannot make the output %s: %s",
                options_format_name(to->format), err_name(rc));
    } else {
        rc = place_put(to->path, buf_str(&made), e);
    }
    buf_release(&made);
    return rc;
}

int output_check(const struct options *o, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; i < o->output_count && rc == 0; i++) {
        rc = place_check(o->outputs[i].path, e);
    }
    return rc;
}

int output_write(const struct result *r, struct err *e)
{
    static const struct options_output usual = {FORMAT_TEXT, NULL};
    const struct options *o = r->options;
    if (o->output_count == 0) {
        return write_one(r, &usual, e);
    }
    int rc = 0;
    for (size_t i = 0; i < o->output_count; i++) {
        int one = write_one(r, &o->outputs[i], e);
        rc = rc == 0 ? one : rc;
    }
    return rc;
}
