/* Owns: the form of a note, and what may still be resumed. On the worker's thread.
 *
 * A session is resumed only if a full handshake with this very policy has accepted its client, and
 * nothing that a full handshake would look at today can have changed since. In doubt a full
 * handshake follows; coming with a ticket is never an error by itself. */
#include "proxy/tls/resume_note.h"

#include <string.h>

#include "auth/trust.h"
#include "base/clock.h"
#include "proxy/tls/session_inner.h"

static void put_number(unsigned char **p, int64_t value)
{
    for (int shift = 56; shift >= 0; shift -= 8) {
        *(*p)++ = (unsigned char)((uint64_t)value >> shift);
    }
}

static int64_t take_number(const unsigned char **p)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) {
        value = value << 8 | *(*p)++;
    }
    return (int64_t)value;
}

static size_t write_all(const struct note *note, unsigned char out[NOTE_MAX])
{
    unsigned char *p = out;
    *p++ = NOTE_VERSION;
    put_number(&p, note->first_ms);
    put_number(&p, note->issued_ms);
    put_number(&p, note->term.until_ms);
    *p++ = note->term.then == REASON_CRL_EXPIRED ? 1 : 0;
    memcpy(p, note->binding.p, SITE_BINDING);
    p += SITE_BINDING;
    size_t chain_n = note->chain.n * sizeof(struct deny_keys);
    *p++ = (unsigned char)note->chain.n;
    memcpy(p, note->chain.v, chain_n);
    p += chain_n;
    *p++ = (unsigned char)note->name.n;
    if (note->name.n > 0) {
        memcpy(p, note->name.p, note->name.n);
    }
    return NOTE_FIXED + chain_n + note->name.n;
}

/* note borrows from octets. */
static bool read_note(struct str octets, struct note *note)
{
    const unsigned char *p = (const unsigned char *)octets.p;
    if (octets.n < NOTE_FIXED || *p++ != NOTE_VERSION) {
        return false;
    }
    note->first_ms = take_number(&p);
    note->issued_ms = take_number(&p);
    note->term.until_ms = take_number(&p);
    note->term.then = *p++ == 0 ? REASON_CLIENT_CERT_EXPIRED : REASON_CRL_EXPIRED;
    note->binding = (struct str){(const char *)p, SITE_BINDING};
    p += SITE_BINDING;
    note->chain.n = *p++;
    size_t chain_n = note->chain.n * sizeof(struct deny_keys);
    if (note->chain.n > DENY_CHAIN_MAX || octets.n < NOTE_FIXED + chain_n) {
        return false;
    }
    memcpy(note->chain.v, p, chain_n);
    p += chain_n;
    note->name = (struct str){(const char *)p + 1, *p};
    return octets.n == NOTE_FIXED + chain_n + note->name.n;
}

static struct str binding_of(const struct tls_session *s)
{
    return (struct str){(const char *)site_of(s->site)->binding, SITE_BINDING};
}

/* Made for this listener, site, policy and name, and not too long ago. A ticket from the future
 * means that the clock went back: then nothing that counts time can be relied on. */
static bool note_fits(const struct tls_session *s, const struct note *note, int64_t now_ms)
{
    const struct resume *r = s->sites->resume;
    return str_eq(note->binding, binding_of(s)) && str_eq(note->name, session_name(s)) &&
           note->first_ms >= 0 && note->first_ms <= note->issued_ms && note->issued_ms <= now_ms &&
           now_ms - note->issued_ms < (int64_t)r->life_ms &&
           now_ms - note->first_ms < (int64_t)r->life_total_ms && now_ms < note->term.until_ms;
}

enum reason note_judge(const struct tls_session *s, X509 *leaf, struct str octets,
                       struct note *note)
{
    int64_t now_ms = clock_wall_ms();
    if (s->site == NULL || s->sites->resume == NULL || s->site->trust == NULL || leaf == NULL ||
        !read_note(octets, note) || !note_fits(s, note, now_ms)) {
        return REASON_CLIENT_CERT_MISSING;
    }
    if (s->deny != NULL && deny_chain(*s->deny, &note->chain) != DENY_NOT_LISTED) {
        return REASON_CLIENT_CERT_REVOKED;
    }
    return trust_ask_again(s->site->trust, leaf, NULL, now_ms);
}

/* Until when, on the monotonic clock, note_fits() can hold for what is noted now. */
static uint64_t ends_ms(const struct resume *r, const struct note *note)
{
    int64_t end_ms = note->issued_ms + (int64_t)r->life_ms;
    int64_t last_ms = note->first_ms + (int64_t)r->life_total_ms;
    end_ms = last_ms < end_ms ? last_ms : end_ms;
    end_ms = note->term.until_ms < end_ms ? note->term.until_ms : end_ms;
    return clock_mono_ms() + (end_ms > note->issued_ms ? (uint64_t)(end_ms - note->issued_ms) : 0);
}

size_t note_write(const struct tls_session *s, bool resumed, unsigned char out[NOTE_MAX],
                  uint64_t *end_ms)
{
    struct note note = {.issued_ms = clock_wall_ms(),
                        .binding = binding_of(s),
                        .chain = s->chain,
                        .name = session_name(s)};
    note.first_ms = resumed ? s->first_ms : note.issued_ms;
    note.term = resumed ? s->ticket_term : s->peer_term;
    *end_ms = s->sites->resume != NULL ? ends_ms(s->sites->resume, &note) : 0;
    return write_all(&note, out);
}

bool note_outlived_key(const struct resume *r, int64_t made_ms)
{
    return clock_wall_ms() / r->rotate_ms - made_ms / r->rotate_ms > 1;
}
