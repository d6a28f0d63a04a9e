/* fuzz: proxy/tls */
/* with: tests/unit/proxy/tls/lab.c tests/unit/proxy/tls/lab_raw.c */
/* A client's side of a handshake of our own behind its ClientHello: the first octets pick the site,
 * the suite and how much is given at once, the others are a script of messages, right, damaged and
 * any, and of records, protected rightly, wrongly or not at all. Who is let in has said the right
 * messages, each once and in order, and nothing else, and is known as whom he has proven to be. Who
 * is not hears one alert at most. */
#include "proxy/tls/client_hello.h"
#include "proxy/tls/proof.h"
#include "tests/unit/proxy/tls/lab.h"
#include "tests/unit/proxy/tls/lab_raw.h"

enum { MODES = 3, BUFFER_MAX = 1 << 18, SPENT_MAX = 1 << 16, WORDS_MAX = 32 };

enum op {
    CERT,
    CERT_OTHER,
    PROOF,
    PROOF_OTHER,
    FIN,
    FIN_OTHER,
    MESSAGE,
    OCTETS,
    FLUSH,
    PLAIN,
    OPS
};

/* Whose certificate was said. */
enum who { NOBODY, ALICE, EXPIRED, DAMAGED };

static struct {
    struct tls_sites *sites[MODES][2];
    struct lab_setting settings[MODES][2];
    X509 *alice;
    X509 *expired;
} all;

