/* Addresses and ranges: what is refused, what comes back as text, what lies in what. */
#include <arpa/inet.h>

#include "base/addr.h"
#include "tests/support/check.h"

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *in;
    } rows[] = {
        {"nothing", ""},
        {"no port", "127.0.0.1"},
        {"an empty port", "127.0.0.1:"},
        {"port 0", "127.0.0.1:0"},
        {"port past the end", "127.0.0.1:65536"},
        {"port with a sign", "127.0.0.1:+80"},
        {"port with a blank", "127.0.0.1: 80"},
        {"a port only", ":80"},
        {"a star", "*:80"},
        {"an octet too large", "10.0.0.256:80"},
        {"three octets", "10.0.0:80"},
        {"octal octets", "010.0.0.1:80"},
        {"a number as host", "2130706433:80"},
        {"IPv6 without brackets", "::1:80"},
        {"bracket not closed", "[::1:80"},
        {"nothing behind the bracket", "[::1]"},
        {"no colon behind the bracket", "[::1]80"},
        {"IPv4 in brackets", "[127.0.0.1]:80"},
        {"a zone", "[fe80::1%eth0]:80"},
        {"empty brackets", "[]:80"},
        {"an empty label", "a..b:80"},
        {"a dot at the end", "a.example.:80"},
        {"a minus in front", "-a.example:80"},
        {"a minus behind", "a-.example:80"},
        {"a blank in the name", "a b:80"},
        {"a slash in the name", "http://a:80"},
        {"a last label of digits", "a.123:80"},
        {"unix without path", "unix:"},
        {"unix with a relative path", "unix:run/x.sock"},
        {"unix with a line end", "unix:/run/x\n"},
        {"systemd without name", "systemd:"},
        {"systemd with a colon", "systemd:a:b"},
        {"label of 64 letters",
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:80"},
        {"unix path of 108 octets",
         "unix:/23456789012345678901234567890123456789012345678901234567890123456789012345678901234"
         "56789012345678901234567x"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct addr a;
        struct err e = {0};
        CHECK_ROW(rows[i].says, addr_parse(str_of(rows[i].in), false, &a, &e) == -ERR_MALFORMED);
        CHECK_ROW(rows[i].says, a.kind == ADDR_NONE && addr_len(&a) == 0);
        CHECK_ROW(rows[i].says, e.code == ERR_MALFORMED && e.text[0] != '\0');
    }
    struct addr a;
    assert_int_equal(addr_parse((struct str){"a\0b:80", 6}, false, &a, NULL), -ERR_MALFORMED);
    assert_int_equal(addr_parse((struct str){"1.2.3.4\0:80", 11}, false, &a, NULL), -ERR_MALFORMED);
}

static void test_forms(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *in;
        enum addr_kind kind;
        socklen_t len;
        const char *text;
        const char *host;
    } rows[] = {
        {"IPv4", "127.0.0.1:80", ADDR_INET, sizeof(struct sockaddr_in), "127.0.0.1:80",
         "127.0.0.1"},
        {"port 0 where it may be", "127.0.0.1:0", ADDR_INET, sizeof(struct sockaddr_in),
         "127.0.0.1:0", "127.0.0.1"},
        {"IPv6", "[2001:DB8:0::1]:65535", ADDR_INET, sizeof(struct sockaddr_in6),
         "[2001:db8::1]:65535", "2001:db8::1"},
        {"IPv6 any", "[::]:8443", ADDR_INET, sizeof(struct sockaddr_in6), "[::]:8443", "::"},
        {"IPv4-mapped becomes IPv4", "[::ffff:10.1.2.3]:80", ADDR_INET, sizeof(struct sockaddr_in),
         "10.1.2.3:80", "10.1.2.3"},
        {"Unix", "unix:/run/x.sock", ADDR_UNIX, 2 + 11 + 1, "unix:/run/x.sock", "unix:"},
        {"name", "api.example:9000", ADDR_NAME, 0, "api.example:9000", "api.example"},
        {"name with one label", "localhost:1", ADDR_NAME, 0, "localhost:1", "localhost"},
        {"name that begins with a digit", "4a.example:1", ADDR_NAME, 0, "4a.example:1",
         "4a.example"},
        {"systemd", "systemd:https", ADDR_SYSTEMD, 0, "systemd:https", "https"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct addr a;
        struct err e = {0};
        char text[ADDR_TEXT_MAX];
        CHECK_ROW(rows[i].says, addr_parse(str_of(rows[i].in), true, &a, &e) == 0);
        CHECK_ROW(rows[i].says, a.kind == rows[i].kind && e.code == ERR_OK);
        CHECK_ROW(rows[i].says, addr_len(&a) == rows[i].len);
        CHECK_STR(rows[i].says, addr_text(&a, text), str_of(rows[i].text));
        CHECK_STR(rows[i].says, addr_host_text(&a, text), str_of(rows[i].host));
    }
    struct addr none = {0};
    char text[ADDR_TEXT_MAX];
    CHECK_STR("no address", addr_text(&none, text), STR(""));
}

static void test_longest_name(void **state)
{
    (void)state;
    static const char port[] = {':', '6', '5', '5', '3', '5'};
    char in[300];
    struct addr a;
    char text[ADDR_TEXT_MAX];
    for (size_t i = 0; i < sizeof(in); i++) {
        in[i] = i % 64 == 63 ? '.' : 'a';
    }
    memcpy(in + 253, port, sizeof(port));
    assert_int_equal(addr_parse((struct str){in, 259}, false, &a, NULL), 0);
    CHECK_STR("253 octets", addr_text(&a, text), ((struct str){in, 259}));
    in[253] = 'a';
    memcpy(in + 254, port, sizeof(port));
    assert_int_equal(addr_parse((struct str){in, 260}, false, &a, NULL), -ERR_MALFORMED);
}

static struct addr parsed(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(str_of(text), true, &a, NULL), 0);
    return a;
}

