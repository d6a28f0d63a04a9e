/* Owns: the listening sockets of a process, by address. Not: opening one (proxy/net/listen), nor
 * accepting. One thread. */
#include "proxy/proc/sockets.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "proxy/net/listen.h"

int sockets_room(struct sockets *s, size_t n)
{
    if (s->n + n <= s->size) {
        return 0;
    }
    size_t size = s->n + n + 4;
    struct socket_entry *v = mem_realloc(s->v, size * sizeof(*v));
    if (v == NULL) {
        return -ERR_NOMEM;
    }
    s->v = v;
    s->size = size;
    return 0;
}

int sockets_add(struct sockets *s, struct str address, int fd)
{
    if (sockets_room(s, 1) != 0) {
        return -ERR_NOMEM;
    }
    struct socket_entry *entry = &s->v[s->n++];
    *entry = (struct socket_entry){.fd = fd};
    (void)snprintf(entry->address, sizeof(entry->address), "%.*s", STR_ARG(address));
    return 0;
}

int sockets_find(const struct sockets *s, struct str address)
{
    for (size_t i = 0; i < s->n; i++) {
        if (str_eq(str_of(s->v[i].address), address)) {
            return s->v[i].fd;
        }
    }
    return -1;
}

bool sockets_named(const struct conf *conf, struct str address)
{
    char text[ADDR_TEXT_MAX];
    for (size_t i = 0; i < conf->listener_count; i++) {
        if (str_eq(addr_text(&conf->listeners[i].address, text), address)) {
            return true;
        }
    }
    return conf->admin.address_text.p != NULL &&
           str_eq(addr_text(&conf->admin.address, text), address);
}

void sockets_unlink(const struct sockets *s, const struct conf *conf)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct socket_entry *entry = &s->v[i];
        const char *path = entry->address + sizeof("unix:") - 1;
        struct stat st;
        if (entry->inode != 0 && (conf == NULL || !sockets_named(conf, str_of(entry->address))) &&
            lstat(path, &st) == 0 && st.st_dev == entry->device && st.st_ino == entry->inode) {
            (void)unlink(path);
        }
    }
}

void sockets_keep_named(struct sockets *s, const struct conf *conf)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (sockets_named(conf, str_of(s->v[i].address))) {
            s->v[kept++] = s->v[i];
        } else {
            (void)close(s->v[i].fd);
        }
    }
    s->n = kept;
}

static int open_missing(const struct sockets *have, const struct addr *a,
                        const struct listen_options *o, struct sockets *fresh, struct err *e)
{
    char text[ADDR_TEXT_MAX];
    struct str address = addr_text(a, text);
    if (sockets_find(have, address) >= 0 || sockets_find(fresh, address) >= 0) {
        return 0;
    }
    int fd = listen_open(a, o, e);
    if (fd < 0) {
        return fd;
    }
    if (sockets_add(fresh, address, fd) != 0) {
        (void)close(fd);
        return err_set(e, ERR_NOMEM, "no memory to listen on %.*s", STR_ARG(address));
    }
    struct stat st;
    if (a->kind == ADDR_UNIX && lstat(a->un.sun_path, &st) == 0) {
        fresh->v[fresh->n - 1].device = st.st_dev;
        fresh->v[fresh->n - 1].inode = st.st_ino;
    }
    return 0;
}

int sockets_open_missing(const struct sockets *have, const struct conf *conf, struct sockets *fresh,
                         struct err *e)
{
    int rc = 0;
    for (size_t i = 0; i < conf->listener_count && rc == 0; i++) {
        const struct conf_listener *l = &conf->listeners[i];
        struct listen_options o = {(int)l->backlog, l->v6_only, l->unix_mode};
        rc = open_missing(have, &l->address, &o, fresh, e);
    }
    if (rc == 0 && conf->admin.address_text.p != NULL) {
        struct listen_options o = {.backlog = 64, .v6_only = false, .unix_mode = 0600};
        rc = open_missing(have, &conf->admin.address, &o, fresh, e);
    }
    if (rc != 0) {
        sockets_unlink(fresh, NULL);
        sockets_close(fresh);
    }
    return rc;
}

int sockets_take(struct sockets *s, struct sockets *from)
{
    if (sockets_room(s, from->n) != 0) {
        return -ERR_NOMEM;
    }
    for (size_t i = 0; i < from->n; i++) {
        s->v[s->n++] = from->v[i];
    }
    from->n = 0;
    sockets_close(from);
    return 0;
}

void sockets_close(struct sockets *s)
{
    for (size_t i = 0; i < s->n; i++) {
        (void)close(s->v[i].fd);
    }
    mem_free(s->v);
    *s = (struct sockets){0};
}
