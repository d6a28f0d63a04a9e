/* What an operator is shown beside the last certificate: nothing hidden, nothing made up. */
#include "ca/compare.h"
#include "ca/issue.h"
#include "ca/request.h"
#include "ca/withdraw.h"
#include "tests/unit/ca/ca_lab.h"

static const struct actor alice = {{ALICE, sizeof(ALICE) - 1}, {"192.0.2.1", 9}};

/* What is filed, one after the other; each but the first is compared with those before it. */
struct step {
    const char *says;
    const char *profile;
    const char *company;
    bool issued;   /* it becomes a certificate before the next step */
    bool withdraw; /* and is withdrawn */
    const char
        *changed; /* tokens of the fields that differ, each with a blank behind; NULL: first */
};

static const struct step steps[] = {
    {"the first of a user has none before it", "auto", ACME, true, false, NULL},
    {"another key of the same kind", "auto", ACME, true, false, "keySha256 "},
    {"another kind of key", "auto", ACME, true, false, "key keySha256 "},
    {"another company is in the subject too", "auto", "Other Ltd", false, false,
     "subject company key keySha256 "},
    {"what was not issued does not count", "auto", ACME, true, true, "key keySha256 "},
    {"what was withdrawn does", "client", ACME, false, false, "keySha256 profile life "},
};

struct shown {
    const struct life *life;
    struct comparison c;
    int rc;
};

static bool compare(void *arg, const struct record *r)
{
    struct shown *s = arg;
    s->rc = compare_last(s->life, r, &s->c, NULL);
    return false;
}

static struct comparison *look(struct ca_lab *lab, const struct life_id *id)
{
    static struct shown s;
    s = (struct shown){.life = &lab->life, .rc = -1};
    assert_int_equal(record_show(&lab->life, str_of(id->text), compare, &s, NULL), 0);
    assert_int_equal(s.rc, 0);
    return &s.c;
}

static void file(struct ca_lab *lab, const struct step *step, EVP_PKEY *key, struct life_id *id)
{
    struct csr *c = lab_csr(key);
    struct request_filing f = {.csr = c,
                               .profile = str_of(step->profile),
                               .user = STR(ALICE),
                               .company = str_of(step->company)};
    struct err e = {0};
    assert_int_equal(request_file(&lab->life, &alice, &f, id, &e), 0);
    csr_free(c);
}

static void check_step(const struct step *step, const struct comparison *c)
{
    char changed[256] = "";
    size_t n = 0;
    CHECK_ROW(step->says, c->any_before == (step->changed != NULL));
    for (size_t i = 0; i < COMPARE_COUNT; i++) {
        if (c->fields[i].changed) {
            n++;
            (void)snprintf(changed + strlen(changed), sizeof(changed) - strlen(changed), "%s ",
                           compare_token((enum compare_name)i));
        }
    }
    CHECK_ROW(step->says, strcmp(changed, step->changed != NULL ? step->changed : "") == 0);
    CHECK_ROW(step->says, c->changed == n);
}

static bool note_serial(void *arg, const struct record *r)
{
    (void)snprintf(arg, 48, "%.*s", STR_ARG(r->serial));
    return false;
}

static void test_steps(void **state)
{
    (void)state;
    static const unsigned rsa[] = {0, 0, 2048, 0, 0, 0};
    struct ca_lab lab;
    struct life_id id;
    lab_open(&lab);
    lab.profiles[0].life_days = 10;
    for (size_t i = 0; i < ROWS(steps); i++) {
        EVP_PKEY *key = rsa[i] > 0 ? pki_rsa_key(rsa[i]) : pki_key();
        clock_fake(0, PKI_NOW_S * 1000 + (int64_t)i * 1000);
        file(&lab, &steps[i], key, &id);
        check_step(&steps[i], look(&lab, &id));
        if (steps[i].issued) {
            assert_int_equal(issue(&lab.life, str_of(id.text), NULL), 0);
            check_step(&steps[i], look(&lab, &id)); /* the certificate says what was foretold */
        }
        if (steps[i].withdraw) {
            char serial[48];
            assert_int_equal(record_show(&lab.life, str_of(id.text), note_serial, serial, NULL), 0);
            assert_int_equal(withdraw(&lab.life, &alice, str_of(serial), 1, NULL), 0);
        }
        EVP_PKEY_free(key);
    }
    struct comparison *c = look(&lab, &id);
    assert_int_equal(c->before_state, LIFE_WITHDRAWN);
    assert_string_equal(c->fields[COMPARE_SUBJECT].now, "CN=alice@example.com,O=Acme Ltd");
    assert_string_equal(c->fields[COMPARE_SUBJECT].before, "CN=alice@example.com,O=Acme Ltd");
    assert_string_equal(c->fields[COMPARE_EMAIL].now, ALICE);
    assert_string_equal(c->fields[COMPARE_EMAIL].before, ALICE);
    assert_string_equal(c->fields[COMPARE_KEY].now, "P-256");
    assert_int_equal(strlen(c->fields[COMPARE_KEY_SHA256].before), 64);
    assert_string_equal(c->fields[COMPARE_PROFILE].before, "auto");
    assert_string_equal(c->fields[COMPARE_LIFE].now, "10 days");
    assert_string_equal(c->fields[COMPARE_LIFE].before, "20 days");
    lab_close(&lab);
}

/* A company's name that would fill the room is cut between characters, and nothing runs over. */
static void test_long(void **state)
{
    (void)state;
    char company[256] = "";
    struct ca_lab lab;
    struct comparison c;
    lab_open(&lab);
    for (size_t i = 0; i + 4 <= 252; i += 4) {
        memcpy(company + i, "\xf0\x9f\x94\x91", 4);
    }
    const struct record r = {
        .id = STR("x"), .profile = STR("auto"), .user = STR(ALICE), .company = str_of(company)};
    assert_int_equal(compare_last(&lab.life, &r, &c, NULL), 0);
    assert_false(c.any_before);
    assert_string_equal(c.fields[COMPARE_COMPANY].now, company);
    assert_true(str_is_utf8(str_of(c.fields[COMPARE_SUBJECT].now)));
    assert_string_equal(c.fields[COMPARE_KEY].now, "");
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_steps), cmocka_unit_test(test_long)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
