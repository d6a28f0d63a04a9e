/* Owns: what is asked of a responder and when its word counts. Leaves the network to
 * proxy/proc/ocsp_helper.c, places to ocsp_table.c. Any thread. */
#include "auth/revoke/ocsp.h"

#include <openssl/err.h>

#include "auth/revoke/asn1time.h"
#include "base/mem.h"

#define SKEW_S 300 /* between our clock and a responder's */

struct message {
    uint32_t leaf_n;
    uint32_t issuer_n;
    uint32_t url_n;
    uint32_t timeout_ms;
    uint32_t keep_min_s;
    uint32_t keep_max_s;
};

int ocsp_key(const X509 *cert, unsigned char key[OCSP_KEY])
{
    unsigned n = 0;
    return X509_digest(cert, EVP_sha256(), key, &n) == 1 && n == OCSP_KEY ? 0 : -ERR_CRYPTO;
}

size_t ocsp_question_write(X509 *leaf, X509 *issuer, const struct conf_ocsp *rule,
                           unsigned char out[OCSP_QUESTION_MAX])
{
    int leaf_n = i2d_X509(leaf, NULL);
    int issuer_n = i2d_X509(issuer, NULL);
    struct str url = str_of(rule->responder.p);
    if (leaf_n <= 0 || issuer_n <= 0 || url.n > OCSP_URL_MAX ||
        sizeof(struct message) + (size_t)leaf_n + (size_t)issuer_n + url.n > OCSP_QUESTION_MAX) {
        return 0;
    }
    const struct message head = {.leaf_n = (uint32_t)leaf_n,
                                 .issuer_n = (uint32_t)issuer_n,
                                 .url_n = (uint32_t)url.n,
                                 .timeout_ms = rule->timeout_ms,
                                 .keep_min_s = rule->keep_min_ms / 1000,
                                 .keep_max_s = rule->keep_max_ms / 1000};
    unsigned char *at = out + sizeof(head);
    memcpy(out, &head, sizeof(head));
    (void)i2d_X509(leaf, &at);
    (void)i2d_X509(issuer, &at);
    if (url.n > 0) {
        memcpy(at, url.p, url.n);
    }
    return (size_t)(at - out) + url.n;
}

static X509 *take_cert(struct str *rest, size_t n)
{
    const unsigned char *p = (const unsigned char *)rest->p;
    if (n > rest->n) {
        return NULL;
    }
    X509 *x = d2i_X509(NULL, &p, (long)n);
    *rest = str_slice(*rest, n, rest->n);
    return x;
}

/* The first http responder that the certificate names. */
static void read_own_url(struct ocsp_question *q)
{
    STACK_OF(OPENSSL_STRING) *urls = X509_get1_ocsp(q->leaf);
    for (int i = 0; i < sk_OPENSSL_STRING_num(urls) && q->url[0] == '\0'; i++) {
        struct str url = str_of(sk_OPENSSL_STRING_value(urls, i));
        if (str_starts(url, STR("http://")) && url.n <= OCSP_URL_MAX && !str_has_control(url)) {
            memcpy(q->url, url.p, url.n);
        }
    }
    X509_email_free(urls);
}

int ocsp_question_read(struct str message, struct ocsp_question *out)
{
    struct message head;
    *out = (struct ocsp_question){.leaf = NULL};
    if (message.n < sizeof(head)) {
        return -ERR_MALFORMED;
    }
    memcpy(&head, message.p, sizeof(head));
    struct str rest = str_slice(message, sizeof(head), message.n);
    out->leaf = take_cert(&rest, head.leaf_n);
    out->issuer = take_cert(&rest, head.issuer_n);
    if (out->leaf == NULL || out->issuer == NULL || head.url_n != rest.n || rest.n > OCSP_URL_MAX ||
        ocsp_key(out->leaf, out->key) != 0) {
        ocsp_question_release(out);
        ERR_clear_error();
        return -ERR_MALFORMED;
    }
    out->timeout_ms = head.timeout_ms;
    out->keep_min_s = head.keep_min_s;
    out->keep_max_s = head.keep_max_s;
    if (rest.n > 0) {
        memcpy(out->url, rest.p, rest.n);
    } else {
        read_own_url(out);
    }
    return 0;
}

void ocsp_question_release(struct ocsp_question *q)
{
    X509_free(q->leaf);
    X509_free(q->issuer);
    *q = (struct ocsp_question){.leaf = NULL};
}

OCSP_REQUEST *ocsp_request(const struct ocsp_question *q)
{
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), q->leaf, q->issuer);
    if (request == NULL || id == NULL || OCSP_request_add0_id(request, id) == NULL) {
        OCSP_CERTID_free(id);
        OCSP_REQUEST_free(request);
        return NULL;
    }
    return request;
}

