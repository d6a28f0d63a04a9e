/* Owns: codes, their secrets' text form, and what is remembered of used ones. Leaves the memory to
 * slots. Any thread. */
#include "auth/totp.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "auth/slots.h"
#include "base/enc.h"
#include "base/err.h"
#include "base/mem.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

struct totp_memory {
    struct slots *used;   /* user and secret -> step */
    struct slots *proven; /* user, secret and certificate -> monotonic time */
};

size_t totp_digits(const struct conf_totp *rule)
{
    return rule->digits == CONF_TOTP_EIGHT ? 8 : 6;
}

static const EVP_MD *hash_of(const struct conf_totp *rule)
{
    switch (rule->algorithm) {
    case CONF_TOTP_SHA256:
        return EVP_sha256();
    case CONF_TOTP_SHA512:
        return EVP_sha512();
    case CONF_TOTP_SHA1:
    default:
        return EVP_sha1();
    }
}

int totp_code(const struct conf_totp *rule, struct str secret, uint64_t step,
              char out[TOTP_DIGITS_MAX + 1])
{
    unsigned char counter[8];
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    for (size_t i = 0; i < sizeof(counter); i++) {
        counter[i] = (unsigned char)(step >> (56 - 8 * i));
    }
    if (secret.n == 0 || secret.n > TOTP_SECRET_MAX ||
        HMAC(hash_of(rule), secret.p, (int)secret.n, counter, sizeof(counter), mac, &n) == NULL ||
        n < 20) {
        return -ERR_CRYPTO;
    }
    size_t at = mac[n - 1] & 0x0f;
    uint32_t code = (uint32_t)(mac[at] & 0x7f) << 24 | (uint32_t)mac[at + 1] << 16 |
                    (uint32_t)mac[at + 2] << 8 | mac[at + 3];
    size_t digits = totp_digits(rule);
    out[digits] = '\0';
    for (size_t i = digits; i > 0; i--) {
        out[i - 1] = (char)('0' + code % 10);
        code /= 10;
    }
    mem_wipe(mac, sizeof(mac));
    return 0;
}

bool totp_match(const struct conf_totp *rule, struct str secret, struct str code, int64_t wall_ms,
                uint64_t *step)
{
    char wanted[TOTP_DIGITS_MAX + 1];
    uint64_t now = wall_ms > 0 ? (uint64_t)wall_ms / 1000 / TOTP_PERIOD_S : 0;
    uint64_t from = now > rule->window ? now - rule->window : 0;
    bool found = false;
    if (code.n != totp_digits(rule)) {
        return false;
    }
    for (uint64_t i = from; i <= now + rule->window; i++) {
        bool same =
            totp_code(rule, secret, i, wanted) == 0 && mem_equal_secret(wanted, code.p, code.n);
        *step = same ? i : *step;
        found |= same;
    }
    mem_wipe(wanted, sizeof(wanted));
    return found;
}

bool totp_split(const struct conf_totp *rule, struct str *password, struct str *code)
{
    size_t digits = totp_digits(rule);
    if (password->n <= digits) {
        return false;
    }
    struct str end = str_slice(*password, password->n - digits, password->n);
    for (size_t i = 0; i < end.n; i++) {
        if (end.p[i] < '0' || end.p[i] > '9') {
            return false;
        }
    }
    *code = end;
    password->n -= digits;
    return true;
}

int totp_base32_decode(struct str text, unsigned char *out, size_t *n)
{
    uint32_t bits = 0;
    unsigned held = 0;
    *n = 0;
    if (text.n == 0 || text.n > TOTP_BASE32_LEN(TOTP_SECRET_MAX)) {
        return -ERR_MALFORMED;
    }
    for (size_t i = 0; i < text.n; i++) {
        size_t value = str_chr((struct str){alphabet, sizeof(alphabet) - 1}, text.p[i]);
        if (value == STR_NPOS) {
            return -ERR_MALFORMED;
        }
        bits = (bits << 5 | (uint32_t)value) & 0xfff;
        held += 5;
        if (held >= 8) {
            held -= 8;
            out[(*n)++] = (unsigned char)(bits >> held);
        }
    }
    /* What is left must be less than a digit, and zero. */
    if (held >= 5 || (bits & ((1U << held) - 1)) != 0) {
        return -ERR_MALFORMED;
    }
    return 0;
}

