/* Owns: the set of what is withdrawn as a table in a sealed memory file, and asking it. Leaves the
 * reading of files to deny_read.c. Any thread: nothing changes once it is made.
 *
 * A table for each kind, of places of 16 octets: DENY_KEY octets of a digest and one for the reason
 * (0: the place is empty). Places are taken by open addressing, at most half of them, so that a
 * look-up ends after a few. 120 bits of SHA-256 leave no two entries alike by chance; and if two
 * were, one certificate too many would be refused. */
#include "auth/revoke/deny.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/evp.h>

#include "auth/revoke/deny_set.h"
#include "auth/revoke/name_digest.h"
#include "base/enc.h"
#include "base/mem.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static const char magic[8] = "CSDENY1";

struct head {
    char magic[8];
    uint64_t places[DENY_KIND_COUNT]; /* 0, or a power of two */
    uint64_t entries[DENY_KIND_COUNT];
    uint32_t fold_domain;
    uint32_t fold_local_part;
};

struct place {
    unsigned char key[DENY_KEY];
    unsigned char mark; /* reason + 1 */
};
_Static_assert(sizeof(struct place) == 16, "places are 16 octets");

struct deny {
    int fd; /* owned; -1: none */
    void *map;
    size_t map_n;
    const struct head *head;
    const struct place *tables[DENY_KIND_COUNT];
    struct deny_origin origin;
};

/* ---- Keys ---- */

void deny_key_of_digest(const unsigned char digest[DENY_DIGEST], unsigned char key[DENY_KEY])
{
    memcpy(key, digest, DENY_KEY);
}

int deny_key_of_serial(const unsigned char issuer[DENY_DIGEST], struct str serial,
                       unsigned char key[DENY_KEY])
{
    char text[DENY_DIGEST + DENY_SERIAL_MAX];
    unsigned char digest[DENY_DIGEST];
    if (serial.n > DENY_SERIAL_MAX) {
        return -ERR_CRYPTO;
    }
    memcpy(text, issuer, DENY_DIGEST);
    memcpy(text + DENY_DIGEST, serial.p, serial.n);
    int rc = enc_sha256((struct str){text, DENY_DIGEST + serial.n}, digest);
    deny_key_of_digest(digest, key);
    return rc;
}

int deny_key_of_user(struct str normal, unsigned char key[DENY_KEY])
{
    unsigned char digest[DENY_DIGEST];
    int rc = enc_sha256(normal, digest);
    deny_key_of_digest(digest, key);
    return rc;
}

int deny_spelled_digest(const X509_NAME *name, unsigned char digest[DENY_DIGEST])
{
    unsigned n = 0;
    return X509_NAME_digest(name, EVP_sha256(), digest, &n) == 1 && n == DENY_DIGEST ? 0
                                                                                     : -ERR_CRYPTO;
}

int deny_serial_of(const X509 *x, char out[DENY_SERIAL_MAX + 1])
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char *hex = number != NULL ? BN_bn2hex(number) : NULL;
    /* A number below zero, which no CA may give, keeps its digits: they are still its own. */
    struct str text = str_of(hex);
    text = str_starts(text, STR("-")) ? str_slice(text, 1, text.n) : text;
    bool fits = hex != NULL && deny_serial_read(text, out);
    OPENSSL_free(hex);
    BN_free(number);
    return fits ? 0 : -ERR_CRYPTO;
}

int deny_keys_of(X509 *x, struct deny_keys *out)
{
    unsigned char digest[DENY_DIGEST];
    char serial[DENY_SERIAL_MAX + 1];
    unsigned n = 0;
    if (X509_digest(x, EVP_sha256(), digest, &n) != 1 || n != DENY_DIGEST) {
        return -ERR_CRYPTO;
    }
    deny_key_of_digest(digest, out->fingerprint);
    const X509_NAME *issuer = X509_get_issuer_name(x);
    int rc = deny_serial_of(x, serial);
    rc = rc == 0 ? name_digest(issuer, digest) : rc;
    rc = rc == 0 ? deny_key_of_serial(digest, str_of(serial), out->serial) : rc;
    rc = rc == 0 ? deny_spelled_digest(issuer, digest) : rc;
    return rc == 0 ? deny_key_of_serial(digest, str_of(serial), out->spelled) : rc;
}

int deny_chain_add(struct deny_chain *c, X509 *x)
{
    if (c->n == DENY_CHAIN_MAX) {
        return -ERR_FULL;
    }
    int rc = deny_keys_of(x, &c->v[c->n]);
    c->n += rc == 0 ? 1 : 0;
    return rc;
}

/* ---- Asking ---- */

