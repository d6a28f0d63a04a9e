/* HKDF as TLS 1.3 uses it (RFC 5869, RFC 8446 7.1) on OpenSSL's digests. Private to proxy/tls. Any
 * thread. */
#ifndef PROXY_TLS_HKDF_H
#define PROXY_TLS_HKDF_H

#include <stdbool.h>

#include <openssl/types.h>

#include "base/str.h"

/* What is expanded, and what for. */
struct hkdf_label {
    struct str secret;  /* as long as the digest */
    struct str prefix;  /* "tls13 " */
    struct str label;   /* with prefix at most 255 octets */
    struct str context; /* at most 255 octets */
};

/* HKDF-Expand-Label() by digest in out[n]; n is at most the digest's length. False if it is more,
 * if one of the texts is too long, or if OpenSSL fails. */
bool hkdf_expand_label(const EVP_MD *digest, const struct hkdf_label *of, unsigned char *out,
                       size_t n) __attribute__((warn_unused_result));

/* HKDF-Extract (RFC 5869 2.2) by digest in out, as long as the digest. salt: not longer than that;
 * empty stands for zeros. False if salt is longer, or if OpenSSL fails. */
bool hkdf_extract(const EVP_MD *digest, struct str salt, struct str secret, unsigned char *out)
    __attribute__((warn_unused_result));

#endif
