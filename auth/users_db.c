/* Owns: look-ups in a database under way, who waits for which, and when what is remembered is out
 * of date. Leaves the database to store/sqlite, the threads to base/job. Everything but run_ and
 * what it calls happens on the loop's thread; the database itself belongs to the pool's one thread
 * once users_db_attach() was called.
 *
 * What was read is remembered under the version of the database (a number that changes with it). A
 * look-up tells the version that it saw; a version that is new here makes all else forgotten. So a
 * change is in force with the first look-up or poll behind it. */
#include "auth/users_db.h"

#include <stdatomic.h>

#include "auth/costs.h"
#include "auth/pairing.h"
#include "auth/store/sqlite.h"
#include "auth/users_cache.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"

#define UNKNOWN_MAX 1024 /* names of nobody that are remembered */
#define SAMPLE      256  /* hashes looked at for the most frequent kind */

/* What is known of the database as a whole at one version. */
struct facts {
    uint64_t version;
    bool any_optional;
    struct costs costs;
};

struct users_db {
    unsigned refs; /* the owner's and each job's */
    bool closing;
    struct conf_identity rule;
    void (*prepare)(void *arg, struct user *user);
    void *prepare_arg;
    struct job_pool *pool;
    struct users_ear ear;
    bool failing;
    bool polling;
    unsigned facts_count;
    struct facts facts;
    struct users_cache *known;
    struct users_cache *unknown; /* apart, so that guesses do not push users out */
    struct list lookups;

    /* The thread's. */
    struct store *store; /* NULL: not open */
    uint64_t opened;     /* how often */
    uint64_t told;       /* the version whose facts were told; 0: none */
    char path[];
};

/* One question to the database, or a poll (no name). */
struct lookup {
    struct job job;
    struct list link; /* in users_db.lookups */
    struct list tickets;
    struct users_db *db;   /* a reference */
    uint64_t begun_us;     /* monotonic clock */
    _Atomic bool unwanted; /* nobody waits any more: not joined, skipped if not begun */
    bool is_poll;
    size_t n;
    char name[PAIRING_NAME_MAX]; /* normalised */

    enum users_found found;
    struct user *user; /* a reference */
    uint64_t version;
    struct facts *facts; /* owned; if they are new */
    struct err e;
};

struct users_ticket {
    struct list link; /* in lookup.tickets */
    struct lookup *lookup;
    users_done_fn done;
    void *arg;
};

struct users_db *users_db_new(const struct users_db_options *o)
{
    size_t n = strlen(o->path) + 1;
    struct users_db *db = mem_calloc(1, sizeof(*db) + n);
    if (db == NULL) {
        return NULL;
    }
    db->refs = 1;
    db->rule = *o->rule;
    db->prepare = o->prepare;
    db->prepare_arg = o->arg;
    list_init(&db->lookups);
    memcpy(db->path, o->path, n);
    db->known = users_cache_new(o->remember_max);
    db->unknown = users_cache_new(UNKNOWN_MAX);
    if (db->known == NULL || db->unknown == NULL) {
        users_db_close(db);
        return NULL;
    }
    return db;
}

static void let_go(struct users_db *db)
{
    if (--db->refs > 0) {
        return;
    }
    store_close(db->store);
    users_cache_free(db->known);
    users_cache_free(db->unknown);
    mem_wipe(&db->facts, sizeof(db->facts));
    mem_free(db);
}

static int learn_facts(struct users_db *db, struct facts *f, struct err *e)
{
    int rc = sqlite_any_optional(db->store, &f->any_optional, e);
    return rc == 0 ? sqlite_sample_hashes(db->store, SAMPLE, costs_add, &f->costs, e) : rc;
}

/* Open the database if that is needed, and tell the version of what is in it now. */
static int look_at(struct users_db *db, uint64_t *version, struct err *e)
{
    uint64_t of_handle = 0;
    struct err gone = {0};
    if (db->store != NULL && sqlite_version(db->store, &of_handle, &gone) != 0) {
        store_close(db->store);
        db->store = NULL;
    }
    if (db->store == NULL) {
        db->store = sqlite_open(db->path, SQLITE_MODE_READ, e);
        db->opened++;
        if (db->store == NULL) {
            return -(int)(e->code != ERR_OK ? e->code : ERR_IO);
        }
        int rc = sqlite_version(db->store, &of_handle, e);
        if (rc != 0) {
            return rc;
        }
    }
    *version = (db->opened << 32) + (of_handle & UINT32_MAX);
    return 0;
}

