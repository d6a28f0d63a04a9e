/* Owns: the token, and what the fields of fetch say. */
#include "ca/pages/sent.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/clock.h"
#include "base/enc.h"
#include "base/mem.h"

#define TIME_LEN   16 /* hex digits */
#define MAC_OCTETS 32
#define MAC_INPUT  (TIME_LEN + 1 + 32 + sizeof(((struct call *)NULL)->name))

_Static_assert(SENT_TOKEN_LEN == TIME_LEN + 2 * MAC_OCTETS, "a token is a time and a MAC");

/* time (TIME_LEN hex digits), certificate (32 octets, zeros for none), account: each of a fixed
 * length but the last, so that no two mean the same. */
static bool compute(const struct call *c, const char *time, char mac_hex[2 * MAC_OCTETS])
{
    unsigned char input[MAC_INPUT] = {0};
    unsigned char mac[MAC_OCTETS];
    size_t n = 0;
    struct str user = c->user != NULL ? c->self.who.name : STR_NONE;
    memcpy(input, time, TIME_LEN);
    input[TIME_LEN] = c->user != NULL;
    if (!call_fingerprint(c, input + TIME_LEN + 1)) {
        memset(input + TIME_LEN + 1, 0, 32);
    }
    if (user.n > 0) {
        memcpy(input + TIME_LEN + 33, user.p, user.n);
    }
    bool ok = EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, c->service->form_key,
                        sizeof(c->service->form_key), input, TIME_LEN + 33 + user.n, mac,
                        sizeof(mac), &n) != NULL &&
              n == sizeof(mac);
    enc_hex(mac, ok ? sizeof(mac) : 0, mac_hex);
    return ok;
}

int sent_token(struct call *c, char out[SENT_TOKEN_LEN + 1])
{
    (void)snprintf(out, TIME_LEN + 1, "%016llx", (unsigned long long)(clock_wall_ms() / 1000));
    out[SENT_TOKEN_LEN] = '\0';
    return compute(c, out, out + TIME_LEN)
               ? 0
               : err_set(&c->err, ERR_CRYPTO, "the library cannot compute a MAC");
}

static bool read_time(struct str hex, int64_t *out)
{
    uint64_t v = 0;
    for (size_t i = 0; i < hex.n; i++) {
        const char *digits = "0123456789abcdef";
        const char *at = hex.p[i] != '\0' ? strchr(digits, hex.p[i]) : NULL;
        if (at == NULL) {
            return false;
        }
        v = v << 4 | (uint64_t)(at - digits);
    }
    *out = (int64_t)(v & INT64_MAX);
    return true;
}

static bool is_good(const struct call *c, struct str token)
{
    char mac[2 * MAC_OCTETS];
    int64_t at_s = 0;
    int64_t now_s = clock_wall_ms() / 1000;
    if (token.n != SENT_TOKEN_LEN || !read_time(str_slice(token, 0, TIME_LEN), &at_s) ||
        !compute(c, token.p, mac)) {
        return false;
    }
    bool same = mem_equal_secret(mac, token.p + TIME_LEN, sizeof(mac));
    return same && at_s <= now_s && now_s - at_s < SENT_TOKEN_LIFE;
}

int sent_check_token(struct call *c, const struct form *f)
{
    return is_good(c, form_value(f, STR("token")))
               ? 0
               : err_set(&c->err, ERR_DENIED,
                         "the page that this was sent from is too old, or was made for somebody "
                         "else: go back, load it anew, and send it again");
}

int sent_check_origin(struct call *c)
{
    return call_origin(c) == CALL_ORIGIN_OWN
               ? 0
               : err_set(&c->err, ERR_DENIED,
                         "this was not sent from a page of ours: nothing was done");
}
