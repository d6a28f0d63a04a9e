/* Owns: the forms of names, hosts, paths and fields. Not: whether two of them fit together
 * (check.c). Any thread. */
#include "conf/syntax.h"

#include "base/field.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    char l = str_lower(c);
    return is_digit(c) || (l >= 'a' && l <= 'z');
}

static bool is_host_label(struct str s)
{
    if (s.n == 0 || s.n > 63 || s.p[0] == '-' || s.p[s.n - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (!is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_') {
            return false;
        }
    }
    return true;
}

/* Labels with dots between; *labels: how many; *numeric: the last is a number, as in an address. */
static bool is_host_name(struct str s, size_t *labels, bool *numeric)
{
    struct str rest = s;
    struct str label;
    bool more = s.n > 0 && s.n <= 253;
    if (!more) {
        return false;
    }
    *labels = 0;
    while (more) {
        more = str_cut(rest, '.', &label, &rest);
        if (!is_host_label(label)) {
            return false;
        }
        (*labels)++;
        uint64_t number = 0;
        *numeric = str_to_u64(label, &number);
    }
    return true;
}

const char *syntax_server_name(struct str s)
{
    bool wildcard = str_starts(s, STR("*."));
    size_t labels = 0;
    bool numeric = false;
    if (!is_host_name(wildcard ? str_slice(s, 2, s.n) : s, &labels, &numeric)) {
        return str_chr(s, '*') != STR_NPOS
                   ? "a wildcard stands only for the whole first label, as in *.example.com"
                   : "is not a host name, such as api.example.com";
    }
    if (numeric) {
        return "is an IP address, which a client never sends as a server name";
    }
    if (wildcard && labels < 2) {
        return "a wildcard needs at least two labels behind it, as in *.example.com";
    }
    return NULL;
}

/* "[2001:db8::1]" by its octets; whether it is an address is for the client to know. */
static bool is_bracketed(struct str s)
{
    if (s.n < 4 || s.p[0] != '[' || s.p[s.n - 1] != ']') {
        return false;
    }
    for (size_t i = 1; i + 1 < s.n; i++) {
        char l = str_lower(s.p[i]);
        if (!is_digit(l) && (l < 'a' || l > 'f') && l != ':' && l != '.') {
            return false;
        }
    }
    return true;
}

const char *syntax_host(struct str s)
{
    size_t labels = 0;
    bool numeric = false;
    if (is_bracketed(s) || (is_host_name(s, &labels, &numeric) && numeric)) {
        return NULL;
    }
    if (str_chr(s, ':') != STR_NPOS) {
        return "is not a host name; a route takes no port";
    }
    return syntax_server_name(s);
}

static bool is_dot_segment(struct str s)
{
    return str_eq(s, STR(".")) || str_eq(s, STR(".."));
}

/* True for the escape of an octet that every upstream takes for part of a name. */
static bool is_name_escape(struct str s)
{
    const struct str digits = STR("0123456789abcdef");
    if (s.n < 3) {
        return false;
    }
    size_t high = str_chr(digits, str_lower(s.p[1]));
    size_t low = str_chr(digits, str_lower(s.p[2]));
    if (high == STR_NPOS || low == STR_NPOS) {
        return false;
    }
    size_t octet = high * 16 + low;
    return octet >= ' ' && octet != 0x7f && str_chr(STR("/\\;?#%"), (char)octet) == STR_NPOS;
}

const char *syntax_route_path(struct str s)
{
    if (s.n == 0 || s.p[0] != '/') {
        return "must begin with /";
    }
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f) {
            return "may hold only visible ASCII; write other characters as %HH";
        }
        if (str_chr(STR("?#\\;"), s.p[i]) != STR_NPOS) {
            return "may not hold ? # ; or a backslash";
        }
        if (s.p[i] == '%' && !is_name_escape(str_slice(s, i, s.n))) {
            return "may hold % only before two hexadecimal digits, and not as the escape of / ? # "
                   "; "
                   "%, a backslash or a control character";
        }
    }
    struct str rest = str_slice(s, 1, s.n);
    struct str segment;
    bool more = true;
    while (more) {
        more = str_cut(rest, '/', &segment, &rest);
        if (is_dot_segment(segment) || (segment.n == 0 && more)) {
            return "may not hold the segments \"\", \".\" or \"..\"";
        }
    }
    return NULL;
}

const char *syntax_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!is_alnum(s.p[i]) && str_chr(STR("!#$%&'*+-.^_`|~"), s.p[i]) == STR_NPOS) {
            return "may hold only letters, digits and !#$%&'*+-.^_`|~";
        }
    }
    return s.n > 0 ? NULL : "must not be empty";
}

