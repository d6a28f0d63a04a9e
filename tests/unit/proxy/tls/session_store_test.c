/* proxy/tls/session_store.c: numbers that lead to nothing, first. */
#include <string.h>

#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "base/mem.h"
#include "proxy/tls/session_store.h"
#include "tests/support/check.h"

#define PLACES 4
#define ROOM   64

#define FOR_EVER UINT32_MAX

/* Sessions have no certificate here: what is in them is none of the store's business. */
static const unsigned char key[48] = "what is to be wiped in time, 48 octets of secret";
static SSL_CTX *context;

static SSL_SESSION *session_with(int version, const unsigned char *id)
{
    static const unsigned char suites[][2] = {{0xc0, 0x2b}, {0x13, 0x01}};
    SSL_SESSION *x = SSL_SESSION_new();
    SSL *ssl = SSL_new(context);
    const SSL_CIPHER *suite = SSL_CIPHER_find(ssl, suites[version == TLS1_3_VERSION]);
    assert_non_null(suite);
    assert_int_equal(SSL_SESSION_set_cipher(x, suite), 1);
    assert_int_equal(SSL_SESSION_set_protocol_version(x, version), 1);
    assert_int_equal(SSL_SESSION_set1_master_key(x, key, version == TLS1_3_VERSION ? 32 : 48), 1);
    assert_int_equal(SSL_SESSION_set1_id(x, id, SESSION_STORE_ID), 1);
    SSL_free(ssl);
    return x;
}

static SSL_SESSION *session_of(const unsigned char *id)
{
    return session_with(TLS1_3_VERSION, id);
}

/* Two workers and what they share. */
struct workers {
    struct session_region *region;
    struct session_store *one;
    struct session_store *other;
};

static struct workers workers(void)
{
    struct workers w = {.region = session_region_new(PLACES, 2)};
    w.one = session_store_open(w.region, 0);
    w.other = session_store_open(w.region, 1);
    assert_true(w.one != NULL && w.other != NULL);
    return w;
}

static void workers_end(const struct workers *w)
{
    session_store_close(w->other);
    session_store_close(w->one);
    session_region_free(w->region);
}

static void put_until(struct session_store *s, unsigned char id[SESSION_STORE_ID],
                      uint64_t until_ms)
{
    assert_true(session_store_id(s, id));
    SSL_SESSION *x = session_of(id);
    assert_true(session_store_put(s, x, true, until_ms));
    SSL_SESSION_free(x);
}

static void put_new(struct session_store *s, unsigned char id[SESSION_STORE_ID])
{
    put_until(s, id, FOR_EVER);
}

static bool knows(struct session_store *s, const unsigned char *id)
{
    unsigned n = 0;
    SSL_SESSION *x = session_store_get(s, id, SESSION_STORE_ID);
    bool known = x != NULL;
    if (known) {
        assert_memory_equal(SSL_SESSION_get_id(x, &n), id, SESSION_STORE_ID);
        assert_int_equal(n, SESSION_STORE_ID);
    }
    SSL_SESSION_free(x);
    return known;
}

static void test_bounds(void **state)
{
    (void)state;
    assert_null(session_region_new(0, 1));
    assert_null(session_region_new(1, 0));
    assert_null(session_region_new(1, 1025));
    assert_null(session_region_new(SIZE_MAX, 1));
    struct session_region *r = session_region_new(1, 2);
    assert_null(session_store_open(r, 2));
    session_store_close(NULL);
    session_region_free(r);
    session_region_free(NULL);
}

static void test_unknown_numbers(void **state)
{
    (void)state;
    const struct workers w = workers();
    unsigned char id[SESSION_STORE_ID];
    unsigned char reserved[SESSION_STORE_ID];
    put_new(w.one, id);
    assert_true(session_store_id(w.one, reserved));
    struct session_store *both[] = {w.one, w.other};
    for (size_t i = 0; i < ROWS(both); i++) {
        assert_true(knows(both[i], id));
        assert_false(knows(both[i], reserved)); /* no session was put there */
        for (size_t at = 0; at < SESSION_STORE_ID; at++) {
            for (unsigned bit = 1; bit < 256; bit *= 2) {
                id[at] = (unsigned char)(id[at] ^ bit);
                assert_false(knows(both[i], id));
                id[at] = (unsigned char)(id[at] ^ bit);
            }
        }
        for (size_t n = 0; n < SESSION_STORE_ID; n++) {
            assert_null(session_store_get(both[i], id, n));
        }
        for (int k = 0; k < 2000; k++) {
            unsigned char any[SESSION_STORE_ID];
            assert_int_equal(RAND_bytes(any, sizeof(any)), 1);
            assert_false(knows(both[i], any));
        }
    }
    workers_end(&w);
}

