/* Requests: what is refused, why, and what is let in (RFC 9112, RFC 9110). Each row is fed whole,
 * one octet at a time, and cut at random, and must give the same each time. */
#include "tests/unit/proxy/http/drive.h"

struct row {
    const char *why;
    struct str input;
    enum reason reason;
};

#define HOST "Host: a\r\n"
#define GET  "GET / HTTP/1.1\r\n" HOST
#define POST "POST / HTTP/1.1\r\n" HOST
#define TE   "Transfer-Encoding: chunked\r\n"

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct drive_result d;
        struct drive how = {.input = rows[i].input};
        drive_all_ways(how, &d, rows[i].why);
        if (d.reason != rows[i].reason) {
            fail_msg("%s: %s, but %s was expected\n%.*s", rows[i].why, reason_token(d.reason),
                     reason_token(rows[i].reason), STR_ARG(buf_str(&d.log)));
        }
        bool is_told = str_chr(buf_str(&d.log), 'D') != STR_NPOS;
        if (d.reason == REASON_OK && !is_told) {
            fail_msg("%s: no event at all", rows[i].why);
        }
        buf_release(&d.log);
    }
}

#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void test_line_ends(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"the plain case", IN(GET "\r\n"), REASON_OK},
        {"CR inside a value", IN(GET "X: a\rb\r\n\r\n"), REASON_HTTP_BARE_CR},
        {"CR CR LF behind a value", IN(GET "X: a\r\r\n\r\n"), REASON_HTTP_BARE_CR},
        {"CR first in a value, the next octet is no LF",
         IN(GET "X:\r?Transfer-Encoding: chunked\r\n\r\n"), REASON_HTTP_BARE_CR},
        {"CR first in a value, then a framing field",
         IN(GET "X: \rTransfer-Encoding: chunked\r\n\r\n"), REASON_HTTP_BARE_CR},
        {"the head ends in CRLF CR and another octet",
         IN(GET "\r?GET /b HTTP/1.1\r\nHost: b\r\n\r\n"), REASON_HTTP_BARE_CR},
        {"the head ends in CRLF CR CR LF", IN(GET "\r\r\n"), REASON_HTTP_BARE_CR},
        {"LF alone behind the request line", IN("GET / HTTP/1.1\nHost: a\r\n\r\n"),
         REASON_HTTP_BARE_LF},
        {"LF alone behind a field", IN("GET / HTTP/1.1\r\nHost: a\n\r\n"), REASON_HTTP_BARE_LF},
        {"LF alone as the empty line", IN(GET "\n"), REASON_HTTP_BARE_LF},
        {"LF alone everywhere", IN("GET / HTTP/1.1\nHost: a\n\n"), REASON_HTTP_BARE_LF},
        {"LF CR", IN(GET "X: a\n\r\r\n"), REASON_HTTP_BARE_LF},
        {"LF in a name", IN(GET "X\n: a\r\n\r\n"), REASON_HTTP_BARE_LF},
        {"CR in a name", IN(GET "X\r: a\r\n\r\n"), REASON_HTTP_BARE_CR},
        {"LF in the method", IN("GE\nT / HTTP/1.1\r\nHost: a\r\n\r\n"), REASON_HTTP_BARE_LF},
        {"LF in the target", IN("GET /\n HTTP/1.1\r\nHost: a\r\n\r\n"), REASON_HTTP_BARE_LF},
        {"LF in the version", IN("GET / HTTP\n/1.1\r\nHost: a\r\n\r\n"), REASON_HTTP_BARE_LF},
        {"CR in the target", IN("GET /a\rb HTTP/1.1\r\nHost: a\r\n\r\n"), REASON_HTTP_BARE_CR},
        {"CR in the method", IN("GE\rT / HTTP/1.1\r\nHost: a\r\n\r\n"), REASON_HTTP_BARE_CR},
        {"one CRLF before the request line", IN("\r\n" GET "\r\n"), REASON_OK},
        {"two CRLF before the request line", IN("\r\n\r\n" GET "\r\n"), REASON_HTTP_EMPTY_LINES},
        {"LF before the request line", IN("\n" GET "\r\n"), REASON_HTTP_BARE_LF},
        {"CR before the request line", IN("\r" GET "\r\n"), REASON_HTTP_BARE_CR},
    };
    CHECK(rows);
}

