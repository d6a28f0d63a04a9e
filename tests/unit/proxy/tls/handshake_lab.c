#include "tests/unit/proxy/tls/handshake_lab.h"

void handshake_lab_flush(struct talk *t)
{
    size_t piece = t->piece;
    struct str rest = buf_str(&t->said);
    while (rest.n > 0) {
        struct str now = str_slice(rest, 0, piece > 0 && piece < 16384 ? piece : 16384);
        lab_raw_say(&t->raw, &t->raw.out, RAW_HANDSHAKE, now, t->padding);
        rest = str_slice(rest, now.n, rest.n);
    }
    buf_clear(&t->said);
}

/* The message of those octets and one changed; the transcript has it as it was. */
static void change_last(struct talk *t)
{
    char *last = (char *)(uintptr_t)buf_str(&t->said).p + buf_len(&t->said) - 1;
    *last = (char)(*last ^ 1);
}

static void say_message(struct talk *t, int type, struct str body)
{
    (void)lab_raw_message(&t->raw, type, body, &t->said);
}

/* A Certificate around the good one's DER. */
static void say_certificate(struct talk *t, enum word word)
{
    unsigned char *der = NULL;
    struct buf body;
    buf_init(&body, 1 << 16);
    size_t n = (size_t)i2d_X509(t->good, &der);
    if (word == CERT_KEY) {
        char *curve = memmem(der, n, "\x2a\x86\x48\xce\x3d\3\1\7", 8);
        assert_non_null(curve);
        curve[7] = 0x77;
    }
    size_t entry = n + (word == CERT_BEHIND ? 1 : 0);
    size_t list = 3 + entry + 2 + (word == CERT_EXTENSION ? 4 : 0);
    size_t told = list + (word == CERT_CUT ? 1 : 0);
    const char head[] = {0, (char)(told >> 16), (char)(told >> 8), (char)told,
                         0, (char)(entry >> 8), (char)entry};
    assert_int_equal(buf_append(&body, word == CERT_CONTEXT ? STR("\1x") : STR("\0")), 0);
    assert_int_equal(buf_append(&body, (struct str){head + 1, 6}), 0);
    assert_int_equal(buf_append(&body, (struct str){(char *)der, n}), 0);
    assert_int_equal(buf_append(&body, word == CERT_BEHIND ? STR("\0") : STR("")), 0);
    assert_int_equal(buf_append(&body, word == CERT_EXTENSION ? STR("\0\4\0\5\0\0") : STR("\0\0")),
                     0);
    assert_int_equal(buf_append(&body, word == CERT_TRAILING ? STR("\0") : STR("")), 0);
    say_message(t, RAW_CERTIFICATE, buf_str(&body));
    OPENSSL_free(der);
    buf_release(&body);
}

/* As few octets as a certificate may have: names, key and signature are empty, and by an algorithm
 * that nobody knows. */
static X509 *small_certificate(void)
{
    static const unsigned char der[] = "\60\100\60\66\2\1\1\60\3\6\1\52\60\0\60\36"
                                       "\27\15"
                                       "270101000000Z"
                                       "\27\15"
                                       "280101000000Z"
                                       "\60\0\60\10\60\3\6\1\52\3\1\0\60\3\6\1\52\3\1";
    const unsigned char *p = der;
    X509 *x = d2i_X509(NULL, &p, sizeof(der));
    assert_non_null(x);
    return x;
}

/* Certificates, the good one first. */
static void say_many(struct talk *t, size_t n)
{
    X509 *all[360] = {t->good};
    X509 *small = small_certificate();
    for (size_t i = 1; i < n; i++) {
        all[i] = small;
    }
    (void)lab_raw_certificate(&t->raw, all, n, &t->said);
    X509_free(small);
}

static void say_cert(struct talk *t, enum word word)
{
    switch ((int)word) {
    case CERTS_10:
    case CERTS_11:
    case CERTS_12:
    case CERTS_13:
        say_many(t, 10 + (size_t)(word - CERTS_10));
        break;
    case CERTS_360:
        say_many(t, 360);
        break;
    case CERT:
        (void)lab_raw_certificate(&t->raw, &t->good, 1, &t->said);
        break;
    case CERT_EXPIRED:
        (void)lab_raw_certificate(&t->raw, &t->expired, 1, &t->said);
        break;
    case CERT_NONE:
        (void)lab_raw_certificate(&t->raw, NULL, 0, &t->said);
        break;
    case CERT_GARBAGE:
        say_message(t, RAW_CERTIFICATE, STR("\0\0\0\12\0\0\5\60\3\2\1\0\0\0"));
        break;
    case CERT_ZERO:
        say_message(t, RAW_CERTIFICATE, STR("\0\0\0\5\0\0\0\0\0"));
        break;
    case CERT_BODYLESS:
        say_message(t, RAW_CERTIFICATE, STR(""));
        break;
    case CERT_TOO_LONG:
        assert_int_equal(buf_append(&t->said, STR("\13\0\200\1\0\0\177\376")), 0);
        break;
    default:
        say_certificate(t, word);
        break;
    }
}

