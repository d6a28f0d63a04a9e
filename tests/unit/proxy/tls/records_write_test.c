/* proxy/tls/records.c: what is written, and that no nonce is ever used twice. */
#include "tests/unit/proxy/tls/records_lab.h"

/* Records that one key may protect (RFC 8446 5.5). */
#define COUNT_MAX ((uint64_t)1 << 24)

enum { FULL = TRAFFIC_PLAIN_MAX, BIG = 3 * TRAFFIC_PLAIN_MAX + 5 };

static char filling[BIG];

/* Nothing may be written once the end was told, whoever told it; and the end only once. */
static void test_end(void **state)
{
    (void)state;
    for (int suite = 0; suite < TRAFFIC_SUITES; suite++) {
        struct wire w;
        struct answer a;
        wire_open(&w, (enum traffic_suite)suite);
        records_shutdown(w.r, &w.ends);
        records_shutdown(w.r, &w.ends);
        /* What comes is still read: the client may have more to say. */
        wire_say(&w, RAW_DATA, STR("more"), 0);
        wire_feed_all(&w);
        assert_int_equal(w.result, TLS_WANT);
        assert_true(str_eq(buf_str(&w.got), STR("more")));
        /* What asks for an answer gets none, and what is wrong no alert. */
        wire_update(&w, true);
        wire_say(&w, 99, STR("x"), 0);
        wire_feed_all(&w);
        assert_int_equal(w.result, TLS_FAILED);
        assert_int_equal(records_write(w.r, &w.ends, STR("x"), &w.fault), TLS_FAILED);
        records_shutdown(w.r, &w.ends);
        wire_hear(&w, &a);
        assert_int_equal(a.records, 1);
        assert_int_equal(a.level, 1);
        assert_int_equal(a.alert, 0);
        buf_release(&a.data);
        wire_close(&w);
    }
}

/* close_notify of the client does not end what we have to say. */
static void test_half_closed(void **state)
{
    (void)state;
    struct wire w;
    struct answer a;
    wire_open(&w, TRAFFIC_CHACHA20_POLY1305);
    wire_update(&w, true);
    wire_say(&w, RAW_ALERT, STR("\1\0"), 0);
    wire_feed_all(&w);
    assert_int_equal(w.result, TLS_CLOSED);
    assert_int_equal(records_write(w.r, &w.ends, STR("answer"), &w.fault), TLS_OK);
    records_shutdown(w.r, &w.ends);
    wire_hear(&w, &a);
    assert_true(str_eq(buf_str(&a.data), STR("answer")));
    assert_true(a.updates == 1 && a.alert == 0 && a.level == 1 && !a.more);
    buf_release(&a.data);
    wire_close(&w);
}

/* What is written counts as data: who listens to a long answer may change keys now and then. */
static void test_barren_while_writing(void **state)
{
    (void)state;
    struct wire w;
    struct answer a;
    wire_open(&w, TRAFFIC_AES_128_GCM);
    for (unsigned i = 0; i < 100; i++) {
        for (unsigned k = 0; k < 32; k++) {
            wire_update(&w, k == 7);
        }
        wire_feed_all(&w);
        assert_int_equal(w.result, TLS_WANT);
        assert_int_equal(records_write(w.r, &w.ends, STR("a"), &w.fault), TLS_OK);
        wire_hear(&w, &a);
        assert_true(a.updates == 1 && a.records == 2);
        buf_release(&a.data);
    }
    for (unsigned k = 0; k < 33; k++) {
        wire_update(&w, false);
    }
    wire_feed_all(&w);
    assert_int_equal(w.result, TLS_FAILED);
    wire_close(&w);
}