static void test_from_kernel(void **state)
{
    (void)state;
    char text[ADDR_TEXT_MAX];
    struct addr a;
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(7)};
    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.1", &in6.sin6_addr), 1);
    addr_from_sockaddr(&a, (const struct sockaddr *)&in6, sizeof(in6));
    CHECK_STR("mapped", addr_text(&a, text), STR("192.0.2.1:7"));
    addr_from_sockaddr(&a, (const struct sockaddr *)&in6, sizeof(struct sockaddr_in));
    assert_int_equal(a.kind, ADDR_NONE);

    struct addr v4 = parsed("10.0.0.1:80");
    addr_from_sockaddr(&a, &v4.sa, addr_len(&v4));
    CHECK_STR("IPv4", addr_text(&a, text), STR("10.0.0.1:80"));

    struct sockaddr_un un = {.sun_family = AF_UNIX};
    memset(un.sun_path, 'x', sizeof(un.sun_path));
    addr_from_sockaddr(&a, (const struct sockaddr *)&un, sizeof(un));
    assert_int_equal(addr_text(&a, text).n, 5 + sizeof(un.sun_path) - 1);
    addr_from_sockaddr(&a, (const struct sockaddr *)&un, offsetof(struct sockaddr_un, sun_path));
    CHECK_STR("unnamed", addr_text(&a, text), STR("unix:"));

    addr_from_sockaddr(&a, (const struct sockaddr *)&un, 0);
    assert_int_equal(a.kind, ADDR_NONE);
    un.sun_family = AF_NETLINK;
    addr_from_sockaddr(&a, (const struct sockaddr *)&un, sizeof(un));
    assert_int_equal(a.kind, ADDR_NONE);
}

static void test_ranges_refused(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *in;
    } rows[] = {
        {"nothing", ""},
        {"host bits", "10.0.0.1/8"},
        {"host bits inside an octet", "10.0.192.0/17"},
        {"host bits, IPv6", "2001:db8::1/32"},
        {"host bits with /0", "1.0.0.0/0"},
        {"33 bits", "10.0.0.0/33"},
        {"129 bits", "::/129"},
        {"an empty length", "10.0.0.0/"},
        {"a negative length", "10.0.0.0/-1"},
        {"two lengths", "10.0.0.0/8/8"},
        {"a netmask", "10.0.0.0/255.0.0.0"},
        {"a name", "localhost"},
        {"a port", "10.0.0.1:80"},
        {"brackets", "[::1]"},
        {"IPv4-mapped would never match", "::ffff:10.0.0.0/104"},
        {"unix with a path", "unix:/x"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct addr_range r;
        struct err e = {0};
        CHECK_ROW(rows[i].says, addr_range_parse(str_of(rows[i].in), &r, &e) == -ERR_MALFORMED);
        CHECK_ROW(rows[i].says, r.kind == ADDR_NONE && e.text[0] != '\0');
    }
}

