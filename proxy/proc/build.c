/* Owns: the order in which the parts of a runtime are made, so that one run tells of every fault.
 * Not: what a part checks. Master, worker (also off its loop) or command line. */
#include "proxy/proc/build.h"

#include <limits.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "auth/headers/plan.h"
#include "auth/sign/signer.h"
#include "auth/users.h"
#include "base/err.h"
#include "base/mem.h"
#include "conf/load.h"
#include "proxy/proc/apart.h"
#include "proxy/proc/build_parts.h"
#include "proxy/proc/privdrop.h"
#include "proxy/tls/site.h"

static const struct conf_pos nowhere = {0};

static bool add_sites(struct runtime *r, struct files *files, struct diags *diags,
                      enum tls_keys keys)
{
    const struct conf *conf = r->conf;
    const struct tls_options options = {.keys = keys,
                                        .insecure_key_permissions =
                                            conf->process.insecure_key_permissions,
                                        .tuning = &conf->tuning};
    bool whole = true;
    r->sites = mem_calloc(conf->listener_count, sizeof(struct tls_sites *));
    if (r->sites == NULL) {
        diag_add(diags, DIAG_ERROR, nowhere, NULL, NULL, "out of memory");
        return false;
    }
    for (size_t i = 0; i < conf->listener_count; i++) {
        char key[48];
        (void)snprintf(key, sizeof(key), "listeners[%zu]", i);
        r->sites[i] = tls_sites_load(&conf->listeners[i], &options, files, diags, key);
        whole = whole && r->sites[i] != NULL &&
                tls_sites_resume(r->sites[i], &conf->listeners[i], &conf->resumption,
                                 conf->process.insecure_key_permissions, files, diags);
    }
    return whole;
}

/* The one of this process, if the set has none. */
static bool add_secret(struct files *files)
{
    char secret[48];
    if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret)) {
        return false;
    }
    int rc = files_put(files, TLS_TICKET_SECRET, (struct str){secret, sizeof(secret)});
    mem_wipe(secret, sizeof(secret));
    return rc == 0 || rc == -ERR_EXISTS;
}

bool build_carry_secret(struct files *from, struct files *to)
{
    struct err e = {0};
    struct str secret;
    return files_read(from, TLS_TICKET_SECRET, &secret, &e) == 0 &&
           files_put(to, TLS_TICKET_SECRET, secret) == 0;
}

bool build_upstreams(struct runtime *r, struct loop *loop, struct metrics *metrics)
{
    r->upstreams = upstream_set_new(r->conf, loop, metrics);
    return r->upstreams != NULL;
}

struct runtime *build_runtime(const char *path, struct files *files, struct loop *loop,
                              struct metrics *metrics, struct diags *diags, enum tls_keys keys)
{
    struct runtime *r = mem_calloc(1, sizeof(*r));
    if (r == NULL) {
        diag_add(diags, DIAG_ERROR, nowhere, NULL, NULL, "out of memory");
        return NULL;
    }
    r->refs = 1;
    if (!add_secret(files)) {
        diag_add(diags, DIAG_ERROR, nowhere, NULL, NULL, "out of memory or random numbers");
        build_unref(r);
        return NULL;
    }
    r->conf = conf_load(path, files, diags);
    if (r->conf == NULL) {
        build_unref(r);
        return NULL;
    }
    bool whole = add_sites(r, files, diags, keys);
    r->users = users_load(&r->conf->users, &r->conf->identity, files, diags);
    r->plan = plan_new(r->conf, diags);
    r->signer = signer_new(r->conf, files, diags);
    r->routes = route_table_new(r->conf);
    whole = whole && r->users != NULL && r->plan != NULL && r->signer != NULL;
    if (r->routes == NULL || (loop != NULL && whole && !build_upstreams(r, loop, metrics))) {
        diag_add(diags, DIAG_ERROR, nowhere, NULL, NULL, "out of memory");
        whole = false;
    }
    if (!whole || diags_errors(diags) > 0) {
        build_unref(r);
        return NULL;
    }
    return r;
}

