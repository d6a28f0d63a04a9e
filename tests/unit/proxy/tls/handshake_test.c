/* proxy/tls/handshake.c: what a client says behind ServerHello, wrongly first. Each row is put to
 * OpenSSL's handshake as well, which must come to the same verdict and reason. */
#include <stdio.h>

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "proxy/tls/client_hello.h"
#include "proxy/tls/handshake.h"
#include "proxy/tls/library.h"
#include "proxy/tls/proof.h"
#include "proxy/tls/session_inner.h"
#include "tests/support/check.h"
#include "tests/support/library_memory.h"
#include "tests/unit/proxy/tls/handshake_lab.h"
#include "tests/unit/proxy/tls/lab_client.h"

enum { WORDS_MAX = 6, ALL_IN_ONE = 1 << 16 };

static X509 *alice;
static X509 *expired;

static int set_up(void **state)
{
    (void)lab_set_up(state);
    alice = lab_good_client(&lab);
    expired = lab_issue(&lab, &(struct pki_spec){.common_name = "alice",
                                                 .not_before_s = PKI_NOW_S - 20 * PKI_DAY_S,
                                                 .not_after_s = PKI_NOW_S - 10 * PKI_DAY_S});
    return 0;
}

static int tear_down(void **state)
{
    X509_free(alice);
    X509_free(expired);
    return lab_tear_down(state);
}

/* The sites of mode, with handshakes of our own or OpenSSL's. */
static struct tls_sites *sites_of(enum conf_client_mode mode, enum conf_on_failure on_failure,
                                  bool own)
{
    static struct lab_setting s; /* outlives the table */
    lab_setting_init(&s, &lab, mode, on_failure);
    lab_tuning.own_handshake = own;
    return lab_sites(&s.listener);
}

/* ---- What is refused ---- */

enum {
    UNEXPECTED = SSL_AD_UNEXPECTED_MESSAGE,
    BAD_MAC = SSL_AD_BAD_RECORD_MAC,
    OVERFLOW = SSL_AD_RECORD_OVERFLOW,
    DECODE = SSL_AD_DECODE_ERROR,
    DECRYPT = SSL_AD_DECRYPT_ERROR,
    ILLEGAL = SSL_AD_ILLEGAL_PARAMETER,
    REQUIRED = SSL_AD_CERTIFICATE_REQUIRED,
    EXPIRED = SSL_AD_CERTIFICATE_EXPIRED,
    EXTENSION = SSL_AD_UNSUPPORTED_EXTENSION,
    NONE = -1 /* no alert */
};

#define WRONG    REASON_TLS_PROTOCOL_ERROR
#define TOO_LONG REASON_CLIENT_CERT_CHAIN_TOO_LONG
#define ASKED    CONF_CLIENT_REQUIRE
#define MAY      CONF_CLIENT_OPTIONAL
#define OFF      CONF_CLIENT_OFF

