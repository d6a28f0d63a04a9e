/* Owns: making the table of sites from a listener's configuration, and judging the server's
 * certificates for it. At start and reload. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/enc.h"
#include "base/mem.h"
#include "conf/syntax.h"
#include "proxy/tls/bio.h"
#include "proxy/tls/context.h"
#include "proxy/tls/credentials.h"
#include "proxy/tls/handshake_site.h"
#include "proxy/tls/key_share.h"
#include "proxy/tls/library.h"
#include "proxy/tls/site_inner.h"
#include "proxy/tls/tls_err.h"
#include "proxy/tls/traffic.h"

#define EXPIRY_WARNING_DAYS 14
#define DAY_S               86400

/* Permission bits that a private key must not have: any for others, writing for the group. */
#define KEY_MODE_FORBIDDEN 027

#define KEY_PATH_MAX 160

struct loader {
    const struct conf_listener *conf;
    const struct tls_options *options;
    const struct conf_tuning *tuning;
    OSSL_LIB_CTX *library; /* of handshakes; NULL: the default one */
    const char *query;     /* of algorithms in it; NULL: none */
    struct files *files;
    struct diags *diags;
    const char *key; /* dotted path of the listener */
};

/* One of the certificates of a site, with its key. */
struct pair {
    size_t site;
    size_t nth; /* 0: the site's first; else also[nth - 1] */
    struct conf_also files;
};

static struct pair pair_of(const struct conf_site *c, size_t site, size_t nth)
{
    struct pair p = {.site = site, .nth = nth};
    if (nth > 0) {
        p.files = c->also[nth - 1];
    } else {
        p.files = (struct conf_also){c->certificate, c->key, c->key_passphrase_file, c->at};
    }
    return p;
}

/* The dotted path of a key of site i: "listeners[0].tls.key", "listeners[0].names[2].key". */
static const char *site_key(const struct loader *l, size_t i, const char *leaf,
                            char out[KEY_PATH_MAX])
{
    if (l->conf->sites[i].names.n == 0) {
        (void)snprintf(out, KEY_PATH_MAX, "%s.tls.%s", l->key, leaf);
        return out;
    }
    size_t nth = 0;
    for (size_t k = 0; k < i; k++) {
        nth += l->conf->sites[k].names.n > 0 ? 1 : 0;
    }
    (void)snprintf(out, KEY_PATH_MAX, "%s.names[%zu].%s", l->key, nth, leaf);
    return out;
}

/* The same for a key of one of its certificates. */
static const char *pair_key(const struct loader *l, const struct pair *p, const char *leaf,
                            char out[KEY_PATH_MAX])
{
    char name[48];
    if (p->nth > 0) {
        (void)snprintf(name, sizeof(name), "also[%zu].%s", p->nth - 1, leaf);
        leaf = name;
    }
    return site_key(l, p->site, leaf, out);
}

static struct conf_pos place(const struct pair *p, const struct conf_text *text)
{
    return text->at.line != 0 ? text->at : p->files.at;
}

/* Reads the file that text names; a failure is recorded under leaf. */
static int read_file(const struct loader *l, const struct pair *p, const struct conf_text *text,
                     const char *leaf, struct str *out)
{
    struct err e = {.code = ERR_OK};
    int failed = files_read(l->files, text->p, out, &e);
    if (failed != 0) {
        char path[KEY_PATH_MAX];
        diag_add(l->diags, DIAG_ERROR, place(p, text), pair_key(l, p, leaf, path),
                 files_help(failed), "%s", e.text);
    }
    return failed;
}

