/* Owns: the table of rules in the order in which they are tried, and the choice. Pure. */
#include "proxy/exchange/route.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proxy/exchange/path.h"

enum host_kind { HOST_EXACT = 0, HOST_SUFFIX, HOST_ANY };

struct entry {
    const struct conf_route *route;
    enum host_kind kind;
    struct str host; /* HOST_SUFFIX: with its leading dot; borrowed from the configuration */
    char *prefix;    /* normal form; owned; NULL: matches nothing */
    size_t prefix_n;
    unsigned methods; /* a bit for each; 0: any */
};

struct route_table {
    size_t n;
    struct entry entries[];
};

/* An IPv6 address has many spellings. Returns false if host is none in brackets. */
static bool read_ipv6(struct str host, struct in6_addr *out)
{
    char text[INET6_ADDRSTRLEN];
    if (host.n < 2 || host.n - 2 >= sizeof(text) || host.p[0] != '[') {
        return false;
    }
    memcpy(text, host.p + 1, host.n - 2);
    text[host.n - 2] = '\0';
    return inet_pton(AF_INET6, text, out) == 1;
}

static bool is_same_host(struct str a, struct str b)
{
    struct in6_addr left;
    struct in6_addr right;
    return str_ieq(a, b) || (read_ipv6(a, &left) && read_ipv6(b, &right) &&
                             memcmp(&left, &right, sizeof(left)) == 0);
}

static void set_host(struct entry *e, struct str host)
{
    if (host.n == 0) {
        e->kind = HOST_ANY;
    } else if (str_starts(host, STR("*."))) {
        e->kind = HOST_SUFFIX;
        e->host = str_slice(host, 1, host.n);
    } else {
        e->kind = HOST_EXACT;
        e->host = host;
    }
}

/* Returns false without memory. */
static bool set_prefix(struct entry *e, struct str path)
{
    e->prefix = mem_alloc(path.n + 1);
    if (e->prefix == NULL) {
        return false;
    }
    size_t end = 0;
    if (!path_normalise(path, e->prefix, &e->prefix_n, &end)) {
        mem_free(e->prefix);
        e->prefix = NULL;
    }
    return true;
}

/* GET stands for HEAD too. */
static unsigned method_bits(const struct conf_texts *names)
{
    unsigned bits = 0;
    for (size_t i = 0; i < names->n; i++) {
        bits |= 1U << http_method_of(str_of(names->v[i].p));
    }
    return (bits & 1U << HTTP_METHOD_GET) != 0 ? bits | 1U << HTTP_METHOD_HEAD : bits;
}

static int compare_folded(struct str a, struct str b)
{
    for (size_t i = 0; i < a.n && i < b.n; i++) {
        int d = str_lower(a.p[i]) - str_lower(b.p[i]);
        if (d != 0) {
            return d;
        }
    }
    return 0;
}

/* Exact hosts, then suffixes, then any; the longer first; equal hosts together, and among them the
 * longer prefix first. */
static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    if (a->host.n != b->host.n) {
        return a->host.n > b->host.n ? -1 : 1;
    }
    int d = compare_folded(a->host, b->host);
    if (d != 0) {
        return d;
    }
    if (a->prefix_n != b->prefix_n) {
        return a->prefix_n > b->prefix_n ? -1 : 1;
    }
    d = a->prefix_n > 0 ? memcmp(a->prefix, b->prefix, a->prefix_n) : 0;
    if (d != 0) {
        return d;
    }
    return (a->route > b->route) - (a->route < b->route); /* as in the configuration */
}

struct route_table *route_table_new(const struct conf *conf)
{
    struct route_table *t = mem_calloc(1, sizeof(*t) + conf->route_count * sizeof(t->entries[0]));
    if (t == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < conf->route_count; i++) {
        struct entry *e = &t->entries[t->n++];
        e->route = &conf->routes[i];
        set_host(e, str_of(e->route->host.p));
        e->methods = method_bits(&e->route->methods);
        if (!set_prefix(e, e->route->path.p != NULL ? str_of(e->route->path.p) : STR("/"))) {
            route_table_free(t);
            return NULL;
        }
    }
    qsort(t->entries, t->n, sizeof(t->entries[0]), compare_entries);
    return t;
}

void route_table_free(struct route_table *t)
{
    if (t == NULL) {
        return;
    }
    for (size_t i = 0; i < t->n; i++) {
        mem_free(t->entries[i].prefix);
    }
    mem_free(t);
}

