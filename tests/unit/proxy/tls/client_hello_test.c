/* proxy/tls/client_hello.c: what is refused first, then what is read. Every message is judged in a
 * piece of memory of just its size, so that a sanitizer sees who reads beyond it. */
#include "proxy/tls/client_hello.h"
#include "tests/support/check.h"
#include "tests/unit/proxy/tls/lab_client.h"

/* STR() for tables: theirs must be constant. */
#define IN(literal)                                                                                \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

/* A ClientHello in parts; the extensions with their header. */
enum part {
    VERSION,
    RANDOM,
    SESSION_ID,
    SUITES,
    COMPRESSION,
    EXTENSIONS_N, /* made from what follows unless it is given */
    VERSIONS,
    GROUPS,
    SCHEMES,
    SHARES,
    MORE, /* further extensions */
    TAIL, /* behind the message */
    PARTS
};

#define ID_32        "0123456789abcdef0123456789abcdef"
#define KEY_32       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"
#define X25519       "\0\35\0\40" KEY_32
#define MODES        "\0\55\0\2\1\1"
#define CERT_SCHEMES "\0\62\0\4\0\2\4\3"
#define ID_1         "\0\2id\0\0\0\0"
#define BINDER       "\40" ID_32
#define ONE_NAME     "\0\0\0\x10\0\x0e\0\0\x0bwww.example"
#define ONE_ALPN     "\0\x10\0\x0b\0\x09\x08http/1.1"

/* pre_shared_key: its length, that of the identities with them, that of the binders with them. */
#define PSK(length, identities, binders) "\0\51" length identities binders

static const struct str good[PARTS] = {
    [VERSION] = {"\3\3", 2},
    [RANDOM] = {ID_32, 32},
    [SESSION_ID] = {"\0", 1},
    [SUITES] = {"\0\2\x13\1", 4},
    [COMPRESSION] = {"\1\0", 2},
    [EXTENSIONS_N] = {NULL, 0},
    [VERSIONS] = {"\0\53\0\3\2\3\4", 7},
    [GROUPS] = {"\0\12\0\4\0\2\0\35", 8},
    [SCHEMES] = {"\0\15\0\4\0\2\4\3", 8},
    [SHARES] = {"\0\63\0\46\0\44" X25519, 42},
};

#define WHOLE_MAX 8192

/* The message of parts. */
static struct str join(const struct str parts[PARTS])
{
    static char out[WHOLE_MAX];
    size_t at = 0;
    size_t extensions = 0;
    for (size_t i = VERSIONS; i < TAIL; i++) {
        extensions += parts[i].n;
    }
    for (size_t i = 0; i < PARTS; i++) {
        assert_true(at + parts[i].n + 2 <= sizeof(out));
        if (i == EXTENSIONS_N && parts[i].p == NULL) {
            out[at++] = (char)(extensions >> 8);
            out[at++] = (char)extensions;
        } else if (parts[i].n > 0) {
            memcpy(out + at, parts[i].p, parts[i].n);
            at += parts[i].n;
        }
    }
    return (struct str){out, at};
}

/* A copy of just that size; what is read is of it, so it stays until the next one. */
static bool reads(struct str body, struct client_hello *out)
{
    static char *copy;
    free(copy);
    copy = malloc(body.n > 0 ? body.n : 1);
    assert_non_null(copy);
    if (body.n > 0) {
        memcpy(copy, body.p, body.n);
    }
    bool read = client_hello_read((struct str){copy, body.n}, out);
    if (body.n == 0) {
        free(copy);
        copy = NULL;
    }
    return read;
}

