/* proxy/tls/records.c: what is read, against a client that is written here. */
#include "tests/unit/proxy/tls/records_lab.h"

/* RFC 8446 6 */
enum {
    NO_ALERT = -1,
    UNEXPECTED_MESSAGE = 10,
    BAD_RECORD_MAC = 20,
    RECORD_OVERFLOW = 22,
    ILLEGAL_PARAMETER = 47,
    DECODE_ERROR = 50,
    INTERNAL_ERROR = 80
};

enum { STEPS_MAX = 6 };

/* How a record comes. */
enum how {
    NOTHING = 0, /* no step */
    SEALED,
    NEW_KEYS,    /* sealed, and what follows is by the next keys */
    WRAPPED,     /* text is TLSInnerPlaintext as it is */
    AS_IT_IS,    /* text is no record but what comes */
    GARBAGE,     /* n octets behind a header for them */
    TAG_TURNED,  /* the last bit is another one */
    BODY_TURNED, /* the first bit of what is encrypted is */
    OTHER_VERSION,
    TAG_CUT,  /* without its last octet, and its length says so */
    TAG_LONG, /* with an octet more, and its length says so */
    SENT_TWICE,
    LOST,      /* sealed and never sent */
    SWAPPED,   /* comes before the one that was sealed before it */
    OTHER_KEYS /* sealed by the next keys, of which nothing was said */
};

struct step {
    enum how how;
    unsigned char type;
    const char *text; /* NULL: n octets that are not alike */
    size_t n;
    size_t padding;
    unsigned times; /* 0: once */
    bool refused;   /* data that must not be read */
};

struct row {
    const char *says;
    struct step steps[STEPS_MAX];
    enum tls_result result;
    enum reason reason;
    int alert;
    const char *text;
};

#define OF(how_, type_, literal)                                                                   \
    {                                                                                              \
        .how = (how_), .type = (type_), .text = (literal), .n = sizeof(literal) - 1                \
    }
#define DATA(literal)    OF(SEALED, RAW_DATA, literal)
#define MESSAGE(literal) OF(SEALED, RAW_HANDSHAKE, literal)
#define ALERTED(literal) OF(SEALED, RAW_ALERT, literal)
#define BARE(literal)    OF(AS_IT_IS, 0, literal)
#define UPDATE(wanted)   OF(NEW_KEYS, RAW_HANDSHAKE, "\30\0\0\1" wanted)
#define BROKEN(how_)     OF(how_, RAW_DATA, "hello")
#define MANY(n_, padding_)                                                                         \
    {                                                                                              \
        .how = SEALED, .type = RAW_DATA, .n = (n_), .padding = (padding_)                          \
    }
#define UNREAD(literal)                                                                            \
    {                                                                                              \
        .how = SEALED, .type = RAW_DATA, .text = (literal), .n = sizeof(literal) - 1,              \
        .refused = true                                                                            \
    }
#define TOO_MANY(n_, padding_)                                                                     \
    {                                                                                              \
        .how = SEALED, .type = RAW_DATA, .n = (n_), .padding = (padding_), .refused = true         \
    }
#define EMPTY(times_)                                                                              \
    {                                                                                              \
        .how = SEALED, .type = RAW_DATA, .times = (times_)                                         \
    }

#define REFUSED(alert_, text_) TLS_FAILED, REASON_TLS_PROTOCOL_ERROR, (alert_), (text_)
#define ALARMED(text_)         TLS_FAILED, REASON_TLS_CLIENT_ALERT, NO_ALERT, (text_)
#define FINE                   TLS_WANT, REASON_OK, NO_ALERT, ""
#define CLOSED                 TLS_CLOSED, REASON_OK, NO_ALERT, ""

#define MAC   "decryption failed or bad record mac"
#define KEYED "\30\0\0\1"

