/* Owns: what the records of an open connection mean, and what may come when. Not: their keys and
 * protection (traffic.c). On one thread. */
#include "proxy/tls/records.h"

#include <stdio.h>
#include <string.h>

#include <openssl/ssl.h>

#include "base/mem.h"

/* ContentType (RFC 8446 B.1) */
enum { ALERT = 21, HANDSHAKE = 22, APPLICATION_DATA = 23 };

enum { KEY_UPDATE = 24, KEY_UPDATE_SIZE = 5 };

/* Records in a row without a single octet of data, the other way too; each costs us more than the
 * client. */
enum { BARREN_MAX = 32 };

/* Records that may be protected with one key: 2^24.5 full ones with AES-GCM (RFC 8446 5.5). */
#define COUNT_MAX ((uint64_t)1 << 24)

struct records {
    struct traffic_ciphers *ciphers; /* borrowed */
    struct traffic_side in;
    struct traffic_side out;
    struct buf left; /* octets of data that were opened and not read */
    unsigned char update[KEY_UPDATE_SIZE];
    unsigned char update_n; /* octets of a KeyUpdate that came so far */
    unsigned char barren;
    bool owes_update; /* the client asked for new keys of ours */
    bool in_closed;   /* close_notify came */
    bool out_closed;  /* close_notify or an alert was written */
};

/* What one record says. */
struct record {
    unsigned char type;
    struct str octets;
};

struct records *records_new(struct traffic_ciphers *ciphers, const struct traffic_side *in,
                            const struct traffic_side *out)
{
    struct records *r = mem_calloc(1, sizeof(*r));
    if (r != NULL) {
        r->ciphers = ciphers;
        r->in = *in;
        r->out = *out;
        buf_init(&r->left, TRAFFIC_CIPHER_MAX);
    }
    return r;
}

void records_free(struct records *r)
{
    if (r == NULL) {
        return;
    }
    traffic_forget(r->ciphers, &r->in);
    traffic_forget(r->ciphers, &r->out);
    buf_wipe(&r->left);
    mem_free(r);
}

static bool seal(struct records *r, struct bio_ends *ends, unsigned char type, struct str octets)
{
    char *to = buf_reserve(&ends->out, octets.n + TRAFFIC_OVERHEAD);
    if (to == NULL) {
        ends->out_full = true;
        return false;
    }
    if (!traffic_seal(r->ciphers, &r->out, type, octets, (unsigned char *)to)) {
        return false;
    }
    buf_commit(&ends->out, octets.n + TRAFFIC_OVERHEAD);
    return true;
}

/* The last record of ours. */
static void send_alert(struct records *r, struct bio_ends *ends, int number)
{
    const char alert[2] = {(char)(number == SSL_AD_CLOSE_NOTIFY ? SSL3_AL_WARNING : SSL3_AL_FATAL),
                           (char)number};
    if (!r->out_closed) {
        r->out_closed = true;
        (void)seal(r, ends, ALERT, (struct str){alert, sizeof(alert)});
    }
}

/* Ends the connection: the client did what text says. */
static enum tls_result refuse(struct records *r, struct bio_ends *ends, struct records_fault *fault,
                              int alert, const char *text)
{
    send_alert(r, ends, alert);
    fault->reason = REASON_TLS_PROTOCOL_ERROR;
    (void)snprintf(fault->text, sizeof(fault->text), "%s", text);
    return TLS_FAILED;
}

/* Ends the connection: we cannot go on. */
static enum tls_result give_up(struct records *r, struct bio_ends *ends,
                               struct records_fault *fault, enum reason why)
{
    send_alert(r, ends, SSL_AD_INTERNAL_ERROR);
    *fault = (struct records_fault){.reason = why};
    return TLS_FAILED;
}

/* ---- Reading ---- */

static bool is_allowed(const char h[TRAFFIC_HEADER])
{
    return h[0] == APPLICATION_DATA && traffic_record_size(h) >= TRAFFIC_OVERHEAD &&
           traffic_record_size(h) <= TRAFFIC_HEADER + TRAFFIC_CIPHER_MAX;
}

/* True if a record is there as a whole, or something that is none. */
static bool has_record(const struct bio_ends *ends)
{
    char header[TRAFFIC_HEADER];
    return bio_ends_peek(ends, header, sizeof(header)) == sizeof(header) &&
           (!is_allowed(header) || bio_ends_unread(ends) >= traffic_record_size(header));
}

bool records_has_input(const struct records *r, const struct bio_ends *ends)
{
    return buf_len(&r->left) > 0 || (!r->in_closed && has_record(ends));
}

bool records_may_read(const struct records *r, const struct bio_ends *ends)
{
    return r->in_closed || records_has_input(r, ends);
}

