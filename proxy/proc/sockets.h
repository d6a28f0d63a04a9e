/* A table of listening sockets by their addresses: what the master has open, what a worker
 * serves. Private to proxy/proc. */
#ifndef PROXY_PROC_SOCKETS_H
#define PROXY_PROC_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/model.h"

struct socket_entry {
    char address[ADDR_TEXT_MAX]; /* NUL-ended */
    int fd;                      /* owned */
    dev_t device;                /* of the socket file that we made; inode 0: none */
    ino_t inode;
};

struct sockets {
    struct socket_entry *v; /* owned */
    size_t n;
    size_t size;
};

/* Add an address; fd is taken over, but not on failure. Returns 0 or -ERR_NOMEM. */
int sockets_add(struct sockets *s, struct str address, int fd) __attribute__((warn_unused_result));

/* The descriptor for an address, or -1. */
int sockets_find(const struct sockets *s, struct str address);

/* Close what conf does not name, keep the rest. */
void sockets_keep_named(struct sockets *s, const struct conf *conf);

/* Remove the socket files of what conf does not name (NULL: of everything), if they are still the
 * ones that were made here. Only the master, before it closes them. */
void sockets_unlink(const struct sockets *s, const struct conf *conf);

/* True if conf listens on address, for clients or as the admin listener. */
bool sockets_named(const struct conf *conf, struct str address);

/* Open in fresh every address of conf that have does not hold. Returns 0 or a negative err_code
 * with e; fresh is then empty. */
int sockets_open_missing(const struct sockets *have, const struct conf *conf, struct sockets *fresh,
                         struct err *e) __attribute__((warn_unused_result));

/* Make room for n more entries, so that sockets_take() of so many cannot fail. Returns 0 or
 * -ERR_NOMEM. */
int sockets_room(struct sockets *s, size_t n) __attribute__((warn_unused_result));

/* Move every entry of from to s. Returns 0, or -ERR_NOMEM and nothing was moved. */
int sockets_take(struct sockets *s, struct sockets *from) __attribute__((warn_unused_result));

/* Close and free all of it; s is empty and usable again. */
void sockets_close(struct sockets *s);

#endif
