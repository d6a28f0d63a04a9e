/* Owns: the messages under way, and when they are tried again. Leaves the words to message, the
 * rows to outbox, and mail and webhooks to send. */
#include "ca/notify.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ca/address.h"
#include "ca/child.h"
#include "ca/outbox.h"
#include "ca/records.h"
#include "ca/send.h"

enum {
    JOBS_MAX = 64,
    RUNNING_MAX = 4,
    SPARE_MS = 5000,           /* that a child has beyond its notifier's time */
    PASSWORD_MS = 3600 * 1000, /* a password is tried so long */
    RETRY_MS = 10 * 1000,      /* a secret; twice as long each time */
    NOTICE_MS = 60 * 1000,     /* a notice; twice as long each time */
    NOTICE_TRIES = 8,          /* and no longer after so many */
    LOOK_MS = 1000,            /* between two looks into the outbox */
};

struct job {
    int64_t row; /* 0: this place is free */
    enum message_kind kind;
    struct life_id request;
    const struct conf_notifier *via;
    struct buf input; /* of the child; secret */
    struct child child;
    uint64_t start_ms; /* clock_mono_ms() */
    uint64_t end_ms;   /* no try begins later; 0: this is the only one */
    uint32_t tries;
};

struct notify {
    const struct life *life;
    struct log *log;
    bool resident;
    uint64_t look_ms;
    struct err failed; /* the first failure, for notify_wait() */
    struct job jobs[JOBS_MAX];
};

const struct conf_notifier *notify_by(const struct conf_ca *conf, enum message_kind kind)
{
    const struct conf_text *name = kind == MESSAGE_CODE       ? &conf->notify.code
                                   : kind == MESSAGE_PASSWORD ? &conf->notify.password
                                                              : &conf->notify.notices;
    for (size_t i = 0; i < conf->notifier_count && name->p != NULL; i++) {
        if (str_eq(str_of(name->p), str_of(conf->notifiers[i].name.p))) {
            return &conf->notifiers[i];
        }
    }
    return NULL;
}

