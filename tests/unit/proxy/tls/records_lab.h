/* What the tests of records share: a client that seals what it is told to, however wrong, opens
 * what comes with a strict count, and an end under test between them. */
#ifndef TESTS_UNIT_PROXY_TLS_RECORDS_LAB_H
#define TESTS_UNIT_PROXY_TLS_RECORDS_LAB_H

#include "base/buf.h"
#include "base/mem.h"
#include "proxy/tls/records.h"
#include "proxy/tls/session.h"
#include "tests/support/check.h"
#include "tests/support/raw_records.h"

/* More than any stream of a test. */
#define WIRE_MAX ((size_t)1 << 22)

struct wire {
    struct traffic_ciphers *ciphers;
    struct raw_side client; /* writes */
    struct raw_side server; /* opens what the end under test wrote */
    struct records *r;
    struct bio_ends ends;
    struct buf stream; /* what the client has written */
    struct buf got;    /* data that was read */
    struct records_fault fault;
    enum tls_result result; /* of the last read */
};

/* What the client read. */
struct answer {
    struct buf data;
    size_t records;
    size_t updates;
    int level; /* of the last alert, or -1 */
    int alert; /* its number, or -1 */
    bool more; /* something came behind it */
};

/* count: how many records the end under test is told to have written already. */
static inline void wire_open_at(struct wire *w, enum traffic_suite suite, uint64_t count)
{
    *w = (struct wire){
        .client = raw_side_of(suite, 0x11), .server = raw_side_of(suite, 0x22), .result = TLS_WANT};
    w->server.count = count;
    const struct traffic_side in = raw_as_traffic(&w->client);
    const struct traffic_side out = raw_as_traffic(&w->server);
    w->ciphers = traffic_ciphers_new(NULL);
    assert_non_null(w->ciphers);
    w->r = records_new(w->ciphers, &in, &out);
    assert_non_null(w->r);
    bio_ends_init(&w->ends, WIRE_MAX, TLS_SESSION_OUT_MAX);
    buf_init(&w->stream, WIRE_MAX);
    buf_init(&w->got, WIRE_MAX);
}

static inline void wire_open(struct wire *w, enum traffic_suite suite)
{
    wire_open_at(w, suite, 0);
}

static inline void wire_close(struct wire *w)
{
    records_free(w->r);
    traffic_ciphers_free(w->ciphers);
    bio_ends_fini(&w->ends);
    buf_release(&w->stream);
    buf_release(&w->got);
}

/* The client writes a record: octets, the type, padding. */
static inline void wire_say(struct wire *w, unsigned char type, struct str octets, size_t padding)
{
    size_t n = octets.n + 1 + padding;
    char *inner = calloc(1, n);
    assert_non_null(inner);
    if (octets.n > 0) {
        memcpy(inner, octets.p, octets.n);
    }
    inner[octets.n] = (char)type;
    char *to = buf_reserve(&w->stream, n + TRAFFIC_HEADER + TRAFFIC_TAG);
    assert_non_null(to);
    buf_commit(&w->stream, raw_seal(&w->client, (struct str){inner, n}, (unsigned char *)to));
    free(inner);
}

/* The client tells that it goes to new keys, and does. */
static inline void wire_update(struct wire *w, bool wanted)
{
    const char message[] = {24, 0, 0, 1, (char)wanted};
    wire_say(w, RAW_HANDSHAKE, (struct str){message, sizeof(message)}, 0);
    raw_next(&w->client);
}

/* Reads up to max octets at a time until nothing more comes. What is said of reading must hold. */
static inline void wire_read(struct wire *w, size_t max)
{
    char *out = malloc(max); /* of just that size, for the sanitizer */
    assert_non_null(out);
    do {
        size_t n = 0;
        bool may = records_may_read(w->r, &w->ends);
        w->result = records_read(w->r, &w->ends, out, max, &n, &w->fault);
        assert_true(may || w->result == TLS_WANT);
        assert_true(n <= max && (n > 0) == (w->result == TLS_OK));
        assert_int_equal(buf_append(&w->got, (struct str){out, n}), 0);
    } while (w->result == TLS_OK);
    assert_true(w->result != TLS_WANT || !records_may_read(w->r, &w->ends));
    assert_true(w->result != TLS_CLOSED || records_may_read(w->r, &w->ends));
    assert_true(w->result == TLS_FAILED || !records_has_input(w->r, &w->ends));
    free(out);
}

/* Lends a piece of the stream, reads, keeps the rest, as a session does. */
static inline void wire_feed(struct wire *w, struct str piece, size_t max)
{
    char *copy = malloc(piece.n > 0 ? piece.n : 1);
    assert_non_null(copy);
    memcpy(copy, piece.p, piece.n);
    w->ends.lent = (struct str){copy, piece.n};
    if (max > 0) {
        wire_read(w, max);
    }
    assert_int_equal(buf_append(&w->ends.kept, w->ends.lent), 0);
    w->ends.lent = STR_NONE;
    free(copy);
}

/* All that the client has written, in one piece. */
static inline void wire_feed_all(struct wire *w)
{
    wire_feed(w, buf_str(&w->stream), TLS_SESSION_READ_ROOM);
    buf_clear(&w->stream);
}

/* Opens all that is in out, of which every octet must be of a record under the next nonce. */
static inline void wire_hear(struct wire *w, struct answer *a)
{
    static unsigned char plain[TRAFFIC_CIPHER_MAX];
    struct str s = buf_str(&w->ends.out);
    *a = (struct answer){.level = -1, .alert = -1};
    buf_init(&a->data, WIRE_MAX);
    for (size_t size = raw_size(s); size > 0; size = raw_size(s)) {
        unsigned char type = 0;
        size_t n = 0;
        assert_true(raw_open(&w->server, str_slice(s, 0, size), plain, &n, &type));
        assert_true(s.p[0] == 23 && s.p[1] == 3 && s.p[2] == 3 && n <= TRAFFIC_PLAIN_MAX);
        s = str_slice(s, size, s.n);
        a->records++;
        a->more = a->alert >= 0;
        if (type == RAW_DATA) {
            assert_true(n > 0);
            assert_int_equal(buf_append(&a->data, (struct str){(const char *)plain, n}), 0);
        } else if (type == RAW_HANDSHAKE) {
            assert_true(n == 5 && memcmp(plain, "\30\0\0\1\0", 5) == 0);
            a->updates++;
            raw_next(&w->server);
        } else {
            assert_true(type == RAW_ALERT && n == 2);
            a->level = plain[0];
            a->alert = plain[1];
        }
    }
    assert_int_equal(s.n, 0);
    buf_clear(&w->ends.out);
}

/* n octets that are not alike. */
static inline void wire_fill(char *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = (char)(i * 7 + (i >> 8) + 1);
    }
}

static inline const char *wire_suite(enum traffic_suite suite)
{
    static const char *const names[] = {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305"};
    return names[suite];
}

#endif