/* How data is cut into records. */
static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        size_t n;
        size_t records;
    } rows[] = {
        {"nothing", 0, 0},          {"an octet", 1, 1},
        {"a full record", FULL, 1}, {"an octet more", FULL + 1, 2},
        {"three and some", BIG, 4},
    };
    for (size_t i = 0; i < ROWS(rows) * TRAFFIC_SUITES; i++) {
        size_t at = i / TRAFFIC_SUITES;
        struct str octets = {filling, rows[at].n};
        struct wire w;
        struct answer a;
        wire_open(&w, (enum traffic_suite)(i % TRAFFIC_SUITES));
        CHECK_ROW(rows[at].says, records_write(w.r, &w.ends, octets, &w.fault) == TLS_OK);
        CHECK_ROW(rows[at].says,
                  buf_len(&w.ends.out) == rows[at].n + rows[at].records * TRAFFIC_OVERHEAD);
        wire_hear(&w, &a);
        CHECK_ROW(rows[at].says, a.records == rows[at].records);
        CHECK_ROW(rows[at].says, str_eq(buf_str(&a.data), octets));
        buf_release(&a.data);
        wire_close(&w);
    }
}

/* However often new keys are asked for, they come once, just before the next data. */
static void test_owed_update(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        unsigned wanted;
        unsigned unwanted;
        size_t updates;
    } rows[] = {
        {"none", 0, 0, 0},   {"the client's own", 0, 3, 0},
        {"one", 1, 0, 1},    {"then one that asks for nothing", 1, 1, 1},
        {"many", 20, 10, 1},
    };
    for (size_t i = 0; i < ROWS(rows) * TRAFFIC_SUITES; i++) {
        size_t at = i / TRAFFIC_SUITES;
        struct wire w;
        struct answer a;
        wire_open(&w, (enum traffic_suite)(i % TRAFFIC_SUITES));
        for (unsigned k = 0; k < rows[at].wanted + rows[at].unwanted; k++) {
            wire_update(&w, k < rows[at].wanted);
        }
        wire_feed_all(&w);
        CHECK_ROW(rows[at].says, w.result == TLS_WANT && buf_len(&w.ends.out) == 0);
        CHECK_ROW(rows[at].says, records_write(w.r, &w.ends, STR("a"), &w.fault) == TLS_OK);
        CHECK_ROW(rows[at].says, records_write(w.r, &w.ends, STR("b"), &w.fault) == TLS_OK);
        wire_hear(&w, &a);
        CHECK_ROW(rows[at].says, a.updates == rows[at].updates);
        CHECK_ROW(rows[at].says, a.records == rows[at].updates + 2);
        CHECK_STR(rows[at].says, buf_str(&a.data), STR("ab"));
        buf_release(&a.data);
        wire_close(&w);
    }
}

/* Keys that have protected as many records as they may are left by themselves. */
static void test_worn_keys(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        uint64_t count;
        size_t updates;
    } rows[] = {
        {"none yet", 0, 0},
        {"all of them fit", COUNT_MAX - 4, 0},
        {"the last is one too many", COUNT_MAX - 3, 1},
        {"worn out", COUNT_MAX, 1},
        {"more than worn out", COUNT_MAX + 1000, 1},
    };
    for (size_t i = 0; i < ROWS(rows) * TRAFFIC_SUITES; i++) {
        size_t at = i / TRAFFIC_SUITES;
        struct str octets = {filling, BIG}; /* four records */
        struct wire w;
        struct answer a;
        wire_open_at(&w, (enum traffic_suite)(i % TRAFFIC_SUITES), rows[at].count);
        CHECK_ROW(rows[at].says, records_write(w.r, &w.ends, octets, &w.fault) == TLS_OK);
        wire_hear(&w, &a);
        CHECK_ROW(rows[at].says, a.updates == rows[at].updates);
        CHECK_ROW(rows[at].says, str_eq(buf_str(&a.data), octets));
        CHECK_ROW(rows[at].says, w.server.count < COUNT_MAX + 1);
        buf_release(&a.data);
        wire_close(&w);
    }
}

