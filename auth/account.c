/* Owns: the order in which a record's objections are told. Pure. */
#include "auth/account.h"

enum reason account_ask(const struct user *user, const unsigned char *certificate, int64_t wall_ms)
{
    if (user->disabled) {
        return REASON_USER_DISABLED;
    }
    if (user->expires_ms != 0 && wall_ms >= user->expires_ms) {
        return REASON_USER_EXPIRED;
    }
    if (certificate != NULL && user_refuses_pin(user, certificate)) {
        return REASON_CERT_NOT_PINNED;
    }
    return REASON_OK;
}
