/* Owns: the table of good chains. Leaves judging, and asking what can change, to trust. Loop
 * thread. */
#include "auth/certcache.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"

struct entry {
    struct list order;  /* in certcache.used, longest not found first, or in certcache.spare */
    struct entry *next; /* in its bucket */
    unsigned char key[CERTCACHE_KEY];
    int64_t from_ms; /* wall clock; the verdict was given then */
    int64_t ends_ms; /* the first millisecond at which it is forgotten */
    struct trust_term term;
    uint8_t n;
    struct deny_keys chain[CERTCACHE_CHAIN_MAX];
};

struct certcache {
    EVP_MD *sha256;
    EVP_MD_CTX *hash;
    struct list used;
    struct list spare;
    struct entry *entries;  /* entries_max of them */
    struct entry **buckets; /* bucket_mask + 1 of them; NULL while off */
    size_t bucket_mask;
    uint32_t ttl_ms;
    struct certcache_counts counts;
};

/* The key is a digest: any part of it is a good hash. Whoever makes certificates until they fall
 * into one bucket must have them signed first. */
static struct entry **bucket_of(struct certcache *c, const unsigned char *key)
{
    size_t index = 0;
    memcpy(&index, key, sizeof(index));
    return &c->buckets[index & c->bucket_mask];
}

static struct entry *find(struct certcache *c, const unsigned char *key)
{
    if (c->buckets == NULL) {
        return NULL;
    }
    for (struct entry *e = *bucket_of(c, key); e != NULL; e = e->next) {
        if (memcmp(e->key, key, CERTCACHE_KEY) == 0) {
            return e;
        }
    }
    return NULL;
}

static void forget(struct certcache *c, struct entry *e)
{
    struct entry **at = bucket_of(c, e->key);
    while (*at != e) {
        at = &(*at)->next;
    }
    *at = e->next;
    list_remove(&e->order);
    list_push_back(&c->spare, &e->order);
    c->counts.used--;
}

static void drop_table(struct certcache *c)
{
    mem_free(c->entries);
    mem_free(c->buckets);
    c->entries = NULL;
    c->buckets = NULL;
    c->bucket_mask = 0;
    c->counts.used = 0;
    list_init(&c->used);
    list_init(&c->spare);
}

struct certcache *certcache_new(size_t entries_max, uint32_t ttl_ms)
{
    struct certcache *c = mem_calloc(1, sizeof(*c));
    if (c == NULL) {
        return NULL;
    }
    list_init(&c->used);
    list_init(&c->spare);
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
    drop_table(c);
    EVP_MD_CTX_free(c->hash);
    EVP_MD_free(c->sha256);
    mem_free(c);
}

int certcache_reset(struct certcache *c, size_t entries_max, uint32_t ttl_ms)
{
    drop_table(c);
    c->ttl_ms = ttl_ms;
    if (entries_max == 0 || ttl_ms == 0) {
        return 0;
    }
    size_t buckets = 1;
    while (buckets < entries_max) {
        buckets *= 2;
    }
    c->entries = mem_calloc(entries_max, sizeof(*c->entries));
    c->buckets = (struct entry **)mem_calloc(buckets, sizeof(struct entry *));
    if (c->entries == NULL || c->buckets == NULL) {
        drop_table(c);
        return -ERR_NOMEM;
    }
    c->bucket_mask = buckets - 1;
    for (size_t i = 0; i < entries_max; i++) {
        list_push_back(&c->spare, &c->entries[i].order);
    }
    return 0;
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
    if (c->buckets == NULL) {
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
    struct entry *e = find(c, key);
    if (e != NULL && (wall_ms < e->from_ms || wall_ms >= e->ends_ms)) {
        forget(c, e);
        e = NULL;
    }
    if (e == NULL) {
        c->counts.misses++;
        return false;
    }
    c->counts.hits++;
    list_remove(&e->order);
    list_push_back(&c->used, &e->order);
    v->term = e->term;
    v->chain.n = e->n;
    memcpy(v->chain.v, e->chain, e->n * sizeof(e->chain[0]));
    return true;
}

/* The one to be used next; what it held is forgotten. NULL: the table is off. */
static struct entry *make_room(struct certcache *c, const unsigned char *key)
{
    struct entry *old = find(c, key);
    if (old == NULL && list_empty(&c->spare) && !list_empty(&c->used)) {
        old = LIST_ENTRY(c->used.next, struct entry, order);
    }
    if (old != NULL) {
        forget(c, old);
    }
    struct list *spare = list_pop_front(&c->spare);
    return spare != NULL ? LIST_ENTRY(spare, struct entry, order) : NULL;
}

void certcache_put(struct certcache *c, const unsigned char key[CERTCACHE_KEY], int64_t wall_ms,
                   const struct certcache_verdict *v)
{
    if (c->buckets == NULL || v->chain.n == 0 || v->chain.n > CERTCACHE_CHAIN_MAX ||
        v->term.until_ms <= wall_ms) {
        return;
    }
    struct entry *e = make_room(c, key);
    if (e == NULL) {
        return;
    }
    int64_t latest = wall_ms + (int64_t)c->ttl_ms;
    memcpy(e->key, key, CERTCACHE_KEY);
    e->from_ms = wall_ms;
    e->ends_ms = v->term.until_ms < latest ? v->term.until_ms : latest;
    e->term = v->term;
    e->n = (uint8_t)v->chain.n;
    memcpy(e->chain, v->chain.v, v->chain.n * sizeof(e->chain[0]));
    struct entry **bucket = bucket_of(c, key);
    e->next = *bucket;
    *bucket = e;
    list_push_back(&c->used, &e->order);
    c->counts.used++;
}

struct certcache_counts certcache_counts(const struct certcache *c)
{
    return c->counts;
}
