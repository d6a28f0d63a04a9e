/* Owns: the forms of password hashes, checking and making them. Leaves files to htpasswd. Any
 * thread; slow. */
#include "auth/store/pwhash.h"

#include <string.h>

#include <crypt.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/enc.h"
#include "base/mem.h"

#define BCRYPT_LEN          60
#define BCRYPT_SALT_AT      7
#define BCRYPT_HASH_AT      29
#define BCRYPT_PASSWORD_MAX 72
#define BCRYPT_COST_MIN     4
#define BCRYPT_COST_MAX     16
#define ROUNDS_MIN          1000
#define ROUNDS_MAX          5000000
#define YESCRYPT_SALT_MAX   86
#define YESCRYPT_MIB_MAX    256
#define APR1_ROUNDS         1000
#define SHA1_LEN            ((size_t)20)
#define MD5_LEN             16

static const char alphabet[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/* bcrypt orders the same 64 characters differently. */
static const char bcrypt_alphabet[] =
    "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/* Value of c in one of the alphabets above, or 64. */
static unsigned value_in(const char *of, char c)
{
    const char *at = c != '\0' ? strchr(of, c) : NULL;
    return at != NULL ? (unsigned)(at - of) : 64;
}

static bool all_in_alphabet(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (value_in(alphabet, s.p[i]) == 64) {
            return false;
        }
    }
    return true;
}

/* "SALT$HASH" with a salt of at most salt_max characters and a hash of exactly hash_n. */
static bool is_salt_and_hash(struct str s, size_t salt_max, size_t hash_n)
{
    struct str salt = STR_NONE;
    struct str hash = STR_NONE;
    return str_cut(s, '$', &salt, &hash) && salt.n > 0 && salt.n <= salt_max && hash.n == hash_n &&
           all_in_alphabet(salt) && all_in_alphabet(hash);
}

/* The unused low bits of the last characters must be zero: libcrypt writes them so, and a hash that
 * is spelled otherwise would never match. */
static bool is_bcrypt(struct str s)
{
    if (s.n != BCRYPT_LEN || s.p[0] != '$' || s.p[1] != '2' ||
        str_chr(STR("aby"), s.p[2]) == STR_NPOS || s.p[3] != '$' || s.p[6] != '$' ||
        !all_in_alphabet(str_slice(s, BCRYPT_SALT_AT, s.n))) {
        return false;
    }
    uint64_t cost = 0;
    return str_to_u64(str_slice(s, 4, 6), &cost) && cost >= BCRYPT_COST_MIN &&
           cost <= BCRYPT_COST_MAX &&
           value_in(bcrypt_alphabet, s.p[BCRYPT_HASH_AT - 1]) % 16 == 0 &&
           value_in(bcrypt_alphabet, s.p[BCRYPT_LEN - 1]) % 4 == 0;
}

/* Parameters as crypt_gensalt(3) writes them: flavour 'j', then log2(N) - 1 and r - 1 in one
 * character each. More characters ask for parallelism, extra time or upgrades, which nobody uses.
 */
static bool is_yescrypt_cost(struct str s)
{
    if (s.n != 3 || s.p[0] != 'j') {
        return false;
    }
    unsigned n_log2 = value_in(alphabet, s.p[1]) + 1;
    unsigned r = value_in(alphabet, s.p[2]) + 1;
    return n_log2 >= 10 && n_log2 <= 18 && r <= 32 &&
           ((uint64_t)r << n_log2) * 128 <= (uint64_t)YESCRYPT_MIB_MAX << 20;
}

static bool is_yescrypt(struct str s)
{
    struct str cost = STR_NONE;
    struct str rest = STR_NONE;
    return str_cut(str_slice(s, 3, s.n), '$', &cost, &rest) && is_yescrypt_cost(cost) &&
           is_salt_and_hash(rest, YESCRYPT_SALT_MAX, 43);
}

static bool is_sha_crypt(struct str s, size_t hash_n)
{
    struct str rest = str_slice(s, 3, s.n);
    if (str_starts(rest, STR("rounds="))) {
        struct str rounds = STR_NONE;
        uint64_t n = 0;
        if (!str_cut(str_slice(rest, 7, rest.n), '$', &rounds, &rest) || !str_to_u64(rounds, &n) ||
            rounds.p[0] == '0' || n < ROUNDS_MIN || n > ROUNDS_MAX) {
            return false;
        }
    }
    return is_salt_and_hash(rest, 16, hash_n);
}

