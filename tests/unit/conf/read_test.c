/* Wrong keys and values: each is reported with its place and path. */
#include "conf/read.h"
#include "tests/unit/conf/mistakes.h"

#define LISTENER "listeners:\n- address: 127.0.0.1:8443\n"
#define TLS      "  tls: { certificate: s.crt }\n"
#define CLIENT   "  client: { ca: ca.crt }\n"

static const struct mistake keys[] = {
    {"an unknown section", WITH_ALL, "listenerz: []\n", AT "1:1" ERROR "unknown key \"listenerz\""},
    {"an unknown key", WITH_ALL, "log: { levle: info }\n",
     AT "1:8" ERROR "log: unknown key \"levle\""},
    {"an unknown key in a list", WITH_ALL & ~WITH_LISTENERS, LISTENER TLS CLIENT "  x: 1\n",
     AT "5:3" ERROR "listeners[0]: unknown key \"x\""},
    {"keys are exact in case", WITH_ALL, "Log: {}\n", AT "1:1" ERROR "unknown key \"Log\""},
    {"a key twice", WITH_ALL, "log:\n  level: info\n  level: info\n",
     AT "3:3" ERROR "log.level: given twice, first at " AT "2:3"},
    {"a section twice", WITH_ALL, "log: {}\nlog: {}\n",
     AT "2:1" ERROR "log: given twice, first at " AT "1:1"},
    {"a name in a map twice", WITH_ALL & ~WITH_UPSTREAMS,
     "upstreams:\n  app: { servers: [ unix:/a ] }\n  app: { servers: [ unix:/b ] }\n",
     AT "3:3" ERROR "upstreams.app: given twice, first at " AT "2:3"},
    {"a missing key in a list", WITH_ALL & ~WITH_ROUTES,
     "routes: [ { path: /, upstream: app }, { path: /x } ]\n",
     AT "1:39" ERROR "routes[1]: the key \"upstream\" is missing"},
    {"a missing key in a map", WITH_ALL & ~WITH_UPSTREAMS,
     "upstreams:\n  app: { balance: round_robin }\n",
     AT "2:3" ERROR "upstreams.app: the key \"servers\" is missing"},
    {"a name of an upstream", WITH_ALL & ~WITH_ROUTES & ~WITH_UPSTREAMS,
     "routes: [ { path: /, upstream: a b } ]\nupstreams: { a b: { servers: [ \"unix:/a\" ] } }\n",
     AT "2:14" ERROR "upstreams.a b: a name may hold only letters, digits, \".\", \"_\" and \"-\""},
};

static const struct mistake types[] = {
    {"a value for a section", WITH_ALL, "log: info\n",
     AT "1:6" ERROR "log: expected a section, found a single value"},
    {"nothing for a section", WITH_ALL, "log:\n",
     AT "1:5" ERROR "log: expected a section, found nothing"},
    {"a list for a section", WITH_ALL, "log: []\n",
     AT "1:6" ERROR "log: expected a section, found a list"},
    {"a section for a list", WITH_ALL & ~WITH_ROUTES, "routes: { path: / }\n",
     AT "1:9" ERROR "routes: expected a list, found a section"},
    {"a value for a list", WITH_ALL, "headers: { remove: X-A }\n",
     AT "1:20" ERROR "headers.remove: expected a list, found a single value"},
    {"a list for a value", WITH_ALL, "limits: { head: [ 1 ] }\n",
     AT "1:17" ERROR "limits.head: expected a single value, found a list"},
    {"a section for a value", WITH_ALL, "limits:\n  head:\n    a: 1\n",
     AT "3:5" ERROR "limits.head: expected a single value, found a section"},
    {"a list in a list of texts", WITH_ALL, "headers: { remove: [ [ X-A ] ] }\n",
     AT "1:22" ERROR "headers.remove[0]: expected a single value, found a list"},
    {"nothing", WITH_ALL, "limits:\n  head:\n", AT "2:8" ERROR "limits.head: has no value"},
    {"null", WITH_ALL, "process: { user: null }\n", AT "1:18" ERROR "process.user: has no value"},
    {"~", WITH_ALL, "process: { user: ~ }\n", AT "1:18" ERROR "process.user: has no value"},
    {"an empty text", WITH_ALL, "process: { user: \"\" }\n",
     AT "1:18" ERROR "process.user: must not be empty"},
};

#define NUMBER   "expected a whole decimal number, found "
#define DURATION "expected a duration with its unit (ms, s, m, h, d), such as 30s, found "
#define SIZE     "expected a size (B, KiB, MiB, GiB), such as 16KiB, found "