static size_t first_place(const unsigned char key[DENY_KEY], size_t places)
{
    uint64_t h;
    memcpy(&h, key, sizeof(h));
    return (size_t)h & (places - 1);
}

static enum deny_reason ask(const struct deny *d, enum deny_kind kind,
                            const unsigned char key[DENY_KEY])
{
    size_t places = d != NULL ? (size_t)d->head->places[kind] : 0;
    if (places == 0) {
        return DENY_NOT_LISTED;
    }
    const struct place *table = d->tables[kind];
    for (size_t i = first_place(key, places); table[i].mark != 0; i = (i + 1) & (places - 1)) {
        if (memcmp(table[i].key, key, DENY_KEY) == 0) {
            return (enum deny_reason)(table[i].mark - 1);
        }
    }
    return DENY_NOT_LISTED;
}

enum deny_reason deny_certificate(const struct deny *d, const struct deny_keys *keys)
{
    enum deny_reason r = ask(d, DENY_SERIAL, keys->serial);
    r = r != DENY_NOT_LISTED ? r : ask(d, DENY_SERIAL, keys->spelled);
    return r != DENY_NOT_LISTED ? r : ask(d, DENY_FINGERPRINT, keys->fingerprint);
}

enum deny_reason deny_chain(const struct deny *d, const struct deny_chain *c)
{
    enum deny_reason r = DENY_NOT_LISTED;
    for (size_t i = 0; c != NULL && i < c->n && r == DENY_NOT_LISTED; i++) {
        r = deny_certificate(d, &c->v[i]);
    }
    return r;
}

enum deny_reason deny_user(const struct deny *d, struct str normal)
{
    unsigned char key[DENY_KEY];
    if (deny_count(d, DENY_USER) == 0) {
        return DENY_NOT_LISTED;
    }
    return deny_key_of_user(normal, key) == 0 ? ask(d, DENY_USER, key) : DENY_UNSPECIFIED;
}

struct conf_identity deny_rule(const struct deny *d)
{
    return (struct conf_identity){.fold_domain = d->head->fold_domain != 0,
                                  .fold_local_part = d->head->fold_local_part != 0};
}

size_t deny_count(const struct deny *d, enum deny_kind kind)
{
    return d != NULL ? (size_t)d->head->entries[kind] : 0;
}

int deny_descriptor(const struct deny *d)
{
    return d->fd;
}

const struct deny_origin *deny_origin(const struct deny *d)
{
    return d->origin.v != NULL ? &d->origin : NULL;
}

void deny_origin_release(struct deny_origin *o)
{
    for (size_t i = 0; i < o->n; i++) {
        mem_free(o->v[i].path);
    }
    mem_free(o->v);
    *o = (struct deny_origin){NULL, 0};
}

void deny_free(struct deny *d)
{
    if (d == NULL) {
        return;
    }
    if (d->map != NULL) {
        (void)munmap(d->map, d->map_n);
    }
    if (d->fd >= 0) {
        (void)close(d->fd);
    }
    deny_origin_release(&d->origin);
    mem_free(d);
}

/* ---- From and to a memory file ---- */

/* The tables follow the head, one behind the other, and nothing follows them. */
static bool find_tables(struct deny *d)
{
    const char *at = (const char *)d->map + sizeof(struct head);
    size_t left = d->map_n - sizeof(struct head);
    if (memcmp(d->head->magic, magic, sizeof(magic)) != 0) {
        return false;
    }
    for (size_t i = 0; i < DENY_KIND_COUNT; i++) {
        uint64_t places = d->head->places[i];
        bool fits = (places & (places - 1)) == 0 && places <= left / sizeof(struct place) &&
                    d->head->entries[i] <= places / 2;
        if (!fits) {
            return false;
        }
        d->tables[i] = (const struct place *)(const void *)at;
        at += places * sizeof(struct place);
        left -= places * sizeof(struct place);
    }
    return left == 0;
}

struct deny *deny_open(int fd, struct err *e)
{
    struct stat st;
    struct deny *d = mem_calloc(1, sizeof(*d));
    if (d == NULL) {
        (void)err_set(e, ERR_NOMEM, "out of memory for the deny list");
        return NULL;
    }
    d->fd = -1;
    /* Without the seals the octets could change under our pointers. */
    if (fcntl(fd, F_GET_SEALS) != SEALS || fstat(fd, &st) != 0 ||
        (size_t)st.st_size < sizeof(struct head)) {
        (void)err_set(e, ERR_MALFORMED, "not a sealed deny list");
        deny_free(d);
        return NULL;
    }
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        (void)err_set_errno(e, ERR_IO, errno, "cannot map the deny list");
        deny_free(d);
        return NULL;
    }
    d->map = map;
    d->map_n = (size_t)st.st_size;
    d->head = map;
    if (!find_tables(d)) {
        (void)err_set(e, ERR_MALFORMED, "the deny list is damaged");
        deny_free(d);
        return NULL;
    }
    return d;
}