static const struct row headers[] = {
    {"a ClientHello", {BARE("\26\3\3\0\5")}, REFUSED(UNEXPECTED_MESSAGE, "unprotected record")},
    {"an alert", {BARE("\25\3\3\0\2\1\0")}, REFUSED(UNEXPECTED_MESSAGE, "unprotected record")},
    {"ChangeCipherSpec",
     {BARE("\24\3\3\0\1\1"), UNREAD("x")},
     REFUSED(UNEXPECTED_MESSAGE, "unprotected record")},
    {"HTTP", {BARE("GET / HTTP")}, REFUSED(UNEXPECTED_MESSAGE, "unprotected record")},
    {"zeros", {BARE("\0\0\0\0\0\0\0")}, REFUSED(UNEXPECTED_MESSAGE, "unprotected record")},
    {"too long, of another type",
     {BARE("\26\3\3\xff\xff")},
     REFUSED(UNEXPECTED_MESSAGE, "unprotected record")},
    {"length 0", {BARE("\27\3\3\0\0")}, REFUSED(BAD_RECORD_MAC, "record too short")},
    {"length 16, authentic", {OF(WRAPPED, 0, "")}, REFUSED(BAD_RECORD_MAC, "record too short")},
    {"length 17, not authentic", {{.how = GARBAGE, .n = 17}}, REFUSED(BAD_RECORD_MAC, MAC)},
    {"length 16640, not authentic", {{.how = GARBAGE, .n = 16640}}, REFUSED(BAD_RECORD_MAC, MAC)},
    {"length 16641",
     {DATA("first"), BARE("\27\3\3\x41\1")},
     REFUSED(RECORD_OVERFLOW, "record too long")},
    {"length 16641, whole",
     {{.how = GARBAGE, .n = 16641}},
     REFUSED(RECORD_OVERFLOW, "record too long")},
    {"length 65535", {BARE("\27\3\3\xff\xff")}, REFUSED(RECORD_OVERFLOW, "record too long")},
    {"behind good data: zeros",
     {DATA("first"), BARE("\0\0\0\0\0")},
     REFUSED(UNEXPECTED_MESSAGE, "unprotected record")},
    {"not all of a header", {DATA("first"), BARE("\24\3\3\0")}, FINE},
    {"a header alone", {DATA("first"), BARE("\27\3\3\0\21")}, FINE},
    {"an octet is missing", {BARE("\27\3\3\0\22xxxxxxxxxxxxxxxxx")}, FINE},
};

static const struct row protection[] = {
    {"a tag that is wrong", {BROKEN(TAG_TURNED)}, REFUSED(BAD_RECORD_MAC, MAC)},
    {"the same after data", {DATA("a"), BROKEN(TAG_TURNED)}, REFUSED(BAD_RECORD_MAC, MAC)},
    {"data after it", {BROKEN(TAG_TURNED), UNREAD("a")}, REFUSED(BAD_RECORD_MAC, MAC)},
    {"octets that were changed", {BROKEN(BODY_TURNED)}, REFUSED(BAD_RECORD_MAC, MAC)},
    {"many that were changed",
     {{.how = BODY_TURNED, .type = RAW_DATA, .n = 16384}},
     REFUSED(BAD_RECORD_MAC, MAC)},
    {"a version that was changed", {BROKEN(OTHER_VERSION)}, REFUSED(BAD_RECORD_MAC, MAC)},
    {"a tag that was cut", {BROKEN(TAG_CUT)}, REFUSED(BAD_RECORD_MAC, MAC)},
    {"a tag with an octet more", {BROKEN(TAG_LONG)}, REFUSED(BAD_RECORD_MAC, MAC)},
    {"a record again", {DATA("a"), BROKEN(SENT_TWICE)}, REFUSED(BAD_RECORD_MAC, MAC)},
    {"one is missing", {DATA("a"), BROKEN(LOST), UNREAD("b")}, REFUSED(BAD_RECORD_MAC, MAC)},
    {"the first is missing", {BROKEN(LOST), UNREAD("b")}, REFUSED(BAD_RECORD_MAC, MAC)},
    {"two changed places", {UNREAD("a"), BROKEN(SWAPPED)}, REFUSED(BAD_RECORD_MAC, MAC)},
    {"keys of which nothing was said", {BROKEN(OTHER_KEYS)}, REFUSED(BAD_RECORD_MAC, MAC)},
    {"old keys after an update", {MESSAGE(KEYED "\0"), UNREAD("a")}, REFUSED(BAD_RECORD_MAC, MAC)},
    {"only one update of two was made",
     {UPDATE("\0"), MESSAGE(KEYED "\0"), UNREAD("a")},
     REFUSED(BAD_RECORD_MAC, MAC)},
};

