/* Which rule a request falls under: the tricks by which a path gets under a weaker rule than the
 * upstream will apply it to. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "proxy/exchange/route.h"
#include "tests/support/check.h"

#define ROUTE(of_host, of_path)                                                                    \
    {                                                                                              \
        .host.p = (of_host), .path.p = (of_path)                                                   \
    }

static struct conf_route routes[] = {
    ROUTE(NULL, "/"),                     /* 0 */
    ROUTE(NULL, "/admin"),                /* 1 */
    ROUTE(NULL, "/admin/public/"),        /* 2 */
    ROUTE("api.example.com", "/v1"),      /* 3 */
    ROUTE("api.example.com", "/v1/deep"), /* 4 */
    ROUTE("*.example.com", "/"),          /* 5 */
    ROUTE("*.very.example.com", "/"),     /* 6 */
    ROUTE(NULL, "/%61bc/./x"),            /* 7: is "/abc/x" */
    ROUTE(NULL, "/sp%20ace"),             /* 8 */
    ROUTE("[::1]", "/"),                  /* 9 */
};

#define NOTHING (-1)

struct row {
    const char *says;
    const char *host;
    const char *path;
    int route;
};

static const struct row rows[] = {
    {"everything", "x", "/", 0},
    {"no host", "", "/some/path", 0},
    {"OPTIONS *", "x", "*", 0},
    {"a prefix, exactly", "x", "/admin", 1},
    {"a prefix with a slash", "x", "/admin/", 1},
    {"below a prefix", "x", "/admin/users", 1},
    {"not at a segment boundary", "x", "/administrator", 0},
    {"the longer prefix", "x", "/admin/public/a", 2},
    {"a prefix that ends in a slash needs it", "x", "/admin/public", 1},
    {"paths are exact in case", "x", "/ADMIN", 0},

    {"an exact host", "api.example.com", "/v1/a", 3},
    {"an exact host in another case", "API.Example.COM", "/v1", 3},
    {"a host with the root's dot", "api.example.com.", "/v1", 3},
    {"the longer prefix of a host", "api.example.com", "/v1/deep/er", 4},
    {"a host with rules of its own has no others", "api.example.com", "/admin", NOTHING},
    {"a suffix", "www.example.com", "/admin", 5},
    {"a suffix, two labels", "a.b.example.com", "/", 5},
    {"the longer suffix", "a.very.example.com", "/", 6},
    {"a suffix is not its own domain", "example.com", "/", 0},
    {"a suffix begins at a dot", "notexample.com", "/", 0},
    {"only the suffix", ".example.com", "/", 0},
    {"an IPv6 host", "[::1]", "/", 9},
    {"an IPv6 host in other words", "[0:0:0:0:0:0:0:1]", "/", 9},
    {"and with an IPv4 tail", "[0::0.0.0.1]", "/", 9},
    {"another IPv6 host", "[::2]", "/", 0},

    {"escaped letter", "x", "/%61dmin", 1},
    {"escaped letter, other case of hex", "x", "/admi%6E/x", 1},
    {"escaped and resolved prefix", "x", "/abc/x/y", 7},
    {"an escape that stays one, other case", "x", "/sp%20ace", 8},
    {"dot segment before", "x", "/./admin", 1},
    {"dot segment within", "x", "/admin/./x", 1},
    {"escaped dot segment", "x", "/%2e/admin", 1},
    {"climbing down into", "x", "/free/../admin", 1},
    {"climbing, escaped", "x", "/free/%2e%2E/admin", 1},
    {"climbing, half escaped", "x", "/free/.%2e/admin/x", 1},
    {"climbing out of", "x", "/admin/../free", 0},
    {"climbing to the root", "x", "/admin/..", 0},
    {"climbing within", "x", "/admin/public/../x", 1},
    {"three dots are a name", "x", "/free/.../admin", 0},
    {"above the root", "x", "/../admin", NOTHING},
    {"above the root, later", "x", "/a/../../admin", NOTHING},
    {"above the root, escaped", "x", "/%2e%2e/admin", NOTHING},
    {"empty segment before", "x", "//admin", 1},
    {"empty segments within", "x", "/admin///public//x", 2},
    {"empty segment and climbing", "x", "/free//../admin", NOTHING},
    {"climbing and empty segment", "x", "/free/..//admin", NOTHING},
    {"escaped slash", "x", "/free%2fadmin", NOTHING},
    {"escaped slash under a rule", "x", "/admin%2Fx", NOTHING},
    {"escaped slash in climbing", "x", "/free/..%2fadmin", NOTHING},
    {"escaped backslash", "x", "/free%5cadmin", NOTHING},
    {"backslash", "x", "/free\\..\\admin", NOTHING},
    {"escaped NUL", "x", "/admin%00", NOTHING},
    {"parameter on a segment", "x", "/admin;x=1", 1},
    {"parameter within", "x", "/admin;x/public/y", 2},
    {"climbing with a parameter", "x", "/free/..;x/admin", NOTHING},
    {"climbing with an empty parameter", "x", "/free/..;/admin", NOTHING},
    {"dot with a parameter", "x", "/.;x/admin", NOTHING},
    {"a segment that is only a parameter", "x", "/;x/admin", 1},
    {"escaped semicolon", "x", "/admin%3bx", NOTHING},
    {"climbing with an escaped semicolon", "x", "/free/..%3b/admin", NOTHING},
    {"the same, other case", "x", "/free/..%3Bx/admin", NOTHING},
    {"twice escaped letter", "x", "/%2561dmin", NOTHING},
    {"twice escaped dots", "x", "/free/%252e%252e/admin", NOTHING},
    {"twice escaped slash", "x", "/free/..%252fadmin", NOTHING},
    {"thrice escaped", "x", "/free/%25252e%25252e/admin", NOTHING},
    {"twice escaped, its digits escaped too", "x", "/free/..%25%32%66admin", NOTHING},
    {"twice escaped semicolon", "x", "/free/..%253b/admin", NOTHING},
    {"an escaped per cent is fine", "x", "/admin/100%25", 1},
    {"the same with more behind", "x", "/admin/100%25-x", 1},
    {"the same with one digit behind", "x", "/admin/100%251", 1},
    {"overlong slash", "x", "/free/..%c0%afadmin", NOTHING},
    {"overlong slash in three octets", "x", "/free/..%e0%80%afadmin", NOTHING},
    {"overlong slash in four octets", "x", "/free/..%f0%80%80%afadmin", NOTHING},
    {"overlong dots", "x", "/free/%c0%ae%c0%ae/admin", NOTHING},
    {"lead octet before ASCII", "x", "/free/..%c0/admin", NOTHING},
    {"an octet that a decoder may drop", "x", "/adm%ffin", NOTHING},
    {"surrogate", "x", "/%ed%a0%80", NOTHING},
    {"half a character at the end", "x", "/admin/%c3", NOTHING},
    {"continuation alone", "x", "/admin/%a9", NOTHING},
    {"UTF-8 is fine", "x", "/admin/%c3%a9%E2%82%AC%f0%9f%98%80", 1},
    {"escaped LF", "x", "/admin%0a", NOTHING},
    {"escaped tab in climbing", "x", "/free/..%09/admin", NOTHING},
    {"escaped DEL", "x", "/admin%7f", NOTHING},
    {"dots with a blank", "x", "/free/..%20/admin", NOTHING},
    {"a blank with dots, at the end", "x", "/admin/%20..", NOTHING},
    {"a blank in a name is fine", "x", "/admin/a%20.%20b", 1},
    {"question mark under one rule", "x", "/admin/what%3f", 1},
    {"question mark behind a rule", "x", "/admin%3fx", NOTHING},
    {"hash behind a rule", "x", "/admin%23x", NOTHING},
    {"question mark hides a longer rule", "x", "/admin%3f/public/x", NOTHING},
    {"question mark behind dots", "x", "/admin/..%3fx", NOTHING},
    {"hash behind one dot", "x", "/admin/.%23", NOTHING},
    {"question mark and climbing", "x", "/free%3f/../admin", NOTHING},
    {"two question marks", "x", "/admin/a%3f/b%3f", 1},
    {"broken escape", "x", "/admin%", NOTHING},
    {"broken escape, one digit", "x", "/admin%4", NOTHING},
    {"broken escape, no digit", "x", "/admin%zz", NOTHING},
    {"no slash", "x", "admin", NOTHING},
    {"empty", "x", "", NOTHING},
};

