/* Owns: a worker's part in the two steps of a reload. Loading runs on a thread of its own, so that
 * a long list of withdrawn certificates does not hold up the connections. Everything else on the
 * worker's main thread. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/mem_pool.h"
#include "conf/files.h"
#include "proxy/proc/build.h"
#include "proxy/proc/build_parts.h"
#include "proxy/proc/findings.h"
#include "proxy/proc/worker_inner.h"
#include "proxy/tls/site.h"

struct preparation {
    struct job job;
    struct worker *worker; /* not touched on the thread but for its start, which never changes */
    int packed;            /* owned */
    uint64_t generation;
    bool wanted;             /* false once it was aborted */
    bool collected;          /* the thread is done with it */
    struct runtime *runtime; /* owned until adopted */
    char error[IPC_TEXT_MAX + 1];
};

static void use_ocsp(struct runtime *r, struct ocsp_desk *desk)
{
    for (size_t i = 0; i < r->conf->listener_count; i++) {
        tls_sites_use_ocsp(r->sites[i], desk);
    }
}

struct runtime *worker_build(const struct worker_start *start, int packed, struct env *env,
                             char *error)
{
    struct err e = {0};
    struct runtime *r = NULL;
    struct files *files = files_unpack(packed, &e);
    struct diags *diags = diags_new();
    if (files == NULL || diags == NULL) {
        (void)snprintf(error, IPC_TEXT_MAX + 1, "%s",
                       e.text[0] != '\0' ? e.text : err_name(ERR_NOMEM));
    } else {
        r = build_runtime(start->config_path, files, env != NULL ? env->loop : NULL,
                          env != NULL ? env->metrics : NULL, diags, TLS_KEYS_ALL);
        if (r != NULL) {
            use_ocsp(r, start->desk);
        } else {
            findings_first_error(diags, error, IPC_TEXT_MAX + 1);
        }
    }
    diags_free(diags);
    files_free(files);
    return r;
}

static void run_preparation(struct job *job)
{
    struct preparation *p = LIST_ENTRY(job, struct preparation, job);
    p->runtime = worker_build(&p->worker->start, p->packed, NULL, p->error);
}

static void preparation_free(struct preparation *p)
{
    build_unref(p->runtime);
    (void)close(p->packed);
    mem_free(p);
}

static void refuse(struct worker *w, uint64_t generation, const char *why)
{
    worker_tell(w, IPC_REFUSED, generation, str_of(why));
}

static void done_preparation(struct job *job)
{
    struct preparation *p = LIST_ENTRY(job, struct preparation, job);
    struct worker *w = p->worker;
    p->collected = true;
    if (!p->wanted) {
        preparation_free(p);
        return;
    }
    if (p->runtime != NULL && !build_upstreams(p->runtime, w->env.loop, w->env.metrics)) {
        (void)snprintf(p->error, sizeof(p->error), "%s", err_name(ERR_NOMEM));
        build_unref(p->runtime);
        p->runtime = NULL;
    }
    if (p->runtime == NULL) {
        refuse(w, p->generation, p->error[0] != '\0' ? p->error : "could not be built");
        w->next = NULL;
        preparation_free(p);
        return;
    }
    p->runtime->generation = p->generation;
    worker_tell(w, IPC_PREPARED, p->generation, STR_NONE);
}

static void wake_builder(void *arg)
{
    loop_wake(arg);
}

static void on_built(void *arg)
{
    struct worker *w = arg;
    job_collect(w->builders);
}

static bool have_builder(struct worker *w)
{
    if (w->builder_waker == NULL) {
        w->builder_waker = loop_waker_open(w->env.loop, on_built, w);
    }
    if (w->builder_waker != NULL && w->builders == NULL) {
        w->builders = job_pool_new(1, 4, 5, wake_builder, w->builder_waker);
    }
    return w->builders != NULL;
}

void worker_take_listener(struct worker *w, struct ipc_message *m)
{
    if (m->fd < 0 || sockets_add(&w->fresh, (struct str){m->text, m->n}, m->fd) != 0) {
        w->fresh_broken = true;
        return;
    }
    m->fd = -1;
}