static uint64_t places_for(size_t entries)
{
    uint64_t places = entries > 0 ? 4 : 0;
    while (places < 2 * (uint64_t)entries) {
        places *= 2;
    }
    return places;
}

/* The first reason stays where two entries are alike. */
static void put(struct head *head, struct place *tables[DENY_KIND_COUNT], enum deny_kind kind,
                const struct place *entry)
{
    size_t places = (size_t)head->places[kind];
    struct place *table = tables[kind];
    size_t i = first_place(entry->key, places);
    while (table[i].mark != 0 && memcmp(table[i].key, entry->key, DENY_KEY) != 0) {
        i = (i + 1) & (places - 1);
    }
    if (table[i].mark == 0) {
        table[i] = *entry;
        head->entries[kind]++;
    }
}

/* A table of the same size is copied; into a larger one each entry has to be put. */
static void take_over(const struct deny *base, enum deny_kind kind, struct head *to,
                      struct place *tables[DENY_KIND_COUNT])
{
    size_t places = (size_t)base->head->places[kind];
    if (places == to->places[kind]) {
        memcpy(tables[kind], base->tables[kind], places * sizeof(struct place));
        to->entries[kind] = base->head->entries[kind];
        return;
    }
    for (size_t i = 0; i < places; i++) {
        if (base->tables[kind][i].mark != 0) {
            put(to, tables, kind, &base->tables[kind][i]);
        }
    }
}

static void fill(void *map, const struct head *head, const struct deny *base,
                 const struct deny_items *items)
{
    struct head *to = map;
    struct place *tables[DENY_KIND_COUNT];
    char *at = (char *)map + sizeof(*head);
    *to = *head;
    for (unsigned i = 0; i < DENY_KIND_COUNT; i++) {
        tables[i] = (struct place *)(void *)at;
        at += head->places[i] * sizeof(struct place);
        if (base != NULL) {
            take_over(base, (enum deny_kind)i, to, tables);
        }
    }
    for (size_t i = 0; i < items->n; i++) {
        struct place entry = {.mark = (unsigned char)(items->v[i].reason + 1)};
        memcpy(entry.key, items->v[i].key, DENY_KEY);
        put(to, tables, items->v[i].kind, &entry);
    }
}

static size_t plan_tables(struct head *head, const struct deny *base,
                          const struct deny_items *items)
{
    size_t size = sizeof(*head);
    for (unsigned i = 0; i < DENY_KIND_COUNT; i++) {
        uint64_t had = base != NULL ? base->head->places[i] : 0;
        uint64_t wanted = places_for(deny_count(base, (enum deny_kind)i) + items->counts[i]);
        head->places[i] = wanted > had ? wanted : had;
        size += head->places[i] * sizeof(struct place);
    }
    return size;
}

/* A memory file with the set, sealed. Returns it, or a negative err_code with e. */
static int write_file(const struct deny *base, const struct deny_items *items,
                      const struct conf_identity *rule, struct err *e)
{
    struct head head = {.fold_domain = rule->fold_domain, .fold_local_part = rule->fold_local_part};
    size_t size = plan_tables(&head, base, items);
    memcpy(head.magic, magic, sizeof(magic));
    int fd = memfd_create("countersign-deny", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0) {
        int rc = err_set_errno(e, ERR_NOMEM, errno, "no memory for the deny list");
        if (fd >= 0) {
            (void)close(fd);
        }
        return rc;
    }
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED) {
        fill(map, &head, base, items);
        (void)munmap(map, size);
        if (fcntl(fd, F_ADD_SEALS, SEALS) == 0) {
            return fd;
        }
    }
    int rc = err_set_errno(e, ERR_NOMEM, errno, "no memory for the deny list");
    (void)close(fd);
    return rc;
}

struct deny *deny_make(const struct deny *base, const struct deny_items *items,
                       const struct conf_identity *rule, struct deny_origin *origin, struct err *e)
{
    int fd = write_file(base, items, rule, e);
    struct deny *d = fd >= 0 ? deny_open(fd, e) : NULL;
    if (d != NULL) {
        d->fd = fd;
        d->origin = *origin;
        *origin = (struct deny_origin){NULL, 0};
    } else if (fd >= 0) {
        (void)close(fd);
    }
    deny_origin_release(origin);
    return d;
}