static const struct {
    const char *says;
    enum part part;
    struct str octets;
} refused[] = {
    {"SSL 3.0 in legacy_version", VERSION, IN("\3\0")},
    {"TLS 1.0 in legacy_version", VERSION, IN("\3\1")},
    {"TLS 1.3 in legacy_version", VERSION, IN("\3\4")},
    {"a random of 31 octets", RANDOM, IN("0123456789abcdef0123456789abcde")},
    {"a random of 33 octets", RANDOM, IN(ID_32 "g")},
    {"a session id of 33 octets", SESSION_ID, IN("\41" ID_32 "g")},
    {"a session id longer than the message", SESSION_ID, IN("\377")},
    {"no suite", SUITES, IN("\0\0")},
    {"half a suite", SUITES, IN("\0\1\x13")},
    {"one suite and a half", SUITES, IN("\0\3\x13\1\x13")},
    {"suites longer than the message", SUITES, IN("\377\376\x13\1")},
    {"no method of compression", COMPRESSION, IN("\0")},
    {"deflate", COMPRESSION, IN("\1\1")},
    {"none and deflate", COMPRESSION, IN("\2\0\1")},
    {"deflate and none", COMPRESSION, IN("\2\1\0")},
    {"methods of compression longer than the message", COMPRESSION, IN("\377\0")},
    {"extensions longer than the message", EXTENSIONS_N, IN("\1\0")},
    {"extensions shorter than the message", EXTENSIONS_N, IN("\0\100")},
    {"extensions of no octets, and more", EXTENSIONS_N, IN("\0\0")},
    {"no length of extensions", EXTENSIONS_N, IN("")},
    {"an octet behind the extensions", TAIL, IN("\0")},
    {"a second message behind the extensions", TAIL, IN("\1\0\0\0")},

    {"no supported_versions", VERSIONS, IN("")},
    {"TLS 1.2 only", VERSIONS, IN("\0\53\0\3\2\3\3")},
    {"a draft of TLS 1.3", VERSIONS, IN("\0\53\0\3\2\177\34")},
    {"an empty list of versions", VERSIONS, IN("\0\53\0\1\0")},
    {"an empty supported_versions", VERSIONS, IN("\0\53\0\0")},
    {"half a version", VERSIONS, IN("\0\53\0\2\1\3")},
    {"a version and a half", VERSIONS, IN("\0\53\0\4\3\3\4\3")},
    {"versions that end before their list", VERSIONS, IN("\0\53\0\3\4\3\4")},
    {"an octet behind the versions", VERSIONS, IN("\0\53\0\4\2\3\4\0")},
    {"supported_versions as a server sends it", VERSIONS, IN("\0\53\0\2\3\4")},

    {"no supported_groups", GROUPS, IN("")},
    {"an empty list of groups", GROUPS, IN("\0\12\0\2\0\0")},
    {"an empty supported_groups", GROUPS, IN("\0\12\0\0")},
    {"half a group", GROUPS, IN("\0\12\0\3\0\1\0")},
    {"groups that end before their list", GROUPS, IN("\0\12\0\4\0\4\0\35")},
    {"an octet behind the groups", GROUPS, IN("\0\12\0\5\0\2\0\35\0")},

    {"no signature_algorithms", SCHEMES, IN("")},
    {"an empty list of schemes", SCHEMES, IN("\0\15\0\2\0\0")},
    {"an empty signature_algorithms", SCHEMES, IN("\0\15\0\0")},
    {"a scheme and a half", SCHEMES, IN("\0\15\0\5\0\3\4\3\4")},
    {"schemes that end before their list", SCHEMES, IN("\0\15\0\4\0\4\4\3")},
    {"an octet behind the schemes", SCHEMES, IN("\0\15\0\5\0\2\4\3\0")},

    {"no key_share", SHARES, IN("")},
    {"an empty key_share", SHARES, IN("\0\63\0\0")},
    {"an empty list of shares: the client waits to be told", SHARES, IN("\0\63\0\2\0\0")},
    {"an empty share", SHARES, IN("\0\63\0\6\0\4\0\35\0\0")},
    {"a share without a length", SHARES, IN("\0\63\0\4\0\2\0\35")},
    {"half a group of a share", SHARES, IN("\0\63\0\3\0\1\0")},
    {"a share longer than the list", SHARES, IN("\0\63\0\46\0\44\0\35\0\41" KEY_32)},
    {"a list of shares longer than its extension", SHARES, IN("\0\63\0\46\0\45" X25519)},
    {"an octet behind the shares", SHARES, IN("\0\63\0\47\0\44" X25519 "\0")},
    {"two shares of one group", SHARES, IN("\0\63\0\112\0\110" X25519 X25519)},
    {"two shares of a group that nobody knows", SHARES,
     IN("\0\63\0\60\0\56\72\72\0\1x" X25519 "\72\72\0\1y")},

    {"an empty server_name", MORE, IN("\0\0\0\0")},
    {"two server names", MORE, IN(ONE_NAME ONE_NAME)},
    {"an ALPN without a list", MORE, IN("\0\20\0\0")},
    {"an ALPN with an empty list", MORE, IN("\0\20\0\2\0\0")},
    {"an ALPN with an empty name", MORE, IN("\0\20\0\3\0\1\0")},
    {"an ALPN with an empty name behind a good one", MORE, IN("\0\20\0\6\0\4\2h2\0")},
    {"an ALPN whose name is longer than the list", MORE, IN("\0\20\0\5\0\3\3h2")},
    {"an ALPN whose list is longer than it", MORE, IN("\0\20\0\5\0\4\2h2")},
    {"an octet behind ALPN's list", MORE, IN("\0\20\0\6\0\3\2h2\0")},
    {"two ALPNs", MORE, IN(ONE_ALPN ONE_ALPN)},
    {"two of an extension that nobody knows", MORE, IN("\72\72\0\0\72\72\0\0")},
    {"supported_versions once more", MORE, IN("\0\53\0\3\2\3\4")},
    {"supported_groups once more", MORE, IN("\0\12\0\4\0\2\0\35")},
    {"signature_algorithms once more", MORE, IN("\0\15\0\4\0\2\4\3")},
    {"key_share once more", MORE, IN("\0\63\0\46\0\44" X25519)},
    {"half a type of an extension", MORE, IN("\72")},
    {"a type without a length", MORE, IN("\72\72")},
    {"half a length", MORE, IN("\72\72\0")},
    {"an extension longer than the message", MORE, IN("\72\72\0\1")},

    {"max_fragment_length: records would be shorter", MORE, IN("\0\1\0\1\1")},
    {"an empty psk_key_exchange_modes", MORE, IN("\0\55\0\0")},
    {"psk_key_exchange_modes of none", MORE, IN("\0\55\0\1\0")},
    {"psk_key_exchange_modes longer than their list", MORE, IN("\0\55\0\3\1\1\0")},
    {"psk_key_exchange_modes shorter than their list", MORE, IN("\0\55\0\2\2\1")},
    {"psk_key_exchange_modes twice", MORE, IN(MODES MODES)},
    {"an empty pre_shared_key", MORE, IN(MODES "\0\51\0\0")},
    {"a session without psk_key_exchange_modes", MORE,
     IN(PSK("\0\55", "\0\10" ID_1, "\0\41" BINDER))},
    {"psk_key_exchange_modes behind a session", MORE,
     IN(PSK("\0\55", "\0\10" ID_1, "\0\41" BINDER) MODES)},
    {"an extension behind a session", MORE,
     IN(MODES PSK("\0\55", "\0\10" ID_1, "\0\41" BINDER) "\72\72\0\0")},
    {"two lists of sessions", MORE,
     IN(MODES PSK("\0\55", "\0\10" ID_1, "\0\41" BINDER)
            PSK("\0\55", "\0\10" ID_1, "\0\41" BINDER))},
    {"no session in the list", MORE, IN(MODES PSK("\0\45", "\0\0", "\0\41" BINDER))},
    {"a session without a name", MORE, IN(MODES PSK("\0\53", "\0\6\0\0\0\0\0\0", "\0\41" BINDER))},
    {"half an age", MORE, IN(MODES PSK("\0\53", "\0\6\0\2id\0\0", "\0\41" BINDER))},
    {"no binders", MORE, IN(MODES PSK("\0\14", "\0\10" ID_1, "\0\0"))},
    {"no list of binders", MORE, IN(MODES PSK("\0\12", "\0\10" ID_1, ""))},
    {"a binder of 31 octets", MORE,
     IN(MODES PSK("\0\54", "\0\10" ID_1,
                  "\0\40\37"
                  "0123456789abcdef0123456789abcde"))},
    {"a binder longer than the list", MORE, IN(MODES PSK("\0\55", "\0\10" ID_1, "\0\41\41" ID_32))},
    {"two sessions and a binder", MORE, IN(MODES PSK("\0\65", "\0\20" ID_1 ID_1, "\0\41" BINDER))},
    {"a session and two binders", MORE,
     IN(MODES PSK("\0\116", "\0\10" ID_1, "\0\102" BINDER BINDER))},
    {"an octet behind the binders", MORE,
     IN(MODES PSK("\0\56", "\0\10" ID_1, "\0\41" BINDER "\0"))},
    {"early_data", MORE, IN("\0\52\0\0")},
    {"cookie: the second ClientHello", MORE, IN("\0\54\0\3\0\1x")},

    {"an empty signature_algorithms_cert", MORE, IN("\0\62\0\0")},
    {"an empty list of schemes of certificates", MORE, IN("\0\62\0\2\0\0")},
    {"half a scheme of certificates", MORE, IN("\0\62\0\3\0\1\4")},
    {"a scheme of certificates and a half", MORE, IN("\0\62\0\5\0\3\4\3\4")},
    {"schemes of certificates that end before their list", MORE, IN("\0\62\0\4\0\4\4\3")},
    {"an octet behind the schemes of certificates", MORE, IN("\0\62\0\5\0\2\4\3\0")},
    {"signature_algorithms_cert twice", MORE, IN(CERT_SCHEMES CERT_SCHEMES)},
    {"an empty certificate_authorities", MORE, IN("\0\57\0\0")},
    {"certificate_authorities, though with a name", MORE, IN("\0\57\0\6\0\4\0\2\60\0")},
    {"certificate_authorities that end before their list", MORE, IN("\0\57\0\2\0\4")},
    {"use_srtp", MORE, IN("\0\16\0\5\0\2\0\1\0")},
    {"an empty status_request", MORE, IN("\0\5\0\0")},
    {"status_request without lists", MORE, IN("\0\5\0\1\1")},
    {"status_request with half a list", MORE, IN("\0\5\0\4\1\0\0\0")},
    {"status_request with an octet behind", MORE, IN("\0\5\0\6\1\0\0\0\0\0")},
    {"status_request of one responder", MORE, IN("\0\5\0\10\1\0\3\0\1x\0\0")},
    {"status_request with an extension", MORE, IN("\0\5\0\7\1\0\0\0\2\60\0")},
    {"post_handshake_auth with an octet", MORE, IN("\0\61\0\1\0")},
};