/* True if response is signed by the issuer or by one whom the issuer lets sign for it. */
static bool is_signed(const struct ocsp_question *q, OCSP_BASICRESP *basic, int64_t now_s)
{
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *issuers = sk_X509_new_null();
    if (store != NULL) {
        X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), (time_t)now_s);
    }
    bool ok = store != NULL && issuers != NULL && sk_X509_push(issuers, q->issuer) > 0 &&
              X509_STORE_add_cert(store, q->issuer) == 1 &&
              X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
              OCSP_basic_verify(basic, issuers, store, OCSP_NOEXPLICIT) == 1;
    sk_X509_free(issuers);
    X509_STORE_free(store);
    return ok;
}

struct single {
    int status;
    ASN1_GENERALIZEDTIME *this_update;
    ASN1_GENERALIZEDTIME *next_update; /* NULL: newer ones are there at any time */
};

/* We ask with SHA-1, as RFC 5019 wants it; a responder may name the certificate with SHA-256 all
 * the same. */
static bool find_single(const struct ocsp_question *q, OCSP_BASICRESP *basic, struct single *out)
{
    const EVP_MD *const hashes[] = {EVP_sha1(), EVP_sha256()};
    bool found = false;
    for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
        int reason = 0;
        struct single one = {0};
        ASN1_GENERALIZEDTIME *revoked_at = NULL;
        OCSP_CERTID *id = OCSP_cert_to_id(hashes[i], q->leaf, q->issuer);
        if (id != NULL &&
            OCSP_resp_find_status(basic, id, &one.status, &reason, &revoked_at, &one.this_update,
                                  &one.next_update) == 1 &&
            (!found || one.status == V_OCSP_CERTSTATUS_REVOKED)) {
            *out = one;
            found = true;
        }
        OCSP_CERTID_free(id);
    }
    return found;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    value = value > high ? high : value;
    return value < low ? low : value;
}

/* Fill *out from what the responder said; false if that is not current. */
static bool take_single(const struct ocsp_question *q, const struct single *s, int64_t now_s,
                        struct ocsp_entry *out)
{
    int64_t this_s = 0;
    if (!asn1time_seconds(s->this_update, &this_s) || this_s > now_s + SKEW_S) {
        return false;
    }
    /* Without a next update "newer ones are there at any time" (RFC 6960 2.4): then it is current
     * for as long as one with it would be kept. */
    int64_t next_s = this_s + q->keep_max_s;
    if ((s->next_update != NULL && !asn1time_seconds(s->next_update, &next_s)) ||
        next_s + SKEW_S <= now_s || next_s < this_s) {
        return false;
    }
    if (s->next_update == NULL && next_s > now_s + q->keep_min_s) {
        next_s = now_s + q->keep_min_s;
    }
    out->this_s = this_s;
    out->status = s->status == V_OCSP_CERTSTATUS_GOOD      ? OCSP_STATUS_GOOD
                  : s->status == V_OCSP_CERTSTATUS_REVOKED ? OCSP_STATUS_REVOKED
                                                           : OCSP_STATUS_UNKNOWN;
    out->refresh_s = now_s + clamp(next_s - now_s, q->keep_min_s, q->keep_max_s);
    /* A responder that is away when it is asked again has until here. */
    int64_t end_s = next_s + SKEW_S;
    out->until_s = end_s > out->refresh_s ? end_s : out->refresh_s;
    return true;
}

static bool goes_back(const struct ocsp_entry *known, const struct ocsp_entry *said)
{
    bool revoked = known->status == OCSP_STATUS_REVOKED;
    if (said->this_s != known->this_s) {
        return said->this_s < known->this_s || (revoked && said->status == OCSP_STATUS_UNKNOWN);
    }
    return revoked && said->status != OCSP_STATUS_REVOKED;
}

bool ocsp_reconcile(const struct ocsp_entry *known, struct ocsp_entry *said)
{
    if (!goes_back(known, said)) {
        return true;
    }
    if (said->status != known->status) {
        return false;
    }
    said->this_s = known->this_s;
    said->until_s = said->until_s > known->until_s ? said->until_s : known->until_s;
    return true;
}

int ocsp_judge(const struct ocsp_question *q, OCSP_RESPONSE *response, int64_t now_s,
               struct ocsp_entry *out, struct err *e)
{
    struct single single = {0};
    int rc = 0;
    *out = (struct ocsp_entry){.status = OCSP_STATUS_NONE};
    if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        return err_set(e, ERR_DENIED, "the responder answers \"%s\"",
                       OCSP_response_status_str(OCSP_response_status(response)));
    }
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
    if (basic == NULL) {
        rc = err_set(e, ERR_DENIED, "the response is malformed");
    } else if (!is_signed(q, basic, now_s)) {
        rc = err_set(e, ERR_DENIED,
                     "the response is not signed by the certificate's issuer, or by a responder "
                     "of its");
    } else if (!find_single(q, basic, &single)) {
        rc = err_set(e, ERR_DENIED, "the response is about another certificate");
    } else if (!take_single(q, &single, now_s, out)) {
        rc = err_set(e, ERR_DENIED, "the response is not current; are both clocks right?");
    }
    OCSP_BASICRESP_free(basic);
    ERR_clear_error();
    return rc;
}
