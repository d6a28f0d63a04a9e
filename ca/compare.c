/* Owns: what of a certificate is compared. Leaves showing it to the API, the pages and the command
 * line. */
#include "ca/compare.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "auth/attribute.h"
#include "auth/revoke/asn1time.h"
#include "base/enc.h"
#include "ca/certificate.h"
#include "ca/leaf.h"

#define DAY_MS   INT64_C(86400000)
#define LIFE_MAX 24

static const struct {
    const char *token;
    const char *words;
} names[COMPARE_COUNT] = {
#define COMPARE_NAME(name, token, words) [COMPARE_##name] = {(token), (words)},
    COMPARE_FIELDS(COMPARE_NAME)
#undef COMPARE_NAME
};

const char *compare_token(enum compare_name name)
{
    return name < COMPARE_COUNT ? names[name].token : "unknown";
}

const char *compare_words(enum compare_name name)
{
    return name < COMPARE_COUNT ? names[name].words : "unknown";
}

/* One side: what is told, and where it goes. */
struct side {
    struct comparison *to;
    bool is_now;
};

static char *room(const struct side *s, enum compare_name name)
{
    struct compare_field *f = &s->to->fields[name];
    return s->is_now ? f->now : f->before;
}

/* Cut between characters. */
static void put(const struct side *s, enum compare_name name, struct str text)
{
    size_t n = text.n;
    if (n > COMPARE_TEXT_MAX) {
        n = COMPARE_TEXT_MAX;
        while (n > 0 && ((unsigned char)text.p[n] & 0xc0U) == 0x80U) {
            n--;
        }
    }
    if (n > 0) {
        memcpy(room(s, name), text.p, n);
    }
    room(s, name)[n] = '\0';
}

static void put_subject(const struct side *s, const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *p = NULL;
    /* As RFC 4514 has it, but with letters beyond ASCII as they are. */
    if (bio != NULL &&
        X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >=
            0) {
        long n = BIO_get_mem_data(bio, &p);
        struct str text = {p, n > 0 ? (size_t)n : 0};
        if (str_is_utf8(text) && !str_has_control(text)) {
            put(s, COMPARE_SUBJECT, text);
        }
    }
    BIO_free(bio);
}

static void put_days(const struct side *s, int64_t from_ms, int64_t to_ms)
{
    char text[LIFE_MAX];
    int64_t days = (to_ms - from_ms) / DAY_MS; /* the little by which it is dated back is none */
    (void)snprintf(text, sizeof(text), "%lld day%s", (long long)days, days == 1 ? "" : "s");
    put(s, COMPARE_LIFE, str_of(text));
}

static void put_key(const struct side *s, EVP_PKEY *key, const X509_PUBKEY *spki)
{
    char words[CSR_KEY_NAME_SIZE];
    char hex[65];
    unsigned char digest[32];
    unsigned char *der = NULL;
    if (key != NULL) {
        csr_key_words(csr_key_of(key), (unsigned)EVP_PKEY_get_bits(key), words);
        put(s, COMPARE_KEY, str_of(words));
    }
    int n = i2d_X509_PUBKEY(spki, &der);
    if (n > 0 && enc_sha256((struct str){(const char *)der, (size_t)n}, digest) == 0) {
        enc_hex(digest, sizeof(digest), hex);
        put(s, COMPARE_KEY_SHA256, (struct str){hex, 64});
    }
    OPENSSL_free(der);
}

static void put_certificate(const struct side *s, X509 *x)
{
    struct attribute a;
    int64_t from_s = 0;
    int64_t to_s = 0;
    const X509_NAME *subject = X509_get_subject_name(x);
    GENERAL_NAMES *san = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    put_subject(s, subject);
    if (attribute_read_san(san, &a) == REASON_OK) {
        put(s, COMPARE_EMAIL, str_of(a.text));
    }
    GENERAL_NAMES_free(san);
    if (attribute_read(subject, NID_organizationName, &a) == REASON_OK) {
        put(s, COMPARE_COMPANY, str_of(a.text));
    }
    put_key(s, X509_get0_pubkey(x), X509_get_X509_PUBKEY(x));
    if (asn1time_seconds(X509_get0_notBefore(x), &from_s) &&
        asn1time_seconds(X509_get0_notAfter(x), &to_s)) {
        put_days(s, from_s * 1000, to_s * 1000);
    }
}

/* What a certificate for r would say if it were signed now (leaf.h). */
static void put_wish(const struct life *l, const struct side *s, const struct record *r)
{
    const struct conf_ca_profile *profile = life_profile(l, r->profile);
    struct csr *csr = NULL;
    X509 *x = X509_new();
    if (x != NULL && certificate_set_subject(x, r->company, r->user)) {
        put_subject(s, X509_get_subject_name(x));
    }
    X509_free(x);
    if (str_chr(r->user, '@') != STR_NPOS) {
        put(s, COMPARE_EMAIL, r->user);
    }
    put(s, COMPARE_COMPANY, r->company);
    if (r->csr.n > 0 && csr_read(r->csr, &csr, NULL) == 0) {
        put_key(s, X509_REQ_get0_pubkey(csr->req), X509_REQ_get_X509_PUBKEY(csr->req));
    }
    csr_free(csr);
    if (profile != NULL) {
        put_days(s, 0, (int64_t)profile->life_days * DAY_MS);
    }
}

static void put_side(const struct life *l, const struct side *s, const struct record *r)
{
    const unsigned char *p = (const unsigned char *)r->certificate.p;
    X509 *x = r->certificate.n > 0 ? d2i_X509(NULL, &p, (long)r->certificate.n) : NULL;
    put(s, COMPARE_PROFILE, r->profile);
    if (x != NULL) {
        put_certificate(s, x);
    } else {
        put_wish(l, s, r);
    }
    X509_free(x);
    ERR_clear_error();
}

struct last {
    const struct life *life;
    struct comparison *out;
};

static bool take_last(void *arg, const struct record *r)
{
    const struct last *last = arg;
    struct comparison *out = last->out;
    out->any_before = true;
    out->before_state = r->state;
    (void)snprintf(out->before.text, sizeof(out->before.text), "%.*s", STR_ARG(r->id));
    put_side(last->life, &(struct side){out, false}, r);
    return false;
}

int compare_last(const struct life *l, const struct record *r, struct comparison *out,
                 struct err *e)
{
    struct last last = {l, out};
    *out = (struct comparison){.any_before = false};
    put_side(l, &(struct side){out, true}, r);
    const struct record_sought sought = {r->user, r->certificate.n > 0 ? r->cursor : INT64_MAX,
                                         r->id};
    int rc = record_show_last(l, &sought, take_last, &last, e);
    for (size_t i = 0; out->any_before && i < COMPARE_COUNT; i++) {
        struct compare_field *f = &out->fields[i];
        f->changed = strcmp(f->now, f->before) != 0;
        out->changed += f->changed ? 1 : 0;
    }
    return rc;
}
