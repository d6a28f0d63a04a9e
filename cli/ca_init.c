/* countersign ca init: keys of a CA, and its certificates as far as they can be made here. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ca/authority.h"
#include "cli/ca_parts.h"

#define ROOT_DAYS    7300
#define ISSUING_DAYS 3650
#define NAME_MAX_N   59 /* a root's has " Root" behind it */

struct made {
    EVP_PKEY *root_key;
    EVP_PKEY *key;
    X509 *root;
    X509 *issuing;
    X509_REQ *request;
    struct key_passphrase passphrase;
};

static void drop(struct made *m)
{
    X509_free(m->root);
    X509_free(m->issuing);
    X509_REQ_free(m->request);
    EVP_PKEY_free(m->root_key);
    EVP_PKEY_free(m->key);
    mem_wipe(&m->passphrase, sizeof(m->passphrase));
}

/* True if the key is in a token already. */
static bool is_elsewhere(const struct ca_wish *w)
{
    return w->key != NULL && key_file_is_uri(w->key);
}

static const char *name_of(const struct ca_wish *w)
{
    return w->name != NULL ? w->name : "Countersign CA";
}

/* A new key, or the one of the token. */
static int get_key(const struct ca_wish *w, struct made *m, EVP_PKEY **out, struct err *e)
{
    return is_elsewhere(w) ? ca_open_key(w, w->key, &m->passphrase, out, e)
                           : authority_key(str_of(w->key != NULL ? w->key : "p256"), out, e);
}

static int make_root(const struct ca_wish *w, struct made *m, struct err *e)
{
    char name[80];
    (void)snprintf(name, sizeof(name), "%s Root", name_of(w));
    struct authority_wish wish = {.name = str_of(name),
                                  .company = str_of(w->company),
                                  .path_length = 1,
                                  .life_days = w->root_days > 0 ? w->root_days : ROOT_DAYS,
                                  .now_ms = clock_wall_ms()};
    int rc = get_key(w, m, &m->root_key, e);
    return rc == 0 ? authority_certificate(&wish, m->root_key, NULL, NULL, &m->root, e) : rc;
}

static int make_issuing(const struct ca_wish *w, struct made *m, struct err *e)
{
    struct authority_wish wish = {.name = str_of(name_of(w)),
                                  .company = str_of(w->company),
                                  .path_length = 0,
                                  .life_days = w->days > 0 ? w->days : ISSUING_DAYS,
                                  .exact = w->days > 0,
                                  .now_ms = clock_wall_ms()};
    int rc = get_key(w, m, &m->key, e);
    if (rc == 0 && w->issuing_only) {
        return authority_request(wish.name, wish.company, m->key, &m->request, e);
    }
    return rc == 0 ? authority_certificate(&wish, m->key, m->root, m->root_key, &m->issuing, e)
                   : rc;
}

static int write_key(const struct ca_wish *w, const char *name, EVP_PKEY *key, const struct made *m,
                     struct err *e)
{
    char path[CA_PATH_MAX];
    return key == NULL || is_elsewhere(w)
               ? 0
               : authority_write_key(ca_path(w, name, path), key,
                                     ca_passphrase_text(&m->passphrase), e);
}

static int write_all(const struct ca_wish *w, const struct made *m, struct err *e)
{
    char path[CA_PATH_MAX];
    X509 *both[] = {m->issuing, m->root};
    int rc = write_key(w, "root.key", m->root_key, m, e);
    rc = rc == 0 ? write_key(w, "issuing.key", m->key, m, e) : rc;
    if (rc == 0 && m->root != NULL) {
        rc = authority_write_certificates(ca_path(w, "root.crt", path), &m->root, 1, e);
    }
    if (rc == 0 && m->issuing != NULL) {
        rc = authority_write_certificates(ca_path(w, "issuing.crt", path), both, 2, e);
    }
    if (rc == 0 && m->request != NULL) {
        rc = authority_write_request(ca_path(w, "issuing.csr", path), m->request, e);
    }
    return rc;
}

static int make(const struct ca_wish *w, struct made *m, struct err *e)
{
    static const char *const root_names[] = {"root.key", "root.crt", NULL};
    static const char *const issuing_names[] = {"issuing.key", "issuing.csr", "issuing.crt", NULL};
    int rc = w->issuing_only ? 0 : ca_make_room(w, root_names, e);
    rc = rc == 0 && !w->root_only ? ca_make_room(w, issuing_names, e) : rc;
    /* Of a key in a token it is the PIN. */
    rc = rc == 0 && !is_elsewhere(w) ? ca_new_passphrase(w, &m->passphrase, e) : rc;
    rc = rc == 0 && !w->issuing_only ? make_root(w, m, e) : rc;
    rc = rc == 0 && !w->root_only ? make_issuing(w, m, e) : rc;
    return rc == 0 ? write_all(w, m, e) : rc;
}

static void tell(const struct ca_wish *w, const struct made *m)
{
    char print[CA_PRINT_LEN + 1];
    if (w->issuing_only) {
        ca_print_of(m->key, print);
        (void)printf(
            "Have %s/issuing.csr certified where the root is (countersign ca certify), and "
            "take\nwhat comes back by countersign ca accept. SHA-256 of its public key, to "
            "compare there:\n%s\n",
            w->directory, print);
    } else if (w->root_only) {
        (void)printf("The root is in %s. Its key stays here; root.crt is public. Next: countersign "
                     "ca init\n--issuing-only on the machine that issues.\n",
                     w->directory);
    } else {
        (void)printf(
            "The CA is in %s. Clients are let in by root.crt (client.ca); certificates are\n"
            "issued with issuing.crt and issuing.key (ca.certificate, ca.key). Take root.key\n"
            "away to a safe place.\n",
            w->directory);
    }
}

/* Days that would go unheard. NULL: there are none. */
static const char *idle_days(const struct ca_wish *w)
{
    if (w->root_only && w->days > 0) {
        return "--days is for the issuing CA: how long a root is good is --root-days";
    }
    return w->issuing_only && (w->days > 0 || w->root_days > 0)
               ? "the root says how long the issuing CA is good: --days of countersign ca certify"
               : NULL;
}

int ca_init(const struct ca_wish *w)
{
    struct err e = {0};
    struct made m = {.root_key = NULL};
    if (idle_days(w) != NULL) {
        (void)fprintf(stderr, "countersign ca: %s\n", idle_days(w));
        return 2;
    }
    if (strlen(name_of(w)) > NAME_MAX_N || strlen(w->directory) > CA_PATH_MAX - 256) {
        (void)fputs("countersign ca: the name or the directory is too long\n", stderr);
        return 2;
    }
    if ((w->root_only && w->issuing_only) ||
        (is_elsewhere(w) && !w->root_only && !w->issuing_only)) {
        (void)fputs(
            "countersign ca: --root-only or --issuing-only, one of them, where the key is in "
            "a token\n",
            stderr);
        return 2;
    }
    int rc = make(w, &m, &e);
    if (rc == 0) {
        tell(w, &m);
    }
    drop(&m);
    return rc == 0 ? 0 : ca_complain(&e);
}
