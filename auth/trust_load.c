/* Owns: reading CA bundles and CRLs into a struct trust. Leaves judging to trust.c. Loop thread, at
 * start and reload.
 *
 * Which certificates of a bundle are anchors: the self-signed ones, and those whose issuer is not
 * in the bundle (an intermediate given as the anchor: chains may then end there). The others only
 * help to build chains, as if every client sent them, so that a CRL of the root still withdraws an
 * intermediate that stands in the same bundle. */
#include <stdarg.h>
#include <stdio.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "auth/openssl_lists.h"
#include "auth/revoke/asn1time.h"
#include "auth/revoke/crl_pack.h"
#include "auth/trust.h"
#include "auth/trust_set.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

#define KEY_MAX        160
#define NAME_MAX_BYTES 65536 /* of a derived block: all paths of a policy */

/* One load under way. */
struct loading {
    struct trust *t;
    const struct conf_client *policy;
    struct files *files;
    struct diags *diags;
    const char *key;
    STACK_OF(X509) * bundle; /* owned: every certificate read */
    EVP_MD_CTX *hash;        /* owned: becomes the id */
    int64_t now_s;
    bool failed;
    bool ca_failed; /* what was wrong has to do with the bundle */
};

static void say(struct loading *l, enum diag_level level, struct conf_pos at, const char *leaf_key,
                const char *help, const char *format, ...) __attribute__((format(printf, 6, 7)));

static void say(struct loading *l, enum diag_level level, struct conf_pos at, const char *leaf_key,
                const char *help, const char *format, ...)
{
    char key[KEY_MAX];
    char text[400];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)snprintf(key, sizeof(key), "%s.%s", l->key, leaf_key);
    diag_add(l->diags, level, at, key, help, "%s", text);
    l->failed |= level == DIAG_ERROR;
}

static void out_of_memory(struct loading *l)
{
    say(l, DIAG_ERROR, l->policy->at, "ca", NULL, "out of memory");
}

/* Everything that is judged by goes into the id, each with its length. */
static void hash_part(struct loading *l, const void *p, size_t n)
{
    uint64_t length = n;
    if (EVP_DigestUpdate(l->hash, &length, sizeof(length)) != 1 ||
        EVP_DigestUpdate(l->hash, p, n) != 1) {
        say(l, DIAG_ERROR, l->policy->at, "ca", NULL, "SHA-256 is not available");
    }
}

static void check_ca(struct loading *l, const struct conf_text *file, X509 *x)
{
    char name[220];
    int64_t from = 0;
    int64_t to = 0;
    (void)trust_name_text(X509_get_subject_name(x), name, sizeof(name));
    if (X509_get0_pubkey(x) == NULL) {
        say(l, DIAG_ERROR, file->at, "ca", NULL, "%s: the key of \"%s\" cannot be read", file->p,
            name);
    }
    if (X509_check_ca(x) != 1) {
        say(l, DIAG_ERROR, file->at, "ca", "Name the CA that issues the clients' certificates.",
            "%s: \"%s\" is not a CA certificate (basicConstraints CA:TRUE and, if there is a "
            "keyUsage, keyCertSign)",
            file->p, name);
    }
    if (!asn1time_seconds(X509_get0_notBefore(x), &from) ||
        !asn1time_seconds(X509_get0_notAfter(x), &to)) {
        say(l, DIAG_ERROR, file->at, "ca", NULL, "%s: the dates of \"%s\" are malformed", file->p,
            name);
    } else if (to <= l->now_s) {
        say(l, DIAG_WARNING, file->at, "ca", "Renew it, or take it out.",
            "%s: \"%s\" has expired; no certificate under it is accepted", file->p, name);
    } else if (from > l->now_s) {
        say(l, DIAG_WARNING, file->at, "ca", "Check the clock of this machine.",
            "%s: \"%s\" is not valid yet; no certificate under it is accepted", file->p, name);
    }
}

