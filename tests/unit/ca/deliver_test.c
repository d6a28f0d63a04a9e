/* Handing certificates over, and seeing them in use: what is not handed over, what goes with it,
 * and which step is taken once. */
#include <string.h>

#include "ca/audit.h"
#include "ca/deliver.h"
#include "ca/withdraw.h"
#include "tests/unit/ca/ca_lab.h"

static const struct actor alice = {{ALICE, sizeof(ALICE) - 1}, {"192.0.2.1", 9}};
static const struct str groups[] = {{"operators", 9}};
static const struct request_operator operator_1 = {
    {{"op1@example.com", 15}, {"192.0.2.7", 9}}, groups, 1};

static bool note_state(void *arg, const struct record *r)
{
    enum life_state *s = arg;
    *s = r->state;
    return false;
}

static enum life_state state_of(const struct ca_lab *lab, struct str id)
{
    enum life_state s = LIFE_STATE_COUNT;
    assert_int_equal(record_show(&lab->life, id, note_state, &s, NULL), 0);
    return s;
}

struct count {
    const char *action;
    unsigned n;
};

static bool count_action(void *arg, const struct audit_entry *a)
{
    struct count *c = arg;
    c->n += str_eq(a->action, str_of(c->action));
    return true;
}

/* Lines of the record about that. */
static unsigned lines_of(const struct ca_lab *lab, const char *action)
{
    struct count c = {action, 0};
    assert_int_equal(audit_each(lab->life.db, 1, count_action, &c, NULL), 0);
    return c.n;
}

static struct life_id file(const struct ca_lab *lab, const char *profile)
{
    struct life_id id;
    struct csr *c = lab_csr(NULL);
    const struct request_filing f = {
        .csr = c, .profile = str_of(profile), .user = STR(ALICE), .company = STR(ACME)};
    assert_int_equal(request_file(&lab->life, &alice, &f, &id, NULL), 0);
    csr_free(c);
    return id;
}

static void is_pending(struct ca_lab *lab, struct life_id *id)
{
    *id = file(lab, "client");
}

static void is_approved(struct ca_lab *lab, struct life_id *id)
{
    *id = file(lab, "auto");
}

static void is_denied(struct ca_lab *lab, struct life_id *id)
{
    *id = file(lab, "client");
    assert_int_equal(request_deny(&lab->life, &operator_1, str_of(id->text), STR("no"), NULL), 0);
}

static void is_withdrawn(struct ca_lab *lab, struct life_id *id)
{
    struct lab_issued c = lab_issue(lab);
    *id = c.id;
    assert_int_equal(withdraw(&lab->life, &alice, str_of(c.serial), WITHDRAW_SUPERSEDED, NULL), 0);
    X509_free(c.certificate);
}

static void is_on_hold(struct ca_lab *lab, struct life_id *id)
{
    struct lab_issued c = lab_issue(lab);
    *id = c.id;
    assert_int_equal(withdraw(&lab->life, &alice, str_of(c.serial), WITHDRAW_HOLD, NULL), 0);
    X509_free(c.certificate);
}

/* Past its end, before anybody has noted that. */
static void is_over(struct ca_lab *lab, struct life_id *id)
{
    struct lab_issued c = lab_issue(lab);
    *id = c.id;
    X509_free(c.certificate);
    clock_fake(0, (PKI_NOW_S + 20 * PKI_DAY_S) * 1000);
}

static void is_damaged(struct ca_lab *lab, struct life_id *id)
{
    struct lab_issued c = lab_issue(lab);
    *id = c.id;
    assert_int_equal(db_query(lab->life.db, "UPDATE certificate SET der = x'30'",
                              (struct db_values){NULL, 0}, NULL, NULL, NULL),
                     0);
    X509_free(c.certificate);
}

static void is_unknown(struct ca_lab *lab, struct life_id *id)
{
    (void)lab;
    (void)snprintf(id->text, sizeof(id->text), "%s", "0123456789abcdef01234567");
}

static void is_nothing(struct ca_lab *lab, struct life_id *id)
{
    (void)lab;
    id->text[0] = '\0';
}