static bool is_sha1(struct str s)
{
    unsigned char digest[ENC_BASE64_LEN(SHA1_LEN)];
    size_t n = 0;
    struct str text = str_slice(s, 5, s.n);
    return text.n == ENC_BASE64_LEN(SHA1_LEN) && enc_base64_decode(text, digest, &n) == 0 &&
           n == SHA1_LEN;
}

enum pwhash_kind pwhash_kind(struct str hash)
{
    if (hash.n > PWHASH_MAX) {
        return PWHASH_UNKNOWN;
    }
    if (str_starts(hash, STR("$2"))) {
        return is_bcrypt(hash) ? PWHASH_BCRYPT : PWHASH_UNKNOWN;
    }
    if (str_starts(hash, STR("$y$"))) {
        return is_yescrypt(hash) ? PWHASH_YESCRYPT : PWHASH_UNKNOWN;
    }
    if (str_starts(hash, STR("$6$"))) {
        return is_sha_crypt(hash, 86) ? PWHASH_SHA512 : PWHASH_UNKNOWN;
    }
    if (str_starts(hash, STR("$5$"))) {
        return is_sha_crypt(hash, 43) ? PWHASH_SHA256 : PWHASH_UNKNOWN;
    }
    if (str_starts(hash, STR("$apr1$"))) {
        return is_salt_and_hash(str_slice(hash, 6, hash.n), 8, 22) ? PWHASH_APR1 : PWHASH_UNKNOWN;
    }
    if (str_starts(hash, STR("{SHA}"))) {
        return is_sha1(hash) ? PWHASH_SHA1 : PWHASH_UNKNOWN;
    }
    if (str_starts(hash, STR("$1$"))) {
        return is_salt_and_hash(str_slice(hash, 3, hash.n), 8, 22) ? PWHASH_MD5 : PWHASH_UNKNOWN;
    }
    return PWHASH_UNKNOWN;
}

bool pwhash_is_weak(enum pwhash_kind kind)
{
    return kind == PWHASH_APR1 || kind == PWHASH_SHA1 || kind == PWHASH_MD5;
}

/* Length of what comes before the hash proper; hash is of a known kind. */
static size_t setting_len(struct str hash, enum pwhash_kind kind)
{
    if (kind == PWHASH_BCRYPT) {
        return BCRYPT_HASH_AT;
    }
    if (kind == PWHASH_SHA1) {
        return 5;
    }
    size_t n = hash.n;
    while (hash.p[n - 1] != '$') {
        n--;
    }
    return n;
}

struct str pwhash_cost(struct str hash)
{
    enum pwhash_kind kind = pwhash_kind(hash);
    if (kind == PWHASH_UNKNOWN) {
        return STR_NONE;
    }
    if (kind == PWHASH_BCRYPT) {
        return str_slice(hash, 0, BCRYPT_SALT_AT);
    }
    size_t n = setting_len(hash, kind);
    if (kind != PWHASH_SHA1) {
        n--;
        while (hash.p[n - 1] != '$') {
            n--;
        }
    }
    return str_slice(hash, 0, n);
}

static bool crypt_matches(struct str hash, struct str password)
{
    struct crypt_data *data = mem_calloc(1, sizeof(*data));
    if (data == NULL) {
        return false;
    }
    char setting[PWHASH_MAX + 1] = {0};
    char phrase[PWHASH_PASSWORD_MAX + 1] = {0};
    memcpy(setting, hash.p, hash.n);
    memcpy(phrase, password.p, password.n);
    const char *made = crypt_rn(phrase, setting, data, (int)sizeof(*data));
    bool match = made != NULL && strnlen(made, sizeof(data->output)) == hash.n &&
                 mem_equal_secret(made, hash.p, hash.n);
    mem_wipe(phrase, sizeof(phrase));
    mem_wipe(setting, sizeof(setting));
    mem_wipe(data, sizeof(*data));
    mem_free(data);
    return match;
}

