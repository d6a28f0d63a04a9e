/* Owns: reading documents and finding members in them. Leaves making them to document_make. */
#include "bench/document.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define NAME_MAX_LEN 128
#define DIGITS       9 /* of real numbers */

int document_write(const json_t *document, struct buf *out)
{
    char *text = json_dumps(document, JSON_INDENT(2) | JSON_REAL_PRECISION(DIGITS));
    if (text == NULL) {
        return -ERR_NOMEM;
    }
    int rc = buf_append(out, str_of(text));
    free(text);
    return rc == 0 ? buf_append(out, STR("\n")) : rc;
}

bool document_is_of_parts(const json_t *document)
{
    const char *format = json_string_value(json_object_get(document, "format"));
    return format != NULL && strcmp(format, DOCUMENT_FORMAT_PARTS) == 0;
}

static int check_format(const json_t *document, const char *name, bool any, struct err *e)
{
    const char *format = json_string_value(json_object_get(document, "format"));
    bool taken = any && document_is_of_parts(document);
    if (!taken && (format == NULL || !str_starts(str_of(format), STR("countersign-bench/")))) {
        return err_set(e, ERR_MALFORMED, "%s is no result of countersign-bench (--output json)",
                       name);
    }
    if (!taken && strcmp(format, DOCUMENT_FORMAT) != 0) {
        return err_set(e, ERR_UNSUPPORTED, "%s has the format \"%.40s\"; this program reads \"%s\"",
                       name, format, DOCUMENT_FORMAT);
    }
    if (!json_is_object(json_object_get(document, "summary"))) {
        return err_set(e, ERR_MALFORMED, "%s has no \"summary\"", name);
    }
    return 0;
}

static json_t *parse(const char *text, size_t n, const char *name, bool any, struct err *e)
{
    json_error_t where;
    json_t *document = json_loadb(text, n, JSON_REJECT_DUPLICATES, &where);
    if (document == NULL) {
        err_set(e, ERR_MALFORMED, "%s:%d:%d: %s", name, where.line, where.column, where.text);
        return NULL;
    }
    if (check_format(document, name, any, e) != 0) {
        json_decref(document);
        return NULL;
    }
    return document;
}

json_t *document_parse(const char *text, size_t n, const char *name, struct err *e)
{
    return parse(text, n, name, false, e);
}

static json_t *read_file(const char *path, bool any, struct err *e)
{
    struct buf text;
    buf_init(&text, DOCUMENT_BYTES_MAX);
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        err_set_errno(e, ERR_IO, errno, "cannot read %s", path);
        return NULL;
    }
    json_t *document = NULL;
    size_t got = 0;
    do {
        char *room = buf_reserve(&text, 65536);
        if (room == NULL) {
            err_set(e, ERR_TOO_LARGE, "%s is too large", path);
            goto out;
        }
        got = fread(room, 1, 65536, f);
        buf_commit(&text, got);
    } while (got > 0);
    if (ferror(f) != 0) {
        err_set_errno(e, ERR_IO, errno, "cannot read %s", path);
        goto out;
    }
    document = parse(buf_str(&text).p, buf_len(&text), path, any, e);
out:
    (void)fclose(f);
    buf_release(&text);
    return document;
}

json_t *document_read(const char *path, struct err *e)
{
    return read_file(path, false, e);
}

json_t *document_read_any(const char *path, struct err *e)
{
    return read_file(path, true, e);
}

/* Member name (one step, no dots) of o, or NULL. */
static json_t *step(const json_t *o, struct str name)
{
    char key[NAME_MAX_LEN];
    if (name.n == 0 || name.n >= sizeof(key)) {
        return NULL;
    }
    memcpy(key, name.p, name.n);
    key[name.n] = '\0';
    return json_object_get(o, key);
}

static json_t *walk(const json_t *o, struct str name)
{
    json_t *found = NULL;
    bool more = true;
    while (more && o != NULL) {
        struct str head;
        more = str_cut(name, '.', &head, &name);
        found = step(o, head);
        o = found;
    }
    return found;
}

json_t *document_member(const json_t *document, const char *name)
{
    return walk(document, str_of(name));
}

const char *document_text(const json_t *document, const char *name)
{
    const char *text = json_string_value(document_member(document, name));
    return text != NULL ? text : "";
}

double document_number(const json_t *document, const char *name)
{
    return json_number_value(document_member(document, name));
}

/* "p99.9" -> "p99_9": how the summary spells it. False if it does not fit. */
static bool spell(struct str name, const char *ending, char out[NAME_MAX_LEN])
{
    if (name.n == 0 || name.n + strlen(ending) >= NAME_MAX_LEN) {
        return false;
    }
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (c == '.') {
            c = '_';
        }
        out[i] = c;
    }
    memcpy(out + name.n, ending, strlen(ending) + 1);
    return true;
}

/* name as it stands in the document, with or without its unit. */
static const json_t *find(const json_t *document, struct str name, struct str *found_as,
                          char spelled[NAME_MAX_LEN])
{
    static const char *const endings[] = {"", "_ns"};
    const json_t *summary = json_object_get(document, "summary");
    for (size_t i = 0; i < 2; i++) {
        if (!spell(name, endings[i], spelled)) {
            return NULL;
        }
        *found_as = str_of(spelled);
        const json_t *v = json_object_get(summary, spelled);
        if (v == NULL && str_chr(name, '.') != STR_NPOS) {
            memcpy(spelled, name.p, name.n);
            v = walk(document, *found_as);
        }
        if (v != NULL) {
            return v;
        }
    }
    return NULL;
}

struct document_figure document_figure(const json_t *document, struct str name)
{
    char spelled[NAME_MAX_LEN];
    struct str found_as = STR_NONE;
    const json_t *v = find(document, name, &found_as, spelled);
    if (v == NULL || (!json_is_number(v) && !json_is_null(v))) {
        return (struct document_figure){0};
    }
    return (struct document_figure){.known = true,
                                    .present = json_is_number(v),
                                    .value = json_number_value(v),
                                    .unit = str_ends(found_as, STR("_ns")) ? DOCUMENT_NS
                                                                           : DOCUMENT_PLAIN};
}