static void test_not_its_own(void **state)
{
    (void)state;
    const struct workers w = workers();
    unsigned char id[SESSION_STORE_ID];
    assert_true(session_store_id(w.other, id));
    SSL_SESSION *x = session_of(id);
    assert_false(session_store_put(w.one, x, true, FOR_EVER)); /* another's number */
    assert_false(knows(w.one, id));
    assert_true(session_store_put(w.other, x, true, FOR_EVER));
    assert_true(knows(w.one, id));
    SSL_SESSION_free(x);
    unsigned char any[SESSION_STORE_ID] = {1};
    x = session_of(any);
    assert_false(session_store_put(w.one, x, true, FOR_EVER)); /* nobody's */
    SSL_SESSION_free(x);
    workers_end(&w);
}

static void test_full(void **state)
{
    (void)state;
    const struct workers w = workers();
    unsigned char ids[3 * PLACES][SESSION_STORE_ID];
    unsigned char elsewhere[SESSION_STORE_ID];
    put_new(w.other, elsewhere);
    for (size_t i = 0; i < ROWS(ids); i++) {
        put_new(w.one, ids[i]);
        assert_true(session_store_count(w.one) <= PLACES);
    }
    for (size_t i = 0; i < ROWS(ids); i++) {
        bool kept = i >= ROWS(ids) - PLACES; /* the oldest went */
        assert_int_equal(knows(w.one, ids[i]), kept);
        assert_int_equal(knows(w.other, ids[i]), kept);
    }
    assert_true(knows(w.one, elsewhere)); /* one ring does not push out of the other */
    workers_end(&w);
}

/* A worker that dies leaves its sessions to the others, and to the one that comes after it. */
static void test_next_worker(void **state)
{
    (void)state;
    struct session_region *r = session_region_new(PLACES, 2);
    struct session_store *s = session_store_open(r, 0);
    unsigned char ids[2 * PLACES][SESSION_STORE_ID];
    for (size_t i = 0; i < PLACES; i++) {
        put_new(s, ids[i]);
    }
    session_store_close(s);
    s = session_store_open(r, 0);
    assert_int_equal(session_store_count(s), PLACES);
    for (size_t i = 0; i < PLACES; i++) {
        assert_true(knows(s, ids[i]));
    }
    put_new(s, ids[PLACES]);
    assert_false(knows(s, ids[0])); /* it goes on where the other was */
    assert_true(knows(s, ids[1]) && knows(s, ids[PLACES]));
    session_store_close(s);
    session_region_free(r);
}

/* What does not fit into its slot is not kept, and neither is what was at its place before. */
static void test_large(void **state)
{
    (void)state;
    static unsigned char note[4096];
    struct session_region *r = session_region_new(1, 1);
    struct session_store *s = session_store_open(r, 0);
    unsigned char before[SESSION_STORE_ID];
    unsigned char id[SESSION_STORE_ID];
    put_new(s, before);
    assert_true(session_store_id(s, id));
    SSL_SESSION *x = session_of(id);
    assert_int_equal(SSL_SESSION_set1_ticket_appdata(x, note, sizeof(note)), 1);
    assert_false(session_store_put(s, x, true, FOR_EVER));
    SSL_SESSION_free(x);
    assert_false(knows(s, id) || knows(s, before));
    assert_int_equal(session_store_count(s), 0);
    session_store_close(s);
    session_region_free(r);
}

/* True if s has it as an object: that of TLS 1.3 is given out itself, one in a slot is read anew.
 */
static bool is_object(struct session_store *s, const unsigned char *id)
{
    SSL_SESSION *one = session_store_get(s, id, SESSION_STORE_ID);
    SSL_SESSION *same = session_store_get(s, id, SESSION_STORE_ID);
    assert_true(one != NULL && same != NULL);
    bool is = one == same;
    SSL_SESSION_free(one);
    SSL_SESSION_free(same);
    return is;
}

/* Only the newest are objects, the others come back from their slots; what is not small never is.
 */
