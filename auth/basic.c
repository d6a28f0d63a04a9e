/* Owns: the grammar of Basic credentials. Leaves whose they are to users and gate. Any thread. */
#include "auth/basic.h"

#include "base/enc.h"

/* The base64 part behind "Basic" and its spaces, or why there is none. */
static enum reason encoded_part(struct str value, struct str *encoded)
{
    size_t end = 0;
    while (end < value.n && value.p[end] != ' ' && value.p[end] != '\t') {
        end++;
    }
    if (end == 0) {
        return REASON_CREDENTIALS_MALFORMED;
    }
    if (!str_ieq(str_slice(value, 0, end), STR("Basic"))) {
        return REASON_CREDENTIALS_OTHER_SCHEME;
    }
    size_t from = end;
    while (from < value.n && value.p[from] == ' ') {
        from++;
    }
    *encoded = str_slice(value, from, value.n);
    if (from == end || encoded->n == 0 || encoded->n > ENC_BASE64_LEN((size_t)BASIC_DECODED_MAX)) {
        return REASON_CREDENTIALS_MALFORMED;
    }
    return REASON_OK;
}

enum reason basic_parse(struct str value, char scratch[BASIC_DECODED_MAX], struct basic *out)
{
    struct str encoded = STR_NONE;
    enum reason r = encoded_part(value, &encoded);
    if (r != REASON_OK) {
        return r;
    }
    size_t n = 0;
    if (enc_base64_decode(encoded, (unsigned char *)scratch, &n) != 0) {
        return REASON_CREDENTIALS_MALFORMED;
    }
    struct str user = STR_NONE;
    struct str password = STR_NONE;
    struct str decoded = {scratch, n};
    if (!str_cut(decoded, ':', &user, &password) || !str_is_utf8(decoded)) {
        return REASON_CREDENTIALS_MALFORMED;
    }
    if (str_has_control(user) || str_has_control(password)) {
        return REASON_CREDENTIALS_CONTROL;
    }
    out->user = user;
    out->password = password;
    return REASON_OK;
}
