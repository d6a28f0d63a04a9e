/* Owns: the paths of what is public. */
#include "ca/public.h"

#include <ca_openapi.h>

#include "base/enc.h"
#include "ca/api_json.h"
#include "ca/crl.h"
#include "ca/deliver.h"
#include "ca/ocsp.h"

#define OCSP_GET_MAX 1024

static int get_crl(struct call *c, enum crl_form form, const char *type)
{
    int rc = crl_read(&c->service->life, form, &c->reply->body, &c->err);
    if (rc == 0) {
        c->reply->status = 200;
        c->reply->type = type;
    }
    return rc;
}

/* By POST, or by GET with the question as base64 behind the path (RFC 6960 A.1). */
static int answer_ocsp(struct call *c, struct str question)
{
    int rc = ocsp_answer(&c->service->life, question, &c->reply->body, &c->err);
    if (rc == 0) {
        c->reply->status = 200;
        c->reply->type = "application/ocsp-response";
    }
    return rc;
}

static int get_ocsp(struct call *c, struct str text)
{
    unsigned char der[OCSP_GET_MAX];
    size_t n = 0;
    if (text.n > sizeof(der) || enc_base64_decode(text, der, &n) != 0) {
        n = 0; /* which is answered as no question */
    }
    return answer_ocsp(c, (struct str){(const char *)der, n});
}

static int get(struct call *c, struct str path)
{
    if (str_eq(path, STR("crl.pem"))) {
        return get_crl(c, CRL_FORM_PEM, "application/x-pem-file");
    }
    if (str_eq(path, STR("crl.der"))) {
        return get_crl(c, CRL_FORM_DER, "application/pkix-crl");
    }
    if (str_eq(path, STR("ca.pem"))) {
        c->reply->status = 200;
        c->reply->type = "application/x-pem-file";
        return deliver_chain(&c->service->life, &c->reply->body, &c->err);
    }
    if (str_eq(path, STR("openapi.yaml"))) {
        c->reply->status = 200;
        c->reply->type = "application/yaml"; /* RFC 9512 */
        return buf_append(&c->reply->body, STR(ca_openapi)) == 0
                   ? 0
                   : err_set(&c->err, ERR_NOMEM, "out of memory");
    }
    if (str_starts(path, STR("ocsp/"))) {
        return get_ocsp(c, str_slice(path, 5, path.n));
    }
    return err_set(&c->err, ERR_NOT_FOUND, "there is nothing at this path");
}

int public_call(struct call *c, struct str path)
{
    if (str_eq(c->request->method, STR("GET"))) {
        return get(c, path);
    }
    if (str_eq(c->request->method, STR("POST")) && str_eq(path, STR("ocsp"))) {
        return answer_ocsp(c, c->request->body);
    }
    api_not_allowed(c->reply, str_eq(path, STR("ocsp")) ? "POST" : "GET");
    return 0;
}