struct run {
    struct str script; /* what is left of it */
    struct lab_raw raw;
    struct buf said; /* messages that wait for a record */
    enum conf_client_mode mode;
    bool answers; /* those who are not accepted */
    int awaits;   /* HandshakeType; 0: all was said */
    enum who who;
    unsigned words; /* of change_cipher_spec */
    bool strayed;   /* something else was said */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void forget_lab(void)
{
    (void)lab_tear_down(NULL);
}

static void set_up(void)
{
    static const enum conf_client_mode modes[MODES] = {CONF_CLIENT_REQUIRE, CONF_CLIENT_OPTIONAL,
                                                       CONF_CLIENT_OFF};
    (void)lab_set_up(NULL);
    (void)atexit(forget_lab);
    all.alice = lab_good_client(&lab);
    all.expired = lab_issue(&lab, &(struct pki_spec){.common_name = "alice",
                                                     .not_before_s = PKI_NOW_S - 20 * PKI_DAY_S,
                                                     .not_after_s = PKI_NOW_S - 10 * PKI_DAY_S});
    for (size_t i = 0; i < MODES * (size_t)2; i++) {
        struct lab_setting *s = &all.settings[i / 2][i % 2];
        lab_setting_init(s, &lab, modes[i / 2],
                         i % 2 == 1 ? CONF_ON_FAILURE_ANSWER : CONF_ON_FAILURE_REFUSE);
        all.sites[i / 2][i % 2] = lab_sites(&s->listener);
    }
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

/* What was said as that message: it is the one that is awaited, and right, or the client strays. */
static void note(struct run *r, int type, bool right, int then)
{
    r->strayed = r->strayed || !right || r->awaits != type;
    r->awaits = r->strayed ? r->awaits : then;
}

/* A bit of the last n octets of said is another, as the script has it; the transcript has it as it
 * was. */
static void damage(struct run *r, size_t n)
{
    size_t at = buf_len(&r->said) - n + (next(r) << 8 | next(r)) % n;
    r->said.p[r->said.head + at] ^= (char)(1U << next(r) % 8);
    r->strayed = true;
}

static void say_certificate(struct run *r, unsigned how)
{
    X509 *const chain[] = {how % 4 == 1 ? all.expired : all.alice, lab.ca};
    size_t n = how % 4 == 2 ? 0 : how % 4 == 3 ? 2 : 1;
    (void)lab_raw_certificate(&r->raw, chain, n, &r->said);
    bool first = r->awaits == RAW_CERTIFICATE && !r->strayed;
    note(r, RAW_CERTIFICATE, true, n == 0 ? RAW_FINISHED : RAW_CERTIFICATE_VERIFY);
    r->who = !first ? r->who : n == 0 ? NOBODY : how % 4 == 1 ? EXPIRED : ALICE;
}

/* alice's with an octet changed, in the transcript as well: her key's proof may hold. */
static void say_other_certificate(struct run *r)
{
    struct buf good;
    buf_init(&good, BUFFER_MAX);
    struct lab_raw no_transcript = {.stream = {.p = NULL}};
    struct str whole = lab_raw_certificate(&no_transcript, &all.alice, 1, &good);
    size_t at = 4 + (next(r) << 8 | next(r)) % (whole.n - 4);
    good.p[good.head + at] ^= (char)(1U << next(r) % 8);
    (void)lab_raw_message(&r->raw, RAW_CERTIFICATE, str_slice(buf_str(&good), 4, STR_NPOS),
                          &r->said);
    bool first = r->awaits == RAW_CERTIFICATE && !r->strayed;
    note(r, RAW_CERTIFICATE, true, RAW_CERTIFICATE_VERIFY);
    r->who = first ? DAMAGED : r->who;
    buf_release(&good);
}

/* A bit of it is another, in the transcript as well: nothing but the proof is wrong. */
static void say_other_proof(struct run *r, unsigned how)
{
    unsigned char digest[TRAFFIC_SECRET_MAX];
    unsigned char body[4 + PROOF_MAX] = {4, 3};
    size_t n = 0;
    demand(schedule_digest(&r->raw.schedule, digest));
    const struct proof p = {
        .by_client = how % 2 == 0,
        .digest = {(const char *)digest, traffic_secret_size(r->raw.schedule.suite)}};
    struct proof_key *key = proof_key_new(NULL, 0x0403, lab.key, true);
    demand(key != NULL && proof_sign(&p, key, body + 4, &n));
    proof_key_free(key);
    body[3] = (unsigned char)n;
    body[(next(r) << 8 | next(r)) % (4 + n)] ^= (unsigned char)(1U << next(r) % 8);
    (void)lab_raw_message(&r->raw, RAW_CERTIFICATE_VERIFY, (struct str){(const char *)body, 4 + n},
                          &r->said);
    r->strayed = true;
}

static void say_message(struct run *r)
{
    int type = (int)next(r);
    size_t n = next(r);
    struct str body = next_octets(r, n);
    (void)lab_raw_message(&r->raw, type, body, &r->said);
    if (type == RAW_CERTIFICATE && str_eq(body, STR("\0\0\0\0"))) {
        bool first = r->awaits == RAW_CERTIFICATE && !r->strayed;
        note(r, RAW_CERTIFICATE, true, RAW_FINISHED);
        r->who = first ? NOBODY : r->who;
    } else {
        r->strayed = true;
    }
}

/* Puts what waits into records of so many octets. */
static void flush(struct run *r, size_t piece, size_t padding)
{
    struct str rest = buf_str(&r->said);
    while (rest.n > 0) {
        bool much = buf_len(&r->raw.stream) > SPENT_MAX;
        struct str now = str_slice(rest, 0, piece > 0 && !much ? piece : TRAFFIC_PLAIN_MAX);
        lab_raw_say(&r->raw, &r->raw.out, RAW_HANDSHAKE, now, much ? 0 : padding);
        rest = str_slice(rest, now.n, rest.n);
    }
    buf_clear(&r->said);
}

/* A record of another kind, or of a handshake without protection. */
static void say_record(struct run *r, unsigned how)
{
    int type = (int)next(r);
    struct str octets = next_octets(r, next(r));
    flush(r, 0, 0);
    if (how % 4 == 0) {
        lab_raw_plain(&r->raw, type, octets);
        bool empty_word = type == RAW_CHANGE_CIPHER_SPEC && str_eq(octets, STR("\1"));
        r->strayed = r->strayed || !empty_word || ++r->words > WORDS_MAX;
        return;
    }
    r->strayed = true;
    lab_raw_say(&r->raw, how % 4 == 1 ? &r->raw.app_out : &r->raw.out, type, octets, how / 4);
    if (how % 4 == 3) {
        struct buf *b = &r->raw.stream;
        b->p[b->head + buf_len(b) - 1 - next(r) % TRAFFIC_TAG] ^= 1;
    }
}

static void take(struct run *r, unsigned op)
{
    unsigned how = op / OPS;
    size_t before = buf_len(&r->said);
    switch ((enum op)(op % OPS)) {
    case CERT:
        say_certificate(r, how);
        break;
    case CERT_OTHER:
        say_other_certificate(r);
        break;
    case PROOF_OTHER:
        say_other_proof(r, how);
        break;
    case PROOF:
        (void)lab_raw_proof(&r->raw, 0x0403, lab.key, &r->said);
        note(r, RAW_CERTIFICATE_VERIFY, true, RAW_FINISHED);
        break;
    case FIN:
    case FIN_OTHER:
        (void)lab_raw_finished(&r->raw, &r->said);
        note(r, RAW_FINISHED, true, 0);
        break;
    case MESSAGE:
        say_message(r);
        break;
    case OCTETS:
        add(&r->said, next_octets(r, how + 1));
        r->strayed = r->strayed || buf_len(&r->said) > before;
        break;
    case FLUSH:
        flush(r, how, next(r));
        break;
    case PLAIN:
        say_record(r, how);
        break;
    case OPS:
        break;
    }
    if (op % OPS == FIN_OTHER) {
        damage(r, buf_len(&r->said) - before);
    }
}

/* All was said, and nothing else, by somebody who may. */
static bool may_come_in(const struct run *r)
{
    if (r->strayed || r->awaits != 0) {
        return false;
    }
    switch (r->who) {
    case ALICE:
        return true;
    case NOBODY:
        return r->mode != CONF_CLIENT_REQUIRE || r->answers;
    case EXPIRED:
    case DAMAGED:
        break;
    }
    return r->answers;
}

static void check(struct run *r, enum tls_result result)
{
    static const enum reason known[] = {[NOBODY] = REASON_CLIENT_CERT_MISSING,
                                        [ALICE] = REASON_OK,
                                        [EXPIRED] = REASON_CLIENT_CERT_EXPIRED};
    struct tls_session *s = r->raw.session;
    demand(result != TLS_OK || may_come_in(r));
    demand(result == TLS_OK || !may_come_in(r) || r->who == DAMAGED);
    demand(result != TLS_WANT || !tls_session_has_input(s));
    if (result == TLS_OK) {
        demand(r->who == DAMAGED ? tls_session_peer_reason(s) != REASON_OK
                                 : tls_session_peer_reason(s) == known[r->who]);
        demand((tls_session_peer(s) != NULL) == (r->who != NOBODY));
        demand(buf_len(tls_session_out(s)) == 0);
        lab_raw_talk(&r->raw);
        return;
    }
    size_t told = buf_len(tls_session_out(s));
    demand(result == TLS_FAILED || told == 0);
    if (result == TLS_FAILED) {
        demand(tls_session_reason(s) != REASON_OK);
        (void)lab_raw_alert(&r->raw); /* one, or none */
        lab_raw_plain(&r->raw, RAW_CHANGE_CIPHER_SPEC, STR("\1"));
        demand(lab_raw_feed(&r->raw, 0) == TLS_FAILED);
        demand(buf_len(tls_session_out(s)) == told);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (all.alice == NULL) {
        set_up();
    }
    if (size < 3 || size > 1024) {
        return 0;
    }
    const unsigned site = data[0] % (MODES * 2);
    struct run r = {.script = {(const char *)data + 2, size - 2},
                    .mode = all.settings[site / 2][site % 2].site.client.mode,
                    .answers = site % 2 == 1};
    r.raw.with_id = data[0] / 6 % 2 == 1;
    buf_init(&r.said, BUFFER_MAX);
    lab_raw_join(&r.raw, all.sites[site / 2][site % 2],
                 (enum traffic_suite)(data[0] / 12 % TRAFFIC_SUITES),
                 data[0] / 36 % 2 == 1 ? GROUP_P256 : GROUP_X25519);
    r.awaits = r.raw.asked ? RAW_CERTIFICATE : RAW_FINISHED;
    while (r.script.n > 0 && (r.awaits != 0 || r.strayed) &&
           buf_len(&r.raw.stream) + buf_len(&r.said) < SPENT_MAX) {
        take(&r, next(&r));
    }
    flush(&r, 0, 0);
    check(&r, lab_raw_feed(&r.raw, data[1]));
    lab_raw_part(&r.raw);
    buf_release(&r.said);
    return 0;
}