static const struct row contents[] = {
    {"no type", {OF(WRAPPED, 0, "\0")}, REFUSED(UNEXPECTED_MESSAGE, "record without a type")},
    {"zeros only",
     {{.how = SEALED, .type = 0, .text = "", .padding = 1000}},
     REFUSED(UNEXPECTED_MESSAGE, "record without a type")},
    {"zeros up to the limit",
     {{.how = SEALED, .type = 0, .text = "", .padding = 16623}},
     REFUSED(UNEXPECTED_MESSAGE, "record without a type")},
    {"zeros over the limit",
     {{.how = SEALED, .type = 0, .text = "", .padding = 16624}},
     REFUSED(RECORD_OVERFLOW, "record too long")},
    {"16385 octets", {TOO_MANY(16385, 0)}, REFUSED(RECORD_OVERFLOW, "record carries too much")},
    {"16385 octets and padding",
     {TOO_MANY(16385, 238)},
     REFUSED(RECORD_OVERFLOW, "record carries too much")},
    {"as many as fit", {TOO_MANY(16623, 0)}, REFUSED(RECORD_OVERFLOW, "record carries too much")},
    {"16385 octets of a message",
     {{.how = SEALED, .type = RAW_HANDSHAKE, .n = 16385}},
     REFUSED(RECORD_OVERFLOW, "record carries too much")},
    {"ChangeCipherSpec inside",
     {OF(SEALED, 20, "\1"), UNREAD("a")},
     REFUSED(UNEXPECTED_MESSAGE, "unknown type of record")},
    {"a heartbeat",
     {OF(SEALED, 24, "\1\0\1x")},
     REFUSED(UNEXPECTED_MESSAGE, "unknown type of record")},
    {"type 255", {OF(SEALED, 255, "x")}, REFUSED(UNEXPECTED_MESSAGE, "unknown type of record")},
    {"type 1 without content",
     {OF(SEALED, 1, "")},
     REFUSED(UNEXPECTED_MESSAGE, "unknown type of record")},
    {"33 in a row without data",
     {DATA("a"), EMPTY(33), UNREAD("b")},
     REFUSED(UNEXPECTED_MESSAGE, "too many records without data")},
    {"updates count as well",
     {EMPTY(32), MESSAGE(KEYED "\0")},
     REFUSED(UNEXPECTED_MESSAGE, "too many records without data")},
    {"even close_notify",
     {EMPTY(32), ALERTED("\1\0")},
     REFUSED(UNEXPECTED_MESSAGE, "too many records without data")},
    {"32, data, 33",
     {EMPTY(32), DATA("a"), EMPTY(33)},
     REFUSED(UNEXPECTED_MESSAGE, "too many records without data")},
    {"32, data, 32, data", {EMPTY(32), DATA("a"), EMPTY(32), DATA("b")}, FINE},
    {"one octet", {DATA("a")}, FINE},
    {"octets that end with zeros", {DATA("a\0\0\0"), DATA("\0\0")}, FINE},
    {"16384 octets", {MANY(16384, 0), DATA("a")}, FINE},
    {"16384 octets and 239 of padding: 16640", {MANY(16384, 239), DATA("a")}, FINE},
    {"one octet and padding up to the limit", {MANY(1, 16622), DATA("a")}, FINE},
    {"nothing but padding", {MANY(0, 16623), DATA("a")}, FINE},
    {"16383 octets and one of padding", {MANY(16383, 1), MANY(16384, 0), MANY(1, 1)}, FINE},
};

