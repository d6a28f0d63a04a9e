/* Exactly which fields an upstream gets, whatever the client sends, and which a client gets. */
#include "base/err.h"
#include "base/mem.h"
#include "proxy/exchange/forward.h"
#include "proxy/http/h1_reader.h"
#include "tests/support/check.h"

static const struct conf_headers plain = {
    .user.p = "X-Client-User",
    .subject.p = "X-Client-Subject",
    .issuer.p = "X-Client-Issuer",
    .serial.p = "X-Client-Serial",
    .fingerprint.p = "X-Client-Fingerprint",
    .verify.p = "X-Client-Verify",
    .x_forwarded = true,
    .via = true,
    .via_name.p = "countersign",
};

#define IDENTITY                                                                                   \
    "X-Client-User: alice\n"                                                                       \
    "X-Client-Subject: CN=alice\n"                                                                 \
    "X-Client-Issuer: CN=ca\n"                                                                     \
    "X-Client-Serial: 0A\n"                                                                        \
    "X-Client-Fingerprint: ab\n"                                                                   \
    "X-Client-Verify: SUCCESS\n"
#define FORWARDED                                                                                  \
    "X-Forwarded-For: 192.0.2.1\n"                                                                 \
    "X-Forwarded-Proto: https\n"                                                                   \
    "X-Forwarded-Host: h\n"
#define REST "X-Request-Id: id\nVia: 1.1 countersign\n"
#define OURS IDENTITY FORWARDED REST

struct row {
    const char *says;
    const char *fields; /* the client's, after Host */
    const char *passed; /* of those, before ours */
};

/* Whatever is sent, ours follow once and unharmed. */
static const struct row rows[] = {
    {"nothing", "", ""},
    {"plain fields pass, in order", "A: 1\r\nB: 2\r\nA: 3\r\n", "A: 1\nB: 2\nA: 3\n"},
    {"tracing passes", "traceparent: 00-1-2-01\r\ntracestate: a=b\r\n",
     "traceparent: 00-1-2-01\ntracestate: a=b\n"},
    {"cookies pass", "Cookie: a=b\r\n", "Cookie: a=b\n"},

    {"an identity field", "X-Client-User: eve\r\n", ""},
    {"in another case", "x-cLiEnT-uSeR: eve\r\n", ""},
    {"twice", "X-Client-User: eve\r\nX-Client-User: mallory\r\n", ""},
    {"in two cases, around another", "X-CLIENT-USER: eve\r\nA: 1\r\nx-client-user: eve\r\n",
     "A: 1\n"},
    {"of other proxies", "Remote-User: eve\r\nX-Remote-User: eve\r\nX-Forwarded-User: eve\r\n", ""},
    {"of RFC 9440", "Client-Cert: :AA==:\r\nClient-Cert-Chain: :AA==:\r\n", ""},
    {"of Envoy", "X-Forwarded-Client-Cert: Hash=a\r\n", ""},
    {"of nginx and Apache", "SSL-Client-Verify: SUCCESS\r\nX-SSL-Client-S-DN: CN=eve\r\n", ""},
    {"where it comes from",
     "X-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n"
     "Forwarded: for=6.6.6.6\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: evil\r\n"
     "X-Forwarded-Port: 1\r\nX-Forwarded-Uri: /open\r\nX-Forwarded-Prefix: /x\r\n",
     ""},
    {"a request id of an untrusted peer", "X-Request-Id: forged\r\n", ""},

    {"Connection takes our user away", "Connection: X-Client-User\r\n", ""},
    {"Connection takes all of ours away",
     "Connection: close, x-client-user, X-Client-Subject,X-Client-Verify , X-Forwarded-For\r\n"
     "Connection: X-Forwarded-Proto, X-Forwarded-Host, X-Request-Id, Via, Host\r\n",
     ""},
    {"Connection names one that is sent too", "Connection: X-Client-User\r\nX-Client-User: eve\r\n",
     ""},
    {"Connection names a plain field", "Connection: A\r\nA: 1\r\nB: 2\r\n", "B: 2\n"},
    {"Connection twice, the first empty", "Connection:\r\nConnection: A\r\nA: 1\r\n", ""},
    {"Connection names Content-Type", "Connection: Content-Type\r\nContent-Type: a/b\r\n",
     "Content-Type: a/b\n"},
    {"hop by hop",
     "Keep-Alive: timeout=9\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\n"
     "Trailer: X-A\r\nProxy-Authorization: Basic YTpi\r\n",
     ""},
    {"the password", "Authorization: Basic YWxpY2U6c2VjcmV0\r\n", ""},
    {"the password, named by Connection",
     "Connection: Authorization\r\nAuthorization: Basic YTpi\r\n", ""},
    {"Expect", "Expect: 100-continue\r\n", ""},
    {"HTTP/2 settings", "HTTP2-Settings: AAMAAABkAAQAAP__\r\n", ""},
    {"a Via on the way stays, before ours", "Via: 1.0 fred\r\n", "Via: 1.0 fred\n"},
};