static struct conf conf = {.routes = routes, .route_count = ROWS(routes)};

static const struct conf_route *find(const struct route_table *t, struct str host, struct str path)
{
    enum route_method fits = ROUTE_METHOD_OTHER;
    const struct conf_route *found = route_find(t, host, path, HTTP_METHOD_GET, &fits);
    assert_true(found == NULL || fits == ROUTE_METHOD_FITS);
    return found;
}

static void test_rows(void **state)
{
    (void)state;
    struct route_table *t = route_table_new(&conf);
    assert_non_null(t);
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct conf_route *found = find(t, str_of(rows[i].host), str_of(rows[i].path));
        int got = found != NULL ? (int)(found - routes) : NOTHING;
        CHECK_ROW(rows[i].says, got == rows[i].route);
    }
    route_table_free(t);
}

static void test_order_does_not_matter(void **state)
{
    (void)state;
    struct conf_route turned[ROWS(routes)];
    for (size_t i = 0; i < ROWS(routes); i++) {
        turned[i] = routes[ROWS(routes) - 1 - i];
    }
    struct conf other = {.routes = turned, .route_count = ROWS(routes)};
    struct route_table *t = route_table_new(&other);
    assert_non_null(t);
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct conf_route *found = find(t, str_of(rows[i].host), str_of(rows[i].path));
        int got = found != NULL ? (int)(ROWS(routes)) - 1 - (int)(found - turned) : NOTHING;
        CHECK_ROW(rows[i].says, got == rows[i].route);
    }
    route_table_free(t);
}