static void refused(void **state)
{
    static const struct {
        const char *says;
        void (*make)(struct ca_lab *lab, struct life_id *id);
        int rc;
        const char *word;
    } rows[] = {
        {"not known", is_unknown, -ERR_NOT_FOUND, ""},
        {"no id", is_nothing, -ERR_NOT_FOUND, ""},
        {"it waits for operators", is_pending, -ERR_CLOSED, "is pending"},
        {"it waits for the CA", is_approved, -ERR_CLOSED, "is approved"},
        {"it was denied", is_denied, -ERR_CLOSED, "is denied"},
        {"it is withdrawn", is_withdrawn, -ERR_CLOSED, "is withdrawn"},
        {"it is on hold", is_on_hold, -ERR_CLOSED, "is withdrawn"},
        {"it is past its end", is_over, -ERR_CLOSED, "is expired"},
        {"it cannot be read", is_damaged, -ERR_MALFORMED, "is damaged"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ca_lab lab;
        struct life_id id;
        struct err e = {0};
        struct buf out;
        lab_open(&lab);
        rows[i].make(&lab, &id);
        buf_init(&out, 65536);
        CHECK_ROW(rows[i].says,
                  deliver(&lab.life, &alice, str_of(id.text), &out, &e) == rows[i].rc);
        CHECK_ROW(e.text, strstr(e.text, rows[i].word) != NULL);
        CHECK_ROW(rows[i].says, buf_len(&out) == 0);
        CHECK_ROW(rows[i].says, lines_of(&lab, "certificate.delivered") == 0);
        buf_release(&out);
        lab_close(&lab);
    }
}

/* What is kept of it cannot be read any more: that is another thing than to have none yet. */
static void unsigned_when_damaged(void **state)
{
    struct ca_lab lab;
    struct err e = {0};
    (void)state;
    lab_open(&lab);
    struct life_id id = file(&lab, "auto");
    assert_int_equal(db_query(lab.life.db, "UPDATE request SET csr = x'30'",
                              (struct db_values){NULL, 0}, NULL, NULL, NULL),
                     0);
    assert_int_equal(issue(&lab.life, str_of(id.text), &e), -ERR_MALFORMED);
    assert_non_null(strstr(e.text, "is damaged"));
    lab_close(&lab);
}

/* The certificates of a PEM text; sk_X509_pop_free(). */
static STACK_OF(X509) * read_all(const struct buf *b)
{
    struct str s = buf_str(b);
    STACK_OF(X509) *all = sk_X509_new_null();
    BIO *bio = BIO_new_mem_buf(s.p, (int)s.n);
    X509 *x = NULL;
    while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        assert_true(sk_X509_push(all, x) > 0);
    }
    BIO_free(bio);
    return all;
}

/* Deliver it; which of leaf, CA and root came, in this order. */
static void check_came(const char *says, const struct ca_lab *lab, const struct lab_issued *c,
                       X509 *const *wanted, int n)
{
    struct buf out;
    buf_init(&out, 65536);
    CHECK_ROW(says, deliver(&lab->life, &alice, str_of(c->id.text), &out, NULL) == 0);
    STACK_OF(X509) *came = read_all(&out);
    CHECK_ROW(says, sk_X509_num(came) == n);
    for (int i = 0; i < n; i++) {
        CHECK_ROW(says, X509_cmp(sk_X509_value(came, i), wanted[i]) == 0);
    }
    sk_X509_pop_free(came, X509_free);
    buf_release(&out);
}