static bool sha1_matches(struct str hash, struct str password)
{
    unsigned char made[EVP_MAX_MD_SIZE];
    unsigned char stored[ENC_BASE64_LEN(SHA1_LEN)];
    unsigned made_n = 0;
    size_t stored_n = 0;
    bool match = EVP_Digest(password.p, password.n, made, &made_n, EVP_sha1(), NULL) == 1 &&
                 enc_base64_decode(str_slice(hash, 5, hash.n), stored, &stored_n) == 0 &&
                 made_n == SHA1_LEN && stored_n == SHA1_LEN &&
                 mem_equal_secret(made, stored, SHA1_LEN);
    mem_wipe(made, sizeof(made));
    mem_wipe(stored, sizeof(stored));
    return match;
}

/* One MD5 over parts; false where the library has no MD5 (FIPS). */
static bool md5(EVP_MD_CTX *ctx, const struct str *parts, size_t n, unsigned char out[MD5_LEN])
{
    bool ok = EVP_DigestInit_ex(ctx, EVP_md5(), NULL) == 1;
    for (size_t i = 0; ok && i < n; i++) {
        ok = parts[i].n == 0 || EVP_DigestUpdate(ctx, parts[i].p, parts[i].n) == 1;
    }
    unsigned char made[EVP_MAX_MD_SIZE];
    unsigned made_n = 0;
    ok = ok && EVP_DigestFinal_ex(ctx, made, &made_n) == 1 && made_n == MD5_LEN;
    if (ok) {
        memcpy(out, made, MD5_LEN);
    }
    mem_wipe(made, sizeof(made));
    return ok;
}

/* First digest of apr1: password, magic and salt, then as many octets of an inner digest as the
 * password has, then an octet for each of its length's bits. */
static bool apr1_begin(EVP_MD_CTX *ctx, struct str salt, struct str password,
                       unsigned char out[MD5_LEN])
{
    unsigned char inner[MD5_LEN];
    struct str parts[4 + PWHASH_PASSWORD_MAX / MD5_LEN + 16];
    if (!md5(ctx, (const struct str[]){password, salt, password}, 3, inner)) {
        return false;
    }
    size_t n = 0;
    parts[n++] = password;
    parts[n++] = STR("$apr1$");
    parts[n++] = salt;
    for (size_t left = password.n; left > 0;) {
        size_t take = left < MD5_LEN ? left : MD5_LEN;
        parts[n++] = (struct str){(const char *)inner, take};
        left -= take;
    }
    for (size_t bits = password.n; bits > 0; bits >>= 1) {
        parts[n++] = (bits & 1) != 0 ? (struct str){"", 1} : str_slice(password, 0, 1);
    }
    bool ok = md5(ctx, parts, n, out);
    mem_wipe(inner, sizeof(inner));
    return ok;
}

static bool apr1_round(EVP_MD_CTX *ctx, unsigned i, struct str salt, struct str password,
                       unsigned char digest[MD5_LEN])
{
    struct str before = {(const char *)digest, MD5_LEN};
    struct str parts[4];
    size_t n = 0;
    parts[n++] = (i & 1) != 0 ? password : before;
    if (i % 3 != 0) {
        parts[n++] = salt;
    }
    if (i % 7 != 0) {
        parts[n++] = password;
    }
    parts[n++] = (i & 1) != 0 ? before : password;
    return md5(ctx, parts, n, digest);
}

static void apr1_text(const unsigned char d[MD5_LEN], char out[22])
{
    static const unsigned char order[5][3] = {
        {0, 6, 12}, {1, 7, 13}, {2, 8, 14}, {3, 9, 15}, {4, 10, 5}};
    for (size_t i = 0; i < 5; i++) {
        unsigned v = (unsigned)d[order[i][0]] << 16 | (unsigned)d[order[i][1]] << 8 |
                     (unsigned)d[order[i][2]];
        for (size_t k = 0; k < 4; k++) {
            out[i * 4 + k] = alphabet[(v >> (6 * k)) & 63];
        }
    }
    out[20] = alphabet[d[11] & 63];
    out[21] = alphabet[d[11] >> 6];
}

static bool apr1_matches(struct str hash, struct str password)
{
    struct str salt = STR_NONE;
    struct str text = STR_NONE;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL || !str_cut(str_slice(hash, 6, hash.n), '$', &salt, &text)) {
        EVP_MD_CTX_free(ctx);
        return false;
    }
    unsigned char digest[MD5_LEN];
    char made[22];
    bool ok = apr1_begin(ctx, salt, password, digest);
    for (unsigned i = 0; ok && i < APR1_ROUNDS; i++) {
        ok = apr1_round(ctx, i, salt, password, digest);
    }
    EVP_MD_CTX_free(ctx);
    if (!ok) {
        return false;
    }
    apr1_text(digest, made);
    ok = text.n == sizeof(made) && mem_equal_secret(made, text.p, sizeof(made));
    mem_wipe(digest, sizeof(digest));
    mem_wipe(made, sizeof(made));
    return ok;
}

