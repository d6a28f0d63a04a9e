/* Owns: questions and answers of OCSP. Leaves what is withdrawn to records. */
#include "ca/ocsp.h"

#include <stdbool.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>

#include "auth/revoke/deny_line.h"
#include "base/clock.h"
#include "ca/certificate.h"
#include "ca/records.h"

#define NONCE_MAX 32

struct status {
    bool known;
    int64_t withdrawn_ms;
    int reason;
};

static bool take(void *arg, const struct record *r)
{
    *(struct status *)arg = (struct status){true, r->withdrawn_ms, r->withdrawn_reason};
    return false;
}

/* Our serial numbers are upper-case hex in whole octets. */
static bool serial_text(const OCSP_CERTID *id, char out[DENY_SERIAL_MAX + 1])
{
    ASN1_INTEGER *serial = NULL;
    (void)OCSP_id_get0_info(NULL, NULL, NULL, &serial, (OCSP_CERTID *)(uintptr_t)id);
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    char *hex = number != NULL ? BN_bn2hex(number) : NULL;
    bool ok = hex != NULL && deny_serial_read(str_of(hex), out);
    OPENSSL_free(hex);
    BN_free(number);
    return ok;
}

/* True if id is of a certificate that our CA may have issued. */
static bool is_ours(const struct ca_key *ca, OCSP_CERTID *id)
{
    ASN1_OBJECT *algorithm = NULL;
    (void)OCSP_id_get0_info(NULL, &algorithm, NULL, NULL, id);
    const EVP_MD *digest = EVP_get_digestbyobj(algorithm);
    OCSP_CERTID *own = digest != NULL ? OCSP_cert_to_id(digest, NULL, ca->certificate) : NULL;
    bool ours = own != NULL && OCSP_id_issuer_cmp(own, id) == 0;
    OCSP_CERTID_free(own);
    return ours;
}

static int find(const struct life *l, OCSP_CERTID *id, struct status *s, struct err *e)
{
    char serial[DENY_SERIAL_MAX + 1];
    struct err absent = {0};
    *s = (struct status){.known = false};
    if (!is_ours(l->key, id) || !serial_text(id, serial)) {
        return 0;
    }
    int rc = record_show_serial(l, str_of(serial), take, s, &absent);
    return rc == 0 || rc == -ERR_NOT_FOUND ? 0 : err_set(e, absent.code, "%s", absent.text);
}

static int add_status(OCSP_BASICRESP *basic, OCSP_CERTID *id, const struct status *s, struct err *e)
{
    int64_t now_s = clock_wall_ms() / 1000;
    ASN1_TIME *this_update = ASN1_TIME_set(NULL, (time_t)now_s);
    ASN1_TIME *next_update = ASN1_TIME_set(NULL, (time_t)(now_s + OCSP_LIFE_S));
    ASN1_TIME *since = s->known && s->withdrawn_ms > 0
                           ? ASN1_TIME_set(NULL, (time_t)(s->withdrawn_ms / 1000))
                           : NULL;
    int status = !s->known             ? V_OCSP_CERTSTATUS_UNKNOWN
                 : s->withdrawn_ms > 0 ? V_OCSP_CERTSTATUS_REVOKED
                                       : V_OCSP_CERTSTATUS_GOOD;
    bool ok = this_update != NULL && next_update != NULL &&
              OCSP_basic_add1_status(basic, id, status, s->reason > 0 ? s->reason : -1, since,
                                     this_update, next_update) != NULL;
    ASN1_TIME_free(this_update);
    ASN1_TIME_free(next_update);
    ASN1_TIME_free(since);
    return ok ? 0 : certificate_failed(e, "an OCSP answer");
}

/* Longer ones are somebody's trick to have much signed. */
static bool has_fair_nonce(OCSP_REQUEST *request)
{
    int at = OCSP_REQUEST_get_ext_by_NID(request, NID_id_pkix_OCSP_Nonce, -1);
    X509_EXTENSION *x = at >= 0 ? OCSP_REQUEST_get_ext(request, at) : NULL;
    return x == NULL || ASN1_STRING_length(X509_EXTENSION_get_data(x)) <= NONCE_MAX + 2;
}

static int fill(const struct life *l, OCSP_REQUEST *request, OCSP_BASICRESP *basic, struct err *e)
{
    for (int i = 0; i < OCSP_request_onereq_count(request); i++) {
        OCSP_CERTID *id = OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, i));
        struct status s;
        int rc = find(l, id, &s, e);
        rc = rc == 0 ? add_status(basic, id, &s, e) : rc;
        if (rc != 0) {
            return rc;
        }
    }
    return OCSP_copy_nonce(basic, request) != 0 &&
                   OCSP_basic_sign(basic, l->key->certificate, l->key->key,
                                   certificate_digest(l->key->key), NULL, 0) == 1
               ? 0
               : certificate_failed(e, "an OCSP answer");
}

static int append(struct buf *out, int status, OCSP_BASICRESP *basic, struct err *e)
{
    unsigned char *der = NULL;
    OCSP_RESPONSE *response = OCSP_response_create(status, basic);
    int n = response != NULL ? i2d_OCSP_RESPONSE(response, &der) : -1;
    int rc = n > 0 ? buf_append(out, (struct str){(const char *)der, (size_t)n}) : -ERR_CRYPTO;
    OPENSSL_free(der);
    OCSP_RESPONSE_free(response);
    return rc == 0 ? 0 : certificate_failed(e, "an OCSP answer");
}

int ocsp_answer(const struct life *l, struct str question, struct buf *out, struct err *e)
{
    const unsigned char *p = (const unsigned char *)question.p;
    OCSP_REQUEST *request = question.n > 0 ? d2i_OCSP_REQUEST(NULL, &p, (long)question.n) : NULL;
    int asked = request != NULL ? OCSP_request_onereq_count(request) : 0;
    int rc = 0;
    if (asked < 1 || asked > OCSP_ASKED_MAX || !has_fair_nonce(request)) {
        rc = append(out, OCSP_RESPONSE_STATUS_MALFORMEDREQUEST, NULL, e);
    } else {
        struct err mine = {0};
        OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
        rc = basic != NULL ? fill(l, request, basic, &mine) : -ERR_NOMEM;
        rc = append(out,
                    rc == 0 ? OCSP_RESPONSE_STATUS_SUCCESSFUL : OCSP_RESPONSE_STATUS_INTERNALERROR,
                    rc == 0 ? basic : NULL, e);
        OCSP_BASICRESP_free(basic);
    }
    OCSP_REQUEST_free(request);
    ERR_clear_error();
    return rc;
}