/* Look-alikes cannot be sent past the guard, but a look-alike that came another way goes too. */
static const struct field look_alikes[] = {
    {{"X_Client_User", 13}, {"eve", 3}},      {{"x-client_user", 13}, {"eve", 3}},
    {{"X_Forwarded_User", 16}, {"eve", 3}},   {{"X_FORWARDED_FOR", 15}, {"6.6.6.6", 7}},
    {{"Remote_User", 11}, {"eve", 3}},        {{"X_Request_Id", 12}, {"forged", 6}},
    {{"Content_Length", 14}, {"5", 1}},       {{"Transfer_Encoding", 17}, {"chunked", 7}},
    {{"Client_Cert", 11}, {":AA==:", 6}},     {{"X.Client!User", 13}, {"eve", 3}},
    {{"Transfer.Encoding", 17}, {"gzip", 4}}, {{"X~Request.Id", 12}, {"forged", 6}},
};

struct bench {
    struct arena arena;
    struct h1_reader *reader;
    struct forward_facts facts;
    struct buf out;
};

static void bench_init(struct bench *b)
{
    static const struct h1_limits limits = {.head_bytes = 65536,
                                            .field_count = 100,
                                            .target_bytes = 1024,
                                            .chunk_line_bytes = 64,
                                            .trailer_bytes = 1024,
                                            .body_bytes = UINT64_MAX};
    arena_init(&b->arena, 1 << 20);
    b->reader = h1_reader_new(false, &limits);
    assert_non_null(b->reader);
    h1_reader_begin(b->reader, &b->arena, HTTP_METHOD_NONE);
    buf_init(&b->out, 65536);
    b->facts = (struct forward_facts){
        .names = &plain,
        .own = {.user = STR("alice"),
                .subject = STR("CN=alice"),
                .issuer = STR("CN=ca"),
                .serial = STR("0A"),
                .fingerprint = STR("ab"),
                .certificate = true},
        .client_text = STR("192.0.2.1"),
        .client_kind = ADDR_INET,
        .secure = true,
        .request_id = STR("id"),
    };
}

static void bench_fini(struct bench *b)
{
    h1_reader_free(b->reader);
    arena_release(&b->arena);
    buf_release(&b->out);
}

static struct http_request *parse(struct bench *b, const char *fields)
{
    struct buf text;
    size_t used = 0;
    buf_init(&text, 65536);
    assert_int_equal(0, buf_printf(&text, "GET /p HTTP/1.1\r\nHost: h\r\n%s\r\n", fields));
    enum h1_event event = h1_reader_next(b->reader, buf_str(&text), &used);
    buf_release(&text);
    return event == H1_HEAD ? h1_reader_request(b->reader) : NULL;
}

static struct str printed(struct bench *b, const struct fields *fields)
{
    buf_clear(&b->out);
    for (size_t i = 0; i < fields->n; i++) {
        assert_int_equal(0, buf_printf(&b->out, "%.*s: %.*s\n", STR_ARG(fields->v[i].name),
                                       STR_ARG(fields->v[i].value)));
    }
    return buf_str(&b->out);
}

/* Send fields through with the bench's facts; what comes out must be wanted. */
static void check_fields(struct bench *b, const char *says, const char *fields, const char *wanted)
{
    struct http_request *head = parse(b, fields);
    CHECK_ROW(says, head != NULL);
    CHECK_ROW(says, forward_request(&b->facts, head) == 0);
    CHECK_STR(says, printed(b, &head->fields), str_of(wanted));
    bench_fini(b);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct bench b;
        char wanted[2048];
        bench_init(&b);
        (void)snprintf(wanted, sizeof(wanted), "%s%s", rows[i].passed, OURS);
        check_fields(&b, rows[i].says, rows[i].fields, wanted);
    }
}