/* More than fits ends the connection: what was sealed before is whole, and nothing follows. */
static void test_full(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        size_t room;
        bool owes;
        size_t records; /* that are there */
    } rows[] = {
        {"nothing fits", 10, false, 0},
        {"all but an octet of one", FULL + TRAFFIC_OVERHEAD - 1, false, 0},
        {"one of four", FULL + TRAFFIC_OVERHEAD, false, 1},
        {"three of four", 3 * (FULL + TRAFFIC_OVERHEAD) + 5, false, 3},
        {"not even new keys", 20, true, 0},
        {"new keys only", 100, true, 1},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct wire w;
        struct answer a;
        wire_open(&w, TRAFFIC_AES_256_GCM);
        if (rows[i].owes) {
            wire_update(&w, true);
            wire_feed_all(&w);
        }
        w.ends.out.cap = rows[i].room;
        struct str octets = {filling, BIG};
        CHECK_ROW(rows[i].says, records_write(w.r, &w.ends, octets, &w.fault) == TLS_FAILED);
        CHECK_ROW(rows[i].says, w.fault.reason == REASON_OUT_OF_MEMORY);
        w.ends.out.cap = TLS_SESSION_OUT_MAX;
        CHECK_ROW(rows[i].says, records_write(w.r, &w.ends, STR("x"), &w.fault) == TLS_FAILED);
        records_shutdown(w.r, &w.ends);
        wire_hear(&w, &a);
        CHECK_ROW(rows[i].says, a.records == rows[i].records && a.alert < 0);
        buf_release(&a.data);
        wire_close(&w);
    }
}

/* A close_notify that does not fit is not sent later: there could be no telling what was lost. */
static void test_no_room_for_the_end(void **state)
{
    (void)state;
    struct wire w;
    wire_open(&w, TRAFFIC_AES_128_GCM);
    w.ends.out.cap = 10;
    records_shutdown(w.r, &w.ends);
    w.ends.out.cap = TLS_SESSION_OUT_MAX;
    records_shutdown(w.r, &w.ends);
    assert_int_equal(buf_len(&w.ends.out), 0);
    assert_int_equal(records_write(w.r, &w.ends, STR("x"), &w.fault), TLS_FAILED);
    wire_close(&w);
}

/* Each allocation fails in turn: what is out is whole records, and the failure is told. */
static void test_without_memory(void **state)
{
    (void)state;
    for (unsigned long nth = 1;; nth++) {
        struct wire w;
        struct answer a;
        wire_open(&w, TRAFFIC_CHACHA20_POLY1305);
        mem_fail_after(nth, false);
        enum tls_result r = records_write(w.r, &w.ends, (struct str){filling, BIG}, &w.fault);
        unsigned long needed = mem_allocations();
        mem_fail_after(0, false);
        if (needed >= nth) {
            assert_int_equal(r, TLS_FAILED);
            assert_int_equal(w.fault.reason, REASON_OUT_OF_MEMORY);
        }
        records_shutdown(w.r, &w.ends);
        wire_hear(&w, &a);
        assert_true((a.alert == 0) == (r == TLS_OK));
        assert_memory_equal(filling, buf_str(&a.data).p, buf_len(&a.data));
        assert_true(r == TLS_FAILED || buf_len(&a.data) == BIG);
        buf_release(&a.data);
        wire_close(&w);
        if (needed < nth) {
            assert_int_equal(r, TLS_OK);
            assert_true(nth > 2);
            return;
        }
    }
}

static void test_made_without_memory(void **state)
{
    (void)state;
    const struct traffic_side side = {.suite = TRAFFIC_AES_128_GCM};
    struct traffic_ciphers *c = traffic_ciphers_new(NULL);
    assert_non_null(c);
    mem_fail_after(1, false);
    assert_null(records_new(c, &side, &side));
    mem_fail_after(0, false);
    records_free(NULL);
    traffic_ciphers_free(c);
}

/* ---- Long talk ---- */

enum { TALKERS = 3, TURNS = 3000, SEEN_MAX = 2 * TALKERS * TURNS };

/* What protected a record: the key and the nonce. */
struct seen {
    unsigned char key[TRAFFIC_KEY_MAX];
    unsigned char nonce[TRAFFIC_NONCE];
};

static struct seen seen[SEEN_MAX];
static size_t seen_n;

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct seen));
}

/* Notes with what the next record of side is opened or was sealed. */
static void note(const struct raw_side *side)
{
    struct seen *s = &seen[seen_n++];
    assert_true(seen_n <= SEEN_MAX);
    memcpy(s->key, side->key, sizeof(s->key));
    memcpy(s->nonce, side->nonce, sizeof(s->nonce));
    for (size_t i = 0; i < 8; i++) {
        s->nonce[TRAFFIC_NONCE - 1 - i] ^= (unsigned char)(side->count >> (8 * i));
    }
}