static void add_certificate(struct loading *l, const struct conf_text *file, X509 *x)
{
    unsigned char digest[32];
    unsigned n = 0;
    check_ca(l, file, x);
    if (X509_digest(x, EVP_sha256(), digest, &n) != 1 || sk_X509_push(l->bundle, x) <= 0) {
        X509_free(x);
        out_of_memory(l);
        return;
    }
    hash_part(l, digest, n);
}

static void read_certificates(struct loading *l, const struct conf_text *file, BIO *bio)
{
    size_t count = 0;
    X509 *x = NULL;
    ERR_clear_error();
    while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        add_certificate(l, file, x);
        count++;
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        say(l, DIAG_ERROR, file->at, "ca", "Copy it anew from the CA.",
            "%s: certificate %zu is damaged", file->p, count + 1);
    } else if (count == 0) {
        say(l, DIAG_ERROR, file->at, "ca", "Name the PEM file with the CA's certificates.",
            "%s: there is no PEM certificate in the file", file->p);
    }
    ERR_clear_error();
}

static bool read_file(struct loading *l, const struct conf_text *file, const char *leaf_key,
                      struct str *text)
{
    struct err e = {0};
    int failed = files_read(l->files, file->p, text, &e);
    if (failed != 0) {
        say(l, DIAG_ERROR, file->at, leaf_key, files_help(failed), "%s", e.text);
        return false;
    }
    if (text->n > INT32_MAX) {
        say(l, DIAG_ERROR, file->at, leaf_key, NULL, "%s: the file is too large", file->p);
        return false;
    }
    return true;
}

static void read_bundles(struct loading *l)
{
    for (size_t i = 0; i < l->policy->ca.n; i++) {
        const struct conf_text *file = &l->policy->ca.v[i];
        struct str text = STR_NONE;
        if (!read_file(l, file, "ca", &text)) {
            continue;
        }
        BIO *bio = BIO_new_mem_buf(text.n > 0 ? text.p : "", (int)text.n);
        if (bio == NULL) {
            out_of_memory(l);
            return;
        }
        read_certificates(l, file, bio);
        BIO_free(bio);
    }
}

static bool is_self_signed(X509 *x)
{
    return X509_self_signed(x, 1) == 1;
}

static bool issuer_is_there(const struct loading *l, X509 *x)
{
    for (int i = 0; i < sk_X509_num(l->bundle); i++) {
        X509 *issuer = sk_X509_value(l->bundle, i);
        EVP_PKEY *key = X509_get0_pubkey(issuer);
        if (X509_cmp(issuer, x) != 0 && key != NULL && X509_check_issued(issuer, x) == X509_V_OK &&
            X509_verify(x, key) == 1) {
            return true;
        }
    }
    return false;
}

static bool name_is_there(const struct trust *t, const X509_NAME *name)
{
    for (int i = 0; i < sk_X509_NAME_num(t->names); i++) {
        if (X509_NAME_cmp(sk_X509_NAME_value(t->names, i), name) == 0) {
            return true;
        }
    }
    return false;
}

static bool add_name(struct trust *t, const X509_NAME *name)
{
    if (name_is_there(t, name)) {
        return true;
    }
    X509_NAME *copy = X509_NAME_dup(name);
    if (copy == NULL || sk_X509_NAME_push(t->names, copy) <= 0) {
        X509_NAME_free(copy);
        return false;
    }
    return true;
}

static bool keep_in(STACK_OF(X509) * stack, X509 *x)
{
    return X509_add_cert(stack, x, X509_ADD_FLAG_UP_REF | X509_ADD_FLAG_NO_DUP) == 1;
}

static bool add_anchor(struct trust *t, X509 *x, bool self_signed)
{
    int64_t to = 0;
    if (asn1time_seconds(X509_get0_notAfter(x), &to) && to < t->ca_expiry_s) {
        t->ca_expiry_s = to;
    }
    t->partial |= !self_signed;
    return keep_in(t->anchors, x) && X509_STORE_add_cert(t->store, x) == 1 &&
           add_name(t, X509_get_subject_name(x));
}

