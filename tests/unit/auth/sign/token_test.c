/* Tokens: their claims, how long one is used again, and keys that cannot sign. */
#include <stdio.h>
#include <unistd.h>

#include "auth/sign/signer.h"
#include "auth/sign/token.h"
#include "base/enc.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/support/check.h"

#define KEY_FILE TEST_SOURCE_DIR "/tests/vectors/rfc9421/test-key-ecc-p256.pem"
/* The thumbprint of that key (RFC 7638). */
#define KEY_NAME "ydQXMtvbsOsZyFir-Y7A8t7fKEM1gbKPvyFkdpu4fvI"

static struct conf_text key_path = {.p = KEY_FILE};

struct lab {
    struct arena arena;
    struct files *files;
    struct diags *diags;
    struct es256 *keys;
    struct token_slot slot;
};

static const struct conf_token conf = {
    .issuer = {.p = "https://p"}, .audience = {.p = "a\"b"}, .life_ms = 60000};

static void lab_open(struct lab *l)
{
    const struct conf_texts paths = {&key_path, 1};
    *l = (struct lab){.files = files_new(), .diags = diags_new()};
    arena_init(&l->arena, 65536);
    l->keys = es256_load(&paths, true, l->files, l->diags, "token.keys");
    assert_non_null(l->keys);
}

static void lab_close(struct lab *l)
{
    token_clear(&l->slot);
    es256_free(l->keys);
    diags_free(l->diags);
    files_free(l->files);
    arena_release(&l->arena);
}

static struct str part(struct lab *l, struct str token, size_t which)
{
    struct str rest = token;
    struct str head;
    for (size_t i = 0; i <= which; i++) {
        (void)str_cut(rest, '.', &head, &rest);
    }
    char *padded = arena_alloc(&l->arena, head.n + 4);
    unsigned char *out = arena_alloc(&l->arena, head.n + 4);
    size_t n = 0;
    for (; n < head.n; n++) {
        padded[n] = head.p[n] == '-' ? '+' : head.p[n] == '_' ? '/' : head.p[n];
    }
    while (n % 4 != 0) {
        padded[n++] = '=';
    }
    assert_int_equal(enc_base64_decode((struct str){padded, n}, out, &n), 0);
    return (struct str){(const char *)out, n};
}

static struct str get(struct lab *l, const struct conf_token *c, struct token_slot *slot,
                      const struct token_facts *f)
{
    struct str token = STR_NONE;
    assert_int_equal(token_get(c, l->keys, slot, f, &l->arena, &token), 0);
    return token;
}

static void test_claims(void **state)
{
    (void)state;
    struct lab l;
    unsigned char digest[32] = {0xfb, 0xff};
    lab_open(&l);
    struct token_facts f = {.user = STR("al\"ice"), .digest = digest, .wall_ms = 1000999};
    struct str token = get(&l, &conf, NULL, &f);
    CHECK_STR("header", part(&l, token, 0),
              STR("{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"" KEY_NAME "\"}"));
    CHECK_STR("claims", part(&l, token, 1),
              STR("{\"iss\":\"https://p\",\"sub\":\"al\\\"ice\",\"aud\":\"a\\\"b\",\"iat\":1000,"
                  "\"exp\":1060,\"cnf\":{\"x5t#S256\":"
                  "\"-_8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}"));
    assert_int_equal(part(&l, token, 2).n, ES256_SIGNATURE);
    f = (struct token_facts){.user = STR("bob"),
                             .method = STR("GET"),
                             .authority = STR("a.example"),
                             .path = STR("/x"),
                             .request_id = STR("R1")};
    struct conf_token bound = conf;
    bound.bind_request = true;
    CHECK_STR("bound", part(&l, get(&l, &bound, &l.slot, &f), 1),
              STR("{\"iss\":\"https://p\",\"sub\":\"bob\",\"aud\":\"a\\\"b\",\"iat\":0,\"exp\":60,"
                  "\"htm\":\"GET\",\"htu\":\"https://a.example/x\",\"jti\":\"R1\"}"));
    assert_null(l.slot.text); /* never used again */
    lab_close(&l);
}

