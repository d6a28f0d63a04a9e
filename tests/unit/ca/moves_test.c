/* The table of moves: what is not in it does not happen, neither by our functions nor by a
 * statement of anybody's. */
#include "ca/deliver.h"
#include "ca/issue.h"
#include "ca/records.h"
#include "ca/request.h"
#include "ca/withdraw.h"
#include "tests/unit/ca/ca_lab.h"

static const struct actor alice = {{ALICE, sizeof(ALICE) - 1}, {"192.0.2.1", 9}};
static const struct db_values none = {NULL, 0};

static void file_by(struct ca_lab *lab, EVP_PKEY *key, const char *user, const char *renews, int rc,
                    struct life_id *id)
{
    struct csr *c = lab_csr(key);
    struct request_filing f = {.csr = c,
                               .profile = STR("auto"),
                               .user = str_of(user),
                               .company = STR(ACME),
                               .renews = str_of(renews),
                               .held = true};
    struct err e = {0};
    assert_int_equal(request_file(&lab->life, &alice, &f, id, &e), rc);
    csr_free(c);
}

static void issue_one(struct ca_lab *lab, EVP_PKEY *key, struct life_id *id)
{
    file_by(lab, key, ALICE, NULL, 0, id);
    assert_int_equal(issue(&lab->life, str_of(id->text), NULL), 0);
}

/* Put a request into a state past the trigger, as only a test can. */
static void force(struct ca_lab *lab, const struct life_id *id, enum life_state state)
{
    assert_int_equal(db_query(lab->life.db, "PRAGMA recursive_triggers", none, NULL, NULL, NULL),
                     0);
    assert_int_equal(db_query(lab->life.db, "DELETE FROM certificate", none, NULL, NULL, NULL), 0);
    assert_int_equal(db_query(lab->life.db,
                              "INSERT OR REPLACE INTO request SELECT seq, id, ?2, kind, profile, "
                              "user, company, requester, origin, csr, spki, filed_ms, decided_ms, "
                              "approvals_needed, denied_reason, renews FROM request WHERE id = ?1",
                              DB_VALUES(DB_TEXT(str_of(id->text)), DB_NUMBER(state)), NULL, NULL,
                              NULL),
                     0);
}

/* All 81 pairs: by the table, by life_move(), and by a bare statement, one answer. */
static void test_table(void **state)
{
    (void)state;
    struct ca_lab lab;
    struct life_id id;
    size_t allowed = 0;
    lab_open(&lab);
    file_by(&lab, NULL, ALICE, NULL, 0, &id);
    struct str text = str_of(id.text);
    for (unsigned from = 0; from < LIFE_STATE_COUNT; from++) {
        for (unsigned to = 0; to < LIFE_STATE_COUNT; to++) {
            bool may = life_may((enum life_state)from, (enum life_state)to);
            char says[64];
            (void)snprintf(says, sizeof(says), "%s to %s", life_state_name((enum life_state)from),
                           life_state_name((enum life_state)to));
            allowed += may ? 1 : 0;
            force(&lab, &id, (enum life_state)from);
            int rc = db_query(lab.life.db, "UPDATE request SET state = ?2 WHERE id = ?1",
                              DB_VALUES(DB_TEXT(text), DB_NUMBER(to)), NULL, NULL, NULL);
            CHECK_ROW(says, (rc == 0) == may);
            force(&lab, &id, (enum life_state)from);
            rc = life_move(&lab.life, text, (enum life_state)from, (enum life_state)to, NULL);
            CHECK_ROW(says, rc == (may ? 0 : -ERR_INTERNAL));
            rc = may ? life_move(&lab.life, text, (enum life_state)from, (enum life_state)to, NULL)
                     : -ERR_CLOSED;
            CHECK_ROW(says, rc == -ERR_CLOSED); /* it is not from any more */
        }
    }
    assert_int_equal(allowed, 23);
    assert_false(life_may(LIFE_STATE_COUNT, LIFE_PENDING));
    assert_false(life_may(LIFE_PENDING, LIFE_STATE_COUNT));
    lab_close(&lab);
}