static void test_fields(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"folded line", IN(GET "X: a\r\n b\r\n\r\n"), REASON_HTTP_FOLDED_LINE},
        {"folded line with HTAB", IN(GET "X: a\r\n\tb\r\n\r\n"), REASON_HTTP_FOLDED_LINE},
        {"folded Host", IN("GET / HTTP/1.1\r\nHost:\r\n a\r\n\r\n"), REASON_HTTP_FOLDED_LINE},
        {"folded Transfer-Encoding", IN(POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
         REASON_HTTP_FOLDED_LINE},
        {"folded Content-Length", IN(POST "Content-Length:\r\n 5\r\n\r\nhello"),
         REASON_HTTP_FOLDED_LINE},
        {"folded Connection", IN(GET "Connection:\r\n close\r\n\r\n"), REASON_HTTP_FOLDED_LINE},
        {"a framing field as a folded line (CVE-2024-27982)",
         IN("POST / HTTP/1.1\r\nHost: a\r\n Content-Length: 5\r\n\r\nhello"),
         REASON_HTTP_FOLDED_LINE},
        {"a blank before the first field", IN("GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
         REASON_HTTP_FOLDED_LINE},
        {"a line of blanks", IN(GET " \r\n\r\n"), REASON_HTTP_FOLDED_LINE},
        {"empty name", IN(GET ": x\r\n\r\n"), REASON_HTTP_FIELD_NAME},
        {"space before the colon", IN(GET "X : a\r\n\r\n"), REASON_HTTP_FIELD_NAME},
        {"HTAB before the colon", IN(GET "X\t: a\r\n\r\n"), REASON_HTTP_FIELD_NAME},
        {"space before the colon of a framing field",
         IN(POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"), REASON_HTTP_FIELD_NAME},
        {"space inside a name", IN(GET "X Y: a\r\n\r\n"), REASON_HTTP_FIELD_NAME},
        {"line without a colon", IN(GET "Xyz\r\n\r\n"), REASON_HTTP_FIELD_NAME},
        {"parenthesis in a name", IN(GET "X(: a\r\n\r\n"), REASON_HTTP_FIELD_NAME},
        {"quote in a name", IN(GET "X\": a\r\n\r\n"), REASON_HTTP_FIELD_NAME},
        {"at sign in a name", IN(GET "X@: a\r\n\r\n"), REASON_HTTP_FIELD_NAME},
        {"slash in a name", IN(GET "X/: a\r\n\r\n"), REASON_HTTP_FIELD_NAME},
        {"NUL in a name", IN(GET "X\0: a\r\n\r\n"), REASON_HTTP_FIELD_NAME},
        {"obs-text in a name", IN(GET "X\xe9: a\r\n\r\n"), REASON_HTTP_FIELD_NAME},
        {"DEL in a name", IN(GET "X\x7f: a\r\n\r\n"), REASON_HTTP_FIELD_NAME},
        {"underscore in a name: the strip step reads it as '-'", IN(GET "X_User: a\r\n\r\n"),
         REASON_OK},
        {"every tchar in a name", IN(GET "!#$%&'*+-.^_`|~0aZ: a\r\n\r\n"), REASON_OK},
        {"Content_Length", IN(POST "Content_Length: 5\r\n\r\n"), REASON_HTTP_FIELD_NAME},
        {"content_length beside the real one",
         IN(POST "Content-Length: 1\r\ncontent_length: 5\r\n\r\nx"), REASON_HTTP_FIELD_NAME},
        {"Transfer_Encoding", IN(POST "Transfer_Encoding: chunked\r\n\r\n"),
         REASON_HTTP_FIELD_NAME},
        {"Content.Length, which gateways write as CONTENT_LENGTH",
         IN(POST "Content.Length: 5\r\n\r\n"), REASON_HTTP_FIELD_NAME},
        {"NUL in a value", IN(GET "X: a\0b\r\n\r\n"), REASON_HTTP_FIELD_VALUE},
        {"BEL in a value", IN(GET "X: a\x07\r\n\r\n"), REASON_HTTP_FIELD_VALUE},
        {"VT in a value", IN(GET "X: \x0b\x61\r\n\r\n"), REASON_HTTP_FIELD_VALUE},
        {"FF in a value", IN(GET "X: \x0c\r\n\r\n"), REASON_HTTP_FIELD_VALUE},
        {"ESC in a value", IN(GET "X: \x1b[0m\r\n\r\n"), REASON_HTTP_FIELD_VALUE},
        {"DEL in a value", IN(GET "X: a\x7f\r\n\r\n"), REASON_HTTP_FIELD_VALUE},
        {"obs-text and UTF-8 in a value", IN(GET "X: \xc3\xa9\xff\r\n\r\n"), REASON_OK},
        {"HTAB in a value", IN(GET "X:\ta\tb\t\r\n\r\n"), REASON_OK},
        {"empty value", IN(GET "X:\r\nY: \r\n\r\n"), REASON_OK},
        {"colons in a value", IN(GET "X: a:b::c\r\n\r\n"), REASON_OK},
    };
    CHECK(rows);
}

static void test_request_line(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"two spaces before the target", IN("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
         REASON_HTTP_START_LINE},
        {"two spaces before the version", IN("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
         REASON_HTTP_START_LINE},
        {"space behind the version", IN("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
         REASON_HTTP_START_LINE},
        {"space before the method", IN(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
         REASON_HTTP_START_LINE},
        {"HTAB behind the method", IN("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
         REASON_HTTP_START_LINE},
        {"HTAB before the version", IN("GET /\tHTTP/1.1\r\nHost: a\r\n\r\n"), REASON_HTTP_TARGET},
        {"HTAB in the target", IN("GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n"), REASON_HTTP_TARGET},
        {"FF in the target", IN("GET /a\x0c HTTP/1.1\r\nHost: a\r\n\r\n"), REASON_HTTP_TARGET},
        {"obs-text in the target", IN("GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"),
         REASON_HTTP_TARGET},
        {"NUL in the target", IN("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"), REASON_HTTP_TARGET},
        {"DEL in the target", IN("GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n"), REASON_HTTP_TARGET},
        {"space in the target", IN("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"), REASON_HTTP_START_LINE},
        {"no version (HTTP/0.9)", IN("GET /\r\n"), REASON_HTTP_START_LINE},
        {"no target", IN("GET\r\n\r\n"), REASON_HTTP_START_LINE},
        {"HTTP/0.9", IN("GET / HTTP/0.9\r\nHost: a\r\n\r\n"), REASON_HTTP_VERSION},
        {"HTTP/2.0", IN("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), REASON_HTTP_VERSION},
        {"HTTP/1.2", IN("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), REASON_HTTP_VERSION},
        {"the preface of HTTP/2", IN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), REASON_HTTP_VERSION},
        {"HTTP/1.10", IN("GET / HTTP/1.10\r\nHost: a\r\n\r\n"), REASON_HTTP_START_LINE},
        {"HTTP/11", IN("GET / HTTP/11\r\nHost: a\r\n\r\n"), REASON_HTTP_START_LINE},
        {"HTTP/1", IN("GET / HTTP/1\r\nHost: a\r\n\r\n"), REASON_HTTP_START_LINE},
        {"http/1.1", IN("GET / http/1.1\r\nHost: a\r\n\r\n"), REASON_HTTP_START_LINE},
        {"ICE/1.0", IN("GET / ICE/1.0\r\nHost: a\r\n\r\n"), REASON_HTTP_START_LINE},
        {"RTSP/1.0", IN("GET / RTSP/1.0\r\nHost: a\r\n\r\n"), REASON_HTTP_START_LINE},
        {"a TLS ClientHello", IN("\x16\x03\x01\x02\x00"), REASON_HTTP_START_LINE},
        {"CONNECT", IN("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"), REASON_HTTP_CONNECT},
        {"TRACE", IN("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"), REASON_HTTP_METHOD},
        {"SOURCE", IN("SOURCE / HTTP/1.1\r\nHost: a\r\n\r\n"), REASON_HTTP_METHOD},
        {"PROPFIND", IN("PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n"), REASON_HTTP_METHOD},
        {"QUERY", IN("QUERY / HTTP/1.1\r\nHost: a\r\n\r\n"), REASON_HTTP_METHOD},
        {"lower-case method", IN("get / HTTP/1.1\r\nHost: a\r\n\r\n"), REASON_HTTP_METHOD},
        {"a method with a known one in front", IN("GETX / HTTP/1.1\r\nHost: a\r\n\r\n"),
         REASON_HTTP_METHOD},
        {"NUL in the method", IN("GE\0T / HTTP/1.1\r\nHost: a\r\n\r\n"), REASON_HTTP_START_LINE},
        {"HEAD", IN("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"), REASON_OK},
        {"PUT", IN("PUT / HTTP/1.1\r\nHost: a\r\n\r\n"), REASON_OK},
        {"DELETE", IN("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n"), REASON_OK},
        {"PATCH", IN("PATCH / HTTP/1.1\r\nHost: a\r\n\r\n"), REASON_OK},
        {"OPTIONS", IN("OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n"), REASON_OK},
    };
    CHECK(rows);
}

#define TARGET(t)   IN("GET " t " HTTP/1.1\r\nHost: a\r\n\r\n")
#define TARGET_B(t) IN("GET " t " HTTP/1.1\r\nHost: b:81\r\n\r\n")

static void test_targets(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"asterisk with GET", TARGET("*"), REASON_HTTP_TARGET},
        {"asterisk with OPTIONS", IN("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), REASON_OK},
        {"asterisk and more", IN("OPTIONS *foo HTTP/1.1\r\nHost: a\r\n\r\n"), REASON_HTTP_TARGET},
        {"fragment", TARGET("/a#b"), REASON_HTTP_TARGET},
        {"fragment behind a query", TARGET("/a?b#c"), REASON_HTTP_TARGET},
        {"escape that is none", TARGET("/%zz"), REASON_HTTP_TARGET},
        {"escape cut off", TARGET("/%4"), REASON_HTTP_TARGET},
        {"escape cut off in the query", TARGET("/?%"), REASON_HTTP_TARGET},
        {"quote", TARGET("/\""), REASON_HTTP_TARGET},
        {"less-than", TARGET("/<"), REASON_HTTP_TARGET},
        {"greater-than", TARGET("/>"), REASON_HTTP_TARGET},
        {"left brace", TARGET("/{"), REASON_HTTP_TARGET},
        {"right brace", TARGET("/?}"), REASON_HTTP_TARGET},
        {"bar", TARGET("/|"), REASON_HTTP_TARGET},
        {"caret", TARGET("/^"), REASON_HTTP_TARGET},
        {"backtick", TARGET("/`"), REASON_HTTP_TARGET},
        {"backslash", TARGET("/\\"), REASON_HTTP_TARGET},
        {"no slash in front", TARGET("a"), REASON_HTTP_TARGET},
        {"query without path", TARGET("?a"), REASON_HTTP_TARGET},
        {"authority-form with GET", TARGET("a:80"), REASON_HTTP_TARGET},
        {"every octet of a path", TARGET("/aZ09-._~%41!$&'()*+,;=:@/[]?a/?[b]"), REASON_OK},
        {"two slashes", TARGET("//b/c"), REASON_OK},
        {"absolute-form", TARGET("http://a/x"), REASON_OK},
        {"absolute-form, https, upper case", TARGET("HTTPS://A/x"), REASON_OK},
        {"absolute-form with the port that is meant anyway", TARGET("http://a:80/"), REASON_OK},
        {"absolute-form with an empty port", TARGET("http://a:/"), REASON_OK},
        {"absolute-form, same port", TARGET_B("http://b:81/"), REASON_OK},
        {"absolute-form, foreign host", TARGET("http://b/x"), REASON_HTTP_HOST_NOT_TARGET},
        {"absolute-form, foreign port", TARGET("http://a:81/"), REASON_HTTP_HOST_NOT_TARGET},
        {"absolute-form, the port of the other scheme", TARGET("http://a:443/"),
         REASON_HTTP_HOST_NOT_TARGET},
        {"absolute-form, userinfo", TARGET("http://u@a/"), REASON_HTTP_TARGET},
        {"absolute-form, user and password", TARGET("http://u:p@a/"), REASON_HTTP_TARGET},
        {"absolute-form, no host", TARGET("http:///x"), REASON_HTTP_TARGET},
        {"absolute-form, host is a port", TARGET("http://:80/"), REASON_HTTP_TARGET},
        {"absolute-form, one slash", TARGET("http:/a"), REASON_HTTP_TARGET},
        {"absolute-form, fragment", TARGET("http://a/#x"), REASON_HTTP_TARGET},
        {"absolute-form, fragment behind the host", TARGET("http://a#b/"), REASON_HTTP_TARGET},
        {"absolute-form, bad escape in the host", TARGET("http://a%00/"), REASON_HTTP_TARGET},
        {"other scheme", TARGET("ftp://a/"), REASON_HTTP_TARGET},
        {"javascript", TARGET("javascript:alert(1)"), REASON_HTTP_TARGET},
        {"absolute-form in HTTP/1.0 without Host", IN("GET http://a/ HTTP/1.0\r\n\r\n"), REASON_OK},
        {"absolute-form in HTTP/1.1 without Host", IN("GET http://a/ HTTP/1.1\r\n\r\n"),
         REASON_HTTP_HOST_MISSING},
    };
    CHECK(rows);
}

#define WITH_HOST(h) IN("GET / HTTP/1.1\r\nHost: " h "\r\n\r\n")

static void test_host(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"none", IN("GET / HTTP/1.1\r\n\r\n"), REASON_HTTP_HOST_MISSING},
        {"none in HTTP/1.0", IN("GET / HTTP/1.0\r\n\r\n"), REASON_OK},
        {"two", IN("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), REASON_HTTP_HOST_REPEATED},
        {"two equal", IN("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"),
         REASON_HTTP_HOST_REPEATED},
        {"two in HTTP/1.0", IN("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"),
         REASON_HTTP_HOST_REPEATED},
        {"empty", WITH_HOST(""), REASON_HTTP_HOST_INVALID},
        {"empty in HTTP/1.0", IN("GET / HTTP/1.0\r\nHost:\r\n\r\n"), REASON_HTTP_HOST_INVALID},
        {"slash, space and comma", WITH_HOST("a/b c,d"), REASON_HTTP_HOST_INVALID},
        {"list", WITH_HOST("a,b"), REASON_HTTP_HOST_INVALID},
        {"space", WITH_HOST("a b"), REASON_HTTP_HOST_INVALID},
        {"userinfo", WITH_HOST("u@a"), REASON_HTTP_HOST_INVALID},
        {"port that is none", WITH_HOST("a:b"), REASON_HTTP_HOST_INVALID},
        {"port too large", WITH_HOST("a:65536"), REASON_HTTP_HOST_INVALID},
        {"IPv6 without brackets", WITH_HOST("::1"), REASON_HTTP_HOST_INVALID},
        {"IPv6 with an address that is none", WITH_HOST("[::g]"), REASON_HTTP_HOST_INVALID},
        {"obs-text", WITH_HOST("\xc3\xa9"), REASON_HTTP_HOST_INVALID},
        {"name and port", WITH_HOST("a.example:8443"), REASON_OK},
        {"IPv6 and port", WITH_HOST("[2001:db8::1]:8443"), REASON_OK},
        {"blanks around it", WITH_HOST(" \t a \t "), REASON_OK},
    };
    CHECK(rows);
}

static void test_length(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"CL then TE", IN(POST "Content-Length: 5\r\n" TE "\r\n0\r\n\r\n"),
         REASON_HTTP_LENGTH_AND_CHUNKED},
        {"TE then CL", IN(POST TE "Content-Length: 5\r\n\r\n0\r\n\r\n"),
         REASON_HTTP_LENGTH_AND_CHUNKED},
        {"empty TE and CL", IN(POST "Transfer-Encoding:\r\nContent-Length: 5\r\n\r\nhello"),
         REASON_HTTP_LENGTH_AND_CHUNKED},
        {"TE and an empty CL", IN(POST TE "Content-Length:\r\n\r\n0\r\n\r\n"),
         REASON_HTTP_LENGTH_AND_CHUNKED},
        {"TE and CL 0", IN(POST TE "Content-Length: 0\r\n\r\n0\r\n\r\n"),
         REASON_HTTP_LENGTH_AND_CHUNKED},
        {"CL twice", IN(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
         REASON_HTTP_CONTENT_LENGTH},
        {"CL twice, equal", IN(POST "Content-Length: 5\r\ncontent-length: 5\r\n\r\nhello"),
         REASON_HTTP_CONTENT_LENGTH},
        {"CL list", IN(POST "Content-Length: 5, 5\r\n\r\nhello"), REASON_HTTP_CONTENT_LENGTH},
        {"CL with a comma", IN(POST "Content-Length: 5,\r\n\r\nhello"), REASON_HTTP_CONTENT_LENGTH},
        {"CL with plus", IN(POST "Content-Length: +5\r\n\r\nhello"), REASON_HTTP_CONTENT_LENGTH},
        {"CL with minus", IN(POST "Content-Length: -5\r\n\r\nhello"), REASON_HTTP_CONTENT_LENGTH},
        {"CL 0x", IN(POST "Content-Length: 0x5\r\n\r\nhello"), REASON_HTTP_CONTENT_LENGTH},
        {"CL with underscore", IN(POST "Content-Length: 1_0\r\n\r\nhello"),
         REASON_HTTP_CONTENT_LENGTH},
        {"CL of two numbers", IN(POST "Content-Length: 1 2\r\n\r\nhello"),
         REASON_HTTP_CONTENT_LENGTH},
        {"CL with a fraction", IN(POST "Content-Length: 1.0\r\n\r\nhello"),
         REASON_HTTP_CONTENT_LENGTH},
        {"CL empty", IN(POST "Content-Length: \r\n\r\n"), REASON_HTTP_CONTENT_LENGTH},
        {"CL with zeros in front", IN(POST "Content-Length: 001\r\n\r\nx"),
         REASON_HTTP_CONTENT_LENGTH},
        {"CL 00", IN(POST "Content-Length: 00\r\n\r\n"), REASON_HTTP_CONTENT_LENGTH},
        {"CL in obs-text digits", IN(POST "Content-Length: \xb2\r\n\r\n"),
         REASON_HTTP_CONTENT_LENGTH},
        {"CL 2^63 - 1", IN(POST "Content-Length: 9223372036854775807\r\n\r\n"),
         REASON_HTTP_BODY_TOO_LARGE},
        {"CL 2^63", IN(POST "Content-Length: 9223372036854775808\r\n\r\n"),
         REASON_HTTP_BODY_TOO_LARGE},
        {"CL 2^64 - 1", IN(POST "Content-Length: 18446744073709551615\r\n\r\n"),
         REASON_HTTP_BODY_TOO_LARGE},
        {"CL 2^64", IN(POST "Content-Length: 18446744073709551616\r\n\r\n"),
         REASON_HTTP_BODY_TOO_LARGE},
        {"CL of 30 digits", IN(POST "Content-Length: 100000000000000000000000000005\r\n\r\n"),
         REASON_HTTP_BODY_TOO_LARGE},
        {"CL at the limit", IN(POST "Content-Length: 100000\r\n\r\n"), REASON_OK},
        {"CL past the limit", IN(POST "Content-Length: 100001\r\n\r\n"),
         REASON_HTTP_BODY_TOO_LARGE},
        {"CL 0", IN(POST "Content-Length: 0\r\n\r\n"), REASON_OK},
    };
    CHECK(rows);
}

static void test_transfer_encoding(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"TE chunked, identity", IN(POST "Transfer-Encoding: chunked, identity\r\n\r\n"),
         REASON_HTTP_TRANSFER_ENCODING},
        {"TE xchunked", IN(POST "Transfer-Encoding: xchunked\r\n\r\n"),
         REASON_HTTP_TRANSFER_ENCODING},
        {"TE quoted", IN(POST "Transfer-Encoding: \"chunked\"\r\n\r\n"),
         REASON_HTTP_TRANSFER_ENCODING},
        {"TE with a parameter", IN(POST "Transfer-Encoding: chunked;q=1\r\n\r\n"),
         REASON_HTTP_TRANSFER_ENCODING},
        {"TE gzip", IN(POST "Transfer-Encoding: gzip\r\n\r\n"), REASON_HTTP_TRANSFER_ENCODING},
        {"TE identity", IN(POST "Transfer-Encoding: identity\r\n\r\n"),
         REASON_HTTP_TRANSFER_ENCODING},
        {"TE empty", IN(POST "Transfer-Encoding:\r\n\r\n"), REASON_HTTP_TRANSFER_ENCODING},
        {"TE with VT",
         IN(POST "Transfer-Encoding: \x0b"
                 "chunked\r\n\r\n"),
         REASON_HTTP_FIELD_VALUE},
        {"TE with obs-text", IN(POST "Transfer-Encoding: chunked\xa0\r\n\r\n"),
         REASON_HTTP_TRANSFER_ENCODING},
        {"TE chunked twice", IN(POST "Transfer-Encoding: chunked, chunked\r\n\r\n"),
         REASON_HTTP_TRANSFER_ENCODING},
        {"TE in two fields, equal", IN(POST TE TE "\r\n0\r\n\r\n"), REASON_HTTP_TRANSFER_ENCODING},
        {"TE identity, then chunked", IN(POST "Transfer-Encoding: identity\r\n" TE "\r\n0\r\n\r\n"),
         REASON_HTTP_TRANSFER_ENCODING},
        {"TE identity, chunked", IN(POST "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n"),
         REASON_HTTP_TRANSFER_ENCODING},
        {"TE gzip, chunked", IN(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
         REASON_HTTP_TRANSFER_ENCODING},
        {"TE with an empty member", IN(POST "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n"),
         REASON_HTTP_TRANSFER_ENCODING},
        {"TE in HTTP/1.0", IN("POST / HTTP/1.0\r\n" TE "\r\n0\r\n\r\n"),
         REASON_HTTP_TRANSFER_ENCODING},
        {"TE with HTAB behind it, legal, but llhttp refuses it",
         IN(POST "Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n"), REASON_HTTP_SYNTAX},
        {"CL with HTAB behind it, likewise", IN(POST "Content-Length: 1\t\r\n\r\nx"),
         REASON_HTTP_SYNTAX},
        {"TE with blanks around and other case",
         IN(POST "transfer-encoding: \t Chunked \r\n\r\n0\r\n\r\n"), REASON_OK},
    };
    CHECK(rows);
}

#define BODY(b) IN(POST TE "\r\n" b)

static void test_chunks(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"two chunks", BODY("5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"), REASON_OK},
        {"size 0x", BODY("0x5\r\nhello\r\n0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"size with plus", BODY("+5\r\nhello\r\n0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"size with minus", BODY("-5\r\nhello\r\n0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"size with underscore", BODY("0_5\r\nhello\r\n0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"space before the size", BODY(" 5\r\nhello\r\n0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"space behind the size", BODY("5 \r\nhello\r\n0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"space before the semicolon", BODY("5 ;a\r\nhello\r\n0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"HTAB behind the size", BODY("5\t\r\nhello\r\n0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"size g", BODY("g\r\nhello\r\n0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"size empty", BODY("\r\nhello\r\n0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"size of 65 bits", BODY("10000000000000000\r\nhello"), REASON_HTTP_BODY_TOO_LARGE},
        {"size 2^63", BODY("8000000000000000\r\n"), REASON_HTTP_BODY_TOO_LARGE},
        {"size 2^64 - 1", BODY("ffffffffffffffff\r\n"), REASON_HTTP_BODY_TOO_LARGE},
        {"16 digits with zeros in front", BODY("0000000000000001\r\nx\r\n0\r\n\r\n"), REASON_OK},
        {"17 digits", BODY("00000000000000001\r\nx\r\n0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"LF behind the size", BODY("5\nhello\r\n0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"CR behind the size", BODY("5\rhello\r\n0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"CR CR LF behind the size", BODY("5\r\r\nhello\r\n0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"other octets where CRLF follows data", BODY("5\r\nhelloXX0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"LF alone behind data", BODY("5\r\nhello\n0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"CR and another octet behind data", BODY("5\r\nhello\rX0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"data longer than the size", BODY("4\r\nhello\r\n0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"extension", BODY("5;a\r\nhello\r\n0;b\r\n\r\n"), REASON_OK},
        {"extensions with values", BODY("5;a=b;c=\"d e\\\"\";f\r\nhello\r\n0\r\n\r\n"), REASON_OK},
        {"extension empty", BODY("5;\r\nhello\r\n0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"extension without value", BODY("5;a=\r\nhello\r\n0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"extension with LF", BODY("5;a\nb\r\nhello\r\n0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"extension with CR", BODY("5;a\rb\r\nhello\r\n0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"extension with NUL", BODY("5;a\0\r\nhello\r\n0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"extension with a control", BODY("5;a=\"\x01\"\r\nhello\r\n0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"extension with an escaped control", BODY("5;a=\"\\\x01\"\r\nhello\r\n0\r\n\r\n"),
         REASON_HTTP_CHUNK},
        {"extension with obs-text", BODY("5;a=\xe9\r\nhello\r\n0\r\n\r\n"), REASON_HTTP_CHUNK},
        {"extension with a quote that stays open", BODY("5;a=\"b\r\nhello\r\n0\r\n\r\n"),
         REASON_HTTP_CHUNK},
        {"octets behind a quoted value", BODY("5;a=\"b\"c\r\nhello\r\n0\r\n\r\n"),
         REASON_HTTP_CHUNK},
        {"one chunk past the limit", BODY("186a1\r\n"), REASON_HTTP_BODY_TOO_LARGE},
        {"two chunks past the limit", BODY("1\r\nx\r\n186a0\r\n"), REASON_HTTP_BODY_TOO_LARGE},
        {"one chunk at the limit", BODY("186a0\r\n"), REASON_OK},
    };
    CHECK(rows);
}

#define TRAILERS(t) BODY("0\r\n" t)

static void test_trailers(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"one trailer", TRAILERS("X: a\r\n\r\n"), REASON_OK},
        {"framing and identity among them: dropped, not refused",
         TRAILERS("Content-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: b\r\n\r\n"), REASON_OK},
        {"LF alone as the end", TRAILERS("\n"), REASON_HTTP_BARE_LF},
        {"LF alone behind a field", TRAILERS("X: a\n\r\n"), REASON_HTTP_BARE_LF},
        {"LF alone as the end behind a field", TRAILERS("X: a\r\n\n"), REASON_HTTP_BARE_LF},
        {"CR and another octet as the end", TRAILERS("\rX"), REASON_HTTP_BARE_CR},
        {"CR inside a value", TRAILERS("X: a\rb\r\n\r\n"), REASON_HTTP_BARE_CR},
        {"folded line", TRAILERS("X: a\r\n b\r\n\r\n"), REASON_HTTP_FOLDED_LINE},
        {"folded first line", TRAILERS(" X: a\r\n\r\n"), REASON_HTTP_FOLDED_LINE},
        {"space before the colon", TRAILERS("X : a\r\n\r\n"), REASON_HTTP_FIELD_NAME},
        {"empty name", TRAILERS(": a\r\n\r\n"), REASON_HTTP_FIELD_NAME},
        {"no colon: the next request line", TRAILERS("GET / HTTP/1.1\r\n\r\n"),
         REASON_HTTP_FIELD_NAME},
        {"NUL in a value", TRAILERS("X: \0\r\n\r\n"), REASON_HTTP_FIELD_VALUE},
    };
    CHECK(rows);
}

static void test_connection_and_expect(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"upgrade", IN(GET "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
         REASON_HTTP_UPGRADE},
        {"upgrade in a list, other order and case",
         IN(GET "Upgrade: h2c\r\nConnection: HTTP2-Settings, UPGRADE\r\n\r\n"),
         REASON_HTTP_UPGRADE},
        {"upgrade with a body",
         IN(POST "Content-Length: 5\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello"),
         REASON_HTTP_UPGRADE},
        {"Upgrade without Connection", IN(GET "Upgrade: x\r\n\r\n"), REASON_OK},
        {"Connection: upgrade without Upgrade", IN(GET "Connection: upgrade\r\n\r\n" GET "\r\n"),
         REASON_OK},
        {"Proxy-Connection is no Connection: the next request is read",
         IN(GET "Proxy-Connection: upgrade\r\nUpgrade: x\r\n\r\n" GET "\r\n"), REASON_OK},
        {"Proxy-Connection with a chunked body",
         IN(POST "Proxy-Connection: upgrade\r\nUpgrade: x\r\n" TE "\r\n1\r\nx\r\n0\r\n\r\n" GET
                 "\r\n"),
         REASON_OK},
        {"Connection with too many members",
         IN(GET "Connection: ,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\r\n"
                "Connection: ,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\r\n\r\n"),
         REASON_HTTP_FIELD_VALUE},
        {"Expect: 100-continue", IN(POST "Content-Length: 1\r\nExpect: 100-continue\r\n\r\nx"),
         REASON_OK},
        {"another expectation", IN(GET "Expect: 200-ok\r\n\r\n"), REASON_HTTP_EXPECTATION},
        {"list of expectations", IN(GET "Expect: 100-continue, x\r\n\r\n"),
         REASON_HTTP_EXPECTATION},
        {"two expectations", IN(GET "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n"),
         REASON_HTTP_EXPECTATION},
        {"empty expectation", IN(GET "Expect:\r\n\r\n"), REASON_HTTP_EXPECTATION},
    };
    CHECK(rows);
}

struct log_row {
    const char *why;
    struct str input;
    const char *log;
};

/* What is read, word for word. */
static const struct log_row readings[] = {
    {"target, path, authority, host",
     IN("GET /a/b?c=d HTTP/1.1\r\nHost: h.example:81\r\nX:  y z \t\r\n\r\n"),
     "HEAD GET /a/b?c=d /a/b h.example:81 h.example 1.1 none 0 alive=1 expect=0 "
     "Host=h.example:81;X=y z;\nEND \n"},
    {"HTTP/1.0 closes", IN("GET / HTTP/1.0\r\n\r\n"),
     "HEAD GET / /   1.0 none 0 alive=0 expect=0 \nEND \n"},
    {"HTTP/1.0 with keep-alive", IN("GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n"),
     "HEAD GET / /   1.0 none 0 alive=1 expect=0 Connection=x, Keep-Alive;\nEND \n"},
    {"HTTP/1.1 with close wins over keep-alive",
     IN(GET "Connection: keep-alive\r\nConnection: close\r\n\r\n"),
     "HEAD GET / / a a 1.1 none 0 alive=0 expect=0 "
     "Host=a;Connection=keep-alive;Connection=close;\nEND \n"},
    {"absolute-form is reduced, the target names the authority",
     IN("GET http://A:80/x?y HTTP/1.1\r\nHost: a\r\n\r\n"),
     "HEAD GET /x?y /x A:80 A 1.1 none 0 alive=1 expect=0 Host=a;\nEND \n"},
    {"absolute-form without path", IN("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n"),
     "HEAD GET / / a a 1.1 none 0 alive=1 expect=0 Host=a;\nEND \n"},
    {"absolute-form with a query only", IN("GET http://a?b/c HTTP/1.1\r\nHost: a\r\n\r\n"),
     "HEAD GET /?b/c / a a 1.1 none 0 alive=1 expect=0 Host=a;\nEND \n"},
    {"absolute-form without path, OPTIONS", IN("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n"),
     "HEAD OPTIONS * * a a 1.1 none 0 alive=1 expect=0 Host=a;\nEND \n"},
    {"IPv6 keeps its brackets", IN("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
     "HEAD GET / / [::1]:80 [::1] 1.1 none 0 alive=1 expect=0 Host=[::1]:80;\nEND \n"},
    {"a body with a length, expected",
     IN(POST "Content-Length: 5\r\nExpect: 100-Continue\r\n"
             "\r\nhello"),
     "HEAD POST / / a a 1.1 length 5 alive=1 expect=1 "
     "Host=a;Content-Length=5;Expect=100-Continue;\nBODY hello\nEND \n"},
    {"an expectation without body is not answered",
     IN(POST "Content-Length: 0\r\nExpect: 100-continue\r\n\r\n"),
     "HEAD POST / / a a 1.1 length 0 alive=1 expect=0 "
     "Host=a;Content-Length=0;Expect=100-continue;\nEND \n"},
    {"an expectation of HTTP/1.0 is not answered",
     IN("POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx"),
     "HEAD POST / /   1.0 length 1 alive=0 expect=0 Content-Length=1;Expect=100-continue;\n"
     "BODY x\nEND \n"},
    {"chunks joined, extensions gone, trailers sifted",
     IN(POST TE "\r\n3;x=y\r\nabc\r\n00A\r\n0123456789\r\n0\r\nX-Sum: 1\r\n"
                "content_length: 9\r\nAuthorization: Basic x\r\nX-Forwarded-For: b\r\n"
                "X_Forwarded_Host: b\r\nSet-Cookie: c\r\nY:\r\n\r\n"),
     "HEAD POST / / a a 1.1 chunked 0 alive=1 expect=0 Host=a;Transfer-Encoding=chunked;\n"
     "BODY abc0123456789\nEND X-Sum=1;Y=;\n"},
    {"trailers of two messages are not mixed",
     IN(POST TE "\r\n0\r\nA: 1\r\n\r\n" POST TE "\r\n0\r\nB: 2\r\n\r\n"),
     "HEAD POST / / a a 1.1 chunked 0 alive=1 expect=0 Host=a;Transfer-Encoding=chunked;\n"
     "END A=1;\n"
     "HEAD POST / / a a 1.1 chunked 0 alive=1 expect=0 Host=a;Transfer-Encoding=chunked;\n"
     "END B=2;\n"},
    {"a pipeline: each body ends where it should",
     IN("\r\n" POST "Content-Length: 3\r\n\r\nGET" POST TE "\r\n1\r\nx\r\n0\r\n\r\n\r\n" GET
        "\r\n"),
     "HEAD POST / / a a 1.1 length 3 alive=1 expect=0 Host=a;Content-Length=3;\nBODY GET\n"
     "END \nHEAD POST / / a a 1.1 chunked 0 alive=1 expect=0 Host=a;"
     "Transfer-Encoding=chunked;\nBODY x\nEND \nHEAD GET / / a a 1.1 none 0 alive=1 expect=0 "
     "Host=a;\nEND \n"},
    {"a request behind Connection: close is still told: whoever reads decides",
     IN(GET "Connection: close\r\n\r\n" GET "\r\n"),
     "HEAD GET / / a a 1.1 none 0 alive=0 expect=0 Host=a;Connection=close;\nEND \n"
     "HEAD GET / / a a 1.1 none 0 alive=1 expect=0 Host=a;\nEND \n"},
    {"a fault in the second request leaves the first as it was", IN(GET "\r\n" GET ": x\r\n\r\n"),
     "HEAD GET / / a a 1.1 none 0 alive=1 expect=0 Host=a;\nEND \nERROR http_field_name"},
    {"the body before a bad chunk is told", IN(POST TE "\r\n1\r\nx\r\ng\r\n"),
     "HEAD POST / / a a 1.1 chunked 0 alive=1 expect=0 Host=a;Transfer-Encoding=chunked;\n"
     "BODY x\nERROR http_chunk"},
};

static void test_what_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(readings) / sizeof(readings[0]); i++) {
        struct drive_result d;
        drive_all_ways((struct drive){.input = readings[i].input}, &d, readings[i].why);
        if (!str_eq(buf_str(&d.log), str_of(readings[i].log))) {
            fail_msg("%s:\n%.*s\nexpected:\n%s", readings[i].why, STR_ARG(buf_str(&d.log)),
                     readings[i].log);
        }
        buf_release(&d.log);
    }
}

static void test_truncated(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        struct str input;
        const char *end;
        enum reason reason;
    } rows[] = {
        {"nothing at all", IN(""), "EOF idle", REASON_OK},
        {"an empty line only", IN("\r\n"), "EOF idle", REASON_OK},
        {"half an empty line", IN("\r"), "EOF idle", REASON_OK},
        {"between messages", IN(GET "\r\n"), "EOF idle", REASON_OK},
        {"one octet of a head", IN("G"), "EOF error", REASON_HTTP_TRUNCATED},
        {"a head without its end", IN(GET), "EOF error", REASON_HTTP_TRUNCATED},
        {"a body without its end", IN(POST "Content-Length: 2\r\n\r\nx"), "EOF error",
         REASON_HTTP_TRUNCATED},
        {"no body at all", IN(POST "Content-Length: 2\r\n\r\n"), "EOF error",
         REASON_HTTP_TRUNCATED},
        {"a chunk without its end", BODY("2\r\nx"), "EOF error", REASON_HTTP_TRUNCATED},
        {"no last chunk", BODY("1\r\nx\r\n"), "EOF error", REASON_HTTP_TRUNCATED},
        {"no final CRLF", BODY("0\r\n"), "EOF error", REASON_HTTP_TRUNCATED},
        {"half a final CRLF", BODY("0\r\n\r"), "EOF error", REASON_HTTP_TRUNCATED},
        {"a trailer without its end", BODY("0\r\nX: a\r\n"), "EOF error", REASON_HTTP_TRUNCATED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct drive_result d;
        drive_all_ways((struct drive){.input = rows[i].input, .has_eof = true}, &d, rows[i].why);
        if (!str_ends(buf_str(&d.log), str_of(rows[i].end)) || d.reason != rows[i].reason) {
            fail_msg("%s: %.*s", rows[i].why, STR_ARG(buf_str(&d.log)));
        }
        buf_release(&d.log);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_request_line),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_host),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_transfer_encoding),
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_trailers),
        cmocka_unit_test(test_connection_and_expect),
        cmocka_unit_test(test_what_is_read),
        cmocka_unit_test(test_truncated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
