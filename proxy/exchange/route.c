/* Owns: the table of rules in the order in which they are tried, and the choice. Pure.
 *
 * The choice costs as much with a hundred thousand routes as with ten: entries lie in one array,
 * those of a host together (a group), among them those whose prefixes are equally long (a step),
 * and host, then prefix of each length, are searched by halving. */
#include "proxy/exchange/route.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proxy/exchange/path.h"

#define HOST_LEN_MAX 256 /* of a suffix, its dot included; names are shorter (RFC 1035 2.3.4) */

enum host_kind { HOST_EXACT = 0, HOST_SUFFIX, HOST_ANY };

struct entry {
    const struct conf_route *route;
    enum host_kind kind;
    struct str host; /* HOST_SUFFIX: with its leading dot; borrowed from the configuration */
    char *prefix;    /* normal form; owned; NULL: matches nothing */
    size_t prefix_n;
    unsigned methods; /* a bit for each; 0: any */
};

/* Entries of one host whose prefixes have one length, in the order of their octets. */
struct step {
    size_t first, end; /* entries; end is behind the last */
};

/* Entries of one host; the longest prefixes first. */
struct group {
    enum host_kind kind;
    struct str host;   /* as of its entries */
    size_t first, end; /* steps */
};

struct route_table {
    size_t n;
    struct group *groups; /* owned; in the order of the entries */
    struct step *steps;   /* owned */
    size_t group_count, step_count;
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
        e->prefix_n = 0;
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

/* Exact hosts, then suffixes, then any; the longer first. */
static int compare_hosts(enum host_kind a_kind, struct str a, enum host_kind b_kind, struct str b)
{
    if (a_kind != b_kind) {
        return a_kind < b_kind ? -1 : 1;
    }
    if (a.n != b.n) {
        return a.n > b.n ? -1 : 1;
    }
    return compare_folded(a, b);
}

/* In the order of hosts; equal hosts together, and among them the longer prefix first. */
static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;
    int d = compare_hosts(a->kind, a->host, b->kind, b->host);
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

/* Find the groups and steps of the sorted entries. Returns false without memory. */
static bool set_index(struct route_table *t)
{
    t->groups = mem_calloc(t->n + 1, sizeof(*t->groups));
    t->steps = mem_calloc(t->n + 1, sizeof(*t->steps));
    if (t->groups == NULL || t->steps == NULL) {
        return false;
    }
    for (size_t i = 0; i < t->n; i++) {
        const struct entry *e = &t->entries[i];
        const struct entry *before = i > 0 ? e - 1 : NULL;
        bool other_host =
            before == NULL || compare_hosts(before->kind, before->host, e->kind, e->host) != 0;
        if (other_host) {
            t->groups[t->group_count++] = (struct group){e->kind, e->host, t->step_count, 0};
        }
        if (other_host || before->prefix_n != e->prefix_n) {
            t->steps[t->step_count++].first = i;
        }
        t->steps[t->step_count - 1].end = i + 1;
        t->groups[t->group_count - 1].end = t->step_count;
    }
    return true;
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
    if (!set_index(t)) {
        route_table_free(t);
        return NULL;
    }
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
    mem_free(t->groups);
    mem_free(t->steps);
    mem_free(t);
}

static const struct group *group_of(const struct route_table *t, enum host_kind kind,
                                    struct str host)
{
    size_t low = 0;
    size_t high = t->group_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct group *g = &t->groups[middle];
        int d = compare_hosts(kind, host, g->kind, g->host);
        if (d == 0) {
            return g;
        }
        if (d < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

/* An IPv6 address may be spelled otherwise than in the table: each exact host is looked at. */
static const struct group *group_of_ipv6(const struct route_table *t, struct str host)
{
    for (size_t i = 0; i < t->group_count && t->groups[i].kind == HOST_EXACT; i++) {
        if (is_same_host(t->groups[i].host, host)) {
            return &t->groups[i];
        }
    }
    return NULL;
}

/* The most exact group for host, or NULL. */
static const struct group *find_group(const struct route_table *t, struct str host)
{
    const struct group *g =
        host.n > 0 && host.p[0] == '[' ? group_of_ipv6(t, host) : group_of(t, HOST_EXACT, host);
    for (size_t i = 1; g == NULL && i < host.n; i++) {
        if (host.p[i] == '.' && host.n - i <= HOST_LEN_MAX) {
            g = group_of(t, HOST_SUFFIX, str_slice(host, i, host.n));
        }
    }
    return g != NULL ? g : group_of(t, HOST_ANY, STR(""));
}

static bool ends_segment(const struct entry *e, struct str path)
{
    return e->prefix[e->prefix_n - 1] == '/' || path.n == e->prefix_n || path.p[e->prefix_n] == '/';
}

/* The first entry of a step that path begins with, t->n if there is none. */
static size_t find_prefix(const struct route_table *t, const struct step *step, struct str path)
{
    size_t length = t->entries[step->first].prefix_n;
    size_t low = step->first;
    size_t high = step->end;
    if (length == 0 || length > path.n) {
        return t->n;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(t->entries[middle].prefix, path.p, length) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < step->end && memcmp(t->entries[low].prefix, path.p, length) == 0 &&
                 ends_segment(&t->entries[low], path);
    return found ? low : t->n;
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
    const struct group *g = find_group(t, host);
    for (size_t i = g != NULL ? g->first : 0; g != NULL && i < g->end; i++) {
        size_t first = find_prefix(t, &t->steps[i], path);
        if (first < t->n) {
            return choose_method(t, first, method, fits);
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