static void say_proof(struct talk *t, enum word word)
{
    struct lab_raw *r = &t->raw;
    switch ((int)word) {
    case PROOF_SCHEME:
        say_message(t, RAW_CERTIFICATE_VERIFY, STR("\10\7\0\4abcd"));
        break;
    case PROOF_PKCS1:
        say_message(t, RAW_CERTIFICATE_VERIFY, STR("\4\1\0\4abcd"));
        break;
    case PROOF_EMPTY:
        say_message(t, RAW_CERTIFICATE_VERIFY, STR("\4\3\0\0"));
        break;
    case PROOF_TRAILING:
        say_message(t, RAW_CERTIFICATE_VERIFY, STR("\4\3\0\4abcde"));
        break;
    case PROOF_CUT:
        say_message(t, RAW_CERTIFICATE_VERIFY, STR("\4\3\0\5abcd"));
        break;
    case PROOF_TOO_LONG:
        assert_int_equal(buf_append(&t->said, STR("\17\1\0\0\4\3\0\5")), 0);
        break;
    case PROOF_EARLY: { /* said before the certificate, so that this one is not in it */
        struct buf cert;
        buf_init(&cert, 1 << 16);
        (void)lab_raw_proof(r, 0x0403, lab.key, &t->said);
        buf_init(&cert, 1 << 16);
        (void)lab_raw_certificate(r, &t->good, 1, &cert);
        assert_int_equal(buf_append(&cert, buf_str(&t->said)), 0);
        buf_clear(&t->said);
        assert_int_equal(buf_append(&t->said, buf_str(&cert)), 0);
        buf_release(&cert);
        break;
    }
    default:
        (void)lab_raw_proof(r, 0x0403, lab.key, &t->said);
        if (word == PROOF_SIGNATURE) {
            change_last(t);
        }
        break;
    }
}

static void say_fin(struct talk *t, enum word word)
{
    switch ((int)word) {
    case FIN_SHORT:
        say_message(t, RAW_FINISHED, STR("0123456789abcdef0123456789abcde"));
        break;
    case FIN_LONG:
        say_message(t, RAW_FINISHED, STR("0123456789abcdef0123456789abcdefg"));
        break;
    case FIN_EMPTY:
        say_message(t, RAW_FINISHED, STR(""));
        break;
    case FIN_SERVER:
        memcpy(t->raw.schedule.client, t->raw.schedule.server, TRAFFIC_SECRET_MAX);
        (void)lab_raw_finished(&t->raw, &t->said);
        break;
    default:
        (void)lab_raw_finished(&t->raw, &t->said);
        if (word == FIN_CHANGED) {
            change_last(t);
        } else if (word == FIN_MORE) {
            assert_int_equal(buf_append(&t->said, STR("\30\0\0\1\0")), 0);
        } else if (word == FIN_HALF) {
            assert_int_equal(buf_append(&t->said, STR("\30")), 0);
        }
        break;
    }
}

static void say_long(struct talk *t, enum word word)
{
    static char octets[TRAFFIC_CIPHER_MAX];
    memset(octets, 'x', sizeof(octets));
    octets[0] = RAW_CERTIFICATE;
    octets[1] = 0;
    octets[2] = 0x70;
    size_t n = word == OVERFULL ? TRAFFIC_PLAIN_MAX + 1 : TRAFFIC_CIPHER_MAX - TRAFFIC_TAG;
    lab_raw_say(&t->raw, &t->raw.out, RAW_HANDSHAKE, (struct str){octets, n}, 0);
}

/* A record without protection, or several. False: word is none such. */
static bool say_plain(struct lab_raw *r, enum word word)
{
    switch ((int)word) {
    case CCS:
    case CCS_32:
        for (int i = 0; i < (word == CCS ? 1 : 32); i++) {
            lab_raw_plain(r, RAW_CHANGE_CIPHER_SPEC, STR("\1"));
        }
        return true;
    case CCS_TWO:
        lab_raw_plain(r, RAW_CHANGE_CIPHER_SPEC, STR("\1\1"));
        return true;
    case CCS_OTHER:
        lab_raw_plain(r, RAW_CHANGE_CIPHER_SPEC, STR("\2"));
        return true;
    case CCS_EMPTY:
        lab_raw_plain(r, RAW_CHANGE_CIPHER_SPEC, STR(""));
        return true;
    case PLAIN_ALERT:
        lab_raw_plain(r, RAW_ALERT, STR("\2\60"));
        return true;
    case PLAIN_TYPE:
        lab_raw_plain(r, 99, STR("x"));
        return true;
    case SHORTER:
        lab_raw_plain(r, RAW_DATA, STR("0123456789abcde"));
        return true;
    default:
        return false;
    }
}

