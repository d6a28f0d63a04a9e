/* How many certificates a worker keeps decoded, and that it forgets many of them step by step. */
#include <stdlib.h>

#include "base/mem.h"
#include "proxy/net/loop.h"
#include "proxy/proc/worker_inner.h"
#include "proxy/tls/decoded.h"
#include "proxy/tls/site_inner.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/support/tmpdir.h"

enum { MANY = 100 };

static X509 *certificates[MANY];

static int set_up(void **state)
{
    (void)state;
    EVP_PKEY *key = pki_key();
    for (size_t i = 0; i < MANY; i++) {
        certificates[i] =
            pki_cert(&(struct pki_spec){.common_name = "alice", .serial = i + 1}, key, NULL, NULL);
    }
    EVP_PKEY_free(key);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        X509_free(certificates[i]);
    }
    return 0;
}

/* A worker with what worker_decoded.c looks at: two listeners, the first with libssl's handshakes.
 */
struct rig {
    struct tmpdir directory;
    struct logfile *file;
    struct conf conf;
    struct tls_sites sites[2];
    struct tls_sites *of_listeners[2];
    struct runtime runtime;
    struct worker worker;
    size_t most;  /* that were forgotten in one turn */
    size_t steps; /* turns in which some were */
    size_t used;  /* after the last turn */
};

static void on_before_wait(void *arg)
{
    struct rig *r = arg;
    size_t now = decoded_counts(r->worker.decoded).used;
    size_t gone = r->used - now;
    r->steps += gone > 0 ? 1 : 0;
    r->most = gone > r->most ? gone : r->most;
    r->used = now;
}

static void rig_begin(struct rig *r, uint32_t max)
{
    char path[TMPDIR_PATH_MAX];
    struct err e = {0};
    *r = (struct rig){.conf = {.listener_count = 2}};
    tmpdir_make(&r->directory);
    r->file = logfile_open(tmpdir_path(&r->directory, "errors", path), 0, &e);
    r->conf.tuning.remember_certificates_max = max;
    r->sites[1].own_handshake = true;
    r->of_listeners[0] = &r->sites[0];
    r->of_listeners[1] = &r->sites[1];
    r->runtime = (struct runtime){.conf = &r->conf, .sites = r->of_listeners};
    r->worker.env.runtime = &r->runtime;
    r->worker.env.loop = loop_new();
    r->worker.env.log = log_new(r->file, LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, "worker 0");
    assert_true(r->file != NULL && r->worker.env.loop != NULL && r->worker.env.log != NULL);
    loop_before_wait(r->worker.env.loop, on_before_wait, r);
    worker_decoded_init(&r->worker);
}

static void rig_end(struct rig *r)
{
    loop_before_wait(r->worker.env.loop, NULL, NULL);
    loop_timer_stop(&r->worker.decoded_timer);
    loop_free(r->worker.env.loop);
    decoded_free(r->worker.decoded);
    log_free(r->worker.env.log);
    logfile_close(r->file);
    tmpdir_remove(&r->directory);
}

/* Keep all; how many there are then. */
static size_t keep_all(struct rig *r)
{
    for (size_t i = 0; i < MANY; i++) {
        decoded_keep(r->worker.decoded, NULL, certificates[i]);
    }
    r->used = decoded_counts(r->worker.decoded).used;
    return r->used;
}

/* No room where no handshake can be our own, be it from the start or from a reload on. */
static void test_room(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct conf_resumption resumption;
        uint32_t max;
        bool own; /* of the second listener */
        size_t used;
    } rows[] = {
        {"all of libssl", {.enabled = false}, MANY, false, 0},
        {"some of ours", {.enabled = false}, MANY, true, MANY},
        {"room for one", {.enabled = false}, 1, true, 1},
        {"none wanted", {.enabled = false}, 0, true, 0},
        {"sessions are kept", {.enabled = true, .keep_max = 1}, MANY, true, MANY},
        {"sessions are in tickets", {.enabled = true, .keep_max = 0}, MANY, true, 0},
        {"tickets of several hosts",
         {.enabled = true, .keep_max = 1, .secret_file = {.p = "s"}},
         MANY,
         true,
         0},
        {"a secret without use", {.keep_max = 1, .secret_file = {.p = "s"}}, MANY, true, MANY},
    };
    for (size_t i = 0; i < ROWS(rows) * 2; i++) {
        struct rig r;
        bool reloaded = i % 2 == 1;
        rig_begin(&r, MANY);
        if (reloaded) {
            assert_true(worker_decoded_make(&r.worker));
            assert_int_equal(keep_all(&r), MANY);
        }
        r.conf.resumption = rows[i / 2].resumption;
        r.conf.tuning.remember_certificates_max = rows[i / 2].max;
        r.sites[1].own_handshake = rows[i / 2].own;
        if (reloaded) {
            worker_decoded_renew(&r.worker);
            loop_run(r.worker.env.loop);
        } else {
            assert_true(worker_decoded_make(&r.worker));
        }
        CHECK_ROW(rows[i / 2].says, keep_all(&r) == rows[i / 2].used);
        rig_end(&r);
    }
}

/* The loop has its turn between the steps, until the last. */
static void test_steps(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        uint32_t max;
        size_t used; /* after the first step */
        size_t steps;
    } rows[] = {
        {"more", 200, 100, 0},          {"as many", 100, 100, 0}, {"one fewer", 99, 99, 0},
        {"one step", 68, 68, 0},        {"two", 67, 68, 1},       {"three", 5, 68, 2},
        {"four, none stays", 0, 68, 3},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct rig r;
        rig_begin(&r, MANY);
        assert_true(worker_decoded_make(&r.worker));
        assert_int_equal(keep_all(&r), MANY);
        r.conf.tuning.remember_certificates_max = rows[i].max;
        worker_decoded_renew(&r.worker);
        r.used = decoded_counts(r.worker.decoded).used;
        CHECK_ROW(rows[i].says, r.used == rows[i].used);
        CHECK_ROW(rows[i].says, loop_timer_running(&r.worker.decoded_timer) == (rows[i].steps > 0));
        loop_run(r.worker.env.loop);
        on_before_wait(&r); /* a later libuv ends behind the last timer, without another turn */
        CHECK_ROW(rows[i].says, r.steps == rows[i].steps && r.most <= 32);
        CHECK_ROW(rows[i].says, r.used == (rows[i].max < MANY ? rows[i].max : MANY));
        CHECK_ROW(rows[i].says, !loop_timer_running(&r.worker.decoded_timer));
        rig_end(&r);
    }
}

/* Without memory for more places it is said, and those that there are stay. */
static void test_without_memory(void **state)
{
    (void)state;
    struct rig r;
    rig_begin(&r, MANY);
    mem_fail_after(1, true);
    assert_false(worker_decoded_make(&r.worker));
    mem_fail_after(0, false);
    assert_true(worker_decoded_make(&r.worker));
    assert_int_equal(keep_all(&r), MANY);
    r.conf.tuning.remember_certificates_max = 2 * MANY;
    mem_fail_after(1, false);
    worker_decoded_renew(&r.worker);
    mem_fail_after(0, false);
    assert_int_equal(decoded_counts(r.worker.decoded).used, MANY);
    assert_false(loop_timer_running(&r.worker.decoded_timer));
    char *said = tmpdir_read(&r.directory, "errors", NULL);
    assert_non_null(strstr(said, "event=certificate_memory_small error="));
    free(said);
    rig_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
