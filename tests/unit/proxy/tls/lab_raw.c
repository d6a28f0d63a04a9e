#include "tests/unit/proxy/tls/lab_raw.h"

#include <openssl/ec.h>

#include "proxy/tls/client_hello.h"
#include "proxy/tls/proof.h"
#include "proxy/tls/wire.h"
#include "tests/unit/proxy/tls/lab.h"

#define STREAM_MAX ((size_t)1 << 20)

static void put(struct buf *b, size_t value, size_t n)
{
    char octets[3];
    for (size_t i = 0; i < n; i++) {
        octets[i] = (char)(value >> (8 * (n - 1 - i)));
    }
    assert_int_equal(buf_append(b, (struct str){octets, n}), 0);
}

static void put_octets(struct buf *b, struct str octets)
{
    assert_int_equal(buf_append(b, octets), 0);
}

struct str lab_raw_message(struct lab_raw *r, int type, struct str body, struct buf *out)
{
    size_t at = buf_len(out);
    put(out, (size_t)type, 1);
    put(out, body.n, 3);
    put_octets(out, body);
    struct str whole = str_slice(buf_str(out), at, STR_NPOS);
    if (r->schedule.transcript != NULL) {
        assert_true(schedule_add(&r->schedule, whole));
    }
    return whole;
}

struct str lab_raw_certificate(struct lab_raw *r, X509 *const *chain, size_t n, struct buf *out)
{
    struct buf list;
    struct buf body;
    buf_init(&list, STREAM_MAX);
    buf_init(&body, STREAM_MAX);
    for (size_t i = 0; i < n; i++) {
        unsigned char *der = NULL;
        int size = i2d_X509(chain[i], &der);
        assert_true(size > 0);
        put(&list, (size_t)size, 3);
        put_octets(&list, (struct str){(char *)der, (size_t)size});
        put(&list, 0, 2);
        OPENSSL_free(der);
    }
    put(&body, 0, 1);
    put(&body, buf_len(&list), 3);
    put_octets(&body, buf_str(&list));
    struct str whole = lab_raw_message(r, RAW_CERTIFICATE, buf_str(&body), out);
    buf_release(&list);
    buf_release(&body);
    return whole;
}

struct str lab_raw_proof(struct lab_raw *r, unsigned scheme, EVP_PKEY *key, struct buf *out)
{
    unsigned char digest[TRAFFIC_SECRET_MAX];
    unsigned char signature[PROOF_MAX];
    size_t n = 0;
    struct buf body;
    buf_init(&body, STREAM_MAX);
    assert_true(schedule_digest(&r->schedule, digest));
    const struct proof p = {.by_client = true,
                            .digest = {(char *)digest, traffic_secret_size(r->schedule.suite)}};
    struct proof_key *k = proof_key_new(NULL, scheme, key, true);
    assert_true(k != NULL && proof_sign(&p, k, signature, &n));
    proof_key_free(k);
    put(&body, scheme, 2);
    put(&body, n, 2);
    put_octets(&body, (struct str){(char *)signature, n});
    struct str whole = lab_raw_message(r, RAW_CERTIFICATE_VERIFY, buf_str(&body), out);
    buf_release(&body);
    return whole;
}

struct str lab_raw_finished(struct lab_raw *r, struct buf *out)
{
    unsigned char data[TRAFFIC_SECRET_MAX];
    assert_true(schedule_finished(&r->schedule, r->schedule.client, data));
    return lab_raw_message(r, RAW_FINISHED,
                           (struct str){(char *)data, traffic_secret_size(r->schedule.suite)}, out);
}

void lab_raw_plain(struct lab_raw *r, int type, struct str octets)
{
    put(&r->stream, (size_t)type, 1);
    put(&r->stream, 0x0303, 2);
    put(&r->stream, octets.n, 2);
    put_octets(&r->stream, octets);
}

void lab_raw_say(struct lab_raw *r, struct raw_side *side, int type, struct str octets,
                 size_t padding)
{
    struct buf inner;
    buf_init(&inner, STREAM_MAX);
    put_octets(&inner, octets);
    put(&inner, (size_t)type, 1);
    for (size_t i = 0; i < padding; i++) {
        put(&inner, 0, 1);
    }
    char *to = buf_reserve(&r->stream, buf_len(&inner) + TRAFFIC_HEADER + TRAFFIC_TAG);
    assert_non_null(to);
    buf_commit(&r->stream, raw_seal(side, buf_str(&inner), (unsigned char *)to));
    buf_release(&inner);
}

