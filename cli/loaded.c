/* Owns: reading a configuration for a command. */
#include "cli/loaded.h"

#include <getopt.h>
#include <stdio.h>

int loaded_options(int argc, char **argv, const char *usage_text, const char **path)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option;
    *path = LOADED_DEFAULT_PATH;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            *path = optarg;
            break;
        case 'h':
            (void)fputs(usage_text, stdout);
            return 0;
        default:
            (void)fprintf(stderr, "\n%s", usage_text);
            return 2;
        }
    }
    return -1;
}

int loaded_open(struct loaded *l, const char *path)
{
    *l = (struct loaded){.files = files_new(), .diags = diags_new()};
    if (l->files == NULL || l->diags == NULL) {
        (void)fputs("countersign: out of memory\n", stderr);
        return 1;
    }
    l->conf = conf_load(path, l->files, l->diags);
    if (l->conf == NULL) {
        diags_print(l->diags, stderr);
        return 1;
    }
    return 0;
}

void loaded_close(struct loaded *l)
{
    conf_unref(l->conf);
    diags_free(l->diags);
    files_free(l->files);
    *l = (struct loaded){0};
}
