/* Owns: the words for rows, and the small output helpers of the dump files. Not: what is printed.
 * Any thread. */
#include "conf/keys_text.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/enc.h"
#include "base/err.h"

void emit(struct emit *e, const char *format, ...)
{
    char text[2048];
    va_list args;
    if (e->rc != 0) {
        return;
    }
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    e->rc = n < 0 || (size_t)n >= sizeof(text) ? -ERR_INTERNAL
                                               : buf_append(e->out, (struct str){text, (size_t)n});
}

static void emit_str(struct emit *e, struct str s)
{
    if (e->rc == 0) {
        e->rc = buf_append(e->out, s);
    }
}

void emit_quoted(struct emit *e, struct str s)
{
    emit_str(e, STR("\""));
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\') {
            emit_str(e, STR("\\"));
        } else if (s.p[i] == '$') {
            emit_str(e, STR("$"));
        }
        emit_str(e, str_slice(s, i, i + 1));
    }
    emit_str(e, STR("\""));
}

void emit_json(struct emit *e, struct str s)
{
    if (e->rc == 0) {
        e->rc = enc_json_string(e->out, s);
    }
}

const char *keys_number_text(const struct key *k, uint64_t number, char out[VALUE_TEXT_MAX])
{
    if (k->type == KEY_DURATION) {
        return value_duration_text(number, out);
    }
    if (k->type == KEY_SIZE || k->type == KEY_SIZE_32) {
        return value_size_text(number, out);
    }
    (void)snprintf(out, VALUE_TEXT_MAX, k->type == KEY_MODE ? "%04llo" : "%llu",
                   (unsigned long long)number);
    return out;
}

bool keys_has_bounds(const struct key *k)
{
    return k->type == KEY_COUNT || k->type == KEY_DURATION || k->type == KEY_SIZE_32 ||
           k->type == KEY_SIZE || k->type == KEY_MODE;
}

const char *keys_bounds_text(const struct key *k, char out[KEYS_BOUNDS_MAX])
{
    out[0] = '\0';
    if (keys_has_bounds(k)) {
        char zero[VALUE_TEXT_MAX];
        char min[VALUE_TEXT_MAX];
        char max[VALUE_TEXT_MAX];
        (void)snprintf(out, KEYS_BOUNDS_MAX, "%s%s%s to %s",
                       k->zero_ok ? keys_number_text(k, 0, zero) : "", k->zero_ok ? ", or " : "",
                       keys_number_text(k, k->min, min), keys_number_text(k, k->max, max));
    }
    return out;
}

const char *keys_type_text(const struct key *k)
{
    static const char *const names[] = {
        [KEY_TEXT] = "text",
        [KEY_TEXTS] = "list of texts",
        [KEY_FILE] = "path",
        [KEY_FILES] = "path, or list of paths",
        [KEY_PATH] = "path",
        [KEY_OUTPUT] = "path, or",
        [KEY_BOOL] = "true or false",
        [KEY_CHOICE] = "one of",
        [KEY_COUNT] = "number",
        [KEY_DURATION] = "duration",
        [KEY_SIZE_32] = "size",
        [KEY_SIZE] = "size",
        [KEY_MODE] = "permission bits",
        [KEY_LISTEN] = "address",
        [KEY_SERVERS] = "list of addresses",
        [KEY_RANGES] = "list of address ranges",
        [KEY_PAIRS] = "texts by name",
        [KEY_SECTION] = "section",
        [KEY_LIST] = "list of sections",
        [KEY_MAP] = "sections by name",
    };
    return k->uri ? "path, or URI" : names[k->type];
}

bool keys_is_list(const struct key *k)
{
    return k->type == KEY_TEXTS || k->type == KEY_FILES || k->type == KEY_SERVERS ||
           k->type == KEY_RANGES;
}
