/* Owns: the commented file of all defaults. Not: what they are (keys.c). Any thread. */
#include <stdio.h>
#include <string.h>

#include "conf/dump.h"
#include "conf/keys_text.h"

enum { WIDTH = 98, NOT_OFF = -1 };

struct printer {
    struct emit e;
    int indent;
    int off;   /* lines are commented out from this column on; NOT_OFF */
    bool dash; /* the next key begins a list entry */
};

static void margin(struct printer *p, int indent)
{
    if (p->off == NOT_OFF) {
        emit(&p->e, "%*s", indent, "");
    } else {
        emit(&p->e, "%*s# %*s", p->off, "", indent - p->off, "");
    }
}

/* A text as comment lines, broken between words. */
static void comment(struct printer *p, const char *text)
{
    struct str rest = str_of(text);
    size_t width = (size_t)(WIDTH - p->indent - (p->off == NOT_OFF ? 2 : 4));
    while (rest.n > 0) {
        size_t n = rest.n;
        if (n > width) {
            n = width;
            while (n > 0 && rest.p[n] != ' ') {
                n--;
            }
            n = n == 0 ? width : n;
        }
        margin(p, p->indent);
        emit(&p->e, "# %.*s\n", (int)n, rest.p);
        rest = str_slice(rest, n + (n < rest.n && rest.p[n] == ' ' ? 1 : 0), rest.n);
    }
}

static void begin(struct printer *p, const char *name)
{
    margin(p, p->dash ? p->indent - 2 : p->indent);
    emit(&p->e, "%s%s:", p->dash ? "- " : "", name);
    p->dash = false;
}

/* Whether a row stands in the file as more than a comment. */
static bool is_active(const struct key *k)
{
    if (k->required || k->shown || k->fallback != NULL) {
        return true;
    }
    if (k->type != KEY_SECTION || k->fallback_note != NULL) {
        return false;
    }
    for (size_t i = 0; i < k->section->count; i++) {
        if (is_active(&k->section->keys[i])) {
            return true;
        }
    }
    return false;
}

static void bounds(struct printer *p, const struct key *k)
{
    char line[KEYS_BOUNDS_MAX + 64];
    if (keys_has_bounds(k) && k->type != KEY_MODE) {
        char text[KEYS_BOUNDS_MAX];
        (void)snprintf(line, sizeof(line), "Bounds: %s.", keys_bounds_text(k, text));
        comment(p, line);
    }
    if (k->fallback_note != NULL) {
        (void)snprintf(line, sizeof(line), "Default: %s.", k->fallback_note);
        comment(p, line);
    }
}

static void scalar(struct printer *p, const struct key *k)
{
    const char *value = k->fallback != NULL ? k->fallback : k->example;
    bool bare =
        k->type == KEY_BOOL || k->type == KEY_PAIRS ||
        (keys_has_bounds(k) && k->type != KEY_MODE) ||
        (k->type == KEY_CHOICE && (value[0] < '0' || value[0] > '9') && strcmp(value, "off") != 0);
    begin(p, k->name);
    emit(&p->e, keys_is_list(k) ? " [" : " ");
    if (bare) {
        emit(&p->e, "%s", value);
    } else {
        emit_quoted(&p->e, str_of(value));
    }
    emit(&p->e, keys_is_list(k) ? "]\n" : "\n");
}

static void section(struct printer *p, const struct key_section *s);

static void nested(struct printer *p, const struct key *k)
{
    begin(p, k->name);
    emit(&p->e, "\n");
    p->indent += 2;
    if (k->type == KEY_MAP) {
        begin(p, k->section->example_name);
        emit(&p->e, "\n");
        p->indent += 2;
    } else if (k->type == KEY_LIST) {
        p->indent += 2;
        p->dash = true;
    }
    section(p, k->section);
    p->indent -= k->type == KEY_SECTION ? 2 : 4;
}

static void section(struct printer *p, const struct key_section *s)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct key *k = &s->keys[i];
        bool deep = k->type == KEY_SECTION || k->type == KEY_LIST || k->type == KEY_MAP;
        int off = p->off;
        emit(&p->e, p->indent == 0 ? "\n" : "");
        comment(p, deep && k->section->intro != NULL ? k->section->intro : k->meaning);
        bounds(p, k);
        if (p->off == NOT_OFF && !is_active(k)) {
            p->off = p->indent;
        }
        if (deep) {
            nested(p, k);
        } else {
            scalar(p, k);
        }
        p->off = off;
    }
}

int conf_dump_defaults(struct buf *out)
{
    struct printer p = {.e = {out, 0}, .off = NOT_OFF};
    emit(&p.e,
         "# Every key of a countersign configuration with its default. Keys without a default "
         "are\n# commented out, or have an example where the proxy cannot run without.\n"
         "# Times have a unit (ms, s, m, h, d), sizes too (B, KiB, MiB, GiB).\n"
         "# ${NAME} and ${NAME:-default} stand for environment variables, $$ for a dollar.\n"
         "# Relative paths start at the directory of this file.\n");
    section(&p, &keys_root);
    return p.e.rc;
}
