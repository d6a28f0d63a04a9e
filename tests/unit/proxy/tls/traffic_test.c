/* proxy/tls/traffic.c, by RFC 8448 section 3 (a simple 1-RTT handshake) and against records that
 * tests/support/raw_records.h seals; what must not be opened first. */
#include "base/mem.h"
#include "proxy/tls/traffic.h"
#include "tests/support/check.h"
#include "tests/support/library_memory.h"
#include "tests/support/raw_records.h"

static struct traffic_ciphers *ciphers;

/* ---- RFC 8448 section 3 ---- */

struct published {
    const char *says;
    const char *secret; /* {client,server} derive secret "tls13 c/s ap traffic" */
    const char *key;    /* derive write traffic keys for application data */
    const char *nonce;
    uint64_t data_count; /* records before it: a NewSessionTicket of the server's */
    const char *data;    /* send application_data record, of the octets 0 to 49 */
    const char *alert;   /* send alert record, close_notify */
};

static const struct published published[] = {
    {"client", "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5",
     "17422dda596ed5d9acd890e3c63f5051", "5b78923dee08579033e523d9", 0,
     "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a2044"
     "1e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4",
     "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3"},
    {"server", "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643",
     "9f02283b6c9c07efc26bb9f2ac92e356", "cf782b88dd83549aadf1e984", 1,
     "17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb501a"
     "59a8fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d",
     "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9"},
};

static size_t unhex(const char *text, unsigned char *out, size_t max)
{
    size_t n = 0;
    for (; text[2 * n] != '\0'; n++) {
        const char digits[] = {text[2 * n], text[2 * n + 1], '\0'};
        assert_true(n < max);
        out[n] = (unsigned char)strtoul(digits, NULL, 16);
    }
    return n;
}

static void published_side(const struct published *p, struct traffic_side *side)
{
    *side = (struct traffic_side){.suite = TRAFFIC_AES_128_GCM, .count = p->data_count};
    assert_int_equal(unhex(p->secret, side->secret, sizeof(side->secret)), 32);
    assert_int_equal(unhex(p->key, side->key, sizeof(side->key)), 16);
    assert_int_equal(unhex(p->nonce, side->nonce, sizeof(side->nonce)), 12);
}

/* The derivation by which raw_records.h judges ours gives the published keys. */
static void test_published_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(published); i++) {
        struct traffic_side side;
        published_side(&published[i], &side);
        struct raw_side raw = {.suite = TRAFFIC_AES_128_GCM};
        memcpy(raw.secret, side.secret, sizeof(raw.secret));
        raw_derive(&raw);
        CHECK_ROW(published[i].says, memcmp(raw.key, side.key, 16) == 0);
        CHECK_ROW(published[i].says, memcmp(raw.nonce, side.nonce, TRAFFIC_NONCE) == 0);
    }
}

/* Opens or seals what is published at the next count, both at once. */
static void check_published(const struct published *p, struct traffic_side *opener,
                            struct traffic_side *sealer, const char *record, unsigned char type,
                            struct str plain)
{
    unsigned char wanted[128];
    unsigned char got[128];
    size_t n = 0;
    size_t size = unhex(record, wanted, sizeof(wanted));
    CHECK_ROW(p->says, size == plain.n + TRAFFIC_OVERHEAD);
    CHECK_ROW(p->says, traffic_open(ciphers, opener, (struct str){(char *)wanted, size}, got, &n));
    CHECK_ROW(p->says, n == plain.n + 1 && got[plain.n] == type);
    CHECK_ROW(p->says, memcmp(got, plain.p, plain.n) == 0);
    CHECK_ROW(p->says, traffic_seal(ciphers, sealer, type, plain, got));
    CHECK_ROW(p->says, memcmp(got, wanted, size) == 0);
}

static void test_published_records(void **state)
{
    (void)state;
    char octets[50];
    for (size_t i = 0; i < sizeof(octets); i++) {
        octets[i] = (char)i;
    }
    for (size_t i = 0; i < ROWS(published); i++) {
        struct traffic_side opener;
        struct traffic_side sealer;
        published_side(&published[i], &opener);
        published_side(&published[i], &sealer);
        check_published(&published[i], &opener, &sealer, published[i].data, RAW_DATA,
                        (struct str){octets, sizeof(octets)});
        check_published(&published[i], &opener, &sealer, published[i].alert, RAW_ALERT,
                        STR("\1\0"));
        traffic_forget(ciphers, &opener);
        traffic_forget(ciphers, &sealer);
    }
}

/* ---- What is not authentic ---- */

/* A short record, and the side that opens it. */
struct sealed {
    struct traffic_side opener;
    unsigned char record[64];
    size_t size;
};

