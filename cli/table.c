/* Owns: the layout of a JSON object as lines and columns. Pure. */
#include "cli/table.h"

#include "base/err.h"

enum { COLUMNS_MAX = 12 };

static int add_blanks(struct buf *out, size_t n)
{
    int rc = 0;
    while (n > 0 && rc == 0) {
        rc = buf_append(out, STR(" "));
        n--;
    }
    return rc;
}

static size_t max_of(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t width_of(const struct json *value)
{
    return value->kind == JSON_STRING ? value->text.n - 2 : value->text.n;
}

static int add_cell(struct buf *out, const struct json *value, size_t width)
{
    size_t before = buf_len(out);
    int rc = json_text(value, out);
    size_t used = buf_len(out) - before;
    return rc == 0 && used < width ? add_blanks(out, width - used) : rc;
}

static int add_row(struct buf *out, const struct json *row, const size_t *widths)
{
    size_t at = 0;
    struct str key;
    struct json value;
    int rc = add_blanks(out, 2);
    for (size_t i = 0; i < COLUMNS_MAX && rc == 0 && json_next(row, &at, &key, &value); i++) {
        rc = add_cell(out, &value, widths[i] + 2);
    }
    return rc == 0 ? buf_append(out, STR("\n")) : rc;
}

/* A list whose members are objects with the same names in the same order. */
static int add_objects(struct buf *out, const struct json *list)
{
    size_t widths[COLUMNS_MAX] = {0};
    size_t at = 0;
    struct str key;
    struct json row;
    struct json value;
    struct json first = {0};
    while (json_next(list, &at, &key, &row)) {
        size_t in_row = 0;
        first = first.kind == JSON_NONE ? row : first;
        for (size_t i = 0; i < COLUMNS_MAX && json_next(&row, &in_row, &key, &value); i++) {
            widths[i] = max_of(widths[i], max_of(key.n, width_of(&value)));
        }
    }
    size_t in_row = 0;
    int rc = add_blanks(out, 2);
    for (size_t i = 0; i < COLUMNS_MAX && rc == 0 && json_next(&first, &in_row, &key, &value);
         i++) {
        struct json name = {JSON_OTHER, key};
        rc = add_cell(out, &name, widths[i] + 2);
    }
    if (rc == 0) {
        rc = buf_append(out, STR("\n"));
    }
    at = 0;
    while (rc == 0 && json_next(list, &at, &key, &row)) {
        rc = add_row(out, &row, widths);
    }
    return rc;
}

static int add_list(struct buf *out, const struct json *list)
{
    size_t at = 0;
    struct str key;
    struct json value;
    int rc = 0;
    bool any = json_next(list, &at, &key, &value);
    if (any && value.kind == JSON_OBJECT) {
        return add_objects(out, list);
    }
    at = 0;
    while (rc == 0 && json_next(list, &at, &key, &value)) {
        rc = add_blanks(out, 2);
        if (rc == 0) {
            rc = json_text(&value, out);
        }
        if (rc == 0) {
            rc = buf_append(out, STR("\n"));
        }
    }
    return rc;
}

static int add_line(struct buf *out, struct str key, const struct json *value, size_t indent,
                    size_t width)
{
    int rc = add_blanks(out, indent);
    struct json name = {JSON_OTHER, key};
    if (rc == 0) {
        rc = add_cell(out, &name, width + 2);
    }
    if (rc == 0) {
        rc = json_text(value, out);
    }
    return rc == 0 ? buf_append(out, STR("\n")) : rc;
}

static bool is_nested(const struct json *value)
{
    return value->kind == JSON_OBJECT || value->kind == JSON_ARRAY;
}

static bool is_zero(const struct json *value)
{
    return str_eq(value->text, STR("0"));
}

/* The members of object that stand on one line each. */
static int add_lines(struct buf *out, const struct json *object, size_t indent)
{
    size_t at = 0;
    size_t width = 0;
    struct str key;
    struct json value;
    int rc = 0;
    while (json_next(object, &at, &key, &value)) {
        width = is_nested(&value) ? width : max_of(width, key.n);
    }
    at = 0;
    while (rc == 0 && json_next(object, &at, &key, &value)) {
        if (!is_nested(&value) && !(indent > 0 && is_zero(&value))) {
            rc = add_line(out, key, &value, indent, width);
        }
    }
    return rc;
}

int table_render(const struct json *object, struct buf *out)
{
    size_t at = 0;
    struct str key;
    struct json value;
    int rc = add_lines(out, object, 0);
    while (rc == 0 && json_next(object, &at, &key, &value)) {
        if (!is_nested(&value)) {
            continue;
        }
        rc = buf_printf(out, "\n%.*s\n", STR_ARG(key));
        if (rc == 0) {
            rc = value.kind == JSON_ARRAY ? add_list(out, &value) : add_lines(out, &value, 2);
        }
    }
    return rc;
}