static bool is_one_of(struct str s, const struct str *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (field_alike(s, names[i])) {
            return true;
        }
    }
    return false;
}

#define NAME(text)                                                                                 \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

/* RFC 9110 7.6.1 and 10.1.4, RFC 9112 6, and the two that the gate and the router read. */
static const struct str message_fields[] = {
    NAME("Connection"),
    NAME("Keep-Alive"),
    NAME("Proxy-Connection"),
    NAME("TE"),
    NAME("Trailer"),
    NAME("Transfer-Encoding"),
    NAME("Upgrade"),
    NAME("Content-Length"),
    NAME("Host"),
    NAME("Authorization"),
    NAME("Expect"),
    NAME("Proxy-Authorization"),
    NAME("Proxy-Authenticate"),
    NAME("HTTP2-Settings"),
    NAME("Content-Encoding"),
    NAME("Content-Type"),
};

/* What the proxy itself adds under fixed names. */
static const struct str own_fields[] = {
    NAME("X-Forwarded-For"),
    NAME("X-Forwarded-Proto"),
    NAME("X-Forwarded-Host"),
    NAME("Forwarded"),
    NAME("Via"),
    NAME("X-Request-Id"),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *syntax_removed_field(struct str s)
{
    const char *wrong = syntax_token(s);
    if (wrong != NULL) {
        return wrong;
    }
    return is_one_of(s, message_fields, COUNT(message_fields))
               ? "is a field that HTTP itself or the proxy needs"
               : NULL;
}

const char *syntax_identity_field(struct str s)
{
    const char *wrong = s.n > 0 ? syntax_removed_field(s) : NULL;
    if (wrong != NULL) {
        return wrong;
    }
    return is_one_of(s, own_fields, COUNT(own_fields)) ? "is a field that the proxy sets itself"
                                                       : NULL;
}

const char *syntax_own_field(struct str s)
{
    return s.n > 0 ? syntax_identity_field(s) : "must not be empty";
}

static bool is_word_of(struct str s, const struct str *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(s, words[i])) {
            return true;
        }
    }
    return false;
}

const char *syntax_dialect(struct str s)
{
    static const struct str names[] = {NAME("own"),    NAME("rfc9440"), NAME("xfcc"),
                                       NAME("nginx"),  NAME("apache"),  NAME("traefik"),
                                       NAME("haproxy")};
    return is_word_of(s, names, COUNT(names))
               ? NULL
               : "the dialects are own, rfc9440, xfcc, nginx, apache, traefik and haproxy";
}

const char *syntax_group_name(struct str s)
{
    static const struct str names[] = {NAME("X25519"), NAME("P-256"), NAME("P-384"), NAME("P-521")};
    return is_word_of(s, names, COUNT(names)) ? NULL
                                              : "the groups are X25519, P-256, P-384 and P-521";
}

static bool is_lower_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z');
}

const char *syntax_sf_key(struct str s)
{
    bool good = s.n > 0 && s.n <= 64 && ((s.p[0] >= 'a' && s.p[0] <= 'z') || s.p[0] == '*');
    for (size_t i = 0; i < s.n && good; i++) {
        good = is_lower_alnum(s.p[i]) || str_chr(STR("_-.*"), s.p[i]) != STR_NPOS;
    }
    return good ? NULL
                : "must begin with a lower-case letter, and hold only those, digits and _-.*";
}

const char *syntax_component(struct str s)
{
    static const struct str derived[] = {
        NAME("@method"),         NAME("@authority"), NAME("@scheme"), NAME("@target-uri"),
        NAME("@request-target"), NAME("@path"),      NAME("@query")};
    static const struct str remade[] = {NAME("connection"),
                                        NAME("content-length"),
                                        NAME("expect"),
                                        NAME("host"),
                                        NAME("http2-settings"),
                                        NAME("keep-alive"),
                                        NAME("proxy-authenticate"),
                                        NAME("proxy-authorization"),
                                        NAME("proxy-connection"),
                                        NAME("te"),
                                        NAME("trailer"),
                                        NAME("transfer-encoding"),
                                        NAME("upgrade")};
    if (is_word_of(s, derived, COUNT(derived))) {
        return NULL;
    }
    bool lower = s.n > 0 && s.p[0] != '@';
    for (size_t i = 0; i < s.n; i++) {
        lower = lower && str_lower(s.p[i]) == s.p[i];
    }
    if (!lower || syntax_token(s) != NULL) {
        return "is neither @method, @authority, @scheme, @target-uri, @request-target, @path or "
               "@query, nor the name of a field in lower case";
    }
    if (str_eq(s, STR("signature")) || str_eq(s, STR("signature-input"))) {
        return "is the signature itself";
    }
    return is_word_of(s, remade, COUNT(remade))
               ? "is made anew for the upstream behind the signature, so it cannot be signed; for "
                 "host, name @authority"
               : NULL;
}

