/* Owns: the form of a sighting. Pure, any thread. */
#include "base/sighting.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

bool sighting_address(const char *path, struct sockaddr_un *out)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(out->sun_path, sizeof(out->sun_path), "%s.seen", path);
    return n > 0 && (size_t)n < sizeof(out->sun_path);
}

size_t sighting_write(const struct sighting *s, unsigned char out[SIGHTING_MAX])
{
    size_t n = strlen(s->from);
    memcpy(out, s->digest, SIGHTING_DIGEST);
    memcpy(out + SIGHTING_DIGEST, s->from, n);
    return SIGHTING_DIGEST + n;
}

static bool is_address(struct str text)
{
    static const char allowed[] = "0123456789abcdefABCDEF.:";
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\0' || strchr(allowed, text.p[i]) == NULL) {
            return false;
        }
    }
    return text.n > 0;
}

bool sighting_read(struct str octets, struct sighting *out)
{
    struct str from = str_slice(octets, SIGHTING_DIGEST, octets.n);
    if (octets.n <= SIGHTING_DIGEST || octets.n > SIGHTING_MAX || !is_address(from)) {
        return false;
    }
    memcpy(out->digest, octets.p, SIGHTING_DIGEST);
    memcpy(out->from, from.p, from.n);
    out->from[from.n] = '\0';
    return true;
}
