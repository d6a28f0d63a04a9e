/* Owns: the memory of kept sessions, and the numbers that they are found by. Leaves who may have
 * one to resume.c. Master (mapping), workers (all else).
 *
 * A number is random but for its first octets, which say where its session stands; those are hidden
 * by a keyed digest of the others, so that a number says nothing about how many there are. A place
 * is found by them and the whole number is compared: one that was overwritten since is not found.
 */
#include "proxy/tls/session_store.h"

#include <stdatomic.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "base/enc.h"
#include "base/mem.h"
#include "base/shm.h"

#define RINGS_MAX  1024 /* workers */
#define PLACES_MAX 10000000
#define PLACE      6 /* octets of a number that say where: 2 of the ring, 4 of the place in it */
#define SECRET     32
#define SLOT       (12 + SESSION_STORE_ID + SESSION_STORE_OCTETS)
#define DER_BEGIN  0x30 /* of OpenSSL's sessions: a SEQUENCE */

enum { SWEEP_ON_MS = 10, SWEEP_MS = 1000, SWEEP_MAX_MS = 60000 };

/* Odd while it is written: then, and if it changes while it is read, nothing is found. It stays so
 * if its worker dies meanwhile, until the one that has the ring after it comes round to it. */
struct slot {
    _Atomic uint32_t turn;
    uint32_t n;       /* octets of form; 0: empty */
    uint32_t until_s; /* monotonic clock; for its worker, and the one that comes after it */
    unsigned char id[SESSION_STORE_ID];
    unsigned char form[SESSION_STORE_OCTETS];
};

_Static_assert(sizeof(struct slot) == SLOT, "slots lie side by side");

struct session_region {
    size_t size; /* of the mapping */
    uint32_t rings;
    uint32_t places; /* of each ring */
    unsigned char secret[SECRET];
    _Atomic uint32_t next[RINGS_MAX]; /* by ring; written by its worker only */
    _Atomic uint32_t used[RINGS_MAX]; /* the same: beyond, no place was ever written to */
    struct slot slots[];
};

/* What this worker has put in at a place. */
struct own {
    SSL_SESSION *object; /* owned; NULL: it stands in its slot only, if anything is kept */
    uint32_t until_s;    /* 0: nothing is kept */
};

struct session_store {
    struct session_region *region; /* borrowed */
    uint32_t ring;
    size_t count;
    struct own *own;                        /* owned, by place */
    uint32_t newest[SESSION_STORE_OBJECTS]; /* places whose objects were made last */
    size_t made;                            /* so many objects: the next one's index, wrapping */
    uint32_t swept;                         /* places of this round that were looked at */
    uint32_t first_s;                       /* of those, when the first is over; 0: none is left */
};

struct session_region *session_region_new(size_t places, unsigned writers)
{
    if (places == 0 || places > PLACES_MAX || writers == 0 || writers > RINGS_MAX) {
        return NULL;
    }
    size_t size = sizeof(struct session_region) + places * writers * sizeof(struct slot);
    struct session_region *r = shm_map(size);
    if (r == NULL) {
        return NULL;
    }
    r->size = size;
    r->rings = writers;
    r->places = (uint32_t)places;
    if (RAND_bytes(r->secret, sizeof(r->secret)) != 1) {
        ERR_clear_error();
        session_region_free(r);
        return NULL;
    }
    return r;
}

void session_region_free(struct session_region *r)
{
    if (r != NULL) {
        shm_unmap(r, r->size);
    }
}

static struct slot *slot_at(struct session_region *r, uint32_t ring, uint32_t place)
{
    return &r->slots[(size_t)ring * r->places + place];
}