static void test_slot(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *user;
        int64_t at_ms;
        bool same; /* as the one before */
        bool confirmed;
    } rows[] = {
        {"the first", "alice", 100000, false, false},
        {"at once", "alice", 100000, true, false},
        {"before half of its life", "alice", 129999, true, false},
        {"from then on a new one", "alice", 130000, false, false},
        {"another user", "bob", 130000, false, false},
        {"and back", "alice", 130000, false, false},
        {"a clock that went back", "alice", 129999, false, false},
        {"a clock that went ahead", "alice", 1000000, false, false},
        {"by certificate now", "alice", 1000000, false, true},
        {"and again", "alice", 1000000, true, true},
        {"by password alone", "alice", 1000000, false, false},
    };
    static const unsigned char digest[32] = {1};
    struct lab l;
    lab_open(&l);
    struct str before = STR("");
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct token_facts f = {.user = str_of(rows[i].user),
                                      .digest = rows[i].confirmed ? digest : NULL,
                                      .wall_ms = rows[i].at_ms};
        struct str token = get(&l, &conf, &l.slot, &f);
        CHECK_ROW(rows[i].says, str_eq(token, before) == rows[i].same);
        CHECK_ROW(rows[i].says, l.slot.reused == rows[i].same);
        before = token;
    }
    lab_close(&l);
}

static void test_memory(void **state)
{
    (void)state;
    int rc = -1;
    for (unsigned long nth = 1; rc != 0 && nth < 60; nth++) {
        struct lab l;
        struct str token;
        const struct token_facts f = {.user = STR("alice")};
        lab_open(&l);
        mem_fail_after(nth, false);
        rc = token_get(&conf, l.keys, &l.slot, &f, &l.arena, &token);
        mem_fail_after(0, false);
        assert_true(rc == 0 || rc == -ERR_NOMEM);
        lab_close(&l);
    }
    assert_int_equal(rc, 0);
}

static void test_keys(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *content;
        const char *error;
    } rows[] = {
        {"nothing", "", "holds no PEM private key that can be read"},
        {"text", "secret\n", "holds no PEM private key that can be read"},
        {"a broken key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
         "holds no PEM private key that can be read"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct conf_text path = {.p = "/token.key"};
        const struct conf_texts paths = {&path, 1};
        struct files *files = files_new();
        struct diags *diags = diags_new();
        struct buf out;
        buf_init(&out, 65536);
        assert_int_equal(files_put(files, path.p, str_of(rows[i].content)), 0);
        CHECK_ROW(rows[i].says, es256_load(&paths, true, files, diags, "token.keys") == NULL);
        assert_int_equal(diags_render(diags, &out), 0);
        struct str text = buf_str(&out);
        CHECK_ROW(rows[i].says,
                  memmem(text.p, text.n, rows[i].error, strlen(rows[i].error)) != NULL);
        buf_release(&out);
        diags_free(diags);
        files_free(files);
    }
}

static void test_key_set(void **state)
{
    (void)state;
    struct lab l;
    struct buf out;
    lab_open(&l);
    buf_init(&out, 4096);
    const struct signer both = {.token = l.keys, .signature = l.keys};
    assert_int_equal(signer_jwks(&both, &out), 0);
    CHECK_STR("each once", buf_str(&out),
              STR("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
                  "\"x\":\"qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA\","
                  "\"y\":\"Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0\","
                  "\"kid\":\"" KEY_NAME "\",\"alg\":\"ES256\",\"use\":\"sig\"}]}\n"));
    buf_clear(&out);
    assert_int_equal(signer_jwks(NULL, &out), 0);
    CHECK_STR("none", buf_str(&out), STR("{\"keys\":[]}\n"));
    buf_release(&out);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claims),  cmocka_unit_test(test_slot),
        cmocka_unit_test(test_memory),  cmocka_unit_test(test_keys),
        cmocka_unit_test(test_key_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
