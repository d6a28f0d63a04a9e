/* Tells the CA's process which certificates are in use, each once by a worker. Never waits: what
 * does not get through is told of another connection. Loop thread. */
#ifndef PROXY_OBSERVE_SIGHTINGS_H
#define PROXY_OBSERVE_SIGHTINGS_H

#include <stdbool.h>

#include "base/str.h"

struct sightings;

/* For the CA at that socket (ca.socket). NULL without memory or a socket, or if the name is too
 * long; what is NULL tells nothing. */
struct sightings *sightings_new(const char *socket);

/* NULL is fine. */
void sightings_free(struct sightings *s);

/* Whether s is for the CA at that socket. */
bool sightings_is_for(const struct sightings *s, const char *socket);

/* A certificate (SHA-256 of its DER) was used by a client at the address from. Told unless it was
 * told lately. */
void sightings_tell(struct sightings *s, const unsigned char digest[32], struct str from);

#endif
