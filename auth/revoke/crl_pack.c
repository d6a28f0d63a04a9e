/* Owns: the form of a set of CRLs in one block. Not: reading CRLs, asking them (crl.c). One thread
 * a set. */
#include "auth/revoke/crl_pack.h"

#include <openssl/err.h>

#include "auth/revoke/crl_der.h"
#include "auth/revoke/crl_set.h"
#include "base/enc.h"
#include "base/mem.h"

/* In front of it stands the digest of all that follows. */
struct pack_head {
    char magic[8];
    uint64_t count;
};

/* Behind it stand the issuer's name in DER, the key identifier, zeros up to a multiple of 8, the
 * serials, zeros again, and the whole CRL with zeros, if it was kept. */
struct pack_crl {
    unsigned char key_digest[32];
    int64_t this_s;
    int64_t next_s;
    uint64_t width;
    uint64_t count;
    uint32_t issuer_n;
    uint32_t key_id_n;
    uint64_t has_key_id;
    uint64_t der_n;
};

static const char magic[8] = "cscrls1";

static size_t padded(size_t n)
{
    return (n + 7) / 8 * 8;
}

static size_t size_of(const struct crl *c)
{
    size_t key_id = c->key_id != NULL ? (size_t)ASN1_STRING_length(c->key_id) : 0;
    size_t issuer = (size_t)i2d_X509_NAME(c->issuer, NULL);
    return sizeof(struct pack_crl) + padded(issuer + key_id) + padded(c->width * c->count) +
           padded(c->der.n);
}

/* Write c at the front of *at, which is cleared and large enough. */
static void put_crl(unsigned char **at, const struct crl *c)
{
    unsigned char *p = *at + sizeof(struct pack_crl);
    unsigned char *text = p;
    struct pack_crl head = {.this_s = c->this_s,
                            .next_s = c->next_s,
                            .width = c->width,
                            .count = c->count,
                            .der_n = c->der.n,
                            .issuer_n = (uint32_t)i2d_X509_NAME(c->issuer, &p)};
    memcpy(head.key_digest, c->key_digest, sizeof(head.key_digest));
    if (c->key_id != NULL) {
        head.has_key_id = 1;
        head.key_id_n = (uint32_t)ASN1_STRING_length(c->key_id);
        memcpy(p, ASN1_STRING_get0_data(c->key_id), head.key_id_n);
    }
    memcpy(*at, &head, sizeof(head));
    p = text + padded((size_t)head.issuer_n + head.key_id_n);
    memcpy(p, c->serials, c->width * c->count);
    p += padded(c->width * c->count);
    if (c->der.n > 0) {
        memcpy(p, c->der.p, c->der.n);
    }
    *at = p + padded(c->der.n);
}

static bool put_digest(unsigned char *block, size_t n)
{
    struct str rest = {(const char *)block + CRL_PACK_DIGEST, n - CRL_PACK_DIGEST};
    return enc_sha256(rest, block) == 0;
}

struct derived *crl_pack(const struct crl_set *s, struct err *e)
{
    struct pack_head head = {.count = s->n};
    size_t n = CRL_PACK_DIGEST + sizeof(head);
    for (size_t i = 0; i < s->n; i++) {
        n += size_of(&s->v[i]);
    }
    unsigned char *block = mem_calloc(1, n);
    if (block == NULL) {
        (void)err_set(e, ERR_NOMEM, "out of memory");
        return NULL;
    }
    memcpy(head.magic, magic, sizeof(magic));
    unsigned char *at = block + CRL_PACK_DIGEST;
    memcpy(at, &head, sizeof(head));
    at += sizeof(head);
    for (size_t i = 0; i < s->n; i++) {
        put_crl(&at, &s->v[i]);
    }
    bool whole = put_digest(block, n);
    struct derived *d = whole ? derived_new(block, n) : NULL;
    if (d == NULL) {
        mem_free(block);
        (void)err_set(e, whole ? ERR_NOMEM : ERR_CRYPTO, "%s",
                      whole ? "out of memory" : "SHA-256 is not available");
    }
    return d;
}

/* Take n octets, and those that pad them, from the front of *rest; NULL if it is shorter. */
static const unsigned char *take(struct str *rest, uint64_t n)
{
    const char *p = rest->p;
    if (n > rest->n || padded(n) > rest->n) {
        return NULL;
    }
    rest->p += padded(n);
    rest->n -= padded(n);
    return (const unsigned char *)p;
}

static bool read_key_id(const struct pack_crl *head, const unsigned char *p, struct crl *out)
{
    if (head->has_key_id == 0) {
        return true;
    }
    out->key_id = ASN1_OCTET_STRING_new();
    return out->key_id != NULL && ASN1_OCTET_STRING_set(out->key_id, p, (int)head->key_id_n) == 1;
}

static bool read_crl(struct str *rest, struct crl *out)
{
    struct pack_crl head;
    const unsigned char *p = take(rest, sizeof(head));
    if (p == NULL) {
        return false;
    }
    memcpy(&head, p, sizeof(head));
    if (head.width == 0 || head.width > CRL_SERIAL_MAX || head.count > rest->n ||
        head.issuer_n > INT32_MAX || head.key_id_n > INT32_MAX) {
        return false;
    }
    const unsigned char *text = take(rest, (uint64_t)head.issuer_n + head.key_id_n);
    out->serials = take(rest, head.width * head.count);
    const unsigned char *der = take(rest, head.der_n);
    if (text == NULL || out->serials == NULL || der == NULL) {
        return false;
    }
    const unsigned char *name = text;
    out->this_s = head.this_s;
    out->next_s = head.next_s;
    out->width = head.width;
    out->count = head.count;
    out->der = (struct str){(const char *)der, head.der_n};
    memcpy(out->key_digest, head.key_digest, sizeof(out->key_digest));
    out->issuer = d2i_X509_NAME(NULL, &name, (long)head.issuer_n);
    return out->issuer != NULL && name == text + head.issuer_n &&
           read_key_id(&head, text + head.issuer_n, out);
}

static bool read_all(struct crl_set *s, struct str rest)
{
    struct pack_head head;
    const unsigned char *digest = take(&rest, CRL_PACK_DIGEST);
    const unsigned char *p = take(&rest, sizeof(head));
    if (digest == NULL || p == NULL) {
        return false;
    }
    memcpy(&head, p, sizeof(head));
    if (memcmp(head.magic, magic, sizeof(magic)) != 0 || head.count > rest.n) {
        return false;
    }
    s->v = mem_calloc(head.count > 0 ? head.count : 1, sizeof(*s->v));
    bool whole = s->v != NULL;
    while (whole && s->n < head.count) {
        whole = read_crl(&rest, &s->v[s->n++]);
    }
    return whole && rest.n == 0;
}

struct crl_set *crl_unpack(struct derived *block, struct err *e)
{
    struct crl_set *s = crl_set_new();
    if (s == NULL || !read_all(s, (struct str){(const char *)block->p, block->n})) {
        crl_set_free(s);
        ERR_clear_error();
        (void)err_set(e, ERR_MALFORMED, "the set of CRLs cannot be read");
        return NULL;
    }
    s->block = derived_ref(block);
    return s;
}

const unsigned char *crl_pack_digest(const struct derived *block)
{
    return block->p;
}
