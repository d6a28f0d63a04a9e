/* What is printed reads back: the configuration in force, the defaults; schema and reference name
 * every key. */
#include <unistd.h>

#include "conf/dump.h"
#include "conf/keys.h"
#include "tests/unit/conf/mistakes.h"

/* Load text and print what is in force; findings are a failure. */
static void dump_of(struct str text, struct buf *out)
{
    struct buf found;
    struct diags *diags = diags_new();
    struct conf *c = load_text(text, diags, &found);
    CHECK_STR("no finding", buf_str(&found), STR(""));
    assert_non_null(c);
    buf_init(out, SIZE_MAX);
    assert_int_equal(conf_dump(c, diags, out), 0);
    conf_unref(c);
    diags_free(diags);
    buf_release(&found);
}

/* Copy text without the "  # file:line" at the ends of lines. */
static void without_places(struct str text, struct buf *out)
{
    buf_init(out, SIZE_MAX);
    struct str line;
    while (text.n > 0) {
        (void)str_cut(text, '\n', &line, &text);
        const char *at = line.n > 0 ? memmem(line.p, line.n, "  # ", 4) : NULL;
        size_t n = at != NULL ? (size_t)(at - line.p) : line.n;
        assert_int_equal(buf_printf(out, "%.*s\n", (int)n, line.p), 0);
    }
}

static const char given[] =
    "listeners:\n"
    "- address: 127.0.0.1:8443\n"
    "  client: { ca: [ a b.crt, \"q\\\"$$\\\\.crt\" ] }\n"
    "  names: [ { names: [ a.example ], certificate: a.crt } ]\n"
    "routes: [ { path: /, require: certificate, upstream: app, body_max: 1025 } ]\n"
    "upstreams: { app: { servers: [ \"127.0.0.1:9000\" ], connect_timeout: 1500ms } }\n"
    "headers: { trusted_proxies: [ \"unix:\", \"2001:db8::/32\", 10.0.0.1 ], user: \"\" }\n"
    "log: { access: off }\n";

static void test_in_force(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "  - address: \"127.0.0.1:8443\"  # " MAIN_PATH ":2\n",
        "      ca: [\"/etc/a b.crt\", \"/etc/q\\\"$$\\\\.crt\"]  # " MAIN_PATH ":3\n",
        "      mode: require\n",
        "        key: \"/etc/a.crt\"\n",
        "    unknown_name: refuse\n",
        "    body_max: 1025B  # " MAIN_PATH ":5\n",
        "    connect_timeout: 1500ms  # " MAIN_PATH ":6\n",
        "  trusted_proxies: [\"unix:\", \"2001:db8::/32\", \"10.0.0.1/32\"]  # " MAIN_PATH ":7\n",
        "  user: \"\"  # " MAIN_PATH ":7\n",
        "  access: \"off\"  # " MAIN_PATH ":8\n",
        "\nadmin: {}\n",
    };
    struct buf first;
    struct buf again;
    struct buf x;
    struct buf y;
    dump_of(STR(given), &first);
    for (size_t i = 0; i < ROWS(lines); i++) {
        CHECK_ROW(lines[i],
                  memmem(buf_str(&first).p, buf_len(&first), lines[i], strlen(lines[i])) != NULL);
    }
    dump_of(buf_str(&first), &again);
    without_places(buf_str(&first), &x);
    without_places(buf_str(&again), &y);
    CHECK_STR("what is printed loads to the same", buf_str(&y), buf_str(&x));
    buf_release(&first);
    buf_release(&again);
    buf_release(&x);
    buf_release(&y);
}

static void test_defaults(void **state)
{
    (void)state;
    struct buf text;
    struct buf dump;
    buf_init(&text, SIZE_MAX);
    assert_int_equal(conf_dump_defaults(&text), 0);
    dump_of(buf_str(&text), &dump);
    buf_release(&dump);
    buf_release(&text);
}

/* Every key of s and below stands in text as before, name, behind. */
static void check_names(struct str text, const struct key_section *s, const char *before,
                        const char *behind)
{
    for (size_t i = 0; i < s->count; i++) {
        char name[96];
        (void)snprintf(name, sizeof(name), "%s%s%s", before, s->keys[i].name, behind);
        CHECK_ROW(name, memmem(text.p, text.n, name, strlen(name)) != NULL);
        assert_non_null(s->keys[i].meaning);
        assert_true(s->keys[i].fallback != NULL || s->keys[i].example != NULL ||
                    s->keys[i].section != NULL);
        if (s->keys[i].section != NULL) {
            check_names(text, s->keys[i].section, before, behind);
        }
    }
}

static void test_all_keys(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, SIZE_MAX);
    assert_int_equal(conf_dump_schema(&out), 0);
    check_names(buf_str(&out), &keys_root, "\"", "\": {\"description\": \"");
    buf_clear(&out);
    assert_int_equal(conf_dump_reference(&out), 0);
    check_names(buf_str(&out), &keys_root, "", "` | ");
    buf_clear(&out);
    assert_int_equal(conf_dump_defaults(&out), 0);
    check_names(buf_str(&out), &keys_root, "", ":");
    buf_release(&out);
}

/* docs/configuration.md is generated; the test that it was generated again. */
static void test_page(void **state)
{
    (void)state;
    static const char path[] = TEST_SOURCE_DIR "/docs/configuration.md";
    struct buf out;
    struct str page;
    struct files *files = files_new();
    buf_init(&out, SIZE_MAX);
    assert_int_equal(conf_dump_reference(&out), 0);
    assert_int_equal(files_read(files, path, &page, NULL), 0);
    CHECK_ROW("docs/configuration.md is not what the rows say: print it with \"countersign config "
              "reference\"",
              str_eq(page, buf_str(&out)));
    files_free(files);
    buf_release(&out);
}

static void test_full_buffer(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 100);
    assert_int_equal(conf_dump_defaults(&out), -ERR_FULL);
    buf_release(&out);
    assert_int_equal(conf_dump_schema(&out), -ERR_FULL);
    buf_release(&out);
    assert_int_equal(conf_dump_reference(&out), -ERR_FULL);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_force),    cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_all_keys),    cmocka_unit_test(test_page),
        cmocka_unit_test(test_full_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