static const struct row {
    const char *says;
    enum conf_client_mode mode; /* of asking for a certificate */
    enum word words[WORDS_MAX];
    size_t piece; /* octets of a record; 0: a message in each */
    enum reason reason;
    int alert;
} refused[] = {
    {"no certificate where one is required",
     ASKED,
     {CERT_NONE, FIN},
     0,
     REASON_CLIENT_CERT_MISSING,
     REQUIRED},
    {"the same in one record",
     ASKED,
     {CERT_NONE, FIN},
     ALL_IN_ONE,
     REASON_CLIENT_CERT_MISSING,
     REQUIRED},
    {"an expired certificate",
     ASKED,
     {CERT_EXPIRED, PROOF, FIN},
     0,
     REASON_CLIENT_CERT_EXPIRED,
     EXPIRED},
    {"an expired one, all in one record",
     MAY,
     {CERT_EXPIRED, PROOF, FIN},
     ALL_IN_ONE,
     REASON_CLIENT_CERT_EXPIRED,
     EXPIRED},
    {"Finished alone", ASKED, {FIN}, 0, WRONG, UNEXPECTED},
    {"Finished alone where a certificate may come", MAY, {FIN}, 0, WRONG, UNEXPECTED},
    {"a certificate without its proof", ASKED, {CERT, FIN}, 0, WRONG, UNEXPECTED},
    {"a certificate without its proof, in one record",
     ASKED,
     {CERT, FIN},
     ALL_IN_ONE,
     WRONG,
     UNEXPECTED},
    {"a certificate without its proof, that may come", MAY, {CERT, FIN}, 0, WRONG, UNEXPECTED},
    {"a proof without a certificate", ASKED, {PROOF, FIN}, 0, WRONG, UNEXPECTED},
    {"a proof of an empty list", MAY, {CERT_NONE, PROOF, FIN}, 0, WRONG, UNEXPECTED},
    {"a certificate that nobody asked for", OFF, {CERT, PROOF, FIN}, 0, WRONG, UNEXPECTED},
    {"an empty list that nobody asked for", OFF, {CERT_NONE, FIN}, 0, WRONG, UNEXPECTED},
    {"two certificates", ASKED, {CERT, CERT, PROOF, FIN}, 0, WRONG, UNEXPECTED},
    {"an empty list behind a certificate", MAY, {CERT, CERT_NONE, FIN}, 0, WRONG, UNEXPECTED},
    {"two proofs", ASKED, {CERT, PROOF, PROOF, FIN}, 0, WRONG, UNEXPECTED},
    {"another certificate behind the proof", ASKED, {CERT, PROOF, CERT, FIN}, 0, WRONG, UNEXPECTED},

    {"a context that nobody gave", ASKED, {CERT_CONTEXT, PROOF, FIN}, 0, WRONG, DECODE},
    {"no certificate but garbage",
     ASKED,
     {CERT_GARBAGE, PROOF, FIN},
     0,
     REASON_CLIENT_CERT_INVALID,
     DECODE},
    {"a certificate of no octets",
     ASKED,
     {CERT_ZERO, PROOF, FIN},
     0,
     REASON_CLIENT_CERT_INVALID,
     DECODE},
    {"an octet behind the DER",
     ASKED,
     {CERT_BEHIND, PROOF, FIN},
     0,
     REASON_CLIENT_CERT_INVALID,
     DECODE},
    {"an octet behind the list", ASKED, {CERT_TRAILING, PROOF, FIN}, 0, WRONG, DECODE},
    {"a list beyond its message", ASKED, {CERT_CUT, PROOF, FIN}, 0, WRONG, DECODE},
    {"an extension that nobody asked for",
     ASKED,
     {CERT_EXTENSION, PROOF, FIN},
     0,
     WRONG,
     EXTENSION},
    {"eleven certificates", ASKED, {CERTS_11, PROOF, FIN}, 0, TOO_LONG, SSL_AD_UNKNOWN_CA},
    {"twelve", MAY, {CERTS_12, PROOF, FIN}, 0, TOO_LONG, SSL_AD_UNKNOWN_CA},
    {"thirteen", ASKED, {CERTS_13, PROOF, FIN}, 0, TOO_LONG, SSL_AD_UNKNOWN_CA},
    {"360 in 32 KiB", ASKED, {CERTS_360, PROOF, FIN}, 0, TOO_LONG, SSL_AD_UNKNOWN_CA},
    {"a Certificate of no octets", ASKED, {CERT_BODYLESS, PROOF, FIN}, 0, WRONG, DECODE},
    {"a Certificate of too many octets", ASKED, {CERT_TOO_LONG}, 0, WRONG, ILLEGAL},

    {"a proof with a bit changed", ASKED, {CERT, PROOF_SIGNATURE, FIN}, 0, WRONG, DECRYPT},
    {"the same, that may come", MAY, {CERT, PROOF_SIGNATURE, FIN}, 0, WRONG, DECRYPT},
    {"a proof of another kind of key", ASKED, {CERT, PROOF_SCHEME, FIN}, 0, WRONG, ILLEGAL},
    {"a proof by a scheme of certificates", ASKED, {CERT, PROOF_PKCS1, FIN}, 0, WRONG, ILLEGAL},
    {"a proof over another transcript", ASKED, {PROOF_EARLY, FIN}, 0, WRONG, DECRYPT},
    {"a proof of no octets", ASKED, {CERT, PROOF_EMPTY, FIN}, 0, WRONG, DECRYPT},
    {"an octet behind the proof", ASKED, {CERT, PROOF_TRAILING, FIN}, 0, WRONG, DECODE},
    {"a proof longer than its message", ASKED, {CERT, PROOF_CUT, FIN}, 0, WRONG, DECODE},
    {"a proof of too many octets", ASKED, {CERT, PROOF_TOO_LONG, FIN}, 0, WRONG, ILLEGAL},

    {"Finished with a bit changed", ASKED, {CERT, PROOF, FIN_CHANGED}, 0, WRONG, DECRYPT},
    {"the same without a certificate", OFF, {FIN_CHANGED}, 0, WRONG, DECRYPT},
    {"Finished by the server's secret", OFF, {FIN_SERVER}, 0, WRONG, DECRYPT},
    {"Finished of 31 octets", OFF, {FIN_SHORT}, 0, WRONG, DECODE},
    {"Finished of 33 octets", OFF, {FIN_LONG}, 0, WRONG, DECODE},
    {"Finished of no octets", OFF, {FIN_EMPTY}, 0, WRONG, DECODE},
    {"KeyUpdate in Finished's record", OFF, {FIN_MORE}, 0, WRONG, UNEXPECTED},
    {"an octet in Finished's record", OFF, {FIN_HALF}, 0, WRONG, UNEXPECTED},
    {"two Finished in one record", OFF, {FIN, FIN}, ALL_IN_ONE, WRONG, UNEXPECTED},

    {"change_cipher_spec twice in a record", OFF, {CCS_TWO, FIN}, 0, WRONG, UNEXPECTED},
    {"change_cipher_spec of 2", OFF, {CCS_OTHER, FIN}, 0, WRONG, UNEXPECTED},
    {"change_cipher_spec of nothing", OFF, {CCS_EMPTY, FIN}, 0, WRONG, UNEXPECTED},
    {"change_cipher_spec, protected", OFF, {CCS_SEALED, FIN}, 0, WRONG, UNEXPECTED},
    {"change_cipher_spec 33 times", OFF, {CCS_32, CCS, FIN}, 0, WRONG, UNEXPECTED},
    {"Finished without protection", OFF, {PLAIN_FIN}, 0, WRONG, UNEXPECTED},
    {"a certificate without protection", ASKED, {PLAIN_CERT, PROOF, FIN}, 0, WRONG, UNEXPECTED},
    {"an alert without protection, too late", ASKED, {CERT, PLAIN_ALERT}, 0, WRONG, UNEXPECTED},
    {"a record of an unknown type", OFF, {PLAIN_TYPE, FIN}, 0, WRONG, UNEXPECTED},

    {"data before Finished", OFF, {DATA, FIN}, 0, WRONG, UNEXPECTED},
    {"a right Finished in a record of data", OFF, {DATA_FIN}, 0, WRONG, UNEXPECTED},
    {"a record of SSL 2", OFF, {VERSION, FIN}, 0, WRONG, SSL_AD_PROTOCOL_VERSION},
    {"data between certificate and proof", ASKED, {CERT, DATA, PROOF, FIN}, 0, WRONG, UNEXPECTED},
    {"data by keys that are not used yet", OFF, {DATA_APP, FIN}, 0, WRONG, BAD_MAC},
    {"KeyUpdate first", OFF, {KEY_UPDATE, FIN}, 0, WRONG, UNEXPECTED},
    {"KeyUpdate behind the proof", ASKED, {CERT, PROOF, KEY_UPDATE, FIN}, 0, WRONG, UNEXPECTED},
    {"NewSessionTicket from the client", OFF, {TICKET, FIN}, 0, WRONG, UNEXPECTED},
    {"a second ClientHello", OFF, {HELLO, FIN}, 0, WRONG, UNEXPECTED},
    {"a second ClientHello behind a certificate",
     ASKED,
     {CERT, HELLO, PROOF, FIN},
     0,
     WRONG,
     UNEXPECTED},
    {"HelloRequest", OFF, {HELLO_REQUEST, FIN}, 0, WRONG, UNEXPECTED},

    {"a record of a handshake without octets", OFF, {EMPTY, FIN}, 0, WRONG, UNEXPECTED},
    {"a record without a type", OFF, {NO_TYPE, FIN}, 0, WRONG, UNEXPECTED},
    {"a record of a tag alone", OFF, {NOTHING, FIN}, 0, WRONG, BAD_MAC},
    {"a record that is not authentic", ASKED, {BAD_TAG}, 0, WRONG, BAD_MAC},
    {"a record shorter than a tag", OFF, {SHORTER, FIN}, 0, WRONG, BAD_MAC},
    {"a record with too many octets encrypted", ASKED, {OVERSIZE}, 0, WRONG, OVERFLOW},
    {"a record with an octet too many", ASKED, {OVERFULL}, 0, WRONG, OVERFLOW},

    {"close_notify", ASKED, {CLOSE_NOTIFY}, 0, REASON_TLS_HANDSHAKE_ABORTED, NONE},
    {"close_notify behind a certificate",
     ASKED,
     {CERT, CLOSE_NOTIFY, PROOF, FIN},
     0,
     REASON_TLS_HANDSHAKE_ABORTED,
     NONE},
    {"an alert", ASKED, {ALERT_FATAL}, 0, REASON_TLS_CLIENT_ALERT, NONE},
    {"an alert behind the proof",
     ASKED,
     {CERT, PROOF, ALERT_FATAL, FIN},
     0,
     REASON_TLS_CLIENT_ALERT,
     NONE},
    {"an alert without protection, at once",
     ASKED,
     {PLAIN_ALERT},
     0,
     REASON_TLS_CLIENT_ALERT,
     NONE},
    {"half an alert", OFF, {ALERT_HALF, FIN}, 0, WRONG, DECODE},
    {"an alert of three octets", OFF, {ALERT_THREE, FIN}, 0, WRONG, DECODE},
};

