/* Owns: finding and decoding CRLs in PEM. One buffer a CRL, whatever its size. Any thread. */
#include "auth/revoke/crl_pem.h"

#include <openssl/evp.h>

#include "base/mem.h"

#define BEGIN STR("-----BEGIN X509 CRL-----")
#define END   STR("-----END X509 CRL-----")

bool crl_pem_is(struct str text)
{
    return memmem(text.p, text.n, "-----BEGIN", 10) != NULL;
}

/* Cut *rest behind the next mark; false if there is none. *before: what stood in front of it. */
static bool cut_behind(struct str *rest, struct str mark, struct str *before)
{
    const char *at = memmem(rest->p, rest->n, mark.p, mark.n);
    if (at == NULL) {
        return false;
    }
    *before = (struct str){rest->p, (size_t)(at - rest->p)};
    rest->n -= before->n + mark.n;
    rest->p = at + mark.n;
    return true;
}

/* Base64 in text, as octets in out, which has room; false if it is none. */
static bool decode(struct str text, unsigned char *out, size_t *n)
{
    int head = 0;
    int tail = 0;
    EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
    bool ok = false;
    if (ctx != NULL) {
        EVP_DecodeInit(ctx);
        ok = EVP_DecodeUpdate(ctx, out, &head, (const unsigned char *)text.p, (int)text.n) >= 0 &&
             EVP_DecodeFinal(ctx, out + head, &tail) == 1;
    }
    EVP_ENCODE_CTX_free(ctx);
    *n = ok ? (size_t)head + (size_t)tail : 0;
    return ok;
}

int crl_pem_next(struct str *rest, struct str *der, struct err *e)
{
    struct str text = STR_NONE;
    size_t n = 0;
    *der = STR_NONE;
    if (!cut_behind(rest, BEGIN, &text)) {
        return 0;
    }
    if (!cut_behind(rest, END, &text)) {
        return err_set(e, ERR_MALFORMED, "not a CRL, or a damaged one");
    }
    unsigned char *out = mem_alloc(text.n / 4 * 3 + 3);
    if (out == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    /* A '-' ends what the library decodes; here the mark does. */
    if (memchr(text.p, '-', text.n) != NULL || !decode(text, out, &n)) {
        mem_free(out);
        return err_set(e, ERR_MALFORMED, "not a CRL, or a damaged one");
    }
    *der = (struct str){(const char *)out, n};
    return 0;
}