static const struct row alerts[] = {
    {"no octets", {ALERTED("")}, REFUSED(UNEXPECTED_MESSAGE, "bad alert")},
    {"no octets, padded",
     {{.how = SEALED, .type = RAW_ALERT, .text = "", .padding = 50}},
     REFUSED(UNEXPECTED_MESSAGE, "bad alert")},
    {"one octet", {ALERTED("\1"), ALERTED("\0")}, REFUSED(DECODE_ERROR, "bad alert")},
    {"three octets", {ALERTED("\1\0\0")}, REFUSED(DECODE_ERROR, "bad alert")},
    {"two at once", {ALERTED("\1\132\1\0")}, REFUSED(DECODE_ERROR, "bad alert")},
    {"16384 octets",
     {{.how = SEALED, .type = RAW_ALERT, .n = 16384}},
     REFUSED(DECODE_ERROR, "bad alert")},
    {"in the middle of a message",
     {MESSAGE("\30"), ALERTED("\1\0")},
     REFUSED(UNEXPECTED_MESSAGE, "message broken off")},
    {"fatal", {DATA("a"), ALERTED("\2\60"), UNREAD("b")}, ALARMED("alert unknown CA")},
    {"fatal, called a warning", {ALERTED("\1\60")}, ALARMED("alert unknown CA")},
    {"of another level", {ALERTED("\7\50")}, ALARMED("alert handshake failure")},
    {"number 255", {ALERTED("\2\xff")}, ALARMED("alert unknown")},
    {"number 255, a warning", {ALERTED("\1\xff")}, ALARMED("alert unknown")},
    {"no_renegotiation", {ALERTED("\1\144")}, ALARMED("alert no renegotiation")},
    {"close_notify", {DATA("a"), ALERTED("\1\0"), UNREAD("b")}, CLOSED},
    {"close_notify, called fatal", {ALERTED("\2\0")}, CLOSED},
    {"garbage behind close_notify", {ALERTED("\1\0"), BARE("GET / HTTP/1.1\r\n")}, CLOSED},
    {"user_canceled, close_notify", {DATA("a"), ALERTED("\1\132"), ALERTED("\1\0")}, CLOSED},
    {"user_canceled, data", {ALERTED("\1\132"), DATA("a")}, FINE},
    {"user_canceled, called fatal", {ALERTED("\2\132"), DATA("a")}, FINE},
    {"33 user_canceled",
     {{.how = SEALED, .type = RAW_ALERT, .text = "\1\132", .n = 2, .times = 33}},
     REFUSED(UNEXPECTED_MESSAGE, "too many records without data")},
};

#define UNEXPECTED REFUSED(UNEXPECTED_MESSAGE, "unexpected message")