static struct sealed sealed_hello(enum traffic_suite suite)
{
    struct raw_side client = raw_side_of(suite, 5);
    struct sealed s = {.opener = raw_as_traffic(&client)};
    s.size = raw_seal(&client, STR("hello\27"), s.record);
    return s;
}

/* Whether a copy of the opener opens the first n octets of the record, rightly; of what it does not
 * open it tells nothing. What can be a record by its size is counted. */
static bool opens(const struct sealed *s, size_t n)
{
    unsigned char plain[64];
    struct traffic_side side = s->opener;
    size_t got = 1;
    bool good = traffic_open(ciphers, &side, (struct str){(const char *)s->record, n}, plain, &got);
    assert_int_equal(got, good ? 6 : 0);
    assert_int_equal(side.count, n < TRAFFIC_OVERHEAD ? 0 : 1);
    assert_true(!good || memcmp(plain, "hello\27", 6) == 0);
    traffic_forget(ciphers, &side);
    return good;
}

/* Every bit of every octet of a short record, header and tag too. */
static void test_turned_bits(void **state)
{
    (void)state;
    for (int suite = 0; suite < TRAFFIC_SUITES; suite++) {
        struct sealed s = sealed_hello((enum traffic_suite)suite);
        for (size_t bit = 0; bit < s.size * 8; bit++) {
            s.record[bit / 8] ^= (unsigned char)(1U << bit % 8);
            assert_false(opens(&s, s.size));
            s.record[bit / 8] ^= (unsigned char)(1U << bit % 8);
        }
        assert_true(opens(&s, s.size));
    }
}

/* Each length from none to a whole record, with the header of a whole one. */
static void test_cut(void **state)
{
    (void)state;
    for (int suite = 0; suite < TRAFFIC_SUITES; suite++) {
        const struct sealed s = sealed_hello((enum traffic_suite)suite);
        for (size_t n = 0; n < s.size; n++) {
            assert_false(opens(&s, n));
        }
    }
}

/* What another count, nonce, key or suite has sealed; the next record is refused as well. */
static void test_foreign(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        int suite;
        unsigned char seed;
        uint64_t count;
        unsigned char nonce; /* added to its last octet */
        bool good;
    } rows[] = {
        {"another secret", TRAFFIC_AES_256_GCM, 6, 0, 0, false},
        {"another suite", TRAFFIC_CHACHA20_POLY1305, 5, 0, 0, false},
        {"two further", TRAFFIC_AES_256_GCM, 5, 2, 0, false},
        {"2^32 further", TRAFFIC_AES_256_GCM, 5, (uint64_t)1 << 32, 0, false},
        {"2^63 further", TRAFFIC_AES_256_GCM, 5, (uint64_t)1 << 63, 0, false},
        {"another nonce", TRAFFIC_AES_256_GCM, 5, 0, 4, false},
        {"its own", TRAFFIC_AES_256_GCM, 5, 0, 0, true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        unsigned char record[64];
        unsigned char plain[64];
        size_t n = 0;
        struct raw_side own = raw_side_of(TRAFFIC_AES_256_GCM, 5);
        struct traffic_side side = raw_as_traffic(&own);
        struct raw_side other = raw_side_of((enum traffic_suite)rows[i].suite, rows[i].seed);
        other.count = rows[i].count;
        other.nonce[TRAFFIC_NONCE - 1] ^= rows[i].nonce;
        size_t size = raw_seal(&other, STR("a\27"), record);
        struct str s = {(char *)record, size};
        CHECK_ROW(rows[i].says, traffic_open(ciphers, &side, s, plain, &n) == rows[i].good);
        CHECK_ROW(rows[i].says, !traffic_open(ciphers, &side, s, plain, &n)); /* again */
        traffic_forget(ciphers, &side);
    }
}

/* ---- What both ends agree on ---- */