/* A protected record. */
static void say_sealed(struct talk *t, enum word word)
{
    struct lab_raw *r = &t->raw;
    char *last;
    switch ((int)word) {
    case CCS_SEALED:
        lab_raw_say(r, &r->out, RAW_CHANGE_CIPHER_SPEC, STR("\1"), 0);
        break;
    case DATA:
        lab_raw_say(r, &r->out, RAW_DATA, STR("a request"), 0);
        break;
    case VERSION:
        lab_raw_plain(r, RAW_CHANGE_CIPHER_SPEC, STR("\1"));
        last = (char *)(uintptr_t)buf_str(&r->stream).p + buf_len(&r->stream) - 6;
        last[1] = 2;
        break;
    case DATA_APP:
        lab_raw_say(r, &r->app_out, RAW_DATA, STR("a request"), 0);
        break;
    case EMPTY:
        lab_raw_say(r, &r->out, RAW_HANDSHAKE, STR(""), 0);
        break;
    case NO_TYPE:
        lab_raw_say(r, &r->out, 0, STR(""), 5);
        break;
    case NOTHING:
        last = buf_reserve(&r->stream, TRAFFIC_HEADER + TRAFFIC_TAG);
        buf_commit(&r->stream, raw_seal(&r->out, STR(""), (unsigned char *)last));
        break;
    case BAD_TAG:
        lab_raw_say(r, &r->out, RAW_HANDSHAKE, STR("\13\0\0\4\0\0\0\0"), 0);
        last = (char *)(uintptr_t)buf_str(&r->stream).p + buf_len(&r->stream) - 1;
        *last = (char)(*last ^ 1);
        break;
    case OVERSIZE:
    case OVERFULL:
        say_long(t, word);
        break;
    case CLOSE_NOTIFY:
        lab_raw_say(r, &r->out, RAW_ALERT, STR("\1\0"), 0);
        break;
    case ALERT_FATAL:
        lab_raw_say(r, &r->out, RAW_ALERT, STR("\2\60"), 0);
        break;
    case ALERT_HALF:
        lab_raw_say(r, &r->out, RAW_ALERT, STR("\2"), 0);
        break;
    default:
        lab_raw_say(r, &r->out, RAW_ALERT, STR("\2\60\0"), 0);
        break;
    }
}

/* A whole record, or several. */
static void say_record(struct talk *t, enum word word)
{
    if (!say_plain(&t->raw, word)) {
        say_sealed(t, word);
    }
}

void handshake_lab_say(struct talk *t, enum word word)
{
    struct buf plain;
    switch ((int)word) {
    case DATA_FIN:
        buf_init(&plain, 1 << 16);
        lab_raw_say(&t->raw, &t->raw.out, RAW_DATA, lab_raw_finished(&t->raw, &plain), 0);
        buf_release(&plain);
        return;
    case PLAIN_FIN:
    case PLAIN_CERT:
        buf_init(&plain, 1 << 16);
        lab_raw_plain(&t->raw, RAW_HANDSHAKE,
                      word == PLAIN_FIN ? lab_raw_finished(&t->raw, &plain)
                                        : lab_raw_certificate(&t->raw, &t->good, 1, &plain));
        buf_release(&plain);
        return;
    case KEY_UPDATE:
        say_message(t, 24, STR("\0"));
        break;
    case TICKET:
        say_message(t, 4, STR("\0\0\0\1\0\0\0\0\0\0\1x\0\0"));
        break;
    case HELLO:
        say_message(t, RAW_CLIENT_HELLO, STR("\3\3"));
        break;
    case HELLO_REQUEST:
        say_message(t, 0, STR(""));
        break;
    default:
        if (word >= CCS) {
            handshake_lab_flush(t);
            say_record(t, word);
            return;
        }
        if (word >= FIN) {
            say_fin(t, word);
        } else if (word >= PROOF) {
            say_proof(t, word);
        } else {
            say_cert(t, word);
        }
        break;
    }
    if (t->piece == 0) {
        handshake_lab_flush(t);
    }
}
