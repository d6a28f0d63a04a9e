/* The command line of a run: refused first. */
#include <stdio.h>
#include <string.h>

#include "bench/options_read.h"
#include "tests/support/check.h"

#define WORDS_MAX 12
#define URL       "https://127.0.0.1:8443/a"

struct row {
    const char *says;
    const char *words[WORDS_MAX];
    const char *text; /* of the error must hold */
};

static const struct row refused[] = {
    {"no URL", {NULL}, "URL is missing"},
    {"two URLs", {URL, URL}, "one URL"},
    {"http", {"http://127.0.0.1/"}, "expected https://"},
    {"no host", {"https:///a"}, "host"},
    {"a user in the URL", {"https://a:b@127.0.0.1/"}, "--users"},
    {"a fragment", {URL "#b"}, "fragment"},
    {"a blank", {URL " b"}, "encoded"},
    {"a line's end", {URL "\r\nX: y"}, "encoded"},
    {"port 0", {"https://127.0.0.1:0/"}, "1-65535"},
    {"port too large", {"https://127.0.0.1:65536/"}, "1-65535"},
    {"open bracket", {"https://[::1/"}, "]"},
    {"junk after the bracket", {"https://[::1]x/"}, "port"},
    {"a name of nobody", {"https://nobody.invalid/"}, "cannot resolve"},
    {"a public target", {"https://192.0.2.1/"}, "--i-own-this-target"},
    {"a target of the link", {"https://169.254.169.254/"}, "--i-own-this-target"},
    {"a target behind a provider's NAT", {"https://100.64.0.1/"}, "--i-own-this-target"},
    {"a target of the link, IPv6", {"https://[fe80::1]/"}, "--i-own-this-target"},
    {"a public target of IPv6", {"https://[2001:db8::1]/"}, "--i-own-this-target"},
    {"unknown option", {URL, "--rat", "5"}, "did you mean \"--rate\""},
    {"a value that is missing", {URL, "--rate"}, "needs a value"},
    {"a value too much", {URL, "--closed=1"}, "takes no value"},
    {"rate 0", {URL, "--rate", "0"}, "--rate 0: expected"},
    {"mode", {URL, "--mode", "fast"}, "handshake, request"},
    {"arrivals", {URL, "--arrivals", "late"}, "uniform"},
    {"pick", {URL, "--pick", "best"}, "round-robin"},
    {"TLS 1.1", {URL, "--tls", "1.1"}, "1.2"},
    {"no connections", {URL, "-c", "0"}, "1 to 1000000"},
    {"too many threads", {URL, "--threads", "257"}, "1 to 256"},
    {"duration without a unit", {URL, "--duration", "10"}, "unit"},
    {"too short", {URL, "--duration", "10ms"}, "bounds"},
    {"share above 1", {URL, "--mismatch", "101%", "--users", "u"}, "share"},
    {"status", {URL, "--expect", "99"}, "200 to 599"},
    {"objective", {URL, "--find-max", "--slo", "p99>5ms"}, "'p99<50ms'"},
    {"objective of nothing", {URL, "--find-max", "--slo", "p99<0ms"}, "'p99<50ms'"},
    {"method", {URL, "--method", "GE T"}, "a method"},
    {"method with a line's end", {URL, "--method", "GET\r\n"}, "a method"},
    {"header without a colon", {URL, "--header", "abc"}, "Name: value"},
    {"header with a line's end", {URL, "--header", "A: b\r\nC: d"}, "Name: value"},
    {"header that frames", {URL, "--header", "content-LENGTH: 5"}, "other options"},
    {"header with a secret", {URL, "--header", "Authorization: Basic x"}, "other options"},
    {"output", {URL, "--output", "xml"}, "text, json"},
    {"output to nowhere", {URL, "--output", "json:"}, "text, json"},
    {"source", {URL, "--source", "localhost"}, "address"},
    {"source that falls", {URL, "--source", "127.0.0.9-127.0.0.2"}, "rises"},
    {"too many sources", {URL, "--source", "127.0.0.0-127.0.1.0"}, "256"},
    {"source of the other family", {URL, "--source", "::1"}, "family"},
    {"range of IPv6", {URL, "--source", "::1-::2"}, "IPv4"},
    {"body too large", {URL, "--body-size", "2GiB"}, "1GiB"},
    {"rate of a closed loop", {URL, "--closed", "--rate", "5"}, "--closed has no --rate"},
    {"arrivals of a closed loop", {URL, "--closed", "--arrivals", "poisson"}, "open loop"},
    {"search in a closed loop",
     {URL, "--closed", "--find-max", "--slo", "p99<5ms"},
     "leave --closed out"},
    {"search without an objective", {URL, "--find-max"}, "--slo"},
    {"objective without a search", {URL, "--slo", "p99<5ms"}, "--find-max"},
    {"search of so many", {URL, "--find-max", "--slo=p99<5ms", "--operations=5"}, "--operations"},
    {"trust and no trust", {URL, "--ca", "a", "--insecure-no-verify"}, "exclude"},
    {"mismatch without users", {URL, "--mismatch", "5%"}, "--users"},
    {"mismatch of handshakes",
     {URL, "--mode", "handshake", "--mismatch", "5%", "--users", "u"},
     "needs requests"},
    {"body of handshakes", {URL, "--mode", "handshake", "--body-size", "5"}, "needs requests"},
    {"per connection", {URL, "--per-connection", "5"}, "keepalive"},
    {"in flight", {URL, "--in-flight", "5"}, "keepalive"},
    {"more in flight than there are",
     {URL, "--mode", "keepalive", "-c", "4", "--in-flight", "5"},
     "--connections"},
    {"opened", {URL, "--tell-opened"}, "keepalive"},
};

