/* Text encodings: base64, hex, percent, JSON, quoted-string, SHA-256. Pure, any thread. */
#ifndef BASE_ENC_H
#define BASE_ENC_H

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* Octets needed for base64 of n octets, padding included (no NUL). */
#define ENC_BASE64_LEN(n) ((((n) + 2) / 3) * 4)

/* Strict base64 (RFC 4648 4): standard alphabet, padding required, unused bits zero, nothing after
 * the padding. in: the text; out: caller's, at least in.n / 4 * 3 octets; *n: octets written.
 * Returns 0 or -ERR_MALFORMED (out then holds junk that the caller wipes if it may be secret). */
int enc_base64_decode(struct str in, unsigned char *out, size_t *n)
    __attribute__((warn_unused_result));

/* Base64 with padding into out (at least ENC_BASE64_LEN(in.n) octets); returns octets written. */
size_t enc_base64(struct str in, char *out);

/* Base64 of RFC 4648 5 ("-" and "_") without padding, as in JWT, into out (at least
 * ENC_BASE64_LEN(in.n) octets); returns octets written. */
size_t enc_base64url(struct str in, char *out);

/* Lower-case hex into out (2 * n octets, no NUL). */
void enc_hex(const unsigned char *in, size_t n, char *out);

/* Octets of the longest number below. */
#define ENC_DECIMAL_MAX 20

/* number in decimal digits into out (ENC_DECIMAL_MAX octets, no NUL); returns octets written. */
size_t enc_decimal(uint64_t number, char *out);

/* Append s as a JSON string with its quotes; octets that are not UTF-8 become U+FFFD. Returns as
 * buf_append. */
int enc_json_string(struct buf *out, struct str s) __attribute__((warn_unused_result));

/* Append s as a quoted-string (RFC 9110 5.6.4); octets that cannot stand in one become '?'. */
int enc_quoted_string(struct buf *out, struct str s) __attribute__((warn_unused_result));

/* Append s with octets outside printable ASCII, '"' and '\' as \xHH: safe inside the quotes of any
 * log line. SP stays as it is: where blanks separate, the caller puts quotes around. */
int enc_log_text(struct buf *out, struct str s) __attribute__((warn_unused_result));

/* Octets that one octet of the two functions below may become. */
#define ENC_ESCAPE_MAX 6

/* What enc_json_string() appends, without its quotes, and what enc_log_text() appends, to out,
 * which has room for ENC_ESCAPE_MAX times s.n octets. Return the end of what was written. */
char *enc_json_put(char *out, struct str s);
char *enc_log_put(char *out, struct str s);

/* Append s, octets outside RFC 3986 "unreserved" as %HH. */
int enc_percent(struct buf *out, struct str s) __attribute__((warn_unused_result));

/* The octets that s stands for, %HH for one each, into out (at least s.n octets); *n: how many.
 * Returns 0, or -ERR_MALFORMED for a "%" without two hex digits behind. */
int enc_percent_decode(struct str s, char *out, size_t *n) __attribute__((warn_unused_result));

/* SHA-256 of s into digest[32]. Returns 0 or -ERR_CRYPTO. */
int enc_sha256(struct str s, unsigned char digest[32]) __attribute__((warn_unused_result));

#endif
