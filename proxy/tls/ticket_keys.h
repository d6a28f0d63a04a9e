/* The keys that seal session tickets: derived from a secret and the time, so that all who hold the
 * secret have the same without telling each other. Private to proxy/tls. */
#ifndef PROXY_TLS_TICKET_KEYS_H
#define PROXY_TLS_TICKET_KEYS_H

#include <stdint.h>

#include "base/str.h"

#define TICKET_KEY_NAME 16

struct ticket_key {
    unsigned char name[TICKET_KEY_NAME]; /* stands in the ticket, in the clear */
    unsigned char cipher[32];            /* AES-256 */
    unsigned char mac[32];               /* HMAC-SHA-256 */
};

struct ticket_keys;

/* Keys derived from secret (copied, hashed; at least 32 octets with full entropy), a new one every
 * rotate_ms (not 0) of wall clock. NULL without memory or on a failure of the library. */
struct ticket_keys *ticket_keys_new(struct str secret, uint32_t rotate_ms);

/* Wipe and free; NULL is fine. */
void ticket_keys_free(struct ticket_keys *k);

/* The key that seals at wall_ms; borrowed until the next call. NULL if it cannot be derived. */
const struct ticket_key *ticket_keys_seal(struct ticket_keys *k, int64_t wall_ms);

/* The key of that name, if it is the one that seals at wall_ms or the one before it; otherwise
 * NULL. Borrowed until the next call. */
const struct ticket_key *
ticket_keys_open(struct ticket_keys *k, const unsigned char name[TICKET_KEY_NAME], int64_t wall_ms);

#endif