/* The user that the database has for a normalised name. */
static enum users_found find_now(struct users_db *db, struct str name, struct user **user,
                                 struct err *e)
{
    struct err none = {0};
    int rc = store_find(db->store, name, user, &none);
    if (rc == -ERR_NOT_FOUND) {
        return USERS_NONE;
    }
    if (rc != 0) {
        (void)err_set(e, none.code, "%s", none.text);
        return USERS_FAILED;
    }
    /* The database does not tell letter case apart; whether that matters is said by the rule. */
    if (!pairing_same((*user)->name, name, &db->rule)) {
        user_unref(*user);
        *user = NULL;
        return USERS_NONE;
    }
    return USERS_FOUND;
}

/* What has to be known before a look-up: the version, and the facts if that is a new one. */
static int prepare_lookup(struct users_db *db, struct lookup *l)
{
    int rc = look_at(db, &l->version, &l->e);
    if (rc != 0 || l->version == db->told) {
        return rc;
    }
    l->facts = mem_calloc(1, sizeof(*l->facts));
    if (l->facts == NULL) {
        return err_set(&l->e, ERR_NOMEM, "out of memory");
    }
    rc = learn_facts(db, l->facts, &l->e);
    if (rc == 0) {
        l->facts->version = l->version;
        db->told = l->version;
    }
    return rc;
}

static void run_lookup(struct job *job)
{
    struct lookup *l = LIST_ENTRY(job, struct lookup, job);
    struct users_db *db = l->db;
    if (atomic_load(&l->unwanted)) {
        return;
    }
    if (prepare_lookup(db, l) == 0) {
        l->found =
            l->is_poll ? USERS_NONE : find_now(db, (struct str){l->name, l->n}, &l->user, &l->e);
    }
    if (l->e.code != ERR_OK) {
        db->told = 0; /* the loop forgets everything: tell it anew */
    }
}

static void tell_looked(const struct users_db *db, enum users_found found, int64_t us)
{
    if (db->ear.looked != NULL) {
        db->ear.looked(db->ear.arg, found, us);
    }
}

static void take_facts(struct users_db *db, const struct facts *f)
{
    users_cache_clear(db->known);
    users_cache_clear(db->unknown);
    db->facts = *f;
    db->facts_count++;
}

static void tell_state(struct users_db *db, const struct lookup *l)
{
    bool failing = l->e.code != ERR_OK;
    if (failing) {
        /* What cannot be asked any more must not be believed for ever. */
        users_cache_clear(db->known);
        users_cache_clear(db->unknown);
        db->facts.version = 0;
    }
    if (failing != db->failing && db->ear.state != NULL) {
        db->ear.state(db->ear.arg, failing ? l->e.text : NULL);
    }
    db->failing = failing;
}

/* Take what a look-up brought into the memory of db. */
static void adopt(struct users_db *db, struct lookup *l)
{
    struct str name = {l->name, l->n};
    if (l->facts != NULL && l->facts->version != 0) {
        take_facts(db, l->facts);
    }
    tell_state(db, l);
    if (l->user != NULL) {
        db->prepare(db->prepare_arg, l->user);
    }
    if (!l->is_poll && l->found != USERS_FAILED && l->version == db->facts.version) {
        users_cache_put(l->found == USERS_FOUND ? db->known : db->unknown, name, l->user);
    }
}

static void free_lookup(struct lookup *l)
{
    while (!list_empty(&l->tickets)) {
        mem_free(LIST_ENTRY(list_pop_front(&l->tickets), struct users_ticket, link));
    }
    list_remove(&l->link);
    user_unref(l->user);
    if (l->facts != NULL) {
        mem_wipe(l->facts, sizeof(*l->facts));
    }
    mem_free(l->facts);
    mem_free(l);
}

static void finish_lookup(struct job *job)
{
    struct lookup *l = LIST_ENTRY(job, struct lookup, job);
    struct users_db *db = l->db;
    list_remove(&l->link); /* so that no callback joins what is over */
    if (!db->closing && !(l->version == 0 && l->e.code == ERR_OK)) {
        adopt(db, l);
        if (!l->is_poll) {
            tell_looked(db, l->found, (int64_t)(clock_mono_us() - l->begun_us));
        }
    }
    db->polling = db->polling && !l->is_poll;
    while (!list_empty(&l->tickets)) {
        struct users_ticket *t = LIST_ENTRY(list_pop_front(&l->tickets), struct users_ticket, link);
        users_done_fn done = t->done;
        void *arg = t->arg;
        mem_free(t);
        done(arg, l->found, l->user != NULL ? user_ref(l->user) : NULL);
    }
    free_lookup(l);
    let_go(db);
}

static struct lookup *new_lookup(struct users_db *db, struct str name)
{
    struct lookup *l = mem_calloc(1, sizeof(*l));
    if (l == NULL) {
        return NULL;
    }
    l->job = (struct job){.run = run_lookup, .done = finish_lookup};
    list_init(&l->job.link);
    list_init(&l->link);
    list_init(&l->tickets);
    l->db = db;
    l->begun_us = clock_mono_us();
    l->n = name.n;
    memcpy(l->name, name.p, name.n);
    return l;
}

