/* Owns: the table of good chains. Leaves judging, and asking what can change, to trust. Loop
 * thread. */
#include "auth/certcache.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "auth/recent.h"
#include "base/mem.h"

struct entry {
    struct recent_entry head;
    int64_t from_ms; /* wall clock; the verdict was given then */
    int64_t ends_ms; /* the first millisecond at which it is forgotten */
    struct trust_term term;
    uint8_t n;
    struct deny_keys chain[CERTCACHE_CHAIN_MAX];
};

struct certcache {
    EVP_MD *sha256;
    EVP_MD_CTX *hash;
    struct recent table;
    uint32_t ttl_ms;
    uint64_t hits;
    uint64_t misses;
};

_Static_assert(CERTCACHE_KEY == RECENT_KEY, "keys are keys of the table");

struct certcache *certcache_new(size_t entries_max, uint32_t ttl_ms)
{
    struct certcache *c = mem_calloc(1, sizeof(*c));
    if (c == NULL) {
        return NULL;
    }
    recent_init(&c->table);
    c->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    c->hash = EVP_MD_CTX_new();
    if (c->sha256 == NULL || c->hash == NULL || certcache_reset(c, entries_max, ttl_ms) != 0) {
        certcache_free(c);
        return NULL;
    }
    return c;
}

void certcache_free(struct certcache *c)
{
    if (c == NULL) {
        return;
    }
    recent_fini(&c->table);
    EVP_MD_CTX_free(c->hash);
    EVP_MD_free(c->sha256);
    mem_free(c);
}

int certcache_reset(struct certcache *c, size_t entries_max, uint32_t ttl_ms)
{
    c->ttl_ms = ttl_ms;
    return recent_resize(&c->table, ttl_ms > 0 ? entries_max : 0, sizeof(struct entry));
}

/* Its length goes in front, so that no two chains run together to the same octets. */
static bool add_certificate(struct certcache *c, X509 *x)
{
    unsigned char der[4 + CERTCACHE_DER_MAX];
    unsigned char *p = der + 4;
    int n = i2d_X509(x, NULL);
    if (n <= 0 || n > CERTCACHE_DER_MAX || i2d_X509(x, &p) != n) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        der[i] = (unsigned char)((unsigned)n >> (24 - 8 * i));
    }
    return EVP_DigestUpdate(c->hash, der, 4 + (size_t)n) == 1;
}

bool certcache_key(struct certcache *c, const unsigned char judged_by[32], X509 *leaf,
                   STACK_OF(X509) * chain, unsigned char key[CERTCACHE_KEY])
{
    if (!recent_is_on(&c->table)) {
        return false;
    }
    unsigned n = 0;
    bool good = EVP_DigestInit_ex2(c->hash, c->sha256, NULL) == 1 &&
                EVP_DigestUpdate(c->hash, judged_by, 32) == 1 && add_certificate(c, leaf);
    for (int i = 0; i < sk_X509_num(chain) && good; i++) {
        X509 *x = sk_X509_value(chain, i);
        good = (i == 0 && x == leaf) || add_certificate(c, x);
    }
    good = good && EVP_DigestFinal_ex(c->hash, key, &n) == 1 && n == CERTCACHE_KEY;
    ERR_clear_error();
    return good;
}

bool certcache_find(struct certcache *c, const unsigned char key[CERTCACHE_KEY], int64_t wall_ms,
                    struct certcache_verdict *v)
{
    struct entry *e = (struct entry *)(void *)recent_find(&c->table, key);
    if (e != NULL && (wall_ms < e->from_ms || wall_ms >= e->ends_ms)) {
        recent_forget(&c->table, &e->head);
        e = NULL;
    }
    if (e == NULL) {
        c->misses++;
        return false;
    }
    c->hits++;
    recent_use(&c->table, &e->head);
    v->term = e->term;
    v->chain.n = e->n;
    memcpy(v->chain.v, e->chain, e->n * sizeof(e->chain[0]));
    return true;
}

void certcache_put(struct certcache *c, const unsigned char key[CERTCACHE_KEY], int64_t wall_ms,
                   const struct certcache_verdict *v)
{
    if (v->chain.n == 0 || v->chain.n > CERTCACHE_CHAIN_MAX || v->term.until_ms <= wall_ms) {
        return;
    }
    struct recent_entry *head = recent_find(&c->table, key);
    head = head != NULL ? head : recent_add(&c->table, key);
    if (head == NULL) {
        return;
    }
    struct entry *e = (struct entry *)(void *)head;
    int64_t latest = wall_ms + (int64_t)c->ttl_ms;
    e->from_ms = wall_ms;
    e->ends_ms = v->term.until_ms < latest ? v->term.until_ms : latest;
    e->term = v->term;
    e->n = (uint8_t)v->chain.n;
    memcpy(e->chain, v->chain.v, v->chain.n * sizeof(e->chain[0]));
    recent_use(&c->table, head);
}

struct certcache_counts certcache_counts(const struct certcache *c)
{
    return (struct certcache_counts){c->hits, c->misses, c->table.count};
}
