/* The token of forms: good for who got it, for a while, from this process. */
#include <stdio.h>

#include "base/clock.h"
#include "ca/pages/sent.h"
#include "tests/support/check.h"

#define NOW_MS INT64_C(1800000000000)

/* A call by user (NULL: nobody) without a connection, and so without fields. */
static struct call call_of(struct service *s, const struct http_request *r, struct user *u,
                           const char *name)
{
    return (struct call){
        .service = s, .request = r, .user = name != NULL ? u : NULL, .self.who.name = str_of(name)};
}

struct row {
    const char *says;
    const char *user;
    int64_t later_ms;
    size_t changed; /* octet of the token; SENT_TOKEN_LEN: none */
    bool good;
};

static const struct row rows[] = {
    {"another user", "bob", 0, SENT_TOKEN_LEN, false},
    {"a longer name", "alicea", 0, SENT_TOKEN_LEN, false},
    {"nobody", NULL, 0, SENT_TOKEN_LEN, false},
    {"another time", "alice", 0, 15, false},
    {"a time that is no number", "alice", 0, 0, false},
    {"another MAC", "alice", 0, 16, false},
    {"its end", "alice", 0, SENT_TOKEN_LEN - 1, false},
    {"too late", "alice", SENT_TOKEN_LIFE * 1000, SENT_TOKEN_LEN, false},
    {"before its time", "alice", -1000, SENT_TOKEN_LEN, false},
    {"as it was made", "alice", 0, SENT_TOKEN_LEN, true},
    {"a second before its end", "alice", SENT_TOKEN_LIFE * 1000 - 1000, SENT_TOKEN_LEN, true},
};

static int check_token(struct call *c, const char *token, size_t n)
{
    struct form f = {.fields = {{STR("token"), {token, n}}}, .count = 1};
    return sent_check_token(c, &f);
}

static void test_rows(void **state)
{
    struct service s = {.fingerprint_field = "X-Client-Fingerprint", .form_key = "a key"};
    const struct http_request request = {.connection = NULL};
    struct user u = {.disabled = false};
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char token[SENT_TOKEN_LEN + 1];
        struct call alice = call_of(&s, &request, &u, "alice");
        struct call other = call_of(&s, &request, &u, rows[i].user);
        clock_fake(0, NOW_MS);
        assert_int_equal(sent_token(&alice, token), 0);
        if (rows[i].changed < SENT_TOKEN_LEN) {
            token[rows[i].changed] = token[rows[i].changed] == '0' ? 'g' : '0';
        }
        clock_fake(0, NOW_MS + rows[i].later_ms);
        CHECK_ROW(rows[i].says, (check_token(&other, token, SENT_TOKEN_LEN) == 0) == rows[i].good);
        CHECK_ROW(rows[i].says, check_token(&other, token, SENT_TOKEN_LEN - 1) == -ERR_DENIED);
        s.form_key[0]++;
        CHECK_ROW("of another process", check_token(&other, token, SENT_TOKEN_LEN) == -ERR_DENIED);
        s.form_key[0]--;
    }
    clock_fake(-1, -1);
}

/* Without a word about where it comes from, it does not come from us. */
static void test_no_origin(void **state)
{
    struct service s = {.fingerprint_field = "X-Client-Fingerprint"};
    const struct http_request request = {.connection = NULL};
    struct call c = call_of(&s, &request, NULL, NULL);
    struct form empty = {.count = 0};
    (void)state;
    assert_int_equal(sent_check_origin(&c), -ERR_DENIED);
    assert_int_equal(sent_check_token(&c, &empty), -ERR_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows),
                                       cmocka_unit_test(test_no_origin)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