static void test_older_ones(void **state)
{
    (void)state;
    enum { MANY = SESSION_STORE_OBJECTS + 8 };
    static unsigned char ids[MANY][SESSION_STORE_ID];
    struct session_region *r = session_region_new(MANY, 1);
    struct session_store *s = session_store_open(r, 0);
    for (size_t i = 0; i < MANY; i++) {
        put_new(s, ids[i]);
        assert_int_equal(session_store_count(s), i + 1);
        assert_true(is_object(s, ids[i]));
    }
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(is_object(s, ids[i]), i >= MANY - SESSION_STORE_OBJECTS);
    }
    assert_true(session_store_id(s, ids[0])); /* where the oldest was */
    SSL_SESSION *x = session_of(ids[0]);
    assert_true(session_store_put(s, x, false, FOR_EVER));
    SSL_SESSION_free(x);
    assert_false(is_object(s, ids[0]));
    assert_int_equal(session_store_count(s), MANY);
    session_store_close(s);
    session_region_free(r);
}

/* Most numbers may come to nothing, as those of handshakes of TLS 1.2 that nobody finished:
 * nobody's session goes for them, and no more than the newest are objects. */
static void test_numbers_without_sessions(void **state)
{
    (void)state;
    enum { UNUSED = 3, MANY = SESSION_STORE_OBJECTS + 8 };
    static unsigned char ids[MANY][SESSION_STORE_ID];
    unsigned char unused[SESSION_STORE_ID];
    struct session_region *r = session_region_new((UNUSED + 1) * MANY, 1);
    struct session_store *s = session_store_open(r, 0);
    for (size_t i = 0; i < MANY; i++) {
        for (size_t k = 0; k < UNUSED; k++) {
            assert_true(session_store_id(s, unused));
        }
        put_new(s, ids[i]);
    }
    for (size_t k = 0; k < (UNUSED + 1) * MANY; k++) {
        assert_true(session_store_id(s, unused)); /* once around */
    }
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(is_object(s, ids[i]), i >= MANY - SESSION_STORE_OBJECTS);
    }
    session_store_close(s);
    session_region_free(r);
}

/* An id of TLS 1.2 comes again: its session stays when it was used and is old, and each connection
 * gets a copy, which OpenSSL may spoil. */
static void test_ids(void **state)
{
    (void)state;
    struct session_region *r = session_region_new(SESSION_STORE_OBJECTS + 8, 1);
    struct session_store *s = session_store_open(r, 0);
    unsigned char id[SESSION_STORE_ID];
    assert_true(session_store_id(s, id));
    SSL_SESSION *x = session_with(TLS1_2_VERSION, id);
    assert_true(session_store_put(s, x, true, FOR_EVER));
    SSL_SESSION_free(x);
    SSL_SESSION *first = session_store_get(s, id, sizeof(id));
    SSL_SESSION *second = session_store_get(s, id, sizeof(id));
    assert_true(first != NULL && second != NULL && first != second);
    (void)SSL_CTX_remove_session(context, first);
    assert_int_equal(SSL_SESSION_is_resumable(first), 0);
    assert_int_equal(SSL_SESSION_is_resumable(second), 1);
    SSL_SESSION_free(first);
    SSL_SESSION_free(second);
    for (size_t i = 0; i < SESSION_STORE_OBJECTS + 4; i++) {
        unsigned char other[SESSION_STORE_ID];
        put_new(s, other);
    }
    for (int i = 0; i < 3; i++) {
        assert_true(knows(s, id));
    }
    session_store_close(s);
    session_region_free(r);
}

/* How often octets stand in the places of r, of which there are many more than are used. */
static size_t places_with(const struct session_region *r, const void *octets, size_t n)
{
    const char *at = (const char *)r;
    const char *end = at + (size_t)ROOM * 2048;
    size_t found = 0;
    while ((at = memmem(at, (size_t)(end - at), octets, n)) != NULL) {
        found++;
        at++;
    }
    return found;
}

