/* The fields that tell the upstream who asks. */
#ifndef AUTH_HEADERS_OWN_H
#define AUTH_HEADERS_OWN_H

#include "base/field.h"
#include "base/str.h"
#include "conf/model.h"

/* What may be told; empty texts are left out. All ASCII-safe but user, which may be UTF-8:
 * octets outside printable ASCII and '%' are percent-encoded (and then spaces, too; and spaces at
 * either end in any case), so that no two users have the same value. */
struct own_facts {
    struct str user;
    struct str subject;
    struct str issuer;
    struct str serial;
    struct str fingerprint;
    bool certificate; /* a certificate was verified: X-Client-Verify is SUCCESS, else NONE */
};

/* Append the fields by the configured names. Values are copied to out's arena. Returns 0 or
 * -ERR_NOMEM. */
int own_fields_add(const struct conf_headers *names, const struct own_facts *facts,
                   struct fields *out) __attribute__((warn_unused_result));

#endif