const char *syntax_label(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!is_alnum(s.p[i]) && str_chr(STR("._-"), s.p[i]) == STR_NPOS) {
            return "a name may hold only letters, digits, \".\", \"_\" and \"-\"";
        }
    }
    return s.n > 0 && s.n <= 64 ? NULL : "a name has 1 to 64 characters";
}

const char *syntax_user(struct str s)
{
    return str_chr(s, ':') == STR_NPOS ? NULL : "a user name cannot hold a colon (RFC 7617)";
}

const char *syntax_http_url(struct str s)
{
    struct str rest = str_slice(s, 7, s.n);
    if (!str_starts(s, STR("http://")) || rest.n == 0 || rest.p[0] == '/' || s.n > 512) {
        return "must be a URL like http://ocsp.example.com/";
    }
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] > '~') {
            return "may hold only printable ASCII without blanks";
        }
    }
    return NULL;
}

const char *syntax_printable(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < ' ' || s.p[i] > '~') {
            return "may hold only printable ASCII";
        }
    }
    return NULL;
}

const char *syntax_code_field(struct str s)
{
    if (field_alike(s, STR("Cookie"))) {
        return "is a field that upstreams need";
    }
    return s.n > 0 ? syntax_identity_field(s) : "may not be empty";
}

const char *syntax_method(struct str s)
{
    static const char *const methods[] = {"GET",    "HEAD",    "POST", "PUT",
                                          "DELETE", "OPTIONS", "PATCH"};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (str_eq(s, str_of(methods[i]))) {
            return NULL;
        }
    }
    return "is not one of GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH";
}

const char *syntax_group(struct str s)
{
    if (s.n == 0 || s.n > 64 || !str_is_utf8(s) || str_has_control(s) ||
        str_chr(s, ' ') != STR_NPOS || str_chr(s, ',') != STR_NPOS) {
        return "is not the name of a group: 1 to 64 octets without blanks and commas";
    }
    return NULL;
}

const char *syntax_ca_key(struct str s)
{
    return str_eq(s, STR("p256")) || str_eq(s, STR("p384")) || str_eq(s, STR("ed25519")) ||
                   str_eq(s, STR("rsa"))
               ? NULL
               : "is not a kind of key: p256, p384, ed25519 or rsa";
}

size_t syntax_scheme(struct str s)
{
    size_t n = 0;
    while (n < s.n && (is_alnum(s.p[n]) || (n > 0 && str_chr(STR("+-."), s.p[n]) != STR_NPOS))) {
        n++;
    }
    return n > 1 && n < s.n && s.p[n] == ':' && !is_digit(s.p[0]) ? n : 0;
}

const char *syntax_key_uri(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] > '~') {
            return "a URI holds printable ASCII without blanks, others as %HH; a path that looks "
                   "like one is written with ./ before it";
        }
    }
    return NULL;
}

static const char *check_attribute(struct str attribute)
{
    struct str name;
    struct str value;
    if (!str_cut(attribute, '=', &name, &value) || name.n == 0) {
        return "a PKCS#11 URI is made of attributes such as token=web;object=server";
    }
    if (str_ieq(name, STR("pin-value")) || str_ieq(name, STR("pin-source"))) {
        return "a PIN does not belong in the configuration: name its file as key_passphrase_file";
    }
    if (str_eq(name, STR("module-path"))) {
        for (size_t i = 0; i < value.n; i++) {
            if (value.p[i] == '%') {
                return "module-path must be written without percent-encoding";
            }
        }
        return str_starts(value, STR("/")) ? NULL : "module-path must be an absolute path";
    }
    return NULL;
}

static const char *check_attributes(struct str list, char separator)
{
    const char *wrong = NULL;
    bool more = true;
    while (more && wrong == NULL) {
        struct str one;
        more = str_cut(list, separator, &one, &list);
        wrong = check_attribute(one);
    }
    return wrong;
}

const char *syntax_pkcs11(struct str s)
{
    struct str path;
    struct str query;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] > '~') {
            return "a PKCS#11 URI holds printable ASCII without blanks, others as %HH";
        }
    }
    bool asks = str_cut(str_slice(s, SYNTAX_PKCS11.n, s.n), '?', &path, &query);
    const char *wrong = check_attributes(path, ';');
    return wrong == NULL && asks ? check_attributes(query, '&') : wrong;
}
