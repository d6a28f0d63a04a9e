/* The responder: what is no question, whose certificates it knows, and what it says of them. */
#include <openssl/ocsp.h>

#include "ca/ocsp.h"
#include "ca/withdraw.h"
#include "tests/unit/ca/ca_lab.h"

static const struct actor root = {{"local:root", 10}, {"local", 5}};

/* What is asked: n times about one, with a nonce of so many octets. */
struct question {
    X509 *certificate;
    X509 *issuer;
    const EVP_MD *digest;
    int n;
    int nonce; /* octets; 0: none */
};

static int answer(struct ca_lab *lab, struct str question, OCSP_BASICRESP **out)
{
    struct buf octets;
    struct err e = {0};
    buf_init(&octets, 1 << 20);
    assert_int_equal(ocsp_answer(&lab->life, question, &octets, &e), 0);
    struct str der = buf_str(&octets);
    const unsigned char *p = (const unsigned char *)der.p;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &p, (long)der.n);
    assert_non_null(response);
    int status = OCSP_response_status(response);
    *out = OCSP_response_get1_basic(response);
    OCSP_RESPONSE_free(response);
    buf_release(&octets);
    return status;
}

static int ask(struct ca_lab *lab, const struct question *q, OCSP_BASICRESP **out)
{
    unsigned char nonce[64] = {7};
    unsigned char *der = NULL;
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    for (int i = 0; i < q->n; i++) {
        OCSP_CERTID *id = OCSP_cert_to_id(q->digest, q->certificate, q->issuer);
        assert_non_null(OCSP_request_add0_id(request, id));
    }
    if (q->nonce > 0) {
        assert_int_equal(OCSP_request_add1_nonce(request, nonce, q->nonce), 1);
    }
    int n = i2d_OCSP_REQUEST(request, &der);
    int status = answer(lab, (struct str){(const char *)der, (size_t)n}, out);
    if (*out != NULL && q->nonce > 0) {
        assert_int_equal(OCSP_check_nonce(request, *out), 1);
    }
    OPENSSL_free(der);
    OCSP_REQUEST_free(request);
    return status;
}

static void test_questions(void **state)
{
    (void)state;
    struct ca_lab lab;
    lab_open(&lab);
    struct lab_issued c = lab_issue(&lab);
    EVP_PKEY *key = pki_key();
    X509 *other = pki_ca("Other CA", key);
    X509 *namesake = pki_ca("Issuing CA", key); /* our CA's name, not its key */
    X509 *never = pki_leaf(ALICE, key, lab.key.certificate, lab.key.key);
    const struct {
        const char *says;
        struct question q;
        int status;  /* of the answer */
        int verdict; /* about each */
    } rows[] = {
        {"nothing", {c.certificate, lab.key.certificate, EVP_sha1(), 0, 0}, 1, 0},
        {"too much", {c.certificate, lab.key.certificate, EVP_sha1(), 17, 0}, 1, 0},
        {"a nonce of 33 octets", {c.certificate, lab.key.certificate, EVP_sha1(), 1, 33}, 1, 0},
        {"another CA's", {c.certificate, other, EVP_sha1(), 1, 0}, 0, 2},
        {"a namesake's", {c.certificate, namesake, EVP_sha1(), 1, 0}, 0, 2},
        {"one never issued", {never, lab.key.certificate, EVP_sha1(), 1, 0}, 0, 2},
        {"a good one", {c.certificate, lab.key.certificate, EVP_sha1(), 1, 32}, 0, 0},
        {"by SHA-256", {c.certificate, lab.key.certificate, EVP_sha256(), 1, 16}, 0, 0},
        {"as much as one may", {c.certificate, lab.key.certificate, EVP_sha1(), 16, 0}, 0, 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        OCSP_BASICRESP *basic = NULL;
        CHECK_ROW(rows[i].says, ask(&lab, &rows[i].q, &basic) == rows[i].status);
        CHECK_ROW(rows[i].says, (basic != NULL) == (rows[i].status == 0));
        for (int k = 0; basic != NULL && k < rows[i].q.n; k++) {
            int verdict = OCSP_single_get0_status(OCSP_resp_get0(basic, k), NULL, NULL, NULL, NULL);
            CHECK_ROW(rows[i].says, verdict == rows[i].verdict);
        }
        OCSP_BASICRESP_free(basic);
    }
    X509_free(never);
    X509_free(namesake);
    X509_free(other);
    EVP_PKEY_free(key);
    X509_free(c.certificate);
    lab_close(&lab);
}

static void test_no_questions(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct str octets;
    } rows[] = {
        {"no octet", {"", 0}},
        {"words", {"hello", 5}},
        {"an empty sequence", {"0\0", 2}},
        {"a length that is not there", {"0\x82\xff\xff", 4}},
        {"a length without end", {"0\x80", 2}},
    };
    struct ca_lab lab;
    lab_open(&lab);
    for (size_t i = 0; i < ROWS(rows); i++) {
        OCSP_BASICRESP *basic = NULL;
        CHECK_ROW(rows[i].says,
                  answer(&lab, rows[i].octets, &basic) == OCSP_RESPONSE_STATUS_MALFORMEDREQUEST);
        CHECK_ROW(rows[i].says, basic == NULL);
    }
    lab_close(&lab);
}