/* Joins, and says what row says: it waits to be given to the session. */
static void say_all(struct talk *t, const struct row *row, struct tls_sites *sites,
                    enum traffic_suite suite, unsigned group)
{
    lab_raw_join(&t->raw, sites, suite, group);
    t->piece = row->piece;
    t->good = alice;
    t->expired = expired;
    buf_init(&t->said, 1 << 20);
    for (size_t i = 0; i < WORDS_MAX && row->words[i] != END; i++) {
        handshake_lab_say(t, row->words[i]);
    }
    handshake_lab_flush(t);
}

static enum tls_result run(struct talk *t, const struct row *row, struct tls_sites *sites,
                           size_t step)
{
    t->raw.with_id = true;
    say_all(t, row, sites, TRAFFIC_AES_128_GCM, GROUP_X25519);
    return lab_raw_feed(&t->raw, step);
}

static void finish(struct talk *t)
{
    lab_raw_part(&t->raw);
    buf_release(&t->said);
}

/* OpenSSL's alert, which at times is not the one that RFC 8446 asks for (5, and 6). */
static int others_alert(const struct row *row)
{
    static const struct {
        enum word first;
        int alert;
    } other[] = {{CCS_TWO, ILLEGAL},
                 {CCS_OTHER, ILLEGAL},
                 {CCS_EMPTY, ILLEGAL},
                 {ALERT_HALF, UNEXPECTED},
                 {ALERT_THREE, UNEXPECTED}};
    for (size_t i = 0; i < ROWS(other); i++) {
        if (row->words[0] == other[i].first) {
            return other[i].alert;
        }
    }
    return row->alert;
}

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(refused) * 3; i++) {
        const struct row *row = &refused[i / 3];
        bool own = i % 3 != 0;
        struct tls_sites *sites = sites_of(row->mode, CONF_ON_FAILURE_REFUSE, own);
        struct talk t = {.piece = 0};
        enum tls_result r = run(&t, row, sites, i % 3 == 2 ? 1 : 0);
        enum reason reason = tls_session_reason(t.raw.session);
        int alert = lab_raw_alert(&t.raw);
        int wanted = own ? row->alert : others_alert(row);
        if (r != TLS_FAILED || reason != row->reason || alert != wanted) {
            fail_msg("%s%s: %d, %s, alert %d: %s", own ? "" : "OpenSSL's: ", row->says, (int)r,
                     reason_token(reason), alert, tls_session_detail(t.raw.session).p);
        }
        CHECK_ROW(row->says, !t.raw.session->established);
        finish(&t);
        tls_sites_unref(sites);
    }
}

