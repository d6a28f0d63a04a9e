/* Owns: the helper's threads and their talk with responders. Not: whose turn it is (ocsp_lines),
 * what an answer is worth (auth/revoke/ocsp). A process of its own; it holds no key, hears no
 * client, and knows nothing but certificates that a worker has verified. */
#include "proxy/proc/ocsp_helper.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/http.h>

#include "auth/revoke/ocsp.h"
#include "base/clock.h"
#include "proxy/proc/harden.h"
#include "proxy/proc/ocsp_lines.h"

enum {
    PLACES = 65536,
    RESPONSE_MAX = 256 * 1024,
    RETRY_S = 5,   /* after an answer that could not be had */
    LOG_MS = 1000, /* at most one line about that in so long */
};

struct helper {
    struct ocsp_line *line;
    struct log *log;
    struct metrics *metrics;
    pthread_mutex_t lock; /* of all below, of the log and of writing to the table */
    pthread_cond_t ready; /* there may be something to take */
    struct ocsp_lines *lines;
    uint64_t quiet_until_ms;
};

int ocsp_line_open(struct ocsp_line *l)
{
    int pair[2];
    *l = (struct ocsp_line){.ask = -1, .serve = -1};
    l->table = ocsp_table_new(PLACES);
    if (l->table == NULL) {
        return -ERR_NOMEM;
    }
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) != 0) {
        ocsp_line_close(l);
        return -ERR_IO;
    }
    l->ask = pair[0];
    l->serve = pair[1];
    return 0;
}

void ocsp_line_close(struct ocsp_line *l)
{
    if (l->table == NULL) {
        return;
    }
    ocsp_table_free(l->table);
    l->table = NULL;
    if (l->ask >= 0) {
        (void)close(l->ask);
        (void)close(l->serve);
    }
}

