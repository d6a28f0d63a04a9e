/* Owns: HKDF as far as TLS 1.3 needs it, one block of output, and the HMAC (RFC 2104) in it.
 * OpenSSL's own makes six objects for each, which takes longer than the digests. Any thread. */
#include "proxy/tls/hkdf.h"

#include <string.h>

#include <openssl/evp.h>

#include "base/mem.h"

#define BLOCK_MAX 128 /* octets of a digest's block: SHA-512 */
#define TEXT_MAX  255
#define INFO_MAX  (2 + 1 + TEXT_MAX + 1 + TEXT_MAX + 1)

/* One pass of HMAC: the key, padded and changed by pad, then text. */
static bool hash(EVP_MD_CTX *x, const EVP_MD *digest, struct str key, unsigned char pad,
                 struct str text, unsigned char *out)
{
    unsigned char block[BLOCK_MAX];
    size_t block_n = (size_t)EVP_MD_get_block_size(digest);
    memset(block, pad, block_n);
    for (size_t i = 0; i < key.n; i++) {
        block[i] ^= (unsigned char)key.p[i];
    }
    bool ok = EVP_DigestInit_ex(x, digest, NULL) == 1 && EVP_DigestUpdate(x, block, block_n) == 1 &&
              EVP_DigestUpdate(x, text.p, text.n) == 1 && EVP_DigestFinal_ex(x, out, NULL) == 1;
    mem_wipe(block, block_n);
    return ok;
}

/* key is not longer than a block. */
static bool hmac(const EVP_MD *digest, struct str key, struct str text, unsigned char *out)
{
    unsigned char inner[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *x = EVP_MD_CTX_new();
    const struct str first = {(const char *)inner, (size_t)EVP_MD_get_size(digest)};
    bool ok = x != NULL && hash(x, digest, key, 0x36, text, inner) &&
              hash(x, digest, key, 0x5c, first, out);
    EVP_MD_CTX_free(x);
    mem_wipe(inner, sizeof(inner));
    return ok;
}

static unsigned char *put(unsigned char *to, struct str octets)
{
    if (octets.n > 0) {
        memcpy(to, octets.p, octets.n);
    }
    return to + octets.n;
}

/* HkdfLabel, and the number of the block. */
static size_t write_info(const struct hkdf_label *of, size_t n, unsigned char info[INFO_MAX])
{
    unsigned char *p = info;
    *p++ = (unsigned char)(n >> 8);
    *p++ = (unsigned char)n;
    *p++ = (unsigned char)(of->prefix.n + of->label.n);
    p = put(put(p, of->prefix), of->label);
    *p++ = (unsigned char)of->context.n;
    p = put(p, of->context);
    *p++ = 1;
    return (size_t)(p - info);
}

bool hkdf_expand_label(const EVP_MD *digest, const struct hkdf_label *of, unsigned char *out,
                       size_t n)
{
    unsigned char info[INFO_MAX];
    unsigned char block[EVP_MAX_MD_SIZE];
    size_t digest_n = (size_t)EVP_MD_get_size(digest);
    if (n > digest_n || of->secret.n != digest_n || of->prefix.n > TEXT_MAX ||
        of->label.n > TEXT_MAX - of->prefix.n || of->context.n > TEXT_MAX) {
        return false;
    }
    const struct str text = {(const char *)info, write_info(of, n, info)};
    bool ok = hmac(digest, of->secret, text, block);
    if (ok) {
        memcpy(out, block, n);
    }
    mem_wipe(block, sizeof(block));
    return ok;
}

bool hkdf_extract(const EVP_MD *digest, struct str salt, struct str secret, unsigned char *out)
{
    return salt.n <= (size_t)EVP_MD_get_size(digest) && hmac(digest, salt, secret, out);
}
