/* Owns: text encodings and SHA-256. Not: parsing of the texts around them. Any thread. */
#include "base/enc.h"

#include <pthread.h>

#include <openssl/evp.h>

#include "base/err.h"

static const char hex_lower[] = "0123456789abcdef";
static const char hex_upper[] = "0123456789ABCDEF";
static const char base64_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The 6 bits of a base64 letter, or -1. Computed rather than looked up: no cache line tells which
 * letters a password's encoding has. */
static int base64_bits(char letter)
{
    int c = (unsigned char)letter;
    int bits = -1;
    bits += ((('A' - 1 - c) & (c - 'Z' - 1)) >> 8) & (c - 'A' + 1);
    bits += ((('a' - 1 - c) & (c - 'z' - 1)) >> 8) & (c - 'a' + 27);
    bits += ((('0' - 1 - c) & (c - '9' - 1)) >> 8) & (c - '0' + 53);
    bits += ((('+' - 1 - c) & (c - '+' - 1)) >> 8) & 63;
    bits += ((('/' - 1 - c) & (c - '/' - 1)) >> 8) & 64;
    return bits;
}

/* Decode one group of letters (2-4 of them, the rest padding); false on a letter outside the
 * alphabet or unused bits that are set. */
static bool base64_group(const char *in, size_t letters, unsigned char *out)
{
    uint32_t bits = 0;
    int bad = 0;
    for (size_t i = 0; i < 4; i++) {
        int six = i < letters ? base64_bits(in[i]) : 0;
        bad |= six;
        bits = (bits << 6) | ((uint32_t)six & 63U);
    }
    if (bad < 0 || (bits & ((1U << (8 * (4 - letters))) - 1)) != 0) {
        return false;
    }
    for (size_t i = 0; i + 1 < letters; i++) {
        out[i] = (unsigned char)(bits >> (16 - 8 * i));
    }
    return true;
}

int enc_base64_decode(struct str in, unsigned char *out, size_t *n)
{
    *n = 0;
    if (in.n % 4 != 0) {
        return -ERR_MALFORMED;
    }
    for (size_t at = 0; at < in.n; at += 4) {
        size_t letters = 4;
        if (at + 4 == in.n && in.p[at + 3] == '=') {
            letters = in.p[at + 2] == '=' ? 2 : 3;
        }
        if (!base64_group(in.p + at, letters, out + *n)) {
            return -ERR_MALFORMED;
        }
        *n += letters - 1;
    }
    return 0;
}

size_t enc_base64(struct str in, char *out)
{
    const unsigned char *u = (const unsigned char *)in.p;
    size_t n = 0;
    for (size_t at = 0; at < in.n; at += 3) {
        size_t left = in.n - at;
        uint32_t bits = (uint32_t)u[at] << 16;
        bits |= left > 1 ? (uint32_t)u[at + 1] << 8 : 0;
        bits |= left > 2 ? u[at + 2] : 0;
        out[n++] = base64_letters[bits >> 18];
        out[n++] = base64_letters[(bits >> 12) & 63];
        out[n++] = '=';
        out[n++] = '=';
        if (left > 1) {
            out[n - 2] = base64_letters[(bits >> 6) & 63];
        }
        if (left > 2) {
            out[n - 1] = base64_letters[bits & 63];
        }
    }
    return n;
}

size_t enc_base64url(struct str in, char *out)
{
    size_t n = enc_base64(in, out);
    while (n > 0 && out[n - 1] == '=') {
        n--;
    }
    for (size_t i = 0; i < n; i++) {
        if (out[i] == '+') {
            out[i] = '-';
        } else if (out[i] == '/') {
            out[i] = '_';
        }
    }
    return n;
}

void enc_hex(const unsigned char *in, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = hex_lower[in[i] >> 4];
        out[2 * i + 1] = hex_lower[in[i] & 15];
    }
}

