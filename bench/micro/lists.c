/* Owns: making lists. Octet by octet, not by OpenSSL's objects: that would take longer, under a
 * profiler, than all that is measured. */
#include "bench/micro/lists.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "auth/withdrawal.h"
#include "base/buf.h"
#include "base/enc.h"
#include "bench/micro/need.h"
#include "conf/diag.h"
#include "conf/files.h"

enum {
    SERIAL = 16,
    FINGERPRINT = 32,
    DER_LONG = 5, /* octets of a header for a body of up to 16 MiB */
    INTEGER = 0x02,
    BIT_STRING = 0x03,
    SEQUENCE = 0x30
};

#define TEXT_BYTES ((size_t)64 << 20)

/* The next n octets, a multiple of 8, of a fixed sequence without a pattern (splitmix64). */
static void spread(uint64_t *sequence, unsigned char *out, size_t n)
{
    for (size_t i = 0; i < n; i += sizeof(*sequence)) {
        uint64_t z = *sequence += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        z ^= z >> 31;
        memcpy(out + i, &z, sizeof(z));
    }
}

static void put(struct buf *b, struct str s)
{
    need(buf_append(b, s) == 0, "making a list");
}

static void put_octets(struct buf *b, const unsigned char *octets, size_t n)
{
    put(b, (struct str){(const char *)octets, n});
}

/* ---- Deny lists ---- */

static struct deny *load_deny(const struct scene *s, struct str text)
{
    struct conf_text path = {.p = "/deny"};
    struct conf conf = *s->conf;
    struct files *files = files_new();
    struct diags *diags = diags_new();
    need(files != NULL && diags != NULL && files_put(files, path.p, text) == 0,
         "making a deny list");
    conf.revocation.deny = (struct conf_texts){&path, 1};
    struct deny *d = withdrawal_load(&conf, NULL, files, diags);
    if (d == NULL) {
        diags_print(diags, stderr);
    }
    need(d != NULL, "loading a deny list");
    diags_free(diags);
    files_free(files);
    return d;
}

struct deny *lists_deny(const struct scene *s, size_t entries)
{
    uint64_t sequence = entries;
    struct buf text;
    buf_init(&text, TEXT_BYTES);
    put(&text, STR("user=nobody\n"));
    for (size_t i = 0; i < entries; i++) {
        unsigned char fingerprint[FINGERPRINT];
        char hex[2 * FINGERPRINT];
        spread(&sequence, fingerprint, sizeof(fingerprint));
        enc_hex(fingerprint, sizeof(fingerprint), hex);
        put(&text, STR("fingerprint="));
        put(&text, (struct str){hex, sizeof(hex)});
        put(&text, STR("\n"));
    }
    struct deny *d = load_deny(s, buf_str(&text));
    buf_release(&text);
    return d;
}

void lists_chain(struct deny_chain *c, uint64_t *sequence)
{
    *c = (struct deny_chain){.n = 2};
    for (size_t i = 0; i < c->n; i++) {
        unsigned char octets[3][DENY_KEY + 1];
        spread(sequence, octets[0], sizeof(octets));
        memcpy(c->v[i].fingerprint, octets[0], DENY_KEY);
        memcpy(c->v[i].serial, octets[1], DENY_KEY);
        memcpy(c->v[i].spelled, octets[2], DENY_KEY);
    }
}

/* ---- Revocation lists: RFC 5280 5.1, in DER ---- */

static void put_header(struct buf *b, unsigned char tag, size_t n)
{
    unsigned char header[DER_LONG] = {tag, (unsigned char)n};
    size_t used = 2;
    if (n >= 0x80) {
        size_t octets = n >= 0x10000 ? 3 : n >= 0x100 ? 2 : 1;
        header[1] = (unsigned char)(0x80 | octets);
        for (size_t i = 0; i < octets; i++) {
            header[2 + i] = (unsigned char)(n >> 8 * (octets - 1 - i));
        }
        used += octets;
    }
    put_octets(b, header, used);
}