static const struct mistake values[] = {
    {"a leading zero", WITH_ALL, "limits: { fields: 010 }\n",
     AT "1:19" ERROR "limits.fields: " NUMBER "\"010\""},
    {"hexadecimal", WITH_ALL, "limits: { fields: 0x10 }\n",
     AT "1:19" ERROR "limits.fields: " NUMBER "\"0x10\""},
    {"an underscore", WITH_ALL, "limits: { fields: 1_0 }\n",
     AT "1:19" ERROR "limits.fields: " NUMBER "\"1_0\""},
    {"a sign", WITH_ALL, "limits: { fields: -1 }\n",
     AT "1:19" ERROR "limits.fields: " NUMBER "\"-1\""},
    {"a fraction", WITH_ALL, "limits: { fields: 1.5 }\n",
     AT "1:19" ERROR "limits.fields: " NUMBER "\"1.5\""},
    {"a number past 64 bits", WITH_ALL, "limits: { fields: 18446744073709551616 }\n",
     AT "1:19" ERROR "limits.fields: " NUMBER "\"18446744073709551616\""},
    {"a number too small", WITH_ALL, "limits: { fields: 7 }\n",
     AT "1:19" ERROR "limits.fields: expected 8 to 1000, found \"7\""},
    {"a number too large", WITH_ALL, "limits: { fields: 1001 }\n",
     AT "1:19" ERROR "limits.fields: expected 8 to 1000, found \"1001\""},
    {"a duration without unit", WITH_ALL, "timeouts: { head: 30 }\n",
     AT "1:19" ERROR "timeouts.head: " DURATION "\"30\""},
    {"a duration of two units", WITH_ALL, "timeouts: { head: 1m30s }\n",
     AT "1:19" ERROR "timeouts.head: " DURATION "\"1m30s\""},
    {"a duration that overflows", WITH_ALL, "timeouts: { head: 999999999999999999d }\n",
     AT "1:19" ERROR "timeouts.head: " DURATION "\"999999999999999999d\""},
    {"a duration too long", WITH_ALL, "timeouts: { head: 2h }\n",
     AT "1:19" ERROR "timeouts.head: expected 100ms to 1h, found \"2h\""},
    {"zero where it means nothing", WITH_ALL, "timeouts: { head: 0s }\n",
     AT "1:19" ERROR "timeouts.head: expected 100ms to 1h, found \"0s\""},
    {"zero or a bound", WITH_ALL & ~WITH_USERS, "users: { htpasswd: u, remember: 1ms }\n",
     AT "1:33" ERROR "users.remember: expected 0, or 1s to 1d, found \"1ms\""},
    {"a size in decimal units", WITH_ALL, "limits: { head: 16kB }\n",
     AT "1:17" ERROR "limits.head: " SIZE "\"16kB\""},
    {"a size with a blank", WITH_ALL, "limits: { head: 16 KiB }\n",
     AT "1:17" ERROR "limits.head: " SIZE "\"16 KiB\""},
    {"a buffer below a TLS record", WITH_ALL, "limits: { buffer: 8KiB }\n",
     AT "1:19" ERROR "limits.buffer: expected 16KiB to 16MiB, found \"8KiB\""},
    {"yes is no boolean", WITH_ALL, "headers: { via: yes }\n",
     AT "1:17" ERROR "headers.via: expected true or false, found \"yes\""},
    {"True is no boolean", WITH_ALL, "headers: { via: True }\n",
     AT "1:17" ERROR "headers.via: expected true or false, found \"True\""},
    {"an unknown word", WITH_ALL, "log: { level: inof }\n",
     AT "1:15" ERROR "log.level: expected error, warning, info or debug, found \"inof\""},
    {"a wrong field name", WITH_ALL, "headers: { user: X Client }\n",
     AT "1:18" ERROR
        "headers.user: \"X Client\": may hold only letters, digits and !#$%&'*+-.^_`|~"},
    {"a field that frames", WITH_ALL, "headers: { user: content_length }\n",
     AT "1:18" ERROR
        "headers.user: \"content_length\": is a field that HTTP itself or the proxy needs"},
    {"a field of the proxy", WITH_ALL, "headers: { user: forwarded }\n",
     AT "1:18" ERROR "headers.user: \"forwarded\": is a field that the proxy sets itself"},
    {"removing Host", WITH_ALL, "headers: { remove: [ X-A, Host ] }\n",
     AT "1:27" ERROR "headers.remove[1]: \"Host\": is a field that HTTP itself or the proxy needs"},
    {"a range with host bits", WITH_ALL, "headers: { trusted_proxies: [ 10.0.0.1/8 ] }\n",
     AT "1:31" ERROR "headers.trusted_proxies[0]: \"10.0.0.1/8\" has bits set behind the first 8"},
    {"a path without slash", WITH_ALL & ~WITH_ROUTES, "routes: [ { path: a, upstream: app } ]\n",
     AT "1:19" ERROR "routes[0].path: \"a\": must begin with /"},
    {"a host with port", WITH_ALL & ~WITH_ROUTES,
     "routes: [ { path: /, host: \"a:80\", upstream: app } ]\n",
     AT "1:28" ERROR "routes[0].host: \"a:80\": is not a host name; a route takes no port"},
    {"a colon in a user name", WITH_ALL & ~WITH_USERS,
     "users: { htpasswd: u, rules: [ { user: \"a:b\", certificate: optional } ] }\n",
     AT "1:40" ERROR "users.rules[0].user: \"a:b\": a user name cannot hold a colon (RFC 7617)"},
    {"a server without port", WITH_ALL & ~WITH_UPSTREAMS,
     "upstreams: { app: { servers: [ 127.0.0.1 ] } }\n",
     AT "1:32" ERROR "upstreams.app.servers[0]: \"127.0.0.1\" needs a port, as 127.0.0.1:8443"},
    {"a server from systemd", WITH_ALL & ~WITH_UPSTREAMS,
     "upstreams: { app: { servers: [ \"systemd:x\" ] } }\n",
     AT "1:32" ERROR "upstreams.app.servers[0]: a server is named by host:port or unix:/path"},
    {"no server", WITH_ALL & ~WITH_UPSTREAMS, "upstreams: { app: { servers: [] } }\n",
     AT "1:30" ERROR "upstreams.app.servers: needs at least one entry"},
    {"a listener by name", WITH_ALL & ~WITH_LISTENERS,
     "listeners:\n- address: localhost:8443\n" TLS CLIENT,
     AT "2:12" ERROR "listeners[0].address: an IP address is needed to listen on, not a name"},
    {"port 0", WITH_ALL & ~WITH_LISTENERS, "listeners:\n- address: 127.0.0.1:0\n" TLS CLIENT,
     AT "2:12" ERROR "listeners[0].address: port \"0\" is not a number from 1 to 65535"},
    {"a wildcard inside a name", WITH_ALL & ~WITH_LISTENERS,
     LISTENER TLS CLIENT "  names: [ { names: [ a.*.example ], certificate: c } ]\n",
     AT "5:23" ERROR "listeners[0].names[0].names[0]: \"a.*.example\": a wildcard stands only for "
        "the whole first label, as in *.example.com"},
    {"a wildcard over a top level", WITH_ALL & ~WITH_LISTENERS,
     LISTENER TLS CLIENT "  names: [ { names: [ \"*.com\" ], certificate: c } ]\n",
     AT "5:23" ERROR "listeners[0].names[0].names[0]: \"*.com\": a wildcard needs at least two "
        "labels behind it, as in *.example.com"},
    {"mode as decimal", WITH_ALL & ~WITH_LISTENERS, LISTENER TLS CLIENT "  mode: 9\n",
     AT "5:9" ERROR "listeners[0].mode: expected permission bits as three or four octal digits, "
        "such as \"0660\", found \"9\""},
    {"mode with set-uid", WITH_ALL & ~WITH_LISTENERS, LISTENER TLS CLIENT "  mode: \"4755\"\n",
     AT "5:9" ERROR "listeners[0].mode: expected 0000 to 0777, found \"4755\""},
    {"too deep a chain", WITH_ALL & ~WITH_LISTENERS,
     LISTENER TLS "  client: { ca: ca.crt, depth_max: 11 }\n",
     AT "4:36" ERROR "listeners[0].client.depth_max: expected 0 to 10, found \"11\""},
    {"a key that weakens a check", WITH_ALL, "process: { insecure_key_permissions: true }\n",
     AT "1:38" WARNING "process.insecure_key_permissions: weakens a check: Accept private keys "
        "that other users may read."},
    {"a variable that is not set", WITH_ALL, "process: { user: \"${COUNTERSIGN_NONE}\" }\n",
     AT "1:18" ERROR "process.user: the environment variable COUNTERSIGN_NONE is not set"},
    {"a lone dollar", WITH_ALL, "process: { user: a$b }\n",
     AT "1:18" ERROR "process.user: a $ that begins no ${NAME} must be written $$"},
    {"a control socket path too long", WITH_ALL,
     "admin: { socket: /1234567890123456789012345678901234567890123456789012345678901234567890"
     "12345678901234567890123456789012345678 }\n",
     AT "1:18" ERROR "admin.socket: the path is longer than 107 octets"},
};

static void run(const struct mistake *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        check_mistake(&rows[i]);
    }
}

static void test_keys(void **state)
{
    (void)state;
    run(keys, ROWS(keys));
}

static void test_types(void **state)
{
    (void)state;
    run(types, ROWS(types));
}

static void test_values(void **state)
{
    (void)state;
    run(values, ROWS(values));
}

static void test_all_are_reported(void **state)
{
    (void)state;
    struct diags *diags = diags_new();
    struct buf all;
    assert_null(
        load_text(STR("listeners:\n- address: x\n  tls: { a: 1 }\nlimits: { head: 0, body: x }\n"
                      "timeouts: { head: 1, body_idle: 2 }\nroutes: 1\n"),
                  diags, &all));
    /* address, a, no certificate, no ca, head, body, head, body_idle, routes, no upstream */
    assert_int_equal(diags_errors(diags), 10);
    buf_release(&all);
    diags_free(diags);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_all_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
