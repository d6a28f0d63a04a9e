/* countersign config: printing the configuration, its defaults, its schema, its reference. */
#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/loaded.h"
#include "conf/dump.h"

enum { TEXT_MAX = 16 * 1024 * 1024 };

static const char usage_text[] =
    "usage: countersign config show [-c FILE]\n"
    "       countersign config defaults|schema|reference\n"
    "\n"
    "  show       the configuration with every default filled in, and where each value stands\n"
    "  defaults   a full file with comments and all defaults\n"
    "  schema     JSON Schema of the file, for editors\n"
    "  reference  all keys as a Markdown page\n"
    "\n"
    "  -c, --config FILE  the configuration (default " LOADED_DEFAULT_PATH ")\n";

static int print(const struct buf *text, int rc)
{
    struct str s = buf_str(text);
    if (rc != 0) {
        (void)fprintf(stderr, "countersign config: %s\n", err_name(rc));
        return 1;
    }
    return fwrite(s.p, 1, s.n, stdout) == s.n ? 0 : 1; /* main() says so */
}

static int show(const char *path, struct buf *text)
{
    struct loaded l;
    int status = loaded_open(&l, path);
    if (status == 0) {
        status = print(text, conf_dump(l.conf, l.diags, text));
    }
    loaded_close(&l);
    return status;
}

static int print_what(const char *what, const char *path, struct buf *text)
{
    struct str word = str_of(what);
    if (str_eq(word, STR("show"))) {
        return show(path, text);
    }
    if (str_eq(word, STR("defaults"))) {
        return print(text, conf_dump_defaults(text));
    }
    if (str_eq(word, STR("schema"))) {
        return print(text, conf_dump_schema(text));
    }
    if (str_eq(word, STR("reference"))) {
        return print(text, conf_dump_reference(text));
    }
    (void)fprintf(stderr, "countersign config: what is \"%s\"?\n\n%s", what, usage_text);
    return 2;
}

int config_main(int argc, char **argv)
{
    const char *path;
    int status = loaded_options(argc, argv, usage_text, &path);
    if (status >= 0) {
        return status;
    }
    if (optind + 1 != argc) {
        (void)fputs(usage_text, stderr);
        return 2;
    }
    struct buf text;
    buf_init(&text, TEXT_MAX);
    status = print_what(argv[optind], path, &text);
    buf_release(&text);
    return status;
}
