/* Owns: reading ASN.1 dates. Pure, any thread. */
#include "auth/revoke/asn1time.h"

#include <time.h>

bool asn1time_seconds(const ASN1_TIME *t, int64_t *out)
{
    struct tm tm = {0};
    *out = 0;
    /* With NULL the library would give the time of day. */
    if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1) {
        return false;
    }
    *out = (int64_t)timegm(&tm);
    return true;
}