/* ---- What is taken ---- */

static const struct row taken[] = {
    {"a certificate", ASKED, {CERT, PROOF, FIN}, 0, REASON_OK, NONE},
    {"as many certificates as may come", ASKED, {CERTS_10, PROOF, FIN}, 0, REASON_OK, NONE},
    {"all in one record", ASKED, {CERT, PROOF, FIN}, ALL_IN_ONE, REASON_OK, NONE},
    {"an octet in each record", ASKED, {CERT, PROOF, FIN}, 1, REASON_OK, NONE},
    {"seven octets in each record", ASKED, {CERT, PROOF, FIN}, 7, REASON_OK, NONE},
    {"a certificate that may come", MAY, {CERT, PROOF, FIN}, 0, REASON_OK, NONE},
    {"none, where one may come", MAY, {CERT_NONE, FIN}, 0, REASON_CLIENT_CERT_MISSING, NONE},
    {"none, in one record", MAY, {CERT_NONE, FIN}, ALL_IN_ONE, REASON_CLIENT_CERT_MISSING, NONE},
    {"none is asked for", OFF, {FIN}, 0, REASON_CLIENT_CERT_MISSING, NONE},
    {"change_cipher_spec first", OFF, {CCS, FIN}, 0, REASON_CLIENT_CERT_MISSING, NONE},
    {"change_cipher_spec twice", OFF, {CCS, CCS, FIN}, 0, REASON_CLIENT_CERT_MISSING, NONE},
    {"change_cipher_spec 32 times", OFF, {CCS_32, FIN}, 0, REASON_CLIENT_CERT_MISSING, NONE},
    {"change_cipher_spec in the middle", ASKED, {CERT, CCS, PROOF, CCS, FIN}, 0, REASON_OK, NONE},
};