/* Counts of all sizes, sides in turn by one set of ciphers, over several generations of keys. */
static void test_both_ways(void **state)
{
    (void)state;
    static const uint64_t counts[] = {
        0, 1, 255, 256, UINT32_MAX, (uint64_t)1 << 32, UINT64_MAX >> 8, UINT64_MAX - 3};
    static const size_t sizes[] = {0, 1, 15, 16, 17, 16383, TRAFFIC_PLAIN_MAX};
    static unsigned char record[TRAFFIC_HEADER + TRAFFIC_CIPHER_MAX];
    static unsigned char got[TRAFFIC_CIPHER_MAX];
    static char octets[TRAFFIC_PLAIN_MAX];
    for (size_t i = 0; i < sizeof(octets); i++) {
        octets[i] = (char)(i * 11);
    }
    struct raw_side raws[TRAFFIC_SUITES * 2];
    struct traffic_side sides[TRAFFIC_SUITES * 2]; /* of each suite one opens and one seals */
    for (size_t i = 0; i < ROWS(raws); i++) {
        raws[i] = raw_side_of((enum traffic_suite)(i / 2), (unsigned char)(0x51 + i));
        sides[i] = raw_as_traffic(&raws[i]);
    }
    for (size_t k = 0; k < ROWS(counts) * ROWS(sizes) * ROWS(sides); k++) {
        size_t i = k % ROWS(sides);
        size_t n = sizes[k / ROWS(sides) % ROWS(sizes)];
        unsigned char type = 0;
        raws[i].count = sides[i].count = counts[k / ROWS(sides) / ROWS(sizes)];
        if (i % 2 == 0) {
            assert_true(
                traffic_seal(ciphers, &sides[i], RAW_DATA, (struct str){octets, n}, record));
            assert_true(raw_open(&raws[i], (struct str){(char *)record, n + TRAFFIC_OVERHEAD}, got,
                                 &n, &type));
            assert_int_equal(type, RAW_DATA);
        } else {
            size_t size = raw_seal(&raws[i], (struct str){octets, n}, record);
            /* Of no octets there is not even a type. */
            bool good =
                traffic_open(ciphers, &sides[i], (struct str){(char *)record, size}, got, &n);
            assert_true(good == (size > TRAFFIC_HEADER + TRAFFIC_TAG));
        }
        assert_memory_equal(got, octets, n);
        if (k % 11 == 0) {
            raw_next(&raws[i]);
            assert_true(traffic_next(ciphers, &sides[i]));
            assert_int_equal(sides[i].count, 0);
            assert_memory_equal(sides[i].secret, raws[i].secret, sizeof(sides[i].secret));
            assert_memory_equal(sides[i].key, raws[i].key, sizeof(sides[i].key));
            assert_memory_equal(sides[i].nonce, raws[i].nonce, sizeof(sides[i].nonce));
        }
    }
    for (size_t i = 0; i < ROWS(sides); i++) {
        traffic_forget(ciphers, &sides[i]);
    }
}

/* More sides than keys are kept set up for, in turns of every length, some forgotten on the way:
 * each record opens with the keys of its side, and no others. */
static void test_many_sides(void **state)
{
    (void)state;
    static struct raw_side raws[100];
    static struct traffic_side sides[100];
    for (size_t i = 0; i < ROWS(sides); i++) {
        raws[i] = raw_side_of((enum traffic_suite)(i / 2 % TRAFFIC_SUITES), (unsigned char)(i + 1));
        sides[i] = raw_as_traffic(&raws[i]);
    }
    for (size_t k = 0; k < 3000; k++) {
        size_t i = k * 7 % (1 + k / 30); /* first a few in turn, at last all */
        unsigned char record[64];
        unsigned char got[64];
        unsigned char type = 0;
        size_t n = 0;
        if (i % 2 == 0) {
            assert_true(traffic_seal(ciphers, &sides[i], RAW_DATA, STR("ab"), record));
            assert_true(raw_open(&raws[i], (struct str){(char *)record, 2 + TRAFFIC_OVERHEAD}, got,
                                 &n, &type));
        } else {
            size_t size = raw_seal(&raws[i], (struct str){"ab\x17", 3}, record);
            assert_true(
                traffic_open(ciphers, &sides[i], (struct str){(char *)record, size}, got, &n));
        }
        assert_memory_equal(got, "ab", 2);
        if (k % 17 == 0) {
            traffic_forget(ciphers, &sides[i]);
            raws[i] = raw_side_of(raws[i].suite, (unsigned char)(k + 101));
            sides[i] = raw_as_traffic(&raws[i]);
        }
    }
    for (size_t i = 0; i < ROWS(sides); i++) {
        traffic_forget(ciphers, &sides[i]);
    }
}

/* A side that is forgotten holds nothing, and one at its place does not use its key. */
static void test_forgotten(void **state)
{
    (void)state;
    static const struct traffic_side nothing;
    for (int suite = 0; suite < TRAFFIC_SUITES; suite++) {
        unsigned char record[64];
        unsigned char got[64];
        unsigned char type = 0;
        size_t n = 0;
        struct raw_side first = raw_side_of((enum traffic_suite)suite, 7);
        struct raw_side second = raw_side_of((enum traffic_suite)suite, 8);
        struct traffic_side side = raw_as_traffic(&first);
        assert_true(traffic_seal(ciphers, &side, RAW_DATA, STR("a"), record));
        traffic_forget(ciphers, &side);
        assert_memory_equal(&side, &nothing, sizeof(side));
        side = raw_as_traffic(&second);
        assert_true(traffic_seal(ciphers, &side, RAW_DATA, STR("b"), record));
        assert_true(
            raw_open(&second, (struct str){(char *)record, 1 + TRAFFIC_OVERHEAD}, got, &n, &type));
        assert_true(n == 1 && got[0] == 'b');
        traffic_forget(ciphers, &side);
    }
}

