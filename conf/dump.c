/* Owns: a loaded configuration as YAML, by the rows. Not: defaults, schema and reference, which
 * have files of their own. Any thread that holds the configuration. */
#include "conf/dump.h"

#include <arpa/inet.h>
#include <string.h>

#include "conf/draft.h"
#include "conf/keys_text.h"

struct printer {
    struct emit e;
    const struct draft *draft;
    const struct diags *diags;
    unsigned indent;
    bool dash; /* the next line begins a list entry */
};

/* Begin the line of a key; lines end where the next begins. */
static void begin(struct printer *p, struct str name)
{
    unsigned spaces = p->dash ? p->indent - 2 : p->indent;
    emit(&p->e, "\n%*s%s%.*s:", (int)spaces, "", p->dash ? "- " : "", STR_ARG(name));
    p->dash = false;
}

static void place(struct printer *p, const void *object)
{
    const struct conf_pos *at = draft_origin(p->draft, object);
    const char *file = at != NULL ? diags_source_name(p->diags, at->file) : NULL;
    if (file != NULL) {
        emit(&p->e, "  # %s:%u", file, at->line);
    }
}

static void print_range(struct printer *p, const struct addr_range *r)
{
    char text[INET6_ADDRSTRLEN] = "";
    if (r->kind == ADDR_UNIX) {
        emit(&p->e, "\"unix:\"");
    } else if (inet_ntop(r->v6 ? AF_INET6 : AF_INET, r->octets, text, sizeof(text)) != NULL) {
        emit(&p->e, "\"%s/%u\"", text, r->bits);
    }
}

static size_t list_count(const struct key *k, const char *base)
{
    struct conf_texts texts;
    size_t count = 0;
    if (k->type == KEY_TEXTS || k->type == KEY_FILES) {
        memcpy(&texts, base + k->offset, sizeof(texts));
        return texts.n;
    }
    memcpy(&count, base + k->second, sizeof(count));
    return count;
}

static void print_items(struct printer *p, const struct key *k, const char *base)
{
    const void *items = NULL;
    memcpy(&items, base + k->offset, sizeof(items));
    size_t count = list_count(k, base);
    emit(&p->e, " [");
    for (size_t i = 0; i < count; i++) {
        emit(&p->e, i > 0 ? ", " : "");
        if (k->type == KEY_RANGES) {
            print_range(p, (const struct addr_range *)items + i);
        } else if (k->type == KEY_SERVERS) {
            emit_quoted(&p->e, str_of(((const struct conf_server *)items)[i].text.p));
        } else {
            emit_quoted(&p->e, str_of(((const struct conf_text *)items)[i].p));
        }
    }
    emit(&p->e, "]");
}

static void print_pairs(struct printer *p, const struct key *k, const char *base)
{
    const struct conf_pair *pairs = NULL;
    size_t count = 0;
    memcpy(&pairs, base + k->offset, sizeof(pairs));
    memcpy(&count, base + k->second, sizeof(count));
    emit(&p->e, " {");
    for (size_t i = 0; i < count; i++) {
        emit(&p->e, i > 0 ? ", \"%s\": " : "\"%s\": ", pairs[i].name.p);
        emit_quoted(&p->e, str_of(pairs[i].value.p));
    }
    emit(&p->e, "}");
}

static uint64_t number_of(const struct key *k, const char *object)
{
    uint64_t wide = 0;
    uint32_t narrow = 0;
    if (k->type == KEY_SIZE) {
        memcpy(&wide, object, sizeof(wide));
        return wide;
    }
    memcpy(&narrow, object, sizeof(narrow));
    return narrow;
}

