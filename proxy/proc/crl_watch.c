/* Owns: when the log is told about the end of a revocation list. Not: what the end means for a
 * client (auth/trust). Master only. */
#include "proxy/proc/crl_watch.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proxy/tls/site.h"

#define DAY_S INT64_C(86400)

static bool same(const struct trust_crl *a, const struct trust_crl *b)
{
    return a->this_s == b->this_s && a->next_s == b->next_s &&
           memcmp(a->key_digest, b->key_digest, sizeof(a->key_digest)) == 0;
}

static struct crl_watched *find(const struct crl_watch *w, const struct trust_crl *crl)
{
    for (size_t i = 0; i < w->n; i++) {
        if (same(&w->v[i].crl, crl)) {
            return &w->v[i];
        }
    }
    return NULL;
}

/* Without memory a list goes unwatched: the metric still tells. */
void crl_watch_add(struct crl_watch *w, const struct trust *t)
{
    struct trust_crl crl;
    for (size_t i = 0; trust_crl_at(t, i, &crl); i++) {
        struct crl_watched *grown = NULL;
        if (find(w, &crl) == NULL) {
            grown = mem_realloc(w->v, (w->n + 1) * sizeof(*grown));
        }
        if (grown != NULL) {
            w->v = grown;
            w->v[w->n++] = (struct crl_watched){.crl = crl};
        }
    }
}

static bool same_key(const struct trust_crl *a, const struct trust_crl *b)
{
    return memcmp(a->key_digest, b->key_digest, sizeof(a->key_digest)) == 0 &&
           strcmp(a->issuer, b->issuer) == 0;
}

/* The latest of the same issuer and key, or NULL. */
static const struct trust_crl *latest(const struct crl_watch *w, const struct trust_crl *like)
{
    const struct trust_crl *found = NULL;
    for (size_t i = 0; i < w->n; i++) {
        const struct trust_crl *crl = &w->v[i].crl;
        if (same_key(crl, like) && (found == NULL || crl->this_s > found->this_s)) {
            found = crl;
        }
    }
    return found;
}

void crl_watch_compare(const struct crl_watch *old, const struct crl_watch *fresh, struct log *log)
{
    char now[CLOCK_RFC3339_LEN + 1];
    char before[CLOCK_RFC3339_LEN + 1];
    for (size_t i = 0; i < fresh->n; i++) {
        const struct trust_crl *crl = &fresh->v[i].crl;
        const struct trust_crl *was = latest(old, crl);
        if (was == NULL || crl->this_s >= was->this_s || crl != latest(fresh, crl)) {
            continue;
        }
        clock_rfc3339(crl->this_s * 1000, now);
        clock_rfc3339(was->this_s * 1000, before);
        LOG(log, LOG_LEVEL_WARNING, "crl_older", LOG_TEXT("issuer", str_of(crl->issuer)),
            LOG_TEXT("this_update", str_of(now)), LOG_TEXT("before", str_of(before)),
            LOG_TEXT("effect", STR("what only the later list withdraws is accepted again")));
    }
}

void crl_watch_fill(struct crl_watch *w, const struct runtime *r, struct log *log)
{
    struct crl_watch fresh = {0};
    for (size_t i = 0; i < r->conf->listener_count; i++) {
        size_t count = tls_sites_count(r->sites[i]);
        for (size_t j = 0; j < count; j++) {
            const struct tls_site *site = tls_sites_at(r->sites[i], j);
            if (site->trust != NULL) {
                crl_watch_add(&fresh, site->trust);
            }
        }
    }
    for (size_t i = 0; i < fresh.n; i++) {
        const struct crl_watched *old = find(w, &fresh.v[i].crl);
        fresh.v[i].told = old != NULL ? old->told : CRL_FRESH;
    }
    crl_watch_compare(w, &fresh, log);
    crl_watch_fini(w);
    *w = fresh;
}

void crl_watch_fini(struct crl_watch *w)
{
    mem_free(w->v);
    *w = (struct crl_watch){0};
}

/* Wall clock in seconds at which the list comes to the stage behind the one that was told. */
static int64_t next_at_s(const struct crl_watched *c)
{
    int64_t quarter = (c->crl.next_s - c->crl.this_s) / 4;
    switch (c->told) {
    case CRL_FRESH:
        return c->crl.next_s - (quarter < DAY_S ? quarter : DAY_S);
    case CRL_SOON:
        return c->crl.next_s;
    case CRL_OVER:
    default:
        return INT64_MAX / 1000;
    }
}

int64_t crl_watch_wait_ms(const struct crl_watch *w, int64_t wall_ms)
{
    int64_t first = INT64_MAX / 1000;
    for (size_t i = 0; i < w->n; i++) {
        int64_t at = next_at_s(&w->v[i]);
        first = at < first ? at : first;
    }
    if (first == INT64_MAX / 1000) {
        return INT64_MAX;
    }
    return first * 1000 > wall_ms ? first * 1000 - wall_ms : 0;
}

static void tell(struct crl_watched *c, int64_t wall_ms, struct log *log)
{
    char next[CLOCK_RFC3339_LEN + 1];
    bool over = wall_ms >= c->crl.next_s * 1000;
    clock_rfc3339(c->crl.next_s * 1000, next);
    if (over) {
        LOG(log, LOG_LEVEL_ERROR, "crl_expired", LOG_TEXT("issuer", str_of(c->crl.issuer)),
            LOG_TEXT("next_update", str_of(next)),
            LOG_TEXT("effect", STR("unless crl_grace or insecure_expired_crl say otherwise, "
                                   "certificates of its issuer are refused until there is a new "
                                   "list")));
    } else {
        LOG(log, LOG_LEVEL_WARNING, "crl_expires_soon", LOG_TEXT("issuer", str_of(c->crl.issuer)),
            LOG_TEXT("next_update", str_of(next)),
            LOG_NUMBER("seconds_left", c->crl.next_s - wall_ms / 1000));
    }
    c->told = over ? CRL_OVER : CRL_SOON;
}

void crl_watch_tick(struct crl_watch *w, int64_t wall_ms, struct log *log)
{
    for (size_t i = 0; i < w->n; i++) {
        if (wall_ms >= next_at_s(&w->v[i]) * 1000) {
            tell(&w->v[i], wall_ms, log);
        }
    }
}