size_t enc_decimal(uint64_t number, char *out)
{
    char digits[ENC_DECIMAL_MAX];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    memcpy(out, digits + at, sizeof(digits) - at);
    return sizeof(digits) - at;
}

/* Writes what stands for the front of s into out (at most ESCAPE_MAX octets) and says how many
 * octets of s that was; 0: the first octet stands for itself. */
typedef size_t (*escape_fn)(struct str s, char *out, size_t *out_n);

enum { ESCAPE_MAX = ENC_ESCAPE_MAX };

static size_t percent_escape(struct str s, char *out, size_t *out_n);

/* How many octets at the front of s are printable ASCII other than '"' and '\\': they stand for
 * themselves in every text with quotes. Eight at a time: in a word of which none is anything else,
 * no octet has its highest bit set, not after 0x20 was taken from it, and none is 0 after it was
 * compared. */
static size_t plain_len(struct str s)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t tops = ones << 7;
    size_t at = 0;
    while (s.n - at >= sizeof(uint64_t)) {
        uint64_t w;
        memcpy(&w, s.p + at, sizeof(w));
        uint64_t quote = w ^ (ones * '"');
        uint64_t slash = w ^ (ones * '\\');
        uint64_t rubout = w ^ (ones * 0x7f);
        uint64_t other = w | (w - ones * 0x20) | (quote - ones) | (slash - ones) | (rubout - ones);
        if ((other & tops) != 0) {
            break;
        }
        at += sizeof(w);
    }
    while (at < s.n) {
        unsigned char c = (unsigned char)s.p[at];
        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\') {
            break;
        }
        at++;
    }
    return at;
}

static char *put_octets(char *out, struct str s)
{
    if (s.n > 0) {
        memcpy(out, s.p, s.n);
    }
    return out + s.n;
}

/* s escaped, to out, where there is room for the worst. Returns its end. */
static char *put_escaped(char *out, struct str s, escape_fn escape)
{
    while (s.n > 0) {
        size_t n = plain_len(s);
        out = put_octets(out, str_slice(s, 0, n));
        s = str_slice(s, n, s.n);
        if (s.n > 0) {
            size_t text_n = 0;
            size_t eaten =
                escape(s, out, &text_n); /* what ends such a run is never left as it is */
            out += text_n;
            s = str_slice(s, eaten, s.n);
        }
    }
    return out;
}

/* Appends quote, s escaped, quote; all or nothing. Octets that stand for themselves go in runs. */
static int append_escaped(struct buf *out, struct str s, escape_fn escape, struct str quote)
{
    size_t len_before = buf_len(out);
    size_t run = 0;
    size_t at = 0;
    int rc = buf_append(out, quote);
    while (rc == 0 && at < s.n) {
        char text[ESCAPE_MAX];
        size_t text_n = 0;
        if (escape != percent_escape) {
            at += plain_len(str_slice(s, at, s.n));
        }
        if (at == s.n) {
            break;
        }
        size_t eaten = escape(str_slice(s, at, s.n), text, &text_n);
        if (eaten == 0) {
            at++;
            continue;
        }
        rc = buf_append(out, str_slice(s, run, at));
        if (rc == 0) {
            rc = buf_append(out, (struct str){text, text_n});
        }
        at += eaten;
        run = at;
    }
    if (rc == 0) {
        rc = buf_append(out, str_slice(s, run, s.n));
    }
    if (rc == 0) {
        rc = buf_append(out, quote);
    }
    if (rc != 0) {
        out->tail = out->head + len_before;
    }
    return rc;
}

static void put(char *out, size_t *out_n, struct str text)
{
    memcpy(out, text.p, text.n);
    *out_n = text.n;
}

static size_t json_unicode(unsigned code, char *out, size_t *out_n)
{
    put(out, out_n, STR("\\u0000"));
    out[4] = hex_lower[(code >> 4) & 15];
    out[5] = hex_lower[code & 15];
    return 1;
}