static void chains(void **state)
{
    struct ca_lab lab;
    EVP_PKEY *new_key = pki_key();
    X509 *new_ca = pki_ca("New CA", new_key);
    (void)state;
    lab_open(&lab);
    struct lab_issued c = lab_issue(&lab);
    X509 *root = pki_ca("Root", new_key);
    X509 *const all[] = {c.certificate, lab.key.certificate, root};
    check_came("those above are the CA alone", &lab, &c, all, 2);
    struct ca_key key = lab.key;
    key.chain = sk_X509_new_null();
    assert_true(sk_X509_push(key.chain, root) > 0);
    lab.life.key = &key;
    check_came("and what stands above it", &lab, &c, all, 3);
    lab.life.key = NULL;
    check_came("no CA at hand: the certificate alone", &lab, &c, all, 1);
    lab.life.key = &key;
    key.certificate = new_ca;
    check_came("a former CA that is not known: none of the present one", &lab, &c, all, 1);
    key.others = sk_X509_new_null();
    assert_true(sk_X509_push(key.others, lab.key.certificate) > 0);
    check_came("a former CA that is known", &lab, &c, all, 2);
    struct buf out;
    buf_init(&out, 65536);
    assert_int_equal(deliver_chain(&lab.life, &out, NULL), 0);
    STACK_OF(X509) *came = read_all(&out);
    assert_int_equal(sk_X509_num(came), 2);
    assert_int_equal(X509_cmp(sk_X509_value(came, 0), new_ca), 0);
    sk_X509_pop_free(came, X509_free);
    buf_release(&out);
    buf_init(&out, 64);
    assert_int_equal(deliver_chain(&lab.life, &out, NULL), -ERR_NOMEM); /* no room */
    buf_release(&out);
    assert_int_equal(lines_of(&lab, "certificate.delivered"), 1); /* the first time alone */
    assert_int_equal(state_of(&lab, str_of(c.id.text)), LIFE_DELIVERED);
    sk_X509_free(key.chain);
    sk_X509_free(key.others);
    lab.life.key = &lab.key;
    X509_free(c.certificate);
    X509_free(root);
    X509_free(new_ca);
    EVP_PKEY_free(new_key);
    lab_close(&lab);
}

static void seen(void **state)
{
    static const struct {
        const char *says;
        bool deliver, withdraw;
        size_t octets; /* of the fingerprint */
        bool other;
        enum life_state state;
        unsigned lines;
    } rows[] = {
        {"another's", false, false, 32, true, LIFE_ISSUED, 0},
        {"an octet less", false, false, 31, false, LIFE_ISSUED, 0},
        {"nothing", false, false, 0, false, LIFE_ISSUED, 0},
        {"withdrawn", false, true, 32, false, LIFE_WITHDRAWN, 0},
        {"withdrawn, and delivered before", true, true, 32, false, LIFE_WITHDRAWN, 0},
        {"issued", false, false, 32, false, LIFE_ACTIVE, 1},
        {"delivered", true, false, 32, false, LIFE_ACTIVE, 1},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ca_lab lab;
        struct buf out;
        unsigned char digest[33] = {0};
        unsigned n = 0;
        lab_open(&lab);
        struct lab_issued c = lab_issue(&lab);
        struct str id = str_of(c.id.text);
        assert_int_equal(X509_digest(c.certificate, EVP_sha256(), digest, &n), 1);
        digest[31] ^= rows[i].other ? 1 : 0;
        buf_init(&out, 65536);
        if (rows[i].deliver) {
            assert_int_equal(deliver(&lab.life, &alice, id, &out, NULL), 0);
        }
        if (rows[i].withdraw) {
            assert_int_equal(
                withdraw(&lab.life, &alice, str_of(c.serial), WITHDRAW_SUPERSEDED, NULL), 0);
        }
        for (int k = 0; k < 3; k++) {
            struct str fingerprint = {(const char *)digest, rows[i].octets};
            CHECK_ROW(rows[i].says, deliver_seen(&lab.life, &alice, fingerprint, NULL) == 0);
        }
        CHECK_ROW(rows[i].says, state_of(&lab, id) == rows[i].state);
        CHECK_ROW(rows[i].says, lines_of(&lab, "certificate.active") == rows[i].lines);
        CHECK_ROW(rows[i].says, audit_verify_whole(lab.life.db, NULL) == 0);
        buf_release(&out);
        X509_free(c.certificate);
        lab_close(&lab);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),
        cmocka_unit_test(unsigned_when_damaged),
        cmocka_unit_test(chains),
        cmocka_unit_test(seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
