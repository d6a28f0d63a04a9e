/* The access log's lines: each form as it shall be, and nothing in a record that could end a line,
 * leave its quotes, or add a field. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "proxy/observe/access.h"
#include "tests/support/check.h"

#define IN(literal)                                                                                \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static char written[512 * 1024];

/* What the log holds after r was written to it, in format. */
static struct str lines_of(const struct access_record *r, enum conf_access_format format)
{
    struct err e = {0};
    char dir[] = "/tmp/access_testXXXXXX";
    char path[64];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/log", dir);
    struct logfile *file = logfile_open(path, 0, &e);
    assert_non_null(file);
    struct access_log *a = access_new(file, format);
    assert_non_null(a);
    access_write(a, r);
    access_free(a);
    logfile_close(file);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(written, 1, sizeof(written), f);
    (void)fclose(f);
    (void)unlink(path);
    (void)rmdir(dir);
    return (struct str){written, n};
}

/* 2026-11-21T18:16:54.123Z */
#define WALL_MS INT64_C(1795285014123)

static const struct access_record full = {
    .wall_ms = WALL_MS,
    .request_id = IN("0123456789abcdef"),
    .client = IN("192.0.2.7"),
    .listener = IN("0.0.0.0:8443"),
    .user = IN("alice@example.com"),
    .method = IN("GET"),
    .target = IN("/a?b=c"),
    .host = IN("api.example.com"),
    .minor = 1,
    .status = 200,
    .reason = REASON_OK,
    .step = IN("pairing"),
    .allowed = true,
    .received_octets = 0,
    .sent_octets = 1234,
    .duration_us = 5678,
    .upstream_us = 4321,
    .upstream = IN("127.0.0.1:9000"),
    .tls_version = IN("TLSv1.3"),
    .tls_cipher = IN("TLS_AES_128_GCM_SHA256"),
    .tls_name = IN("api.example.com"),
    .tls_resumed = true,
    .client_serial = IN("0A"),
    .client_fingerprint = IN("00ff"),
    .user_agent = IN("curl/7.88.1"),
    .referer = IN("https://example.com/"),
    .traceparent = IN("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
};

static void test_full_record(void **state)
{
    (void)state;
    CHECK_STR(
        "json", lines_of(&full, CONF_ACCESS_JSON),
        STR("{\"time\":\"2026-11-21T18:16:54.123Z\",\"request.id\":\"0123456789abcdef\","
            "\"client.address\":\"192.0.2.7\",\"listener\":\"0.0.0.0:8443\","
            "\"http.request.method\":\"GET\",\"server.address\":\"api.example.com\","
            "\"url.path\":\"/a?b=c\",\"network.protocol.version\":\"1.1\","
            "\"http.response.status_code\":200,\"http.request.body.size\":0,"
            "\"http.response.body.size\":1234,\"duration_us\":5678,"
            "\"user\":\"alice@example.com\",\"auth.result\":\"allowed\","
            "\"auth.step\":\"pairing\",\"auth.reason\":\"ok\","
            "\"tls.protocol.version\":\"TLSv1.3\",\"tls.cipher\":\"TLS_AES_128_GCM_SHA256\","
            "\"server.name\":\"api.example.com\",\"tls.resumed\":true,\"tls.client.serial\":\"0A\","
            "\"tls.client.hash.sha256\":\"00ff\",\"upstream.address\":\"127.0.0.1:9000\","
            "\"upstream.duration_us\":4321,\"user_agent.original\":\"curl/7.88.1\","
            "\"http.request.header.referer\":\"https://example.com/\","
            "\"traceparent\":\"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\"}\n"));
    CHECK_STR("logfmt", lines_of(&full, CONF_ACCESS_LOGFMT),
              STR("time=2026-11-21T18:16:54.123Z request.id=0123456789abcdef "
                  "client.address=192.0.2.7 listener=0.0.0.0:8443 http.request.method=GET "
                  "server.address=api.example.com url.path=\"/a?b=c\" "
                  "network.protocol.version=1.1 http.response.status_code=200 "
                  "http.request.body.size=0 http.response.body.size=1234 duration_us=5678 "
                  "user=alice@example.com auth.result=allowed auth.step=pairing auth.reason=ok "
                  "tls.protocol.version=TLSv1.3 tls.cipher=TLS_AES_128_GCM_SHA256 "
                  "server.name=api.example.com tls.resumed=true tls.client.serial=0A "
                  "tls.client.hash.sha256=00ff "
                  "upstream.address=127.0.0.1:9000 upstream.duration_us=4321 "
                  "user_agent.original=curl/7.88.1 "
                  "http.request.header.referer=https://example.com/ "
                  "traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n"));
    CHECK_STR("combined", lines_of(&full, CONF_ACCESS_COMBINED),
              STR("192.0.2.7 - alice@example.com [21/Nov/2026:18:16:54 +0000] "
                  "\"GET /a?b=c HTTP/1.1\" 200 1234 \"https://example.com/\" \"curl/7.88.1\"\n"));
}

/* A connection that ended at the handshake. */
static void test_no_request(void **state)
{
    (void)state;
    const struct access_record r = {.wall_ms = WALL_MS,
                                    .client = IN("192.0.2.7"),
                                    .reason = REASON_CLIENT_CERT_REVOKED,
                                    .duration_us = 9};
    CHECK_STR("json", lines_of(&r, CONF_ACCESS_JSON),
              STR("{\"time\":\"2026-11-21T18:16:54.123Z\",\"client.address\":\"192.0.2.7\","
                  "\"http.request.body.size\":0,\"http.response.body.size\":0,\"duration_us\":9,"
                  "\"auth.result\":\"denied\",\"auth.reason\":\"client_cert_revoked\"}\n"));
    CHECK_STR("combined", lines_of(&r, CONF_ACCESS_COMBINED),
              STR("192.0.2.7 - - [21/Nov/2026:18:16:54 +0000] \"\" 000 0 \"-\" \"-\"\n"));
}

static void test_result(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        enum reason reason;
        struct str step;
        bool allowed;
        const char *json; /* part of the line */
    } rows[] = {
        {"let through", REASON_OK, IN("pairing"), true,
         "\"auth.result\":\"allowed\",\"auth.step\":\"pairing\",\"auth.reason\":\"ok\""},
        {"refused by the gate", REASON_PAIRING_MISMATCH, IN("pairing"), false,
         "\"auth.result\":\"denied\",\"auth.step\":\"pairing\",\"auth.reason\":\"pairing_"
         "mismatch\""},
        {"the gate had no memory to ask for a password", REASON_OUT_OF_MEMORY, IN("password"),
         false, "\"duration_us\":0,\"auth.step\":\"password\",\"auth.reason\":\"out_of_memory\""},
        {"the gate failed", REASON_INTERNAL, IN("user"), false,
         "\"duration_us\":0,\"auth.step\":\"user\",\"auth.reason\":\"internal\""},
        {"let through, then memory failed", REASON_OUT_OF_MEMORY, IN("pairing"), true,
         "\"auth.result\":\"allowed\",\"auth.step\":\"pairing\",\"auth.reason\":\"out_of_memory\""},
        {"let through, then withdrawn", REASON_CLIENT_CERT_WITHDRAWN, IN("withdrawal"), true,
         "\"auth.result\":\"denied\",\"auth.step\":\"withdrawal\",\"auth.reason\":\"client_cert_"
         "withdrawn\""},
        {"let through, then the upstream failed", REASON_UPSTREAM_CLOSED, IN("pairing"), true,
         "\"auth.result\":\"allowed\",\"auth.step\":\"pairing\",\"auth.reason\":\"upstream_"
         "closed\""},
        {"never asked",
         REASON_HTTP_BARE_LF,
         {NULL, 0},
         false,
         "\"duration_us\":0,\"auth.reason\":\"http_bare_lf\""},
        {"a handshake that failed", REASON_TLS_PROTOCOL_ERROR, IN("handshake"), false,
         "\"duration_us\":0,\"auth.step\":\"handshake\",\"auth.reason\":\"tls_protocol_error\""},
        {"a handshake that we could not go on with", REASON_OUT_OF_MEMORY, IN("handshake"), false,
         "\"duration_us\":0,\"auth.step\":\"handshake\",\"auth.reason\":\"out_of_memory\""},
        {"a handshake that the certificate was refused in", REASON_CLIENT_CERT_EXPIRED,
         IN("handshake"), false,
         "\"auth.result\":\"denied\",\"auth.step\":\"handshake\",\"auth.reason\":\"client_cert_"
         "expired\""},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct access_record r = {.wall_ms = WALL_MS,
                                        .reason = rows[i].reason,
                                        .step = rows[i].step,
                                        .allowed = rows[i].allowed};
        struct str line = lines_of(&r, CONF_ACCESS_JSON);
        CHECK_ROW(rows[i].says, memmem(line.p, line.n, rows[i].json, strlen(rows[i].json)) != NULL);
    }
}