static void test_no_routes(void **state)
{
    (void)state;
    struct conf none = {0};
    struct route_table *t = route_table_new(&none);
    assert_non_null(t);
    assert_null(find(t, STR("x"), STR("/")));
    route_table_free(t);
}

#define MANY      4000
#define TEXT_ROOM 40

static uint32_t lot; /* the same numbers in each run */

static uint32_t draw(uint32_t below)
{
    lot = lot * UINT32_C(1664525) + UINT32_C(1013904223);
    return (lot >> 8) % below;
}

/* A path of up to four short segments, so that many begin alike. */
static void draw_path(char text[TEXT_ROOM], bool slash)
{
    size_t n = 0;
    for (uint32_t left = draw(5); left > 0; left--) {
        const char *segments[] = {"/a", "/b", "/ab", "/abc"};
        n += (size_t)snprintf(text + n, TEXT_ROOM - n, "%s", segments[draw(ROWS(segments))]);
    }
    if (n == 0 || (slash && draw(4) == 0)) {
        (void)snprintf(text + n, TEXT_ROOM - n, "/");
    }
}

static void draw_host(char text[TEXT_ROOM], bool rule)
{
    size_t n = rule && draw(3) == 0 ? (size_t)snprintf(text, TEXT_ROOM, "*.") : 0;
    for (uint32_t left = draw(3) + 1; left > 0; left--) {
        n += (size_t)snprintf(text + n, TEXT_ROOM - n, "%c%s", (char)('a' + draw(6)),
                              left > 1 ? "." : "");
    }
}

/* How exactly a rule's host fits: 0 not at all, 1 any host, more for the longer. */
static size_t host_weight(const struct conf_route *r, struct str host)
{
    struct str own = r->host.p != NULL ? str_of(r->host.p) : STR("");
    if (own.n == 0) {
        return 1;
    }
    if (!str_starts(own, STR("*."))) {
        return str_eq(own, host) ? 1000 : 0;
    }
    struct str tail = str_slice(own, 1, own.n);
    bool fits = host.n > tail.n && str_eq(tail, str_slice(host, host.n - tail.n, host.n));
    return fits ? 1 + tail.n : 0;
}

static size_t path_weight(const struct conf_route *r, struct str path)
{
    struct str own = str_of(r->path.p);
    bool fits = str_starts(path, own) &&
                (own.p[own.n - 1] == '/' || path.n == own.n || path.p[own.n] == '/');
    return fits ? own.n : 0;
}

/* As the header says it, by looking at every rule. */
static const struct conf_route *find_slowly(const struct conf *c, struct str host, struct str path)
{
    const struct conf_route *best = NULL;
    size_t exact = 0;
    for (size_t i = 0; i < c->route_count; i++) {
        size_t weight = host_weight(&c->routes[i], host);
        exact = weight > exact ? weight : exact;
    }
    for (size_t i = 0; i < c->route_count; i++) {
        const struct conf_route *r = &c->routes[i];
        if (host_weight(r, host) == exact && exact > 0 && path_weight(r, path) > 0 &&
            (best == NULL || path_weight(r, path) > path_weight(best, path))) {
            best = r;
        }
    }
    return best;
}