int notify_open(const struct life *l, struct log *log, bool resident, struct notify **out,
                struct err *e)
{
    struct notify *n = mem_calloc(1, sizeof(*n));
    *out = NULL;
    if (n == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    n->life = l;
    n->log = log;
    n->resident = resident;
    int rc = resident ? outbox_begin(l, notify_by(l->conf, MESSAGE_ENDS) != NULL, e) : 0;
    if (rc != 0) {
        mem_free(n);
        return rc;
    }
    *out = n;
    return 0;
}

static void clear(struct job *j)
{
    child_kill(&j->child);
    buf_wipe(&j->input);
    *j = (struct job){.row = 0};
}

static void tell_result(struct notify *n, const struct job *j, const char *error, int64_t next_ms)
{
    struct err e = {0};
    struct str request = str_of(j->request.text);
    if (outbox_result(n->life, j->row, error, next_ms, &e) != 0) {
        LOG(n->log, LOG_LEVEL_ERROR, "outbox_failed", LOG_TEXT("error", str_of(e.text)));
    }
    if (error == NULL) {
        LOG(n->log, LOG_LEVEL_INFO, "message_sent", LOG_TEXT("request", request),
            LOG_TEXT("kind", str_of(message_name(j->kind))));
    } else {
        LOG(n->log, next_ms > 0 ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, "message_not_sent",
            LOG_TEXT("request", request), LOG_TEXT("kind", str_of(message_name(j->kind))),
            LOG_TEXT("error", str_of(error)));
        (void)err_set(&n->failed, ERR_IO, "%s", error);
    }
}

void notify_close(struct notify *n)
{
    if (n == NULL) {
        return;
    }
    for (size_t i = 0; i < JOBS_MAX; i++) {
        struct job *j = &n->jobs[i];
        if (j->row != 0 && message_is_secret(j->kind)) {
            tell_result(n, j, "the process ended before it was sent: have a new code made", 0);
        }
        clear(j);
    }
    mem_free(n);
}

static struct job *free_place(struct notify *n)
{
    for (size_t i = 0; i < JOBS_MAX; i++) {
        if (n->jobs[i].row == 0) {
            return &n->jobs[i];
        }
    }
    return NULL;
}

/* What the child reads: a program gets the message, our own process how to send it, too. */
static int write_input(struct job *j, const struct message *m, struct err *e)
{
    struct buf text;
    buf_init(&text, SEND_JOB_MAX / 2);
    buf_init(&j->input, SEND_JOB_MAX);
    int rc = message_write(m, &text, e);
    if (rc == 0 && j->via->program.n > 0) {
        rc =
            buf_append(&j->input, buf_str(&text)) == 0 ? 0 : err_set(e, ERR_NOMEM, "out of memory");
    } else if (rc == 0) {
        rc = send_write_job(j->via, buf_str(&text), &j->input, e);
    }
    buf_wipe(&text);
    return rc;
}

int notify_post(struct notify *n, const struct message *m, struct err *e)
{
    int64_t wall_ms = clock_wall_ms();
    int64_t left_ms = m->until_ms > 0 ? m->until_ms - wall_ms : PASSWORD_MS;
    struct job *j = free_place(n);
    if (j == NULL) {
        return err_set(e, ERR_FULL, "too many messages wait to be sent");
    }
    *j = (struct job){.kind = m->kind, .via = notify_by(n->life->conf, m->kind)};
    if (j->via == NULL) {
        return err_set(e, ERR_NOT_FOUND, "there is no notifier for this");
    }
    (void)snprintf(j->request.text, sizeof(j->request.text), "%.*s", STR_ARG(m->request));
    int64_t row = 0;
    int rc = write_input(j, m, e);
    rc = rc == 0 ? outbox_put(n->life, m->request, m->kind, wall_ms, &row, e) : rc;
    if (rc != 0) {
        clear(j);
        return rc;
    }
    j->row = row;
    j->start_ms = clock_mono_ms();
    j->end_ms = n->resident && left_ms > 0 ? j->start_ms + (uint64_t)left_ms : 0;
    return 0;
}

static int64_t notice_retry(uint32_t tries)
{
    uint32_t doubled = tries < NOTICE_TRIES ? tries : NOTICE_TRIES;
    return clock_wall_ms() + ((int64_t)NOTICE_MS << doubled);
}

static void failed(struct notify *n, struct job *j, const char *error)
{
    uint64_t wait_ms = (uint64_t)RETRY_MS << (j->tries < 10 ? j->tries : 10);
    uint64_t now_ms = clock_mono_ms();
    if (!message_is_secret(j->kind)) {
        tell_result(n, j, error, notice_retry(j->tries));
        clear(j);
    } else if (now_ms + wait_ms < j->end_ms) {
        tell_result(n, j, error, clock_wall_ms() + (int64_t)wait_ms);
        j->start_ms = now_ms + wait_ms;
    } else {
        tell_result(n, j, error, 0);
        clear(j);
    }
}

static void start(struct notify *n, struct job *j)
{
    static const char *const self[] = {"countersign", "ca", "send", NULL};
    const char *argv[32] = {NULL};
    struct err e = {0};
    struct child_wish w = {.path = CHILD_SELF,
                           .argv = self,
                           .input = buf_str(&j->input),
                           .words = true,
                           .limit_ms = j->via->timeout_ms + SPARE_MS};
    j->tries++;
    if (j->via->program.n > 0) {
        for (size_t i = 0; i < j->via->program.n && i < sizeof(argv) / sizeof(argv[0]) - 1; i++) {
            argv[i] = j->via->program.v[i].p;
        }
        w.path = argv[0];
        w.argv = argv;
        w.words = false; /* it may say what it was told */
    }
    if (child_start(&j->child, &w, &e) != 0) {
        failed(n, j, e.text);
    }
}

static void look_after(struct notify *n, struct job *j)
{
    int status = 0;
    char words[CHILD_WORDS_MAX + 1];
    char error[CHILD_WORDS_MAX + 64];
    if (!child_ended(&j->child, &status, words)) {
        return;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        tell_result(n, j, NULL, 0);
        clear(j);
        return;
    }
    if (WIFSIGNALED(status)) {
        (void)snprintf(error, sizeof(error), "%s: ended by signal %d, or took too long",
                       j->via->name.p, WTERMSIG(status));
    } else {
        (void)snprintf(error, sizeof(error), "%s: %s", j->via->name.p,
                       words[0] != '\0' ? words : "the program's exit status was not 0");
    }
    failed(n, j, error);
}

struct composing {
    struct notify *n;
    struct job *j;
    bool fits; /* somebody is to be told */
    int rc;
    struct err *e;
};

static bool is_in_use(enum life_state s)
{
    return s == LIFE_ISSUED || s == LIFE_DELIVERED || s == LIFE_ACTIVE;
}

/* What a notice says, from what is so now. */
static bool compose(void *arg, const struct record *r)
{
    struct composing *c = arg;
    char link[640] = "";
    const char *base = c->n->life->conf->public_url.p;
    struct message m = {.kind = c->j->kind,
                        .to = c->j->kind == MESSAGE_ENDS ? r->user : r->requester,
                        .request = r->id,
                        .user = r->user,
                        .company = r->company,
                        .reason = r->denied_reason,
                        .serial = r->serial};
    if (base != NULL && m.kind != MESSAGE_DENIED) {
        (void)snprintf(link, sizeof(link), "%s/ca/pages/", base);
    }
    m.link = str_of(link);
    m.until_ms = m.kind == MESSAGE_ENDS ? r->not_after_ms : 0;
    c->fits = address_is(m.to) &&
              (m.kind == MESSAGE_DENIED ? r->state == LIFE_DENIED
               : m.kind == MESSAGE_ENDS ? is_in_use(r->state) && r->not_after_ms > clock_wall_ms()
                                        : r->state != LIFE_DENIED);
    c->rc = c->fits ? write_input(c->j, &m, c->e) : 0;
    return true;
}

static int add_notice(struct notify *n, const struct outbox_row *row, struct err *e)
{
    struct job *j = free_place(n);
    if (j == NULL) {
        return err_set(e, ERR_FULL, "too many messages wait to be sent");
    }
    *j = (struct job){.kind = row->kind,
                      .request = row->request,
                      .via = notify_by(n->life->conf, row->kind),
                      .start_ms = clock_mono_ms(),
                      .tries = row->tries - 1};
    struct composing c = {.n = n, .j = j, .e = e};
    int rc = record_show(n->life, str_of(row->request.text), compose, &c, e);
    rc = rc == 0 ? c.rc : rc;
    if (rc != 0 || !c.fits) {
        clear(j);
        return rc == 0 ? outbox_drop(n->life, row->id, e) : rc;
    }
    j->row = row->id;
    return 0;
}

static void take_notices(struct notify *n, size_t running)
{
    struct outbox_row rows[RUNNING_MAX];
    struct err e = {0};
    size_t taken = 0;
    const struct conf_notifier *via = notify_by(n->life->conf, MESSAGE_ENDS);
    if (!n->resident || via == NULL || running >= RUNNING_MAX || clock_mono_ms() < n->look_ms) {
        return;
    }
    n->look_ms = clock_mono_ms() + LOOK_MS;
    int rc = outbox_take(n->life, 2 * (via->timeout_ms + SPARE_MS), rows, RUNNING_MAX - running,
                         &taken, &e);
    for (size_t i = 0; i < taken && rc == 0; i++) {
        rc = add_notice(n, &rows[i], &e);
    }
    if (rc != 0) {
        LOG(n->log, LOG_LEVEL_ERROR, "outbox_failed", LOG_TEXT("error", str_of(e.text)));
    }
}

void notify_run(struct notify *n)
{
    size_t running = 0;
    for (size_t i = 0; i < JOBS_MAX; i++) {
        struct job *j = &n->jobs[i];
        if (j->row != 0 && j->child.pid > 0) {
            look_after(n, j);
        }
        running += j->child.pid > 0 ? 1 : 0;
    }
    take_notices(n, running);
    for (size_t i = 0; i < JOBS_MAX && running < RUNNING_MAX; i++) {
        struct job *j = &n->jobs[i];
        if (j->row != 0 && j->child.pid == 0 && clock_mono_ms() >= j->start_ms) {
            start(n, j);
            running += j->child.pid > 0 ? 1 : 0;
        }
    }
}

static bool is_idle(const struct notify *n)
{
    for (size_t i = 0; i < JOBS_MAX; i++) {
        if (n->jobs[i].row != 0) {
            return false;
        }
    }
    return true;
}

int notify_wait(struct notify *n, struct err *e)
{
    const struct timespec moment = {0, 20L * 1000 * 1000};
    notify_run(n);
    while (!is_idle(n)) {
        (void)nanosleep(&moment, NULL);
        notify_run(n);
    }
    return n->failed.code == ERR_OK ? 0 : err_set(e, ERR_IO, "not sent: %s", n->failed.text);
}