/* Values that a client chooses, each put into every text of a record. */
static const struct {
    const char *says;
    struct str value;
} hostile[] = {
    {"a line of its own", IN("x\r\n192.0.2.1 - root [x] \"GET / HTTP/1.1\" 200 0 \"-\" \"-\"")},
    {"a line feed", IN("\n")},
    {"a quote and a field", IN("x\",\"user\":\"root")},
    {"a quote and a blank", IN("x\" user=root y=\"")},
    {"a blank and a field", IN("x user=root")},
    {"an equals sign", IN("=")},
    {"a backslash at the end", IN("x\\")},
    {"a backslash before a quote", IN("x\\\"")},
    {"NUL", IN("a\0b")},
    {"escape", IN("\x1b[2J")},
    {"DEL", IN("\x7f")},
    {"a C1 control", IN("\xc2\x9b")},
    {"not UTF-8", IN("\xff\xfe")},
    {"half a character", IN("\xe2\x82")},
    {"a line separator of Unicode", IN("\xe2\x80\xa8")},
    {"brackets", IN("] [")},
};

static struct access_record filled_with(struct str v)
{
    struct access_record r = full;
    struct str *const texts[] = {
        &r.request_id, &r.client,      &r.listener,      &r.user,
        &r.method,     &r.target,      &r.host,          &r.step,
        &r.upstream,   &r.tls_name,    &r.client_serial, &r.client_fingerprint,
        &r.user_agent, &r.traceparent, &r.referer,       &r.tls_cipher};
    for (size_t i = 0; i < ROWS(texts); i++) {
        *texts[i] = v;
    }
    return r;
}

