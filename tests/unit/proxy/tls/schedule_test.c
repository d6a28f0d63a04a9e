/* proxy/tls/schedule.c by RFC 8448 section 3, "Simple 1-RTT Handshake": the messages and the
 * secrets are those that it prints. That the suite with SHA-384 derives as OpenSSL does,
 * handshake_test.c shows. */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/mem.h"
#include "proxy/tls/schedule.h"
#include "tests/support/check.h"
#include "tests/support/library_memory.h"

static struct traffic_ciphers *ciphers;

static const char client_hello[] =
    "010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7000006130113031302"
    "010000910000000b0009000006736572766572ff01000100000a00140012001d001700180019010001010102010301"
    "0400230000003300260024001d002099381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c"
    "002b0003020304000d0020001e040305030603020308040805080604010501060102010402050206020202002d0002"
    "0101001c00024001";
static const char server_hello[] =
    "020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e003300"
    "24001d0020c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304";
static const char encrypted_extensions[] =
    "080000240022000a00140012001d00170018001901000101010201030104001c0002400100000000";
static const char certificate[] =
    "0b0001b9000001b50001b0308201ac30820115a003020102020102300d06092a864886f70d01010b0500300e310c30"
    "0a06035504031303727361301e170d3136303733303031323335395a170d3236303733303031323335395a300e310c"
    "300a0603550403130372736130819f300d06092a864886f70d010101050003818d0030818902818100b4bb498f8279"
    "303d980836399b36c6988c0c68de55e1bdb826d3901a2461eafd2de49a91d015abbc9a95137ace6c1af19eaa6af98c"
    "7ced43120998e187a80ee0ccb0524b1b018c3e0b63264d449a6d38e22a5fda430846748030530ef0461c8ca9d9efbf"
    "ae8ea6d1d03e2bd193eff0ab9a8002c47428a6d35a8d88d79f7f1e3f0203010001a31a301830090603551d13040230"
    "00300b0603551d0f0404030205a0300d06092a864886f70d01010b05000381810085aad2a0e5b9276b908c65f73a72"
    "67170618a54c5f8a7b337d2df7a594365417f2eae8f8a58c8f8172f9319cf36b7fd6c55b80f21a03015156726096fd"
    "335e5e67f2dbf102702e608ccae6bec1fc63a42a99be5c3eb7107c3c54e9b9eb2bd5203b1c3b84e0a8b2f759409ba3"
    "eac9d91d402dcc0cc8f8961229ac9187b42b4de10000";
static const char certificate_verify[] =
    "0f000084080400805a747c5d88fa9bd2e55ab085a61015b7211f824cd484145ab3ff52f1fda8477b0b7abc90db78e2"
    "d33a5c141a078653fa6bef780c5ea248eeaaa785c4f394cab6d30bbe8d4859ee511f602957b15411ac027671459e46"
    "445c9ea58c181e818e95b8c3fb0bf3278409d3be152a3da5043e063dda65cdf5aea20d53dfacd42f74f3";
static const char server_finished[] =
    "140000209b9b141d906337fbd2cbdce71df4deda4ab42c309572cb7fffee5454b78f0718";
static const char client_finished[] =
    "14000020a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61";

/* IKM of "extract secret "handshake"". */
static const char shared[] = "8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d";

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

static bool is(const unsigned char *got, const char *wanted)
{
    unsigned char octets[TRAFFIC_SECRET_MAX];
    size_t n = unhex(wanted, octets, sizeof(octets));
    return memcmp(got, octets, n) == 0;
}

static void add(struct schedule *s, const char *message)
{
    unsigned char octets[512];
    size_t n = unhex(message, octets, sizeof(octets));
    assert_true(schedule_add(s, (struct str){(char *)octets, n}));
}

struct keys {
    struct traffic_side client;
    struct traffic_side server;
};

/* To the handshake's keys. */
static void begin(struct schedule *s, struct keys *k)
{
    unsigned char octets[32];
    size_t n = unhex(shared, octets, sizeof(octets));
    assert_true(schedule_begin(s, ciphers, TRAFFIC_AES_128_GCM, STR_NONE));
    add(s, client_hello);
    add(s, server_hello);
    assert_true(schedule_handshake(s, (struct str){(char *)octets, n}, &k->client, &k->server));
}

static void check_side(const char *says, const struct traffic_side *side, const char *key,
                       const char *nonce)
{
    CHECK_ROW(says, is(side->key, key));
    CHECK_ROW(says, is(side->nonce, nonce));
    CHECK_ROW(says, side->count == 0 && side->suite == TRAFFIC_AES_128_GCM);
}

