/* Owns: the messages of EST, client's side, and what an answer means. */
#include "cli/renew_ask.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pkcs7.h>

#include "base/enc.h"
#include "base/mem.h"
#include "ca/certificate.h"
#include "cli/json.h"

#define REQUEST_MAX 16384
#define DETAIL_MAX  200
#define ANSWER_MAX  131072
#define WELL_KNOWN  "/.well-known/est/"

static int url_of(const struct renew_server *s, const char *verb, char out[WEB_URL_MAX + 1],
                  struct err *e)
{
    struct str base = str_of(s->url);
    while (str_ends(base, STR("/"))) {
        base.n--;
    }
    int n = snprintf(out, WEB_URL_MAX + 1, "%.*s" WELL_KNOWN "%s%s%s", STR_ARG(base),
                     s->profile != NULL ? s->profile : "", s->profile != NULL ? "/" : "", verb);
    return n > 0 && n <= WEB_URL_MAX ? 0 : err_set(e, ERR_CONFIG, "the URL is too long");
}

/* The subject is the present one's (RFC 7030 4.2.2). */
static X509_REQ *make_request(X509 *old, EVP_PKEY *key)
{
    X509_REQ *r = X509_REQ_new();
    if (r == NULL || X509_REQ_set_version(r, X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_subject_name(r, X509_get_subject_name(old)) != 1 ||
        X509_REQ_set_pubkey(r, key) != 1 || X509_REQ_sign(r, key, certificate_digest(key)) <= 0) {
        X509_REQ_free(r);
        return NULL;
    }
    return r;
}

/* Base64 of its DER. */
static int encode_request(X509 *old, EVP_PKEY *key, char out[REQUEST_MAX], struct str *body,
                          struct err *e)
{
    unsigned char *der = NULL;
    X509_REQ *r = make_request(old, key);
    int n = r != NULL ? i2d_X509_REQ(r, &der) : -1;
    X509_REQ_free(r);
    ERR_clear_error();
    if (n <= 0 || ENC_BASE64_LEN((size_t)n) > REQUEST_MAX) {
        OPENSSL_free(der);
        return err_set(e, ERR_CRYPTO, "the request cannot be made");
    }
    *body = (struct str){out, enc_base64((struct str){(const char *)der, (size_t)n}, out)};
    OPENSSL_free(der);
    return 0;
}

/* What the server says about it, in words, if it says anything. */
static void read_detail(const struct web_reply *r, char out[DETAIL_MAX])
{
    struct buf text;
    out[0] = '\0';
    if (!str_starts(str_of(r->type), STR("application/problem+json"))) {
        return;
    }
    buf_init(&text, REQUEST_MAX);
    struct json root = json_value(buf_str(&r->body));
    struct json detail = json_member(&root, STR("detail"));
    if (detail.kind == JSON_STRING && json_text(&detail, &text) == 0) {
        (void)snprintf(out, DETAIL_MAX, "%.*s", STR_ARG(buf_str(&text)));
    }
    for (char *p = out; *p != '\0'; p++) {
        *p = *p == '\n' ? ' ' : *p;
    }
    buf_release(&text);
}

static enum renew_answer judge(const struct web_reply *r, struct err *e)
{
    char detail[DETAIL_MAX];
    read_detail(r, detail);
    const char *between = detail[0] != '\0' ? ": " : "";
    if (r->status == 200 || r->status == 204) {
        return RENEW_ANSWER_ISSUED;
    }
    if (r->status == 202) {
        (void)err_set(e, ERR_BUSY, "an operator must agree to it first");
        return RENEW_ANSWER_WAITS;
    }
    (void)err_set(e, ERR_DENIED, "the server answers %u%s%s", r->status, between, detail);
    return r->status == 429 || r->status >= 500 ? RENEW_ANSWER_FAILED : RENEW_ANSWER_REFUSED;
}

/* base64 of a PKCS#7 with certificates alone, its lines broken anyhow. */
static int read_certificates(const struct web_reply *r, STACK_OF(X509) * *came, struct err *e)
{
    struct str body = buf_str(&r->body);
    char *text = body.n <= ANSWER_MAX ? mem_alloc(body.n + 1) : NULL;
    size_t n = 0;
    size_t length = 0;
    PKCS7 *p = NULL;
    *came = NULL;
    for (size_t i = 0; text != NULL && i < body.n; i++) {
        if (strchr(" \t\r\n", body.p[i]) == NULL) {
            text[length++] = body.p[i];
        }
    }
    unsigned char *der = text != NULL ? mem_alloc(length + 1) : NULL;
    if (der != NULL && enc_base64_decode((struct str){text, length}, der, &n) == 0) {
        const unsigned char *in = der;
        p = d2i_PKCS7(NULL, &in, (long)n);
    }
    if (p != NULL && PKCS7_type_is_signed(p) && p->d.sign != NULL && p->d.sign->cert != NULL &&
        sk_X509_num(p->d.sign->cert) > 0) {
        *came = X509_chain_up_ref(p->d.sign->cert);
    }
    PKCS7_free(p);
    ERR_clear_error();
    mem_free(der);
    mem_free(text);
    return *came != NULL ? 0 : err_set(e, ERR_DENIED, "the server's answer holds no certificates");
}

static enum renew_answer failed(int rc, struct err *e)
{
    (void)err_set(e, (enum err_code) - rc, "%s", err_name(rc));
    return rc == -ERR_DENIED || rc == -ERR_CONFIG || rc == -ERR_UNSUPPORTED ? RENEW_ANSWER_REFUSED
                                                                            : RENEW_ANSWER_FAILED;
}

enum renew_answer renew_ask(const struct renew_server *s, X509 *old, EVP_PKEY *key,
                            STACK_OF(X509) * *came, uint32_t *retry_after_s, struct err *e)
{
    static const char *const fields[] = {"Content-Transfer-Encoding: base64"};
    char url[WEB_URL_MAX + 1];
    char body[REQUEST_MAX];
    struct web_wish w = {
        .url = url, .type = "application/pkcs10", .fields = fields, .field_count = 1};
    struct web_reply r = {.status = 0};
    *came = NULL;
    *retry_after_s = 0;
    int rc = url_of(s, "simplereenroll", url, e);
    rc = rc == 0 ? encode_request(old, key, body, &w.body, e) : rc;
    rc = rc == 0 ? web_call(&s->self, &w, &r, e) : rc;
    enum renew_answer answer = rc == 0 ? judge(&r, e) : failed(rc, e);
    *retry_after_s = r.retry_after_s;
    if (answer == RENEW_ANSWER_ISSUED && read_certificates(&r, came, e) != 0) {
        answer = RENEW_ANSWER_REFUSED;
    }
    web_reply_fini(&r);
    return answer;
}

enum renew_answer renew_ask_nothing(const struct renew_server *s, struct err *e)
{
    char url[WEB_URL_MAX + 1];
    const struct web_wish w = {.url = url};
    struct web_reply r = {.status = 0};
    int rc = url_of(s, "csrattrs", url, e);
    rc = rc == 0 ? web_call(&s->self, &w, &r, e) : rc;
    enum renew_answer answer = rc == 0 ? judge(&r, e) : failed(rc, e);
    web_reply_fini(&r);
    return answer;
}