static int64_t seconds_of(const ASN1_TIME *t)
{
    struct tm tm;
    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static void date_text(int64_t seconds, char out[CLOCK_RFC3339_LEN + 1])
{
    clock_rfc3339(seconds * 1000, out);
    out[10] = '\0'; /* the day is enough */
}

static bool check_dates(const struct loader *l, const struct pair *p, X509 *leaf,
                        int64_t *not_after_s)
{
    const struct conf_also *c = &p->files;
    struct conf_pos at = place(p, &c->certificate);
    char path[KEY_PATH_MAX];
    char day[CLOCK_RFC3339_LEN + 1];
    int64_t now = clock_wall_ms() / 1000;
    int64_t begin = seconds_of(X509_get0_notBefore(leaf));
    *not_after_s = seconds_of(X509_get0_notAfter(leaf));
    (void)pair_key(l, p, "certificate", path);
    if (now < begin) {
        date_text(begin, day);
        diag_add(l->diags, DIAG_ERROR, at, path, "Check the clock of this machine.",
                 "%s is not valid before %s", c->certificate.p, day);
        return false;
    }
    date_text(*not_after_s, day);
    if (now > *not_after_s) {
        diag_add(l->diags, DIAG_ERROR, at, path, "Renew it.", "%s expired on %s", c->certificate.p,
                 day);
        return false;
    }
    if (*not_after_s - now < (int64_t)EXPIRY_WARNING_DAYS * DAY_S) {
        diag_add(l->diags, DIAG_WARNING, at, path, "Renew it.", "%s expires on %s",
                 c->certificate.p, day);
    }
    return true;
}

/* Warns of names that clients will not find in the certificate. Subject CNs do not count: clients
 * ignore them. */
static void check_names(const struct loader *l, const struct pair *p, X509 *leaf)
{
    const struct conf_site *c = &l->conf->sites[p->site];
    char path[KEY_PATH_MAX];
    for (size_t k = 0; k < c->names.n; k++) {
        const char *name = c->names.v[k].p;
        char host[SITE_NAME_MAX + 1];
        (void)snprintf(host, sizeof(host), "%s%s", name[0] == '*' ? "any" : "",
                       name[0] == '*' ? name + 1 : name);
        if (X509_check_host(leaf, host, strlen(host), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) !=
            1) {
            diag_add(l->diags, DIAG_WARNING, c->names.v[k].at, site_key(l, p->site, "names", path),
                     "Clients will refuse to connect: get a certificate with that name.",
                     "%s is no name of %s", name, p->files.certificate.p);
        }
    }
    if (X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0) != 1) {
        diag_add(l->diags, DIAG_WARNING, place(p, &p->files.certificate),
                 pair_key(l, p, "certificate", path),
                 "Clients will refuse to connect: get one for serverAuth.",
                 "%s is no certificate for a server", p->files.certificate.p);
    }
    ERR_clear_error();
}

static bool check_mode(const struct loader *l, const struct pair *p, const struct conf_text *text,
                       const char *leaf)
{
    mode_t mode = files_mode(l->files, text->p);
    if ((mode & KEY_MODE_FORBIDDEN) == 0 || l->options->insecure_key_permissions) {
        return true;
    }
    char path[KEY_PATH_MAX];
    diag_add(l->diags, DIAG_ERROR, place(p, text), pair_key(l, p, leaf, path),
             "Use chmod 600, or 640 with a group of its own.",
             "%s is open to other users of this machine (mode %04o)", text->p, (unsigned)mode);
    return false;
}

static bool load_chain(const struct loader *l, const struct pair *p, struct credentials *out,
                       int64_t *not_after_s)
{
    const struct conf_also *c = &p->files;
    char path[KEY_PATH_MAX];
    struct str text;
    if (c->certificate.p == NULL) {
        diag_add(l->diags, DIAG_ERROR, c->at, pair_key(l, p, "certificate", path),
                 "Name the PEM file with the server's certificate.", "there is no certificate");
        return false;
    }
    if (read_file(l, p, &c->certificate, "certificate", &text) != 0) {
        return false;
    }
    struct err e = {.code = ERR_OK};
    if (credentials_read_chain(out, text, &e) != 0) {
        diag_add(l->diags, DIAG_ERROR, place(p, &c->certificate),
                 pair_key(l, p, "certificate", path),
                 "Name a PEM file with the server's certificate, its intermediates behind it.",
                 "%s: %s", c->certificate.p, e.text);
        return false;
    }
    check_names(l, p, out->leaf);
    return check_dates(l, p, out->leaf, not_after_s);
}

/* What to do about a key, by what credentials_read_key() or _open_key() returned. */
static const char *key_help(int failed)
{
    switch (-failed) {
    case ERR_CONFIG:
        return "Name the key that the certificate was made for, or the certificate of this key.";
    case ERR_DENIED:
        return "Let key_passphrase_file name the file that holds its passphrase.";
    case ERR_MALFORMED:
        return "Name the PEM file with the server's private key.";
    case ERR_NOT_FOUND:
        return "List what the token has (p11tool --list-all), and look at the file with its PIN: "
               "tokens lock themselves after a few wrong ones.";
    default:
        return NULL;
    }
}

static bool load_passphrase(const struct loader *l, const struct pair *p, struct str *out)
{
    const struct conf_text *file = &p->files.key_passphrase_file;
    *out = STR_NONE;
    return file->p == NULL || (read_file(l, p, file, "key_passphrase_file", out) == 0 &&
                               check_mode(l, p, file, "key_passphrase_file"));
}

