/* Two processes that decide about the same request at the same moment: there is one outcome, and
 * each is told the truth about it. */
#include <sys/wait.h>
#include <unistd.h>

#include "ca/issue.h"
#include "ca/records.h"
#include "ca/request.h"
#include "tests/unit/ca/ca_lab.h"

enum { ROUNDS = 20 };

static const struct actor alice = {{ALICE, sizeof(ALICE) - 1}, {"192.0.2.1", 9}};
static const struct str groups[] = {{"operators", 9}};
static const struct request_operator operators[] = {
    {{{"op1@example.com", 15}, {"192.0.2.7", 9}}, groups, 1},
    {{{"op2@example.com", 15}, {"192.0.2.8", 9}}, groups, 1},
};

/* What one of the two does, with a database of its own; what it returns is its exit status. */
typedef int (*part_fn)(const struct life *l, struct str id, const struct request_operator *o);

static int agree(const struct life *l, struct str id, const struct request_operator *o)
{
    int rc = request_approve(l, o, id, NULL);
    int signed_rc = rc == 0 ? issue(l, id, NULL) : 0;
    return signed_rc != 0 && signed_rc != -ERR_DENIED ? ERR_INTERNAL : -rc;
}

static int agree_as_first(const struct life *l, struct str id, const struct request_operator *o)
{
    (void)o;
    return agree(l, id, &operators[0]);
}

static int refuse(const struct life *l, struct str id, const struct request_operator *o)
{
    return -request_deny(l, o, id, STR("no"), NULL);
}

static int sign(const struct life *l, struct str id, const struct request_operator *o)
{
    (void)o;
    return -issue(l, id, NULL);
}

/* Starts when the other end of gate is closed. */
static pid_t start(struct ca_lab *lab, part_fn part, const struct life_id *id,
                   const struct request_operator *o, const int gate[2])
{
    char path[TMPDIR_PATH_MAX];
    (void)tmpdir_path(&lab->dir, "ca.db", path);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0) {
        return child;
    }
    char octet;
    struct life own = lab->life;
    (void)close(gate[1]);
    if (db_open(path, false, &own.db, NULL) != 0 || read(gate[0], &octet, 1) != 0) {
        _exit(99);
    }
    int status = part(&own, str_of(id->text), o);
    db_close(own.db);
    _exit(status);
}

static int status_of(pid_t child)
{
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

struct outcome {
    int first; /* err_code */
    int second;
    enum life_state state;
    int64_t certificates;
};

static bool look(void *arg, const struct record *r)
{
    struct outcome *o = arg;
    o->state = r->state;
    o->certificates = r->certificate.n > 0 ? 1 : 0;
    return false;
}

static struct outcome race(struct ca_lab *lab, part_fn first, part_fn second, uint32_t approvals)
{
    struct life_id id;
    struct outcome o = {.state = LIFE_STATE_COUNT};
    struct csr *c = lab_csr(NULL);
    const struct request_filing f = {
        .csr = c, .profile = STR("client"), .user = STR(ALICE), .company = STR(ACME)};
    int gate[2];
    lab->profiles[0].approvals = approvals;
    assert_int_equal(request_file(&lab->life, &alice, &f, &id, NULL), 0);
    csr_free(c);
    assert_int_equal(pipe(gate), 0);
    pid_t one = start(lab, first, &id, &operators[0], gate);
    pid_t two = start(lab, second, &id, &operators[1], gate);
    (void)close(gate[1]);
    (void)close(gate[0]);
    o.first = status_of(one);
    o.second = status_of(two);
    assert_int_equal(record_show(&lab->life, str_of(id.text), look, &o, NULL), 0);
    return o;
}

static void test_both_agree(void **state)
{
    (void)state;
    struct ca_lab lab;
    lab_open(&lab);
    for (int i = 0; i < ROUNDS; i++) {
        struct outcome o = race(&lab, agree, agree, 2);
        assert_int_equal(o.first, ERR_OK);
        assert_int_equal(o.second, ERR_OK);
        assert_int_equal(o.state, LIFE_ISSUED);
    }
    lab_close(&lab);
}

/* One agreement is enough: the second comes too late, whoever that is. */
static void test_one_is_enough(void **state)
{
    (void)state;
    struct ca_lab lab;
    lab_open(&lab);
    for (int i = 0; i < ROUNDS; i++) {
        struct outcome o = race(&lab, agree, agree, 1);
        assert_int_equal((o.first == ERR_OK) + (o.second == ERR_OK), 1);
        assert_int_equal(o.first + o.second, ERR_CLOSED);
        assert_int_equal(o.state, LIFE_ISSUED);
    }
    lab_close(&lab);
}

/* The same operator in two windows counts once. */
static void test_one_twice(void **state)
{
    (void)state;
    struct ca_lab lab;
    lab_open(&lab);
    for (int i = 0; i < ROUNDS; i++) {
        struct outcome o = race(&lab, agree, agree_as_first, 2);
        assert_int_equal(o.first + o.second, ERR_EXISTS);
        assert_int_equal(o.state, LIFE_PENDING);
    }
    lab_close(&lab);
}

/* Yes against no: a certificate or a no, never both, never neither. */
static void test_yes_and_no(void **state)
{
    (void)state;
    struct ca_lab lab;
    lab_open(&lab);
    for (int i = 0; i < ROUNDS; i++) {
        struct outcome o = race(&lab, agree, refuse, 1);
        assert_true(o.second == ERR_OK || o.second == ERR_CLOSED);
        assert_true(o.first == ERR_OK || o.first == ERR_CLOSED);
        assert_int_equal(o.state, o.second == ERR_OK ? LIFE_DENIED : LIFE_ISSUED);
        assert_int_equal(o.certificates, o.second == ERR_OK ? 0 : 1);
        assert_true(o.first == ERR_OK || o.second == ERR_OK);
    }
    struct audit_entry last;
    assert_int_equal(audit_verify(lab.life.db, &last, NULL), 0);
    lab_close(&lab);
}

/* What is approved is signed by two at once: one certificate, and both are content. */
static void test_signed_twice(void **state)
{
    (void)state;
    struct ca_lab lab;
    lab_open(&lab);
    for (int i = 0; i < ROUNDS; i++) {
        struct outcome o = race(&lab, sign, sign, 0);
        assert_int_equal(o.first + o.second, ERR_OK);
        assert_int_equal(o.state, LIFE_ISSUED);
        assert_int_equal(o.certificates, 1);
    }
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_agree),   cmocka_unit_test(test_one_is_enough),
        cmocka_unit_test(test_one_twice),    cmocka_unit_test(test_yes_and_no),
        cmocka_unit_test(test_signed_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
