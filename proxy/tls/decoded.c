/* Owns: the table of decoded certificates. On one thread. */
#include "proxy/tls/decoded.h"

#include <openssl/err.h>

#include "auth/recent.h"
#include "base/enc.h"
#include "base/mem.h"

struct entry {
    struct recent_entry head;
    X509 *x; /* a reference */
};

struct decoded {
    OSSL_LIB_CTX *library; /* borrowed */
    struct recent table;
    size_t max;
};

struct decoded *decoded_new(size_t max, OSSL_LIB_CTX *library)
{
    struct decoded *d = mem_calloc(1, sizeof(*d));
    if (d == NULL) {
        return NULL;
    }
    d->library = library;
    d->max = max;
    recent_init(&d->table);
    if (recent_resize(&d->table, max, sizeof(struct entry)) != 0) {
        mem_free(d);
        d = NULL;
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
    mem_free(d);
}

static X509 *decode(const struct decoded *d, struct str der)
{
    const unsigned char *p = (const unsigned char *)der.p;
    X509 *x = der.n > 0 ? X509_new_ex(d->library, NULL) : NULL;
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

X509 *decoded_get(struct decoded *d, struct str der)
{
    unsigned char key[RECENT_KEY];
    struct entry *e = NULL;
    if (recent_is_on(&d->table) && der.n <= DECODED_DER_MAX && enc_sha256(der, key) == 0) {
        e = (struct entry *)recent_find(&d->table, key);
    }
    if (e == NULL) {
        return decode(d, der);
    }
    recent_use(&d->table, &e->head);
    (void)X509_up_ref(e->x);
    return e->x;
}

/* Where x stands in *e, NULL: nowhere, and under which key. False if it cannot stand anywhere. */
static bool look_up(const struct decoded *d, X509 *x, struct recent_entry **e,
                    unsigned char key[RECENT_KEY])
{
    unsigned char der[DECODED_DER_MAX];
    unsigned char *p = der;
    int n = recent_is_on(&d->table) ? i2d_X509(x, NULL) : 0;
    if (n <= 0 || n > DECODED_DER_MAX || i2d_X509(x, &p) != n ||
        enc_sha256((struct str){(const char *)der, (size_t)n}, key) != 0) {
        return false;
    }
    *e = recent_find(&d->table, key);
    return true;
}

void decoded_keep(struct decoded *d, X509 *x)
{
    unsigned char key[RECENT_KEY];
    struct recent_entry *e = NULL;
    if (!look_up(d, x, &e, key) || e != NULL) {
        return;
    }
    if (d->table.count == d->max) {
        forget(d, recent_oldest(&d->table));
    }
    e = recent_add(&d->table, key);
    (void)X509_up_ref(x);
    ((struct entry *)e)->x = x;
}

void decoded_forget(struct decoded *d, X509 *x)
{
    unsigned char key[RECENT_KEY];
    struct recent_entry *e = NULL;
    if (look_up(d, x, &e, key) && e != NULL) {
        forget(d, e);
    }
}
