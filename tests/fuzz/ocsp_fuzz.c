/* fuzz: ca */
/* Questions to the OCSP responder: there is always an answer, it can be read, and it says good only
 * about a certificate that is there; here none is. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ocsp.h>

#include "base/clock.h"
#include "ca/authority.h"
#include "ca/ocsp.h"

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void make(struct life *l, struct ca_key *key)
{
    static char directory[] = "/tmp/countersign-fuzz-XXXXXX";
    static char path[sizeof(directory) + 8];
    static const struct conf_ca conf = {.profile_count = 0};
    const struct authority_wish wish = {
        .name = STR("Fuzz CA"), .life_days = 3650, .now_ms = INT64_C(1800000000000)};
    clock_fake(0, wish.now_ms);
    demand(mkdtemp(directory) != NULL);
    demand(authority_key(STR("p256"), &key->key, NULL) == 0);
    demand(authority_certificate(&wish, key->key, NULL, NULL, &key->certificate, NULL) == 0);
    (void)snprintf(path, sizeof(path), "%s/ca.db", directory);
    *l = (struct life){.conf = &conf, .key = key};
    demand(db_open(path, true, &l->db, NULL) == 0);
    (void)unlink(path); /* it lives on as long as it is open */
}

static void check_answer(struct str der)
{
    const unsigned char *p = (const unsigned char *)der.p;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &p, (long)der.n);
    demand(response != NULL && p == (const unsigned char *)der.p + der.n);
    int status = OCSP_response_status(response);
    demand(status == OCSP_RESPONSE_STATUS_SUCCESSFUL ||
           status == OCSP_RESPONSE_STATUS_MALFORMEDREQUEST ||
           status == OCSP_RESPONSE_STATUS_INTERNALERROR);
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
    demand((basic != NULL) == (status == OCSP_RESPONSE_STATUS_SUCCESSFUL));
    for (int i = 0; basic != NULL && i < OCSP_resp_count(basic); i++) {
        demand(i < OCSP_ASKED_MAX);
        demand(OCSP_single_get0_status(OCSP_resp_get0(basic, i), NULL, NULL, NULL, NULL) ==
               V_OCSP_CERTSTATUS_UNKNOWN);
    }
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct life life;
    static struct ca_key key;
    struct buf out;
    if (life.db == NULL) {
        make(&life, &key);
    }
    buf_init(&out, 1 << 20);
    if (ocsp_answer(&life, (struct str){(const char *)data, size}, &out, NULL) == 0) {
        check_answer(buf_str(&out));
    }
    buf_release(&out);
    return 0;
}