static void test_many(void **state)
{
    (void)state;
    static char hosts[MANY][TEXT_ROOM];
    static char paths[MANY][TEXT_ROOM];
    static struct conf_route many[MANY];
    lot = 1;
    for (size_t n = 1; n <= MANY; n = n * 5 / 2 + 1) {
        struct conf c = {.routes = many, .route_count = n};
        for (size_t i = 0; i < n; i++) {
            draw_host(hosts[i], true);
            draw_path(paths[i], true);
            many[i].host.p = draw(5) == 0 ? NULL : hosts[i];
            many[i].path.p = paths[i];
        }
        struct route_table *t = route_table_new(&c);
        assert_non_null(t);
        for (size_t i = 0; i < 2000; i++) {
            char host[TEXT_ROOM];
            char path[TEXT_ROOM];
            draw_host(host, false);
            draw_path(path, true);
            const struct conf_route *got = find(t, str_of(host), str_of(path));
            if (got != find_slowly(&c, str_of(host), str_of(path))) {
                fail_msg("%zu routes: %s%s", n, host, path);
            }
        }
        route_table_free(t);
    }
}

static void test_methods(void **state)
{
    (void)state;
    struct conf_text get[] = {{.p = "GET"}};
    struct conf_text change[] = {{.p = "POST"}, {.p = "PUT"}};
    struct conf_text remove[] = {{.p = "DELETE"}};
    struct conf_route own[] = {
        {.path = {.p = "/a"}, .methods = {change, 2}},
        {.path = {.p = "/"}},
        {.path = {.p = "/a"}, .methods = {get, 1}},
        {.path = {.p = "/b"}, .methods = {remove, 1}},
        {.path = {.p = "/b"}},
        {.host = {.p = "only.example"}, .path = {.p = "/a"}, .methods = {remove, 1}},
    };
    static const struct {
        const char *says;
        const char *host, *path;
        enum http_method method;
        int route;
        bool fits;
        const char *allow;
    } cases[] = {
        {"no rule of the place names it", "x", "/a", HTTP_METHOD_DELETE, 0, false,
         "GET, HEAD, POST, PUT"},
        {"a shorter path that would take it is not asked", "x", "/a/b", HTTP_METHOD_PATCH, 0, false,
         "GET, HEAD, POST, PUT"},
        {"another host's methods do not count", "only.example", "/a", HTTP_METHOD_GET, 5, false,
         "DELETE"},
        {"named", "x", "/a", HTTP_METHOD_PUT, 0, true, NULL},
        {"named by a later rule", "x", "/a", HTTP_METHOD_GET, 2, true, NULL},
        {"GET stands for HEAD", "x", "/a", HTTP_METHOD_HEAD, 2, true, NULL},
        {"the named one before the one for all", "x", "/b", HTTP_METHOD_DELETE, 3, true, NULL},
        {"the one for all", "x", "/b", HTTP_METHOD_GET, 4, true, NULL},
        {"none names any", "x", "/c", HTTP_METHOD_PATCH, 1, true, NULL},
    };
    struct conf methods = {.routes = own, .route_count = ROWS(own)};
    struct route_table *t = route_table_new(&methods);
    assert_non_null(t);
    for (size_t i = 0; i < ROWS(cases); i++) {
        enum route_method fits = ROUTE_METHOD_OTHER;
        struct buf allow;
        buf_init(&allow, 100);
        const struct conf_route *r =
            route_find(t, str_of(cases[i].host), str_of(cases[i].path), cases[i].method, &fits);
        CHECK_ROW(cases[i].says, r == &own[cases[i].route]);
        CHECK_ROW(cases[i].says, (fits == ROUTE_METHOD_FITS) == cases[i].fits);
        assert_int_equal(route_allow(t, r, &allow), 0);
        if (cases[i].allow != NULL) {
            CHECK_STR(cases[i].says, buf_str(&allow), str_of(cases[i].allow));
        }
        buf_release(&allow);
    }
    route_table_free(t);
}

/* Without memory a path that needs work matches nothing: it is not let under a weaker rule. */
static void test_no_memory(void **state)
{
    (void)state;
    for (unsigned long n = 1; n <= 3 + ROWS(routes); n++) {
        mem_fail_after(n, false);
        assert_null(route_table_new(&conf));
    }
    mem_fail_after(0, false);
    struct route_table *t = route_table_new(&conf);
    assert_non_null(t);
    mem_fail_after(1, false);
    assert_null(find(t, STR("x"), STR("/%61dmin")));
    mem_fail_after(0, false);
    route_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),      cmocka_unit_test(test_order_does_not_matter),
        cmocka_unit_test(test_no_routes), cmocka_unit_test(test_many),
        cmocka_unit_test(test_methods),   cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
