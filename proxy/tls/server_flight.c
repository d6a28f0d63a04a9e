/* Owns: what the server says in a handshake of our own (RFC 8446 4.1.3, 4.3, 4.4), from ServerHello
 * to Finished. On the worker's thread. */
#include <string.h>

#include <openssl/rand.h>
#include <openssl/tls1.h>

#include "base/mem.h"
#include "proxy/tls/handshake_inner.h"
#include "proxy/tls/proof.h"
#include "proxy/tls/session_inner.h"
#include "proxy/tls/site_inner.h"

/* HandshakeType (RFC 8446 B.3) */
enum {
    SERVER_HELLO = 2,
    NEW_SESSION_TICKET = 4,
    ENCRYPTED_EXTENSIONS = 8,
    CERTIFICATE_VERIFY = 15,
    FINISHED = 20
};

enum {
    RANDOM = 32,
    SMALL_MAX = 256,     /* octets of ServerHello and EncryptedExtensions */
    FLIGHT_MAX = 1 << 19 /* of all that is encrypted */
};

/* One ticket a connection needs no other. */
static const struct str ticket_nonce = {"\0", 1};

/* A message that is being written; room is known to be enough. */
struct draft {
    unsigned char octets[SMALL_MAX];
    size_t n;
};

static void put(struct draft *d, size_t value, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        d->octets[d->n++] = (unsigned char)(value >> (8 * (n - 1 - i)));
    }
}

static void put_octets(struct draft *d, struct str octets)
{
    if (octets.n > 0) {
        memcpy(d->octets + d->n, octets.p, octets.n);
    }
    d->n += octets.n;
}

static struct str finish(struct draft *d, int type)
{
    size_t body = d->n - MESSAGE_HEADER;
    d->octets[0] = (unsigned char)type;
    d->octets[1] = 0;
    d->octets[2] = (unsigned char)(body >> 8);
    d->octets[3] = (unsigned char)body;
    return (struct str){(const char *)d->octets, d->n};
}

static struct str write_hello(struct draft *d, const struct handshake_hello *hello,
                              const struct key_share *share, const unsigned char *random,
                              bool resumes)
{
    d->n = MESSAGE_HEADER;
    put(d, 0x0303, 2);
    put_octets(d, (struct str){(const char *)random, RANDOM});
    put(d, hello->read.session_id.n, 1);
    put_octets(d, hello->read.session_id);
    put(d, traffic_suite_number(hello->choice.suite), 2);
    put(d, 0, 1); /* no compression */
    put(d, 6 + 8 + share->own_n + (resumes ? 6 : 0), 2);
    put(d, TLSEXT_TYPE_supported_versions, 2);
    put(d, 2, 2);
    put(d, 0x0304, 2);
    put(d, TLSEXT_TYPE_key_share, 2);
    put(d, 4 + share->own_n, 2);
    put(d, hello->choice.group, 2);
    put(d, share->own_n, 2);
    put_octets(d, (struct str){(const char *)share->own, share->own_n});
    if (resumes) {
        put(d, TLSEXT_TYPE_psk, 2);
        put(d, 2, 2);
        put(d, 0, 2); /* the first that was offered */
    }
    return finish(d, SERVER_HELLO);
}

/* All groups that we take, for a client whose share is not of the one that we like best (RFC 8446
 * 4.2.7). */
static void put_groups(struct draft *d, const struct handshake_site *site)
{
    put(d, TLSEXT_TYPE_supported_groups, 2);
    put(d, 2 + 2 * site->groups_n, 2);
    put(d, 2 * site->groups_n, 2);
    for (size_t i = 0; i < site->groups_n; i++) {
        put(d, site->groups[i], 2);
    }
}

