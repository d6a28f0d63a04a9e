/* Owns: the form of the file of users, and its secrets until they are freed. One thread. */
#include "bench/users_load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define USERS_BYTES_MAX ((off_t)1 << 30)

void user_list_free(struct user_list *l)
{
    if (l->text != NULL) {
        mem_wipe(l->text, l->text_n);
    }
    mem_free(l->text);
    mem_free(l->v);
    mem_free(l->by_name);
    *l = (struct user_list){0};
}

static int read_all(int fd, struct user_list *l)
{
    size_t got = 0;
    while (got < l->text_n) {
        ssize_t n = read(fd, l->text + got, l->text_n - got);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return -ERR_IO;
        }
        got += (size_t)n;
    }
    return 0;
}

static int read_text(const char *path, struct user_list *l, struct err *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = 0;
    if (fd < 0) {
        return err_set_errno(e, ERR_CONFIG, errno, "--users %s: cannot open", path);
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > USERS_BYTES_MAX) {
        rc = err_set(e, ERR_CONFIG, "--users %s: not a file, or too large", path);
        goto out;
    }
    l->text_n = (size_t)st.st_size;
    l->text = mem_alloc(l->text_n);
    if (l->text == NULL) {
        rc = err_set(e, ERR_NOMEM, "--users %s: out of memory", path);
        goto out;
    }
    if (read_all(fd, l) != 0) {
        rc = err_set(e, ERR_CONFIG, "--users %s: cannot read all of it", path);
    }
out:
    (void)close(fd);
    return rc;
}

static size_t count_lines(struct str text)
{
    size_t n = 1;
    for (size_t i = 0; text.p != NULL && i < text.n; i++) {
        n += text.p[i] == '\n';
    }
    return n;
}

/* One line into out. */
static bool read_line(struct str line, struct user_entry *out)
{
    struct str rest;
    return str_cut(line, ' ', &out->name, &rest) &&
           str_cut(rest, ' ', &out->user, &out->password) && out->name.n > 0 && out->user.n > 0 &&
           out->password.n > 0 && !str_has_control(out->user) && !str_has_control(out->password) &&
           str_chr(out->user, ':') == STR_NPOS;
}

static int by_name(const void *a, const void *b)
{
    const struct user_entry *left = a;
    const struct user_entry *right = b;
    return str_cmp(left->name, right->name);
}

static int sort(struct user_list *l, const char *path, struct err *e)
{
    l->by_name = mem_calloc(l->n, sizeof(*l->by_name));
    if (l->by_name == NULL) {
        return err_set(e, ERR_NOMEM, "--users %s: out of memory", path);
    }
    memcpy(l->by_name, l->v, l->n * sizeof(*l->v));
    qsort(l->by_name, l->n, sizeof(*l->by_name), by_name);
    return 0;
}

int user_list_load(const char *path, struct user_list *l, struct err *e)
{
    int rc = read_text(path, l, e);
    if (rc != 0) {
        return rc;
    }
    struct str rest = {l->text, l->text_n};
    size_t number = 0;
    bool more = true;
    l->v = mem_calloc(count_lines(rest), sizeof(*l->v));
    if (l->v == NULL) {
        return err_set(e, ERR_NOMEM, "--users %s: out of memory", path);
    }
    while (more) {
        struct str line;
        more = str_cut(rest, '\n', &line, &rest);
        number++;
        if (line.n == 0 || line.p[0] == '#') {
            continue;
        }
        if (!read_line(line, &l->v[l->n])) {
            return err_set(e, ERR_CONFIG,
                           "--users %s:%zu: expected \"name user password\", one blank between",
                           path, number);
        }
        l->n++;
    }
    if (l->n == 0) {
        return err_set(e, ERR_CONFIG, "--users %s: nobody in it", path);
    }
    return sort(l, path, e);
}

const struct user_entry *user_list_find(const struct user_list *l, struct str name)
{
    struct user_entry wanted = {.name = name};
    return l->n > 0 ? bsearch(&wanted, l->by_name, l->n, sizeof(*l->by_name), by_name) : NULL;
}