/* The file that a key is in, or the URI of its token. */
static const struct conf_text *key_file(const struct conf_also *c)
{
    return c->key.p != NULL ? &c->key : &c->certificate;
}

static bool load_key(const struct loader *l, const struct pair *p, struct credentials *out)
{
    const struct conf_also *c = &p->files;
    const struct conf_text *file = key_file(c);
    bool in_store = syntax_scheme(str_of(file->p)) > 0;
    bool in_token = str_starts(str_of(file->p), SYNTAX_PKCS11);
    struct str text = STR_NONE;
    struct str passphrase;
    if ((!in_store &&
         (read_file(l, p, file, "key", &text) != 0 || !check_mode(l, p, file, "key"))) ||
        !load_passphrase(l, p, &passphrase)) {
        return false;
    }
    if (in_store && l->options->keys == TLS_KEYS_OF_FILES &&
        (!in_token || c->key_passphrase_file.p != NULL)) {
        return true;
    }
    struct err e = {.code = ERR_OK};
    int failed = in_store ? credentials_open_key(out, str_of(file->p), passphrase, &e)
                          : credentials_read_key(out, text, passphrase, &e);
    if (failed != 0) {
        char path[KEY_PATH_MAX];
        /* Of a URI that is not ours, nobody knows what is secret in it. */
        size_t shown = in_store && !in_token ? syntax_scheme(str_of(file->p)) : strlen(file->p);
        diag_add(l->diags, DIAG_ERROR, place(p, file), pair_key(l, p, "key", path),
                 in_store && !in_token ? NULL : key_help(failed), "%.*s%s %s", (int)shown, file->p,
                 file->p[shown] != '\0' ? ":..." : "", e.text);
        return false;
    }
    return true;
}

/* What OpenSSL does not want to use: weak signatures, mostly. */
static void refused_by_openssl(const struct loader *l, const struct pair *p)
{
    const struct conf_also *c = &p->files;
    char path[KEY_PATH_MAX];
    struct tls_err words;
    tls_err_take(&words);
    diag_add(l->diags, DIAG_ERROR, place(p, &c->certificate), pair_key(l, p, "certificate", path),
             NULL, "%s cannot be used: %s", c->certificate.p,
             words.text[0] != '\0' ? words.text : "out of memory");
}

/* Kinds of keys that the certificates of a site have; all different, so that there are few. */
struct kinds {
    int v[8];
    size_t n;
};

/* OpenSSL keeps one certificate of each kind of key: of two, only the second would be used. */
static bool check_kind(const struct loader *l, const struct pair *p, X509 *leaf,
                       struct kinds *known)
{
    int kind = EVP_PKEY_get_base_id(X509_get0_pubkey(leaf));
    bool other = known->n < sizeof(known->v) / sizeof(known->v[0]);
    for (size_t i = 0; i < known->n; i++) {
        other = other && known->v[i] != kind;
    }
    if (!other) {
        char path[KEY_PATH_MAX];
        diag_add(l->diags, DIAG_ERROR, place(p, &p->files.certificate),
                 pair_key(l, p, "certificate", path),
                 "Leave one out: several are for keys of different kinds, such as ECDSA and RSA.",
                 "%s has a key of the same kind as another certificate here",
                 p->files.certificate.p);
        return false;
    }
    known->v[known->n++] = kind;
    return true;
}

/* What was said of the site's certificates so far, with one more. */
static bool add_digest(struct site *s, X509 *leaf)
{
    unsigned char all[2 * SITE_BINDING];
    unsigned n = 0;
    memcpy(all, s->certificates, SITE_BINDING);
    return X509_digest(leaf, EVP_sha256(), all + SITE_BINDING, &n) == 1 && n == SITE_BINDING &&
           enc_sha256((struct str){(const char *)all, sizeof(all)}, s->certificates) == 0;
}

static bool load_pair(const struct loader *l, const struct pair *p, struct kinds *known,
                      struct site *s)
{
    struct credentials c = {.leaf = NULL};
    int64_t not_after_s = 0;
    bool ok = load_chain(l, p, &c, &not_after_s);
    ok = ok && load_key(l, p, &c) && check_kind(l, p, c.leaf, known);
    if (ok) {
        ERR_clear_error();
        /* An empty chain would be one that is whole. */
        ok = SSL_CTX_use_certificate(s->context, c.leaf) == 1 &&
             SSL_CTX_set1_chain(s->context, sk_X509_num(c.chain) > 0 ? c.chain : NULL) == 1 &&
             (c.key == NULL || SSL_CTX_use_PrivateKey(s->context, c.key) == 1) &&
             add_digest(s, c.leaf);
        if (!ok) {
            refused_by_openssl(l, p);
        }
    }
    if (ok && (p->nth == 0 || not_after_s < s->face.not_after_s)) {
        s->face.not_after_s = not_after_s;
    }
    credentials_fini(&c);
    return ok;
}