/* Since when and why; a hold that is lifted is good again. */
static void test_withdrawn(void **state)
{
    (void)state;
    struct ca_lab lab;
    lab_open(&lab);
    struct lab_issued c = lab_issue(&lab);
    const struct question q = {c.certificate, lab.key.certificate, EVP_sha1(), 1, 0};
    static const struct {
        int reason; /* -1: lifted */
        int verdict;
        int told;
    } steps[] = {{6, 1, 6}, {-1, 0, -1}, {6, 1, 6}, {1, 1, 1}};
    for (size_t i = 0; i < ROWS(steps); i++) {
        OCSP_BASICRESP *basic = NULL;
        int told = -1;
        struct str serial = str_of(c.serial);
        assert_int_equal(steps[i].reason < 0
                             ? withdraw_lift(&lab.life, &root, serial, NULL)
                             : withdraw(&lab.life, &root, serial, steps[i].reason, NULL),
                         0);
        assert_int_equal(ask(&lab, &q, &basic), 0);
        assert_int_equal(OCSP_single_get0_status(OCSP_resp_get0(basic, 0), &told, NULL, NULL, NULL),
                         steps[i].verdict);
        assert_int_equal(told, steps[i].told);
        OCSP_BASICRESP_free(basic);
    }
    X509_free(c.certificate);
    lab_close(&lab);
}

/* After a rotation: who answers about whom, and signed by whom. */
static void test_former(void **state)
{
    (void)state;
    struct ca_lab lab;
    lab_open(&lab);
    struct lab_issued before = lab_issue(&lab);
    X509 *former = lab.key.certificate;
    EVP_PKEY *former_key = lab.key.key;
    lab.key.key = pki_key();
    lab.key.certificate = pki_ca("Issuing CA", lab.key.key); /* the same name, another key */
    lab.key.others = sk_X509_new_null();
    assert_true(sk_X509_push(lab.key.others, former) > 0);
    struct lab_issued after = lab_issue(&lab);
    assert_int_equal(withdraw(&lab.life, &root, str_of(before.serial), 1, NULL), 0);
    const struct {
        const char *says;
        X509 *certificate;
        X509 *issuer;
        bool held;   /* the former CA's key is here */
        int status;  /* of the answer */
        int verdict; /* about the certificate */
        X509 *signer;
    } rows[] = {
        {"the present one's", after.certificate, lab.key.certificate, false, 0, 0,
         lab.key.certificate},
        {"the former one's, without its key", before.certificate, former, false, 6, 0, NULL},
        {"the former one's", before.certificate, former, true, 0, 1, former},
        {"the former one's, as if it were the present one's", before.certificate,
         lab.key.certificate, true, 0, 2, lab.key.certificate},
        {"the present one's, as if it were the former one's", after.certificate, former, true, 0, 2,
         former},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        OCSP_BASICRESP *basic = NULL;
        const struct question q = {rows[i].certificate, rows[i].issuer, EVP_sha1(), 1, 0};
        lab.key.former[0] = (struct ca_former){former, former_key};
        lab.key.former_count = rows[i].held ? 1 : 0;
        CHECK_ROW(rows[i].says, ask(&lab, &q, &basic) == rows[i].status);
        CHECK_ROW(rows[i].says, (basic != NULL) == (rows[i].signer != NULL));
        if (basic != NULL) {
            STACK_OF(X509) *signers = sk_X509_new_null();
            assert_true(sk_X509_push(signers, rows[i].signer) > 0);
            CHECK_ROW(rows[i].says, OCSP_single_get0_status(OCSP_resp_get0(basic, 0), NULL, NULL,
                                                            NULL, NULL) == rows[i].verdict);
            CHECK_ROW(rows[i].says, OCSP_basic_verify(basic, signers, NULL,
                                                      OCSP_NOVERIFY | OCSP_TRUSTOTHER) == 1);
            sk_X509_free(signers);
        }
        OCSP_BASICRESP_free(basic);
    }
    sk_X509_free(lab.key.others);
    X509_free(former);
    EVP_PKEY_free(former_key);
    X509_free(before.certificate);
    X509_free(after.certificate);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_questions),
        cmocka_unit_test(test_no_questions),
        cmocka_unit_test(test_withdrawn),
        cmocka_unit_test(test_former),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