static void sort_bundle(struct loading *l)
{
    for (int i = 0; i < sk_X509_num(l->bundle); i++) {
        X509 *x = sk_X509_value(l->bundle, i);
        bool self_signed = is_self_signed(x);
        bool ok = self_signed || !issuer_is_there(l, x) ? add_anchor(l->t, x, self_signed)
                                                        : keep_in(l->t->helpers, x);
        if (!ok) {
            out_of_memory(l);
        }
    }
    ERR_clear_error();
}

static void read_crl(struct loading *l, const struct conf_text *file)
{
    struct err e = {0};
    struct str text = STR_NONE;
    if (!read_file(l, file, "crl", &text)) {
        return;
    }
    int64_t before = crl_set_expiry_s(l->t->crls);
    int failed = crl_set_add(l->t->crls, text, l->bundle, &e);
    if (failed == -ERR_DENIED && l->ca_failed) {
        return; /* its CA is likely the one that could not be read, which was told */
    }
    if (failed != 0) {
        say(l, DIAG_ERROR, file->at, "crl",
            failed == -ERR_DENIED ? "Name its CA in client.ca too, or a list of one that is there."
                                  : NULL,
            "%s: %s", file->p, e.text);
        return;
    }
    files_done(l->files, file->p);
    int64_t after = crl_set_expiry_s(l->t->crls);
    if (after < before && after <= l->now_s) {
        say(l, DIAG_WARNING, file->at, "crl", "Get a new one from the CA.",
            l->policy->insecure_expired_crl
                ? "%s: the CRL has expired; it is used all the same (insecure_expired_crl)"
                : "%s: the CRL has expired; certificates of its issuer are refused until there is "
                  "a new one",
            file->p);
    }
}

static int put_paths(struct buf *out, const char *what, const struct conf_texts *paths)
{
    int rc = buf_printf(out, "%s", what);
    for (size_t i = 0; rc == 0 && i < paths->n; i++) {
        rc = buf_printf(out, " %zu:%s", strlen(paths->v[i].p), paths->v[i].p);
    }
    return rc;
}

/* What the CRLs are read from and verified against: within one set of files a path has one content,
 * so that this names the result. */
static int name_block(const struct loading *l, struct buf *out)
{
    int rc = put_paths(out, "crl", &l->policy->crl);
    rc = rc == 0 ? put_paths(out, " ca", &l->policy->ca) : rc;
    return rc == 0 ? buf_append(out, (struct str){"", 1}) : rc;
}

/* Read the lists and keep what they say under name. Returns the block, or NULL if that was told. */
static struct derived *read_crls(struct loading *l, const char *name)
{
    struct err e = {0};
    for (size_t i = 0; i < l->policy->crl.n; i++) {
        read_crl(l, &l->policy->crl.v[i]);
    }
    if (l->failed) {
        return NULL;
    }
    struct derived *block = crl_pack(l->t->crls, &e);
    int rc = block != NULL ? files_derive(l->files, name, block) : -(int)e.code;
    if (rc != 0) {
        say(l, DIAG_ERROR, l->policy->at, "crl", NULL, "%s", err_name(rc));
        derived_unref(block);
        return NULL;
    }
    return block;
}

/* Serials are asked where they lie in the block: in a worker those are pages that all share. */
static void adopt_crls(struct loading *l, struct derived *block)
{
    struct err e = {0};
    struct crl_set *set = crl_unpack(block, &e);
    if (set == NULL || (l->t->crl_openssl && openssl_lists_fill(l->t->store, set, &e) != 0)) {
        crl_set_free(set);
        say(l, DIAG_ERROR, l->policy->at, "crl", NULL, "%s", e.text);
        return;
    }
    hash_part(l, crl_pack_digest(block), CRL_PACK_DIGEST);
    crl_set_free(l->t->crls);
    l->t->crls = set;
}

