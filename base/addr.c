/* Owns: reading and printing of socket addresses and ranges. Not: resolving of names, sockets. Any
 * thread. */
#include "base/addr.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Long enough for every literal that inet_pton takes; longer texts are none. */
enum { LITERAL_MAX = INET6_ADDRSTRLEN };

/* Text that may be shown in an error: at most so much of it. */
#define SHOWN(s) STR_ARG(str_slice((s), 0, 100))

static bool to_literal(struct str text, char out[LITERAL_MAX])
{
    if (text.n == 0 || text.n >= LITERAL_MAX || str_chr(text, '\0') != STR_NPOS) {
        return false;
    }
    memcpy(out, text.p, text.n);
    out[text.n] = '\0';
    return true;
}

static bool parse_v4(struct str text, struct in_addr *out)
{
    char literal[LITERAL_MAX];
    return to_literal(text, literal) && inet_pton(AF_INET, literal, out) == 1;
}

static bool parse_v6(struct str text, struct in6_addr *out)
{
    char literal[LITERAL_MAX];
    return to_literal(text, literal) && inet_pton(AF_INET6, literal, out) == 1;
}

static void set_v4(struct addr *a, const struct in_addr *in, uint16_t port)
{
    a->kind = ADDR_INET;
    a->port = port;
    a->in4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = *in};
}

static void set_v6(struct addr *a, const struct sockaddr_in6 *in6)
{
    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
        struct in_addr in;
        memcpy(&in, &in6->sin6_addr.s6_addr[12], sizeof(in));
        set_v4(a, &in, ntohs(in6->sin6_port));
        return;
    }
    a->kind = ADDR_INET;
    a->port = ntohs(in6->sin6_port);
    a->in6 = *in6;
}

static int parse_unix(struct str path, struct addr *out, struct err *e)
{
    if (path.n == 0 || path.p[0] != '/') {
        return err_set(e, ERR_MALFORMED, "\"unix:\" needs an absolute path, as unix:/run/x.sock");
    }
    if (path.n >= sizeof(out->un.sun_path)) {
        return err_set(e, ERR_MALFORMED, "path of the Unix socket is longer than %zu octets",
                       sizeof(out->un.sun_path) - 1);
    }
    if (str_has_control(path)) {
        return err_set(e, ERR_MALFORMED, "path of the Unix socket holds a control character");
    }
    out->kind = ADDR_UNIX;
    out->un.sun_family = AF_UNIX;
    memcpy(out->un.sun_path, path.p, path.n);
    return 0;
}

static int parse_systemd(struct str name, struct addr *out, struct err *e)
{
    if (name.n == 0 || name.n >= sizeof(out->name) || str_has_control(name) ||
        str_chr(name, ':') != STR_NPOS) {
        return err_set(e, ERR_MALFORMED,
                       "\"systemd:\" needs the FileDescriptorName= of a socket unit");
    }
    out->kind = ADDR_SYSTEMD;
    memcpy(out->name, name.p, name.n);
    return 0;
}