static void test_refused(void **state)
{
    (void)state;
    struct client_hello h;
    assert_true(reads(join(good), &h)); /* as nothing is changed */
    for (size_t i = 0; i < ROWS(refused); i++) {
        struct str parts[PARTS];
        memcpy(parts, good, sizeof(parts));
        parts[refused[i].part] = refused[i].octets;
        CHECK_ROW(refused[i].says, !reads(join(parts), &h));
    }
}

/* extra_n extensions that nobody knows, beside the four, in all as many as are looked at or one
 * more; then as many shares. */
static void test_bounds(void **state)
{
    (void)state;
    char extra[4 * 64];
    char shares[6 + 5 * 70];
    struct client_hello h;
    for (size_t n = 59; n <= 61; n++) {
        struct str parts[PARTS];
        memcpy(parts, good, sizeof(parts));
        for (size_t i = 0; i < n; i++) {
            const char extension[] = {0x7a, (char)i, 0, 0};
            memcpy(extra + 4 * i, extension, sizeof(extension));
        }
        parts[MORE] = (struct str){extra, 4 * n};
        assert_int_equal(reads(join(parts), &h), n <= 60);
    }
    for (size_t n = 63; n <= 65; n++) {
        struct str parts[PARTS];
        memcpy(parts, good, sizeof(parts));
        const unsigned char head[] = {0,
                                      51,
                                      (unsigned char)((5 * n + 2) >> 8),
                                      (unsigned char)(5 * n + 2),
                                      (unsigned char)((5 * n) >> 8),
                                      (unsigned char)(5 * n)};
        memcpy(shares, head, sizeof(head));
        for (size_t i = 0; i < n; i++) {
            const char share[] = {0x7a, (char)i, 0, 1, 'x'};
            memcpy(shares + 6 + 5 * i, share, sizeof(share));
        }
        parts[SHARES] = (struct str){shares, 6 + 5 * n};
        assert_int_equal(reads(join(parts), &h), n <= 64);
    }
}