/* What comes of row: a session that is open, with what it knows of the client. */
static void check_taken(struct talk *t, const struct row *row, enum tls_result r)
{
    const struct tls_session *s = t->raw.session;
    if (r != TLS_OK) {
        fail_msg("%s: %s: %s", row->says, reason_token(tls_session_reason(s)),
                 tls_session_detail(s).p);
    }
    CHECK_ROW(row->says, tls_session_peer_reason(s) == row->reason);
    X509 *peer = tls_session_peer(s);
    CHECK_ROW(row->says, (peer != NULL) == (row->reason == REASON_OK));
    CHECK_ROW(row->says, peer == NULL || X509_cmp(peer, alice) == 0);
    CHECK_ROW(row->says, (tls_session_deny_keys(s)->n > 0) == (peer != NULL));
    CHECK_STR(row->says, tls_session_version(s), STR("TLSv1.3"));
    CHECK_ROW(row->says, buf_len(tls_session_out(t->raw.session)) == 0);
    lab_raw_talk(&t->raw);
}

static void test_taken(void **state)
{
    (void)state;
    static const size_t steps[] = {0, 1, 100};
    for (size_t i = 0; i < ROWS(taken) * 3 * ROWS(steps); i++) {
        const struct row *row = &taken[i / 3 / ROWS(steps)];
        struct tls_sites *sites = sites_of(row->mode, CONF_ON_FAILURE_REFUSE, i % 3 != 0);
        struct talk t = {.padding = i % 3 == 2 ? 300 : 0};
        enum tls_result r = run(&t, row, sites, steps[i / 3 % ROWS(steps)]);
        check_taken(&t, row, r);
        finish(&t);
        tls_sites_unref(sites);
    }
}

/* All suites with both groups, with and without legacy_session_id. */
static void test_suites(void **state)
{
    (void)state;
    static const unsigned groups[] = {GROUP_X25519, GROUP_P256};
    static const struct row row = {"a suite", ASKED, {CERT, PROOF, FIN}, 0, REASON_OK, NONE};
    struct tls_sites *sites = sites_of(ASKED, CONF_ON_FAILURE_REFUSE, true);
    for (size_t i = 0; i < (size_t)TRAFFIC_SUITES * 4; i++) {
        struct talk t = {.raw = {.with_id = i % 4 / 2 == 0}};
        enum traffic_suite suite = (enum traffic_suite)(i / 4);
        say_all(&t, &row, sites, suite, groups[i % 2]);
        check_taken(&t, &row, lab_raw_feed(&t.raw, 0));
        CHECK_STR(row.says, tls_session_cipher(t.raw.session), str_of(traffic_suite_name(suite)));
        finish(&t);
    }
    tls_sites_unref(sites);
}

