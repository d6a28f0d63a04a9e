/* The octets of requests. */
#include "base/mem.h"
#include "bench/request.h"
#include "tests/support/check.h"

static struct options basic(void)
{
    return (struct options){
        .method = "GET", .path = "/a?b", .server = "localhost:8443", .mode = MODE_REQUEST};
}

#define AGENT "User-Agent: countersign-bench/" COUNTERSIGN_VERSION "\r\n"

static void check(const char *says, const struct options *o, struct str user, struct str password,
                  struct str wanted)
{
    struct str made = request_make(o, user, password);
    CHECK_STR(says, made, wanted);
    request_free(made);
}

static void test_forms(void **state)
{
    (void)state;
    struct options o = basic();
    check("one a connection, nobody", &o, STR_NONE, STR_NONE,
          STR("GET /a?b HTTP/1.1\r\nHost: localhost:8443\r\n" AGENT "Connection: close\r\n\r\n"));
    o.mode = MODE_KEEPALIVE;
    check("kept alive, with a user (RFC 7617 2)", &o, STR("Aladdin"), STR("open sesame"),
          STR("GET /a?b HTTP/1.1\r\nHost: localhost:8443\r\n" AGENT
              "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"));
    o.headers[o.header_count++] = "X-One: 1";
    o.headers[o.header_count++] = "Y:";
    o.body_bytes = 70000;
    check("fields and a body", &o, STR_NONE, STR_NONE,
          STR("GET /a?b HTTP/1.1\r\nHost: localhost:8443\r\n" AGENT
              "X-One: 1\r\nY:\r\nContent-Length: 70000\r\n\r\n"));
    o = basic();
    o.method = "POST";
    check("a method that has a body, if an empty one", &o, STR_NONE, STR_NONE,
          STR("POST /a?b HTTP/1.1\r\nHost: localhost:8443\r\n" AGENT
              "Content-Length: 0\r\nConnection: close\r\n\r\n"));
}

static void test_without_memory(void **state)
{
    (void)state;
    struct options o = basic();
    mem_fail_after(0, false);
    struct str made = request_make(&o, STR("user"), STR("password"));
    unsigned long n = mem_allocations();
    request_free(made);
    assert_true(n > 0);
    for (unsigned long i = 1; i <= n; i++) {
        mem_fail_after(i, false);
        made = request_make(&o, STR("user"), STR("password"));
        mem_fail_after(0, false);
        assert_null(made.p);
        request_free(made);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
