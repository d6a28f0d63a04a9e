/* Owns: questions and answers of OCSP. Leaves what is withdrawn to records. */
#include "ca/ocsp.h"

#include <stdbool.h>

#include <openssl/bn.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include "auth/revoke/deny_line.h"
#include "base/clock.h"
#include "ca/certificate.h"
#include "ca/library.h"
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
    bool failed;
};

/* A serial number is one CA's: of what another of ours has issued under it, this one knows nothing.
 * What cannot be looked at, as memory has run out, is not unknown: then there is no answer. */
static bool take(void *arg, const struct record *r)
{
    struct search *s = arg;
    const unsigned char *p = (const unsigned char *)r->certificate.p;
    X509 *x = d2i_X509(NULL, &p, (long)r->certificate.n);
    int issued = x != NULL ? certificate_is_issued(s->by->certificate, x) : -ERR_CRYPTO;
    if (issued == 1) {
        *s->status = (struct status){true, r->withdrawn_ms, r->withdrawn_reason};
    }
    s->failed = issued < 0;
    X509_free(x);
    return false;
}

/* Our serial numbers are upper-case hex in whole octets; *ours: whether it can be one. */
static int serial_text(const OCSP_CERTID *id, char out[DENY_SERIAL_MAX + 1], bool *ours,
                       struct err *e)
{
    ASN1_INTEGER *serial = NULL;
    (void)OCSP_id_get0_info(NULL, NULL, NULL, &serial, (OCSP_CERTID *)(uintptr_t)id);
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    char *hex = number != NULL ? BN_bn2hex(number) : NULL;
    *ours = hex != NULL && deny_serial_read(str_of(hex), out);
    int rc = hex != NULL ? 0 : certificate_failed(e, "text of a serial number");
    OPENSSL_free(hex);
    BN_free(number);
    return rc;
}

/* *is: whether id is of a certificate that ca may have issued. */
static int is_of(X509 *ca, OCSP_CERTID *id, bool *is, struct err *e)
{
    ASN1_OBJECT *algorithm = NULL;
    (void)OCSP_id_get0_info(NULL, &algorithm, NULL, NULL, id);
    const EVP_MD *digest = EVP_get_digestbyobj(algorithm);
    *is = false;
    if (digest == NULL) {
        return 0;
    }
    OCSP_CERTID *own = OCSP_cert_to_id(digest, NULL, ca);
    *is = own != NULL && OCSP_id_issuer_cmp(own, id) == 0;
    int rc = own != NULL ? 0 : certificate_failed(e, "an OCSP answer");
    OCSP_CERTID_free(own);
    return rc;
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

/* Which of our CAs is asked about by id; *found false: none. */
static int find_generation(const struct ca_key *k, OCSP_CERTID *id, struct generation *g,
                           bool *found, struct err *e)
{
    int rc = is_of(k->certificate, id, found, e);
    if (rc == 0 && *found) {
        *g = (struct generation){k->certificate, k->key};
        return 0;
    }
    for (int i = 0; rc == 0 && !*found && k->others != NULL && i < sk_X509_num(k->others); i++) {
        X509 *x = sk_X509_value(k->others, i);
        rc = is_of(x, id, found, e);
        if (rc == 0 && *found) {
            *g = (struct generation){x, former_key(k, x)};
        }
    }
    return rc;
}

static OCSP_CERTID *asked_id(OCSP_REQUEST *request, int i)
{
    return OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, i));
}

/* Who answers: one answer has one signature, which must be that of the CA that issued (RFC 6960
 * 4.2.2.2). About certificates of none of our CAs the present one says that it knows none. */
static int choose(const struct ca_key *k, OCSP_REQUEST *request, struct generation *g,
                  struct err *e)
{
    bool found = false;
    int rc = 0;
    *g = (struct generation){k->certificate, k->key};
    for (int i = 0; rc == 0 && !found && i < OCSP_request_onereq_count(request); i++) {
        rc = find_generation(k, asked_id(request, i), g, &found, e);
    }
    return rc;
}

static int find(const struct life *l, const struct generation *by, OCSP_CERTID *id,
                struct status *s, struct err *e)
{
    char serial[DENY_SERIAL_MAX + 1];
    bool is = false;
    struct err absent = {0};
    struct search search = {by, s, false};
    *s = (struct status){.known = false};
    int rc = is_of(by->certificate, id, &is, e);
    rc = rc == 0 && is ? serial_text(id, serial, &is, e) : rc;
    if (rc != 0 || !is) {
        return rc;
    }
    rc = record_show_serial(l, str_of(serial), take, &search, &absent);
    if (rc == 0 && search.failed) {
        return certificate_failed(e, "an OCSP answer");
    }
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

/* Where memory runs out, OpenSSL 3.0 may leave out a part and go on: what cannot be read again does
 * not go out. */
static bool is_whole(OCSP_RESPONSE *response)
{
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
    bool is = basic != NULL && OCSP_resp_get0_signature(basic) != NULL &&
              ASN1_STRING_length(OCSP_resp_get0_signature(basic)) > 0;
    OCSP_BASICRESP_free(basic);
    return is;
}

static int append(struct buf *out, int status, OCSP_BASICRESP *basic, struct err *e)
{
    unsigned char *der = NULL;
    OCSP_RESPONSE *response = OCSP_response_create(status, basic);
    bool good = response != NULL && (basic == NULL || is_whole(response));
    int n = good ? i2d_OCSP_RESPONSE(response, &der) : -1;
    int rc = n > 0 ? buf_append(out, (struct str){(const char *)der, (size_t)n}) : -ERR_CRYPTO;
    OPENSSL_free(der);
    OCSP_RESPONSE_free(response);
    return rc == 0 ? 0 : certificate_failed(e, "an OCSP answer");
}

static int answer(const struct life *l, OCSP_REQUEST *request, struct buf *out, struct err *e)
{
    struct err mine = {0};
    struct generation by;
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    int rc = basic != NULL ? choose(l->key, request, &by, &mine) : -ERR_NOMEM;
    if (rc == 0 && by.key == NULL) {
        OCSP_BASICRESP_free(basic);
        return append(out, OCSP_RESPONSE_STATUS_UNAUTHORIZED, NULL, e);
    }
    rc = rc == 0 ? fill(l, &by, request, basic, &mine) : rc;
    rc = append(out, rc == 0 ? OCSP_RESPONSE_STATUS_SUCCESSFUL : OCSP_RESPONSE_STATUS_INTERNALERROR,
                rc == 0 ? basic : NULL, e);
    OCSP_BASICRESP_free(basic);
    return rc;
}

int ocsp_answer(const struct life *l, struct str question, struct buf *out, struct err *e)
{
    const unsigned char *p = (const unsigned char *)question.p;
    library_forget();
    OCSP_REQUEST *request = question.n > 0 ? d2i_OCSP_REQUEST(NULL, &p, (long)question.n) : NULL;
    bool starved = request == NULL && library_failed(NULL, ERR_MALFORMED, "") == -ERR_NOMEM;
    int asked = request != NULL ? OCSP_request_onereq_count(request) : 0;
    int rc = asked < 1 || asked > OCSP_ASKED_MAX || !has_fair_nonce(request)
                 ? append(out,
                          starved ? OCSP_RESPONSE_STATUS_INTERNALERROR
                                  : OCSP_RESPONSE_STATUS_MALFORMEDREQUEST,
                          NULL, e)
                 : answer(l, request, out, e);
    OCSP_REQUEST_free(request);
    library_forget();
    return rc;
}
