/* conf/keys_tuning.c, and the rows of resumption in keys_clients.c: each has its own place in the
 * model, so that what is switched off there is that and nothing else. */
#include "conf/keys.h"
#include "tests/unit/conf/mistakes.h"

/* One key, what it is without being named, and another value of it. */
struct row {
    const char *name;
    size_t offset;
    size_t size; /* of a bool, or of a number */
    const char *text;
    uint32_t usual;
    uint32_t other;
};

#define IS(type, key, member, text, usual, other)                                                  \
    {                                                                                              \
        key, offsetof(struct type, member), sizeof(((struct type *)0)->member), text, usual, other \
    }
#define HOUR 3600000

/* Beside groups, which is a list. */
static const struct row tuning[] = {
    IS(conf_tuning, "remember_chains", remember_chains_ms, "2s", HOUR, 2000),
    IS(conf_tuning, "remember_chains_max", remember_chains_max, "7", 8192, 7),
    IS(conf_tuning, "narrow_crypto", narrow_crypto, "false", true, false),
    IS(conf_tuning, "own_key_schedule", own_key_schedule, "false", true, false),
    IS(conf_tuning, "fixed_chain", fixed_chain, "false", true, false),
    IS(conf_tuning, "aes_128_first", aes_128_first, "false", true, false),
    IS(conf_tuning, "release_buffers", release_buffers, "false", true, false),
    IS(conf_tuning, "own_lists", own_lists, "false", true, false),
    IS(conf_tuning, "own_bio", own_bio, "false", true, false),
    IS(conf_tuning, "own_records", own_records, "false", true, false),
    IS(conf_tuning, "own_handshake", own_handshake, "false", true, false),
    IS(conf_tuning, "remember_certificates_max", remember_certificates_max, "0", 2048, 0),
    IS(conf_tuning, "keep_memory", keep_memory, "false", true, false),
    IS(conf_tuning, "handshake_steps", handshake_steps, "0", 2, 0),
};

/* Beside secret_file, which is a path. */
static const struct row resumption[] = {
    IS(conf_resumption, "enabled", enabled, "true", false, true),
    IS(conf_resumption, "life", life_ms, "5s", HOUR, 5000),
    IS(conf_resumption, "life_total", life_total_ms, "3h", 12 * HOUR, 3 * HOUR),
    IS(conf_resumption, "rotate", rotate_ms, "2h", HOUR, 2 * HOUR),
    IS(conf_resumption, "keep_max", keep_max, "0", 10000, 0),
};

static struct conf *load_with(const char *section, const char *key, const char *value)
{
    char more[64];
    char text[1024];
    struct buf all;
    struct diags *diags = diags_new();
    (void)snprintf(more, sizeof(more), "%s: { %s: %s }\n", section, key, value);
    mistake_text(&(struct mistake){"", WITH_ALL, more, NULL}, text, sizeof(text));
    struct conf *c = load_text(str_of(text), diags, &all);
    if (c == NULL) {
        fail_msg("%.*s", STR_ARG(buf_str(&all)));
    }
    buf_release(&all);
    diags_free(diags);
    return c;
}

/* How many keys a section has. */
static size_t keys_of(struct str section)
{
    const struct key *k = keys_find(&keys_root, section);
    assert_non_null(k);
    return k->section->count;
}

static uint32_t value_at(const void *section, const struct row *r)
{
    bool yes = false;
    uint32_t number = 0;
    const char *p = (const char *)section + r->offset;
    if (r->size == sizeof(bool)) {
        memcpy(&yes, p, sizeof(yes));
        return yes ? 1 : 0;
    }
    assert_int_equal(r->size, sizeof(number));
    memcpy(&number, p, sizeof(number));
    return number;
}

/* All are as usual but the one, which is not there if it is n. */
static void expect(const char *says, const void *section, const struct row *rows, size_t n,
                   size_t changed)
{
    for (size_t i = 0; i < n; i++) {
        char both[96];
        uint32_t wanted = i == changed ? rows[i].other : rows[i].usual;
        (void)snprintf(both, sizeof(both), "%s, with %s set", rows[i].name, says);
        CHECK_ROW(both, value_at(section, &rows[i]) == wanted);
    }
}

static void test_tuning(void **state)
{
    (void)state;
    /* Nobody adds a row that no test knows. */
    assert_int_equal(keys_of(STR("tuning")), ROWS(tuning) + 1);
    for (size_t i = 0; i < ROWS(tuning); i++) {
        struct conf *c = load_with("tuning", tuning[i].name, tuning[i].text);
        expect(tuning[i].name, &c->tuning, tuning, ROWS(tuning), i);
        assert_int_equal(c->tuning.groups.n, 0);
        conf_unref(c);
    }
    struct conf *c = load_with("tuning", "groups", "[ P-384, X25519 ]");
    expect("groups", &c->tuning, tuning, ROWS(tuning), ROWS(tuning));
    assert_int_equal(c->tuning.groups.n, 2);
    CHECK_STR("groups", str_of(c->tuning.groups.v[0].p), STR("P-384"));
    CHECK_STR("groups", str_of(c->tuning.groups.v[1].p), STR("X25519"));
    conf_unref(c);
}

static void test_resumption(void **state)
{
    (void)state;
    assert_int_equal(keys_of(STR("resumption")), ROWS(resumption) + 1);
    for (size_t i = 0; i < ROWS(resumption); i++) {
        struct conf *c = load_with("resumption", resumption[i].name, resumption[i].text);
        expect(resumption[i].name, &c->resumption, resumption, ROWS(resumption), i);
        assert_null(c->resumption.secret_file.p);
        conf_unref(c);
    }
    struct conf *c = load_with("resumption", "secret_file", "of_tickets");
    expect("secret_file", &c->resumption, resumption, ROWS(resumption), ROWS(resumption));
    CHECK_STR("secret_file", str_of(c->resumption.secret_file.p), STR("/etc/of_tickets"));
    conf_unref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tuning),
        cmocka_unit_test(test_resumption),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