static void load_crls(struct loading *l)
{
    struct buf name;
    if (l->policy->crl.n == 0) {
        return;
    }
    buf_init(&name, NAME_MAX_BYTES);
    if (name_block(l, &name) != 0) {
        out_of_memory(l);
    } else {
        struct derived *block = files_derived(l->files, buf_str(&name).p);
        block = block != NULL ? block : read_crls(l, buf_str(&name).p);
        if (block != NULL) {
            adopt_crls(l, block);
        }
        derived_unref(block);
    }
    buf_release(&name);
}

static void finish_id(struct loading *l)
{
    unsigned n = 0;
    const unsigned char policy[] = {
        (unsigned char)(l->t->depth_max & 0xff),
        l->t->crl_wanted ? 1 : 0,
        l->t->crl_leaf_only ? 1 : 0,
        l->t->insecure_expired_crl ? 1 : 0,
    };
    hash_part(l, policy, sizeof(policy));
    hash_part(l, &l->t->crl_grace_ms, sizeof(l->t->crl_grace_ms));
    hash_part(l, &l->t->ocsp.mode, sizeof(l->t->ocsp.mode));
    if (EVP_DigestFinal_ex(l->hash, l->t->id, &n) != 1 || n != sizeof(l->t->id)) {
        say(l, DIAG_ERROR, l->policy->at, "ca", NULL, "SHA-256 is not available");
    }
}

static bool begin(struct loading *l)
{
    struct trust *t = l->t;
    t->refs = 1;
    t->ca_expiry_s = INT64_MAX;
    t->depth_max = l->policy->depth_max < 100 ? (int)l->policy->depth_max : 100;
    t->crl_wanted = l->policy->crl.n > 0;
    t->crl_leaf_only = l->policy->crl_scope == CONF_CRL_SCOPE_LEAF;
    t->crl_grace_ms = l->policy->crl_grace_ms;
    t->ocsp = l->policy->ocsp;
    if (t->ocsp.responder.p != NULL) {
        t->responder = mem_dup(t->ocsp.responder.p, strlen(t->ocsp.responder.p));
        t->ocsp.responder.p = t->responder;
    }
    t->insecure_expired_crl = l->policy->insecure_expired_crl;
    t->store = X509_STORE_new();
    t->anchors = sk_X509_new_null();
    t->helpers = sk_X509_new_null();
    t->names = sk_X509_NAME_new_null();
    t->crls = crl_set_new();
    if (t->crls != NULL && t->crl_openssl) {
        crl_set_keep_der(t->crls);
    }
    l->bundle = sk_X509_new_null();
    l->hash = EVP_MD_CTX_new();
    bool named = l->policy->ocsp.responder.p == NULL || t->responder != NULL;
    return named && t->store != NULL && t->anchors != NULL && t->helpers != NULL &&
           t->names != NULL && t->crls != NULL && l->bundle != NULL && l->hash != NULL &&
           EVP_DigestInit_ex(l->hash, EVP_sha256(), NULL) == 1;
}

struct trust *trust_load(const struct conf_client *policy, bool own_lists, struct files *files,
                         struct diags *diags, const char *key)
{
    struct loading l = {
        .policy = policy,
        .files = files,
        .diags = diags,
        .key = key,
        .now_s = clock_wall_ms() / 1000,
    };
    l.t = mem_calloc(1, sizeof(*l.t));
    if (l.t != NULL) {
        l.t->crl_openssl = !own_lists && policy->crl.n > 0;
    }
    if (l.t == NULL || !begin(&l)) {
        out_of_memory(&l);
    } else {
        read_bundles(&l);
        if (policy->ca.n == 0) {
            say(&l, DIAG_ERROR, policy->at, "ca", "Name the PEM file with the CA's certificates.",
                "there is no CA bundle to check clients by");
        }
        sort_bundle(&l);
        l.ca_failed = l.failed;
        load_crls(&l);
        finish_id(&l);
    }
    EVP_MD_CTX_free(l.hash);
    sk_X509_pop_free(l.bundle, X509_free);
    if (l.failed) {
        if (l.t != NULL) {
            l.t->refs = 1;
        }
        trust_unref(l.t);
        return NULL;
    }
    return l.t;
}
