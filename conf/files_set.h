/* The inside of a set of files, shared by files.c and files_pack.c. Private to conf. */
#ifndef CONF_FILES_SET_H
#define CONF_FILES_SET_H

#include <stdint.h>
#include <sys/types.h>

#include "conf/files.h"

enum file_kind { FILE_CONTENT = 0, FILE_GLOB, FILE_PROBE, FILE_DERIVED };

/* What tells one state of a file from another. All zero: the file is not there. */
struct file_stamp {
    uint64_t device;
    uint64_t inode;
    uint64_t size;
    int64_t mtime_ns;
    int64_t ctime_ns; /* who may write the file can set back the other, but not this one */
};

struct file_entry {
    enum file_kind kind;
    bool pinned;
    bool missing;            /* content: there was none; probe: the answer is no */
    bool seeded;             /* by files_put: disk has no say */
    bool dropped;            /* by files_done: data is empty, the content stands on disk only */
    unsigned readers;        /* calls of files_read() less those of files_done() */
    struct derived *derived; /* of that kind: what it holds; a reference */
    mode_t mode;
    struct file_stamp stamp;
    char *path;         /* or pattern; NUL-ended; points into map if packed */
    char *data;         /* content; of a glob: its paths, each NUL-ended; likewise */
    size_t n;           /* octets in data */
    const char **paths; /* of a glob: array into data; owned always */
    size_t path_count;
};

struct files {
    struct file_entry *entries;
    size_t count;
    size_t size;
    bool packed; /* from files_unpack: path and data of the entries borrow from map */
    void *map;
    size_t map_n;
};

/* An empty entry at the end of the set, or NULL without memory. */
struct file_entry *files_slot(struct files *f);

/* The octets of an entry's data. */
struct str files_data(const struct file_entry *e);

/* Build paths from data. Returns 0, -ERR_NOMEM, or -ERR_MALFORMED if data does not end in NUL. */
int files_index_glob(struct file_entry *e);

#endif
