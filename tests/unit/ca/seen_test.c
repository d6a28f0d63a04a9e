/* What workers tell of certificates in use: it makes those active that were issued or delivered,
 * and can do nothing else, whoever sends what. */
#include <sys/socket.h>
#include <unistd.h>

#include "base/sighting.h"
#include "ca/deliver.h"
#include "ca/seen.h"
#include "ca/withdraw.h"
#include "tests/unit/ca/ca_lab.h"

static const struct actor root = {{"local:root", 10}, {"local", 5}};

struct desk {
    struct ca_lab lab;
    char path[TMPDIR_PATH_MAX];
    struct seen *seen;
    int fd;
    struct sockaddr_un to;
    struct life_id id;
    struct sighting print;
    char serial[48];
    enum life_state state;
};

static bool look(void *arg, const struct record *r)
{
    struct desk *d = arg;
    const unsigned char *p = (const unsigned char *)r->certificate.p;
    unsigned n = 0;
    X509 *x = d2i_X509(NULL, &p, (long)r->certificate.n);
    assert_int_equal(X509_digest(x, EVP_sha256(), d->print.digest, &n), 1);
    X509_free(x);
    d->state = r->state;
    (void)snprintf(d->serial, sizeof(d->serial), "%.*s", STR_ARG(r->serial));
    return false;
}

static enum life_state state_of(struct desk *d)
{
    assert_int_equal(record_show(&d->lab.life, str_of(d->id.text), look, d, NULL), 0);
    return d->state;
}

static void certify(struct desk *d)
{
    struct csr *c = lab_csr(NULL);
    struct request_filing f = {
        .csr = c, .profile = STR("auto"), .user = STR(ALICE), .company = STR(ACME)};
    assert_int_equal(request_file(&d->lab.life, &root, &f, &d->id, NULL), 0);
    csr_free(c);
    assert_int_equal(issue(&d->lab.life, str_of(d->id.text), NULL), 0);
    (void)state_of(d);
}

static void desk_open(struct desk *d, const uid_t *peers, size_t n)
{
    struct err e = {0};
    memset(d, 0, sizeof(*d));
    lab_open(&d->lab);
    assert_int_equal(
        seen_open(tmpdir_path(&d->lab.dir, "ca.sock", d->path), peers, n, &d->seen, &e), 0);
    assert_true(sighting_address(d->path, &d->to));
    d->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(d->fd >= 0);
    certify(d);
    (void)snprintf(d->print.from, sizeof(d->print.from), "192.0.2.7");
}

static void desk_close(struct desk *d)
{
    assert_int_equal(audit_verify(d->lab.life.db, &(struct audit_entry){0}, NULL), 0);
    seen_close(d->seen);
    (void)close(d->fd);
    (void)unlink(d->to.sun_path);
    lab_close(&d->lab);
}

static void send_octets(struct desk *d, const void *octets, size_t n)
{
    assert_int_equal(sendto(d->fd, octets, n, 0, (const struct sockaddr *)&d->to, sizeof(d->to)),
                     (ssize_t)n);
}

static void tell(struct desk *d)
{
    unsigned char octets[SIGHTING_MAX];
    send_octets(d, octets, sighting_write(&d->print, octets));
}

static size_t entries(struct desk *d)
{
    struct audit_entry last = {0};
    assert_int_equal(audit_verify(d->lab.life.db, &last, NULL), 0);
    return (size_t)last.seq;
}

static void test_refused(void **state)
{
    (void)state;
    const uid_t own = geteuid();
    const uid_t other = own + 1;
    struct desk d;
    desk_open(&d, &other, 1);
    tell(&d);
    assert_int_equal(seen_take(d.seen, &d.lab.life, NULL), 0);
    assert_int_equal(state_of(&d), LIFE_ISSUED); /* by another user */
    desk_close(&d);

    desk_open(&d, &own, 1);
    size_t n = entries(&d);
    send_octets(&d, d.print.digest, sizeof(d.print.digest));
    send_octets(&d, "", 0);
    d.print.digest[0] ^= 1U;
    tell(&d); /* of no certificate of ours */
    assert_int_equal(seen_take(d.seen, &d.lab.life, NULL), 0);
    assert_int_equal(state_of(&d), LIFE_ISSUED);
    assert_int_equal(withdraw(&d.lab.life, &root, str_of(d.serial), WITHDRAW_HOLD, NULL), 0);
    tell(&d);
    assert_int_equal(seen_take(d.seen, &d.lab.life, NULL), 0);
    assert_int_equal(state_of(&d), LIFE_WITHDRAWN);
    assert_int_equal(entries(&d), n + 1);
    assert_int_equal(seen_take(NULL, &d.lab.life, NULL), 0);
    assert_int_equal(seen_fd(NULL), -1);
    desk_close(&d);
}

struct last {
    char actor[64];
    char origin[64];
    char action[64];
};

static int take_last(void *arg, const struct db_row *r)
{
    struct last *l = arg;
    (void)snprintf(l->actor, sizeof(l->actor), "%.*s", STR_ARG(db_octets(r, 0)));
    (void)snprintf(l->origin, sizeof(l->origin), "%.*s", STR_ARG(db_octets(r, 1)));
    (void)snprintf(l->action, sizeof(l->action), "%.*s", STR_ARG(db_octets(r, 2)));
    return 0;
}

static void test_active(void **state)
{
    (void)state;
    const uid_t own = geteuid();
    struct desk d;
    struct last last = {.actor = ""};
    desk_open(&d, &own, 1);
    size_t n = entries(&d);
    tell(&d);
    tell(&d);
    assert_int_equal(seen_take(d.seen, &d.lab.life, NULL), 0);
    assert_int_equal(state_of(&d), LIFE_ACTIVE);
    tell(&d);
    assert_int_equal(seen_take(d.seen, &d.lab.life, NULL), 0);
    assert_int_equal(entries(&d), n + 1);
    assert_int_equal(db_query(d.lab.life.db,
                              "SELECT actor, origin, action FROM audit ORDER BY seq DESC LIMIT 1",
                              (struct db_values){NULL, 0}, take_last, &last, NULL),
                     0);
    assert_string_equal(last.actor, ALICE);
    assert_string_equal(last.origin, "192.0.2.7");
    assert_string_equal(last.action, "certificate.active");
    desk_close(&d);
}

/* More than it takes at a time wait, and one that was left behind is in nobody's way. */
static void test_bounded(void **state)
{
    (void)state;
    const uid_t own = geteuid();
    struct desk d;
    struct seen *again = NULL;
    desk_open(&d, &own, 1);
    size_t sent = 0;
    unsigned char octets[SIGHTING_MAX];
    struct sighting other = d.print;
    other.digest[1] ^= 1U;
    size_t n = sighting_write(&other, octets);
    while (sent < 100 && sendto(d.fd, octets, n, MSG_DONTWAIT, (const struct sockaddr *)&d.to,
                                sizeof(d.to)) == (ssize_t)n) {
        sent++;
        if (sent % 8 == 0) {
            assert_int_equal(seen_take(d.seen, &d.lab.life, NULL), 0);
        }
    }
    assert_true(sent >= 8);
    assert_int_equal(seen_open(d.path, &own, 1, &again, NULL), 0);
    tell(&d);
    assert_int_equal(seen_take(again, &d.lab.life, NULL), 0);
    assert_int_equal(state_of(&d), LIFE_ACTIVE);
    seen_close(again);
    desk_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_active),
        cmocka_unit_test(test_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