/* ---- OpenSSL's ---- */

/* What OpenSSL's client begins with, without headers, in out. */
static struct str real_hello(const char *groups, char *out, size_t max)
{
    struct lab_client c;
    lab_client_init(&c, TLS1_3_VERSION, NULL, NULL);
    /* The macros for these drop const, which clang minds. */
    assert_int_equal(
        SSL_CTX_ctrl(c.context, SSL_CTRL_SET_GROUPS_LIST, 0, (void *)(uintptr_t)groups), 1);
    c.ssl = SSL_new(c.context);
    SSL_set_bio(c.ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    assert_int_equal(SSL_ctrl(c.ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                              (void *)(uintptr_t) "www.example"),
                     1);
    assert_int_equal(SSL_set_alpn_protos(c.ssl, (const unsigned char *)"\x08http/1.1", 9), 0);
    SSL_set_connect_state(c.ssl);
    (void)SSL_do_handshake(c.ssl);
    struct str record = lab_from_client(&c);
    assert_true(record.n > 9 && record.n - 9 <= max);
    memcpy(out, record.p + 9, record.n - 9);
    struct str body = {out, record.n - 9};
    lab_client_fini(&c);
    return body;
}

static void test_openssl(void **state)
{
    (void)state;
    static const struct {
        const char *groups;
        unsigned group;
        size_t share_n;
    } rows[] = {{"X25519", GROUP_X25519, 32}, {"P-256", GROUP_P256, 65}, {"X25519:P-256", 29, 32}};
    static const unsigned ours[] = {GROUP_X25519, GROUP_P256};
    char octets[WHOLE_MAX];
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct client_hello h;
        struct str share;
        CHECK_ROW(rows[i].groups, reads(real_hello(rows[i].groups, octets, sizeof(octets)), &h));
        CHECK_ROW(rows[i].groups, h.session_id.n == 32);
        CHECK_ROW(rows[i].groups, client_hello_lists(h.suites, 0x1301));
        CHECK_ROW(rows[i].groups, client_hello_lists(h.schemes, 0x0403));
        CHECK_ROW(rows[i].groups, !client_hello_lists(h.schemes, 0x0402));
        CHECK_STR(rows[i].groups, h.name, STR("\0\x0e\0\0\x0bwww.example"));
        CHECK_STR(rows[i].groups, h.alpn, STR("\x08http/1.1"));
        CHECK_ROW(rows[i].groups, client_hello_share(&h, ours, 2, &share) == rows[i].group);
        CHECK_ROW(rows[i].groups, share.n == rows[i].share_n);
    }
}