static void test_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *range;
        const char *addr;
        bool in;
    } rows[] = {
        {"first of a range", "10.0.0.0/8", "10.0.0.0:1", true},
        {"last of a range", "10.0.0.0/8", "10.255.255.255:1", true},
        {"one past it", "10.0.0.0/8", "11.0.0.0:1", false},
        {"length inside an octet, in", "172.16.0.0/12", "172.31.0.1:1", true},
        {"length inside an octet, out", "172.16.0.0/12", "172.32.0.1:1", false},
        {"one address", "192.0.2.1", "192.0.2.1:1", true},
        {"its neighbour", "192.0.2.1", "192.0.2.0:1", false},
        {"mapped peer in an IPv4 range", "10.0.0.0/8", "[::ffff:10.1.1.1]:1", true},
        {"all IPv4", "0.0.0.0/0", "203.0.113.9:1", true},
        {"IPv6 in all of IPv4", "0.0.0.0/0", "[::1]:1", false},
        {"IPv4 in all of IPv6", "::/0", "127.0.0.1:1", false},
        {"IPv6 in", "2001:db8::/33", "[2001:db8:7fff::1]:1", true},
        {"IPv6 out", "2001:db8::/33", "[2001:db8:8000::1]:1", false},
        {"IPv6 loopback", "::1", "[::1]:1", true},
        {"Unix in unix:", "unix:", "unix:/x", true},
        {"IPv4 in unix:", "unix:", "127.0.0.1:1", false},
        {"Unix in all of IPv4", "0.0.0.0/0", "unix:/x", false},
        {"a name is in no range", "0.0.0.0/0", "host:1", false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct addr_range r;
        struct addr a = parsed(rows[i].addr);
        CHECK_ROW(rows[i].says, addr_range_parse(str_of(rows[i].range), &r, NULL) == 0);
        CHECK_ROW(rows[i].says, addr_in_range(&a, &r) == rows[i].in);
    }
    struct addr a = parsed("0.0.0.0:0");
    assert_false(addr_in_range(&a, &(struct addr_range){0}));
}

static void test_count_keys(void **state)
{
    (void)state;
    struct addr a = parsed("[2001:db8:1:2::1]:1");
    struct addr b = parsed("[2001:db8:1:2:ffff::2]:2");
    struct addr c = parsed("[2001:db8:1:3::1]:1");
    assert_true(addr_count_key(&a) == addr_count_key(&b));
    assert_true(addr_count_key(&a) != addr_count_key(&c));
    assert_true(addr_count_key(&a) == UINT64_C(0x20010db800010002));
    a = parsed("1.2.3.4:1");
    assert_true(addr_count_key(&a) == UINT64_C(0x01020304));
    a = parsed("unix:/x");
    assert_true(addr_count_key(&a) == 0);
}

/* As many octets as addr_size() says are enough to be copied. */
static void test_size(void **state)
{
    (void)state;
    static const char *const texts[] = {"192.0.2.1:80", "[2001:db8::1]:443", "unix:/run/x",
                                        "a.example:80", "systemd:web"};
    for (size_t i = 0; i < ROWS(texts); i++) {
        struct addr a;
        struct addr copy;
        char before[ADDR_TEXT_MAX];
        char after[ADDR_TEXT_MAX];
        assert_int_equal(addr_parse(str_of(texts[i]), false, &a, NULL), 0);
        memset(&copy, 0x5a, sizeof(copy));
        assert_true(addr_size(&a) <= sizeof(a));
        memcpy(&copy, &a, addr_size(&a));
        assert_true(str_eq(addr_text(&a, before), addr_text(&copy, after)));
        assert_int_equal(addr_len(&a), addr_len(&copy));
        assert_true(addr_count_key(&a) == addr_count_key(&copy));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size),        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_forms),       cmocka_unit_test(test_longest_name),
        cmocka_unit_test(test_from_kernel), cmocka_unit_test(test_ranges_refused),
        cmocka_unit_test(test_ranges),      cmocka_unit_test(test_count_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
