/* Owns: reading a configuration for a command. */
#include "cli/loaded.h"

#include <stdio.h>

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