/* Whether an extension ends before octet n of a ClientHello whose list of them begins at. */
static bool ends_there(struct str whole, size_t at, size_t n)
{
    while (at < n) {
        at += 4 + ((size_t)(unsigned char)whole.p[at + 2] << 8) + (unsigned char)whole.p[at + 3];
    }
    return at == n;
}

/* Cut off anywhere, with and without a length of the extensions that goes with it. */
static void test_cut(void **state)
{
    (void)state;
    char octets[WHOLE_MAX];
    struct client_hello h;
    struct str whole = real_hello("X25519:P-256", octets, sizeof(octets));
    size_t extensions = 2 + 32 + 1 + 32;
    extensions += 2 + ((size_t)(unsigned char)octets[extensions] << 8) +
                  (unsigned char)octets[extensions + 1] + 2;
    assert_true(reads(whole, &h));
    for (size_t n = 0; n < whole.n; n++) {
        assert_false(reads(str_slice(whole, 0, n), &h));
    }
    for (size_t n = extensions + 2; n < whole.n; n++) {
        size_t left = n - extensions - 2;
        octets[extensions] = (char)(left >> 8);
        octets[extensions + 1] = (char)left;
        /* Between two extensions it is a ClientHello, though one with less in it. */
        if (!ends_there(whole, extensions + 2, n)) {
            assert_false(reads(str_slice(whole, 0, n), &h));
        }
    }
}

