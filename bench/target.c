/* Owns: reading of URLs and source addresses, and the rule about foreign servers. One thread. */
#include "bench/target.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

static int split_authority(struct str authority, struct str *host, struct str *port, struct err *e)
{
    if (str_chr(authority, '@') != STR_NPOS) {
        return err_set(e, ERR_CONFIG, "URL: users and passwords come from --users, not the URL");
    }
    if (str_starts(authority, STR("["))) {
        size_t end = str_chr(authority, ']');
        if (end == STR_NPOS) {
            return err_set(e, ERR_CONFIG, "URL: \"]\" is missing");
        }
        *host = str_slice(authority, 1, end);
        struct str rest = str_slice(authority, end + 1, authority.n);
        if (rest.n != 0 && rest.p[0] != ':') {
            return err_set(e, ERR_CONFIG, "URL: only a port may follow \"]\"");
        }
        *port = str_slice(rest, 1, rest.n);
        return 0;
    }
    (void)str_cut(authority, ':', host, port);
    return 0;
}

static int resolve(struct options *o, const char *port, struct err *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    int rc = getaddrinfo(o->host, port, &hints, &list);
    if (rc != 0) {
        return err_set(e, ERR_CONFIG, "URL: cannot resolve \"%s\": %s", o->host, gai_strerror(rc));
    }
    addr_from_sockaddr(&o->addr, list->ai_addr, list->ai_addrlen);
    freeaddrinfo(list);
    return 0;
}

int target_read(const char *url, struct options *o, struct err *e)
{
    struct str text = str_of(url);
    struct str host = STR_NONE;
    struct str port = STR_NONE;
    char port_text[8] = "443";
    uint64_t number = 443;
    if (!str_starts(text, STR("https://"))) {
        return err_set(e, ERR_CONFIG, "URL: expected https://host[:port][/path]");
    }
    struct str authority = str_slice(text, 8, text.n);
    size_t end = 0;
    while (end < authority.n && strchr("/?#", authority.p[end]) == NULL) {
        end++;
    }
    struct str path = str_slice(authority, end, authority.n);
    authority = str_slice(authority, 0, end);
    if (str_chr(path, '#') != STR_NPOS || (path.n > 0 && path.p[0] != '/')) {
        return err_set(e, ERR_CONFIG, "URL: after the host comes a path, without a fragment");
    }
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] <= ' ' || text.p[i] > '~') {
            return err_set(e, ERR_CONFIG, "URL: blanks and octets outside ASCII must be encoded");
        }
    }
    if (split_authority(authority, &host, &port, e) != 0) {
        return -ERR_CONFIG;
    }
    if (host.n == 0 || host.n >= sizeof(o->host)) {
        return err_set(e, ERR_CONFIG, "URL: the host is missing or too long");
    }
    if (port.n > 0 && (!str_to_u64(port, &number) || number == 0 || number > 65535)) {
        return err_set(e, ERR_CONFIG, "URL: the port must be 1-65535");
    }
    o->url = url;
    o->path = path.n > 0 ? path.p : "/";
    memcpy(o->host, host.p, host.n);
    o->host[host.n] = '\0';
    (void)snprintf(o->server, sizeof(o->server), "%.*s", STR_ARG(authority));
    (void)snprintf(port_text, sizeof(port_text), "%u", (unsigned)number);
    return resolve(o, port_text, e);
}

bool target_is_private(const struct addr *a)
{
    static const char *const ranges[] = {
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7",
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        struct addr_range range;
        if (addr_range_parse(str_of(ranges[i]), &range, NULL) == 0 && addr_in_range(a, &range)) {
            return true;
        }
    }
    return false;
}

static bool parse_host(struct str text, struct addr *out)
{
    char with_port[80];
    if (text.n > 60) {
        return false;
    }
    bool v6 = str_chr(text, ':') != STR_NPOS;
    (void)snprintf(with_port, sizeof(with_port), "%s%.*s%s:0", v6 ? "[" : "", STR_ARG(text),
                   v6 ? "]" : "");
    return addr_parse(str_of(with_port), true, out, NULL) == 0 && out->kind == ADDR_INET;
}

const char *target_sources(const char *text, struct options *o)
{
    struct str first;
    struct str last;
    struct addr from;
    struct addr to;
    bool range = str_cut(str_of(text), '-', &first, &last);
    if (!parse_host(first, &from) || !parse_host(range ? last : first, &to)) {
        return "an address or a range of IPv4 addresses, such as 127.0.0.2-127.0.0.9";
    }
    uint32_t low = 0;
    uint32_t high = 0;
    if (range) {
        if (from.sa.sa_family != AF_INET || to.sa.sa_family != AF_INET) {
            return "IPv4 addresses on both sides of the \"-\"";
        }
        low = ntohl(from.in4.sin_addr.s_addr);
        high = ntohl(to.in4.sin_addr.s_addr);
    }
    if (high < low || (size_t)(high - low) >= OPTIONS_SOURCES_MAX - o->source_count) {
        return "a range that rises, at most 256 addresses in all";
    }
    for (uint32_t i = 0; i <= high - low; i++) {
        struct addr *a = &o->sources[o->source_count++];
        *a = from;
        if (range) {
            a->in4.sin_addr.s_addr = htonl(low + i);
        }
    }
    return NULL;
}
