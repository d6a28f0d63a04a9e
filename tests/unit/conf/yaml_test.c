/* What of YAML is refused, and where it says so. */
#include "conf/yaml.h"
#include "tests/unit/conf/mistakes.h"

static const struct mistake rows[] = {
    {"a whole configuration has no finding", WITH_ALL, "", NULL},
    {"a document start mark is fine", WITH_ALL, "---\n", NULL},
    {"a byte order mark is fine", WITH_ALL, "\xef\xbb\xbf", NULL},
    {"CR LF is fine", WITH_ALL, "log:\r\n  level: info\r\n", NULL},
    {"an anchor", WITH_ALL, "log: &a { level: info }\n",
     AT "1:6" ERROR "anchors are not supported"},
    {"an alias", WITH_ALL, "log: { access: *a }\n", AT "1:16" ERROR "aliases are not supported"},
    {"a tag", WITH_ALL, "log: { level: !!str info }\n", AT "1:15" ERROR "tags are not supported"},
    {"a local tag", WITH_ALL, "log: !x { level: info }\n", AT "1:6" ERROR "tags are not supported"},
    {"an alias as key", 0, "*a : 1\n", AT "1:1" ERROR "aliases are not supported"},
    {"a list as key", 0, "[a]: 1\n", AT "1:1" ERROR "a key must be a text"},
    {"a directive", WITH_ALL, "%YAML 1.1\n---\n", AT "1:1" ERROR "directives are not supported"},
    {"a second document", 0, "log: {}\n---\nlog: {}\n",
     AT "2:1" ERROR "a second document begins here, one file holds one"},
    {"a tab as indentation", 0, "log:\n\tlevel: info\n",
     AT "2:1" ERROR "not valid YAML: found character that cannot start any token while scanning "
        "for the next token"},
    {"an open bracket", 0, "log: [\n",
     AT "2:1" ERROR "not valid YAML: did not find expected node content while parsing a flow node"},
    {"an octet that is not UTF-8", 0, "log: {}\nab\xff\n",
     AT "2:3" ERROR "not valid YAML: invalid leading UTF-8 octet"},
    {"a control character", 0, "log: \x01\n",
     AT "1:6" ERROR "not valid YAML: control characters are not allowed"},
    {"a list as the whole", 0, "- a\n",
     AT "1:1" ERROR "a configuration is a section, with keys such as listeners and routes"},
    {"columns count octets", WITH_ALL, "log: { access: \"\xc3\xa4\", level: x }\n",
     AT "1:29" ERROR "log.level: expected error, warning, info or debug, found \"x\""},
    {"a NUL by escape", WITH_ALL, "log: { access: \"a\\0b\" }\n",
     AT "1:16" ERROR "log.access: holds a control character, or is not UTF-8"},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        check_mistake(&rows[i]);
    }
}

static void test_depth(void **state)
{
    (void)state;
    char text[256] = "log: ";
    memset(text + 5, '[', 100);
    struct mistake row = {"nested past the limit", 0, text, AT "1:37" ERROR "nested too deeply"};
    check_mistake(&row);
}

static void test_size(void **state)
{
    (void)state;
    struct diags *diags = diags_new();
    struct buf all;
    char *text = test_malloc(YAML_SIZE_MAX + 1);
    memset(text, ' ', YAML_SIZE_MAX + 1);
    assert_null(load_text((struct str){text, YAML_SIZE_MAX + 1}, diags, &all));
    assert_true(str_starts(buf_str(&all), STR(AT "1:1" ERROR "the file is larger than 4 MiB\n")));
    test_free(text);
    buf_release(&all);
    diags_free(diags);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
