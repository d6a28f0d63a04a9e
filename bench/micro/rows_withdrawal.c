/* Owns: single steps of finding out whether a certificate is withdrawn. Certificates take turns, as
 * a look-up for one alone would find its way in the processor's caches. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth/revoke/crl.h"
#include "auth/withdrawal.h"
#include "base/clock.h"
#include "bench/micro/need.h"
#include "bench/micro/rows.h"

enum { FEW = 20000, MANY = 200000, DAY_S = 86400, SERIAL = 16 };

struct withdrawal {
    const struct scene *scene;
    struct crl_set *few_serials;
    struct crl_set *many_serials;
    struct deny *few_denied;
    struct deny *many_denied;
    struct deny_chain chains[PKI_CLIENTS];
    size_t turn;
};

static void row_keys(void *state)
{
    struct withdrawal *w = state;
    struct deny_chain keys = {.n = 0};
    need(deny_chain_add(&keys, w->scene->pki->clients[w->turn++ % PKI_CLIENTS]) == 0,
         "the keys of a certificate");
}

static void ask_deny(struct withdrawal *w, const struct deny *deny)
{
    need(withdrawal_of_chain(deny, &w->chains[w->turn++ % PKI_CLIENTS]) == REASON_OK,
         "asking the deny list");
}

static void row_few_denied(void *state)
{
    struct withdrawal *w = state;
    ask_deny(w, w->few_denied);
}

static void row_many_denied(void *state)
{
    struct withdrawal *w = state;
    ask_deny(w, w->many_denied);
}

static void ask_list(struct withdrawal *w, const struct crl_set *set)
{
    int64_t until_ms = 0;
    need(crl_set_ask(set, w->scene->pki->clients[w->turn++ % PKI_CLIENTS], clock_wall_ms(), 0,
                     &until_ms) == CRL_GOOD,
         "asking a revocation list");
}

static void row_few_serials(void *state)
{
    struct withdrawal *w = state;
    ask_list(w, w->few_serials);
}

static void row_many_serials(void *state)
{
    struct withdrawal *w = state;
    ask_list(w, w->many_serials);
}

/* The number of the certificates that are withdrawn, from a fixed sequence. */
static X509_REVOKED *make_entry(ASN1_INTEGER *serial, ASN1_TIME *when, uint64_t *sequence)
{
    unsigned char octets[SERIAL];
    for (size_t i = 0; i < SERIAL; i += sizeof(*sequence)) {
        *sequence = *sequence * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        memcpy(octets + i, sequence, sizeof(*sequence));
    }
    octets[0] = 0x40 | (octets[0] & 0x3f); /* as long as those of the clients */
    X509_REVOKED *x = X509_REVOKED_new();
    need(x != NULL && ASN1_STRING_set(serial, octets, SERIAL) == 1 &&
             X509_REVOKED_set_serialNumber(x, serial) == 1 &&
             X509_REVOKED_set_revocationDate(x, when) == 1,
         "making a revocation list");
    return x;
}

static struct crl_set *make_list(const struct pki *pki, size_t entries)
{
    uint64_t sequence = entries;
    X509_CRL *list = X509_CRL_new();
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    ASN1_TIME *from = ASN1_TIME_adj(NULL, time(NULL), -1, 0);
    ASN1_TIME *to = ASN1_TIME_adj(NULL, time(NULL), 1, 0);
    need(list != NULL && serial != NULL && from != NULL && to != NULL &&
             X509_CRL_set_version(list, X509_CRL_VERSION_2) == 1 &&
             X509_CRL_set_issuer_name(list, X509_get_subject_name(pki->root)) == 1 &&
             X509_CRL_set1_lastUpdate(list, from) == 1 && X509_CRL_set1_nextUpdate(list, to) == 1,
         "making a revocation list");
    for (size_t i = 0; i < entries; i++) {
        need(X509_CRL_add0_revoked(list, make_entry(serial, from, &sequence)) == 1,
             "making a revocation list");
    }
    unsigned char *der = NULL;
    int n = X509_CRL_sign(list, pki->root_key, EVP_sha256()) > 0 ? i2d_X509_CRL(list, &der) : 0;
    struct err e = {0};
    struct crl_set *set = crl_set_new();
    STACK_OF(X509) *cas = sk_X509_new_null();
    need(n > 0 && set != NULL && cas != NULL && sk_X509_push(cas, pki->root) > 0 &&
             crl_set_add(set, (struct str){(const char *)der, (size_t)n}, cas, &e) == 0,
         "reading a revocation list");
    sk_X509_free(cas);
    OPENSSL_free(der);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    ASN1_INTEGER_free(serial);
    X509_CRL_free(list);
    return set;
}

static void *set_up(const struct scene *s)
{
    struct withdrawal *w = calloc(1, sizeof(*w));
    need(w != NULL, "asking for memory");
    w->scene = s;
    for (size_t i = 0; i < PKI_CLIENTS; i++) {
        need(deny_chain_add(&w->chains[i], s->pki->clients[i]) == 0 &&
                 deny_chain_add(&w->chains[i], s->pki->root) == 0,
             "the keys of a chain");
    }
    w->few_denied = scene_deny(s, FEW);
    w->many_denied = scene_deny(s, MANY);
    w->few_serials = make_list(s->pki, FEW);
    w->many_serials = make_list(s->pki, MANY);
    return w;
}

static void tear_down(void *state)
{
    struct withdrawal *w = state;
    crl_set_free(w->few_serials);
    crl_set_free(w->many_serials);
    deny_free(w->few_denied);
    deny_free(w->many_denied);
    free(w);
}

static const struct row rows[] = {
    {"deny_keys", "keys of a certificate for the deny list", row_keys},
    {"deny_few", "a chain of two asked of a deny list of 20,000", row_few_denied},
    {"deny_many", "the same, of 200,000", row_many_denied},
    {"crl_few", "a certificate asked of a revocation list of 20,000", row_few_serials},
    {"crl_many", "the same, of 200,000", row_many_serials},
};

const struct row_group rows_of_withdrawal = {set_up, tear_down, sizeof(rows) / sizeof(rows[0]),
                                             rows};
