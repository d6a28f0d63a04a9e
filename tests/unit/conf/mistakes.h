/* Tables of configurations with one mistake each, and the line that must report it. */
#ifndef TESTS_UNIT_CONF_MISTAKES_H
#define TESTS_UNIT_CONF_MISTAKES_H

#include <stdio.h>

#include "conf/load.h"
#include "tests/support/check.h"

#define MAIN_PATH "/etc/c.yaml"

/* What is put behind the text of a row, so that only its own mistake is left. */
enum {
    WITH_LISTENERS = 1,
    WITH_USERS = 2,
    WITH_ROUTES = 4,
    WITH_UPSTREAMS = 8,
    WITH_ALL = 15,
};

struct mistake {
    const char *says;
    unsigned parts;
    const char *text;
    const char *line; /* the first that is printed; NULL: no finding at all */
};

static inline void mistake_text(const struct mistake *m, char *out, size_t size)
{
    (void)snprintf(out, size, "%s%s%s%s%s", m->text,
                   (m->parts & WITH_LISTENERS) != 0
                       ? "listeners:\n- address: 127.0.0.1:8443\n"
                         "  tls: { certificate: s.crt, key: s.key }\n  client: { ca: ca.crt }\n"
                       : "",
                   (m->parts & WITH_USERS) != 0 ? "users: { htpasswd: u }\n" : "",
                   (m->parts & WITH_ROUTES) != 0 ? "routes: [ { path: /, upstream: app } ]\n" : "",
                   (m->parts & WITH_UPSTREAMS) != 0
                       ? "upstreams: { app: { servers: [ \"127.0.0.1:9000\" ] } }\n"
                       : "");
}

/* Load text as MAIN_PATH. *first: the first line of the findings. Returns the configuration. */
static inline struct conf *load_text(struct str text, struct diags *diags, struct buf *first)
{
    struct files *files = files_new();
    assert_non_null(files);
    assert_int_equal(files_put(files, MAIN_PATH, text), 0);
    struct conf *c = conf_load(MAIN_PATH, files, diags);
    files_free(files);
    buf_init(first, SIZE_MAX);
    assert_int_equal(diags_render(diags, first), 0);
    return c;
}

static inline void check_mistake(const struct mistake *m)
{
    char text[8192];
    struct buf all;
    struct str line;
    struct str rest;
    struct diags *diags = diags_new();
    assert_non_null(diags);
    mistake_text(m, text, sizeof(text));
    struct conf *c = load_text(str_of(text), diags, &all);
    bool more = str_cut(buf_str(&all), '\n', &line, &rest);
    if (m->line == NULL) {
        CHECK_STR(m->says, line, STR(""));
        CHECK_ROW(m->says, c != NULL);
    } else {
        CHECK_STR(m->says, line, str_of(m->line));
        CHECK_ROW(m->says, more);
        CHECK_ROW(m->says, (c == NULL) == (diags_errors(diags) > 0));
        CHECK_ROW(m->says, diags_errors(diags) + diags_warnings(diags) == 1);
    }
    conf_unref(c);
    diags_free(diags);
    buf_release(&all);
}

#define AT      MAIN_PATH ":"
#define ERROR   ": error: "
#define WARNING ": warning: "

#endif
