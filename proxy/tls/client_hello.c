/* Owns: reading of a ClientHello, as strictly as OpenSSL does. Not: what is chosen of it
 * (handshake.c), and what a server name looks like (hello.c). Any thread. */
#include "proxy/tls/client_hello.h"

#include <string.h>

#include <openssl/tls1.h>

#include "proxy/tls/wire.h"

enum {
    VERSION_1_2 = 0x0303,
    VERSION_1_3 = 0x0304,
    RANDOM = 32,
    SESSION_ID_MAX = 32,
    PSK_DHE_KE = 1, /* PskKeyExchangeMode */
    BINDER_MIN = 32,
    EXTENSIONS_MAX = 64
};

/* Those that change how a handshake goes on, that TLS has no place for, or that few clients send
 * and are long to read: they are OpenSSL's to deal with. */
static const unsigned unusual[] = {TLSEXT_TYPE_max_fragment_length, TLSEXT_TYPE_early_data,
                                   TLSEXT_TYPE_cookie, TLSEXT_TYPE_use_srtp,
                                   TLSEXT_TYPE_certificate_authorities};

/* What the extensions say, as they come. */
struct seen {
    struct client_hello *out;
    unsigned types[EXTENSIONS_MAX];
    size_t n;
    bool offers_1_3;
    bool modes; /* psk_key_exchange_modes came */
};

/* A list of numbers behind its length; nothing else, and not empty. */
static bool read_numbers(struct str octets, size_t length_n, struct str *out)
{
    return wire_cut_vector(&octets, length_n, out) && octets.n == 0 && out->n >= 2 &&
           out->n % 2 == 0;
}

/* KeyShareEntry after KeyShareEntry, no group twice (RFC 8446 4.2.8). The list may be empty: then
 * the client waits to be told a group. */
static bool read_shares(struct str octets, struct str *out)
{
    struct str rest;
    unsigned groups[EXTENSIONS_MAX];
    size_t n = 0;
    if (!wire_cut_vector(&octets, 2, out) || octets.n != 0) {
        return false;
    }
    for (rest = *out; rest.n > 0; n++) {
        size_t group = 0;
        struct str share;
        if (n == EXTENSIONS_MAX || !wire_cut_number(&rest, 2, &group) ||
            !wire_cut_vector(&rest, 2, &share) || share.n == 0) {
            return false;
        }
        for (size_t i = 0; i < n; i++) {
            if (groups[i] == group) {
                return false;
            }
        }
        groups[n] = (unsigned)group;
    }
    return n > 0;
}

/* ProtocolName after ProtocolName, none empty (RFC 7301 3.1). */
static bool read_protocols(struct str octets, struct str *out)
{
    if (!wire_cut_vector(&octets, 2, out) || octets.n != 0 || out->n == 0) {
        return false;
    }
    for (struct str rest = *out, name; rest.n > 0;) {
        if (!wire_cut_vector(&rest, 1, &name) || name.n == 0) {
            return false;
        }
    }
    return true;
}

static bool read_versions(struct str octets, bool *offers_1_3)
{
    struct str versions;
    if (!read_numbers(octets, 1, &versions)) {
        return false;
    }
    *offers_1_3 = client_hello_lists(versions, VERSION_1_3);
    return true;
}

/* PskKeyExchangeModes (RFC 8446 4.2.9) */
static bool read_modes(struct str octets, bool *with_exchange)
{
    struct str modes;
    if (!wire_cut_vector(&octets, 1, &modes) || octets.n != 0 || modes.n == 0) {
        return false;
    }
    *with_exchange = memchr(modes.p, PSK_DHE_KE, modes.n) != NULL;
    return true;
}

/* OfferedPsks (RFC 8446 4.2.11): as many binders as identities. Only the first is of interest: a
 * client offers the session that it likes best first. */
static bool read_sessions(struct str octets, struct client_hello *out)
{
    struct str identities;
    struct str binders;
    struct str one;
    size_t n = 0;
    size_t age = 0;
    if (!wire_cut_vector(&octets, 2, &identities) || identities.n == 0) {
        return false;
    }
    out->binders_n = octets.n;
    for (; identities.n > 0; n++) {
        if (!wire_cut_vector(&identities, 2, &one) || one.n == 0 ||
            !wire_cut_number(&identities, 2, &age) || !wire_cut_number(&identities, 2, &age)) {
            return false;
        }
        out->identity = n == 0 ? one : out->identity;
    }
    if (!wire_cut_vector(&octets, 2, &binders) || octets.n != 0) {
        return false;
    }
    for (size_t i = 0; binders.n > 0; i++, n--) {
        if (n == 0 || !wire_cut_vector(&binders, 1, &one) || one.n < BINDER_MIN) {
            return false;
        }
        out->binder = i == 0 ? one : out->binder;
    }
    return n == 0;
}

/* OCSPStatusRequest that names no responders and has no extensions, which OpenSSL would decode, or
 * one of another kind (RFC 6066 8). */
static bool is_status_request(struct str octets)
{
    size_t type = 0;
    return wire_cut_number(&octets, 1, &type) &&
           (type != TLSEXT_STATUSTYPE_ocsp || str_eq(octets, STR("\0\0\0\0")));
}