static void put_entries(struct buf *b, size_t entries)
{
    static const unsigned char since[] = "\x17\x0d"
                                         "261101000000Z";
    unsigned char entry[2 + 2 + SERIAL + sizeof(since) - 1] = {SEQUENCE, sizeof(entry) - 2, INTEGER,
                                                               SERIAL};
    memcpy(entry + 4 + SERIAL, since, sizeof(since) - 1);
    uint64_t sequence = entries;
    put_header(b, SEQUENCE, entries * sizeof(entry));
    for (size_t i = 0; i < entries; i++) {
        spread(&sequence, entry + 4, SERIAL);
        entry[4] = 0x40 | (entry[4] & 0x3f); /* as long as those of the clients */
        put_octets(b, entry, sizeof(entry));
    }
}

/* Append what OpenSSL has written to der, which is freed. */
static void put_part(struct buf *b, unsigned char *der, int n)
{
    need(n > 0, "making a revocation list");
    put_octets(b, der, (size_t)n);
    OPENSSL_free(der);
}

static void put_time(struct buf *b, int days)
{
    unsigned char *der = NULL;
    ASN1_TIME *t = ASN1_TIME_adj(NULL, time(NULL), days, 0);
    need(t != NULL, "making a revocation list");
    int n = i2d_ASN1_TIME(t, &der);
    put_part(b, der, n);
    ASN1_TIME_free(t);
}

static void put_algorithm(struct buf *b, const struct pki *pki)
{
    unsigned char *der = NULL;
    int n = i2d_X509_ALGOR(X509_get0_tbs_sigalg(pki->clients[0]), &der);
    put_part(b, der, n);
}

/* Append the signature of what stands in b. */
static void put_signature(struct buf *b, EVP_PKEY *key, struct str of)
{
    unsigned char octets[1 + 512] = {0}; /* no bits are left over */
    size_t n = sizeof(octets) - 1;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    need(c != NULL && EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key) == 1 &&
             EVP_DigestSign(c, octets + 1, &n, (const unsigned char *)of.p, of.n) == 1,
         "signing a revocation list");
    EVP_MD_CTX_free(c);
    put_header(b, BIT_STRING, n + 1);
    put_octets(b, octets, n + 1);
}

/* The body of what is signed. */
static void put_tbs(struct buf *b, const struct pki *pki, size_t entries)
{
    static const unsigned char version[] = {INTEGER, 1, X509_CRL_VERSION_2};
    unsigned char *name = NULL;
    put_octets(b, version, sizeof(version));
    put_algorithm(b, pki);
    int n = i2d_X509_NAME(X509_get_subject_name(pki->root), &name);
    put_part(b, name, n);
    put_time(b, -1);
    put_time(b, 1);
    put_entries(b, entries);
}

static struct crl_set *read_crl(struct str der, X509 *ca)
{
    struct err e = {0};
    struct crl_set *set = crl_set_new();
    STACK_OF(X509) *cas = sk_X509_new_null();
    need(set != NULL && cas != NULL && sk_X509_push(cas, ca) > 0, "asking for memory");
    if (crl_set_add(set, der, cas, &e) != 0) {
        need(false, e.text);
    }
    sk_X509_free(cas);
    return set;
}

struct crl_set *lists_crl(const struct pki *pki, size_t entries)
{
    struct buf body;
    struct buf tbs;
    struct buf der;
    buf_init(&body, TEXT_BYTES);
    buf_init(&tbs, TEXT_BYTES);
    buf_init(&der, TEXT_BYTES);
    put_tbs(&body, pki, entries);
    put_header(&tbs, SEQUENCE, buf_len(&body));
    put(&tbs, buf_str(&body));
    buf_clear(&body);
    put(&body, buf_str(&tbs));
    put_algorithm(&body, pki);
    put_signature(&body, pki->root_key, buf_str(&tbs));
    put_header(&der, SEQUENCE, buf_len(&body));
    put(&der, buf_str(&body));
    struct crl_set *set = read_crl(buf_str(&der), pki->root);
    buf_release(&body);
    buf_release(&tbs);
    buf_release(&der);
    return set;
}
