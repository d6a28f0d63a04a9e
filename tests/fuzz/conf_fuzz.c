/* fuzz: conf
 * Any octets as a configuration: read, checked, printed; what is printed must load again to the
 * same. The set is unpacked, so that no path in the input touches the disk. */
#include <stdlib.h>
#include <unistd.h>

#include "conf/dump.h"
#include "conf/load.h"

#define MAIN_PATH "/c.yaml"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static struct files *offline(struct str text)
{
    struct files *seeded = files_new();
    int fd = -1;
    require(seeded != NULL && files_put(seeded, MAIN_PATH, text) == 0);
    require(files_pack(seeded, &fd, NULL) == 0);
    struct files *f = files_unpack(fd, NULL);
    require(f != NULL && close(fd) == 0);
    files_free(seeded);
    return f;
}

/* Load text; if that works, print it to dump with no source known, so that no places are shown. */
static bool load(struct str text, struct buf *dump)
{
    struct buf findings;
    struct diags *diags = diags_new();
    struct diags *none = diags_new();
    require(diags != NULL && none != NULL);
    struct files *files = offline(text);
    struct conf *c = conf_load(MAIN_PATH, files, diags);
    require((c == NULL) == (diags_errors(diags) > 0));
    buf_init(&findings, SIZE_MAX);
    require(diags_render(diags, &findings) == 0);
    if (c != NULL) {
        require(conf_dump(c, none, dump) == 0);
    }
    bool loaded = c != NULL;
    conf_unref(c);
    files_free(files);
    diags_free(diags);
    diags_free(none);
    buf_release(&findings);
    return loaded;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf first;
    struct buf again;
    buf_init(&first, SIZE_MAX);
    buf_init(&again, SIZE_MAX);
    if (load((struct str){(const char *)data, size}, &first)) {
        require(load(buf_str(&first), &again));
        require(str_eq(buf_str(&first), buf_str(&again)));
    }
    buf_release(&first);
    buf_release(&again);
    return 0;
}