/* Like wire_hear(), record by record. */
static void hear_noting(struct wire *w, struct buf *data)
{
    while (buf_len(&w->ends.out) > 0) {
        static unsigned char plain[TRAFFIC_CIPHER_MAX];
        unsigned char type = 0;
        size_t n = 0;
        size_t size = raw_size(buf_str(&w->ends.out));
        assert_true(size > 0);
        note(&w->server);
        assert_true(
            raw_open(&w->server, str_slice(buf_str(&w->ends.out), 0, size), plain, &n, &type));
        buf_consume(&w->ends.out, size);
        if (type == RAW_HANDSHAKE) {
            raw_next(&w->server);
        } else if (type == RAW_DATA) {
            assert_int_equal(buf_append(data, (struct str){(const char *)plain, n}), 0);
        }
    }
}

/* One turn of a talk; the connections share their ciphers, and whose turn it is changes. */
static void talk(struct wire *w, uint32_t number, struct buf *said, struct buf *heard)
{
    struct str piece = {filling + number % 100, number % 7 == 0 ? 17000 : number % 50};
    switch (number % 5) {
    case 0:
        wire_update(w, number % 2 == 0);
        wire_feed_all(w);
        break;
    case 1:
    case 2:
        buf_clear(&w->got);
        note(&w->client);
        wire_say(w, RAW_DATA, str_slice(piece, 0, FULL), number % 3);
        wire_feed_all(w);
        assert_true(str_eq(buf_str(&w->got), str_slice(piece, 0, FULL)));
        break;
    default:
        assert_int_equal(records_write(w->r, &w->ends, piece, &w->fault), TLS_OK);
        assert_int_equal(buf_append(said, piece), 0);
        break;
    }
    assert_int_equal(w->result, TLS_WANT);
    if (number % 4 == 0) {
        hear_noting(w, heard);
        assert_true(str_eq(buf_str(said), buf_str(heard)));
        buf_clear(said);
        buf_clear(heard);
    }
}

/* Over a long talk of several connections, in which keys change at either end, no pair of key and
 * nonce protects two records. */
static void test_nonces(void **state)
{
    (void)state;
    struct wire talkers[TALKERS];
    struct buf said[TALKERS];
    struct buf heard[TALKERS];
    uint32_t number = 1;
    seen_n = 0;
    for (size_t i = 0; i < TALKERS; i++) {
        struct wire *w = &talkers[i];
        buf_init(&said[i], WIRE_MAX);
        buf_init(&heard[i], WIRE_MAX);
        wire_open(w, TRAFFIC_AES_128_GCM);
        records_free(w->r);
        w->client = raw_side_of(TRAFFIC_AES_128_GCM, (unsigned char)(0x31 + i));
        w->server = raw_side_of(TRAFFIC_AES_128_GCM, (unsigned char)(0x41 + i));
        const struct traffic_side in = raw_as_traffic(&w->client);
        const struct traffic_side out = raw_as_traffic(&w->server);
        w->r = records_new(talkers[0].ciphers, &in, &out);
        assert_non_null(w->r);
    }
    for (size_t turn = 0; turn < TURNS; turn++) {
        number = number * 1664525 + 1013904223;
        size_t i = (number >> 20) % TALKERS;
        talk(&talkers[i], number >> 8, &said[i], &heard[i]);
    }
    assert_true(seen_n > TURNS / 2);
    qsort(seen, seen_n, sizeof(seen[0]), compare);
    for (size_t i = 1; i < seen_n; i++) {
        assert_int_not_equal(compare(&seen[i - 1], &seen[i]), 0);
    }
    for (size_t i = TALKERS; i-- > 0;) { /* the first owns the ciphers of all */
        wire_close(&talkers[i]);
        buf_release(&said[i]);
        buf_release(&heard[i]);
    }
}

static int set_up(void **state)
{
    (void)state;
    wire_fill(filling, sizeof(filling));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_half_closed),
        cmocka_unit_test(test_barren_while_writing),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_owed_update),
        cmocka_unit_test(test_worn_keys),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_no_room_for_the_end),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_made_without_memory),
        cmocka_unit_test(test_nonces),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