static const struct row messages[] = {
    {"no octets", {MESSAGE("")}, UNEXPECTED},
    {"no octets in the middle of one", {MESSAGE("\30"), MESSAGE("")}, UNEXPECTED},
    {"a ClientHello", {MESSAGE("\1\0\0\1\0")}, UNEXPECTED},
    {"a ServerHello", {MESSAGE("\2")}, UNEXPECTED},
    {"a NewSessionTicket", {MESSAGE("\4\0\0\1\0")}, UNEXPECTED},
    {"EndOfEarlyData", {MESSAGE("\5\0\0\0")}, UNEXPECTED},
    {"a Certificate", {MESSAGE("\13\0\0\4\0\0\0\0")}, UNEXPECTED},
    {"a CertificateRequest", {MESSAGE("\15\0\0\3")}, UNEXPECTED},
    {"a CertificateVerify", {MESSAGE("\17\0\0\4\4\3\0\0")}, UNEXPECTED},
    {"a Finished", {MESSAGE("\24\0\0\40xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")}, UNEXPECTED},
    {"HelloRequest", {MESSAGE("\0\0\0\0")}, UNEXPECTED},
    {"a long one", {{.how = SEALED, .type = RAW_HANDSHAKE, .n = 16384}}, UNEXPECTED},
    {"KeyUpdate and an octet", {MESSAGE(KEYED "\0\0"), UNREAD("a")}, UNEXPECTED},
    {"two KeyUpdate in a record", {MESSAGE(KEYED "\0" KEYED "\0")}, UNEXPECTED},
    {"KeyUpdate and the first octet of one", {MESSAGE(KEYED "\0\30")}, UNEXPECTED},
    {"the last part has an octet more", {MESSAGE("\30\0\0"), MESSAGE("\1\0\0")}, UNEXPECTED},
    {"KeyUpdate without an octet", {MESSAGE("\30\0\0\0")}, REFUSED(DECODE_ERROR, "bad key update")},
    {"KeyUpdate of 2", {MESSAGE("\30\0\0\2\0")}, REFUSED(DECODE_ERROR, "bad key update")},
    {"KeyUpdate of 65537", {MESSAGE("\30\1\0\1")}, REFUSED(DECODE_ERROR, "bad key update")},
    {"KeyUpdate of 257, in parts",
     {MESSAGE("\30"), MESSAGE("\0"), MESSAGE("\1")},
     REFUSED(DECODE_ERROR, "bad key update")},
    {"KeyUpdate that asks for 2",
     {MESSAGE(KEYED "\2"), UNREAD("a")},
     REFUSED(ILLEGAL_PARAMETER, "bad key update")},
    {"KeyUpdate that asks for 255",
     {MESSAGE("\30\0"), MESSAGE("\0\1\xff")},
     REFUSED(ILLEGAL_PARAMETER, "bad key update")},
    {"broken off by data",
     {MESSAGE("\30\0"), UNREAD("a"), MESSAGE("\0\1\0")},
     REFUSED(UNEXPECTED_MESSAGE, "message broken off")},
    {"broken off by data of no octets",
     {MESSAGE(KEYED), EMPTY(1)},
     REFUSED(UNEXPECTED_MESSAGE, "message broken off")},
    {"broken off by many octets",
     {MESSAGE(KEYED), TOO_MANY(16384, 0)},
     REFUSED(UNEXPECTED_MESSAGE, "message broken off")},
    {"broken off by an unknown type",
     {MESSAGE("\30"), OF(SEALED, 20, "\1")},
     REFUSED(UNEXPECTED_MESSAGE, "message broken off")},
    {"33 in a row",
     {{.how = NEW_KEYS, .type = RAW_HANDSHAKE, .text = KEYED "\0", .n = 5, .times = 33}},
     REFUSED(UNEXPECTED_MESSAGE, "too many records without data")},
    {"33 in a row that ask for ours",
     {{.how = NEW_KEYS, .type = RAW_HANDSHAKE, .text = KEYED "\1", .n = 5, .times = 33}},
     REFUSED(UNEXPECTED_MESSAGE, "too many records without data")},
    {"KeyUpdate", {DATA("a"), UPDATE("\0"), DATA("b")}, FINE},
    {"KeyUpdate that asks for ours", {DATA("a"), UPDATE("\1"), DATA("b")}, FINE},
    {"padded",
     {{.how = NEW_KEYS, .type = RAW_HANDSHAKE, .text = KEYED "\1", .n = 5, .padding = 16618},
      DATA("a")},
     FINE},
    {"in parts of an octet",
     {MESSAGE("\30"), MESSAGE("\0"), MESSAGE("\0"), MESSAGE("\1"),
      OF(NEW_KEYS, RAW_HANDSHAKE, "\0"), DATA("a")},
     FINE},
    {"32 in a row",
     {{.how = NEW_KEYS, .type = RAW_HANDSHAKE, .text = KEYED "\1", .n = 5, .times = 32},
      MANY(16384, 0),
      UPDATE("\0"),
      DATA("a")},
     FINE},
    {"and the end", {UPDATE("\1"), ALERTED("\1\0"), UNREAD("a")}, CLOSED},
};

/* ---- The client's side ---- */

static char filling[RAW_RECORD_MAX];

