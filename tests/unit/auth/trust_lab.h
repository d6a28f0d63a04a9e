/* Trust loaded from files that a test writes: for the tests of loading and of judging. */
#ifndef TESTS_UNIT_AUTH_TRUST_LAB_H
#define TESTS_UNIT_AUTH_TRUST_LAB_H

#include <stdio.h>
#include <stdlib.h>

#include "auth/trust.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/support/tmpdir.h"

#define HOUR_S INT64_C(3600)
#define FILES  3

/* One load of a policy, and what it gave. */
struct load {
    struct tmpdir dir;
    char paths[2 * FILES][TMPDIR_PATH_MAX];
    struct conf_text texts[2 * FILES];
    struct files *files;
    struct diags *diags;
    struct conf_client policy;
    struct trust *t;
};

static inline void put_file(struct load *l, size_t slot, struct conf_texts *list, const char *text)
{
    char name[16];
    (void)snprintf(name, sizeof(name), "f%zu", slot);
    tmpdir_write(&l->dir, name, text, strlen(text));
    l->texts[slot].p = tmpdir_path(&l->dir, name, l->paths[slot]);
    l->texts[slot].at.line = (uint32_t)slot + 1;
    list->n++;
}

/* What tuning.own_lists is for all loads that follow. */
static bool own_lists = true;

/* Load the NULL-ended lists of PEM texts; policy is taken as it is but for the files. */
static inline void load(struct load *l, struct conf_client policy, const char *const *cas,
                        const char *const *crls)
{
    tmpdir_make(&l->dir);
    memset(l->texts, 0, sizeof(l->texts));
    l->files = files_new();
    l->diags = diags_new();
    l->policy = policy;
    l->policy.ca = (struct conf_texts){l->texts, 0};
    l->policy.crl = (struct conf_texts){l->texts + FILES, 0};
    for (size_t i = 0; cas != NULL && cas[i] != NULL; i++) {
        put_file(l, i, &l->policy.ca, cas[i]);
    }
    for (size_t i = 0; crls != NULL && crls[i] != NULL; i++) {
        put_file(l, FILES + i, &l->policy.crl, crls[i]);
    }
    l->t = trust_load(&l->policy, own_lists, l->files, l->diags, "listeners[0].client");
}

/* Drop everything of a load. */
static inline void end(struct load *l)
{
    trust_unref(l->t);
    diags_free(l->diags);
    files_free(l->files);
    tmpdir_remove(&l->dir);
}

/* Load a bundle of n certificates; end() and free() what is returned. */
static inline struct load *load_certs(X509 *const *certs, size_t n, struct conf_client policy,
                                      const char *const *crls)
{
    struct load *l = calloc(1, sizeof(*l));
    char bundle[16384] = "";
    for (size_t i = 0; i < n; i++) {
        char *pem = pki_cert_pem(certs[i]);
        assert_true(strlen(bundle) + strlen(pem) < sizeof(bundle));
        memcpy(bundle + strlen(bundle), pem, strlen(pem) + 1);
        free(pem);
    }
    const char *cas[] = {bundle, NULL};
    load(l, policy, cas, crls);
    return l;
}

/* A CRL of issuer from an hour ago that lists one certificate or, for NULL, none. Caller frees. */
static inline char *crl_text(X509 *issuer, EVP_PKEY *key, int64_t next_s, X509 *revoked)
{
    X509_CRL *crl =
        pki_crl(issuer, key, PKI_NOW_S - HOUR_S, next_s, &revoked, revoked != NULL ? 1 : 0);
    char *text = pki_crl_pem(crl);
    X509_CRL_free(crl);
    return text;
}

#endif
