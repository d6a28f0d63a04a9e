/* Owns: the paths of what is public. */
#include "ca/public.h"

#include "ca/api_json.h"
#include "ca/crl.h"
#include "ca/deliver.h"

static int get_crl(struct call *c, enum crl_form form, const char *type)
{
    int rc = crl_read(&c->service->life, form, &c->reply->body, &c->err);
    if (rc == 0) {
        c->reply->status = 200;
        c->reply->type = type;
    }
    return rc;
}

int public_call(struct call *c, struct str path)
{
    if (!str_eq(c->request->method, STR("GET"))) {
        api_problem(c->reply, 405, "this is read with GET");
        return 0;
    }
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
    return err_set(&c->err, ERR_NOT_FOUND, "there is nothing at this path");
}