/* The name is acknowledged (RFC 6066 3), and the protocol told (RFC 7301 3.1). */
static struct str write_extensions(struct draft *d, const struct handshake_hello *hello)
{
    const struct handshake_site *site = site_of(hello->site)->handshake;
    size_t name_n = hello->name.n > 0 ? 4 : 0;
    size_t groups_n = hello->choice.group != site->groups[0] ? 4 + 2 + 2 * site->groups_n : 0;
    size_t protocol_n = hello->protocol.n > 0 ? 4 + 3 + hello->protocol.n : 0;
    d->n = MESSAGE_HEADER;
    put(d, name_n + groups_n + protocol_n, 2);
    if (name_n > 0) {
        put(d, TLSEXT_TYPE_server_name, 2);
        put(d, 0, 2);
    }
    if (groups_n > 0) {
        put_groups(d, site);
    }
    if (protocol_n > 0) {
        put(d, TLSEXT_TYPE_application_layer_protocol_negotiation, 2);
        put(d, 3 + hello->protocol.n, 2);
        put(d, 1 + hello->protocol.n, 2);
        put(d, hello->protocol.n, 1);
        put_octets(d, hello->protocol);
    }
    return finish(d, ENCRYPTED_EXTENSIONS);
}

/* A record without protection. */
static bool send_plain(struct tls_session *s, unsigned char type, struct str octets)
{
    const char header[TRAFFIC_HEADER] = {(char)type, 3, 3, (char)(octets.n >> 8), (char)octets.n};
    bool ok = buf_append(&s->ends.out, (struct str){header, sizeof(header)}) == 0 &&
              buf_append(&s->ends.out, octets) == 0;
    s->ends.out_full = s->ends.out_full || !ok;
    return ok;
}

/* As many records as it takes. */
static bool send_protected(struct tls_session *s, struct traffic_side *side, struct str octets)
{
    bool ok = true;
    while (ok && octets.n > 0) {
        struct str piece = str_slice(octets, 0, TRAFFIC_PLAIN_MAX);
        char *to = buf_reserve(&s->ends.out, piece.n + TRAFFIC_OVERHEAD);
        s->ends.out_full = s->ends.out_full || to == NULL;
        ok = to != NULL && traffic_seal(s->handshake->schedule.ciphers, side, HANDSHAKE, piece,
                                        (unsigned char *)to);
        if (ok) {
            buf_commit(&s->ends.out, piece.n + TRAFFIC_OVERHEAD);
            octets = str_slice(octets, piece.n, octets.n);
        }
    }
    return ok;
}

/* One message more of what is encrypted. */
static bool add(struct handshake *h, struct buf *flight, struct str message)
{
    return schedule_add(&h->schedule, message) && buf_append(flight, message) == 0;
}

static bool add_proof(struct tls_session *s, const struct handshake_pair *pair, struct buf *flight)
{
    struct handshake *h = s->handshake;
    unsigned char digest[TRAFFIC_SECRET_MAX];
    unsigned char message[MESSAGE_HEADER + 4 + PROOF_MAX] = {CERTIFICATE_VERIFY};
    size_t n = 0;
    const struct proof p = {
        .digest = {(const char *)digest, traffic_secret_size(h->schedule.suite)}};
    if (!schedule_digest(&h->schedule, digest) ||
        !proof_sign(&p, pair->key, message + MESSAGE_HEADER + 4, &n)) {
        return false;
    }
    message[2] = (unsigned char)((n + 4) >> 8);
    message[3] = (unsigned char)(n + 4);
    message[4] = (unsigned char)(pair->scheme >> 8);
    message[5] = (unsigned char)pair->scheme;
    message[6] = (unsigned char)(n >> 8);
    message[7] = (unsigned char)n;
    return add(h, flight, (struct str){(const char *)message, MESSAGE_HEADER + 4 + n});
}

static bool add_finished(struct handshake *h, struct buf *flight)
{
    size_t n = traffic_secret_size(h->schedule.suite);
    unsigned char message[MESSAGE_HEADER + TRAFFIC_SECRET_MAX] = {FINISHED, 0, 0, (unsigned char)n};
    return schedule_finished(&h->schedule, h->schedule.server, message + MESSAGE_HEADER) &&
           add(h, flight, (struct str){(const char *)message, MESSAGE_HEADER + n});
}