/* A hold gives back what it was laid on. */
static void test_hold(void **state)
{
    (void)state;
    struct ca_lab lab;
    struct life_id id;
    struct life_id next;
    EVP_PKEY *key = pki_key();
    size_t n = 0;
    lab_open(&lab);
    issue_one(&lab, key, &id);
    struct lab_seen s = lab_see(&lab, id.text);
    struct str serial = str_of(s.serial);
    for (int step = 0; step < 4; step++) {
        static const enum life_state states[] = {LIFE_ISSUED, LIFE_DELIVERED, LIFE_ACTIVE,
                                                 LIFE_RENEWED};
        struct buf out;
        buf_init(&out, 65536);
        if (step == 1) {
            assert_int_equal(deliver(&lab.life, &alice, str_of(id.text), &out, NULL), 0);
        } else if (step == 2) {
            assert_int_equal(
                life_move(&lab.life, str_of(id.text), LIFE_DELIVERED, LIFE_ACTIVE, NULL), 0);
        } else if (step == 3) {
            file_by(&lab, key, ALICE, id.text, 0, &next);
            assert_int_equal(issue(&lab.life, str_of(next.text), NULL), 0);
        }
        buf_release(&out);
        assert_int_equal(lab_see(&lab, id.text).state, states[step]);
        assert_int_equal(withdraw(&lab.life, &alice, serial, WITHDRAW_HOLD, NULL), 0);
        assert_int_equal(lab_see(&lab, id.text).state, LIFE_WITHDRAWN);
        assert_int_equal(withdraw_lift(&lab.life, &alice, serial, NULL), 0);
        assert_int_equal(lab_see(&lab, id.text).state, states[step]);
    }
    /* The overlap goes on under a hold, and its end is for good. */
    assert_int_equal(withdraw(&lab.life, &alice, serial, WITHDRAW_HOLD, NULL), 0);
    clock_fake(0, PKI_NOW_S * 1000 + 3600000);
    assert_int_equal(withdraw_tick(&lab.life, &n, NULL), 0);
    assert_int_equal(n, 1);
    s = lab_see(&lab, id.text);
    assert_int_equal(s.reason, WITHDRAW_SUPERSEDED);
    assert_int_equal(withdraw_lift(&lab.life, &alice, serial, NULL), -ERR_DENIED);
    EVP_PKEY_free(key);
    lab_close(&lab);
}

static int take_number(void *arg, const struct db_row *r)
{
    *(int64_t *)arg = db_number(r, 0);
    return 0;
}

static int64_t count_actions(struct ca_lab *lab, const char *action)
{
    int64_t n = 0;
    assert_int_equal(db_query(lab->life.db, "SELECT count(*) FROM audit WHERE action = ?1",
                              DB_VALUES(DB_TEXT(str_of(action))), take_number, &n, NULL),
                     0);
    return n;
}

/* More than a batch ends at once: each has its line in the record, and none is left. */
static void test_many_end(void **state)
{
    (void)state;
    enum { MANY = 300 };
    struct ca_lab lab;
    struct life_id id;
    size_t n = 0;
    lab_open(&lab);
    for (int i = 0; i < MANY; i++) {
        issue_one(&lab, NULL, &id);
    }
    assert_int_equal(withdraw_tick(&lab.life, &n, NULL), 0);
    assert_int_equal(count_actions(&lab, "certificate.expired"), 0);
    clock_fake(0, PKI_NOW_S * 1000 + 20 * LAB_DAY_MS);
    assert_int_equal(withdraw_tick(&lab.life, &n, NULL), 0);
    assert_int_equal(withdraw_tick(&lab.life, &n, NULL), 0);
    assert_int_equal(count_actions(&lab, "certificate.expired"), MANY);
    assert_int_equal(lab_see(&lab, id.text).state, LIFE_EXPIRED);
    struct audit_entry last;
    assert_int_equal(audit_verify(lab.life.db, &last, NULL), 0);
    lab_close(&lab);
}

static int take_fingerprint(void *arg, const struct db_row *r)
{
    memcpy(arg, db_octets(r, 0).p, 32);
    return 0;
}

