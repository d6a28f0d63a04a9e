/* Owns: the text of api_record() for who has no reply to fill. */
#include "ca/record_json.h"

#include <stdio.h>
#include <stdlib.h>

#include "ca/api_json.h"

int record_json(const struct life *l, const struct record *r, bool full, struct buf *out)
{
    json_t *v = api_record(l, r, full);
    char *text = v != NULL ? json_dumps(v, JSON_COMPACT) : NULL;
    int rc = text != NULL ? buf_append(out, str_of(text)) : -ERR_IO;
    free(text);
    json_decref(v);
    return rc;
}

const char *record_json_library(void)
{
    static char text[40];
    (void)snprintf(text, sizeof(text), "jansson %s", jansson_version_str());
    return text;
}