/* True for a key without default that was not given: there is nothing to print. */
static bool is_absent(const struct key *k, const char *base)
{
    const char *object = base + k->offset;
    struct conf_text text;
    switch (k->type) {
    case KEY_TEXT:
    case KEY_FILE:
    case KEY_PATH:
    case KEY_OUTPUT:
    case KEY_LISTEN:
        memcpy(&text, object, sizeof(text));
        return text.p == NULL;
    case KEY_SIZE:
        return k->fallback == NULL && number_of(k, object) == 0;
    case KEY_TEXTS:
    case KEY_FILES:
    case KEY_SERVERS:
    case KEY_RANGES:
    case KEY_PAIRS:
    case KEY_BOOL:
    case KEY_CHOICE:
    case KEY_COUNT:
    case KEY_DURATION:
    case KEY_SIZE_32:
    case KEY_MODE:
    case KEY_SECTION:
    case KEY_LIST:
    case KEY_MAP:
    default:
        return false;
    }
}

static void print_choice(struct printer *p, const struct key *k, const char *object)
{
    unsigned index = 0;
    memcpy(&index, object, sizeof(index));
    const char *word = k->choices[index];
    /* A bare 1.2 is a number to other readers of YAML, a bare off a boolean. */
    bool bare = (word[0] < '0' || word[0] > '9') && strcmp(word, "off") != 0;
    emit(&p->e, bare ? " %s" : " \"%s\"", word);
}

static void print_scalar(struct printer *p, const struct key *k, const char *base)
{
    const char *object = base + k->offset;
    char number[VALUE_TEXT_MAX];
    struct conf_text text;
    bool yes = false;
    begin(p, str_of(k->name));
    if (keys_is_list(k)) {
        print_items(p, k, base);
    } else if (k->type == KEY_PAIRS) {
        print_pairs(p, k, base);
    } else if (k->type == KEY_BOOL) {
        memcpy(&yes, object, sizeof(yes));
        emit(&p->e, yes ? " true" : " false");
    } else if (k->type == KEY_CHOICE) {
        print_choice(p, k, object);
    } else if (keys_has_bounds(k)) {
        emit(&p->e, k->type == KEY_MODE ? " \"%s\"" : " %s",
             keys_number_text(k, number_of(k, object), number));
    } else {
        memcpy(&text, object, sizeof(text));
        emit(&p->e, " ");
        emit_quoted(&p->e, str_of(text.p));
    }
    place(p, object);
}

static void print_section(struct printer *p, const struct key_section *s, const char *base);

static void print_entries(struct printer *p, const struct key *k, const char *base)
{
    const char *entries = NULL;
    size_t count = 0;
    memcpy(&entries, base + k->offset, sizeof(entries));
    memcpy(&count, base + k->second, sizeof(count));
    begin(p, str_of(k->name));
    if (count == 0) {
        emit(&p->e, k->type == KEY_MAP ? " {}" : " []");
    }
    for (size_t i = 0; i < count; i++) {
        const char *entry = entries + i * k->section->size;
        if (k->type == KEY_MAP) {
            struct conf_text name;
            memcpy(&name, entry + k->section->name_offset, sizeof(name));
            p->indent += 2;
            begin(p, str_of(name.p));
            p->indent += 2;
            print_section(p, k->section, entry);
        } else {
            p->indent += 4;
            p->dash = true;
            print_section(p, k->section, entry);
        }
        p->indent -= 4;
    }
}

static void print_section(struct printer *p, const struct key_section *s, const char *base)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct key *k = &s->keys[i];
        if (k->load_only || is_absent(k, base)) {
            continue;
        }
        if (k->type == KEY_LIST || k->type == KEY_MAP) {
            print_entries(p, k, base);
        } else if (k->type == KEY_SECTION) {
            begin(p, str_of(k->name));
            size_t before = buf_len(p->e.out);
            p->indent += 2;
            print_section(p, k->section, base + k->offset);
            p->indent -= 2;
            emit(&p->e, buf_len(p->e.out) == before ? " {}" : "");
        } else {
            print_scalar(p, k, base);
        }
    }
}

int conf_dump(const struct conf *c, const struct diags *diags, struct buf *out)
{
    struct printer p = {.e = {out, 0}, .draft = draft_of(c), .diags = diags};
    emit(&p.e, "# The configuration in force. What has no place behind it is a default.");
    print_section(&p, &keys_root, (const char *)p.draft);
    emit(&p.e, "\n");
    return p.e.rc;
}
