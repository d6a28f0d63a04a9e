/* Owns: the handshake of "countersign explain", judged by what judges it in a worker. Leaves the
 * request behind it to explain_request. */
#include "base/clock.h"
#include "cli/explain_inner.h"

static void explain_deny(const struct explanation *x)
{
    enum deny_reason why = deny_chain(x->deny, &x->keys);
    if (why != DENY_NOT_LISTED) {
        explain_say("deny list", "lists the certificate, or one of its chain: %s",
                    deny_reason_name(why));
    } else if (x->runtime->conf->revocation.deny.n > 0 && x->keys.n > 0) {
        explain_say("deny list", "does not list the certificate");
    }
}

static void explain_ocsp(const struct explanation *x)
{
    const struct conf_ocsp *rule = &x->site->conf->client.ocsp;
    struct buf text;
    if (rule->mode == CONF_OCSP_OFF && x->q->ocsp == NULL) {
        return;
    }
    buf_init(&text, (size_t)2 * OCSP_URL_MAX);
    if (rule->mode != CONF_OCSP_OFF && !x->ocsp.asked) {
        explain_say("ocsp", "not asked: %s",
                    x->peer.certificate == REASON_OK ? "the certificate is an anchor itself"
                                                     : "the certificate is refused before");
    } else if (explain_ocsp_render(&x->ocsp, rule, &text) == 0) {
        explain_say("ocsp", "%.*s", STR_ARG(buf_str(&text)));
    }
    buf_release(&text);
}

static void judge_certificate(struct explanation *x)
{
    const struct trust_question question = {.leaf = x->leaf,
                                            .chain = x->chain,
                                            .wall_ms = clock_wall_ms(),
                                            .deny = x->deny,
                                            .keys = &x->keys};
    if (explain_ocsp_init(&x->ocsp, x->leaf, x->q->ocsp_answer) == 0) {
        tls_sites_use_ocsp(x->runtime->sites[x->listener], &x->ocsp.desk);
    }
    x->peer.certificate = trust_judge_all(x->site->trust, &question, &x->peer.term, NULL);
    x->peer.chain = &x->keys;
    explain_deny(x);
    explain_ocsp(x);
}

/* The site that answers, and what becomes of the certificate there. Returns LET_THROUGH or
 * REFUSED. */
static int meet_site(struct explanation *x)
{
    struct str name =
        x->q->name != NULL ? str_of(x->q->name) : explain_head_name(str_of(x->q->host));
    if (name.n > 0 && !tls_sites_is_name(name)) {
        return explain_refused("server name", REASON_TLS_PROTOCOL_ERROR);
    }
    x->site = tls_sites_find(x->runtime->sites[x->listener], name);
    if (x->site == NULL) {
        return explain_refused("server name", REASON_TLS_UNKNOWN_NAME);
    }
    const struct conf_client *client = &x->site->conf->client;
    explain_say("server name", "%.*s, answered with %s", STR_ARG(name.n > 0 ? name : STR("none")),
                x->site->conf->certificate.p);
    x->peer.mode = client->mode;
    x->peer.certificate = REASON_CLIENT_CERT_MISSING;
    if (x->leaf != NULL && client->mode != CONF_CLIENT_OFF) {
        judge_certificate(x);
        x->identity = identity_new(x->leaf, &x->runtime->conf->identity);
        x->peer.identity = x->identity;
    }
    return LET_THROUGH;
}

/* Returns REFUSED if the handshake ends because of the certificate. */
static int judge_handshake(const struct explanation *x)
{
    const struct conf_client *client = &x->site->conf->client;
    if (x->peer.certificate == REASON_OK || client->on_failure == CONF_ON_FAILURE_ANSWER ||
        (x->peer.certificate == REASON_CLIENT_CERT_MISSING &&
         client->mode != CONF_CLIENT_REQUIRE)) {
        return LET_THROUGH;
    }
    explain_say("handshake", "refused by a TLS alert: %s", reason_token(x->peer.certificate));
    return REFUSED;
}

static void explain_certificate(const struct explanation *x)
{
    const struct identity *id = x->identity;
    if (id == NULL) {
        explain_say("certificate", "%s", x->leaf != NULL ? "not asked for" : "none");
        return;
    }
    char until[CLOCK_RFC3339_LEN + 1];
    clock_rfc3339(id->not_after_ms, until);
    if (x->peer.certificate == REASON_OK) {
        explain_say("certificate", "%.*s, good until %s", STR_ARG(id->subject), until);
    } else {
        explain_say("certificate", "%.*s, not accepted: %s", STR_ARG(id->subject),
                    reason_token(x->peer.certificate));
    }
    if (id->reason == REASON_OK) {
        explain_say("user-id", "%.*s", STR_ARG(id->user));
    } else {
        explain_say("user-id", "none: %s", reason_token(id->reason));
    }
}

int explain_handshake(struct explanation *x)
{
    int status = meet_site(x);
    if (status != LET_THROUGH) {
        return status;
    }
    explain_certificate(x);
    return judge_handshake(x);
}
