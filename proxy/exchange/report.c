/* Owns: which refusals are rules, and so may be left at a report. Leaves asking and telling to
 * exchange. Pure. */
#include "proxy/exchange/report.h"

bool report_lets_pass(enum reason certificate, enum reason why)
{
    if (certificate != REASON_OK &&
        (certificate != REASON_CLIENT_CERT_MISSING || why == REASON_CLIENT_CERT_MISSING)) {
        return false;
    }
    static const enum reason policy[] = {
        REASON_CERT_IDENTITY_MISSING,
        REASON_CERT_IDENTITY_REPEATED,
        REASON_CERT_IDENTITY_MALFORMED,
        REASON_CERT_REQUIRED_BY_ROUTE,
        REASON_PAIRING_MISMATCH,
        REASON_CREDENTIALS_MISSING,
        REASON_CREDENTIALS_MALFORMED,
        REASON_CREDENTIALS_OTHER_SCHEME,
        REASON_CREDENTIALS_CONTROL,
        REASON_USER_UNKNOWN,
        REASON_PASSWORD_WRONG,
        REASON_PASSWORD_QUEUE_FULL,
        REASON_TOTP_MISSING,
        REASON_TOTP_WRONG,
        REASON_TOTP_REPLAYED,
        REASON_LOCKED_OUT,
        REASON_GROUP_MISSING,
        REASON_METHOD_NOT_ALLOWED,
    };
    for (size_t i = 0; i < sizeof(policy) / sizeof(policy[0]); i++) {
        if (policy[i] == why) {
            return true;
        }
    }
    return false;
}

void report_ask_standing(struct gate_question *q)
{
    q->require = CONF_REQUIRE_NONE;
    q->authorization_count = 0;
    q->groups = NULL;
    q->require_totp = false;
    q->code_count = 0;
    q->lockout = NULL;
}