/* Number of quotes that no backslash escapes. */
static size_t count_quotes(struct str line)
{
    size_t n = 0;
    for (size_t i = 0; i < line.n; i++) {
        if (line.p[i] == '\\') {
            i++;
        } else if (line.p[i] == '"') {
            n++;
        }
    }
    return n;
}

/* Number of blanks outside quotes. */
static size_t count_words(struct str line)
{
    size_t n = 0;
    bool quoted = false;
    for (size_t i = 0; i < line.n; i++) {
        quoted = line.p[i] == '"' ? !quoted : quoted;
        n += line.p[i] == ' ' && !quoted ? 1 : 0;
    }
    return n;
}

static void test_no_line_can_be_forged(void **state)
{
    (void)state;
    static char of_harmless[4096];
    const struct access_record harmless = filled_with(STR("x"));
    for (size_t i = 0; i < ROWS(hostile); i++) {
        const struct access_record r = filled_with(hostile[i].value);
        for (int format = CONF_ACCESS_JSON; format <= CONF_ACCESS_COMBINED; format++) {
            struct str plain = lines_of(&harmless, (enum conf_access_format)format);
            memcpy(of_harmless, plain.p, plain.n);
            plain.p = of_harmless;
            struct str line = lines_of(&r, (enum conf_access_format)format);
            CHECK_ROW(hostile[i].says, line.n > 0 && line.p[line.n - 1] == '\n');
            for (size_t k = 0; k + 1 < line.n; k++) {
                unsigned char c = (unsigned char)line.p[k];
                CHECK_ROW(hostile[i].says, c >= 0x20 && c != 0x7f);
            }
            CHECK_ROW(hostile[i].says, str_is_utf8(line));
            if (format == CONF_ACCESS_JSON) {
                CHECK_ROW(hostile[i].says, count_quotes(line) == count_quotes(plain));
            } else {
                CHECK_ROW(hostile[i].says, count_words(line) == count_words(plain));
            }
        }
    }
}

static void test_user_is_one_word_in_combined(void **state)
{
    (void)state;
    struct access_record r = full;
    r.user = STR("a b - root");
    struct str line = lines_of(&r, CONF_ACCESS_COMBINED);
    assert_true(str_starts(line, STR("192.0.2.7 - a\\x20b\\x20-\\x20root [21/Nov/2026")));
}

/* A line that cannot hold all that the client sent still tells what happened. */
static void test_too_long(void **state)
{
    (void)state;
    const size_t n = (size_t)300 * 1024;
    char *target = malloc(n);
    assert_non_null(target);
    memset(target, '\x01', n);
    struct access_record r = full;
    r.target = (struct str){target, n};
    struct str line = lines_of(&r, CONF_ACCESS_JSON);
    assert_true(str_starts(line, STR("{\"time\":\"2026-11-21T18:16:54.123Z\",")));
    assert_true(line.n < 2048);
    assert_non_null(memmem(line.p, line.n, "\"auth.reason\":\"ok\"", 18));
    free(target);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct err e = {0};
    struct logfile *file = logfile_open("off", 0, &e);
    assert_non_null(file);
    mem_fail_after(1, true);
    assert_null(access_new(file, CONF_ACCESS_JSON));
    mem_fail_after(2, true);
    struct access_log *a = access_new(file, CONF_ACCESS_JSON);
    assert_non_null(a);
    access_write(a, &full); /* lost, and that is all */
    mem_fail_after(0, false);
    access_write(NULL, &full);
    access_free(a);
    access_free(NULL);
    logfile_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_record),
        cmocka_unit_test(test_no_request),
        cmocka_unit_test(test_result),
        cmocka_unit_test(test_no_line_can_be_forged),
        cmocka_unit_test(test_user_is_one_word_in_combined),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