static void test_look_alikes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(look_alikes); i++) {
        struct bench b;
        bench_init(&b);
        struct http_request *head = parse(&b, "A: 1\r\n");
        assert_non_null(head);
        assert_int_equal(0, fields_add(&head->fields, look_alikes[i].name, look_alikes[i].value));
        assert_int_equal(0, forward_request(&b.facts, head));
        CHECK_STR(look_alikes[i].name.p, printed(&b, &head->fields), STR("A: 1\n" OURS));
        bench_fini(&b);
    }
}

static void test_what_is_not_known_is_not_told(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.facts.own = (struct own_facts){0};
    check_fields(&b, "no certificate", "X-Client-User: eve\r\nX-Client-Verify: SUCCESS\r\n",
                 "X-Client-Verify: NONE\n" FORWARDED REST);
    bench_init(&b);
    b.facts.own = (struct own_facts){.user = STR("bob")};
    check_fields(&b, "a password alone", "",
                 "X-Client-User: bob\nX-Client-Verify: NONE\n" FORWARDED REST);
}

static void test_authorization_where_declared(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.facts.keep_authorization = true;
    check_fields(&b, "declared", "Authorization: Basic YTpi\r\nProxy-Authorization: Basic YTpi\r\n",
                 "Authorization: Basic YTpi\n" OURS);
}

static void test_trusted_peer(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.facts.client_trusted = true;
    check_fields(&b, "continued, all lines as one",
                 "X-Forwarded-For: 203.0.113.9\r\nA: 1\r\nx-forwarded-for: 198.51.100.7, junk\r\n"
                 "X-Forwarded-Proto: http\r\nX-Forwarded-User: eve\r\n",
                 "A: 1\n" IDENTITY "X-Forwarded-For: 203.0.113.9, 198.51.100.7, junk, 192.0.2.1\n"
                 "X-Forwarded-Proto: https\nX-Forwarded-Host: h\n" REST);
    bench_init(&b);
    b.facts.client_trusted = true;
    check_fields(&b, "named by Connection, still continued",
                 "X-Forwarded-For: 203.0.113.9\r\nConnection: X-Forwarded-For\r\n",
                 IDENTITY "X-Forwarded-For: 203.0.113.9, 192.0.2.1\n"
                          "X-Forwarded-Proto: https\nX-Forwarded-Host: h\n" REST);
}

struct forwarded_row {
    const char *says;
    const char *client;
    enum addr_kind kind;
    const char *authority;
    bool secure;
    bool trusted;
    const char *wanted;
};

static const struct forwarded_row forwarded_rows[] = {
    {"IPv4", "192.0.2.60", ADDR_INET, "h", true, false, "for=192.0.2.60;host=h;proto=https"},
    {"IPv6", "2001:db8::1", ADDR_INET, "h", true, false,
     "for=\"[2001:db8::1]\";host=h;proto=https"},
    {"a host with a port", "192.0.2.60", ADDR_INET, "h:8443", true, false,
     "for=192.0.2.60;host=\"h:8443\";proto=https"},
    {"an IPv6 host", "192.0.2.60", ADDR_INET, "[::1]:1", false, false,
     "for=192.0.2.60;host=\"[::1]:1\";proto=http"},
    {"no host", "192.0.2.60", ADDR_INET, "", true, false, "for=192.0.2.60;proto=https"},
    {"a Unix socket", "unix:", ADDR_UNIX, "h", true, false, "for=unknown;host=h;proto=https"},
    {"a trusted peer's is continued", "192.0.2.60", ADDR_INET, "h", true, true,
     "for=1.2.3.4, for=192.0.2.60;host=h;proto=https"},
};

