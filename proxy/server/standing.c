/* Owns: the identity of one connection and its validity over reloads. Not: the judging itself
 * (proxy/tls, auth). On the loop's thread. */
#include "proxy/server/standing.h"

#include <string.h>

#include "auth/withdrawal.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

static const struct tls_sites *sites_of(const struct standing *st)
{
    const struct runtime *r = st->runtime;
    if (!st->port->secure || st->port->closed || st->index >= r->conf->listener_count) {
        return NULL;
    }
    return r->sites[st->index];
}

/* True if host's site asks the same of clients as the site of this connection. */
static bool host_fits(void *arg, struct str host)
{
    const struct standing *st = arg;
    const struct tls_sites *sites = sites_of(st);
    if (sites == NULL || st->site == NULL) {
        return false;
    }
    if (host.n == 0) {
        return true; /* HTTP/1.0 without Host: the connection's own site */
    }
    const struct tls_site *other = tls_sites_find(sites, host);
    return other != NULL && memcmp(other->policy, st->site->policy, sizeof(other->policy)) == 0;
}

static bool is_trusted(const struct conf_headers *headers, const struct addr *address)
{
    for (size_t i = 0; i < headers->trusted_proxy_count; i++) {
        if (addr_in_range(address, &headers->trusted_proxies[i])) {
            return true;
        }
    }
    return false;
}

static void free_text(struct str *s)
{
    mem_free((void *)(uintptr_t)s->p);
    *s = STR_NONE;
}

static bool on_user(void *arg, struct str user)
{
    struct standing *st = arg;
    if (str_eq(user, st->user)) {
        return true;
    }
    free_text(&st->user);
    if (user.n == 0) {
        return true;
    }
    char *copy = mem_dup(user.p, user.n);
    st->user = (struct str){copy, copy != NULL ? user.n : 0};
    return copy != NULL;
}

void standing_init(struct standing *st, struct env *env, const struct port *port,
                   const struct addr *address)
{
    char text[ADDR_TEXT_MAX];
    *st = (struct standing){.env = env,
                            .port = port,
                            .runtime = runtime_ref(env->runtime),
                            .index = port->index,
                            .certificate = REASON_CLIENT_CERT_MISSING};
    struct str client = str_slice(addr_host_text(address, text), 0, sizeof(st->client));
    memcpy(st->client, client.p, client.n);
    st->peer = (struct exchange_peer){
        .gate.certificate = REASON_CLIENT_CERT_MISSING,
        .address = address,
        .client_text = {st->client, client.n},
        .listener_text = port->address,
        .secure = port->secure,
        .trusted = is_trusted(&st->runtime->conf->headers, address),
        .local = port->local,
        .local_arg = port->local_arg,
    };
    if (port->secure) {
        st->peer.host_fits = host_fits;
        st->peer.host_arg = st;
        st->peer.on_user = on_user;
        st->peer.on_user_arg = st;
    }
}

/* What upstreams are told of leaf, NULL for no accepted certificate. */
static int read_told(struct standing *st, X509 *leaf)
{
    STACK_OF(X509) *chain = NULL;
    told_free(st->told);
    st->told = NULL;
    st->peer.told = NULL;
    token_clear(&st->slot);
    st->peer.slot = &st->slot;
    st->peer.sighted = &st->sighted;
    if (st->port->local != NULL) {
        return 0;
    }
    if (leaf != NULL && st->site != NULL && conf_headers_need_chain(&st->runtime->conf->headers)) {
        chain = tls_session_chain(st->session, st->site->trust, clock_wall_ms());
        if (chain == NULL) {
            st->peer.told_error = -ERR_NOMEM;
            return 0;
        }
    }
    st->peer.told_error = told_new(st->runtime->plan, leaf, chain, &st->told);
    st->peer.told = st->told;
    sk_X509_pop_free(chain, X509_free);
    return st->peer.told_error == -ERR_NOMEM ? -ERR_NOMEM : 0;
}