static bool is_label_char(char c)
{
    char l = str_lower(c);
    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool is_label(struct str label)
{
    if (label.n == 0 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < label.n; i++) {
        if (!is_label_char(label.p[i])) {
            return false;
        }
    }
    return true;
}

/* A host name whose last label is no number: "1.2.3" and "10.0.0.256" are mistakes, not names. */
static bool is_host_name(struct str host)
{
    struct str label;
    struct str rest = host;
    bool more = true;
    while (more) {
        more = str_cut(rest, '.', &label, &rest);
        if (!is_label(label)) {
            return false;
        }
    }
    uint64_t number;
    return !str_to_u64(label, &number);
}

static int parse_port(struct str text, bool allow_port_0, uint16_t *out, struct err *e)
{
    uint64_t port = 0;
    if (!str_to_u64(text, &port) || port > UINT16_MAX || (port == 0 && !allow_port_0)) {
        return err_set(e, ERR_MALFORMED, "port \"%.*s\" is not a number from %d to 65535",
                       SHOWN(text), allow_port_0 ? 0 : 1);
    }
    *out = (uint16_t)port;
    return 0;
}

/* "[::1]:80" */
static int parse_bracketed(struct str text, bool allow_port_0, struct addr *out, struct err *e)
{
    struct str host;
    struct str rest;
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (!str_cut(str_slice(text, 1, text.n), ']', &host, &rest) ||
        !parse_v6(host, &in6.sin6_addr)) {
        return err_set(e, ERR_MALFORMED, "\"%.*s\" is not an IPv6 address in brackets with a port",
                       SHOWN(text));
    }
    if (!str_starts(rest, STR(":"))) {
        return err_set(e, ERR_MALFORMED, "\"%.*s\" needs a port, as [::1]:8443", SHOWN(text));
    }
    uint16_t port = 0;
    int rc = parse_port(str_slice(rest, 1, rest.n), allow_port_0, &port, e);
    if (rc == 0) {
        in6.sin6_port = htons(port);
        set_v6(out, &in6);
    }
    return rc;
}

/* "127.0.0.1:80", "host:80" */
static int parse_host_port(struct str text, bool allow_port_0, struct addr *out, struct err *e)
{
    struct str host;
    struct str port_text;
    if (!str_cut(text, ':', &host, &port_text)) {
        return err_set(e, ERR_MALFORMED, "\"%.*s\" needs a port, as 127.0.0.1:8443", SHOWN(text));
    }
    if (str_chr(port_text, ':') != STR_NPOS) {
        return err_set(e, ERR_MALFORMED,
                       "\"%.*s\": an IPv6 address stands in brackets, as [::1]:80", SHOWN(text));
    }
    uint16_t port = 0;
    int rc = parse_port(port_text, allow_port_0, &port, e);
    if (rc != 0) {
        return rc;
    }
    struct in_addr in;
    if (parse_v4(host, &in)) {
        set_v4(out, &in, port);
        return 0;
    }
    if (host.n >= sizeof(out->name) || !is_host_name(host)) {
        return err_set(e, ERR_MALFORMED, "\"%.*s\" is neither an IP address nor a host name",
                       SHOWN(host));
    }
    out->kind = ADDR_NAME;
    out->port = port;
    memcpy(out->name, host.p, host.n);
    return 0;
}

int addr_parse(struct str text, bool allow_port_0, struct addr *out, struct err *e)
{
    *out = (struct addr){0};
    if (str_starts(text, STR("unix:"))) {
        return parse_unix(str_slice(text, 5, text.n), out, e);
    }
    if (str_starts(text, STR("systemd:"))) {
        return parse_systemd(str_slice(text, 8, text.n), out, e);
    }
    if (str_starts(text, STR("["))) {
        return parse_bracketed(text, allow_port_0, out, e);
    }
    return parse_host_port(text, allow_port_0, out, e);
}

socklen_t addr_len(const struct addr *a)
{
    if (a->kind == ADDR_INET) {
        return a->sa.sa_family == AF_INET6 ? sizeof(a->in6) : sizeof(a->in4);
    }
    if (a->kind == ADDR_UNIX) {
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(a->un.sun_path) + 1);
    }
    return 0;
}

size_t addr_size(const struct addr *a)
{
    switch (a->kind) {
    case ADDR_INET:
        return offsetof(struct addr, in6) + sizeof(a->in6);
    case ADDR_UNIX:
        return offsetof(struct addr, un) + sizeof(a->un);
    case ADDR_NONE:
    case ADDR_NAME:
    case ADDR_SYSTEMD:
    default:
        return sizeof(*a);
    }
}

static struct str inet_text(const struct addr *a, char out[ADDR_TEXT_MAX])
{
    bool v6 = a->sa.sa_family == AF_INET6;
    const void *octets = v6 ? (const void *)&a->in6.sin6_addr : (const void *)&a->in4.sin_addr;
    if (inet_ntop(v6 ? AF_INET6 : AF_INET, octets, out, ADDR_TEXT_MAX) == NULL) {
        out[0] = '\0';
    }
    return str_of(out);
}

struct str addr_host_text(const struct addr *a, char out[ADDR_TEXT_MAX])
{
    out[0] = '\0';
    switch (a->kind) {
    case ADDR_INET:
        return inet_text(a, out);
    case ADDR_UNIX:
        (void)snprintf(out, ADDR_TEXT_MAX, "unix:");
        break;
    case ADDR_NAME:
    case ADDR_SYSTEMD:
        (void)snprintf(out, ADDR_TEXT_MAX, "%s", a->name);
        break;
    case ADDR_NONE:
        break;
    }
    return str_of(out);
}

struct str addr_text(const struct addr *a, char out[ADDR_TEXT_MAX])
{
    char host[ADDR_TEXT_MAX];
    (void)addr_host_text(a, host);
    out[0] = '\0';
    switch (a->kind) {
    case ADDR_INET:
        (void)snprintf(out, ADDR_TEXT_MAX, a->sa.sa_family == AF_INET6 ? "[%.*s]:%u" : "%.*s:%u",
                       INET6_ADDRSTRLEN, host, a->port);
        break;
    case ADDR_UNIX:
        (void)snprintf(out, ADDR_TEXT_MAX, "unix:%s", a->un.sun_path);
        break;
    case ADDR_NAME:
        (void)snprintf(out, ADDR_TEXT_MAX, "%s:%u", a->name, a->port);
        break;
    case ADDR_SYSTEMD:
        (void)snprintf(out, ADDR_TEXT_MAX, "systemd:%s", a->name);
        break;
    case ADDR_NONE:
        break;
    }
    return str_of(out);
}

