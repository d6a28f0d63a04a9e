/* Owns: password checks under way, who waits for which, and whose turn it is. Leaves the threads to
 * base/job and the hashing to store/pwhash. A pool gets no more than its threads can run at once;
 * what waits, waits here, in a line for each source. Everything but run_check() runs on the loop's
 * thread. */
#include "auth/pwcheck.h"

#include <stdatomic.h>

#include "auth/store/pwhash.h"
#include "base/err.h"
#include "base/job.h"
#include "base/list.h"
#include "base/mem.h"

#define SHARE_OF 4 /* of the queue, for one source */

/* Of a core that a loop keeps busy, a thread gets 1.5 % with the lowest priority: whoever guesses
 * takes the time that is left. Those who are trusted get 6.4 %. */
#define NICE_OTHERS  19
#define NICE_TRUSTED 12

/* Those for whom trusted is the same. */
struct side {
    struct job_pool *pool;
    struct list lines; /* the one whose turn it is comes first */
    size_t waiting;    /* in all lines */
    unsigned running;  /* given to the pool and not collected */
};

/* The waiting checks of one source; there is one as long as there are any. */
struct line {
    struct list link; /* in side.lines */
    struct list checks;
    size_t n;
    uint64_t source;
};

struct check {
    struct job job;
    struct list link;  /* in pwcheck.checks, or in pwcheck.dropped */
    struct list place; /* in line.checks */
    struct line *line; /* NULL: it does not wait (any more) */
    struct list tickets;
    struct pwcheck *pwcheck;
    struct side *side;
    _Atomic bool unwanted; /* nobody waits any more: not joined, and skipped if not begun */
    bool ran;
    bool match;
    uint64_t source;
    unsigned char digest[PWCACHE_DIGEST];
    size_t hash_n;
    size_t password_n;
    char hash[PWHASH_MAX + 1];
    char password[PWHASH_PASSWORD_MAX + 1];
};

struct pwcheck_ticket {
    struct list link; /* in check.tickets */
    struct check *check;
    pwcheck_done_fn done;
    void *arg;
};

struct pwcheck {
    struct side trusted;
    struct side others;
    struct list checks;
    size_t share;        /* checks of one source */
    struct list dropped; /* not told yet */
    size_t queue_max;    /* of a side */
    unsigned threads;    /* of a side */
    void (*wake)(void *arg);
    void *wake_arg;
    uint64_t computed;
    bool closing;
};

static bool open_side(struct pwcheck *p, struct side *side, int nice_by)
{
    list_init(&side->lines);
    side->pool = job_pool_new(p->threads, p->threads, nice_by, p->wake, p->wake_arg);
    return side->pool != NULL;
}

struct pwcheck *pwcheck_new(unsigned threads, size_t queue_max, void (*wake)(void *arg), void *arg)
{
    struct pwcheck *p = mem_calloc(1, sizeof(*p));
    if (p == NULL) {
        return NULL;
    }
    list_init(&p->checks);
    p->share = queue_max / SHARE_OF >= 1 ? queue_max / SHARE_OF : 1;
    list_init(&p->dropped);
    p->queue_max = queue_max;
    p->threads = threads;
    p->wake = wake;
    p->wake_arg = arg;
    if (!open_side(p, &p->trusted, NICE_TRUSTED) || !open_side(p, &p->others, NICE_OTHERS)) {
        job_pool_free(p->trusted.pool);
        mem_free(p);
        return NULL;
    }
    return p;
}

/* Take c out of its line, which goes with its last. */
static void leave_line(struct check *c)
{
    struct line *line = c->line;
    if (line == NULL) {
        return;
    }
    c->line = NULL;
    list_remove(&c->place);
    c->side->waiting--;
    if (--line->n == 0) {
        list_remove(&line->link);
        mem_free(line);
    }
}

static void free_check(struct check *c)
{
    leave_line(c);
    while (!list_empty(&c->tickets)) {
        mem_free(LIST_ENTRY(list_pop_front(&c->tickets), struct pwcheck_ticket, link));
    }
    list_remove(&c->link);
    mem_wipe(c, sizeof(*c));
    mem_free(c);
}

