/* Owns: questions and answers of OCSP. Leaves what is withdrawn to records. */
#include "ca/ocsp.h"

#include <stdbool.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

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

/* One of our own CAs: who issued what is asked about, and signs what is said. */
struct generation {
    X509 *certificate;
    EVP_PKEY *key; /* NULL: not here any more */
};

struct search {
    const struct generation *by;
    struct status *status;
};

/* A serial number is one CA's: of what another of ours has issued under it, this one knows nothing.
 */
static bool take(void *arg, const struct record *r)
{
    const struct search *s = arg;
    const unsigned char *p = (const unsigned char *)r->certificate.p;
    X509 *x = d2i_X509(NULL, &p, (long)r->certificate.n);
    if (x != NULL && X509_check_issued(s->by->certificate, x) == X509_V_OK) {
        *s->status = (struct status){true, r->withdrawn_ms, r->withdrawn_reason};
    }
    X509_free(x);
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

/* True if id is of a certificate that ca may have issued. */
static bool is_of(X509 *ca, OCSP_CERTID *id)
{
    ASN1_OBJECT *algorithm = NULL;
    (void)OCSP_id_get0_info(NULL, &algorithm, NULL, NULL, id);
    const EVP_MD *digest = EVP_get_digestbyobj(algorithm);
    OCSP_CERTID *own = digest != NULL ? OCSP_cert_to_id(digest, NULL, ca) : NULL;
    bool is = own != NULL && OCSP_id_issuer_cmp(own, id) == 0;
    OCSP_CERTID_free(own);
    return is;
}

static EVP_PKEY *former_key(const struct ca_key *k, const X509 *certificate)
{
    for (size_t i = 0; i < k->former_count; i++) {
        if (k->former[i].certificate == certificate) {
            return k->former[i].key;
        }
    }
    return NULL;
}

/* Which of our CAs is asked about by id; false: none. */
static bool find_generation(const struct ca_key *k, OCSP_CERTID *id, struct generation *g)
{
    if (is_of(k->certificate, id)) {
        *g = (struct generation){k->certificate, k->key};
        return true;
    }
    for (int i = 0; k->others != NULL && i < sk_X509_num(k->others); i++) {
        X509 *x = sk_X509_value(k->others, i);
        if (is_of(x, id)) {
            *g = (struct generation){x, former_key(k, x)};
            return true;
        }
    }
    return false;
}

static OCSP_CERTID *asked_id(OCSP_REQUEST *request, int i)
{
    return OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, i));
}

/* Who answers: one answer has one signature, which must be that of the CA that issued (RFC 6960
 * 4.2.2.2). About certificates of none of our CAs the present one says that it knows none. */
static struct generation choose(const struct ca_key *k, OCSP_REQUEST *request)
{
    struct generation g = {k->certificate, k->key};
    for (int i = 0; i < OCSP_request_onereq_count(request); i++) {
        if (find_generation(k, asked_id(request, i), &g)) {
            break;
        }
    }
    return g;
}

static int find(const struct life *l, const struct generation *by, OCSP_CERTID *id,
                struct status *s, struct err *e)
{
    char serial[DENY_SERIAL_MAX + 1];
    struct err absent = {0};
    struct search search = {by, s};
    *s = (struct status){.known = false};
    if (!is_of(by->certificate, id) || !serial_text(id, serial)) {
        return 0;
    }
    int rc = record_show_serial(l, str_of(serial), take, &search, &absent);
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

static int fill(const struct life *l, const struct generation *by, OCSP_REQUEST *request,
                OCSP_BASICRESP *basic, struct err *e)
{
    for (int i = 0; i < OCSP_request_onereq_count(request); i++) {
        OCSP_CERTID *id = asked_id(request, i);
        struct status s;
        int rc = find(l, by, id, &s, e);
        rc = rc == 0 ? add_status(basic, id, &s, e) : rc;
        if (rc != 0) {
            return rc;
        }
    }
    return OCSP_copy_nonce(basic, request) != 0 &&
                   OCSP_basic_sign(basic, by->certificate, by->key, certificate_digest(by->key),
                                   NULL, 0) == 1
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

static int answer(const struct life *l, OCSP_REQUEST *request, struct buf *out, struct err *e)
{
    struct err mine = {0};
    const struct generation by = choose(l->key, request);
    if (by.key == NULL) {
        return append(out, OCSP_RESPONSE_STATUS_UNAUTHORIZED, NULL, e);
    }
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    int rc = basic != NULL ? fill(l, &by, request, basic, &mine) : -ERR_NOMEM;
    rc = append(out, rc == 0 ? OCSP_RESPONSE_STATUS_SUCCESSFUL : OCSP_RESPONSE_STATUS_INTERNALERROR,
                rc == 0 ? basic : NULL, e);
    OCSP_BASICRESP_free(basic);
    return rc;
}

int ocsp_answer(const struct life *l, struct str question, struct buf *out, struct err *e)
{
    const unsigned char *p = (const unsigned char *)question.p;
    OCSP_REQUEST *request = question.n > 0 ? d2i_OCSP_REQUEST(NULL, &p, (long)question.n) : NULL;
    int asked = request != NULL ? OCSP_request_onereq_count(request) : 0;
    int rc = asked < 1 || asked > OCSP_ASKED_MAX || !has_fair_nonce(request)
                 ? append(out, OCSP_RESPONSE_STATUS_MALFORMEDREQUEST, NULL, e)
                 : answer(l, request, out, e);
    OCSP_REQUEST_free(request);
    ERR_clear_error();
    return rc;
}