/* ---- What is read ---- */

static void test_read(void **state)
{
    (void)state;
    struct str parts[PARTS];
    struct client_hello h;
    assert_true(reads(join(good), &h));
    CHECK_STR("no session id", h.session_id, STR(""));
    CHECK_STR("a suite", h.suites, STR("\x13\1"));
    CHECK_STR("a group", h.groups, STR("\0\35"));
    CHECK_STR("a scheme", h.schemes, STR("\4\3"));
    CHECK_STR("a share", h.shares, STR(X25519));
    CHECK_STR("no schemes of certificates", h.cert_schemes, STR(""));
    CHECK_STR("no name", h.name, STR(""));
    CHECK_STR("no protocol", h.alpn, STR(""));

    memcpy(parts, good, sizeof(parts));
    parts[SESSION_ID] = STR("\40" ID_32);
    parts[SUITES] = STR("\0\6\72\72\x13\3\x13\1");
    parts[VERSIONS] = STR("\0\53\0\7\6\72\72\3\3\3\4");
    parts[GROUPS] = STR("\0\12\0\6\0\4\72\72\0\35");
    parts[SCHEMES] = STR("\0\15\0\6\0\4\10\4\4\3");
    parts[SHARES] = STR("\0\63\0\53\0\51\72\72\0\1x" X25519);
    parts[MORE] = STR("\72\72\0\0" ONE_NAME MODES ONE_ALPN "\0\25\0\2\0\0\0\27\0\0" CERT_SCHEMES
                      "\0\5\0\5\1\0\0\0\0");
    assert_true(reads(join(parts), &h));
    CHECK_STR("a session id of 32 octets", h.session_id, STR(ID_32));
    CHECK_STR("several suites", h.suites, STR("\72\72\x13\3\x13\1"));
    CHECK_STR("several groups", h.groups, STR("\72\72\0\35"));
    CHECK_STR("several schemes", h.schemes, STR("\10\4\4\3"));
    CHECK_STR("a scheme of certificates", h.cert_schemes, STR("\4\3"));
    CHECK_STR("several shares", h.shares, STR("\72\72\0\1x" X25519));
    CHECK_STR("the extension with the name", h.name, STR("\0\x0e\0\0\x0bwww.example"));
    CHECK_STR("no session", h.identity, STR(""));
    CHECK_ROW("sessions may come back", h.may_resume && h.binders_n == 0);
    CHECK_STR("the list of protocols", h.alpn, STR("\x08http/1.1"));
}

