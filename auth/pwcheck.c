/* Owns: password checks under way, and who waits for which. Leaves the threads to base/job and the
 * hashing to store/pwhash. Everything but run_check() runs on the loop's thread. */
#include "auth/pwcheck.h"

#include <stdatomic.h>

#include "auth/store/pwhash.h"
#include "base/err.h"
#include "base/job.h"
#include "base/list.h"
#include "base/mem.h"

#define NICE_BY  5 /* hashing must not starve the loops */
#define SHARE_OF 4 /* of the queue, for one source */

struct check {
    struct job job;
    struct list link; /* in pwcheck.checks */
    struct list tickets;
    struct pwcheck *owner;
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
    struct job_pool *pool;
    struct list checks;
    size_t share; /* checks of one source */
    uint64_t computed;
    bool closing;
};

struct pwcheck *pwcheck_new(unsigned threads, size_t queue_max, void (*wake)(void *arg), void *arg)
{
    struct pwcheck *p = mem_calloc(1, sizeof(*p));
    if (p == NULL) {
        return NULL;
    }
    list_init(&p->checks);
    p->share = queue_max / SHARE_OF >= 1 ? queue_max / SHARE_OF : 1;
    p->pool = job_pool_new(threads, queue_max, NICE_BY, wake, arg);
    if (p->pool == NULL) {
        mem_free(p);
        return NULL;
    }
    return p;
}

static void free_check(struct check *c)
{
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
    job_pool_free(p->pool);
    while (!list_empty(&p->checks)) {
        free_check(LIST_ENTRY(p->checks.next, struct check, link));
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

static void finish_check(struct job *job)
{
    struct check *c = LIST_ENTRY(job, struct check, job);
    c->owner->computed += c->ran ? 1 : 0;
    if (!c->owner->closing) {
        list_remove(&c->link); /* so that no callback joins a check that is over */
        while (!list_empty(&c->tickets)) {
            struct pwcheck_ticket *t =
                LIST_ENTRY(list_pop_front(&c->tickets), struct pwcheck_ticket, link);
            pwcheck_done_fn done = t->done;
            void *arg = t->arg;
            mem_free(t);
            done(arg, c->match);
        }
    }
    free_check(c);
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

/* Also those that nobody waits for any more: they keep their place. */
static bool share_is_full(struct pwcheck *p, uint64_t source)
{
    size_t n = 0;
    for (struct list *l = p->checks.next; source != 0 && l != &p->checks; l = l->next) {
        n += LIST_ENTRY(l, struct check, link)->source == source ? 1 : 0;
    }
    return n >= p->share;
}

static int submit_check(struct pwcheck *p, const struct pwcheck_input *in, struct check **out)
{
    if (share_is_full(p, in->source)) {
        return -ERR_BUSY;
    }
    struct check *c = mem_calloc(1, sizeof(*c));
    if (c == NULL) {
        return -ERR_NOMEM;
    }
    c->source = in->source;
    c->job.run = run_check;
    c->job.done = finish_check;
    c->owner = p;
    list_init(&c->tickets);
    list_init(&c->link);
    memcpy(c->digest, in->digest, PWCACHE_DIGEST);
    c->hash_n = copy_bounded(c->hash, sizeof(c->hash), in->hash);
    c->password_n = copy_bounded(c->password, sizeof(c->password), in->password);
    int rc = job_submit(p->pool, &c->job);
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
    if (list_empty(&c->tickets)) {
        atomic_store(&c->unwanted, true);
    }
}

void pwcheck_collect(struct pwcheck *p)
{
    job_collect(p->pool);
}

size_t pwcheck_pending(const struct pwcheck *p)
{
    return job_pending(p->pool);
}

uint64_t pwcheck_computed(const struct pwcheck *p)
{
    return p->computed;
}