static void begin_writing(struct slot *at)
{
    uint32_t turn = atomic_load_explicit(&at->turn, memory_order_relaxed);
    atomic_store_explicit(&at->turn, turn | 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
}

static void end_writing(struct slot *at)
{
    uint32_t turn = atomic_load_explicit(&at->turn, memory_order_relaxed);
    atomic_store_explicit(&at->turn, (turn | 1) + 1, memory_order_release);
}

static void clear(struct slot *at)
{
    begin_writing(at);
    at->n = 0;
    at->until_s = 0;
    mem_wipe(at->id, sizeof(at->id));
    mem_wipe(at->form, sizeof(at->form));
    end_writing(at);
}

/* Whoever had the ring before may have died over a place: that one is wiped with the first sweep.
 */
static void take_over(struct session_store *s)
{
    uint32_t used = atomic_load_explicit(&s->region->used[s->ring], memory_order_acquire);
    for (uint32_t i = 0; i < used; i++) {
        const struct slot *at = slot_at(s->region, s->ring, i);
        bool whole = (atomic_load_explicit(&at->turn, memory_order_acquire) & 1) == 0;
        s->own[i].until_s = whole ? at->until_s : 1;
        s->count += s->own[i].until_s != 0 ? 1 : 0;
    }
}

struct session_store *session_store_open(struct session_region *r, unsigned writer)
{
    if (writer >= r->rings) {
        return NULL;
    }
    struct session_store *s = mem_calloc(1, sizeof(*s));
    if (s == NULL) {
        return NULL;
    }
    s->region = r;
    s->ring = writer;
    s->own = mem_calloc(r->places, sizeof(*s->own));
    if (s->own == NULL) {
        session_store_close(s);
        return NULL;
    }
    take_over(s);
    return s;
}

static void drop_object(struct own *o)
{
    SSL_SESSION_free(o->object);
    o->object = NULL;
}

void session_store_close(struct session_store *s)
{
    if (s == NULL) {
        return;
    }
    for (uint32_t i = 0; s->own != NULL && i < s->region->places; i++) {
        drop_object(&s->own[i]);
    }
    mem_free(s->own);
    mem_free(s);
}

/* Hides or shows the place in a number: what it is hidden by depends on the other octets. */
static bool mask(const struct session_region *r, const unsigned char id[SESSION_STORE_ID],
                 unsigned char place[PLACE])
{
    unsigned char text[SECRET + SESSION_STORE_ID - PLACE];
    unsigned char digest[32];
    memcpy(text, r->secret, SECRET);
    memcpy(text + SECRET, id + PLACE, SESSION_STORE_ID - PLACE);
    bool good = enc_sha256((struct str){(const char *)text, sizeof(text)}, digest) == 0;
    for (size_t i = 0; i < PLACE && good; i++) {
        place[i] = id[i] ^ digest[i];
    }
    mem_wipe(text, sizeof(text));
    return good;
}

bool session_store_id(struct session_store *s, unsigned char id[SESSION_STORE_ID])
{
    struct session_region *r = s->region;
    uint32_t place = atomic_load_explicit(&r->next[s->ring], memory_order_relaxed) % r->places;
    if (RAND_bytes(id + PLACE, SESSION_STORE_ID - PLACE) != 1) {
        return false;
    }
    for (size_t i = 0; i < PLACE; i++) {
        id[i] = (unsigned char)(i < 2 ? s->ring >> (8 * (1 - i)) : place >> (8 * (5 - i)));
    }
    unsigned char hidden[PLACE];
    if (!mask(r, id, hidden)) {
        return false;
    }
    memcpy(id, hidden, PLACE);
    atomic_store_explicit(&r->next[s->ring], (place + 1) % r->places, memory_order_relaxed);
    return true;
}

/* False for a number that cannot be ours. */
static bool locate(const struct session_region *r, const unsigned char *id, uint32_t *ring,
                   uint32_t *place)
{
    unsigned char shown[PLACE];
    if (!mask(r, id, shown)) {
        return false;
    }
    *ring = (uint32_t)shown[0] << 8 | shown[1];
    *place =
        (uint32_t)shown[2] << 24 | (uint32_t)shown[3] << 16 | (uint32_t)shown[4] << 8 | shown[5];
    return *ring < r->rings && *place < r->places;
}

static void fill(struct slot *at, const unsigned char *id, struct str octets, uint32_t until_s)
{
    begin_writing(at);
    memcpy(at->form, octets.p, octets.n);
    at->n = (uint32_t)octets.n;
    at->until_s = until_s;
    memcpy(at->id, id, SESSION_STORE_ID);
    end_writing(at);
}

/* Empty octets are none; too long ones leave the slot empty, too. */
static bool write_slot(struct slot *at, const unsigned char *id, struct str octets,
                       uint32_t until_s)
{
    bool fits = octets.n > 0 && octets.n <= sizeof(at->form);
    clear(at);
    if (fits) {
        fill(at, id, octets, until_s);
    }
    return fits;
}

/* The newest are objects, too: a copy, as OpenSSL spoils that of a connection that ends without
 * close_notify. Without memory the slot will do. */
static void keep_object(struct session_store *s, uint32_t place, SSL_SESSION *session)
{
    SSL_SESSION *copy = SSL_SESSION_dup(session);
    if (copy == NULL) {
        ERR_clear_error();
        return;
    }
    size_t i = s->made++ % SESSION_STORE_OBJECTS;
    if (s->made > SESSION_STORE_OBJECTS) {
        drop_object(&s->own[s->newest[i]]);
    }
    s->newest[i] = place;
    s->own[place].object = copy;
}

/* What stands at a place goes; the number of those that are kept follows. */
static void forget(struct session_store *s, uint32_t place)
{
    struct own *o = &s->own[place];
    drop_object(o);
    s->count -= o->until_s != 0 ? 1 : 0;
    o->until_s = 0;
}

/* Puts octets at the place of id, if that is of this worker: then *place says where. */
static bool put(struct session_store *s, const unsigned char *id, struct str octets,
                uint64_t until_ms, uint32_t *place)
{
    uint32_t ring = 0;
    uint32_t until_s = (uint32_t)(until_ms / 1000) + 1;
    if (!locate(s->region, id, &ring, place) || ring != s->ring) {
        return false;
    }
    forget(s, *place);
    if (atomic_load_explicit(&s->region->used[ring], memory_order_relaxed) <= *place) {
        atomic_store_explicit(&s->region->used[ring], *place + 1, memory_order_release);
    }
    if (!write_slot(slot_at(s->region, ring, *place), id, octets, until_s)) {
        return false;
    }
    s->own[*place].until_s = until_s;
    s->count++;
    return true;
}

bool session_store_put(struct session_store *s, SSL_SESSION *session, bool small, uint64_t until_ms)
{
    unsigned id_n = 0;
    uint32_t place = 0;
    unsigned char der[SESSION_STORE_OCTETS];
    unsigned char *p = der;
    const unsigned char *id = SSL_SESSION_get_id(session, &id_n);
    int n = i2d_SSL_SESSION(session, NULL);
    bool fits = n > 0 && (size_t)n <= sizeof(der) && i2d_SSL_SESSION(session, &p) == n;
    const struct str octets = {(const char *)der, fits ? (size_t)n : 0};
    bool kept = id_n == SESSION_STORE_ID && put(s, id, octets, until_ms, &place);
    mem_wipe(der, sizeof(der));
    if (kept && small) {
        keep_object(s, place, session);
    }
    return kept;
}

bool session_store_put_octets(struct session_store *s, const unsigned char id[SESSION_STORE_ID],
                              struct str octets, uint64_t until_ms)
{
    uint32_t place = 0;
    return octets.n > 0 && octets.p[0] != DER_BEGIN && put(s, id, octets, until_ms, &place);
}

static void sweep_place(struct session_store *s, uint32_t place, uint64_t now_s)
{
    uint32_t until_s = s->own[place].until_s;
    if (until_s == 0) {
        return;
    }
    if (until_s <= now_s) {
        forget(s, place);
        clear(slot_at(s->region, s->ring, place));
    } else if (s->first_s == 0 || until_s < s->first_s) {
        s->first_s = until_s;
    }
}

uint64_t session_store_sweep(struct session_store *s, uint64_t mono_ms)
{
    uint32_t used = atomic_load_explicit(&s->region->used[s->ring], memory_order_relaxed);
    for (int i = 0; i < SESSION_STORE_SWEPT && s->swept < used; i++) {
        sweep_place(s, s->swept++, mono_ms / 1000);
    }
    if (s->swept < used) {
        return SWEEP_ON_MS;
    }
    uint64_t first_ms = (uint64_t)s->first_s * 1000;
    s->swept = 0;
    s->first_s = 0;
    if (s->count == 0) {
        return 0;
    }
    uint64_t left_ms = first_ms > mono_ms + SWEEP_MS ? first_ms - mono_ms : SWEEP_MS;
    return left_ms < SWEEP_MAX_MS ? left_ms : SWEEP_MAX_MS;
}

static bool has_id(const SSL_SESSION *session, const unsigned char *id)
{
    unsigned n = 0;
    const unsigned char *own = SSL_SESSION_get_id(session, &n);
    return n == SESSION_STORE_ID && mem_equal_secret(own, id, SESSION_STORE_ID);
}

/* What stands in a slot under id, whoever wrote it, taken whole or not at all: how many octets. */
static size_t read_slot(struct slot *at, const unsigned char *id,
                        unsigned char out[SESSION_STORE_OCTETS])
{
    unsigned char found[SESSION_STORE_ID];
    uint32_t before = atomic_load_explicit(&at->turn, memory_order_acquire);
    memcpy(found, at->id, sizeof(found));
    size_t n = at->n;
    bool fits = n > 0 && n <= sizeof(at->form);
    if (fits) {
        memcpy(out, at->form, n);
    }
    atomic_thread_fence(memory_order_acquire);
    bool whole =
        (before & 1) == 0 && atomic_load_explicit(&at->turn, memory_order_relaxed) == before;
    if (fits && whole && mem_equal_secret(found, id, SESSION_STORE_ID)) {
        return n;
    }
    mem_wipe(out, fits ? n : 0);
    return 0;
}

static SSL_SESSION *decode_slot(struct slot *at, const unsigned char *id)
{
    unsigned char der[SESSION_STORE_OCTETS];
    const unsigned char *p = der;
    size_t n = read_slot(at, id, der);
    SSL_SESSION *session = n > 0 ? d2i_SSL_SESSION(NULL, &p, (long)n) : NULL;
    mem_wipe(der, n);
    ERR_clear_error();
    return session;
}

size_t session_store_get_octets(struct session_store *s, const unsigned char *id, size_t n,
                                unsigned char out[SESSION_STORE_OCTETS])
{
    uint32_t ring = 0;
    uint32_t place = 0;
    return n == SESSION_STORE_ID && locate(s->region, id, &ring, &place)
               ? read_slot(slot_at(s->region, ring, place), id, out)
               : 0;
}

SSL_SESSION *session_store_get(struct session_store *s, const unsigned char *id, size_t n)
{
    uint32_t ring = 0;
    uint32_t place = 0;
    if (n != SESSION_STORE_ID || !locate(s->region, id, &ring, &place)) {
        return NULL;
    }
    SSL_SESSION *object = ring == s->ring ? s->own[place].object : NULL;
    if (object == NULL) {
        return decode_slot(slot_at(s->region, ring, place), id);
    }
    if (!has_id(object, id)) {
        return NULL;
    }
    if (SSL_SESSION_get_protocol_version(object) != TLS1_3_VERSION) {
        /* Its id will come again, and OpenSSL spoils what a connection has used. */
        SSL_SESSION *copy = SSL_SESSION_dup(object);
        ERR_clear_error();
        return copy;
    }
    return SSL_SESSION_up_ref(object) == 1 ? object : NULL;
}

size_t session_store_count(const struct session_store *s)
{
    return s->count;
}
