/* Owns: names of methods and statuses, tokens, and the grammar of an authority. Pure. */
#include "proxy/http/head.h"

#include <arpa/inet.h>

#include "proxy/http/octet.h"

struct str http_method_text(enum http_method m)
{
    switch (m) {
    case HTTP_METHOD_NONE:
        break;
    case HTTP_METHOD_GET:
        return STR("GET");
    case HTTP_METHOD_HEAD:
        return STR("HEAD");
    case HTTP_METHOD_POST:
        return STR("POST");
    case HTTP_METHOD_PUT:
        return STR("PUT");
    case HTTP_METHOD_DELETE:
        return STR("DELETE");
    case HTTP_METHOD_OPTIONS:
        return STR("OPTIONS");
    case HTTP_METHOD_PATCH:
        return STR("PATCH");
    }
    return STR("");
}

enum http_method http_method_of(struct str text)
{
    for (int m = HTTP_METHOD_GET; m <= HTTP_METHOD_PATCH; m++) {
        if (str_eq(text, http_method_text((enum http_method)m))) {
            return (enum http_method)m;
        }
    }
    return HTTP_METHOD_NONE;
}

bool http_method_is_idempotent(enum http_method m)
{
    return m == HTTP_METHOD_GET || m == HTTP_METHOD_HEAD || m == HTTP_METHOD_PUT ||
           m == HTTP_METHOD_DELETE || m == HTTP_METHOD_OPTIONS;
}

static const struct {
    unsigned status;
    const char *phrase;
} phrases[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
    {511, "Network Authentication Required"},
};

struct str http_status_phrase(unsigned status)
{
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        if (phrases[i].status == status) {
            return str_of(phrases[i].phrase);
        }
    }
    return STR("");
}

bool http_is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!octet_is(s.p[i], OCTET_TOKEN)) {
            return false;
        }
    }
    return s.n > 0;
}

/* Labels of "unreserved" octets, none of them empty but for what follows a dot at the end. */
static bool is_reg_name(struct str s)
{
    bool in_label = false;
    for (size_t i = 0; i < s.n; i++) {
        bool is_dot = s.p[i] == '.';
        if (is_dot ? !in_label : !octet_is(s.p[i], OCTET_HOST)) {
            return false;
        }
        in_label = !is_dot;
    }
    return s.n > 0;
}

static bool is_ipv6(struct str s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (s.n >= sizeof(text) || memchr(s.p, '\0', s.n) != NULL) {
        return false;
    }
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
}

static bool is_port(struct str s)
{
    uint64_t number = 0;
    return s.n == 0 || (s.n <= 5 && str_to_u64(s, &number) && number <= UINT16_MAX);
}

/* The length of the host at the front of authority, SIZE_MAX if there is none. */
static size_t host_len(struct str authority)
{
    if (authority.n == 0 || authority.p[0] != '[') {
        size_t colon = str_chr(authority, ':');
        size_t n = colon == STR_NPOS ? authority.n : colon;
        return is_reg_name(str_slice(authority, 0, n)) ? n : SIZE_MAX;
    }
    size_t end = str_chr(authority, ']');
    if (end == STR_NPOS || !is_ipv6(str_slice(authority, 1, end))) {
        return SIZE_MAX;
    }
    return end + 1;
}

bool http_authority_parse(struct str authority, struct str *host, struct str *port)
{
    size_t n = host_len(authority);
    *host = STR_NONE;
    *port = STR_NONE;
    if (n == SIZE_MAX) {
        return false;
    }
    struct str rest = str_slice(authority, n, authority.n);
    if (rest.n > 0 && (rest.p[0] != ':' || !is_port(str_slice(rest, 1, rest.n)))) {
        return false;
    }
    *host = str_slice(authority, 0, n);
    *port = str_slice(rest, 1, rest.n);
    return true;
}