/* In two pieces, cut at each octet: it waits for the second, and comes out the same. */
static void test_cut(void **state)
{
    (void)state;
    static const struct row row = {"cut", ASKED, {CERT, PROOF, FIN}, 0, REASON_OK, NONE};
    struct tls_sites *sites = sites_of(ASKED, CONF_ON_FAILURE_REFUSE, true);
    size_t total = 2;
    for (size_t at = 1; at < total; at++) {
        struct talk t = {.piece = 0};
        say_all(&t, &row, sites, TRAFFIC_AES_128_GCM, GROUP_X25519);
        struct str all = buf_str(&t.raw.stream);
        total = all.n; /* signatures are not all of one length */
        if (at >= total) {
            finish(&t);
            break;
        }
        tls_session_input(t.raw.session, str_slice(all, 0, at));
        assert_int_equal(tls_session_handshake(t.raw.session), TLS_WANT);
        assert_false(tls_session_may_read(t.raw.session));
        assert_int_equal(tls_session_settle(t.raw.session), 0);
        assert_false(tls_session_has_input(t.raw.session));
        tls_session_input(t.raw.session, str_slice(all, at, all.n));
        enum tls_result r = tls_session_handshake(t.raw.session);
        assert_int_equal(tls_session_settle(t.raw.session), 0);
        buf_clear(&t.raw.stream);
        check_taken(&t, &row, r);
        finish(&t);
    }
    assert_true(total > 500);
    tls_sites_unref(sites);
}

/* ---- OpenSSL's client ---- */

static EVP_PKEY *key_of_kind(const char *kind)
{
    EVP_PKEY *key = NULL;
    if (strcmp(kind, "RSA-PSS") == 0) {
        EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
        assert_int_equal(EVP_PKEY_keygen_init(c), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(c, 2048), 1);
        assert_int_equal(EVP_PKEY_generate(c, &key), 1);
        EVP_PKEY_CTX_free(c);
        return key;
    }
    return kind[0] == 'P'   ? EVP_EC_gen(kind)
           : kind[0] == 'R' ? pki_rsa_key(2048)
                            : EVP_PKEY_Q_keygen(NULL, NULL, kind);
}

/* The handshake of c, which must be of our own. */
static void shake(struct lab_client *c, struct tls_sites *sites, const char *says)
{
    lab_client_join(c, sites, "www.example");
    (void)SSL_do_handshake(c->ssl);
    assert_int_equal(lab_feed(c, lab_from_client(c)), TLS_WANT);
    CHECK_ROW(says, c->session->ssl == NULL && c->session->handshake != NULL);
    (void)BIO_reset(SSL_get_wbio(c->ssl));
    lab_to_client(c);
    enum tls_result r = lab_handshake(c);
    if (r != TLS_OK) {
        fail_msg("%s: %s", says, tls_session_detail(c->session).p);
    }
}

/* Every kind of key with every suite and group. */
static void test_openssl(void **state)
{
    (void)state;
    static const char *const kinds[] = {"P-256", "P-384", "P-521",  "ED25519",
                                        "ED448", "RSA",   "RSA-PSS"};
    static const char *const suites[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                         "TLS_CHACHA20_POLY1305_SHA256"};
    static const char *const groups[] = {"X25519", "P-256"};
    struct tls_sites *sites = sites_of(ASKED, CONF_ON_FAILURE_REFUSE, true);
    for (size_t i = 0; i < ROWS(kinds); i++) {
        EVP_PKEY *key = key_of_kind(kinds[i]);
        X509 *x = pki_cert(&(struct pki_spec){.common_name = "alice"}, key, lab.ca, lab.ca_key);
        for (size_t k = 0; k < ROWS(suites) * ROWS(groups); k++) {
            struct lab_client c;
            lab_client_init(&c, TLS1_3_VERSION, x, key);
            assert_int_equal(SSL_CTX_set_ciphersuites(c.context, suites[k / 2]), 1);
            assert_int_equal(SSL_CTX_ctrl(c.context, SSL_CTRL_SET_GROUPS_LIST, 0,
                                          (void *)(uintptr_t)groups[k % 2]),
                             1);
            shake(&c, sites, kinds[i]);
            CHECK_STR(kinds[i], tls_session_cipher(c.session), str_of(suites[k / 2]));
            CHECK_ROW(kinds[i], tls_session_peer_reason(c.session) == REASON_OK);
            CHECK_ROW(kinds[i], X509_cmp(tls_session_peer(c.session), x) == 0);
            lab_client_fini(&c);
        }
        X509_free(x);
        EVP_PKEY_free(key);
    }
    tls_sites_unref(sites);
}