static int read_row(const struct row *row, struct options *o, struct err *e)
{
    static char words[WORDS_MAX + 1][128];
    char *argv[WORDS_MAX + 2] = {words[0]};
    int argc = 1;
    (void)snprintf(words[0], sizeof(words[0]), "run");
    for (; row->words[argc - 1] != NULL; argc++) {
        (void)snprintf(words[argc], sizeof(words[argc]), "%s", row->words[argc - 1]);
        argv[argc] = words[argc];
    }
    return options_read(argc, argv, o, e);
}

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(refused); i++) {
        struct options o;
        struct err e = {0};
        CHECK_ROW(refused[i].says, read_row(&refused[i], &o, &e) == -ERR_CONFIG);
        if (strstr(e.text, refused[i].text) == NULL) {
            CHECK_STR(refused[i].says, str_of(e.text), str_of(refused[i].text));
        }
    }
}

static void test_defaults(void **state)
{
    (void)state;
    struct options o;
    struct err e = {0};
    assert_int_equal(read_row(&(struct row){"", {URL}, ""}, &o, &e), 0);
    assert_string_equal(o.host, "127.0.0.1");
    assert_string_equal(o.server, "127.0.0.1:8443");
    assert_string_equal(o.path, "/a");
    assert_int_equal(o.mode, MODE_REQUEST);
    assert_true(!o.closed && o.rate == 100.0 && o.resume_ratio == 0.0);
    assert_true(!o.insecure_no_verify && !o.own_target);
    assert_int_equal(o.connections, 1000);
    assert_int_equal(o.duration_ms, 10000);
    assert_int_equal(o.timeout_ms, 10000);
    assert_true(o.threads >= 1);
    assert_int_equal(o.expect, 0);
    assert_string_equal(o.method, "GET");
}

static void test_what_follows(void **state)
{
    (void)state;
    struct options o;
    struct err e = {0};
    assert_int_equal(
        read_row(
            &(struct row){"", {"--mode=resume", "-c", "2", "--threads", "8", "--closed", URL}, ""},
            &o, &e),
        0);
    assert_true(o.resume_ratio == 1.0);
    assert_int_equal(o.threads, 2); /* a thread without a connection would do nothing */
    assert_int_equal(
        read_row(&(struct row){"", {"--find-max", "--slo", "p99.9<1.5ms", "https://localhost"}, ""},
                 &o, &e),
        0);
    assert_int_equal(o.slo.limit_ns, 1500000);
    assert_int_equal(o.duration_ms, 5000);
    assert_string_equal(o.path, "/");
    assert_int_equal(
        read_row(&(struct row){"", {"https://192.0.2.1/", "--i-own-this-target"}, ""}, &o, &e), 0);
    assert_int_equal(
        read_row(
            &(struct row){"", {URL, "--source", "127.0.0.254-127.0.1.1", "--source=127.0.0.9"}, ""},
            &o, &e),
        0);
    assert_int_equal(o.source_count, 5);
    assert_int_equal(ntohl(o.sources[2].in4.sin_addr.s_addr), 0x7f000100);
    assert_int_equal(
        read_row(&(struct row){"", {URL, "--output", "json:a:b", "--output=text"}, ""}, &o, &e), 0);
    assert_int_equal(o.output_count, 2);
    assert_string_equal(o.outputs[0].path, "a:b");
    assert_null(o.outputs[1].path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_what_follows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
