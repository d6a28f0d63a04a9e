/* fuzz: proxy/tls */
/* Records of an open connection: the first octet picks suite and cuts, the others are a script of
 * what the client seals, sends as it is, damages, and of what is written to it. What is read must
 * be what was sealed as application data, in order, with nothing after a failure; what is written
 * must be whole records of a strict count that end with the alert; and none of it may depend on the
 * cuts. */
#include "base/buf.h"
#include "proxy/tls/records.h"
#include "proxy/tls/session.h"
#include "tests/support/raw_records.h"

#define MOST                                                                                       \
    ((size_t)1 << 16) /* octets that are sealed and written in a run, but for the last step */

#define BUFFER_MAX ((size_t)1 << 20)

enum op { DATA, INNER, UPDATE, RAW, DAMAGED, ANSWER, FEED, ALERTED, OPS };

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

struct run {
    struct str script; /* what is left of it */
    size_t step;       /* octets lent at a time */
    size_t max;        /* octets read at a time */
    struct raw_side client;
    struct raw_side server;
    struct records *records;
    struct bio_ends ends;
    struct buf stream; /* sealed and not fed */
    struct buf sent;   /* as application data, all of it */
    struct buf got;
    struct buf heard; /* what the client read, by type */
    struct records_fault fault;
    enum tls_result result;
    size_t spent;
    bool ended; /* an alert was heard */
};

static const char *filling(void)
{
    static char octets[TRAFFIC_CIPHER_MAX];
    for (size_t i = 0; octets[1] == '\0' && i < sizeof(octets); i++) {
        octets[sizeof(octets) - 1 - i] = (char)(i * 13 + (i >> 8) + 1);
    }
    return octets;
}

static unsigned next(struct run *r)
{
    unsigned octet = r->script.n > 0 ? (unsigned char)r->script.p[0] : 0;
    r->script = str_slice(r->script, 1, r->script.n);
    return octet;
}

static struct str next_octets(struct run *r, size_t n)
{
    struct str s = str_slice(r->script, 0, n);
    r->script = str_slice(r->script, n, r->script.n);
    return s;
}

static void add(struct buf *b, struct str s)
{
    demand(buf_append(b, s) == 0);
}

/* Seals octets, type and padding; not more than two octets can count. */
static void seal(struct run *r, unsigned type, struct str octets, size_t padding)
{
    static char inner[TRAFFIC_CIPHER_MAX + 4096];
    size_t n = octets.n + 1 + padding;
    demand(n <= sizeof(inner));
    memset(inner, 0, n);
    if (octets.n > 0) {
        memcpy(inner, octets.p, octets.n);
    }
    inner[octets.n] = (char)type;
    unsigned char *to = (unsigned char *)buf_reserve(&r->stream, n + TRAFFIC_HEADER + TRAFFIC_TAG);
    demand(to != NULL);
    buf_commit(&r->stream, raw_seal(&r->client, (struct str){inner, n}, to));
    r->spent += n;
}

/* What came cannot be other than what was sealed, and is told by nothing but TLS_OK. */
static void read_all(struct run *r)
{
    char *out = malloc(r->max);
    demand(out != NULL);
    do {
        size_t n = 0;
        size_t before = buf_len(&r->got);
        bool may = records_may_read(r->records, &r->ends);
        r->result = records_read(r->records, &r->ends, out, r->max, &n, &r->fault);
        demand(may || r->result == TLS_WANT);
        demand(n <= r->max && (n > 0) == (r->result == TLS_OK));
        demand(before + n <= buf_len(&r->sent));
        demand(memcmp(out, buf_str(&r->sent).p + before, n) == 0);
        add(&r->got, (struct str){out, n});
    } while (r->result == TLS_OK);
    demand(r->result == TLS_FAILED || !records_has_input(r->records, &r->ends));
    demand(r->result != TLS_FAILED || r->fault.reason != REASON_OK);
    free(out);
}

static void feed(struct run *r)
{
    struct str s = buf_str(&r->stream);
    while (s.n > 0 && r->result != TLS_FAILED) {
        size_t n = r->step < s.n ? r->step : s.n;
        char *copy = malloc(n);
        demand(copy != NULL);
        memcpy(copy, s.p, n);
        r->ends.lent = (struct str){copy, n};
        read_all(r);
        add(&r->ends.kept, r->ends.lent);
        r->ends.lent = STR_NONE;
        free(copy);
        s = str_slice(s, n, s.n);
    }
    buf_clear(&r->stream);
}

static void hear(struct run *r)
{
    static unsigned char plain[TRAFFIC_CIPHER_MAX];
    struct str s = buf_str(&r->ends.out);
    for (size_t size = raw_size(s); size > 0; size = raw_size(s)) {
        unsigned char type = 0;
        size_t n = 0;
        demand(!r->ended && raw_open(&r->server, str_slice(s, 0, size), plain, &n, &type));
        add(&r->heard, (struct str){(const char *)&type, 1});
        add(&r->heard, (struct str){(const char *)plain, n});
        demand(type >= RAW_ALERT && type <= RAW_DATA);
        r->ended = type == RAW_ALERT;
        if (type == RAW_HANDSHAKE) {
            raw_next(&r->server);
        }
        s = str_slice(s, size, s.n);
    }
    demand(s.n == 0);
    buf_clear(&r->ends.out);
}