static struct str octets_of(const struct step *s)
{
    return (struct str){s->text != NULL ? s->text : filling, s->n};
}

/* What the record at `from` of the stream becomes, which is its last. */
static void damage(struct wire *w, enum how how, size_t from)
{
    unsigned char *p = (unsigned char *)w->stream.p + w->stream.head + from;
    size_t n = buf_len(&w->stream) - from;
    switch (how) {
    case TAG_TURNED:
        p[n - 1] ^= 1;
        break;
    case BODY_TURNED:
        p[TRAFFIC_HEADER] ^= 0x80;
        break;
    case OTHER_VERSION:
        p[2] = 1;
        break;
    case TAG_CUT:
        p[4]--;
        w->stream.tail--;
        break;
    case TAG_LONG:
        p[4]++;
        assert_int_equal(buf_append(&w->stream, STR("x")), 0);
        break;
    case LOST:
        w->stream.tail -= n;
        break;
    case NOTHING:
    case SEALED:
    case NEW_KEYS:
    case WRAPPED:
    case AS_IT_IS:
    case GARBAGE:
    case SENT_TWICE:
    case SWAPPED:
    case OTHER_KEYS:
        break;
    }
}

/* The record at `last` comes again, or before the one at `before`. */
static void move_record(struct wire *w, enum how how, size_t before, size_t last)
{
    static char record[RAW_RECORD_MAX];
    char *p = w->stream.p + w->stream.head;
    size_t n = buf_len(&w->stream) - last;
    memcpy(record, p + last, n);
    if (how == SENT_TWICE) {
        assert_int_equal(buf_append(&w->stream, (struct str){record, n}), 0);
    } else {
        memmove(p + before + n, p + before, last - before);
        memcpy(p + before, record, n);
    }
}

static void say_bare(struct wire *w, const struct step *s)
{
    const char header[] = {23, 3, 3, (char)(s->n >> 8), (char)s->n};
    if (s->how == GARBAGE) {
        assert_int_equal(buf_append(&w->stream, (struct str){header, sizeof(header)}), 0);
    }
    assert_int_equal(buf_append(&w->stream, octets_of(s)), 0);
}

/* The inner plaintext of no more than some octets, wrapped as it is. */
static void say_wrapped(struct wire *w, const struct step *s)
{
    unsigned char record[64];
    size_t n = raw_seal(&w->client, octets_of(s), record);
    assert_int_equal(buf_append(&w->stream, (struct str){(const char *)record, n}), 0);
}

static void say_step(struct wire *w, const struct step *s, size_t before)
{
    size_t last = buf_len(&w->stream);
    if (s->how == AS_IT_IS || s->how == GARBAGE) {
        say_bare(w, s);
        return;
    }
    if (s->how == WRAPPED) {
        say_wrapped(w, s);
        return;
    }
    if (s->how == OTHER_KEYS) {
        raw_next(&w->client);
    }
    wire_say(w, s->type, octets_of(s), s->padding);
    if (s->how == NEW_KEYS) {
        raw_next(&w->client);
    }
    if (s->how == SENT_TWICE || s->how == SWAPPED) {
        move_record(w, s->how, before, last);
    } else {
        damage(w, s->how, last);
    }
}

/* Writes the row into the stream; *wanted: the data that is to be read. */
static void say_row(struct wire *w, const struct row *row, struct buf *wanted)
{
    size_t before = 0;
    buf_init(wanted, WIRE_MAX);
    for (size_t i = 0; i < STEPS_MAX && row->steps[i].how != NOTHING; i++) {
        const struct step *s = &row->steps[i];
        for (unsigned k = 0; k < (s->times > 0 ? s->times : 1); k++) {
            size_t last = buf_len(&w->stream);
            say_step(w, s, before);
            before = last;
        }
        bool good = s->how == SEALED || s->how == SENT_TWICE;
        if (good && s->type == RAW_DATA && !s->refused) {
            assert_int_equal(buf_append(wanted, octets_of(s)), 0);
        }
    }
}

