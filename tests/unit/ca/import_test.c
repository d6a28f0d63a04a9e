/* What is taken in, and first what is not. */
#include "ca/import.h"
#include "tests/unit/ca/ca_lab.h"

static const struct actor root = {{"local:root", 10}, {"local", 5}};

enum what { OTHERS, NAMESAKES, CAS, TWO_NAMES, CUT, TEXT, GOOD, PAST, AGAIN };

struct row {
    const char *says;
    enum what what;
    const char *profile;
    int rc;
    enum life_state state;
};

static const struct row rows[] = {
    {"another CA's", OTHERS, "client", -ERR_DENIED, LIFE_STATE_COUNT},
    {"a namesake's", NAMESAKES, "client", -ERR_DENIED, LIFE_STATE_COUNT},
    {"a CA below ours", CAS, "client", -ERR_DENIED, LIFE_STATE_COUNT},
    {"of two common names", TWO_NAMES, "client", -ERR_DENIED, LIFE_STATE_COUNT},
    {"cut off", CUT, "client", -ERR_MALFORMED, LIFE_STATE_COUNT},
    {"words", TEXT, "client", -ERR_MALFORMED, LIFE_STATE_COUNT},
    {"for no profile", GOOD, "none", -ERR_MALFORMED, LIFE_STATE_COUNT},
    {"a good one", GOOD, "client", 0, LIFE_ACTIVE},
    {"the same once more", AGAIN, "client", -ERR_EXISTS, LIFE_STATE_COUNT},
    {"one past its end", PAST, "client", 0, LIFE_EXPIRED},
};

static X509 *make(const struct ca_lab *lab, enum what what)
{
    static const struct pki_entry two[] = {{NID_commonName, MBSTRING_UTF8, ALICE, 0, false},
                                           {NID_commonName, MBSTRING_UTF8, "eve", 0, false}};
    EVP_PKEY *key = pki_key();
    EVP_PKEY *others_key = pki_key();
    X509 *other = pki_ca(what == NAMESAKES ? "Issuing CA" : "Other CA", others_key);
    bool ours = what != OTHERS && what != NAMESAKES;
    const struct pki_spec spec = {
        .common_name = what == TWO_NAMES ? NULL : ALICE,
        .subject = what == TWO_NAMES ? two : NULL,
        .subject_count = what == TWO_NAMES ? 2 : 0,
        .ca = what == CAS,
        .not_after_s = what == PAST ? PKI_NOW_S - 60 : 0,
    };
    X509 *x =
        pki_cert(&spec, key, ours ? lab->key.certificate : other, ours ? lab->key.key : others_key);
    X509_free(other);
    EVP_PKEY_free(others_key);
    EVP_PKEY_free(key);
    return x;
}

static bool note(void *arg, const struct record *r)
{
    *(enum life_state *)arg = str_eq(r->user, STR(ALICE)) ? r->state : LIFE_STATE_COUNT;
    return false;
}

static void test_rows(void **state)
{
    (void)state;
    struct ca_lab lab;
    X509 *good = NULL;
    lab_open(&lab);
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct row *r = &rows[i];
        enum life_state became = LIFE_STATE_COUNT;
        struct life_id id = {""};
        struct err e = {0};
        X509 *x = r->what == AGAIN ? good : make(&lab, r->what);
        char *pem = pki_cert_pem(x);
        struct str text = str_of(pem);
        text.n -= r->what == CUT ? 60 : 0;
        text = r->what == TEXT ? STR("take me") : text;
        CHECK_ROW(r->says, import(&lab.life, &root, str_of(r->profile), text, &id, &e) == r->rc);
        CHECK_ROW(r->says, (r->rc == 0) == (e.text[0] == '\0'));
        if (r->rc == 0) {
            assert_int_equal(record_show(&lab.life, str_of(id.text), note, &became, NULL), 0);
        }
        CHECK_ROW(r->says, became == r->state);
        free(pem);
        if (r->what == GOOD && r->rc == 0) {
            good = x;
        } else if (r->what != AGAIN) {
            X509_free(x);
        }
    }
    struct audit_entry last;
    assert_int_equal(audit_verify(lab.life.db, &last, NULL), 0);
    assert_int_equal(last.seq, 2);
    X509_free(good);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