static bool is_password(struct str password)
{
    return password.n > 0 && password.n <= PWHASH_PASSWORD_MAX && !str_has_control(password);
}

bool pwhash_verify(struct str hash, struct str password)
{
    if (!is_password(password)) {
        return false;
    }
    switch (pwhash_kind(hash)) {
    case PWHASH_BCRYPT:
        return password.n <= BCRYPT_PASSWORD_MAX && crypt_matches(hash, password);
    case PWHASH_YESCRYPT:
    case PWHASH_SHA512:
    case PWHASH_SHA256:
    case PWHASH_MD5:
        return crypt_matches(hash, password);
    case PWHASH_APR1:
        return apr1_matches(hash, password);
    case PWHASH_SHA1:
        return sha1_matches(hash, password);
    case PWHASH_UNKNOWN:
        break;
    }
    return false;
}

int pwhash_make(struct str password, char out[PWHASH_MAX + 1], struct err *e)
{
    out[0] = '\0';
    if (!is_password(password)) {
        return err_set(e, ERR_MALFORMED, "a password has 1 to %d octets and no control characters",
                       PWHASH_PASSWORD_MAX);
    }
    struct crypt_data *data = mem_calloc(1, sizeof(*data));
    if (data == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    char phrase[PWHASH_PASSWORD_MAX + 1] = {0};
    memcpy(phrase, password.p, password.n);
    const char *made = NULL;
    if (crypt_gensalt_rn("$y$", 0, NULL, 0, setting, (int)sizeof(setting)) != NULL) {
        made = crypt_rn(phrase, setting, data, (int)sizeof(*data));
    }
    size_t n = made != NULL ? strnlen(made, sizeof(data->output)) : 0;
    int rc = 0;
    if (made == NULL || pwhash_kind((struct str){made, n}) != PWHASH_YESCRYPT) {
        rc = err_set(e, ERR_CRYPTO, "libcrypt cannot make a yescrypt hash");
    } else {
        memcpy(out, made, n);
        out[n] = '\0';
    }
    mem_wipe(phrase, sizeof(phrase));
    mem_wipe(data, sizeof(*data));
    mem_free(data);
    return rc;
}

/* Fill n characters with random ones of the alphabet; the last is '.', whose unused bits are zero
 * in every kind. */
static int random_text(char *out, size_t n)
{
    unsigned char octets[128];
    if (n == 0 || n > sizeof(octets) || RAND_bytes(octets, (int)n) != 1) {
        return -ERR_CRYPTO;
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = alphabet[octets[i] & 63];
    }
    out[n - 1] = '.';
    return 0;
}

static int random_sha1(char *out)
{
    unsigned char octets[SHA1_LEN];
    if (RAND_bytes(octets, (int)sizeof(octets)) != 1) {
        return -ERR_CRYPTO;
    }
    enc_base64((struct str){(const char *)octets, sizeof(octets)}, out);
    return 0;
}

int pwhash_decoy(struct str model, char out[PWHASH_MAX + 1])
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    enum pwhash_kind kind = pwhash_kind(model);
    size_t keep = 0;
    size_t fill = 43;
    out[0] = '\0';
    if (kind == PWHASH_UNKNOWN) {
        if (crypt_gensalt_rn("$y$", 0, NULL, 0, setting, (int)sizeof(setting) - 1) == NULL) {
            return -ERR_CRYPTO;
        }
        keep = strlen(setting);
        setting[keep++] = '$';
        memcpy(out, setting, keep);
    } else {
        keep = setting_len(model, kind);
        fill = model.n - keep;
        memcpy(out, model.p, keep);
    }
    int rc = kind == PWHASH_SHA1 ? random_sha1(out + keep) : random_text(out + keep, fill);
    out[rc == 0 ? keep + fill : 0] = '\0';
    return rc;
}

const char *pwhash_library(void)
{
    return "libxcrypt " XCRYPT_VERSION_STR;
}