/* The identity is told to the gate beside the verdict, also a bad one: the log needs the name. */
static int read_identity(struct standing *st)
{
    X509 *leaf = tls_session_peer(st->session);
    identity_free(st->identity);
    st->identity = NULL;
    st->peer.gate.identity = NULL;
    if (read_told(st, st->certificate == REASON_OK ? leaf : NULL) != 0) {
        return -ERR_NOMEM;
    }
    if (leaf == NULL || st->certificate == REASON_CLIENT_CERT_MISSING) {
        return 0;
    }
    st->identity = identity_new(leaf, &st->runtime->conf->identity);
    st->peer.gate.identity = st->identity;
    return st->identity != NULL || st->certificate != REASON_OK ? 0 : -ERR_NOMEM;
}

int standing_take(struct standing *st, const struct tls_session *session)
{
    st->session = session;
    st->site = tls_session_site(session);
    st->certificate = tls_session_peer_reason(session);
    st->peer.tls_version = tls_session_version(session);
    st->peer.tls_cipher = tls_session_cipher(session);
    st->peer.tls_name = tls_session_name(session);
    st->peer.tls_resumed = tls_session_resumed(session);
    st->peer.gate.certificate = st->certificate;
    st->peer.gate.term = tls_session_peer_term(session);
    st->peer.gate.mode = st->site->conf->client.mode;
    st->peer.gate.chain = tls_session_deny_keys(session);
    return read_identity(st);
}

/* What the certificate is worth by what site asks now, and until when. One that was not accepted
 * stays so: the client may come again. */
static enum reason judge(const struct standing *st, const struct tls_site *site,
                         struct trust_term *term)
{
    if (site->conf->client.mode == CONF_CLIENT_OFF || site->trust == NULL) {
        return REASON_CLIENT_CERT_MISSING;
    }
    if (st->certificate != REASON_OK) {
        return st->certificate;
    }
    enum reason why = tls_session_judge(st->session, site->trust, clock_wall_ms(), term);
    return why == REASON_CLIENT_CERT_REVOKED ? REASON_CLIENT_CERT_WITHDRAWN : why;
}

static bool asks_the_same(const struct tls_site *a, const struct tls_site *b)
{
    return a != NULL && b != NULL && memcmp(a->policy, b->policy, sizeof(a->policy)) == 0;
}

static void rejudge(struct standing *st, const struct tls_site *site)
{
    bool was_good = st->certificate == REASON_OK;
    st->certificate = judge(st, site, &st->peer.gate.term);
    bool doubtful = st->certificate != REASON_OK &&
                    st->certificate != REASON_CLIENT_CERT_WITHDRAWN &&
                    st->certificate != REASON_CLIENT_CERT_MISSING;
    /* Perhaps only for want of the chain: a new connection will bring it. */
    st->gone = st->gone || (was_good && doubtful && tls_session_resumed(st->session));
}

static void adopt_runtime(struct standing *st)
{
    struct runtime *old = st->runtime;
    st->runtime = runtime_ref(st->env->runtime);
    st->index = st->port->index;
    st->peer.trusted = is_trusted(&st->runtime->conf->headers, st->peer.address);
    if (st->session == NULL) {
        runtime_unref(old, tls_sites_unref);
        return;
    }
    const struct tls_sites *sites = sites_of(st);
    const struct tls_site *site =
        sites != NULL ? tls_sites_find(sites, tls_session_name(st->session)) : NULL;
    st->gone = st->gone || site == NULL;
    if (site != NULL) {
        if (!asks_the_same(site, st->site)) {
            rejudge(st, site);
        }
        st->peer.gate.mode = site->conf->client.mode;
    }
    st->site = site;
    st->peer.gate.certificate = st->certificate;
    runtime_unref(old, tls_sites_unref);
}

static bool asks_responders(const struct standing *st)
{
    return st->session != NULL && st->site != NULL && st->site->trust != NULL &&
           st->site->conf->client.ocsp.mode != CONF_OCSP_OFF;
}

