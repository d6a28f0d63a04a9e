/* What a worker tells the CA's process of a certificate that was used: a datagram to a Unix socket
 * beside the CA's, its fingerprint and from where. The name of that socket, and the octets. */
#ifndef BASE_SIGHTING_H
#define BASE_SIGHTING_H

#include <stdbool.h>
#include <sys/un.h>

#include "base/str.h"

#define SIGHTING_DIGEST 32
#define SIGHTING_FROM   64 /* octets of an address at most */
#define SIGHTING_MAX    (SIGHTING_DIGEST + SIGHTING_FROM)

struct sighting {
    unsigned char digest[SIGHTING_DIGEST]; /* SHA-256 of the certificate's DER */
    char from[SIGHTING_FROM + 1];          /* the client's address */
};

/* The socket beside the CA's at path: "PATH.seen". Returns false if that is too long for one. */
bool sighting_address(const char *path, struct sockaddr_un *out);

/* Write s as octets; returns how many, SIGHTING_MAX at most. */
size_t sighting_write(const struct sighting *s, unsigned char out[SIGHTING_MAX]);

/* Read what was received. Returns false for what sighting_write() does not write: another length,
 * or an address with other characters than those of IPv4 and IPv6. */
bool sighting_read(struct str octets, struct sighting *out);

#endif
