/* Owns: the order of opening, the loop, and who may connect. */
#include "ca/serve.h"

#include <pwd.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ca/call.h"
#include "ca/crl.h"
#include "ca/entry.h"
#include "ca/handover.h"
#include "ca/http.h"
#include "ca/issue.h"
#include "ca/journal.h"
#include "ca/local_socket.h"
#include "ca/notice.h"
#include "ca/notify.h"
#include "ca/outbox.h"
#include "ca/policy.h"
#include "ca/publish.h"
#include "ca/seen.h"
#include "ca/withdraw.h"

enum { TICK_MS = 1000, NOTICES_MS = 600 * 1000, PEERS_MAX = 3 };

struct ca {
    const struct conf *conf;
    const struct serve_hooks *hooks;
    struct log *log;
    struct ca_key key;
    struct service service;
    struct http_server *http;
    struct seen *seen;      /* NULL: nobody tells us */
    bool crl_written;       /* the file holds the last list */
    int64_t accounts_at_ms; /* wall clock: when to look through them though nothing has changed */
    uint64_t notices_at_ms; /* monotonic: when to look for ends again */
};

/* The workers' user, ourselves, and root. */
static size_t find_peers(const struct conf *conf, uid_t peers[PEERS_MAX])
{
    size_t n = 0;
    peers[n++] = 0;
    peers[n++] = geteuid();
    const char *name = conf->process.user.p;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    const struct passwd *user = name != NULL ? getpwnam(name) : NULL;
    if (user != NULL) {
        peers[n++] = user->pw_uid;
    }
    return n;
}

/* A new revocation list if it is time for one, or if the last one is old. */
static void renew_crl(struct ca *ca)
{
    struct err e = {0};
    bool made = false;
    int rc = crl_renew(&ca->service.life, ca->conf->ca.crl_life_ms, &made, &e);
    if (rc == 0 && ca->conf->ca.crl_file.p != NULL && (made || !ca->crl_written)) {
        rc = crl_write(&ca->service.life, ca->conf->ca.crl_file.p, &e);
        ca->crl_written = rc == 0;
    }
    if (rc != 0) {
        LOG(ca->log, LOG_LEVEL_ERROR, "crl_failed", LOG_TEXT("error", str_of(e.text)));
    } else if (made) {
        log_event(ca->log, LOG_LEVEL_INFO, "crl_made", NULL, 0);
    }
}

/* Have withdrawals in force; false if that must be tried again. */
static bool publish(void *arg)
{
    struct ca *ca = arg;
    struct err e = {0};
    size_t n = 0;
    if (ca->conf->revocation.deny.n == 0) {
        return false;
    }
    int rc = publish_denied(&ca->service.life, ca->conf->revocation.deny.v[0].p, &n, &e);
    if (n > 0) {
        LOG(ca->log, LOG_LEVEL_INFO, "withdrawals_published", LOG_NUMBER("certificates", n));
        ca->hooks->deny_changed(ca->hooks->arg);
    }
    if (rc != 0) {
        LOG(ca->log, LOG_LEVEL_ERROR, "withdrawals_not_published",
            LOG_TEXT("error", str_of(e.text)));
    }
    return rc == 0;
}

static int open_all(struct ca *ca, struct err *e)
{
    const struct conf_ca *conf = &ca->conf->ca;
    uid_t peers[PEERS_MAX];
    int rc = ca_key_load(conf, &ca->key, e);
    rc = rc == 0 ? db_open(conf->store.p, true, &ca->service.life.db, e) : rc;
    rc = rc == 0 ? people_open(&ca->conf->users, &ca->conf->identity, &ca->service.life.people, e)
                 : rc;
    ca->service.life.conf = conf;
    ca->service.life.rule = &ca->conf->identity;
    rc = rc == 0 ? notify_open(&ca->service.life, ca->log, true, &ca->service.notify, e) : rc;
    if (rc != 0) {
        return rc;
    }
    ca->service.life.key = &ca->key;
    rc = crl_drop_foreign(&ca->service.life, e);
    rc = rc == 0 ? journal_begin(&ca->service.life, &ca->service.journal_seq, e) : rc;
    if (rc != 0) {
        return rc;
    }
    ca->service.user_field = ca->conf->headers.user.p;
    ca->service.fingerprint_field = ca->conf->headers.fingerprint.p;
    ca->service.log = ca->log;
    ca->service.publish = publish;
    ca->service.publish_arg = ca;
    ca->service.ways = ca->hooks->ways;
    ca->service.way_count = ca->hooks->way_count;
    if (RAND_priv_bytes(ca->service.form_key, sizeof(ca->service.form_key)) != 1) {
        return err_set(e, ERR_CRYPTO, "the library has no random numbers");
    }
    int fd = local_socket_listen(conf->socket.p, e);
    if (fd < 0) {
        return fd;
    }
    size_t n = find_peers(ca->conf, peers);
    const struct http_socket at = {fd, peers, n};
    rc = http_start(&at, entry_serve, &ca->service, &ca->http, e);
    struct err mine = {0};
    if (rc == 0 && seen_open(conf->socket.p, peers, n, &ca->seen, &mine) != 0) {
        LOG(ca->log, LOG_LEVEL_WARNING, "use_not_heard", LOG_TEXT("error", str_of(mine.text)));
    }
    return rc;
}

