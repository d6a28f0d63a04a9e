/* Owns: the forms in which a certificate is downloaded. Leaves whether it may be to detail, and
 * fetching it to deliver. */
#include "ca/pages/files.h"

#include <stdio.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>

#include "ca/certificate.h"
#include "ca/deliver.h"
#include "ca/pages/visible.h"

static int deliver_to(struct page *p, struct buf *pem)
{
    struct call *c = p->call;
    struct visible v;
    int rc = visible_find(p, &v);
    return rc == 0 ? deliver(&c->service->life, &c->self.who, c->id, pem, &c->err) : rc;
}

/* The name of the file begins with the id, which is hexadecimal digits. */
static void reply_as(struct page *p, const char *type, const char *ending)
{
    char value[96];
    (void)snprintf(value, sizeof(value), "attachment; filename=\"%.*s.%s\"", STR_ARG(p->call->id),
                   ending);
    http_reply_field(p->call->reply, "Content-Disposition", value);
    p->call->reply->status = 200;
    p->call->reply->type = type;
}

int files_pem(struct page *p)
{
    int rc = deliver_to(p, p->h.out);
    if (rc == 0) {
        reply_as(p, "application/x-pem-file", "pem");
    }
    return rc;
}

static bool append_der(struct page *p, const unsigned char *der, int n)
{
    return n > 0 && der != NULL &&
           buf_append(p->h.out, (struct str){(const char *)der, (size_t)n}) == 0;
}

/* The first certificate of a PEM text. */
static int write_cer(struct page *p, struct str pem)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *x = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    unsigned char *der = NULL;
    int n = x != NULL ? i2d_X509(x, &der) : 0;
    bool ok = append_der(p, der, n);
    OPENSSL_free(der);
    X509_free(x);
    BIO_free(bio);
    ERR_clear_error();
    return ok ? 0 : certificate_failed(&p->call->err, "the certificate's file");
}

/* All of them, in a degenerate SignedData (RFC 5652 5.1). */
static int write_p7b(struct page *p, struct str pem)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    PKCS7 *all = PKCS7_new();
    X509 *x = NULL;
    unsigned char *der = NULL;
    bool ok = bio != NULL && all != NULL && PKCS7_set_type(all, NID_pkcs7_signed) == 1 &&
              PKCS7_content_new(all, NID_pkcs7_data) == 1;
    while (ok && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        ok = PKCS7_add_certificate(all, x) == 1;
        X509_free(x);
    }
    if (ok) {
        PKCS7_set_detached(all, 1);
        int n = i2d_PKCS7(all, &der);
        ok = append_der(p, der, n);
    }
    OPENSSL_free(der);
    PKCS7_free(all);
    BIO_free(bio);
    ERR_clear_error();
    return ok ? 0 : certificate_failed(&p->call->err, "the certificates' file");
}

static int write_with(struct page *p, int (*write)(struct page *p, struct str pem))
{
    struct buf pem;
    buf_init(&pem, HTTP_BODY_MAX);
    int rc = deliver_to(p, &pem);
    rc = rc == 0 ? write(p, buf_str(&pem)) : rc;
    buf_release(&pem);
    return rc;
}

int files_p7b(struct page *p)
{
    int rc = write_with(p, write_p7b);
    if (rc == 0) {
        reply_as(p, "application/x-pkcs7-certificates", "p7b");
    }
    return rc;
}

int files_cer(struct page *p)
{
    int rc = write_with(p, write_cer);
    if (rc == 0) {
        reply_as(p, "application/pkix-cert", "cer");
    }
    return rc;
}