static size_t json_escape(struct str s, char *out, size_t *out_n)
{
    unsigned char c = (unsigned char)s.p[0];
    if (c == '"' || c == '\\') {
        out[0] = '\\';
        out[1] = (char)c;
        *out_n = 2;
        return 1;
    }
    if (c < 0x20 || c == 0x7f) {
        return json_unicode(c, out, out_n);
    }
    if (c < 0x80) {
        return 0;
    }
    size_t n = str_utf8_len(s);
    if (n == 0) {
        put(out, out_n, STR("\xef\xbf\xbd"));
        return 1;
    }
    if (c == 0xc2 && (unsigned char)s.p[1] < 0xa0) {
        (void)json_unicode((unsigned char)s.p[1], out, out_n); /* C1 controls steer terminals */
        return n;
    }
    put(out, out_n, str_slice(s, 0, n));
    return n;
}

int enc_json_string(struct buf *out, struct str s)
{
    return append_escaped(out, s, json_escape, STR("\""));
}

char *enc_json_put(char *out, struct str s)
{
    return put_escaped(out, s, json_escape);
}

static size_t quoted_string_escape(struct str s, char *out, size_t *out_n)
{
    unsigned char c = (unsigned char)s.p[0];
    if (c == '"' || c == '\\') {
        out[0] = '\\';
        out[1] = (char)c;
        *out_n = 2;
        return 1;
    }
    if (c == '\t' || (c >= 0x20 && c != 0x7f)) {
        return 0; /* qdtext, obs-text included */
    }
    out[0] = '?';
    *out_n = 1;
    return 1;
}

int enc_quoted_string(struct buf *out, struct str s)
{
    return append_escaped(out, s, quoted_string_escape, STR("\""));
}

static size_t log_escape(struct str s, char *out, size_t *out_n)
{
    unsigned char c = (unsigned char)s.p[0];
    if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
        return 0;
    }
    out[0] = '\\';
    out[1] = 'x';
    enc_hex(&c, 1, out + 2);
    *out_n = 4;
    return 1;
}

int enc_log_text(struct buf *out, struct str s)
{
    return append_escaped(out, s, log_escape, STR(""));
}

char *enc_log_put(char *out, struct str s)
{
    return put_escaped(out, s, log_escape);
}

static bool is_unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static size_t percent_escape(struct str s, char *out, size_t *out_n)
{
    unsigned char c = (unsigned char)s.p[0];
    if (is_unreserved(c)) {
        return 0;
    }
    out[0] = '%';
    out[1] = hex_upper[c >> 4];
    out[2] = hex_upper[c & 15];
    *out_n = 3;
    return 1;
}

int enc_percent(struct buf *out, struct str s)
{
    return append_escaped(out, s, percent_escape, STR(""));
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char l = str_lower(c);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

int enc_percent_decode(struct str s, char *out, size_t *n)
{
    size_t w = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '%') {
            out[w++] = s.p[i];
            continue;
        }
        int high = s.n - i > 2 ? hex_value(s.p[i + 1]) : -1;
        int low = s.n - i > 2 ? hex_value(s.p[i + 2]) : -1;
        if (high < 0 || low < 0) {
            return -ERR_MALFORMED;
        }
        out[w++] = (char)(unsigned char)(high * 16 + low);
        i += 2;
    }
    *n = w;
    return 0;
}

/* Looked up once: to do so for each digest takes longer than a short digest itself. Never freed, as
 * threads may use it until the end. */
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;
static const EVP_MD *sha256;

static void find_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

int enc_sha256(struct str s, unsigned char digest[32])
{
    unsigned n = 0;
    (void)pthread_once(&sha256_once, find_sha256);
    if (sha256 == NULL || EVP_Digest(s.p, s.n, digest, &n, sha256, NULL) != 1 || n != 32) {
        return -ERR_CRYPTO;
    }
    return 0;
}
