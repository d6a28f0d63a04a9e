/* Owns: the order of opening, the loop, and who may connect. */
#include "ca/serve.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
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
#include "ca/notice.h"
#include "ca/notify.h"
#include "ca/outbox.h"
#include "ca/policy.h"
#include "ca/publish.h"
#include "ca/withdraw.h"

enum { TICK_MS = 1000, NOTICES_MS = 600 * 1000, BACKLOG = 64, PEERS_MAX = 3 };

struct ca {
    const struct conf *conf;
    const struct serve_hooks *hooks;
    struct log *log;
    struct ca_key key;
    struct service service;
    struct http_server *http;
    bool crl_written;       /* the file holds the last list */
    int64_t accounts_at_ms; /* wall clock: when to look through them though nothing has changed */
    uint64_t notices_at_ms; /* monotonic: when to look for ends again */
};

/* A socket left behind by one that was killed is in the way of nobody. */
static int listen_at(const char *path, struct err *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        return err_set(e, ERR_CONFIG, "%s: too long for the name of a socket", path);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct stat s;
    if (lstat(path, &s) == 0 && S_ISSOCK(s.st_mode)) {
        (void)unlink(path);
    }
    /* Who connects is asked of the kernel, so that the mode need not say it. */
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        chmod(path, 0666) != 0 || listen(fd, BACKLOG) != 0) {
        int rc = err_set_errno(e, ERR_IO, errno, "%s", path);
        if (fd >= 0) {
            (void)close(fd);
        }
        return rc;
    }
    return fd;
}

/* The workers' user, ourselves, and root. */
static size_t find_peers(const struct conf *conf, uid_t peers[PEERS_MAX])
{
    size_t n = 0;
    peers[n++] = 0;
    peers[n++] = geteuid();
    const struct passwd *user =
        conf->process.user.p != NULL ? getpwnam(conf->process.user.p) : NULL;
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
    int fd = listen_at(conf->socket.p, e);
    if (fd < 0) {
        return fd;
    }
    size_t n = find_peers(ca->conf, peers);
    return http_start(fd, peers, n, entry_serve, &ca->service, &ca->http, e);
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
        http_run(ca.http, TICK_MS / 2);
    }
    http_stop(ca.http);
    notify_close(ca.service.notify);
    people_close(ca.service.life.people);
    db_close(ca.service.life.db);
    ca_key_fini(&ca.key);
    mem_wipe(ca.service.form_key, sizeof(ca.service.form_key));
    return rc;
}