/* Each step at a time: what is wiped then, and when the next one is due. */
static void test_over(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        uint64_t at_ms;
        uint64_t again_ms;
        size_t left;
    } rows[] = {
        {"nobody's is over", 1000, 5000, 3},
        {"the second is rounded up", 5999, 1000, 3},
        {"one is over", 6000, 3000, 2},
        {"nothing new", 8999, 1000, 2},
        {"another, and the last is far", 9000, 60000, 1},
        {"again within a minute", 69000, 60000, 1},
        {"before the end", 3600000, 1000, 1},
        {"all", 3601000, 0, 0},
        {"and nothing more", 9999999, 0, 0},
    };
    static const uint64_t ends[] = {8000, 3600000, 5000};
    unsigned char ids[ROWS(ends)][SESSION_STORE_ID];
    struct session_region *r = session_region_new(ROOM, 2);
    struct session_store *s = session_store_open(r, 0);
    struct session_store *other = session_store_open(r, 1);
    assert_int_equal(session_store_sweep(s, 0), 0);
    for (size_t i = 0; i < ROWS(ends); i++) {
        put_until(s, ids[i], ends[i]);
    }
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_int_equal(session_store_sweep(other, rows[i].at_ms), 0); /* it has none */
        CHECK_ROW(rows[i].says, session_store_sweep(s, rows[i].at_ms) == rows[i].again_ms);
        CHECK_ROW(rows[i].says, session_store_count(s) == rows[i].left);
        CHECK_ROW(rows[i].says, places_with(r, key, 32) == rows[i].left);
        for (size_t k = 0; k < ROWS(ends); k++) {
            bool kept = ends[k] / 1000 + 1 > rows[i].at_ms / 1000;
            CHECK_ROW(rows[i].says, knows(s, ids[k]) == kept && knows(other, ids[k]) == kept);
        }
    }
    session_store_close(s);
    session_store_close(other);
    session_region_free(r);
}

/* A worker that ends, and one that came to its end over a place, leave theirs to the next. */
static void test_over_of_the_one_before(void **state)
{
    (void)state;
    unsigned char first[SESSION_STORE_ID];
    unsigned char second[SESSION_STORE_ID];
    struct session_region *r = session_region_new(ROOM, 1);
    struct session_store *s = session_store_open(r, 0);
    put_until(s, first, 5000);
    put_until(s, second, 8000);
    session_store_close(s);
    s = session_store_open(r, 0);
    assert_int_equal(session_store_sweep(s, 6000), 3000);
    assert_true(!knows(s, first) && knows(s, second));
    session_store_close(s);
    s = session_store_open(r, 0);
    assert_int_equal(session_store_count(s), 1);
    assert_int_equal(session_store_sweep(s, 9000), 0);
    assert_int_equal(places_with(r, key, 32), 0);
    session_store_close(s);
    session_region_free(r);
}

/* A few at a time; what comes behind the sweep's back goes with the next round. */
static void test_over_in_rounds(void **state)
{
    (void)state;
    enum { MANY = 2 * SESSION_STORE_SWEPT + 10 };
    unsigned char id[SESSION_STORE_ID];
    struct session_region *r = session_region_new(MANY, 1);
    struct session_store *s = session_store_open(r, 0);
    for (size_t i = 0; i < MANY; i++) {
        put_until(s, id, i % 2 == 0 ? 1000 : 90000);
    }
    assert_int_equal(session_store_sweep(s, 2000), 10);
    assert_int_equal(session_store_count(s), MANY - SESSION_STORE_SWEPT / 2);
    put_until(s, id, 1000);
    assert_int_equal(session_store_sweep(s, 2000), 10);
    assert_int_equal(session_store_sweep(s, 2000), 60000);
    assert_int_equal(session_store_count(s), MANY / 2 + 1);
    assert_int_equal(session_store_sweep(s, 62000), 10);
    assert_int_equal(session_store_count(s), MANY / 2);
    assert_int_equal(session_store_sweep(s, 62000), 10);
    assert_int_equal(session_store_sweep(s, 62000), 29000);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(session_store_sweep(s, 91000), 10);
    }
    assert_int_equal(session_store_sweep(s, 91000), 0);
    assert_int_equal(session_store_count(s), 0);
    session_store_close(s);
    session_region_free(r);
}

static void test_memory(void **state)
{
    (void)state;
    struct session_region *r = session_region_new(PLACES, 1);
    for (unsigned long n = 1; n <= 2; n++) {
        mem_fail_after(n, false);
        assert_null(session_store_open(r, 0));
    }
    mem_fail_after(0, false);
    session_region_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_unknown_numbers),
        cmocka_unit_test(test_not_its_own),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_next_worker),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_older_ones),
        cmocka_unit_test(test_numbers_without_sessions),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_over),
        cmocka_unit_test(test_over_of_the_one_before),
        cmocka_unit_test(test_over_in_rounds),
    };
    context = SSL_CTX_new(TLS_server_method());
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    SSL_CTX_free(context);
    return failed;
}
