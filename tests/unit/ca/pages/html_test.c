/* Escaping: what could be markup is none, and what could deceive the eye is named. */
#include "base/clock.h"
#include "base/err.h"
#include "ca/pages/html.h"
#include "tests/support/check.h"

struct row {
    const char *says;
    struct str text;
    const char *html;
};

static const struct row rows[] = {
    {"a script", HTML_WORDS("<script>alert(1)</script>"), "&lt;script&gt;alert(1)&lt;/script&gt;"},
    {"the end of an attribute", HTML_WORDS("\" onload=\"x"), "&quot; onload=&quot;x"},
    {"the other quote", HTML_WORDS("' x='"), "&#39; x=&#39;"},
    {"a reference", HTML_WORDS("&lt;"), "&amp;lt;"},
    {"places of a literal are text in a text", HTML_WORDS("{}{u}"), "{}{u}"},
    {"a NUL", HTML_WORDS("a\0b"),
     "a\xef\xbf\xbd"
     "b"},
    {"an escape of terminals", HTML_WORDS("\x1b[31m"), "\xef\xbf\xbd[31m"},
    {"a carriage return", HTML_WORDS("a\r\nb"), "a\xef\xbf\xbd\nb"},
    {"DEL and C1", HTML_WORDS("\x7f\xc2\x85"), "\xef\xbf\xbd\xef\xbf\xbd"},
    {"octets that are not UTF-8", HTML_WORDS("a\xff\xc3"), "a\xef\xbf\xbd\xef\xbf\xbd"},
    {"an overlong <", HTML_WORDS("\xc0\xbc"), "\xef\xbf\xbd\xef\xbf\xbd"},
    {"right to left, forced",
     HTML_WORDS("a\xe2\x80\xae"
                "b"),
     "a[U+202E]b"},
    {"an isolate", HTML_WORDS("\xe2\x81\xa6"), "[U+2066]"},
    {"the Arabic mark", HTML_WORDS("\xd8\x9c"), "[U+061C]"},
    {"a space of no width", HTML_WORDS("\xe2\x80\x8b"), "[U+200B]"},
    {"a line separator", HTML_WORDS("\xe2\x80\xa8"), "[U+2028]"},
    {"a byte order mark", HTML_WORDS("\xef\xbb\xbf"), "[U+FEFF]"},
    {"a tag character", HTML_WORDS("\xf3\xa0\x81\x81"), "[U+E0041]"},
    {"letters stay", HTML_WORDS("J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x98\x80\t\n"),
     "J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x98\x80\t\n"},
    {"nothing", {NULL, 0}, ""},
};

static void test_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf b;
        buf_init(&b, 1024);
        struct html h = {&b, 0};
        html_text(&h, rows[i].text);
        CHECK_ROW(rows[i].says, h.rc == 0);
        CHECK_STR(rows[i].says, buf_str(&b), str_of(rows[i].html));
        buf_release(&b);
    }
}

static void test_places(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1024);
    struct html h = {&b, 0};
    HTML_WITH(&h, "<a href=\"/x?q={u}\" title=\"{}\">{}</a>", STR("a b&c\"%"), STR("\""), STR("<"));
    assert_int_equal(h.rc, 0);
    assert_true(str_eq(buf_str(&b), STR("<a href=\"/x?q=a%20b%26c%22%25\" title=\"&quot;\">&lt;"
                                        "</a>")));
    buf_release(&b);
}

/* A mistake of ours is no page, rather than one with a hole. */
static void test_another_number(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1024);
    struct html few = {&b, 0};
    HTML(&few, "<p>{}</p>");
    assert_int_equal(few.rc, -ERR_INTERNAL);
    struct html many = {&b, 0};
    HTML_WITH(&many, "<p>{}</p>", STR("a"), STR("b"));
    assert_int_equal(many.rc, -ERR_INTERNAL);
    struct html other = {&b, 0};
    HTML_WITH(&other, "<p>{x}</p>", STR("a"));
    assert_int_equal(other.rc, -ERR_INTERNAL);
    buf_release(&b);
}

static void test_memory(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 8);
    struct html h = {&b, 0};
    html_text(&h, STR("123456789"));
    assert_int_equal(h.rc, -ERR_FULL);
    HTML(&h, "1");
    assert_true(buf_len(&b) <= 8);
    buf_release(&b);
}

struct distance_row {
    int64_t s;
    const char *text;
};

static void test_distance(void **state)
{
    static const struct distance_row distances[] = {
        {0, "just now"},
        {-59, "just now"},
        {30, "in less than a minute"},
        {60, "in 1 minute"},
        {-3599, "59 minutes ago"},
        {7200, "in 2 hours"},
        {86400, "in 1 day"},
        {-59 * INT64_C(86400), "59 days ago"},
        {90 * INT64_C(86400), "in 3 months"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(distances) / sizeof(distances[0]); i++) {
        struct buf b;
        buf_init(&b, 1024);
        struct html h = {&b, 0};
        html_distance(&h, distances[i].s * 1000, 0);
        CHECK_STR(distances[i].text, buf_str(&b), str_of(distances[i].text));
        buf_release(&b);
    }
}

static void test_time_and_octets(void **state)
{
    static const unsigned char octets[] = {0x00, 0xab, 0xff};
    (void)state;
    struct buf b;
    buf_init(&b, 1024);
    struct html h = {&b, 0};
    html_time(&h, INT64_C(1795285014123));
    html_octets(&h, octets, sizeof(octets));
    html_number(&h, UINT64_MAX);
    assert_true(str_eq(buf_str(&b), STR("<time datetime=\"2026-11-21T18:16:54Z\">2026-11-21 18:16 "
                                        "UTC</time>00:<wbr>ab:<wbr>ff18446744073709551615")));
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),           cmocka_unit_test(test_places),
        cmocka_unit_test(test_another_number), cmocka_unit_test(test_memory),
        cmocka_unit_test(test_distance),       cmocka_unit_test(test_time_and_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
