/* Keys that sign for upstreams: ECDSA on P-256 with SHA-256 (ES256 of RFC 7518, ecdsa-p256-sha256
 * of RFC 9421). Loaded at start and reload, immutable. */
#ifndef AUTH_SIGN_ES256_H
#define AUTH_SIGN_ES256_H

#include "conf/diag.h"
#include "conf/files.h"
#include "conf/model.h"

/* Octets of a signature: r and s. */
#define ES256_SIGNATURE 64

struct es256;

/* The keys of paths, PEM without passphrase; the first signs. insecure_modes: take files that
 * others may read. A file that cannot be used is reported under key ("token.keys"). Returns the
 * keys (es256_free), or NULL on an error. */
struct es256 *es256_load(const struct conf_texts *paths, bool insecure_modes, struct files *files,
                         struct diags *diags, const char *key);

/* Free it; NULL is fine. */
void es256_free(struct es256 *k);

/* How many keys there are. */
size_t es256_count(const struct es256 *k);

/* The name of key i: its JWK thumbprint (RFC 7638), base64url. Borrowed from k. */
struct str es256_name(const struct es256 *k, size_t i);

/* Append the public part of key i as a JWK (RFC 7517). Returns as buf_append. */
int es256_jwk(const struct es256 *k, size_t i, struct buf *out) __attribute__((warn_unused_result));

/* Sign text with the first key. Returns 0 or -ERR_CRYPTO. */
int es256_sign(const struct es256 *k, struct str text, unsigned char out[ES256_SIGNATURE])
    __attribute__((warn_unused_result));

#endif
