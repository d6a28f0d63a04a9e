/* fuzz: auth
 * Authorization values: what is let through is UTF-8 without controls, and encodes to the very
 * octets that came in. */
#include <stdlib.h>

#include "auth/basic.h"
#include "base/enc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char scratch[BASIC_DECODED_MAX];
    char again[ENC_BASE64_LEN(BASIC_DECODED_MAX)];
    struct str value = {(const char *)data, size};
    struct basic basic = {STR_NONE, STR_NONE};
    if (basic_parse(value, scratch, &basic) != REASON_OK) {
        demand(basic.user.p == NULL && basic.password.p == NULL);
        return 0;
    }
    demand(str_is_utf8(basic.user) && str_is_utf8(basic.password));
    demand(!str_has_control(basic.user) && !str_has_control(basic.password));
    demand(str_chr(basic.user, ':') == STR_NPOS);
    demand(basic.password.p == basic.user.p + basic.user.n + 1);
    struct str plain = {basic.user.p, basic.user.n + 1 + basic.password.n};
    demand(plain.n <= BASIC_DECODED_MAX);
    demand(str_ends(value, (struct str){again, enc_base64(plain, again)}));
    demand(str_ieq(str_slice(value, 0, 6), STR("Basic ")));
    return 0;
}