/* Why no record begins with that header. */
static enum tls_result refuse_header(struct records *r, struct bio_ends *ends,
                                     const char h[TRAFFIC_HEADER], struct records_fault *fault)
{
    if (h[0] != APPLICATION_DATA) {
        return refuse(r, ends, fault, SSL_AD_UNEXPECTED_MESSAGE, "unprotected record");
    }
    return traffic_record_size(h) > TRAFFIC_HEADER + TRAFFIC_CIPHER_MAX
               ? refuse(r, ends, fault, SSL_AD_RECORD_OVERFLOW, "record too long")
               : refuse(r, ends, fault, SSL_AD_BAD_RECORD_MAC, "record too short");
}

/* Cuts the padding off; what is left of the octets ends with the type (RFC 8446 5.4). */
static bool unpad(const unsigned char *inner, size_t n, struct record *out)
{
    while (n > 0 && inner[n - 1] == 0) {
        n--;
    }
    if (n == 0) {
        return false;
    }
    out->type = inner[n - 1];
    out->octets = (struct str){(const char *)inner, n - 1};
    return true;
}

/* Opens the next record into to, which has room for it. */
static enum tls_result open_into(struct records *r, struct bio_ends *ends, size_t size, char *to,
                                 struct record *out, struct records_fault *fault)
{
    size_t n = 0;
    const char *front = bio_ends_front(ends, size);
    if (front == NULL) {
        return give_up(r, ends, fault, REASON_OUT_OF_MEMORY);
    }
    bool authentic =
        traffic_open(r->ciphers, &r->in, (struct str){front, size}, (unsigned char *)to, &n);
    bio_ends_consume(ends, size);
    if (!authentic) {
        return refuse(r, ends, fault, SSL_AD_BAD_RECORD_MAC, "decryption failed or bad record mac");
    }
    if (!unpad((const unsigned char *)to, n, out)) {
        return refuse(r, ends, fault, SSL_AD_UNEXPECTED_MESSAGE, "record without a type");
    }
    if (out->octets.n > TRAFFIC_PLAIN_MAX) {
        return refuse(r, ends, fault, SSL_AD_RECORD_OVERFLOW, "record carries too much");
    }
    return TLS_OK;
}

/* The client's KeyUpdate (RFC 8446 4.6.3) is whole. */
static enum tls_result update_keys(struct records *r, struct bio_ends *ends,
                                   struct records_fault *fault)
{
    r->update_n = 0;
    if (r->update[4] > 1) {
        return refuse(r, ends, fault, SSL_AD_ILLEGAL_PARAMETER, "bad key update");
    }
    r->owes_update = r->owes_update || r->update[4] == 1;
    return traffic_next(r->ciphers, &r->in) ? TLS_OK : give_up(r, ends, fault, REASON_INTERNAL);
}

/* Of handshake messages only KeyUpdate may come from a client that was not asked for anything. It
 * may come in parts, and ends its record, as what follows is protected by other keys. */
static enum tls_result take_message(struct records *r, struct bio_ends *ends, struct str octets,
                                    struct records_fault *fault)
{
    static const unsigned char begin[KEY_UPDATE_SIZE - 1] = {KEY_UPDATE, 0, 0, 1};
    if (octets.n == 0 || octets.n > (size_t)KEY_UPDATE_SIZE - r->update_n) {
        return refuse(r, ends, fault, SSL_AD_UNEXPECTED_MESSAGE, "unexpected message");
    }
    memcpy(r->update + r->update_n, octets.p, octets.n);
    r->update_n += (unsigned char)octets.n;
    size_t known = r->update_n < sizeof(begin) ? r->update_n : sizeof(begin);
    if (memcmp(r->update, begin, known) != 0) {
        return r->update[0] != KEY_UPDATE
                   ? refuse(r, ends, fault, SSL_AD_UNEXPECTED_MESSAGE, "unexpected message")
                   : refuse(r, ends, fault, SSL_AD_DECODE_ERROR, "bad key update");
    }
    return r->update_n == KEY_UPDATE_SIZE ? update_keys(r, ends, fault) : TLS_OK;
}

/* All alerts but two end the connection, whatever level they claim (RFC 8446 6). */
static enum tls_result take_alert(struct records *r, struct bio_ends *ends, struct str octets,
                                  struct records_fault *fault)
{
    if (octets.n != 2) {
        int alert = octets.n == 0 ? SSL_AD_UNEXPECTED_MESSAGE : SSL_AD_DECODE_ERROR;
        return refuse(r, ends, fault, alert, "bad alert");
    }
    int number = (unsigned char)octets.p[1];
    if (number == SSL_AD_CLOSE_NOTIFY) {
        r->in_closed = true;
        return TLS_CLOSED;
    }
    if (number == SSL_AD_USER_CANCELLED) {
        return TLS_OK; /* close_notify follows */
    }
    r->out_closed = true;
    fault->reason = REASON_TLS_CLIENT_ALERT;
    (void)snprintf(fault->text, sizeof(fault->text), "alert %s",
                   SSL_alert_desc_string_long(number));
    return TLS_FAILED;
}

