/* Owns: single steps of finding out whether a certificate is withdrawn. Certificates take turns, as
 * a look-up for one alone would find its way in the processor's caches; how long one in the deny
 * list takes depends on the octets of its keys, so these are the same in every run. */
#include <stdlib.h>

#include "auth/withdrawal.h"
#include "base/clock.h"
#include "bench/micro/lists.h"
#include "bench/micro/need.h"
#include "bench/micro/rows.h"

enum { FEW = 20000, MANY = 200000, CHAINS = 1024 };

struct withdrawal {
    const struct scene *scene;
    struct crl_set *few_serials;
    struct crl_set *many_serials;
    struct deny *few_denied;
    struct deny *many_denied;
    struct deny_chain chains[CHAINS];
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
    need(withdrawal_of_chain(deny, &w->chains[w->turn++ % CHAINS]) == REASON_OK,
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

static void *set_up(const struct scene *s)
{
    struct withdrawal *w = calloc(1, sizeof(*w));
    need(w != NULL, "asking for memory");
    w->scene = s;
    uint64_t sequence = CHAINS;
    for (size_t i = 0; i < CHAINS; i++) {
        lists_chain(&w->chains[i], &sequence);
    }
    w->few_denied = lists_deny(s, FEW);
    w->many_denied = lists_deny(s, MANY);
    w->few_serials = lists_crl(s->pki, FEW);
    w->many_serials = lists_crl(s->pki, MANY);
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
