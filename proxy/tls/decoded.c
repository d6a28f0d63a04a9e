/* Owns: the table of decoded certificates. On the thread of its worker. */
#include "proxy/tls/decoded.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "auth/recent.h"
#include "base/err.h"
#include "base/mem.h"

#define SECRET 32

/* More octets than mem_pool keeps, fewer than the C library asks the system for. */
#define JOINS 65536

struct entry {
    struct recent_entry head;
    X509 *x; /* a reference */
};

struct decoded {
    EVP_MD *sha256;
    EVP_MD_CTX *hash;
    unsigned char secret[SECRET];
    struct recent table;
    size_t places; /* in the table */
    size_t max;    /* at most as many; fewer than there are until they are trimmed */
    uint64_t hits;
    uint64_t added;
};

struct decoded *decoded_new(size_t max)
{
    struct decoded *d = mem_calloc(1, sizeof(*d));
    if (d == NULL) {
        return NULL;
    }
    recent_init(&d->table);
    d->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    d->hash = EVP_MD_CTX_new();
    if (d->sha256 == NULL || d->hash == NULL || RAND_bytes(d->secret, SECRET) != 1 ||
        decoded_resize(d, max) != 0) {
        ERR_clear_error();
        decoded_free(d);
        return NULL;
    }
    return d;
}

static void forget(struct decoded *d, struct recent_entry *e)
{
    X509_free(((struct entry *)e)->x);
    recent_forget(&d->table, e);
}

void decoded_free(struct decoded *d)
{
    if (d == NULL) {
        return;
    }
    while (d->table.count > 0) {
        forget(d, recent_oldest(&d->table));
    }
    recent_fini(&d->table);
    EVP_MD_CTX_free(d->hash);
    EVP_MD_free(d->sha256);
    mem_wipe(d->secret, SECRET);
    mem_free(d);
}

static int change_places(struct decoded *d, size_t places)
{
    int rc = recent_is_on(&d->table) ? recent_move(&d->table, places)
                                     : recent_resize(&d->table, places, sizeof(struct entry));
    d->places = rc == 0 ? places : d->places;
    return rc;
}

int decoded_resize(struct decoded *d, size_t max)
{
    int rc = max > d->places ? change_places(d, max) : 0;
    d->max = rc == 0 ? max : d->places;
    return rc;
}

bool decoded_trim(struct decoded *d, size_t n)
{
    for (; n > 0 && d->table.count > d->max; n--) {
        forget(d, recent_oldest(&d->table));
    }
    /* The C library joins the small pieces that were freed when it is next asked for a large one:
     * so that these are few, and not those of the whole table, it is asked now. */
    mem_free(mem_alloc(JOINS));
    if (d->table.count > d->max) {
        return true;
    }
    if (d->max < d->places) {
        (void)change_places(d, d->max); /* without memory they stay: 64 octets each */
    }
    return false;
}

static X509 *decode(OSSL_LIB_CTX *library, struct str der)
{
    const unsigned char *p = (const unsigned char *)der.p;
    X509 *x = der.n > 0 ? X509_new_ex(library, NULL) : NULL;
    if (x != NULL && d2i_X509(&x, &p, (long)der.n) == NULL) {
        x = NULL; /* freed by d2i */
    }
    if (x != NULL && p != (const unsigned char *)der.p + der.n) {
        X509_free(x);
        x = NULL;
    }
    if (x == NULL) {
        ERR_clear_error();
    }
    return x;
}

/* False: it cannot be remembered. */
static bool make_key(struct decoded *d, OSSL_LIB_CTX *library, struct str der,
                     unsigned char key[RECENT_KEY])
{
    unsigned n = 0;
    if (d == NULL || !recent_is_on(&d->table) || der.n > DECODED_DER_MAX) {
        return false;
    }
    bool made = EVP_DigestInit_ex2(d->hash, d->sha256, NULL) == 1 &&
                EVP_DigestUpdate(d->hash, d->secret, SECRET) == 1 &&
                EVP_DigestUpdate(d->hash, &library, sizeof(library)) == 1 &&
                EVP_DigestUpdate(d->hash, der.p, der.n) == 1 &&
                EVP_DigestFinal_ex(d->hash, key, &n) == 1 && n == RECENT_KEY;
    if (!made) {
        ERR_clear_error();
    }
    return made;
}

X509 *decoded_get(struct decoded *d, OSSL_LIB_CTX *library, struct str der)
{
    unsigned char key[RECENT_KEY];
    struct entry *e = NULL;
    if (make_key(d, library, der, key)) {
        e = (struct entry *)recent_find(&d->table, key);
    }
    if (e == NULL) {
        return decode(library, der);
    }
    d->hits++;
    recent_use(&d->table, &e->head);
    (void)X509_up_ref(e->x);
    return e->x;
}

/* Where x stands in *e, NULL: nowhere, and under which key. False if it cannot stand anywhere. */
static bool look_up(struct decoded *d, OSSL_LIB_CTX *library, X509 *x, struct recent_entry **e,
                    unsigned char key[RECENT_KEY])
{
    unsigned char der[DECODED_DER_MAX];
    unsigned char *p = der;
    int n = d != NULL ? i2d_X509(x, NULL) : 0;
    if (n <= 0 || n > DECODED_DER_MAX || i2d_X509(x, &p) != n ||
        !make_key(d, library, (struct str){(const char *)der, (size_t)n}, key)) {
        return false;
    }
    *e = recent_find(&d->table, key);
    return true;
}

/* What OpenSSL could not decode or find out without memory is missing in the object for good. */
static bool is_whole(X509 *x)
{
    const EVP_PKEY *key = X509_get0_pubkey(x);
    bool whole = key != NULL && EVP_PKEY_get_security_bits(key) > 0 &&
                 X509_check_purpose(x, -1, 0) == 1 &&
                 X509_get_signature_info(x, NULL, NULL, NULL, NULL) == 1;
    ERR_clear_error();
    return whole;
}

void decoded_keep(struct decoded *d, OSSL_LIB_CTX *library, X509 *x)
{
    unsigned char key[RECENT_KEY];
    struct recent_entry *e = NULL;
    if (!look_up(d, library, x, &e, key) || e != NULL || d->max == 0 || !is_whole(x)) {
        return;
    }
    if (d->table.count >= d->max) {
        forget(d, recent_oldest(&d->table));
    }
    e = recent_add(&d->table, key);
    (void)X509_up_ref(x);
    ((struct entry *)e)->x = x;
    d->added++;
}

void decoded_forget(struct decoded *d, OSSL_LIB_CTX *library, X509 *x)
{
    unsigned char key[RECENT_KEY];
    struct recent_entry *e = NULL;
    if (look_up(d, library, x, &e, key) && e != NULL) {
        forget(d, e);
    }
}

struct decoded_counts decoded_counts(const struct decoded *d)
{
    return (struct decoded_counts){.hits = d->hits, .added = d->added, .used = d->table.count};
}
