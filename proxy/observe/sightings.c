/* Owns: what was told, and the socket that it is told by. */
#include "proxy/observe/sightings.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sighting.h"

/* Told certificates by the first octets of their digests, one a place. One that takes another's
 * place has that told again, which does no harm. */
#define PLACES 8192

struct sightings {
    int fd;
    struct sockaddr_un to;
    char *socket; /* owned */
    uint64_t told[PLACES];
};

struct sightings *sightings_new(const char *socket_path)
{
    struct sightings *s = mem_calloc(1, sizeof(*s));
    if (s == NULL) {
        return NULL;
    }
    s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    s->socket = mem_dup(socket_path, strlen(socket_path));
    if (s->fd < 0 || s->socket == NULL || !sighting_address(socket_path, &s->to)) {
        sightings_free(s);
        return NULL;
    }
    return s;
}

void sightings_free(struct sightings *s)
{
    if (s != NULL) {
        if (s->fd >= 0) {
            (void)close(s->fd);
        }
        mem_free(s->socket);
        mem_free(s);
    }
}

bool sightings_is_for(const struct sightings *s, const char *socket_path)
{
    return s != NULL && socket_path != NULL && strcmp(s->socket, socket_path) == 0;
}

void sightings_tell(struct sightings *s, const unsigned char digest[32], struct str from)
{
    uint64_t key = 0;
    unsigned char octets[SIGHTING_MAX];
    struct sighting seen;
    memcpy(&key, digest, sizeof(key));
    uint64_t *place = &s->told[key % PLACES];
    if (*place == key || from.n == 0 || from.n > SIGHTING_FROM) {
        return;
    }
    memcpy(seen.digest, digest, sizeof(seen.digest));
    memcpy(seen.from, from.p, from.n);
    seen.from[from.n] = '\0';
    size_t n = sighting_write(&seen, octets);
    if (sendto(s->fd, octets, n, MSG_NOSIGNAL, (const struct sockaddr *)&s->to, sizeof(s->to)) ==
        (ssize_t)n) {
        *place = key;
    }
}