static bool load_credentials(const struct loader *l, size_t i, struct site *s)
{
    const struct conf_site *c = &l->conf->sites[i];
    struct kinds known = {.n = 0};
    bool ok = true;
    for (size_t nth = 0; nth <= c->also_count; nth++) {
        const struct pair p = pair_of(c, i, nth);
        ok = load_pair(l, &p, &known, s) && ok;
    }
    return ok;
}

static bool same_texts(const struct conf_texts *a, const struct conf_texts *b)
{
    if (a->n != b->n) {
        return false;
    }
    for (size_t i = 0; i < a->n; i++) {
        if (!str_eq(str_of(a->v[i].p), str_of(b->v[i].p))) {
            return false;
        }
    }
    return true;
}

/* True if both make the same trust, so that one will do. */
static bool same_trust(const struct conf_client *a, const struct conf_client *b)
{
    return a->mode != CONF_CLIENT_OFF && b->mode != CONF_CLIENT_OFF && same_texts(&a->ca, &b->ca) &&
           same_texts(&a->crl, &b->crl) && a->depth_max == b->depth_max &&
           a->crl_scope == b->crl_scope && a->crl_grace_ms == b->crl_grace_ms &&
           a->ocsp.mode == b->ocsp.mode && a->ocsp.timeout_ms == b->ocsp.timeout_ms &&
           a->ocsp.keep_min_ms == b->ocsp.keep_min_ms &&
           a->ocsp.keep_max_ms == b->ocsp.keep_max_ms &&
           str_eq(str_of(a->ocsp.responder.p), str_of(b->ocsp.responder.p)) &&
           a->insecure_expired_crl == b->insecure_expired_crl;
}

/* A policy that two sites share, or that stands beside "tls", is the listener's. */
static const char *policy_key(const struct loader *l, size_t i, char out[KEY_PATH_MAX])
{
    const struct conf_site *sites = l->conf->sites;
    bool shared = sites[i].names.n == 0;
    for (size_t k = 0; k < l->conf->site_count; k++) {
        shared = shared || (k != i && sites[k].client.at.line == sites[i].client.at.line &&
                            sites[k].client.at.column == sites[i].client.at.column &&
                            sites[k].client.at.file == sites[i].client.at.file);
    }
    if (!shared) {
        return site_key(l, i, "client", out);
    }
    (void)snprintf(out, KEY_PATH_MAX, "%s.client", l->key);
    return out;
}

static bool load_trust(const struct loader *l, struct tls_sites *t, size_t i)
{
    struct site *s = &t->v[i];
    const struct conf_client *policy = &l->conf->sites[i].client;
    if (policy->mode == CONF_CLIENT_OFF) {
        return true;
    }
    for (size_t k = 0; k < i && s->trust == NULL; k++) {
        if (same_trust(policy, &l->conf->sites[k].client) && t->v[k].trust != NULL) {
            s->trust = trust_ref(t->v[k].trust);
        }
    }
    if (s->trust == NULL) {
        char path[KEY_PATH_MAX];
        s->trust =
            trust_load(policy, l->tuning->own_lists, l->files, l->diags, policy_key(l, i, path));
    }
    s->face.trust = s->trust;
    return s->trust != NULL;
}

/* Sites that ask the same of clients have the same digest. */
static bool make_policy_digest(struct site *s)
{
    const struct conf_client *c = &s->face.conf->client;
    unsigned char all[2 + 32] = {(unsigned char)c->mode, (unsigned char)c->on_failure};
    if (s->trust != NULL) {
        memcpy(all + 2, trust_id(s->trust), 32);
    }
    return enc_sha256((struct str){(const char *)all, sizeof(all)}, s->face.policy) == 0;
}

/* Handshakes of our own end in records of our own. Where several libssl features would have to be
 * known to them, they are OpenSSL's; and with another library than the narrow one. */
static void make_handshake(const struct loader *l, struct tls_sites *t, struct site *s)
{
    if (l->library != NULL && t->ciphers != NULL && library_shakes_hands(l->tuning)) {
        s->handshake = handshake_site_new(s->context, l->library, &s->face, l->tuning);
        t->own_handshake = s->handshake != NULL || t->own_handshake;
    }
}