/* Empty after a boot: a service manager makes the directory when it starts the proxy. */
static bool is_made_at_start(const char *directory)
{
    return str_starts(str_of(directory), STR("/run/")) ||
           str_starts(str_of(directory), STR("/var/run/"));
}

/* A file to be made: is there a directory to make it in? */
static void check_place(const char *path, struct conf_pos at, const char *key, struct diags *diags)
{
    char directory[PATH_MAX];
    struct stat st;
    (void)snprintf(directory, sizeof(directory), "%s", path);
    char *end = strrchr(directory, '/');
    if (end == NULL) {
        return;
    }
    end[end == directory ? 1 : 0] = '\0';
    if (stat(directory, &st) != 0 || !S_ISDIR(st.st_mode)) {
        diag_add(diags, is_made_at_start(directory) ? DIAG_WARNING : DIAG_ERROR, at, key,
                 "Make it, or correct the path.", "there is no directory %s", directory);
    } else if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        diag_add(diags, DIAG_ERROR, at, key, "Name a file in it.", "%s is a directory", path);
    }
}

static void check_log(const struct conf_text *log, const char *key, struct diags *diags)
{
    if (log->p != NULL && log->p[0] == '/') {
        check_place(log->p, log->at, key, diags);
    }
}

static void check_places(const struct conf *conf, struct diags *diags)
{
    check_log(&conf->log.access, "log.access", diags);
    check_log(&conf->log.error, "log.error", diags);
    for (size_t i = 0; i < conf->listener_count; i++) {
        const struct conf_listener *l = &conf->listeners[i];
        if (l->address.kind == ADDR_UNIX) {
            char key[48];
            (void)snprintf(key, sizeof(key), "listeners[%zu].address", i);
            check_place(l->address.un.sun_path, l->address_text.at, key, diags);
        }
    }
    if (conf->admin.address.kind == ADDR_UNIX) {
        check_place(conf->admin.address.un.sun_path, conf->admin.address_text.at, "admin.address",
                    diags);
    }
    if (conf->admin.socket.p != NULL) {
        check_place(conf->admin.socket.p, conf->admin.socket.at, "admin.socket", diags);
    }
}

void build_check_process(const struct conf *conf, struct diags *diags)
{
    const struct conf_process *p = &conf->process;
    if (p->user.p != NULL && !privdrop_knows_user(p->user.p)) {
        diag_add(diags, DIAG_ERROR, p->user.at, "process.user",
                 "Make the user, or leave the key out to run as whoever starts it.",
                 "there is no user \"%s\" on this machine", p->user.p);
    }
    if (p->group.p != NULL && !privdrop_knows_group(p->group.p)) {
        diag_add(diags, DIAG_ERROR, p->group.at, "process.group",
                 "Make the group, or leave the key out for the user's own.",
                 "there is no group \"%s\" on this machine", p->group.p);
    }
    check_places(conf, diags);
    apart_check(conf, diags);
}

void build_unref(struct runtime *r)
{
    runtime_unref(r, tls_sites_unref);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void build_dates(const struct runtime *r, struct metrics *metrics)
{
    int64_t dates[METRIC_DATE_COUNT];
    for (size_t i = 0; i < METRIC_DATE_COUNT; i++) {
        dates[i] = INT64_MAX;
    }
    for (size_t i = 0; i < r->conf->listener_count; i++) {
        size_t count = tls_sites_count(r->sites[i]);
        for (size_t j = 0; j < count; j++) {
            const struct tls_site *site = tls_sites_at(r->sites[i], j);
            int64_t *server = &dates[METRIC_DATE_SERVER_CERTIFICATE];
            *server = earlier(*server, site->not_after_s);
            if (site->trust != NULL) {
                int64_t *ca = &dates[METRIC_DATE_CLIENT_CA];
                int64_t *crl = &dates[METRIC_DATE_CRL];
                *ca = earlier(*ca, trust_ca_expiry_s(site->trust));
                *crl = earlier(*crl, trust_crl_expiry_s(site->trust));
            }
        }
    }
    for (size_t i = 0; i < METRIC_DATE_COUNT; i++) {
        metrics_date(metrics, (enum metric_date)i, dates[i]);
    }
}