/* ---- Ways to cut ---- */

enum cut { WHOLE, OCTETS, SOME, KEPT, HALF_KEPT, CUTS };

/* Numbers that are the same in every run. */
static size_t some_size(uint32_t *state, size_t max)
{
    *state = *state * 1664525 + 1013904223;
    return 1 + (*state >> 8) % max;
}

static void feed(struct wire *w, enum cut cut, size_t max)
{
    struct str s = buf_str(&w->stream);
    uint32_t state = (uint32_t)(s.n * 31 + max);
    if (cut == KEPT) {
        wire_feed(w, s, 0);
        wire_read(w, max);
        return;
    }
    if (cut == HALF_KEPT) {
        wire_feed(w, str_slice(s, 0, s.n / 2), 0);
        s = str_slice(s, s.n / 2, s.n);
    }
    w->result = TLS_WANT;
    while (s.n > 0 && w->result == TLS_WANT) {
        size_t n = cut == OCTETS ? 1 : cut == SOME ? some_size(&state, 40) : s.n;
        if (cut == SOME && n > 35) {
            n = some_size(&state, 9000);
        }
        n = n < s.n ? n : s.n;
        wire_feed(w, str_slice(s, 0, n), max);
        s = str_slice(s, n, s.n);
    }
}

/* ---- Rows ---- */

static void check_failed(const struct row *row, struct wire *w)
{
    struct answer a;
    wire_hear(w, &a);
    CHECK_ROW(row->says, w->fault.reason == row->reason);
    CHECK_STR(row->says, str_of(w->fault.text), str_of(row->text));
    if (row->alert != a.alert) {
        fail_msg("row \"%s\": alert %d, wanted %d", row->says, a.alert, row->alert);
    }
    CHECK_ROW(row->says, a.alert < 0 || a.level == 2);
    CHECK_ROW(row->says, a.records == (row->alert < 0 ? 0 : 1) && !a.more);
    /* Nothing follows the alert, whoever sent it. */
    records_shutdown(w->r, &w->ends);
    CHECK_ROW(row->says, buf_len(&w->ends.out) == 0);
    CHECK_ROW(row->says, records_write(w->r, &w->ends, STR("x"), &w->fault) == TLS_FAILED);
    CHECK_ROW(row->says, buf_len(&w->ends.out) == 0);
    buf_release(&a.data);
}

/* The connection can still be written to, and says again what it said. */
static void check_goes_on(const struct row *row, struct wire *w)
{
    struct answer a;
    CHECK_ROW(row->says, buf_len(&w->ends.out) == 0);
    CHECK_ROW(row->says, records_write(w->r, &w->ends, STR("answer"), &w->fault) == TLS_OK);
    wire_hear(w, &a);
    CHECK_STR(row->says, buf_str(&a.data), STR("answer"));
    wire_read(w, 1);
    CHECK_ROW(row->says, w->result == row->result);
    buf_release(&a.data);
}

static void check_row_once(const struct row *row, enum traffic_suite suite, enum cut cut,
                           size_t max)
{
    struct wire w;
    struct buf wanted;
    wire_open(&w, suite);
    say_row(&w, row, &wanted);
    feed(&w, cut, max);
    if (w.result != row->result || !str_eq(buf_str(&w.got), buf_str(&wanted))) {
        fail_msg("row \"%s\", %s, cut %d, %zu at a time: result %d, wanted %d (%s); read %zu "
                 "octets, wanted %zu",
                 row->says, wire_suite(suite), cut, max, w.result, row->result, w.fault.text,
                 buf_len(&w.got), buf_len(&wanted));
    }
    if (row->result == TLS_FAILED) {
        check_failed(row, &w);
    } else {
        check_goes_on(row, &w);
    }
    buf_release(&wanted);
    wire_close(&w);
}