size_t totp_base32(struct str in, char *out)
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        bits = (bits << 8 | (unsigned char)in.p[i]) & 0xfff;
        held += 8;
        while (held >= 5) {
            held -= 5;
            out[n++] = alphabet[bits >> held & 31];
        }
    }
    if (held > 0) {
        out[n++] = alphabet[bits << (5 - held) & 31];
    }
    return n;
}

int totp_uri(const struct conf_totp *rule, struct str issuer, struct str user, struct str secret,
             struct buf *out)
{
    static const char *const hashes[] = {"SHA1", "SHA256", "SHA512"};
    char text[TOTP_BASE32_LEN(TOTP_SECRET_MAX)];
    struct str shown = {text, 0};
    if (secret.n > TOTP_SECRET_MAX) {
        return -ERR_TOO_LARGE;
    }
    shown.n = totp_base32(secret, text);
    int rc = buf_append(out, STR("otpauth://totp/"));
    rc = rc == 0 ? enc_percent(out, issuer) : rc;
    rc = rc == 0 ? buf_append(out, STR(":")) : rc;
    rc = rc == 0 ? enc_percent(out, user) : rc;
    rc = rc == 0 ? buf_append(out, STR("?secret=")) : rc;
    rc = rc == 0 ? buf_append(out, shown) : rc;
    rc = rc == 0 ? buf_append(out, STR("&issuer=")) : rc;
    rc = rc == 0 ? enc_percent(out, issuer) : rc;
    rc = rc == 0 ? buf_printf(out, "&algorithm=%s&digits=%zu&period=%d", hashes[rule->algorithm],
                              totp_digits(rule), TOTP_PERIOD_S)
                 : rc;
    mem_wipe(text, sizeof(text));
    return rc;
}

struct totp_memory *totp_memory_new(size_t entries)
{
    struct totp_memory *m = mem_calloc(1, sizeof(*m));
    if (m == NULL) {
        return NULL;
    }
    m->used = slots_new(entries);
    m->proven = slots_new(entries);
    if (m->used == NULL || m->proven == NULL) {
        totp_memory_free(m);
        return NULL;
    }
    return m;
}

void totp_memory_free(struct totp_memory *m)
{
    if (m != NULL) {
        slots_free(m->used);
        slots_free(m->proven);
        mem_free(m);
    }
}

/* A new secret begins anew: whatever the old one's codes were, none of its own was used. */
static uint64_t used_key(const struct totp_memory *m, struct str user, struct str secret)
{
    const struct str parts[] = {user, secret};
    return slots_key(m->used, parts, 2);
}

static bool change_used(void *arg, uint64_t before, uint64_t *after)
{
    const uint64_t *step = arg;
    *after = *step + 1; /* 0 means none */
    return *step + 1 > before && *step < SLOTS_VALUE_MAX;
}

bool totp_use(struct totp_memory *m, struct str user, struct str secret, uint64_t step)
{
    return slots_change(m->used, used_key(m, user, secret), change_used, &step, NULL);
}

bool totp_used(const struct totp_memory *m, struct str user, struct str secret, uint64_t step)
{
    uint64_t last = slots_read(m->used, used_key(m, user, secret));
    return step + 1 <= last || step >= SLOTS_VALUE_MAX;
}

static uint64_t proven_key(const struct totp_memory *m, struct str user, struct str secret,
                           const unsigned char certificate[32])
{
    const struct str parts[] = {user, secret, {(const char *)certificate, 32}};
    return slots_key(m->proven, parts, 3);
}

static bool change_proven(void *arg, uint64_t before, uint64_t *after)
{
    const uint64_t *mono_ms = arg;
    (void)before;
    *after = *mono_ms + 1;
    return *mono_ms < SLOTS_VALUE_MAX;
}

void totp_remember(struct totp_memory *m, struct str user, struct str secret,
                   const unsigned char certificate[32], uint64_t mono_ms)
{
    (void)slots_change(m->proven, proven_key(m, user, secret, certificate), change_proven, &mono_ms,
                       NULL);
}

bool totp_remembered(const struct totp_memory *m, const struct conf_totp *rule, struct str user,
                     struct str secret, const unsigned char certificate[32], uint64_t mono_ms)
{
    if (rule->remember_ms == 0) {
        return false;
    }
    uint64_t at = slots_read(m->proven, proven_key(m, user, secret, certificate));
    return at != 0 && mono_ms + 1 >= at && mono_ms + 1 - at < rule->remember_ms;
}