static bool submit(struct users_db *db, struct lookup *l)
{
    if (l == NULL || job_submit(db->pool, &l->job) != 0) {
        mem_free(l);
        return false;
    }
    db->refs++;
    list_push_back(&db->lookups, &l->link);
    return true;
}

static struct lookup *joinable(struct users_db *db, struct str name)
{
    for (struct list *at = db->lookups.next; at != &db->lookups; at = at->next) {
        struct lookup *l = LIST_ENTRY(at, struct lookup, link);
        if (!l->is_poll && !atomic_load(&l->unwanted) && l->n == name.n &&
            memcmp(l->name, name.p, name.n) == 0) {
            return l;
        }
    }
    return NULL;
}

/* Without a pool: here and now. */
static enum users_found find_in_place(struct users_db *db, struct str name,
                                      const struct user **user)
{
    struct lookup *l = new_lookup(db, name);
    if (l == NULL) {
        return USERS_FAILED;
    }
    run_lookup(&l->job);
    adopt(db, l);
    enum users_found found = l->found;
    if (found == USERS_FOUND) {
        *user = user_ref(l->user);
    }
    free_lookup(l);
    return found;
}

enum users_found users_db_find(struct users_db *db, struct str name, users_done_fn done, void *arg,
                               struct users_ticket **ticket, const struct user **user)
{
    char normal[PAIRING_NAME_MAX];
    struct str key = {normal, 0};
    if (!pairing_normalise(name, &db->rule, normal, &key.n)) {
        return USERS_NONE;
    }
    const struct user *known = NULL;
    if (users_cache_get(db->known, key, &known)) {
        *user = known;
        tell_looked(db, USERS_FOUND, -1);
        return USERS_FOUND;
    }
    if (users_cache_get(db->unknown, key, &known)) {
        tell_looked(db, USERS_NONE, -1);
        return USERS_NONE;
    }
    if (db->pool == NULL) {
        return find_in_place(db, key, user);
    }
    struct users_ticket *t = mem_calloc(1, sizeof(*t));
    struct lookup *l = t != NULL ? joinable(db, key) : NULL;
    if (t != NULL && l == NULL) {
        l = new_lookup(db, key);
        l = submit(db, l) ? l : NULL;
    }
    if (l == NULL) {
        mem_free(t);
        tell_looked(db, USERS_FAILED, 0);
        return USERS_FAILED;
    }
    *t = (struct users_ticket){.lookup = l, .done = done, .arg = arg};
    list_init(&t->link);
    list_push_back(&l->tickets, &t->link);
    *ticket = t;
    return USERS_WAIT;
}

void users_db_cancel(struct users_ticket *ticket)
{
    struct lookup *l = ticket->lookup;
    list_remove(&ticket->link);
    mem_free(ticket);
    if (list_empty(&l->tickets)) {
        atomic_store(&l->unwanted, true);
    }
}

void users_db_poll(struct users_db *db)
{
    if (db->polling || db->pool == NULL) {
        return;
    }
    struct lookup *l = new_lookup(db, STR(""));
    if (l != NULL) {
        l->is_poll = true;
    }
    db->polling = submit(db, l);
}

void users_db_attach(struct users_db *db, struct job_pool *pool, const struct users_ear *ear)
{
    db->pool = pool;
    db->ear = *ear;
}

int users_db_check(struct users_db *db, struct err *e)
{
    uint64_t version = 0;
    struct facts *f = mem_calloc(1, sizeof(*f));
    if (f == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    int rc = look_at(db, &version, e);
    rc = rc == 0 ? learn_facts(db, f, e) : rc;
    if (rc == 0) {
        take_facts(db, f);
    }
    mem_wipe(f, sizeof(*f));
    mem_free(f);
    users_db_rest(db);
    return rc;
}

void users_db_rest(struct users_db *db)
{
    store_close(db->store);
    db->store = NULL;
    db->told = 0;
}

void users_db_close(struct users_db *db)
{
    if (db == NULL) {
        return;
    }
    db->closing = true;
    for (struct list *at = db->lookups.next; at != &db->lookups; at = at->next) {
        struct lookup *l = LIST_ENTRY(at, struct lookup, link);
        atomic_store(&l->unwanted, true);
        while (!list_empty(&l->tickets)) {
            mem_free(LIST_ENTRY(list_pop_front(&l->tickets), struct users_ticket, link));
        }
    }
    let_go(db);
}

struct str users_db_typical_hash(const struct users_db *db)
{
    return costs_best(&db->facts.costs);
}

unsigned users_db_facts(const struct users_db *db)
{
    return db->facts_count;
}

bool users_db_any_optional(const struct users_db *db)
{
    return db->facts.any_optional;
}