enum tls_result lab_raw_feed(struct lab_raw *r, size_t step)
{
    struct str octets = buf_str(&r->stream);
    enum tls_result result = TLS_WANT;
    while (octets.n > 0 && result != TLS_FAILED) {
        size_t n = step > 0 && step < octets.n ? step : octets.n;
        char *copy = malloc(n); /* of just that size, for the sanitizer */
        assert_non_null(copy);
        memcpy(copy, octets.p, n);
        tls_session_input(r->session, (struct str){copy, n});
        if (result == TLS_WANT) {
            result = tls_session_handshake(r->session);
        }
        assert_int_equal(tls_session_settle(r->session), 0);
        free(copy);
        octets = str_slice(octets, n, octets.n);
    }
    buf_clear(&r->stream);
    return result;
}

static struct raw_side side_of(const struct traffic_side *side)
{
    struct raw_side out = {.suite = side->suite};
    memcpy(out.secret, side->secret, sizeof(out.secret));
    raw_derive(&out);
    return out;
}

static struct str hello_body(struct lab_raw *r, enum traffic_suite suite, unsigned group,
                             struct buf *body)
{
    static const char random[] = "0123456789abcdef0123456789abcdef";
    unsigned char *share = NULL;
    struct buf e;
    buf_init(&e, STREAM_MAX);
    size_t n = EVP_PKEY_get1_encoded_public_key(r->share, &share);
    put(&e, 43, 2);
    put_octets(&e, STR("\0\3\2\3\4"));
    put(&e, 10, 2);
    put_octets(&e, STR("\0\4\0\2"));
    put(&e, group, 2);
    put(&e, 13, 2);
    put_octets(&e, STR("\0\4\0\2\4\3"));
    put(&e, 51, 2);
    put(&e, n + 6, 2);
    put(&e, n + 4, 2);
    put(&e, group, 2);
    put(&e, n, 2);
    put_octets(&e, (struct str){(char *)share, n});
    OPENSSL_free(share);
    put(body, 0x0303, 2);
    put_octets(body, str_of(random));
    put(body, r->with_id ? 32 : 0, 1);
    put_octets(body, r->with_id ? str_of(random) : STR(""));
    put(body, 2, 2);
    put(body, traffic_suite_number(suite), 2);
    put(body, 0x0100, 2);
    put(body, buf_len(&e), 2);
    put_octets(body, buf_str(&e));
    buf_release(&e);
    return buf_str(body);
}

/* What both know by the server's share; it is the last that ServerHello tells. */
static void agree(const struct lab_raw *r, struct str hello, unsigned char shared[32])
{
    size_t n = EVP_PKEY_get_base_id(r->share) == EVP_PKEY_EC ? 65 : 32;
    size_t shared_n = 32;
    const unsigned char *at = (const unsigned char *)hello.p + hello.n - n;
    EVP_PKEY *theirs = EVP_PKEY_new();
    EVP_PKEY_CTX *x = EVP_PKEY_CTX_new_from_pkey(NULL, r->share, NULL);
    assert_int_equal(n == 65 ? EVP_PKEY_copy_parameters(theirs, r->share)
                             : EVP_PKEY_set_type(theirs, EVP_PKEY_X25519),
                     1);
    assert_int_equal(EVP_PKEY_set1_encoded_public_key(theirs, at, n), 1);
    assert_int_equal(EVP_PKEY_derive_init(x), 1);
    assert_int_equal(EVP_PKEY_derive_set_peer(x, theirs), 1);
    assert_int_equal(EVP_PKEY_derive(x, shared, &shared_n), 1);
    EVP_PKEY_CTX_free(x);
    EVP_PKEY_free(theirs);
}

/* A message of the server's. */
static void hear(struct lab_raw *r, struct str message, struct traffic_side app[2])
{
    unsigned char data[TRAFFIC_SECRET_MAX];
    r->asked = r->asked || message.p[0] == 13;
    if (message.p[0] == RAW_FINISHED) {
        assert_true(schedule_finished(&r->schedule, r->schedule.server, data));
        assert_memory_equal(message.p + 4, data, traffic_secret_size(r->schedule.suite));
    }
    assert_true(schedule_add(&r->schedule, message));
    if (message.p[0] == RAW_FINISHED) {
        assert_true(schedule_application(&r->schedule, &app[0], &app[1]));
        r->app_out = side_of(&app[0]);
        r->app_in = side_of(&app[1]);
    }
}

