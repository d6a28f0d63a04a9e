/* Two files that change as one. */
#ifndef CLI_RENEW_SWITCH_H
#define CLI_RENEW_SWITCH_H

#include "base/err.h"
#include "base/str.h"

/* What stands in both. */
struct renew_switch_texts {
    struct str certificate;
    struct str key;
};

/* Let the files of both paths hold new instead of old, as renew_pair_replace() says. Returns 0 or
 * a negative err_code with e; they hold old then. */
int renew_switch(const char *certificate, const char *key, const struct renew_switch_texts *old,
                 const struct renew_switch_texts *new, struct err *e)
    __attribute__((warn_unused_result));

#endif