static void answer(struct run *r, unsigned how)
{
    size_t n = next(r) * (how % 2 == 0 ? 1 : 150U);
    feed(r);
    if (r->result == TLS_FAILED) {
        return;
    }
    if (how % 16 == 15) {
        records_shutdown(r->records, &r->ends);
    } else if (records_write(r->records, &r->ends, (struct str){filling() + 100, n % 16000},
                             &r->fault) == TLS_FAILED) {
        r->result = TLS_FAILED;
    }
    records_idle(r->records);
    r->spent += n;
    hear(r);
}

static void say_data(struct run *r, unsigned how)
{
    size_t n = next(r) * (how % 2 == 0 ? 1 : 65U);
    unsigned padding = next(r);
    struct str octets = {filling(), n < TRAFFIC_PLAIN_MAX + 2 ? n : TRAFFIC_PLAIN_MAX + 2};
    seal(r, RAW_DATA, octets, padding * (how % 8 == 6 ? 16U : 0U));
    /* What is too long is refused. */
    add(&r->sent, octets);
}

static void damage(struct run *r)
{
    struct str octets = next_octets(r, next(r));
    size_t before = buf_len(&r->stream);
    seal(r, RAW_DATA, octets, 0);
    size_t at = before + (next(r) << 8 | next(r)) % (buf_len(&r->stream) - before);
    r->stream.p[r->stream.head + at] ^= (char)(1U << next(r) % 8);
}

static void take(struct run *r, unsigned op)
{
    unsigned how = op / OPS;
    char octets[5] = {24, 0, 0, 1, (char)(how % 2)};
    unsigned type;
    struct str some;
    switch ((enum op)(op % OPS)) {
    case DATA:
        say_data(r, how);
        break;
    case INNER:
        type = next(r);
        some = next_octets(r, how);
        seal(r, type, some, 0);
        if (type == RAW_DATA) {
            add(&r->sent, some);
        } else if (type == 0) {
            /* Its last octet that is not 0 is the type. */
            while (some.n > 0 && some.p[some.n - 1] == 0) {
                some.n--;
            }
            if (some.n > 0 && some.p[some.n - 1] == RAW_DATA) {
                add(&r->sent, str_slice(some, 0, some.n - 1));
            }
        }
        break;
    case UPDATE:
        seal(r, RAW_HANDSHAKE, (struct str){octets, sizeof(octets)}, 0);
        raw_next(&r->client);
        break;
    case RAW:
        add(&r->stream, next_octets(r, how));
        break;
    case DAMAGED:
        damage(r);
        break;
    case ANSWER:
        answer(r, how);
        break;
    case FEED:
        feed(r);
        break;
    case ALERTED:
        octets[0] = (char)(how % 4);
        octets[1] = (char)next(r);
        seal(r, RAW_ALERT, (struct str){octets, 2}, 0);
        break;
    case OPS:
        break;
    }
}

static void drive(struct run *r, struct traffic_ciphers *c, enum traffic_suite suite)
{
    r->client = raw_side_of(suite, 1);
    r->server = raw_side_of(suite, 2);
    const struct traffic_side in = raw_as_traffic(&r->client);
    const struct traffic_side out = raw_as_traffic(&r->server);
    bio_ends_init(&r->ends, BUFFER_MAX, BUFFER_MAX);
    buf_init(&r->stream, BUFFER_MAX);
    buf_init(&r->sent, BUFFER_MAX);
    buf_init(&r->got, BUFFER_MAX);
    buf_init(&r->heard, BUFFER_MAX);
    r->result = TLS_WANT;
    r->records = records_new(c, &in, &out);
    demand(r->records != NULL);
    while (r->script.n > 0 && r->result != TLS_FAILED && r->spent < MOST) {
        take(r, next(r));
    }
    feed(r);
    /* Now nothing but one alert may follow: ours, or none after the client's. */
    records_shutdown(r->records, &r->ends);
    demand(records_write(r->records, &r->ends, STR("x"), &r->fault) == TLS_FAILED);
    hear(r);
    records_free(r->records);
}

static void forget(struct run *r)
{
    bio_ends_fini(&r->ends);
    buf_release(&r->stream);
    buf_release(&r->sent);
    buf_release(&r->got);
    buf_release(&r->heard);
}

/* What is sealed while a message is broken off, or after it, was not to be read. */
static void compare(const struct run *a, const struct run *b)
{
    demand(a->result == b->result && a->ended == b->ended);
    demand(str_eq(buf_str(&a->got), buf_str(&b->got)));
    demand(str_eq(buf_str(&a->heard), buf_str(&b->heard)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct traffic_ciphers *ciphers;
    if (ciphers == NULL) {
        ciphers = traffic_ciphers_new(NULL);
        demand(ciphers != NULL);
    }
    if (size < 2 || size > 1024) {
        return 0;
    }
    enum traffic_suite suite = (enum traffic_suite)(data[0] % TRAFFIC_SUITES);
    struct str script = {(const char *)data + 1, size - 1};
    struct run whole = {.script = script, .step = MOST, .max = TLS_SESSION_READ_ROOM};
    struct run some = {
        .script = script, .step = 1 + data[0] / TRAFFIC_SUITES, .max = 1 + data[0] * 80U};
    drive(&whole, ciphers, suite);
    drive(&some, ciphers, suite);
    compare(&whole, &some);
    forget(&whole);
    forget(&some);
    return 0;
}
