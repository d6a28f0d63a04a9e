/* Owns: what each route requires of a certificate, and whether one still stands. Leaves chains to
 * trust, the deny list to withdrawal. Loop thread. */
#include "auth/gate_certificate.h"

#include "auth/withdrawal.h"

/* A peer without a certificate, at a site that does not insist on one. */
static enum reason without_certificate(const struct gate_question *q)
{
    switch (q->require) {
    case CONF_REQUIRE_NONE:
    case CONF_REQUIRE_PASSWORD:
    case CONF_REQUIRE_EITHER:
        return REASON_OK;
    case CONF_REQUIRE_BOTH:
        /* Asking for a password that cannot help would only invite guesses. */
        if (users_any_without_certificate(q->users)) {
            return REASON_OK;
        }
        break;
    case CONF_REQUIRE_CERTIFICATE:
    default:
        break;
    }
    return REASON_CERT_REQUIRED_BY_ROUTE;
}

enum reason gate_certificate_accepted(const struct gate_question *q)
{
    const struct gate_peer *peer = q->peer;
    if (peer->certificate == REASON_CLIENT_CERT_MISSING) {
        if (peer->mode != CONF_CLIENT_OPTIONAL && peer->mode != CONF_CLIENT_OFF) {
            return REASON_CLIENT_CERT_MISSING;
        }
        return without_certificate(q);
    }
    if (peer->certificate != REASON_OK) {
        return peer->certificate;
    }
    if (peer->identity == NULL) {
        return REASON_INTERNAL;
    }
    if (q->require == CONF_REQUIRE_NONE || q->require == CONF_REQUIRE_PASSWORD) {
        return REASON_OK;
    }
    return peer->identity->reason;
}

enum reason gate_certificate_stands(const struct gate_question *q)
{
    if (!gate_certificate_shown(q)) {
        return REASON_OK;
    }
    enum reason why = withdrawal_of_chain(gate_certificate_deny(q), q->peer->chain);
    if (why != REASON_OK) {
        return why;
    }
    if (q->wall_ms < q->peer->identity->not_before_ms) {
        return REASON_CLIENT_CERT_NOT_YET_VALID;
    }
    /* The second that notAfter names still counts (RFC 5280 4.1.2.5). */
    if (q->wall_ms / 1000 > q->peer->identity->not_after_ms / 1000) {
        return REASON_CLIENT_CERT_EXPIRED;
    }
    if (q->wall_ms >= q->peer->term.until_ms) {
        return q->peer->term.then != REASON_OK ? q->peer->term.then : REASON_INTERNAL;
    }
    return REASON_OK;
}

bool gate_certificate_suffices(const struct gate_question *q)
{
    switch (q->require) {
    case CONF_REQUIRE_NONE:
        return true;
    case CONF_REQUIRE_CERTIFICATE:
        return gate_certificate_shown(q);
    case CONF_REQUIRE_EITHER:
        return gate_certificate_shown(q) && q->authorization_count == 0;
    case CONF_REQUIRE_PASSWORD:
    case CONF_REQUIRE_BOTH:
    default:
        return false;
    }
}