/* The same certificate often: whatever is remembered of it, its key has to be shown each time. */
static void test_again(void **state)
{
    (void)state;
    static const struct row right = {"again", ASKED, {CERT, PROOF, FIN}, 0, REASON_OK, NONE};
    static const struct row wrong[] = {
        {"proof", ASKED, {CERT, PROOF_SIGNATURE, FIN}, 0, WRONG, DECRYPT},
        {"none", ASKED, {CERT, FIN}, 0, WRONG, UNEXPECTED}};
    struct tls_sites *sites = sites_of(ASKED, CONF_ON_FAILURE_REFUSE, true);
    for (size_t i = 0; i < 6; i++) {
        struct talk t = {.piece = 0};
        const struct row *row = i % 2 == 0 ? &right : &wrong[i / 2 % 2];
        enum tls_result r = run(&t, row, sites, 0);
        CHECK_ROW(row->says, (r == TLS_OK) == (i % 2 == 0));
        finish(&t);
    }
    tls_sites_unref(sites);
}

/* With on_failure answer, who is not accepted is let in to be told so; but a proof must hold, and
 * come. */
static void test_answered(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"expired", ASKED, {CERT_EXPIRED, PROOF, FIN}, 0, REASON_CLIENT_CERT_EXPIRED, NONE},
        {"twelve certificates", ASKED, {CERTS_12, PROOF, FIN}, 0, TOO_LONG, NONE},
        {"360", ASKED, {CERTS_360, PROOF, FIN}, 0, TOO_LONG, NONE},
        {"none", ASKED, {CERT_NONE, FIN}, 0, REASON_CLIENT_CERT_MISSING, NONE},
        {"a wrong proof", ASKED, {CERT_EXPIRED, PROOF_SIGNATURE, FIN}, 0, WRONG, DECRYPT},
        {"no proof", ASKED, {CERT_EXPIRED, FIN}, 0, WRONG, UNEXPECTED},
        {"no list", ASKED, {FIN}, 0, WRONG, UNEXPECTED},
        {"a key of an unknown curve",
         ASKED,
         {CERT_KEY, PROOF, FIN},
         0,
         REASON_CLIENT_CERT_INVALID,
         SSL_AD_HANDSHAKE_FAILURE},
        {"garbage", ASKED, {CERT_GARBAGE, PROOF, FIN}, 0, REASON_CLIENT_CERT_INVALID, DECODE},
    };
    for (size_t i = 0; i < ROWS(rows) * 2; i++) {
        const struct row *row = &rows[i / 2];
        struct tls_sites *sites = sites_of(row->mode, CONF_ON_FAILURE_ANSWER, i % 2 == 1);
        struct talk t = {.piece = 0};
        enum tls_result r = run(&t, row, sites, 0);
        CHECK_ROW(row->says, (r == TLS_OK) == (row->alert == NONE));
        CHECK_ROW(row->says, row->reason == (r == TLS_OK ? tls_session_peer_reason(t.raw.session)
                                                         : tls_session_reason(t.raw.session)));
        int alert = lab_raw_alert(&t.raw);
        if (alert != row->alert) {
            fail_msg("%s%s: alert %d: %s", i % 2 == 1 ? "" : "OpenSSL's: ", row->says, alert,
                     tls_session_detail(t.raw.session).p);
        }
        if (r == TLS_OK) {
            lab_raw_talk(&t.raw);
        }
        finish(&t);
        tls_sites_unref(sites);
    }
}

/* What is refused for how many there are is not decoded: 360 certificates take hardly more memory
 * than twelve do. */
static void test_many(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"twelve", ASKED, {CERTS_12, PROOF, FIN}, 0, TOO_LONG, SSL_AD_UNKNOWN_CA},
        {"360", ASKED, {CERTS_360, PROOF, FIN}, 0, TOO_LONG, SSL_AD_UNKNOWN_CA}};
    struct tls_sites *sites = sites_of(ASKED, CONF_ON_FAILURE_REFUSE, true);
    unsigned long made[ROWS(rows)];
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk t = {.piece = 0};
        say_all(&t, &rows[i], sites, TRAFFIC_AES_128_GCM, GROUP_X25519);
        mem_fail_after(0, false);
        library_memory_fails = true;
        CHECK_ROW(rows[i].says, lab_raw_feed(&t.raw, 0) == TLS_FAILED);
        library_memory_fails = false;
        made[i] = mem_allocations();
        CHECK_ROW(rows[i].says, tls_session_reason(t.raw.session) == TOO_LONG);
        finish(&t);
    }
    assert_true(made[0] > 100 && made[1] < made[0] + 20);
    tls_sites_unref(sites);
}