static void set_unix(struct addr *a, const struct sockaddr *sa, size_t len)
{
    a->kind = ADDR_UNIX;
    memcpy(&a->un, sa, len < sizeof(a->un) ? len : sizeof(a->un));
    /* The kernel ends no path that fills the field. */
    a->un.sun_path[sizeof(a->un.sun_path) - 1] = '\0';
}

void addr_from_sockaddr(struct addr *a, const struct sockaddr *sa, socklen_t len)
{
    *a = (struct addr){0};
    if (len < sizeof(sa->sa_family)) {
        return;
    }
    if (sa->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in in4;
        memcpy(&in4, sa, sizeof(in4));
        set_v4(a, &in4.sin_addr, ntohs(in4.sin_port));
    } else if (sa->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof(in6));
        set_v6(a, &in6);
    } else if (sa->sa_family == AF_UNIX) {
        set_unix(a, sa, len);
    }
}

/* True if the first bits bits of a and b are equal. */
static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8;
    if (memcmp(a, b, whole) != 0) {
        return false;
    }
    unsigned rest = bits % 8;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static bool has_host_bits(const struct addr_range *r)
{
    uint8_t network[16] = {0};
    memcpy(network, r->octets, r->bits / 8);
    if (r->bits % 8 != 0) {
        network[r->bits / 8] = (uint8_t)(r->octets[r->bits / 8] & (0xff00U >> (r->bits % 8)));
    }
    return memcmp(network, r->octets, sizeof(network)) != 0;
}

/* Sets family and octets of r. */
static int range_address(struct str host, struct addr_range *r, struct err *e)
{
    struct in_addr in;
    struct in6_addr in6;
    if (parse_v4(host, &in)) {
        memcpy(r->octets, &in, sizeof(in));
        return 0;
    }
    if (!parse_v6(host, &in6)) {
        return err_set(e, ERR_MALFORMED, "\"%.*s\" is not an IP address, as in 10.0.0.0/8 or ::1",
                       SHOWN(host));
    }
    if (IN6_IS_ADDR_V4MAPPED(&in6)) {
        return err_set(e, ERR_MALFORMED, "\"%.*s\": write an IPv4-mapped address as IPv4",
                       SHOWN(host));
    }
    r->v6 = true;
    memcpy(r->octets, &in6, sizeof(in6));
    return 0;
}

int addr_range_parse(struct str text, struct addr_range *out, struct err *e)
{
    *out = (struct addr_range){0};
    if (str_eq(text, STR("unix:"))) {
        out->kind = ADDR_UNIX;
        return 0;
    }
    struct str host;
    struct str bits_text;
    bool has_bits = str_cut(text, '/', &host, &bits_text);
    struct addr_range r = {.kind = ADDR_INET};
    int rc = range_address(host, &r, e);
    if (rc != 0) {
        return rc;
    }
    uint64_t bits_max = r.v6 ? 128 : 32;
    uint64_t bits = bits_max;
    if (has_bits && (!str_to_u64(bits_text, &bits) || bits > bits_max)) {
        return err_set(e, ERR_MALFORMED, "\"%.*s\": the prefix length is not a number from 0 to %u",
                       SHOWN(text), (unsigned)bits_max);
    }
    r.bits = (uint8_t)bits;
    if (has_host_bits(&r)) {
        return err_set(e, ERR_MALFORMED, "\"%.*s\" has bits set behind the first %u", SHOWN(text),
                       (unsigned)bits);
    }
    *out = r;
    return 0;
}

bool addr_in_range(const struct addr *a, const struct addr_range *r)
{
    if (r->kind == ADDR_UNIX) {
        return a->kind == ADDR_UNIX;
    }
    if (r->kind != ADDR_INET || a->kind != ADDR_INET) {
        return false;
    }
    if (a->sa.sa_family == AF_INET6) {
        return r->v6 && same_prefix(a->in6.sin6_addr.s6_addr, r->octets, r->bits);
    }
    return !r->v6 && same_prefix((const uint8_t *)&a->in4.sin_addr, r->octets, r->bits);
}

uint64_t addr_count_key(const struct addr *a)
{
    if (a->kind != ADDR_INET) {
        return 0;
    }
    if (a->sa.sa_family == AF_INET) {
        return ntohl(a->in4.sin_addr.s_addr);
    }
    uint64_t key = 0;
    for (size_t i = 0; i < 8; i++) {
        key = (key << 8) | a->in6.sin6_addr.s6_addr[i];
    }
    return key;
}