static void test_forwarded(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(forwarded_rows); i++) {
        const struct forwarded_row *row = &forwarded_rows[i];
        struct conf_headers names = plain;
        struct bench b;
        char wanted[512];
        bench_init(&b);
        names.forwarded = true;
        names.x_forwarded = false;
        names.via = false;
        b.facts.names = &names;
        b.facts.client_text = str_of(row->client);
        b.facts.client_kind = row->kind;
        b.facts.secure = row->secure;
        b.facts.client_trusted = row->trusted;
        struct http_request *head = parse(&b, "Forwarded: for=1.2.3.4\r\n");
        assert_non_null(head);
        head->authority = str_of(row->authority);
        assert_int_equal(0, forward_request(&b.facts, head));
        (void)snprintf(wanted, sizeof(wanted), IDENTITY "Forwarded: %s\nX-Request-Id: id\n",
                       row->wanted);
        CHECK_STR(row->says, printed(&b, &head->fields), str_of(wanted));
        bench_fini(&b);
    }
}

static void test_unix_peer_has_no_address(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    b.facts.client_text = STR("unix:");
    b.facts.client_kind = ADDR_UNIX;
    check_fields(&b, "unknown", "",
                 IDENTITY "X-Forwarded-For: unknown\n"
                          "X-Forwarded-Proto: https\nX-Forwarded-Host: h\n" REST);
}

static void test_response(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct http_response head = {.status = 200, .minor = 1};
    fields_init(&head.fields, &b.arena);
    static const struct field sent[] = {
        {{"Server", 6}, {"up", 2}},         {{"Connection", 10}, {"X-Secret, close", 15}},
        {{"X-Secret", 8}, {"1", 1}},        {{"Keep-Alive", 10}, {"9", 1}},
        {{"Content-Length", 14}, {"5", 1}}, {{"Transfer-Encoding", 17}, {"chunked", 7}},
        {{"Upgrade", 7}, {"h2c", 3}},       {{"X-Request-Id", 12}, {"theirs", 6}},
        {{"Set-Cookie", 10}, {"a=b", 3}},   {{"WWW-Authenticate", 16}, {"Bearer", 6}},
    };
    for (size_t i = 0; i < ROWS(sent); i++) {
        assert_int_equal(0, fields_add(&head.fields, sent[i].name, sent[i].value));
    }
    assert_int_equal(0, forward_response(&plain, STR("id"), 784111777000, &head));
    CHECK_STR("a final head", printed(&b, &head.fields),
              STR("Server: up\nSet-Cookie: a=b\nWWW-Authenticate: Bearer\n"
                  "Date: Sun, 06 Nov 1994 08:49:37 GMT\n" REST));
    bench_fini(&b);
}

static void test_trailers(void **state)
{
    (void)state;
    static const char *const dropped[] = {
        "X-Client-User",
        "x_client_user",
        "Authorization",
        "Content-Length",
        "Host",
        "Connection",
        "Transfer-Encoding",
        "X-Forwarded-For",
        "Cookie",
        "Trailer",
        "TE",
        "Content-Type",
        "Proxy-Authorization",
        "Set-Cookie",
        "X-Request-Id",
    };
    struct bench b;
    struct fields trailers;
    bench_init(&b);
    fields_init(&trailers, &b.arena);
    assert_int_equal(0, fields_add(&trailers, STR("X-Checksum"), STR("1")));
    for (size_t i = 0; i < ROWS(dropped); i++) {
        assert_int_equal(0, fields_add(&trailers, str_of(dropped[i]), STR("eve")));
    }
    forward_trailers(&plain, &trailers);
    CHECK_STR("only what is harmless", printed(&b, &trailers), STR("X-Checksum: 1\n"));
    bench_fini(&b);
}

/* Wherever memory ends, the head is either whole or not to be sent. */
static void test_no_memory(void **state)
{
    (void)state;
    for (size_t cap = 0; cap < 8192; cap += 64) {
        struct bench b;
        bench_init(&b);
        struct http_request *head = parse(&b, "A: 1\r\nX-Client-User: eve\r\n");
        assert_non_null(head);
        struct arena small;
        arena_init(&small, cap);
        head->fields.arena = &small;
        if (forward_request(&b.facts, head) == 0) {
            CHECK_STR("whole", printed(&b, &head->fields), STR("A: 1\n" OURS));
        }
        arena_release(&small);
        bench_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_look_alikes),
        cmocka_unit_test(test_what_is_not_known_is_not_told),
        cmocka_unit_test(test_authorization_where_declared),
        cmocka_unit_test(test_trusted_peer),
        cmocka_unit_test(test_forwarded),
        cmocka_unit_test(test_unix_peer_has_no_address),
        cmocka_unit_test(test_response),
        cmocka_unit_test(test_trailers),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