static void test_suites(void **state)
{
    (void)state;
    static const struct {
        unsigned number;
        enum traffic_suite suite;
        size_t secret;
        size_t key;
    } rows[] = {
        {0, TRAFFIC_SUITES, 0, 0},
        {0x1300, TRAFFIC_SUITES, 0, 0},
        {0x1304, TRAFFIC_SUITES, 0, 0}, /* CCM: not offered */
        {0xc02f, TRAFFIC_SUITES, 0, 0},
        {0x11301, TRAFFIC_SUITES, 0, 0},
        {0x1301, TRAFFIC_AES_128_GCM, 32, 16},
        {0x1302, TRAFFIC_AES_256_GCM, 48, 32},
        {0x1303, TRAFFIC_CHACHA20_POLY1305, 32, 32},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_int_equal(traffic_suite_of(rows[i].number), rows[i].suite);
        if (rows[i].suite != TRAFFIC_SUITES) {
            assert_int_equal(traffic_secret_size(rows[i].suite), rows[i].secret);
            assert_int_equal(traffic_key_size(rows[i].suite), rows[i].key);
        }
    }
}

static void test_without_memory(void **state)
{
    (void)state;
    mem_fail_after(1, false);
    assert_null(traffic_ciphers_new(NULL));
    mem_fail_after(0, false);
    traffic_ciphers_free(NULL);
}

/* A side's next record, OpenSSL having no memory from then on: it is right or it fails,
 * and the number of one that failed is not used again. */
static bool record_without_memory(struct traffic_ciphers *c, struct raw_side *raw,
                                  struct traffic_side *side)
{
    unsigned char record[64];
    unsigned char got[64];
    unsigned char type = 0;
    size_t n = 0;
    uint64_t before = side->count;
    library_memory_fails = true;
    mem_fail_after(1, true);
    bool sealed = traffic_seal(c, side, RAW_DATA, STR("ab"), record);
    mem_fail_after(0, false);
    library_memory_fails = false;
    assert_int_equal(side->count, before + 1);
    raw->count = before;
    if (sealed) {
        assert_true(
            raw_open(raw, (struct str){(char *)record, 2 + TRAFFIC_OVERHEAD}, got, &n, &type));
        assert_memory_equal(got, "ab", 2);
    }
    return sealed;
}

/* Contexts that cannot be made any more: sides take turns with those that there are. */
static void test_starved(void **state)
{
    (void)state;
    enum { SIDES = 40 };
    for (size_t made = 0; made < SIDES; made += 13) {
        struct traffic_ciphers *c = traffic_ciphers_new(NULL);
        struct raw_side raws[SIDES];
        struct traffic_side sides[SIDES];
        assert_non_null(c);
        for (size_t i = 0; i < SIDES; i++) {
            raws[i] = raw_side_of(TRAFFIC_AES_128_GCM, (unsigned char)(i + 1));
            sides[i] = raw_as_traffic(&raws[i]);
        }
        for (size_t i = 0; i < made; i++) {
            unsigned char record[64];
            assert_true(traffic_seal(c, &sides[i], RAW_DATA, STR("ab"), record));
        }
        for (size_t k = 0; k < 200; k++) {
            size_t i = k * 7 % SIDES;
            assert_true(record_without_memory(c, &raws[i], &sides[i]));
            if (k % 11 == 0) {
                traffic_forget(c, &sides[i]);
                raws[i] = raw_side_of(TRAFFIC_AES_128_GCM, (unsigned char)(k + 41));
                sides[i] = raw_as_traffic(&raws[i]);
            }
        }
        for (size_t i = 0; i < SIDES; i++) {
            traffic_forget(c, &sides[i]);
        }
        traffic_ciphers_free(c);
    }
}

static int set_up(void **state)
{
    (void)state;
    ciphers = traffic_ciphers_new(NULL);
    return ciphers != NULL ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    traffic_ciphers_free(ciphers);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turned_bits),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_published_keys),
        cmocka_unit_test(test_published_records),
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_many_sides),
        cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_suites),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_starved),
    };
    if (!library_memory_openssl()) {
        return 1;
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
