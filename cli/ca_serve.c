/* Owns: signals, log and rights of the CA's process. Leaves what it serves to ca/serve. */
#include "cli/ca_serve.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/logfile.h"
#include "base/mem_pool.h"
#include "ca/pages/pages.h"
#include "ca/serve.h"
#include "cli/loaded.h"
#include "proxy/proc/apart.h"
#include "proxy/proc/control.h"
#include "proxy/proc/findings.h"
#include "proxy/proc/harden.h"
#include "proxy/proc/privdrop.h"

enum { ANSWER_MAX = 65536, TELL_MS = 2000 };

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t none;
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGUSR1, SIG_IGN);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int complain(struct err *e)
{
    (void)fprintf(stderr, "countersign ca: %s\n", e->text);
    return 1;
}

/* The proxy looks at the file by itself too, a little later. */
static void ask_proxy(void *arg)
{
    const struct conf *conf = arg;
    struct buf answer;
    buf_init(&answer, ANSWER_MAX);
    if (conf->admin.socket.p != NULL &&
        control_ask(conf->admin.socket.p, "deny", STR_NONE, TELL_MS, &answer, NULL) != 0) {
        buf_clear(&answer);
    }
    buf_release(&answer);
}

/* False once who started us is gone: nobody would end us. */
static bool die_with(pid_t parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    return getppid() == parent;
}

static int change_user(const struct conf *conf, struct err *e)
{
    struct privdrop drop;
    struct err inner = {0};
    int rc = privdrop_find(conf->ca.user.p, NULL, &drop, &inner);
    if (rc != 0) {
        return err_set(e, inner.code,
                       rc == -ERR_NOT_FOUND ? "ca.user: there is no user \"%s\""
                                            : "ca.user: only root can change to \"%s\": start as "
                                              "root, or leave ca.user out",
                       conf->ca.user.p);
    }
    harden_lock();
    return privdrop_now(&drop, e);
}

/* The key is not even read where the workers could have read it. */
static int check_apart(const struct conf *conf, struct log *log, struct err *e)
{
    struct diags *diags = diags_new();
    char text[sizeof(e->text)];
    if (diags == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    apart_check(conf, diags);
    findings_log_warnings(diags, log);
    bool apart = diags_errors(diags) == 0;
    findings_first_error(diags, text, sizeof(text));
    diags_free(diags);
    return apart ? 0 : err_set(e, ERR_CONFIG, "%s", text);
}

/* The log is opened with the rights of who started us, all else without. The change of user undoes
 * what was said about memory and the parent. */
static int serve_as_user(const struct conf *conf, struct log *log, pid_t parent, struct err *e)
{
    int rc = check_apart(conf, log, e);
    rc = rc == 0 ? change_user(conf, e) : rc;
    if (rc == 0) {
        harden_memory();
        const struct serve_hooks hooks = {ask_proxy, (void *)(uintptr_t)conf, pages_ways,
                                          PAGES_WAYS};
        rc = die_with(parent) ? serve(conf, &hooks, log, &stop, e) : 0;
    }
    if (rc != 0) {
        LOG(log, LOG_LEVEL_ERROR, "ca_cannot_serve", LOG_TEXT("error", str_of(e->text)));
    }
    return rc;
}

static int serve_logged(const struct conf *conf, pid_t parent, struct err *e)
{
    struct logfile *file = logfile_open(conf->log.error.p, 0, e);
    if (file == NULL) {
        return -ERR_IO;
    }
    struct log *log = log_new(file, (enum log_level)conf->log.level,
                              (enum log_format)conf->log.error_format, "ca");
    int rc = serve_as_user(conf, log, parent, e);
    log_free(log);
    logfile_close(file);
    return rc;
}

int ca_serve(const char *path)
{
    struct loaded loaded;
    struct err e = {0};
    pid_t parent = getppid();
    mem_pool_wipe();
    harden_process();
    harden_memory();
    catch_signals();
    if (!die_with(parent)) {
        return 0;
    }
    int rc = loaded_open(&loaded, path);
    if (rc == 0 && loaded.conf->ca.socket.p == NULL) {
        rc = err_set(&e, ERR_CONFIG, "%s: ca.socket is not given: there is nothing to serve", path);
    }
    rc = rc == 0 ? serve_logged(loaded.conf, parent, &e) : rc;
    loaded_close(&loaded);
    return rc == 0 ? 0 : complain(&e);
}