/* The server's answer, of which all is there. */
static void hear_all(struct lab_raw *r)
{
    static unsigned char plain[TRAFFIC_CIPHER_MAX];
    struct traffic_side sides[2];
    unsigned char shared[32];
    struct buf messages;
    struct buf *out = tls_session_out(r->session);
    struct str hello = str_slice(buf_str(out), TRAFFIC_HEADER, raw_size(buf_str(out)));
    buf_init(&messages, STREAM_MAX);
    assert_true(hello.n > 4 && hello.p[0] == 2);
    agree(r, hello, shared);
    assert_true(schedule_add(&r->schedule, hello));
    assert_true(
        schedule_handshake(&r->schedule, (struct str){(char *)shared, 32}, &sides[0], &sides[1]));
    r->out = side_of(&sides[0]);
    r->in = side_of(&sides[1]);
    buf_consume(out, raw_size(buf_str(out)));
    for (size_t size; (size = raw_size(buf_str(out))) > 0; buf_consume(out, size)) {
        struct str record = str_slice(buf_str(out), 0, size);
        size_t n = 0;
        unsigned char type = 0;
        if (record.p[0] == RAW_CHANGE_CIPHER_SPEC) {
            assert_true(r->with_id);
            continue;
        }
        assert_true(raw_open(&r->in, record, plain, &n, &type) && type == RAW_HANDSHAKE);
        put_octets(&messages, (struct str){(char *)plain, n});
    }
    for (struct str rest = buf_str(&messages); rest.n > 0;) {
        size_t n = 4 + wire_number(str_slice(rest, 1, rest.n), 3);
        assert_true(n <= rest.n);
        hear(r, str_slice(rest, 0, n), sides);
        rest = str_slice(rest, n, rest.n);
    }
    buf_release(&messages);
}

void lab_raw_join(struct lab_raw *r, struct tls_sites *sites, enum traffic_suite suite,
                  unsigned group)
{
    struct buf body;
    struct buf message;
    buf_init(&body, STREAM_MAX);
    buf_init(&message, STREAM_MAX);
    *r = (struct lab_raw){.with_id = r->with_id};
    buf_init(&r->stream, STREAM_MAX);
    r->session = tls_session_new(sites);
    r->ciphers = traffic_ciphers_new(NULL);
    r->share = group == GROUP_P256 ? EVP_EC_gen("P-256") : EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    assert_true(r->session != NULL && r->ciphers != NULL && r->share != NULL);
    assert_true(schedule_begin(&r->schedule, r->ciphers, suite, STR_NONE));
    lab_raw_plain(
        r, RAW_HANDSHAKE,
        lab_raw_message(r, RAW_CLIENT_HELLO, hello_body(r, suite, group, &body), &message));
    assert_int_equal(lab_raw_feed(r, 0), TLS_WANT);
    hear_all(r);
    buf_release(&body);
    buf_release(&message);
}

void lab_raw_part(struct lab_raw *r)
{
    schedule_end(&r->schedule);
    traffic_ciphers_free(r->ciphers);
    EVP_PKEY_free(r->share);
    tls_session_free(r->session);
    buf_release(&r->stream);
}

int lab_raw_alert(struct lab_raw *r)
{
    unsigned char plain[TRAFFIC_CIPHER_MAX];
    struct str all = buf_str(tls_session_out(r->session));
    size_t n = 0;
    unsigned char type = 0;
    if (all.n == 0) {
        return -1;
    }
    assert_int_equal(raw_size(all), all.n);
    assert_true(raw_open(&r->app_in, all, plain, &n, &type));
    assert_true(type == RAW_ALERT && n == 2);
    return plain[1];
}

void lab_raw_talk(struct lab_raw *r)
{
    unsigned char plain[TRAFFIC_CIPHER_MAX];
    char got[64];
    size_t n = 0;
    unsigned char type = 0;
    lab_raw_say(r, &r->app_out, RAW_DATA, STR("a request"), 0);
    tls_session_input(r->session, buf_str(&r->stream));
    assert_int_equal(tls_session_read(r->session, got, sizeof(got), &n), TLS_OK);
    assert_true(str_eq((struct str){got, n}, STR("a request")));
    assert_int_equal(tls_session_settle(r->session), 0);
    buf_clear(&r->stream);
    assert_int_equal(tls_session_write(r->session, STR("an answer")), TLS_OK);
    struct str all = buf_str(tls_session_out(r->session));
    assert_true(raw_open(&r->app_in, all, plain, &n, &type) && type == RAW_DATA);
    assert_true(str_eq((struct str){(char *)plain, n}, STR("an answer")));
}