static void check_rows(const struct row *rows, size_t n)
{
    static const size_t sizes[] = {1, 16383, 16384, TLS_SESSION_READ_ROOM};
    for (size_t i = 0; i < n; i++) {
        for (unsigned k = 0; k < TRAFFIC_SUITES * CUTS * ROWS(sizes); k++) {
            check_row_once(&rows[i], (enum traffic_suite)(k % TRAFFIC_SUITES),
                           (enum cut)(k / TRAFFIC_SUITES % CUTS), sizes[k / TRAFFIC_SUITES / CUTS]);
        }
    }
}

static void test_headers(void **state)
{
    (void)state;
    check_rows(headers, ROWS(headers));
}

static void test_protection(void **state)
{
    (void)state;
    check_rows(protection, ROWS(protection));
}

static void test_contents(void **state)
{
    (void)state;
    check_rows(contents, ROWS(contents));
}

static void test_alerts(void **state)
{
    (void)state;
    check_rows(alerts, ROWS(alerts));
}

static void test_messages(void **state)
{
    (void)state;
    check_rows(messages, ROWS(messages));
}

/* What was opened and not read is there after idling, and only it is kept. */
static void test_idle(void **state)
{
    (void)state;
    struct wire w;
    size_t n = 0;
    char out[8];
    wire_open(&w, TRAFFIC_AES_128_GCM);
    wire_say(&w, RAW_DATA, STR("0123456789"), 0);
    w.ends.lent = buf_str(&w.stream);
    assert_int_equal(records_read(w.r, &w.ends, out, sizeof(out), &n, &w.fault), TLS_OK);
    assert_int_equal(n, 8);
    records_idle(w.r);
    assert_true(records_may_read(w.r, &w.ends));
    assert_int_equal(records_read(w.r, &w.ends, out, sizeof(out), &n, &w.fault), TLS_OK);
    assert_true(str_eq((struct str){out, n}, STR("89")));
    records_idle(w.r);
    assert_false(records_may_read(w.r, &w.ends));
    buf_clear(&w.stream);
    wire_say(&w, RAW_DATA, STR("abcdefghijk"), 0);
    wire_feed(&w, buf_str(&w.stream), 4);
    assert_true(str_eq(buf_str(&w.got), STR("abcdefghijk")));
    wire_close(&w);
}

/* Each allocation of reading fails in turn: then the connection ends, and says why. */
static void test_without_memory(void **state)
{
    (void)state;
    for (unsigned long nth = 1;; nth++) {
        struct wire w;
        struct answer a;
        char out[4];
        size_t n = 0;
        wire_open(&w, TRAFFIC_AES_128_GCM);
        /* Kept and lent must be joined, and what is asked for is less than came. */
        wire_say(&w, RAW_DATA, (struct str){filling, 1000}, 0);
        struct str s = buf_str(&w.stream);
        assert_int_equal(buf_append(&w.ends.kept, str_slice(s, 0, 7)), 0);
        assert_non_null(buf_reserve(&w.ends.out, 100)); /* for the alert */
        w.ends.lent = str_slice(s, 7, s.n);
        mem_fail_after(nth, false);
        enum tls_result r = records_read(w.r, &w.ends, out, sizeof(out), &n, &w.fault);
        unsigned long needed = mem_allocations();
        mem_fail_after(0, false);
        w.ends.lent = STR_NONE;
        if (needed < nth) {
            assert_int_equal(r, TLS_OK);
            assert_true(nth > 2);
            wire_close(&w);
            return;
        }
        assert_int_equal(r, TLS_FAILED);
        assert_int_equal(n, 0);
        assert_int_equal(w.fault.reason, REASON_OUT_OF_MEMORY);
        wire_hear(&w, &a);
        assert_int_equal(a.alert, INTERNAL_ERROR);
        buf_release(&a.data);
        wire_close(&w);
    }
}

static int set_up(void **state)
{
    (void)state;
    wire_fill(filling, sizeof(filling));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),        cmocka_unit_test(test_protection),
        cmocka_unit_test(test_contents),       cmocka_unit_test(test_alerts),
        cmocka_unit_test(test_messages),       cmocka_unit_test(test_idle),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