/* A handshake that ended is over: nothing more is taken, and nothing more is said. */
static void test_over(void **state)
{
    (void)state;
    static const struct row row = {"wrong", OFF, {FIN_CHANGED}, 0, WRONG, DECRYPT};
    struct tls_sites *sites = sites_of(OFF, CONF_ON_FAILURE_REFUSE, true);
    struct talk t = {.piece = 0};
    char got[16];
    size_t n = 1;
    assert_int_equal(run(&t, &row, sites, 0), TLS_FAILED);
    size_t said = buf_len(tls_session_out(t.raw.session));
    (void)lab_raw_finished(&t.raw, &t.said);
    handshake_lab_flush(&t);
    assert_int_equal(lab_raw_feed(&t.raw, 0), TLS_FAILED);
    assert_int_equal(tls_session_read(t.raw.session, got, sizeof(got), &n), TLS_FAILED);
    assert_int_equal(tls_session_write(t.raw.session, STR("x")), TLS_FAILED);
    assert_int_equal(buf_len(tls_session_out(t.raw.session)), said);
    assert_false(tls_session_has_input(t.raw.session));
    finish(&t);
    tls_sites_unref(sites);
}

/* ---- Without memory ---- */

/* Each allocation, ours and OpenSSL's, fails in turn: who is not accepted never is let in. */
static void test_without_memory(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"good", ASKED, {CERT, PROOF, FIN}, 0, REASON_OK, NONE},
        {"expired", ASKED, {CERT_EXPIRED, PROOF, FIN}, 0, REASON_CLIENT_CERT_EXPIRED, NONE},
        {"a wrong proof", ASKED, {CERT, PROOF_SIGNATURE, FIN}, 0, WRONG, NONE},
        {"no proof", ASKED, {CERT, FIN}, 0, WRONG, NONE},
        {"a wrong Finished", ASKED, {CERT, PROOF, FIN_CHANGED}, 0, WRONG, NONE},
        {"none", ASKED, {CERT_NONE, FIN}, 0, REASON_CLIENT_CERT_MISSING, NONE},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct row *row = &rows[i];
        struct tls_sites *sites = sites_of(row->mode, CONF_ON_FAILURE_REFUSE, true);
        unsigned long made = 1;
        for (unsigned long nth = 1; nth <= made + 1; nth++) {
            struct talk t = {.piece = 0};
            say_all(&t, row, sites, TRAFFIC_AES_128_GCM, GROUP_X25519);
            mem_fail_after(nth, false);
            library_memory_fails = true;
            tls_session_input(t.raw.session, buf_str(&t.raw.stream));
            enum tls_result r = tls_session_handshake(t.raw.session);
            library_memory_fails = false;
            made = mem_allocations();
            mem_fail_after(0, false);
            tls_session_unlend(t.raw.session);
            CHECK_ROW(row->says, r == TLS_FAILED || (r == TLS_OK && row->reason == REASON_OK));
            CHECK_ROW(row->says, r == TLS_OK || row->reason != REASON_OK || nth <= made);
            if (r == TLS_OK) {
                CHECK_ROW(row->says, tls_session_peer_reason(t.raw.session) == REASON_OK);
                CHECK_ROW(row->says, tls_session_peer(t.raw.session) != NULL);
                CHECK_ROW(row->says, tls_session_deny_keys(t.raw.session)->n > 0);
                buf_clear(&t.raw.stream);
                lab_raw_talk(&t.raw);
            }
            finish(&t);
        }
        CHECK_ROW(row->says, made > 5);
        tls_sites_unref(sites);
    }
}

int main(void)
{
    if (!library_memory_openssl()) {
        return 1;
    }
    if (!library_shakes_hands(&lab_tuning)) {
        (void)printf("skipped: with this OpenSSL handshakes are its own\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused), cmocka_unit_test(test_taken),
        cmocka_unit_test(test_suites),  cmocka_unit_test(test_answered),
        cmocka_unit_test(test_many),    cmocka_unit_test(test_over),
        cmocka_unit_test(test_cut),     cmocka_unit_test(test_openssl),
        cmocka_unit_test(test_again),   cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