void worker_prepare(struct worker *w, struct ipc_message *m)
{
    struct preparation *p = mem_calloc(1, sizeof(*p));
    if (p == NULL || m->fd < 0 || w->fresh_broken || w->draining || !have_builder(w)) {
        mem_free(p);
        refuse(w, m->generation, w->draining ? "it is leaving" : err_name(ERR_NOMEM));
        return;
    }
    p->job = (struct job){.run = run_preparation, .done = done_preparation};
    list_init(&p->job.link);
    p->worker = w;
    p->packed = m->fd;
    m->fd = -1;
    p->generation = m->generation;
    p->wanted = true;
    if (job_submit(w->builders, &p->job) != 0) {
        preparation_free(p);
        refuse(w, m->generation, err_name(ERR_BUSY));
        return;
    }
    w->next = p;
}

void worker_abort(struct worker *w)
{
    struct preparation *p = w->next;
    w->next = NULL;
    w->fresh_broken = false;
    sockets_close(&w->fresh);
    if (p == NULL) {
        return;
    }
    p->wanted = false;
    if (p->collected) {
        preparation_free(p);
    }
}

static bool is_named(void *arg, struct str address)
{
    return sockets_named(arg, address);
}

/* Users who have changed need no care: each password was proven for the hash that stood there. */
static void renew_passwords(struct worker *w, const struct conf_users *old,
                            const struct conf_users *now)
{
    bool same = old->remember_max == now->remember_max && old->remember_ms == now->remember_ms;
    if (!same && pwcache_reset(w->env.pwcache, now->remember_max, now->remember_ms) != 0) {
        LOG(w->env.log, LOG_LEVEL_WARNING, "password_memory_off",
            LOG_TEXT("error", str_of(err_name(ERR_NOMEM))));
    }
    if (!same) {
        worker_wipe_passwords_anew(w);
    }
}

/* Every reload makes an end of what is remembered, whether it has changed anything or not. */
static void renew_chains(struct worker *w, const struct conf_tuning *now)
{
    if (certcache_reset(w->certcache, now->remember_chains_max, now->remember_chains_ms) != 0) {
        LOG(w->env.log, LOG_LEVEL_WARNING, "chain_memory_off",
            LOG_TEXT("error", str_of(err_name(ERR_NOMEM))));
    }
    worker_attach_tls(w, w->env.runtime);
}

void worker_commit(struct worker *w)
{
    struct preparation *p = w->next;
    struct err e = {0};
    if (p == NULL || !p->collected) {
        return;
    }
    w->next = NULL;
    struct runtime *old = w->env.runtime;
    w->env.runtime = p->runtime;
    p->runtime = NULL;
    worker_attach_users(w, w->env.runtime);
    worker_set_sightings(w);
    worker_watch_store(w);
    worker_ocsp_watch(w);
    const struct conf *conf = w->env.runtime->conf;
    renew_passwords(w, &old->conf->users, &conf->users);
    renew_chains(w, &conf->tuning);
    worker_decoded_renew(w);
    mem_pool_use(conf->tuning.keep_memory);
    preparation_free(p);
    int rc = sockets_take(w->start.sockets, &w->fresh);
    if (rc == 0) {
        rc = worker_serve(w, &e);
    }
    server_adopt(w->server, is_named, w->env.runtime->conf);
    sockets_keep_named(w->start.sockets, conf);
    build_unref(old);
    server_judge(w->server, NULL, NULL);
    if (rc != 0) {
        LOG(w->env.log, LOG_LEVEL_ERROR, "adopt_failed", LOG_TEXT("error", str_of(e.text)));
        worker_stop(w);
        return;
    }
    worker_tell(w, IPC_ADOPTED, w->env.runtime->generation, STR_NONE);
}

void worker_reload_fini(struct worker *w)
{
    worker_abort(w);
    job_pool_free(w->builders);
    loop_waker_close(w->builder_waker);
    sockets_close(w->start.sockets);
}
