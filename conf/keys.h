/* The rows: every key of a configuration with its type, place in the model, bounds, default and
 * meaning. One table reads, checks, prints, documents. Private to conf. */
#ifndef CONF_KEYS_H
#define CONF_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum key_type {
    KEY_TEXT,     /* struct conf_text */
    KEY_TEXTS,    /* struct conf_texts; a list */
    KEY_FILE,     /* struct conf_text; a path that is read, $CREDENTIALS_DIRECTORY is looked at */
    KEY_FILES,    /* struct conf_texts; one such path or a list */
    KEY_PATH,     /* struct conf_text; a path that is made */
    KEY_OUTPUT,   /* struct conf_text; a path or one of choices */
    KEY_BOOL,     /* bool */
    KEY_CHOICE,   /* an enum; its value is the index in choices */
    KEY_COUNT,    /* uint32_t */
    KEY_DURATION, /* uint32_t, milliseconds */
    KEY_SIZE_32,  /* uint32_t, octets */
    KEY_SIZE,     /* uint64_t, octets */
    KEY_MODE,     /* uint32_t, permission bits */
    KEY_LISTEN,   /* struct conf_text and, at second, struct addr to listen on */
    KEY_SERVERS,  /* array of struct conf_server, at second their number */
    KEY_RANGES,   /* array of struct addr_range, at second their number */
    KEY_PAIRS,    /* array of struct conf_pair, at second their number; texts by name */
    KEY_SECTION,  /* keys of section, relative to offset */
    KEY_LIST,     /* array of what section fills, at second their number */
    KEY_MAP       /* the same, each with a name */
};

struct key_section;

struct key {
    const char *name;
    enum key_type type;
    bool required;
    bool empty_ok;  /* a text may be "" */
    bool zero_ok;   /* 0 is fine although min is larger */
    bool fold;      /* text is kept in lower case */
    bool shown;     /* stands in the file of defaults although not required; a list or map must then
                       have an entry once all files are joined (check.c) */
    bool uri;       /* of a KEY_FILE: a URI will do too, and "file:" before a path */
    bool load_only; /* means something only while loading; not printed again */
    size_t offset;
    size_t second;
    uint64_t min;
    uint64_t max;
    const char *fallback;                  /* default, as it would be written; NULL: none */
    const char *fallback_note;             /* what holds without the key, if there is no fallback */
    const char *const *choices;            /* NULL at the end */
    const char *(*check)(struct str);      /* of a text, or of each; as in syntax.h */
    const char *(*check_name)(struct str); /* of the names of pairs */
    const struct key_section *section;
    const char *example; /* shown where there is no fallback */
    const char *meaning;
};

#define KEY_NOWHERE SIZE_MAX

struct key_section {
    const char *intro; /* for the reference; NULL for small ones */
    const struct key *keys;
    size_t count;
    size_t size;                           /* of the struct that one entry of a list or map fills */
    size_t at_offset;                      /* of its struct conf_pos, or KEY_NOWHERE */
    size_t name_offset;                    /* of a map's struct conf_text for the name */
    const char *(*check_name)(struct str); /* of a map */
    const char *example_name;              /* of a map */
};

/* The whole file; fills a struct draft. */
extern const struct key_section keys_root;

/* The row of that name, or NULL. */
const struct key *keys_find(const struct key_section *section, struct str name);

#endif