static void test_session(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct str more;
        bool may_resume;
        size_t binders_n;
    } rows[] = {
        {"a session", IN(MODES PSK("\0\55", "\0\10" ID_1, "\0\41" BINDER)), true, 35},
        {"without a key exchange only",
         IN("\0\55\0\2\1\0" PSK("\0\55", "\0\10" ID_1, "\0\41" BINDER)), false, 35},
        {"the first of two",
         IN("\0\55\0\3\2\0\1" PSK("\0\126", "\0\20" ID_1 "\0\2ID\0\0\0\0",
                                  "\0\102" BINDER "\40" KEY_32)),
         true, 68},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct str parts[PARTS];
        struct client_hello h;
        memcpy(parts, good, sizeof(parts));
        parts[MORE] = rows[i].more;
        CHECK_ROW(rows[i].says, reads(join(parts), &h));
        CHECK_ROW(rows[i].says, h.may_resume == rows[i].may_resume);
        CHECK_STR(rows[i].says, h.identity, STR("id"));
        CHECK_STR(rows[i].says, h.binder, STR(ID_32));
        CHECK_ROW(rows[i].says, h.binders_n == rows[i].binders_n);
    }
}

static void test_lists(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct str list;
        unsigned number;
        bool listed;
    } rows[] = {
        {"nothing is in none", IN(""), 0, false},
        {"another one", IN("\x13\1"), 0x1302, false},
        {"across two", IN("\x13\1\x13\2"), 0x0113, false},
        {"half of one", IN("\x13"), 0x13, false},
        {"the first", IN("\x13\1\x13\2"), 0x1301, true},
        {"the last", IN("\x13\1\x13\2"), 0x1302, true},
        {"with the highest bits", IN("\377\376"), 0xfffe, true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        CHECK_ROW(rows[i].says, client_hello_lists(rows[i].list, rows[i].number) == rows[i].listed);
    }
}

static void test_share(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct str groups; /* that the client lists */
        struct str shares;
        size_t n; /* of ours: X25519, P-256 */
        unsigned group;
        struct str share;
    } rows[] = {
        {"of a group that we do not know", IN("\0\36\0\35"), IN("\0\36\0\1x"), 2, 0, {NULL, 0}},
        {"of a group that the client does not list",
         IN("\0\27"),
         IN("\0\35\0\1x"),
         2,
         0,
         {NULL, 0}},
        {"of a group that is not wanted", IN("\0\27\0\35"), IN("\0\27\0\1x"), 1, 0, {NULL, 0}},
        {"none is wanted", IN("\0\27\0\35"), IN("\0\27\0\1x"), 0, 0, {NULL, 0}},
        {"the only one", IN("\0\35"), IN("\0\35\0\1x"), 2, 29, IN("x")},
        {"the client's first", IN("\0\35\0\27"), IN("\0\27\0\1x\0\35\0\2yz"), 2, 23, IN("x")},
        {"of a listed group behind one that is not",
         IN("\0\35"),
         IN("\0\27\0\1x\0\35\0\2yz"),
         2,
         0,
         {NULL, 0}},
        {"the second, as the first is unknown", IN("\0\35\72\72"), IN("\72\72\0\1x\0\35\0\2yz"), 2,
         29, IN("yz")},
    };
    static const unsigned ours[] = {GROUP_X25519, GROUP_P256};
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct client_hello h = {.groups = rows[i].groups, .shares = rows[i].shares};
        struct str share = STR_NONE;
        CHECK_ROW(rows[i].says, client_hello_share(&h, ours, rows[i].n, &share) == rows[i].group);
        if (rows[i].group != 0) {
            CHECK_STR(rows[i].says, share, rows[i].share);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused), cmocka_unit_test(test_bounds), cmocka_unit_test(test_cut),
        cmocka_unit_test(test_openssl), cmocka_unit_test(test_read),   cmocka_unit_test(test_lists),
        cmocka_unit_test(test_session), cmocka_unit_test(test_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