/* Active is what was seen in use, once, and said who used it. */
static void test_seen(void **state)
{
    (void)state;
    struct ca_lab lab;
    struct life_id id;
    char fingerprint[32];
    const struct str octets = {fingerprint, sizeof(fingerprint)};
    lab_open(&lab);
    memset(fingerprint, 0, sizeof(fingerprint));
    assert_int_equal(deliver_seen(&lab.life, &alice, octets, NULL), 0);
    issue_one(&lab, NULL, &id);
    assert_int_equal(db_query(lab.life.db, "SELECT fingerprint FROM certificate", none,
                              take_fingerprint, fingerprint, NULL),
                     0);
    assert_int_equal(deliver_seen(&lab.life, &alice, octets, NULL), 0);
    assert_int_equal(lab_see(&lab, id.text).state, LIFE_ACTIVE);
    assert_int_equal(deliver_seen(&lab.life, &alice, octets, NULL), 0);
    assert_int_equal(count_actions(&lab, "certificate.active"), 1);
    lab_close(&lab);
}

/* A key that was stolen takes all its certificates with it, and never comes back. */
static void test_stolen_key(void **state)
{
    (void)state;
    struct ca_lab lab;
    struct life_id first;
    struct life_id second;
    struct life_id third;
    EVP_PKEY *key = pki_key();
    lab_open(&lab);
    issue_one(&lab, key, &first);
    file_by(&lab, key, ALICE, first.text, 0, &second);
    assert_int_equal(issue(&lab.life, str_of(second.text), NULL), 0);
    struct lab_seen s = lab_see(&lab, first.text);
    assert_int_equal(withdraw(&lab.life, &alice, str_of(s.serial), WITHDRAW_KEY_COMPROMISE, NULL),
                     0);
    assert_int_equal(lab_see(&lab, second.text).state, LIFE_WITHDRAWN);
    assert_int_equal(lab_see(&lab, second.text).reason, WITHDRAW_KEY_COMPROMISE);
    file_by(&lab, key, ALICE, NULL, -ERR_DENIED, &third);
    file_by(&lab, key, "bob@example.com", NULL, -ERR_DENIED, &third);
    file_by(&lab, lab.key.key, ALICE, NULL, -ERR_DENIED, &third); /* the CA's own */
    EVP_PKEY_free(key);
    lab_close(&lab);
}

/* Who else's key it was, denied or not, it is not yours. */
static void test_anothers_key(void **state)
{
    (void)state;
    struct ca_lab lab;
    struct life_id id;
    EVP_PKEY *key = pki_key();
    const struct request_operator o = {
        {STR("op@example.com"), STR("192.0.2.7")}, (const struct str[]){STR("operators")}, 1};
    lab_open(&lab);
    file_by(&lab, key, "bob@example.com", NULL, 0, &id);
    assert_int_equal(request_deny(&lab.life, &o, str_of(id.text), STR("no"), NULL), 0);
    file_by(&lab, key, ALICE, NULL, -ERR_EXISTS, &id);
    file_by(&lab, key, "bob@example.com", NULL, 0, &id);
    EVP_PKEY_free(key);
    lab_close(&lab);
}

/* A renewal that nobody was asked about is worth what the old certificate is worth when it is
 * signed, and there is one at a time. */
static void test_renewal_of_what_is_gone(void **state)
{
    (void)state;
    struct ca_lab lab;
    struct life_id old;
    struct life_id next;
    struct life_id other;
    lab_open(&lab);
    lab.profiles[1].approvals = 0;
    issue_one(&lab, NULL, &old);
    lab.profiles[1].approvals = 1;
    file_by(&lab, NULL, ALICE, old.text, 0, &next);
    file_by(&lab, NULL, ALICE, old.text, -ERR_EXISTS, &other);
    struct lab_seen s = lab_see(&lab, old.text);
    assert_int_equal(withdraw(&lab.life, &alice, str_of(s.serial), WITHDRAW_UNSPECIFIED, NULL), 0);
    assert_int_equal(issue(&lab.life, str_of(next.text), NULL), 0);
    assert_int_equal(lab_see(&lab, next.text).state, LIFE_DENIED);
    assert_int_equal(issue(&lab.life, str_of(next.text), NULL), -ERR_DENIED);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_many_end),
        cmocka_unit_test(test_seen),
        cmocka_unit_test(test_stolen_key),
        cmocka_unit_test(test_anothers_key),
        cmocka_unit_test(test_renewal_of_what_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