void ocsp_line_send(void *arg, struct str question)
{
    const struct ocsp_line *l = arg;
    (void)send(l->ask, question.p, question.n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The response of q's responder; NULL with e. */
static OCSP_RESPONSE *fetch(const struct ocsp_question *q, OCSP_REQUEST *request, struct err *e)
{
    char *host = NULL;
    char *port = NULL;
    char *path = NULL;
    int secure = 0;
    OCSP_RESPONSE *response = NULL;
    BIO *body = NULL;
    BIO *out = BIO_new(BIO_s_mem());
    if (out == NULL || ASN1_item_i2d_bio(ASN1_ITEM_rptr(OCSP_REQUEST), out, request) != 1) {
        (void)err_set(e, ERR_NOMEM, "out of memory");
    } else if (OSSL_HTTP_parse_url(q->url, &secure, NULL, &host, &port, NULL, &path, NULL, NULL) !=
                   1 ||
               secure != 0) {
        (void)err_set(e, ERR_MALFORMED, "not an http URL");
    } else {
        body =
            OSSL_HTTP_transfer(NULL, host, port, path, 0, "", NULL, NULL, NULL, NULL, NULL, 0, NULL,
                               "application/ocsp-request", out, "application/ocsp-response", 1,
                               RESPONSE_MAX, (int)(q->timeout_ms / 1000), 0);
        response = body != NULL ? d2i_OCSP_RESPONSE_bio(body, NULL) : NULL;
        if (response == NULL) {
            const char *why = ERR_reason_error_string(ERR_peek_last_error());
            (void)err_set(e, ERR_IO, "no answer (%s)", why != NULL ? why : "unknown error");
        }
    }
    BIO_free(body);
    BIO_free(out);
    OPENSSL_free(host);
    OPENSSL_free(port);
    OPENSSL_free(path);
    ERR_clear_error();
    return response;
}

static int ask(const struct ocsp_question *q, struct ocsp_entry *out, struct err *e)
{
    if (q->url[0] == '\0') {
        return err_set(e, ERR_NOT_FOUND,
                       "the certificate names no http responder, and client.ocsp.responder is not "
                       "given");
    }
    OCSP_REQUEST *request = ocsp_request(q);
    if (request == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    OCSP_RESPONSE *response = fetch(q, request, e);
    int rc = response != NULL ? ocsp_judge(q, response, clock_wall_ms() / 1000, out, e) : -ERR_IO;
    OCSP_RESPONSE_free(response);
    OCSP_REQUEST_free(request);
    return rc;
}

static void log_failure(struct helper *h, const struct ocsp_question *q, const struct err *e)
{
    uint64_t now_ms = clock_mono_ms();
    if (now_ms >= h->quiet_until_ms) {
        h->quiet_until_ms = now_ms + LOG_MS;
        LOG(h->log, LOG_LEVEL_WARNING, "ocsp_failed", LOG_TEXT("responder", str_of(q->url)),
            LOG_TEXT("error", str_of(e->text)));
    }
}

/* What is known stays until its end. */
static void note_failure(struct helper *h, const struct ocsp_question *q)
{
    int64_t now_s = clock_wall_ms() / 1000;
    struct ocsp_entry e = ocsp_table_get(h->line->table, q->key);
    if (e.status == OCSP_STATUS_NONE || (e.status != OCSP_STATUS_REVOKED && now_s >= e.until_s)) {
        e.status = OCSP_STATUS_FAILED;
        e.until_s = now_s + RETRY_S;
    }
    e.refresh_s = now_s + RETRY_S;
    ocsp_table_put(h->line->table, q->key, &e);
}

/* True if q is to be asked: not answered meanwhile. */
static bool is_wanted(const struct helper *h, const struct ocsp_question *q)
{
    struct ocsp_entry e = ocsp_table_get(h->line->table, q->key);
    return e.status == OCSP_STATUS_NONE || clock_wall_ms() / 1000 >= e.refresh_s;
}

/* Every request by its outcome; one that was never sent is no request. */
static void count(struct helper *h, const struct ocsp_question *q, int rc, enum ocsp_status status)
{
    enum metric outcome = METRIC_OCSP_FAILED_TOTAL;
    if (rc == 0 && status == OCSP_STATUS_GOOD) {
        outcome = METRIC_OCSP_GOOD_TOTAL;
    } else if (rc == 0 && status == OCSP_STATUS_REVOKED) {
        outcome = METRIC_OCSP_REVOKED_TOTAL;
    } else if (rc == 0 && status == OCSP_STATUS_UNKNOWN) {
        outcome = METRIC_OCSP_UNKNOWN_TOTAL;
    }
    if (q->url[0] != '\0') {
        metrics_add(h->metrics, outcome, 1);
    }
}

/* Ask q's responder and note what it says. Under the lock, but for the asking. Returns false if it
 * said nothing. */
static bool answer(struct helper *h, const struct ocsp_question *q)
{
    struct err e = {0};
    struct ocsp_entry entry = {.status = OCSP_STATUS_NONE};
    (void)pthread_mutex_unlock(&h->lock);
    int rc = ask(q, &entry, &e);
    (void)pthread_mutex_lock(&h->lock);
    bool answered = rc != -ERR_IO;
    struct ocsp_entry known = ocsp_table_get(h->line->table, q->key);
    if (rc == 0 && !ocsp_reconcile(&known, &entry)) {
        rc =
            err_set(&e, ERR_DENIED,
                    "the response would undo what is known, but is older or does not say \"good\"");
    }
    count(h, q, rc, entry.status);
    if (rc == 0) {
        ocsp_table_put(h->line->table, q->key, &entry);
    } else {
        note_failure(h, q);
        log_failure(h, q, &e);
    }
    return answered;
}

/* A thread: asks whoever's turn it is. */
static void *sit(void *arg)
{
    struct helper *h = arg;
    (void)pthread_mutex_lock(&h->lock);
    for (;;) {
        struct ocsp_question q;
        if (!ocsp_lines_take(h->lines, &q, clock_mono_ms())) {
            (void)pthread_cond_wait(&h->ready, &h->lock);
            continue;
        }
        bool answered = answer(h, &q);
        ocsp_lines_done(h->lines, &q, answered, clock_mono_ms());
        ocsp_question_release(&q);
        (void)pthread_cond_broadcast(&h->ready); /* of the same line there may be more */
    }
    return NULL;
}

/* A question from a worker, into its line. One that can be asked of nobody is answered at once. */
static void take_in(struct helper *h, struct ocsp_question *q)
{
    bool taken = false;
    (void)pthread_mutex_lock(&h->lock);
    if (is_wanted(h, q)) {
        if (q->url[0] == '\0') {
            (void)answer(h, q);
        } else {
            taken = ocsp_lines_put(h->lines, q, clock_mono_ms());
        }
    }
    (void)pthread_cond_signal(&h->ready);
    (void)pthread_mutex_unlock(&h->lock);
    if (!taken) {
        ocsp_question_release(q);
    }
}

/* The first thread: hears the workers. */
static void hear(struct helper *h)
{
    char message[OCSP_QUESTION_MAX];
    for (;;) {
        struct ocsp_question q;
        ssize_t n = recv(h->line->serve, message, sizeof(message), 0);
        if (n < 0 && errno != EINTR) {
            return;
        }
        if (n > 0 && ocsp_question_read((struct str){message, (size_t)n}, &q) == 0) {
            take_in(h, &q);
        }
    }
}

static int begin(const struct privdrop *privdrop, pid_t master)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGQUIT, SIGPIPE};
    struct err e = {0};
    sigset_t none;
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
        (void)signal(ignored[i], SIG_IGN); /* the master ends us */
    }
    (void)sigemptyset(&none);
    (void)pthread_sigmask(SIG_SETMASK, &none, NULL);
    int rc = privdrop_now(privdrop, &e);
    if (rc == 0) {
        harden_memory();
        rc =
            prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == master ? 0 : -ERR_CLOSED;
    }
    return rc;
}

int ocsp_helper_run(const struct ocsp_helper_start *start)
{
    struct helper h = {.line = start->line,
                       .log = start->log,
                       .metrics = start->metrics,
                       .lock = PTHREAD_MUTEX_INITIALIZER,
                       .ready = PTHREAD_COND_INITIALIZER,
                       .lines = ocsp_lines_new()};
    pthread_t thread;
    if (h.lines == NULL || begin(start->privdrop, start->master) != 0) {
        return 1;
    }
    for (unsigned i = 0; i < OCSP_THREADS; i++) {
        if (pthread_create(&thread, NULL, sit, &h) != 0) {
            return 1;
        }
    }
    hear(&h);
    return 1;
}