static void test_published(void **state)
{
    (void)state;
    struct schedule s;
    struct keys k;
    struct keys app;
    unsigned char out[TRAFFIC_SECRET_MAX];
    begin(&s, &k);
    assert_true(is(s.client, "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21"));
    assert_true(is(s.server, "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38"));
    check_side("client, handshake", &k.client, "dbfaa693d1762c5b666af5d950258d01",
               "5bd3c71b836e0b76bb73265f");
    check_side("server, handshake", &k.server, "3fce516009c21727d0f2e4e86ee403bc",
               "5d313eb2671276ee13000b30");
    assert_true(schedule_digest(&s, out));
    assert_true(is(out, "860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8"));

    add(&s, encrypted_extensions);
    add(&s, certificate);
    add(&s, certificate_verify);
    assert_true(schedule_finished(&s, s.server, out));
    assert_true(is(out, server_finished + 8));
    add(&s, server_finished);
    assert_true(schedule_digest(&s, out));
    assert_true(is(out, "9608102a0f1ccc6db6250b7b7e417b1a000eaada3daae4777a7686c9ff83df13"));
    assert_true(schedule_finished(&s, s.client, out));
    assert_true(is(out, client_finished + 8));

    assert_true(schedule_application(&s, &app.client, &app.server));
    assert_true(
        is(app.client.secret, "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"));
    assert_true(
        is(app.server.secret, "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643"));
    check_side("client, application data", &app.client, "17422dda596ed5d9acd890e3c63f5051",
               "5b78923dee08579033e523d9");
    check_side("server, application data", &app.server, "9f02283b6c9c07efc26bb9f2ac92e356",
               "cf782b88dd83549aadf1e984");

    /* The key of the session that its ticket, whose nonce is two zeros, is for. */
    add(&s, client_finished);
    assert_true(schedule_session(&s, STR("\0\0"), out));
    assert_true(is(out, "4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3"));
    schedule_end(&s);
}

/* One octet of any message, or of what is shared, makes everything another. */
static void test_changed(void **state)
{
    (void)state;
    static const char *const messages[] = {client_hello, server_hello, encrypted_extensions,
                                           certificate, certificate_verify};
    unsigned char right[TRAFFIC_SECRET_MAX];
    unsigned char out[TRAFFIC_SECRET_MAX];
    for (size_t changed = 0; changed <= ROWS(messages) + 1; changed++) {
        struct schedule s;
        struct keys k;
        unsigned char octets[512];
        size_t n = unhex(shared, octets, sizeof(octets));
        octets[0] ^= changed == ROWS(messages) + 1 ? 1 : 0;
        assert_true(schedule_begin(&s, ciphers, TRAFFIC_AES_128_GCM, STR_NONE));
        for (size_t i = 0; i < ROWS(messages); i++) {
            unsigned char message[512];
            size_t size = unhex(messages[i], message, sizeof(message));
            message[size - 1] ^= changed == i + 1 ? 1 : 0;
            assert_true(schedule_add(&s, (struct str){(char *)message, size}));
            if (i == 1) {
                assert_true(
                    schedule_handshake(&s, (struct str){(char *)octets, n}, &k.client, &k.server));
            }
        }
        assert_true(schedule_finished(&s, s.server, out));
        if (changed == 0) {
            memcpy(right, out, sizeof(right));
        }
        assert_true((memcmp(right, out, 32) == 0) == (changed == 0));
        schedule_end(&s);
    }
}

static void test_end(void **state)
{
    (void)state;
    struct schedule s;
    struct keys k;
    static const struct schedule empty;
    begin(&s, &k);
    schedule_end(&s);
    assert_memory_equal(&s, &empty, sizeof(s));
    schedule_end(&s); /* of one that is zeros */
}

/* Each allocation fails in turn: a step fails, or what comes of all is right. */
static void test_without_memory(void **state)
{
    (void)state;
    unsigned char octets[32];
    size_t n = unhex(shared, octets, sizeof(octets));
    unsigned char hello[512];
    struct str message = {(char *)hello, unhex(client_hello, hello, sizeof(hello))};
    unsigned long made = 1;
    unsigned char right[TRAFFIC_SECRET_MAX] = {0};
    for (unsigned long nth = 0; nth <= made + 1; nth++) {
        struct schedule s;
        struct keys k;
        struct keys app;
        unsigned char out[TRAFFIC_SECRET_MAX] = {0};
        mem_fail_after(nth, false);
        library_memory_fails = true;
        bool ok = schedule_begin(&s, ciphers, TRAFFIC_AES_256_GCM, STR_NONE) &&
                  schedule_add(&s, message) &&
                  schedule_handshake(&s, (struct str){(char *)octets, n}, &k.client, &k.server) &&
                  schedule_finished(&s, s.server, out) &&
                  schedule_application(&s, &app.client, &app.server);
        library_memory_fails = false;
        made = mem_allocations();
        mem_fail_after(0, false);
        if (nth == 0) {
            assert_true(ok);
            memcpy(right, app.server.key, TRAFFIC_KEY_MAX);
        }
        assert_true(ok || (nth > 0 && nth <= made));
        assert_true(!ok || memcmp(right, app.server.key, TRAFFIC_KEY_MAX) == 0);
        schedule_end(&s);
        ERR_clear_error();
    }
    assert_true(made > 3);
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
    if (!library_memory_openssl()) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_changed),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
