/* Owns: the JSON Schema (2020-12) of the file. Not: what is in it (keys.c). Any thread. */
#include <string.h>

#include "conf/dump.h"
#include "conf/keys_text.h"
#include "conf/syntax.h"

#define VARIABLE  "{\"$ref\": \"#/$defs/variable\"}"
#define TEXT      "{\"type\": \"string\"}"
#define TEXT_LIST "{\"type\": \"array\", \"items\": " TEXT "}"

/* A text of a form that editors can tell; a variable may stand for any part of it. */
#define FORM(pattern)                                                                              \
    "\"anyOf\": [{\"type\": \"string\", \"pattern\": \"" pattern "\"}, " VARIABLE "]"
#define LISTEN FORM("^(unix:.+|systemd:.+|.+:[0-9]{1,5})$")
#define SERVER FORM("^(unix:.+|.+:[0-9]{1,5})$")
#define SIZE                                                                                       \
    "\"anyOf\": [{\"type\": \"integer\", \"minimum\": 0}, {\"type\": \"string\", "                 \
    "\"pattern\": \"^(0|[1-9][0-9]*)(B|KiB|MiB|GiB)?$\"}, " VARIABLE "]"

static void fixed(struct emit *e, const char *text)
{
    emit(e, "%s", text);
}

/* The words of a choice; those that look like numbers may stand without quotation marks. */
static void words(struct emit *e, const char *const *choices)
{
    fixed(e, "\"enum\": [");
    for (size_t i = 0; choices[i] != NULL; i++) {
        bool number = choices[i][0] >= '0' && choices[i][0] <= '9';
        emit(e, "%s\"%s\"", i > 0 ? ", " : "", choices[i]);
        if (number) {
            emit(e, ", %s", choices[i]);
        }
    }
    fixed(e, "]");
}

static void count(struct emit *e, const struct key *k)
{
    emit(e, "\"anyOf\": [{\"type\": \"integer\", \"minimum\": %llu, \"maximum\": %llu}, ",
         (unsigned long long)k->min, (unsigned long long)k->max);
    fixed(e, k->zero_ok ? "{\"const\": 0}, " VARIABLE "]" : VARIABLE "]");
}

/* The keywords of a scalar or list row. */
/* Of the types whose values all have one form. */
static const char *const forms[] = {
    [KEY_BOOL] = "\"anyOf\": [{\"type\": \"boolean\"}, " VARIABLE "]",
    [KEY_DURATION] = FORM("^(0|[1-9][0-9]*)(ms|s|m|h|d)$"),
    [KEY_SIZE_32] = SIZE,
    [KEY_SIZE] = SIZE,
    [KEY_MODE] = FORM("^[0-7]{3,4}$"),
    [KEY_TEXTS] = "\"type\": \"array\", \"items\": " TEXT,
    [KEY_RANGES] = "\"type\": \"array\", \"items\": " TEXT,
    [KEY_SERVERS] = "\"type\": \"array\", \"items\": {" SERVER "}",
    [KEY_LISTEN] = LISTEN,
    [KEY_PAIRS] = "\"type\": \"object\", \"additionalProperties\": " TEXT,
    [KEY_FILES] = "\"anyOf\": [" TEXT ", " TEXT_LIST "]",
    [KEY_MAP] = NULL,
};

static void value(struct emit *e, const struct key *k)
{
    if (k->type == KEY_CHOICE) {
        fixed(e, "\"anyOf\": [{");
        words(e, k->choices);
        fixed(e, "}, " VARIABLE "]");
    } else if (k->type == KEY_COUNT) {
        count(e, k);
    } else if (forms[k->type] != NULL) {
        fixed(e, forms[k->type]);
    } else {
        fixed(e, k->check == syntax_route_path ? FORM("^/") : "\"type\": \"string\"");
    }
}

static void fallback(struct emit *e, const struct key *k)
{
    if (k->fallback == NULL) {
        return;
    }
    fixed(e, ", \"default\": ");
    if (k->type == KEY_BOOL || k->type == KEY_COUNT) {
        fixed(e, k->fallback);
    } else {
        emit_json(e, str_of(k->fallback));
    }
}

static void object(struct emit *e, const struct key_section *s, int indent);

static void property(struct emit *e, const struct key *k, int indent)
{
    emit(e, "%*s\"%s\": {\"description\": ", indent, "", k->name);
    emit_json(e, str_of(k->meaning));
    fixed(e, ", ");
    if (k->type == KEY_SECTION) {
        object(e, k->section, indent);
    } else if (k->type == KEY_LIST) {
        fixed(e, "\"type\": \"array\", \"items\": {");
        object(e, k->section, indent);
        fixed(e, "}");
    } else if (k->type == KEY_MAP) {
        fixed(e, "\"type\": \"object\", \"additionalProperties\": {");
        object(e, k->section, indent);
        fixed(e, "}");
    } else {
        value(e, k);
        fallback(e, k);
    }
    fixed(e, "}");
}

static void object(struct emit *e, const struct key_section *s, int indent)
{
    bool any = false;
    fixed(e, "\"type\": \"object\", \"additionalProperties\": false,");
    for (size_t i = 0; i < s->count; i++) {
        if (s->keys[i].required) {
            emit(e, "%s\"%s\"", any ? ", " : " \"required\": [", s->keys[i].name);
            any = true;
        }
    }
    fixed(e, any ? "],\n" : "\n");
    emit(e, "%*s\"properties\": {\n", indent + 2, "");
    for (size_t i = 0; i < s->count; i++) {
        property(e, &s->keys[i], indent + 4);
        fixed(e, i + 1 < s->count ? ",\n" : "\n");
    }
    emit(e, "%*s}", indent + 2, "");
}

int conf_dump_schema(struct buf *out)
{
    struct emit e = {out, 0};
    fixed(&e, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
              "  \"title\": \"countersign configuration\",\n"
              "  \"$defs\": {\"variable\": {\"type\": \"string\", \"pattern\": \"[$][{].*[}]\", "
              "\"description\": \"taken from the environment\"}},\n  ");
    object(&e, &keys_root, 0);
    fixed(&e, "\n}\n");
    return e.rc;
}