void pwcheck_free(struct pwcheck *p)
{
    if (p == NULL) {
        return;
    }
    p->closing = true;
    job_pool_free(p->trusted.pool);
    job_pool_free(p->others.pool);
    while (!list_empty(&p->checks)) {
        free_check(LIST_ENTRY(p->checks.next, struct check, link));
    }
    while (!list_empty(&p->dropped)) {
        free_check(LIST_ENTRY(p->dropped.next, struct check, link));
    }
    mem_free(p);
}

static void run_check(struct job *job)
{
    struct check *c = LIST_ENTRY(job, struct check, job);
    if (!atomic_load(&c->unwanted)) {
        c->ran = true;
        c->match = pwhash_verify((struct str){c->hash, c->hash_n},
                                 (struct str){c->password, c->password_n});
    }
    mem_wipe(c->password, sizeof(c->password));
}

/* Tell everyone who waits for c, and free it. */
static void tell(struct check *c, enum pwcheck_result result)
{
    list_remove(&c->link); /* so that no callback joins a check that is over */
    list_init(&c->link);
    while (!list_empty(&c->tickets)) {
        struct pwcheck_ticket *t =
            LIST_ENTRY(list_pop_front(&c->tickets), struct pwcheck_ticket, link);
        pwcheck_done_fn done = t->done;
        void *arg = t->arg;
        mem_free(t);
        done(arg, result);
    }
    free_check(c);
}

static int run_now(struct check *c)
{
    int rc = job_submit(c->side->pool, &c->job);
    c->side->running += rc == 0 ? 1 : 0;
    return rc;
}

/* Give the pool what it can run, one of each line in turn. */
static void serve_lines(struct side *side, unsigned threads)
{
    while (side->running < threads && !list_empty(&side->lines)) {
        struct line *line = LIST_ENTRY(side->lines.next, struct line, link);
        struct check *c = LIST_ENTRY(line->checks.next, struct check, place);
        list_remove(&line->link);
        list_push_back(&side->lines, &line->link);
        leave_line(c);
        if (run_now(c) != 0) {
            tell(c, PWCHECK_DROPPED);
        }
    }
}

static void finish_check(struct job *job)
{
    struct check *c = LIST_ENTRY(job, struct check, job);
    struct pwcheck *p = c->pwcheck;
    p->computed += c->ran ? 1 : 0;
    c->side->running--;
    if (p->closing) {
        free_check(c);
        return;
    }
    serve_lines(c->side, p->threads);
    tell(c, c->match ? PWCHECK_RIGHT : PWCHECK_WRONG);
}

/* One octet more than pwhash_verify() takes is kept, so that what is too long stays too long. */
static size_t copy_bounded(char *to, size_t size, struct str from)
{
    size_t n = from.n < size ? from.n : size;
    if (n > 0) {
        memcpy(to, from.p, n);
    }
    return n;
}

static struct check *find_check(struct pwcheck *p, const unsigned char *digest)
{
    for (struct list *l = p->checks.next; l != &p->checks; l = l->next) {
        struct check *c = LIST_ENTRY(l, struct check, link);
        if (!atomic_load(&c->unwanted) && mem_equal_secret(c->digest, digest, PWCACHE_DIGEST)) {
            return c;
        }
    }
    return NULL;
}

/* Waiting and running; also those that run for nobody any more. */
static bool share_is_full(struct pwcheck *p, const struct side *side, uint64_t source)
{
    size_t n = 0;
    if (source == 0) {
        return false;
    }
    for (struct list *l = p->checks.next; l != &p->checks; l = l->next) {
        const struct check *c = LIST_ENTRY(l, struct check, link);
        n += c->side == side && c->source == source ? 1 : 0;
    }
    return n >= p->share;
}

static struct line *find_line(struct side *side, uint64_t source)
{
    for (struct list *l = side->lines.next; l != &side->lines; l = l->next) {
        struct line *line = LIST_ENTRY(l, struct line, link);
        if (line->source == source) {
            return line;
        }
    }
    return NULL;
}

