/* Whether an account is in order: what the store's record says against its owner. */
#ifndef AUTH_ACCOUNT_H
#define AUTH_ACCOUNT_H

#include <stdint.h>

#include "auth/store/user.h"
#include "base/reason.h"

/* REASON_OK, or USER_DISABLED, USER_EXPIRED at wall_ms, CERT_NOT_PINNED. certificate: SHA-256 of
 * the one that counts as the user's, NULL for none. */
enum reason account_ask(const struct user *user, const unsigned char *certificate, int64_t wall_ms);

#endif