static void tick_failed(struct ca *ca, const char *event, const struct err *e)
{
    LOG(ca->log, LOG_LEVEL_ERROR, event, LOG_TEXT("error", str_of(e->text)));
}

/* Certificates follow their users' accounts. */
static void follow_accounts(struct ca *ca)
{
    struct err e = {0};
    size_t n = 0;
    struct people *people = ca->service.life.people;
    if (people == NULL || (!people_changed(people) && clock_wall_ms() < ca->accounts_at_ms)) {
        return;
    }
    if (policy_apply(&ca->service.life, people, &n, &ca->accounts_at_ms, &e) != 0) {
        tick_failed(ca, "accounts_not_followed", &e);
    }
    if (n > 0) {
        LOG(ca->log, LOG_LEVEL_INFO, "accounts_followed", LOG_NUMBER("certificates", n));
    }
}

/* Files that nobody got. */
static void replace_lost(struct ca *ca)
{
    struct err e = {0};
    size_t lost = 0;
    if (handover_tick(&ca->service.life, &lost, &e) != 0) {
        tick_failed(ca, "hand_overs_not_looked_at", &e);
    }
    if (lost > 0) {
        LOG(ca->log, LOG_LEVEL_WARNING, "certificates_not_fetched",
            LOG_NUMBER("certificates", lost));
    }
}

/* Ends that come near. */
static void give_notice(struct ca *ca)
{
    struct err e = {0};
    size_t n = 0;
    if (clock_mono_ms() < ca->notices_at_ms) {
        return;
    }
    ca->notices_at_ms = clock_mono_ms() + NOTICES_MS;
    /* Otherwise a notifier of next year would begin with the decisions of this one. */
    if ((notify_by(&ca->conf->ca, MESSAGE_ENDS) == NULL
             ? outbox_forget(&ca->service.life, &e)
             : notice_tick(&ca->service.life, &n, &e)) != 0) {
        tick_failed(ca, "notices_not_given", &e);
    }
    if (n > 0) {
        LOG(ca->log, LOG_LEVEL_INFO, "notices_given", LOG_NUMBER("certificates", n));
    }
}

/* What fails is tried again at the next tick, and keeps nothing else from being done. */
static void tick(struct ca *ca)
{
    struct err e = {0};
    struct err late = {0};
    size_t issued = 0;
    size_t withdrawn = 0;
    if (issue_all(&ca->service.life, &issued, &e) != 0) {
        tick_failed(ca, "not_issued", &e);
    }
    if (withdraw_tick(&ca->service.life, &withdrawn, &late) != 0) {
        tick_failed(ca, "ca_tick_failed", &late);
    }
    follow_accounts(ca);
    replace_lost(ca);
    give_notice(ca);
    (void)publish(ca);
    renew_crl(ca);
    journal_write(&ca->service.life, ca->log, &ca->service.journal_seq);
}

/* Certificates in use, as the proxy tells. */
static void hear(struct ca *ca)
{
    struct err e = {0};
    if (seen_take(ca->seen, &ca->service.life, &e) != 0) {
        tick_failed(ca, "use_not_recorded", &e);
    }
}

int serve(const struct conf *conf, const struct serve_hooks *hooks, struct log *log,
          const volatile sig_atomic_t *stop, struct err *e)
{
    struct ca ca = {.conf = conf, .hooks = hooks, .log = log};
    uint64_t tick_at_ms = 0;
    int rc = open_all(&ca, e);
    if (rc == 0) {
        LOG(log, LOG_LEVEL_INFO, "ca_serves", LOG_TEXT("socket", str_of(conf->ca.socket.p)));
    }
    while (rc == 0 && !*stop) {
        if (clock_mono_ms() >= tick_at_ms) {
            tick(&ca);
            tick_at_ms = clock_mono_ms() + TICK_MS;
        }
        notify_run(ca.service.notify);
        hear(&ca);
        http_run(ca.http, TICK_MS / 2, seen_fd(ca.seen));
    }
    http_stop(ca.http);
    seen_close(ca.seen);
    notify_close(ca.service.notify);
    people_close(ca.service.life.people);
    db_close(ca.service.life.db);
    ca_key_fini(&ca.key);
    mem_wipe(ca.service.form_key, sizeof(ca.service.form_key));
    return rc;
}