/* The last one of the longest line gives way to a source that has mine waiting. */
static int make_room(struct pwcheck *p, struct side *side, size_t mine)
{
    struct line *longest = NULL;
    for (struct list *l = side->lines.next; l != &side->lines; l = l->next) {
        struct line *line = LIST_ENTRY(l, struct line, link);
        longest = longest == NULL || line->n > longest->n ? line : longest;
    }
    if (longest == NULL || longest->n < mine + 2) {
        return -ERR_BUSY;
    }
    struct check *c = LIST_ENTRY(longest->checks.prev, struct check, place);
    leave_line(c);
    list_remove(&c->link);
    list_push_back(&p->dropped, &c->link);
    p->wake(p->wake_arg);
    return 0;
}

static int stand_in_line(struct pwcheck *p, struct check *c)
{
    struct side *side = c->side;
    struct line *line = find_line(side, c->source);
    if (side->waiting >= p->queue_max && make_room(p, side, line != NULL ? line->n : 0) != 0) {
        return -ERR_BUSY;
    }
    if (line == NULL) {
        line = mem_calloc(1, sizeof(*line));
        if (line == NULL) {
            return -ERR_NOMEM;
        }
        list_init(&line->checks);
        line->source = c->source;
        list_push_back(&side->lines, &line->link);
    }
    list_push_back(&line->checks, &c->place);
    c->line = line;
    line->n++;
    side->waiting++;
    return 0;
}

static int submit_check(struct pwcheck *p, const struct pwcheck_input *in, struct check **out)
{
    struct side *side = in->trusted ? &p->trusted : &p->others;
    if (share_is_full(p, side, in->source)) {
        return -ERR_BUSY;
    }
    struct check *c = mem_calloc(1, sizeof(*c));
    if (c == NULL) {
        return -ERR_NOMEM;
    }
    c->source = in->source;
    c->side = side;
    c->job.run = run_check;
    c->job.done = finish_check;
    c->pwcheck = p;
    list_init(&c->tickets);
    list_init(&c->link);
    memcpy(c->digest, in->digest, PWCACHE_DIGEST);
    c->hash_n = copy_bounded(c->hash, sizeof(c->hash), in->hash);
    c->password_n = copy_bounded(c->password, sizeof(c->password), in->password);
    /* Where a thread is free, nobody waits. */
    int rc = side->running < p->threads ? run_now(c) : stand_in_line(p, c);
    if (rc != 0) {
        free_check(c);
        return rc;
    }
    list_push_back(&p->checks, &c->link);
    *out = c;
    return 0;
}

int pwcheck_start(struct pwcheck *p, const struct pwcheck_input *in, pwcheck_done_fn done,
                  void *arg, struct pwcheck_ticket **ticket)
{
    struct pwcheck_ticket *t = mem_calloc(1, sizeof(*t));
    if (t == NULL) {
        return -ERR_NOMEM;
    }
    struct check *c = find_check(p, in->digest);
    int rc = c != NULL ? 0 : submit_check(p, in, &c);
    if (rc != 0) {
        mem_free(t);
        return rc;
    }
    t->check = c;
    t->done = done;
    t->arg = arg;
    list_push_back(&c->tickets, &t->link);
    *ticket = t;
    return 0;
}

void pwcheck_cancel(struct pwcheck_ticket *ticket)
{
    struct check *c = ticket->check;
    list_remove(&ticket->link);
    mem_free(ticket);
    if (!list_empty(&c->tickets)) {
        return;
    }
    if (c->line != NULL) {
        free_check(c); /* its place is somebody else's */
        return;
    }
    atomic_store(&c->unwanted, true);
}

void pwcheck_collect(struct pwcheck *p)
{
    while (!list_empty(&p->dropped)) {
        tell(LIST_ENTRY(p->dropped.next, struct check, link), PWCHECK_DROPPED);
    }
    job_collect(p->trusted.pool);
    job_collect(p->others.pool);
}

size_t pwcheck_pending(const struct pwcheck *p)
{
    return p->trusted.waiting + p->trusted.running + p->others.waiting + p->others.running;
}

uint64_t pwcheck_computed(const struct pwcheck *p)
{
    return p->computed;
}
