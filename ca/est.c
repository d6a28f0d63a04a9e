/* Owns: the messages of EST: base64 of PKCS#10 in, base64 of a PKCS#7 with certificates out, and
 * the 202 that says: not yet. */
#include "ca/est.h"

#include <stdio.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>

#include "ca/api_json.h"
#include "ca/certificate.h"
#include "ca/csr.h"
#include "ca/deliver.h"
#include "ca/records.h"

#define RETRY_S "60"

/* A degenerate SignedData (RFC 7030 4.1.3): certificates and nothing signed. */
static PKCS7 *empty_pkcs7(void)
{
    PKCS7 *p = PKCS7_new();
    if (p == NULL || PKCS7_set_type(p, NID_pkcs7_signed) != 1 ||
        PKCS7_content_new(p, NID_pkcs7_data) != 1) {
        PKCS7_free(p);
        return NULL;
    }
    PKCS7_set_detached(p, 1);
    return p;
}

static bool append_base64(struct buf *out, PKCS7 *p)
{
    char *text = NULL;
    BIO *memory = BIO_new(BIO_s_mem());
    BIO *base64 = BIO_new(BIO_f_base64());
    bool ok = memory != NULL && base64 != NULL;
    if (ok) {
        (void)BIO_push(base64, memory);
        ok = i2d_PKCS7_bio(base64, p) == 1 && BIO_flush(base64) == 1;
        long n = BIO_get_mem_data(memory, &text);
        ok = ok && buf_append(out, (struct str){text, (size_t)n}) == 0;
    }
    BIO_free(base64);
    BIO_free(memory);
    return ok;
}

/* The certificates of a PEM text as the body of the answer. */
static int reply_certificates(struct call *c, const struct buf *pem)
{
    struct str text = buf_str(pem);
    BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
    PKCS7 *p = empty_pkcs7();
    X509 *x = NULL;
    bool ok = bio != NULL && p != NULL;
    while (ok && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        ok = PKCS7_add_certificate(p, x) == 1;
        X509_free(x);
    }
    ok = ok && append_base64(&c->reply->body, p);
    ERR_clear_error();
    BIO_free(bio);
    PKCS7_free(p);
    if (!ok) {
        return certificate_failed(&c->err, "PKCS#7 of the certificates");
    }
    c->reply->status = 200;
    c->reply->type = "application/pkcs7-mime; smime-type=certs-only";
    http_reply_field(c->reply, "Content-Transfer-Encoding", "base64");
    return 0;
}

static int cacerts(struct call *c)
{
    struct buf pem;
    buf_init(&pem, HTTP_BODY_MAX);
    int rc = deliver_chain(&c->service->life, &pem, &c->err);
    rc = rc == 0 ? reply_certificates(c, &pem) : rc;
    buf_release(&pem);
    return rc;
}

/* What is known of a request for the same key. */
struct known {
    bool found;
    struct life_id id;
    enum life_state state;
    char profile[65];
    char reason[512];
};

static bool take(void *arg, const struct record *r)
{
    struct known *k = arg;
    k->found = true;
    k->state = r->state;
    (void)snprintf(k->id.text, sizeof(k->id.text), "%.*s", STR_ARG(r->id));
    (void)snprintf(k->profile, sizeof(k->profile), "%.*s", STR_ARG(r->profile));
    (void)snprintf(k->reason, sizeof(k->reason), "%.*s", STR_ARG(r->denied_reason));
    return false;
}

static int reply_known(struct call *c, const struct known *k)
{
    if (k->state == LIFE_PENDING || k->state == LIFE_APPROVED) {
        c->reply->status = 202;
        http_reply_field(c->reply, "Retry-After", RETRY_S);
        return 0;
    }
    if (k->state == LIFE_DENIED) {
        return err_set(&c->err, ERR_DENIED, "the request was denied: %s", k->reason);
    }
    struct buf pem;
    buf_init(&pem, HTTP_BODY_MAX);
    struct str id = str_of(k->id.text);
    int rc = deliver(&c->service->life, &c->self.who, id, &pem, &c->err);
    rc = rc == 0 ? reply_certificates(c, &pem) : rc;
    buf_release(&pem);
    return rc;
}

/* The same request comes again until it is answered (4.2.3): it is known by its key. */
static int find_known(struct call *c, struct known *k)
{
    struct csr *csr = NULL;
    *k = (struct known){.found = false};
    int rc = csr_read(c->request->body, &csr, &c->err);
    if (rc == 0) {
        struct str spki = {(const char *)csr->spki, sizeof(csr->spki)};
        rc = record_show_key(&c->service->life, spki, c->self.who.name, take, k, &c->err);
    }
    csr_free(csr);
    return rc;
}

static int enroll(struct call *c, struct str profile, struct str renews)
{
    struct known k;
    struct life_id id = {""};
    struct call_wish wish = {.csr = c->request->body, .profile = profile, .renews = renews};
    int rc = find_known(c, &k);
    if (rc != 0) {
        return rc;
    }
    bool same = profile.n == 0 || str_eq(profile, str_of(k.profile));
    if (k.found && same && !str_eq(renews, str_of(k.id.text))) {
        return reply_known(c, &k);
    }
    rc = call_file(c, &wish, &id);
    if (rc != 0) {
        return rc;
    }
    call_issue(c, str_of(id.text));
    k = (struct known){.found = false};
    rc = record_show(&c->service->life, str_of(id.text), take, &k, &c->err);
    return rc == 0 ? reply_known(c, &k) : rc;
}

/* By the certificate that is shown (4.2.2), for the same user, and of its kind. */
static int reenroll(struct call *c, struct str profile)
{
    struct life_id id = {""};
    char same[128];
    int rc = call_shown(c, &id, same, sizeof(same));
    return rc == 0 ? enroll(c, profile.n > 0 ? profile : str_of(same), str_of(id.text)) : rc;
}

int est_call(struct call *c, struct str path)
{
    struct str profile = STR_NONE;
    struct str rest;
    struct str label;
    if (str_cut(path, '/', &label, &rest)) {
        profile = label;
        path = rest;
    }
    bool get = str_eq(c->request->method, STR("GET"));
    bool post = str_eq(c->request->method, STR("POST"));
    if (str_eq(path, STR("cacerts")) && get) {
        return cacerts(c);
    }
    if (str_eq(path, STR("csrattrs")) && get) {
        c->reply->status = 204; /* nothing is asked for beyond what csr_check() says */
        return 0;
    }
    bool again = str_eq(path, STR("simplereenroll"));
    if (post && (again || str_eq(path, STR("simpleenroll")))) {
        int rc = call_identify(c);
        return rc != 0 ? rc : again ? reenroll(c, profile) : enroll(c, profile, STR_NONE);
    }
    if (again || str_eq(path, STR("simpleenroll"))) {
        api_not_allowed(c->reply, "POST");
        return 0;
    }
    if (str_eq(path, STR("cacerts")) || str_eq(path, STR("csrattrs"))) {
        api_not_allowed(c->reply, "GET");
        return 0;
    }
    return err_set(&c->err, ERR_NOT_FOUND, "there is nothing at this path");
}