/* What shows who we are; a session that is resumed has shown it. */
static bool add_certificate(struct tls_session *s, const struct handshake_pair *pair,
                            struct buf *flight)
{
    struct handshake *h = s->handshake;
    const struct handshake_site *site = site_of(s->site)->handshake;
    return (site->request.n == 0 || add(h, flight, site->request)) && add(h, flight, pair->sent) &&
           add_proof(s, pair, flight);
}

/* EncryptedExtensions to Finished. */
static bool write_protected(struct tls_session *s, const struct handshake_hello *hello,
                            struct traffic_side *side)
{
    struct handshake *h = s->handshake;
    struct draft d;
    struct buf flight;
    buf_init(&flight, FLIGHT_MAX);
    bool ok = add(h, &flight, write_extensions(&d, hello)) &&
              (h->psk != NULL || add_certificate(s, hello->choice.pair, &flight)) &&
              add_finished(h, &flight) && send_protected(s, side, buf_str(&flight));
    buf_release(&flight);
    return ok;
}

/* ServerHello, and change_cipher_spec for a client that wants the handshake to look like one of TLS
 * 1.2 (RFC 8446 D.4). */
static bool write_plain(struct tls_session *s, const struct handshake_hello *hello,
                        const struct key_share *share)
{
    struct handshake *h = s->handshake;
    unsigned char random[RANDOM];
    struct draft d;
    if (RAND_bytes_ex(s->sites->library, random, sizeof(random), 0) != 1) {
        return false;
    }
    h->has_spoken = true;
    struct str message = write_hello(&d, hello, share, random, h->psk != NULL);
    return schedule_add(&h->schedule, hello->message) && schedule_add(&h->schedule, message) &&
           send_plain(s, HANDSHAKE, message) &&
           (hello->read.session_id.n == 0 || send_plain(s, CHANGE_CIPHER_SPEC, STR("\x01")));
}

bool server_flight_write(struct tls_session *s, const struct handshake_hello *hello,
                         const struct key_share *share)
{
    struct handshake *h = s->handshake;
    const struct str shared = {(const char *)share->shared, sizeof(share->shared)};
    struct traffic_side side = {.suite = hello->choice.suite};
    bool ok = write_plain(s, hello, share) &&
              schedule_handshake(&h->schedule, shared, &h->in, &side) &&
              write_protected(s, hello, &side) &&
              schedule_application(&h->schedule, &h->next_in, &h->out);
    h->protects_out = ok;
    traffic_forget(s->sites->ciphers, &side);
    return ok;
}

/* NewSessionTicket (RFC 8446 4.6.1), the only one of the connection. */
static bool write_ticket(struct tls_session *s, const unsigned char id[SESSION_STORE_ID])
{
    struct draft d = {.n = MESSAGE_HEADER};
    unsigned char age_add[4];
    if (RAND_bytes_ex(s->sites->library, age_add, sizeof(age_add), 0) != 1) {
        return false;
    }
    put(&d, psk_life_s(s), 4);
    put_octets(&d, (struct str){(const char *)age_add, sizeof(age_add)});
    put(&d, ticket_nonce.n, 1);
    put_octets(&d, ticket_nonce);
    put(&d, SESSION_STORE_ID, 2);
    put_octets(&d, (struct str){(const char *)id, SESSION_STORE_ID});
    put(&d, 0, 2); /* no extensions: no early data */
    return send_protected(s, &s->handshake->out, finish(&d, NEW_SESSION_TICKET));
}

bool server_flight_write_ticket(struct tls_session *s)
{
    struct handshake *h = s->handshake;
    unsigned char id[SESSION_STORE_ID];
    unsigned char secret[TRAFFIC_SECRET_MAX];
    if (!h->may_resume || s->sites->resume == NULL) {
        return true;
    }
    bool ok = schedule_session(&h->schedule, ticket_nonce, secret);
    if (ok && psk_keep(s, h->psk != NULL, h->schedule.suite, secret, id)) {
        ok = write_ticket(s, id);
    }
    mem_wipe(secret, sizeof(secret));
    return ok;
}
