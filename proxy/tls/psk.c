/* Owns: the form in which such a session is kept. Not: which may be resumed (resume_note.c). On the
 * worker's thread. */
#include "proxy/tls/psk.h"

#include <string.h>

#include "base/mem.h"
#include "proxy/tls/decoded.h"
#include "proxy/tls/session_inner.h"
#include "proxy/tls/wire.h"

#define LIFE_MAX_S (7 * 24 * 3600)

/* What it begins with; OpenSSL's begin with 0x30. */
enum { FORM = 1, FIXED = 1 + 1 + TRAFFIC_SECRET_MAX + 2 };

_Static_assert(FIXED + NOTE_MAX < SESSION_STORE_OCTETS, "there is room for a certificate");

void psk_free(struct psk *p)
{
    if (p != NULL) {
        mem_wipe(p, sizeof(*p));
        mem_free(p);
    }
}

bool psk_is_possible(const struct tls_sites *sites)
{
    return sites->resume == NULL || sites->resume->store != NULL;
}

/* FORM, the suite, the secret, the note behind its length, and the certificate. */
static bool read_form(struct str octets, struct psk *out)
{
    if (octets.n <= FIXED || octets.p[0] != FORM || (unsigned char)octets.p[1] >= TRAFFIC_SUITES) {
        return false;
    }
    out->suite = (enum traffic_suite)octets.p[1];
    memcpy(out->secret, octets.p + 2, TRAFFIC_SECRET_MAX);
    struct str note;
    struct str rest = str_slice(octets, 2 + TRAFFIC_SECRET_MAX, octets.n);
    if (!wire_cut_vector(&rest, 2, &note) || note.n > sizeof(out->note) || rest.n == 0) {
        return false;
    }
    memcpy(out->note, note.p, note.n);
    out->note_n = note.n;
    memcpy(out->leaf, rest.p, rest.n);
    out->leaf_n = rest.n;
    return true;
}

bool psk_find(const struct tls_session *s, struct str ticket, struct psk *out)
{
    unsigned char octets[SESSION_STORE_OCTETS];
    struct session_store *store = s->sites->resume != NULL ? s->sites->resume->store : NULL;
    size_t n = store != NULL ? session_store_get_octets(store, (const unsigned char *)ticket.p,
                                                        ticket.n, octets)
                             : 0;
    bool found = n > 0 && read_form((struct str){(const char *)octets, n}, out);
    mem_wipe(octets, n);
    return found;
}

static struct str note_of(const struct psk *p)
{
    return (struct str){(const char *)p->note, p->note_n};
}

bool psk_take(struct tls_session *s, const struct psk *p, X509 **leaf)
{
    struct note note;
    X509 *x = decoded_get(s->sites->decoded, s->sites->library,
                          (struct str){(const char *)p->leaf, p->leaf_n});
    if (x == NULL || note_judge(s, x, note_of(p), &note) != REASON_OK ||
        note_outlived_key(s->sites->resume, note.issued_ms)) {
        X509_free(x);
        return false;
    }
    s->first_ms = note.first_ms;
    s->ticket_term = note.term;
    s->chain = note.chain;
    *leaf = x;
    return true;
}

void psk_adopt(struct tls_session *s, const struct psk *p, X509 *leaf)
{
    struct note note = {.first_ms = 0};
    s->peer_reason = note_judge(s, leaf, note_of(p), &note);
    s->peer_term = s->peer_reason == REASON_OK ? note.term : (struct trust_term){0};
    s->chain = note.chain;
}

bool psk_keep(struct tls_session *s, bool resumed, enum traffic_suite suite,
              const unsigned char *secret, unsigned char id[SESSION_STORE_ID])
{
    unsigned char form[SESSION_STORE_OCTETS] = {FORM, (unsigned char)suite};
    struct session_store *store = s->sites->resume != NULL ? s->sites->resume->store : NULL;
    X509 *leaf = peer_leaf(s->peer);
    int leaf_n = store != NULL && leaf != NULL ? i2d_X509(leaf, NULL) : 0;
    uint64_t end_ms = 0;
    size_t note_n = leaf_n > 0 ? note_write(s, resumed, form + FIXED, &end_ms) : 0;
    if (leaf_n <= 0 || s->peer_reason != REASON_OK ||
        (size_t)leaf_n > sizeof(form) - FIXED - note_n || !session_store_id(store, id)) {
        return false;
    }
    memcpy(form + 2, secret, traffic_secret_size(suite));
    form[FIXED - 2] = (unsigned char)(note_n >> 8);
    form[FIXED - 1] = (unsigned char)note_n;
    unsigned char *to = form + FIXED + note_n;
    bool kept = i2d_X509(leaf, &to) == leaf_n &&
                session_store_put_octets(
                    store, id, (struct str){(const char *)form, (size_t)(to - form)}, end_ms);
    mem_wipe(form, sizeof(form));
    return kept;
}

uint32_t psk_life_s(const struct tls_session *s)
{
    uint32_t life_s = s->sites->resume->life_ms / 1000;
    return life_s < LIFE_MAX_S ? life_s : LIFE_MAX_S;
}
