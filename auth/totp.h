/* One-time codes of RFC 6238, each good once. */
#ifndef AUTH_TOTP_H
#define AUTH_TOTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "conf/model.h"

#define TOTP_PERIOD_S    30
#define TOTP_DIGITS_MAX  8
#define TOTP_SECRET_MAX  64 /* octets */
#define TOTP_SECRET_MIN  16 /* RFC 4226 4, R6 */
#define TOTP_SECRET_MADE 20 /* octets of one that we make */

/* Octets of text that n octets take in base32 without padding. */
#define TOTP_BASE32_LEN(n) (((n)*8 + 4) / 5)

/* How many digits a code has. */
size_t totp_digits(const struct conf_totp *rule);

/* The code of a step (seconds since 1970 / 30) into out, digits and a NUL (RFC 4226 5.3, RFC 6238
 * 4). The caller wipes it. Returns 0 or -ERR_CRYPTO. */
int totp_code(const struct conf_totp *rule, struct str secret, uint64_t step,
              char out[TOTP_DIGITS_MAX + 1]) __attribute__((warn_unused_result));

/* True if code is that of a step within the window around wall_ms; *step is then the latest such.
 * Takes the same time whichever it is, and whether it is one. */
bool totp_match(const struct conf_totp *rule, struct str secret, struct str code, int64_t wall_ms,
                uint64_t *step);

/* Cut a code off the end of password, if what stands there may be one and is not all of it. code
 * borrows it; set only on true. */
bool totp_split(const struct conf_totp *rule, struct str *password, struct str *code);

/* Strict base32 (RFC 4648 6): upper case, no blanks, no padding, unused bits zero. out: at least
 * TOTP_SECRET_MAX octets. Returns 0 or -ERR_MALFORMED, also for more than TOTP_SECRET_MAX octets.
 */
int totp_base32_decode(struct str text, unsigned char *out, size_t *n)
    __attribute__((warn_unused_result));

/* Base32 without padding into out (TOTP_BASE32_LEN(in.n) octets, no NUL). Returns the octets
 * written. */
size_t totp_base32(struct str in, char *out);

/* Append the URI that authenticators read, "otpauth://totp/ISSUER:USER?secret=...". It is a secret.
 * Returns as buf_append. */
int totp_uri(const struct conf_totp *rule, struct str issuer, struct str user, struct str secret,
             struct buf *out) __attribute__((warn_unused_result));

/* What all workers remember of codes that were used. */
struct totp_memory;

/* Shared by processes forked later, for about entries users; the user whose last code is the oldest
 * is forgotten first, and could use that code again within its window. NULL on failure. */
struct totp_memory *totp_memory_new(size_t entries);
void totp_memory_free(struct totp_memory *m);

/* Take note that user used the code of step, made with secret. Returns false if that one or a later
 * one was used before: then the code is refused. user: the normalised or stored name, always the
 * same. */
bool totp_use(struct totp_memory *m, struct str user, struct str secret, uint64_t step);

/* True if totp_use() would return false; takes no note. */
bool totp_used(const struct totp_memory *m, struct str user, struct str secret, uint64_t step);

/* The user has proven a code with this certificate (SHA-256). */
void totp_remember(struct totp_memory *m, struct str user, struct str secret,
                   const unsigned char certificate[32], uint64_t mono_ms);

/* True if that was less than rule->remember_ms ago, with the same secret. */
bool totp_remembered(const struct totp_memory *m, const struct conf_totp *rule, struct str user,
                     struct str secret, const unsigned char certificate[32], uint64_t mono_ms);

#endif