static bool load_site(const struct loader *l, struct tls_sites *t, size_t i)
{
    struct site *s = &t->v[i];
    s->face.conf = &l->conf->sites[i];
    ERR_clear_error();
    s->context = context_new(l->conf->min_version, l->tuning, l->library, l->query);
    if (s->context == NULL) {
        const struct pair p = pair_of(s->face.conf, i, 0);
        refused_by_openssl(l, &p);
        return false;
    }
    /* All three, so that an operator sees all that is wrong at once. */
    bool loaded = load_credentials(l, i, s);
    loaded = load_trust(l, t, i) && loaded;
    if (!loaded) {
        return false;
    }
    if (!make_policy_digest(s) || !context_set_client_policy(s->context, &s->face)) {
        const struct pair p = pair_of(s->face.conf, i, 0);
        refused_by_openssl(l, &p);
        return false;
    }
    make_handshake(l, t, s);
    return true;
}

/* Where it cannot be, records are OpenSSL's: that is said, but works. */
static struct traffic_ciphers *choose_ciphers(const struct loader *l)
{
    if (!l->tuning->own_records || (l->library == NULL && l->query == NULL)) {
        return NULL;
    }
    struct traffic_ciphers *c = library_hears_keys() ? traffic_ciphers_new(l->library) : NULL;
    if (c == NULL) {
        diag_add(l->diags, DIAG_WARNING, l->conf->at, "tuning.own_records",
                 "Set it to false to do without. Idle connections work, and take more memory.",
                 "does not work with this OpenSSL");
    }
    return c;
}

static struct tls_sites *sites_new(size_t n, bool own_bio)
{
    struct tls_sites *t = mem_calloc(1, sizeof(*t));
    if (t == NULL) {
        return NULL;
    }
    t->refs = 1;
    t->bio_method = own_bio ? bio_method_new() : NULL;
    t->v = mem_calloc(n, sizeof(*t->v));
    if ((own_bio && t->bio_method == NULL) || t->v == NULL) {
        tls_sites_unref(t);
        return NULL;
    }
    t->n = n;
    return t;
}

/* A key that is in no file works by a provider or an engine that only the default context has. */
static bool has_store(const struct conf_listener *c)
{
    bool found = false;
    for (size_t i = 0; i < c->site_count; i++) {
        for (size_t nth = 0; nth <= c->sites[i].also_count; nth++) {
            const struct pair p = pair_of(&c->sites[i], i, nth);
            const char *file = key_file(&p.files)->p;
            found = found || (file != NULL && syntax_scheme(str_of(file)) > 0);
        }
    }
    return found;
}

static void choose_library(struct loader *l)
{
    const char *why = NULL;
    if (!l->tuning->narrow_crypto || has_store(l->conf)) {
        return;
    }
    l->library = library_context(&why);
    l->query = library_query(l->tuning->own_key_schedule);
    if (why != NULL) {
        diag_add(l->diags, DIAG_WARNING, l->conf->at, "tuning.narrow_crypto",
                 "Set it to false to do without. Handshakes work, and cost more.",
                 "does not work with this OpenSSL, which is used as it is: %s", why);
    }
}

struct tls_sites *tls_sites_load(const struct conf_listener *c, const struct tls_options *options,
                                 struct files *files, struct diags *diags, const char *key)
{
    static const struct conf_tuning none = {.narrow_crypto = false};
    struct loader l = {.conf = c,
                       .options = options,
                       .tuning = options->tuning != NULL ? options->tuning : &none,
                       .files = files,
                       .diags = diags,
                       .key = key};
    if (c->site_count == 0) {
        diag_add(diags, DIAG_ERROR, c->at, key, "Give it tls.certificate, or names.",
                 "the listener has no certificate");
        return NULL;
    }
    choose_library(&l);
    struct tls_sites *t = sites_new(c->site_count, l.tuning->own_bio);
    bool ok = t != NULL;
    if (ok) {
        t->has_default = c->has_default;
        t->library = l.library;
        t->ciphers = choose_ciphers(&l);
        for (size_t i = 0; i < t->n; i++) {
            ok = load_site(&l, t, i) && ok;
        }
    }
    if (ok && t->own_handshake) {
        t->maker = key_maker_new(t->library);
        t->own_handshake = t->maker != NULL;
    }
    if (t == NULL || (ok && site_names_build(t) != 0)) {
        diag_add(diags, DIAG_ERROR, c->at, key, NULL, "out of memory");
        ok = false;
    }
    if (!ok) {
        tls_sites_unref(t);
        return NULL;
    }
    return t;
}