/* What a record says that carries no data. */
static enum tls_result take_other(struct records *r, struct bio_ends *ends,
                                  const struct record *record, struct records_fault *fault)
{
    if (++r->barren > BARREN_MAX) {
        return refuse(r, ends, fault, SSL_AD_UNEXPECTED_MESSAGE, "too many records without data");
    }
    if (record->type == HANDSHAKE) {
        return take_message(r, ends, record->octets, fault);
    }
    if (r->update_n > 0) {
        return refuse(r, ends, fault, SSL_AD_UNEXPECTED_MESSAGE, "message broken off");
    }
    if (record->type == ALERT) {
        return take_alert(r, ends, record->octets, fault);
    }
    return record->type == APPLICATION_DATA
               ? TLS_OK
               : refuse(r, ends, fault, SSL_AD_UNEXPECTED_MESSAGE, "unknown type of record");
}

/* Data that was opened in left: as much of it as was asked for. */
static enum tls_result take_left(struct records *r, char *out, size_t max, size_t *n)
{
    struct str some = str_slice(buf_str(&r->left), 0, max);
    memcpy(out, some.p, some.n);
    *n = some.n;
    mem_wipe(r->left.p + r->left.head, some.n);
    buf_consume(&r->left, some.n);
    return TLS_OK;
}

/* The next record: into out if that has room for all that is encrypted, else by way of left. */
static enum tls_result read_record(struct records *r, struct bio_ends *ends, size_t size,
                                   struct str *out, struct records_fault *fault)
{
    struct record record = {.type = 0};
    size_t room = size - TRAFFIC_HEADER - TRAFFIC_TAG;
    bool direct = room <= out->n;
    char *to = direct ? (char *)(uintptr_t)out->p : buf_reserve(&r->left, room);
    *out = STR_NONE;
    if (to == NULL) {
        return give_up(r, ends, fault, REASON_OUT_OF_MEMORY);
    }
    enum tls_result result = open_into(r, ends, size, to, &record, fault);
    if (result != TLS_OK) {
        return result;
    }
    if (record.type != APPLICATION_DATA || record.octets.n == 0 || r->update_n > 0) {
        return take_other(r, ends, &record, fault);
    }
    r->barren = 0;
    if (direct) {
        *out = record.octets;
    } else {
        buf_commit(&r->left, record.octets.n);
    }
    return TLS_OK;
}

enum tls_result records_read(struct records *r, struct bio_ends *ends, char *out, size_t max,
                             size_t *n, struct records_fault *fault)
{
    *n = 0;
    for (;;) {
        char header[TRAFFIC_HEADER];
        if (buf_len(&r->left) > 0) {
            return take_left(r, out, max, n);
        }
        if (r->in_closed) {
            return TLS_CLOSED;
        }
        if (bio_ends_peek(ends, header, sizeof(header)) < sizeof(header)) {
            return TLS_WANT;
        }
        if (!is_allowed(header)) {
            return refuse_header(r, ends, header, fault);
        }
        size_t size = traffic_record_size(header);
        if (bio_ends_unread(ends) < size) {
            return TLS_WANT;
        }
        struct str got = {out, max};
        enum tls_result result = read_record(r, ends, size, &got, fault);
        if (result != TLS_OK || got.n > 0) {
            *n = got.n;
            return result;
        }
    }
}

/* ---- Writing ---- */

/* New keys of ours, announced by the last record of the old ones. */
static bool renew_keys(struct records *r, struct bio_ends *ends)
{
    static const char update[KEY_UPDATE_SIZE] = {KEY_UPDATE, 0, 0, 1, 0};
    r->owes_update = false;
    return seal(r, ends, HANDSHAKE, (struct str){update, sizeof(update)}) &&
           traffic_next(r->ciphers, &r->out);
}

enum tls_result records_write(struct records *r, struct bio_ends *ends, struct str octets,
                              struct records_fault *fault)
{
    bool ok = !r->out_closed;
    r->barren = 0;
    while (ok && octets.n > 0) {
        struct str piece = str_slice(octets, 0, TRAFFIC_PLAIN_MAX);
        if (r->owes_update || r->out.count >= COUNT_MAX) {
            ok = renew_keys(r, ends);
        }
        ok = ok && seal(r, ends, APPLICATION_DATA, piece);
        octets = str_slice(octets, piece.n, octets.n);
    }
    if (ok) {
        return TLS_OK;
    }
    r->out_closed = true; /* what could not be sealed leaves a gap: not even an alert may follow */
    *fault =
        (struct records_fault){.reason = ends->out_full ? REASON_OUT_OF_MEMORY : REASON_INTERNAL};
    return TLS_FAILED;
}

void records_shutdown(struct records *r, struct bio_ends *ends)
{
    send_alert(r, ends, SSL_AD_CLOSE_NOTIFY);
}

void records_idle(struct records *r)
{
    if (buf_len(&r->left) == 0) {
        buf_wipe(&r->left);
    }
}