static bool host_matches(const struct entry *e, struct str host)
{
    switch (e->kind) {
    case HOST_EXACT:
        return is_same_host(e->host, host);
    case HOST_SUFFIX:
        return host.n > e->host.n && str_ieq(e->host, str_slice(host, host.n - e->host.n, host.n));
    case HOST_ANY:
        return true;
    }
    return false;
}

static bool path_matches(const struct entry *e, struct str path)
{
    struct str prefix = {e->prefix, e->prefix_n};
    if (e->prefix == NULL || !str_starts(path, prefix)) {
        return false;
    }
    return prefix.p[prefix.n - 1] == '/' || path.n == prefix.n || path.p[prefix.n] == '/';
}

static bool same_place(const struct entry *a, const struct entry *b)
{
    return a->kind == b->kind && str_ieq(a->host, b->host) && a->prefix_n == b->prefix_n &&
           a->prefix != NULL && b->prefix != NULL && memcmp(a->prefix, b->prefix, a->prefix_n) == 0;
}

/* Of the entries of one place, the one for method; they follow each other from first on. */
static const struct conf_route *choose_method(const struct route_table *t, size_t first,
                                              enum http_method method, enum route_method *fits)
{
    const struct conf_route *any = NULL;
    *fits = ROUTE_METHOD_FITS;
    for (size_t i = first; i < t->n && same_place(&t->entries[i], &t->entries[first]); i++) {
        const struct entry *e = &t->entries[i];
        if ((e->methods & 1U << method) != 0) {
            return e->route;
        }
        any = e->methods == 0 && any == NULL ? e->route : any;
    }
    if (any == NULL) {
        *fits = ROUTE_METHOD_OTHER;
        return t->entries[first].route;
    }
    return any;
}

static const struct conf_route *choose(const struct route_table *t, struct str host,
                                       struct str path, enum http_method method,
                                       enum route_method *fits)
{
    size_t i = 0;
    while (i < t->n && !host_matches(&t->entries[i], host)) {
        i++;
    }
    const struct entry *group = i < t->n ? &t->entries[i] : NULL;
    for (; i < t->n; i++) {
        const struct entry *e = &t->entries[i];
        if (e->kind != group->kind || !str_ieq(e->host, group->host)) {
            break;
        }
        if (path_matches(e, path)) {
            return choose_method(t, i, method, fits);
        }
    }
    return NULL;
}

const struct conf_route *route_find(const struct route_table *t, struct str host, struct str path,
                                    enum http_method method, enum route_method *fits)
{
    *fits = ROUTE_METHOD_OTHER;
    if (host.n > 0 && host.p[host.n - 1] == '.') {
        host.n--;
    }
    if (str_eq(path, STR("*"))) {
        path = STR("/");
    }
    if (path_is_plain(path)) {
        return choose(t, host, path, method, fits);
    }
    char *plain = path.n > 0 ? mem_alloc(path.n) : NULL;
    if (plain == NULL) {
        return NULL;
    }
    const struct conf_route *found = NULL;
    size_t n = 0;
    size_t end = 0;
    if (path_normalise(path, plain, &n, &end)) {
        enum route_method of_cut = ROUTE_METHOD_OTHER;
        found = choose(t, host, (struct str){plain, n}, method, fits);
        if (end < n && choose(t, host, (struct str){plain, end}, method, &of_cut) != found) {
            found = NULL;
        }
    }
    mem_free(plain);
    return found;
}

int route_allow(const struct route_table *t, const struct conf_route *route, struct buf *out)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"};
    const struct entry *place = NULL;
    unsigned bits = 0;
    const char *comma = "";
    int rc = 0;
    for (size_t i = 0; i < t->n && place == NULL; i++) {
        place = t->entries[i].route == route ? &t->entries[i] : NULL;
    }
    for (size_t i = 0; place != NULL && i < t->n; i++) {
        bits |= same_place(&t->entries[i], place) ? t->entries[i].methods : 0;
    }
    for (size_t i = 0; rc == 0 && i < sizeof(names) / sizeof(names[0]); i++) {
        if ((bits & 1U << http_method_of(str_of(names[i]))) != 0) {
            rc = buf_printf(out, "%s%s", comma, names[i]);
            comma = ", ";
        }
    }
    return rc;
}
