/* Owns: when a worker asks. Loop thread. */
#include "auth/revoke/ocsp_desk.h"

#include <string.h>

#include "auth/revoke/ocsp.h"

enum { SEND_AGAIN_MS = 1000 };

static void send_question(struct ocsp_desk *d, X509 *leaf, X509 *issuer,
                          const struct conf_ocsp *rule, const unsigned char key[OCSP_KEY],
                          int64_t wall_ms)
{
    unsigned char question[OCSP_QUESTION_MAX];
    size_t slot = key[0] % (sizeof(d->sent) / sizeof(d->sent[0]));
    int64_t since_ms = wall_ms - d->sent[slot].at_ms;
    if (memcmp(d->sent[slot].key, key, OCSP_KEY) == 0 && since_ms >= 0 &&
        since_ms < SEND_AGAIN_MS) {
        return;
    }
    memcpy(d->sent[slot].key, key, OCSP_KEY);
    d->sent[slot].at_ms = wall_ms;
    size_t n = ocsp_question_write(leaf, issuer, rule, question);
    if (n > 0) {
        d->send(d->arg, (struct str){(const char *)question, n});
    }
}

enum ocsp_status ocsp_desk_ask(struct ocsp_desk *d, X509 *leaf, X509 *issuer,
                               const struct conf_ocsp *rule, int64_t wall_ms)
{
    unsigned char key[OCSP_KEY];
    if (ocsp_key(leaf, key) != 0) {
        return OCSP_STATUS_NONE;
    }
    struct ocsp_entry e = ocsp_table_get(d->table, key);
    int64_t now_s = wall_ms / 1000;
    if (issuer != NULL && (e.status == OCSP_STATUS_NONE || now_s >= e.refresh_s)) {
        send_question(d, leaf, issuer, rule, key, wall_ms);
    }
    /* Once revoked, a certificate does not become good by the passing of time. */
    bool over = now_s >= e.until_s && e.status != OCSP_STATUS_REVOKED;
    return over ? OCSP_STATUS_NONE : e.status;
}
