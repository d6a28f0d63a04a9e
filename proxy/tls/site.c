/* Owns: the table of server names and its look-up. Not: loading it (site_load.c). On the worker's
 * thread. */
#include "proxy/tls/site.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "proxy/tls/handshake_site.h"
#include "proxy/tls/key_share.h"
#include "proxy/tls/resume.h"
#include "proxy/tls/site_inner.h"
#include "proxy/tls/traffic.h"

static void names_free(struct site_names *names)
{
    for (size_t i = 0; i < names->n; i++) {
        mem_free(names->v[i].text);
    }
    mem_free(names->v);
}

struct tls_sites *tls_sites_ref(struct tls_sites *t)
{
    t->refs++;
    return t;
}

void tls_sites_unref(struct tls_sites *t)
{
    if (t == NULL || --t->refs > 0) {
        return;
    }
    for (size_t i = 0; i < t->n; i++) {
        handshake_site_free(t->v[i].handshake);
        SSL_CTX_free(t->v[i].context);
        trust_unref(t->v[i].trust);
    }
    mem_free(t->v);
    names_free(&t->exact);
    names_free(&t->wild);
    BIO_meth_free(t->bio_method);
    resume_free(t->resume);
    key_maker_free(t->maker);
    traffic_ciphers_free(t->ciphers);
    mem_free(t);
}

static struct str name_str(const struct site_name *name)
{
    return (struct str){name->text, name->n};
}

static int compare_names(const void *a, const void *b)
{
    return str_cmp(name_str(a), name_str(b));
}

static int compare_to_name(const void *key, const void *entry)
{
    return str_cmp(*(const struct str *)key, name_str(entry));
}

/* name in lower case without a dot at its end, in out; empty if it is too long. */
static struct str fold(struct str name, char out[SITE_NAME_MAX])
{
    if (name.n > 0 && name.p[name.n - 1] == '.') {
        name.n--;
    }
    if (name.n > SITE_NAME_MAX) {
        name.n = 0;
    }
    for (size_t i = 0; i < name.n; i++) {
        out[i] = str_lower(name.p[i]);
    }
    return (struct str){out, name.n};
}

static bool is_wild(struct str name)
{
    return str_starts(name, STR("*."));
}

/* The array has room for it. */
static int add_name(struct site_names *names, struct str text, size_t site)
{
    struct site_name *name = &names->v[names->n];
    name->text = mem_dup(text.p, text.n);
    if (name->text == NULL) {
        return -ERR_NOMEM;
    }
    name->n = text.n;
    name->site = site;
    names->n++;
    return 0;
}

int site_names_build(struct tls_sites *t)
{
    size_t count = 0;
    for (size_t i = 0; i < t->n; i++) {
        count += t->v[i].face.conf->names.n;
    }
    t->exact.v = mem_calloc(count, sizeof(*t->exact.v));
    t->wild.v = mem_calloc(count, sizeof(*t->wild.v));
    if (t->exact.v == NULL || t->wild.v == NULL) {
        return -ERR_NOMEM;
    }
    for (size_t i = 0; i < t->n; i++) {
        const struct conf_texts *given = &t->v[i].face.conf->names;
        for (size_t k = 0; k < given->n; k++) {
            char scratch[SITE_NAME_MAX];
            struct str name = fold(str_of(given->v[k].p), scratch);
            int failed = is_wild(name) ? add_name(&t->wild, str_slice(name, 2, name.n), i)
                                       : add_name(&t->exact, name, i);
            if (failed != 0) {
                return failed;
            }
        }
    }
    qsort(t->exact.v, t->exact.n, sizeof(*t->exact.v), compare_names);
    qsort(t->wild.v, t->wild.n, sizeof(*t->wild.v), compare_names);
    return 0;
}

static const struct site_name *look_up(const struct site_names *names, struct str name)
{
    return bsearch(&name, names->v, names->n, sizeof(*names->v), compare_to_name);
}

const struct tls_site *tls_sites_find(const struct tls_sites *t, struct str name)
{
    char scratch[SITE_NAME_MAX];
    struct str folded = fold(name, scratch);
    const struct site_name *found = NULL;
    if (folded.n > 0) {
        found = look_up(&t->exact, folded);
        struct str label;
        struct str suffix;
        if (found == NULL && str_cut(folded, '.', &label, &suffix) && label.n > 0) {
            found = look_up(&t->wild, suffix);
        }
    }
    if (found != NULL) {
        return &t->v[found->site].face;
    }
    return t->has_default ? &t->v[0].face : NULL;
}

/* An octet that a DNS name in its ASCII form may hold; and "_", which is seen in practice. */
static bool is_name_octet(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

bool tls_sites_is_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (!is_name_octet(name.p[i])) {
            return false;
        }
    }
    return name.n > 0 && name.n <= SITE_NAME_MAX;
}

void tls_sites_use_ocsp(struct tls_sites *t, struct ocsp_desk *desk)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->v[i].trust != NULL) {
            trust_use_ocsp(t->v[i].trust, desk);
        }
    }
}

void tls_sites_use_cache(struct tls_sites *t, struct certcache *cache)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->v[i].trust != NULL) {
            trust_use_cache(t->v[i].trust, cache);
        }
    }
}

void tls_sites_use_decoded(struct tls_sites *t, struct decoded *decoded)
{
    t->decoded = decoded;
}

void tls_sites_use_store(struct tls_sites *t, struct session_store *store)
{
    resume_keep(t, store);
}

bool tls_sites_own_handshakes(const struct tls_sites *t, const struct conf_resumption *r)
{
    bool sealed = r->enabled && (r->secret_file.p != NULL || r->keep_max == 0);
    return t->own_handshake && !sealed;
}

size_t tls_sites_count(const struct tls_sites *t)
{
    return t->n;
}

const struct tls_site *tls_sites_at(const struct tls_sites *t, size_t i)
{
    return &t->v[i].face;
}

int site_verify_mode(const struct conf_client *policy)
{
    switch (policy->mode) {
    case CONF_CLIENT_OFF:
        return SSL_VERIFY_NONE;
    case CONF_CLIENT_OPTIONAL:
        return SSL_VERIFY_PEER;
    case CONF_CLIENT_REQUIRE:
        break;
    }
    return policy->on_failure == CONF_ON_FAILURE_ANSWER
               ? SSL_VERIFY_PEER
               : SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}