/* Responders may have said something since: what was good may be withdrawn, and a client that was
 * refused for want of an answer may have one now. */
static void ask_ocsp(struct standing *st)
{
    if (!asks_responders(st)) {
        return;
    }
    if (st->certificate == REASON_OK) {
        enum reason why = tls_session_ask_again(st->session, st->site->trust, clock_wall_ms());
        if (why == REASON_OCSP_PENDING || why == REASON_OCSP_UNKNOWN) {
            st->certificate = why;
        } else if (why == REASON_CLIENT_CERT_REVOKED) {
            st->certificate = REASON_CLIENT_CERT_WITHDRAWN;
        }
    } else if (st->certificate == REASON_OCSP_PENDING || st->certificate == REASON_OCSP_UNKNOWN) {
        st->certificate = REASON_OK;
        rejudge(st, st->site);
    }
    st->peer.gate.certificate = st->certificate;
}

enum reason standing_renew(struct standing *st)
{
    enum reason before = st->certificate;
    bool renewed = st->runtime != st->env->runtime;
    if (renewed) {
        adopt_runtime(st);
    }
    ask_ocsp(st);
    /* Upstreams are told of a certificate only once it is accepted. */
    if (st->session != NULL && (renewed || st->certificate != before) && read_identity(st) != 0) {
        return REASON_OUT_OF_MEMORY;
    }
    if (st->port->closed) {
        st->gone = true;
    }
    return st->gone ? REASON_MISDIRECTED : REASON_OK;
}

/* What the runtime in force makes of a certificate that was judged by an older one. A site that is
 * gone, or that wants no certificate any more, withdraws nothing, and a resumed session may lack
 * its chain: that is told at the next request.
 */
static enum reason ask_runtime(const struct standing *st)
{
    const struct runtime *r = st->env->runtime;
    size_t index = st->port->index;
    if (st->session == NULL || st->runtime == r || st->port->closed ||
        index >= r->conf->listener_count) {
        return REASON_OK;
    }
    struct trust_term term;
    const struct tls_site *site = tls_sites_find(r->sites[index], tls_session_name(st->session));
    if (site == NULL || asks_the_same(site, st->site)) {
        return REASON_OK;
    }
    enum reason why = judge(st, site, &term);
    bool certain = why == REASON_CLIENT_CERT_WITHDRAWN || !tls_session_resumed(st->session);
    return why == REASON_CLIENT_CERT_MISSING || !certain ? REASON_OK : why;
}

/* A responder's word that came since: only that the certificate is withdrawn ends a connection. */
static enum reason ask_responder(const struct standing *st)
{
    if (!asks_responders(st)) {
        return REASON_OK;
    }
    enum reason why = tls_session_ask_again(st->session, st->site->trust, clock_wall_ms());
    return why == REASON_CLIENT_CERT_REVOKED ? REASON_CLIENT_CERT_WITHDRAWN : REASON_OK;
}

enum reason standing_ask(const struct standing *st)
{
    enum reason why = REASON_OK;
    if (st->certificate == REASON_OK) {
        why = withdrawal_of_chain(st->env->deny, st->peer.gate.chain);
        why = why == REASON_OK ? ask_runtime(st) : why;
        why = why == REASON_OK ? ask_responder(st) : why;
    }
    if (why != REASON_OK) {
        return why;
    }
    struct str user = st->user;
    if (user.n == 0 && st->certificate == REASON_OK && st->identity != NULL) {
        user = st->identity->user;
    }
    return withdrawal_of_user(st->env->deny, user);
}

void standing_fini(struct standing *st)
{
    free_text(&st->user);
    identity_free(st->identity);
    st->identity = NULL;
    st->peer.gate.identity = NULL;
    told_free(st->told);
    st->told = NULL;
    st->peer.told = NULL;
    token_clear(&st->slot);
    runtime_unref(st->runtime, tls_sites_unref);
    st->runtime = NULL;
}