static bool is_usual(const struct seen *s, unsigned type)
{
    for (size_t i = 0; i < sizeof(unusual) / sizeof(unusual[0]); i++) {
        if (type == unusual[i]) {
            return false;
        }
    }
    for (size_t i = 0; i < s->n; i++) {
        if (type == s->types[i]) {
            return false;
        }
    }
    return s->n < EXTENSIONS_MAX;
}

static bool read_extension(struct seen *s, unsigned type, struct str octets)
{
    if (!is_usual(s, type)) {
        return false;
    }
    s->types[s->n++] = type;
    switch (type) {
    case TLSEXT_TYPE_server_name:
        s->out->name = octets;
        return octets.n > 0;
    case TLSEXT_TYPE_supported_groups:
        return read_numbers(octets, 2, &s->out->groups);
    case TLSEXT_TYPE_signature_algorithms:
        return read_numbers(octets, 2, &s->out->schemes);
    case TLSEXT_TYPE_signature_algorithms_cert:
        return read_numbers(octets, 2, &s->out->cert_schemes);
    case TLSEXT_TYPE_application_layer_protocol_negotiation:
        return read_protocols(octets, &s->out->alpn);
    case TLSEXT_TYPE_supported_versions:
        return read_versions(octets, &s->offers_1_3);
    case TLSEXT_TYPE_key_share:
        return read_shares(octets, &s->out->shares);
    case TLSEXT_TYPE_psk_kex_modes:
        s->modes = true;
        return read_modes(octets, &s->out->may_resume);
    case TLSEXT_TYPE_post_handshake_auth:
        return octets.n == 0;
    case TLSEXT_TYPE_status_request:
        return is_status_request(octets);
    case TLSEXT_TYPE_psk:
        return read_sessions(octets, s->out);
    default:
        return true;
    }
}

static bool read_extensions(struct str octets, struct client_hello *out)
{
    struct seen s = {.out = out};
    while (octets.n > 0) {
        size_t type = 0;
        struct str body;
        /* pre_shared_key is the last (RFC 8446 4.2.11). */
        if (out->identity.n > 0 || !wire_cut_number(&octets, 2, &type) ||
            !wire_cut_vector(&octets, 2, &body) || !read_extension(&s, (unsigned)type, body)) {
            return false;
        }
    }
    return s.offers_1_3 && (out->identity.n == 0 || s.modes) && out->groups.n > 0 &&
           out->schemes.n > 0 && out->shares.n > 0;
}

bool client_hello_read(struct str body, struct client_hello *out)
{
    size_t version = 0;
    struct str random;
    struct str compression;
    struct str extensions;
    *out = (struct client_hello){.name = STR_NONE};
    return wire_cut_number(&body, 2, &version) && version == VERSION_1_2 &&
           wire_cut(&body, RANDOM, &random) && wire_cut_vector(&body, 1, &out->session_id) &&
           out->session_id.n <= SESSION_ID_MAX && wire_cut_vector(&body, 2, &out->suites) &&
           out->suites.n >= 2 && out->suites.n % 2 == 0 &&
           wire_cut_vector(&body, 1, &compression) && compression.n == 1 && compression.p[0] == 0 &&
           wire_cut_vector(&body, 2, &extensions) && body.n == 0 &&
           read_extensions(extensions, out);
}

bool client_hello_knows(unsigned type)
{
    static const unsigned known[] = {TLSEXT_TYPE_server_name,
                                     TLSEXT_TYPE_max_fragment_length,
                                     TLSEXT_TYPE_supported_groups,
                                     TLSEXT_TYPE_ec_point_formats,
                                     TLSEXT_TYPE_srp,
                                     TLSEXT_TYPE_signature_algorithms,
                                     TLSEXT_TYPE_use_srtp,
                                     TLSEXT_TYPE_application_layer_protocol_negotiation,
                                     TLSEXT_TYPE_padding,
                                     TLSEXT_TYPE_encrypt_then_mac,
                                     TLSEXT_TYPE_extended_master_secret,
                                     TLSEXT_TYPE_session_ticket,
                                     TLSEXT_TYPE_psk,
                                     TLSEXT_TYPE_early_data,
                                     TLSEXT_TYPE_supported_versions,
                                     TLSEXT_TYPE_cookie,
                                     TLSEXT_TYPE_psk_kex_modes,
                                     TLSEXT_TYPE_certificate_authorities,
                                     TLSEXT_TYPE_post_handshake_auth,
                                     TLSEXT_TYPE_signature_algorithms_cert,
                                     TLSEXT_TYPE_key_share,
                                     TLSEXT_TYPE_next_proto_neg,
                                     TLSEXT_TYPE_renegotiate};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (type == known[i]) {
            return true;
        }
    }
    return false;
}

bool client_hello_lists(struct str list, unsigned number)
{
    for (size_t i = 0; i + 1 < list.n; i += 2) {
        if (wire_number(str_slice(list, i, list.n), 2) == number) {
            return true;
        }
    }
    return false;
}

unsigned client_hello_share(const struct client_hello *h, const unsigned *groups, size_t n,
                            struct str *share)
{
    struct str rest = h->shares;
    size_t group = 0;
    while (wire_cut_number(&rest, 2, &group) && wire_cut_vector(&rest, 2, share) &&
           client_hello_lists(h->groups, (unsigned)group)) {
        for (size_t i = 0; i < n; i++) {
            if (group == groups[i]) {
                return (unsigned)group;
            }
        }
    }
    return 0;
}
