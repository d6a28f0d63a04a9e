/* Owns: the key and the digests of proven credentials. Leaves proving them to pwcheck and pwhash.
 * Loop thread. */
#include "auth/pwcache.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "auth/recent.h"
#include "base/err.h"
#include "base/mem.h"

/* Octets hashed at a time: those of usual names, hashes and passwords. */
enum { GATHER_MAX = 512 };

/* More go than can come. */
enum { WIPED_FOR_ONE = 2 };

enum { SWEEP_MS = 1000, SWEEP_ON_MS = 10 };

struct entry {
    struct recent_entry head; /* under its digest */
    uint64_t used_at_ms;
};

struct pwcache {
    unsigned char key[32];
    EVP_MAC_CTX *mac;
    struct recent table;
    uint32_t ttl_ms;
    uint64_t answers;
};

_Static_assert(PWCACHE_DIGEST == RECENT_KEY, "digests are keys");

static struct entry *entry_of(struct recent_entry *head)
{
    return (struct entry *)(void *)head;
}

static EVP_MAC_CTX *new_mac(const unsigned char *key, size_t n)
{
    char digest_name[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest_name, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;
    EVP_MAC_free(hmac);
    if (ctx != NULL && EVP_MAC_init(ctx, key, n, params) != 1) {
        EVP_MAC_CTX_free(ctx);
        ctx = NULL;
    }
    return ctx;
}

struct pwcache *pwcache_new(size_t entries_max, uint32_t ttl_ms)
{
    struct pwcache *c = mem_calloc(1, sizeof(*c));
    if (c == NULL) {
        return NULL;
    }
    recent_init(&c->table);
    if (RAND_bytes(c->key, (int)sizeof(c->key)) == 1) {
        c->mac = new_mac(c->key, sizeof(c->key));
    }
    if (c->mac == NULL || pwcache_reset(c, entries_max, ttl_ms) != 0) {
        pwcache_free(c);
        return NULL;
    }
    return c;
}

void pwcache_free(struct pwcache *c)
{
    if (c == NULL) {
        return;
    }
    recent_fini(&c->table);
    EVP_MAC_CTX_free(c->mac);
    mem_wipe(c, sizeof(*c));
    mem_free(c);
}

int pwcache_reset(struct pwcache *c, size_t entries_max, uint32_t ttl_ms)
{
    c->ttl_ms = ttl_ms;
    return recent_resize(&c->table, ttl_ms > 0 ? entries_max : 0, sizeof(struct entry));
}

/* The texts that a digest is made of, gathered: one call of the library hashes them all. */
struct gathered {
    EVP_MAC_CTX *mac;
    size_t n;
    bool failed;
    unsigned char octets[GATHER_MAX];
};

static void hash_gathered(struct gathered *g)
{
    g->failed = g->failed || EVP_MAC_update(g->mac, g->octets, g->n) != 1;
    mem_wipe(g->octets, g->n);
    g->n = 0;
}

static void gather(struct gathered *g, const void *p, size_t n)
{
    if (n > sizeof(g->octets) - g->n) {
        hash_gathered(g);
    }
    if (n > sizeof(g->octets)) {
        g->failed = g->failed || EVP_MAC_update(g->mac, p, n) != 1;
        return;
    }
    if (n > 0) {
        memcpy(g->octets + g->n, p, n);
        g->n += n;
    }
}

/* The length goes in front so that no two different inputs run together to the same octets. */
static void add_part(struct gathered *g, const void *p, size_t n)
{
    unsigned char length[8];
    for (size_t i = 0; i < sizeof(length); i++) {
        length[i] = (unsigned char)((uint64_t)n >> (8 * i));
    }
    gather(g, length, sizeof(length));
    gather(g, p, n);
}

int pwcache_digest(struct pwcache *c, struct str user, struct str hash, struct str password,
                   const unsigned char *cert_digest, unsigned char out[PWCACHE_DIGEST])
{
    struct gathered g;
    size_t n = 0;
    g.mac = c->mac;
    g.n = 0;
    /* Without a key: the one that it has been given, whose two blocks need not be hashed again. */
    g.failed = EVP_MAC_init(c->mac, NULL, 0, NULL) != 1;
    add_part(&g, user.p, user.n);
    add_part(&g, hash.p, hash.n);
    add_part(&g, password.p, password.n);
    add_part(&g, cert_digest, cert_digest != NULL ? 32 : 0);
    hash_gathered(&g);
    if (g.failed || EVP_MAC_final(c->mac, out, &n, PWCACHE_DIGEST) != 1 || n != PWCACHE_DIGEST) {
        return -ERR_CRYPTO;
    }
    return 0;
}

static bool is_over(const struct pwcache *c, const struct entry *e, uint64_t mono_ms)
{
    return mono_ms < e->used_at_ms || mono_ms - e->used_at_ms >= c->ttl_ms;
}

bool pwcache_known(struct pwcache *c, const unsigned char digest[PWCACHE_DIGEST], uint64_t mono_ms)
{
    struct recent_entry *head = recent_find(&c->table, digest);
    if (head == NULL) {
        return false;
    }
    if (is_over(c, entry_of(head), mono_ms)) {
        recent_forget(&c->table, head);
        return false;
    }
    return true;
}

void pwcache_answered(struct pwcache *c)
{
    c->answers++;
}

uint64_t pwcache_answers(const struct pwcache *c)
{
    return c->answers;
}

size_t pwcache_count(const struct pwcache *c)
{
    return c->table.count;
}

/* Wipes up to so many that are over. Returns the oldest that is left, or NULL. */
static const struct entry *forget_some(struct pwcache *c, uint64_t mono_ms, unsigned most)
{
    struct recent_entry *oldest = recent_oldest(&c->table);
    for (unsigned i = 0; i < most && oldest != NULL && is_over(c, entry_of(oldest), mono_ms); i++) {
        recent_forget(&c->table, oldest);
        oldest = recent_oldest(&c->table);
    }
    return oldest != NULL ? entry_of(oldest) : NULL;
}

void pwcache_put(struct pwcache *c, const unsigned char digest[PWCACHE_DIGEST], uint64_t mono_ms)
{
    (void)forget_some(c, mono_ms, WIPED_FOR_ONE);
    struct recent_entry *head = recent_find(&c->table, digest);
    head = head != NULL ? head : recent_add(&c->table, digest);
    if (head != NULL) {
        entry_of(head)->used_at_ms = mono_ms;
        recent_use(&c->table, head);
    }
}

uint64_t pwcache_sweep(struct pwcache *c, uint64_t mono_ms)
{
    const struct entry *oldest = forget_some(c, mono_ms, PWCACHE_SWEPT);
    if (oldest == NULL) {
        return 0;
    }
    if (is_over(c, oldest, mono_ms)) {
        return SWEEP_ON_MS;
    }
    uint64_t left_ms = oldest->used_at_ms + c->ttl_ms - mono_ms;
    return left_ms > SWEEP_MS ? left_ms : SWEEP_MS;
}
