/* Owns: finding what a deny entry names in the CA's database, and what to do where only one of the
 * two halves can be done. */
#include "cli/cert_ca.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/x509.h>

#include "auth/revoke/name_digest.h"
#include "ca/withdraw.h"
#include "cli/ca_withdraw.h"
#include "cli/withdraw.h"

/* The CA's database, and what is looked for in it. */
struct cert_ca {
    const char *config;
    const struct deny_entry *entry;
    struct life life;
    struct ca_operator here;
    struct ca_withdraw by;
    struct ca_withdraw_found found;
    bool is;
};

static int complain(const char *text)
{
    (void)fprintf(stderr, "countersign cert: %s\n", text);
    return 1;
}

/* Two CAs may give the same serial number; only one of them is the entry's issuer. */
static bool has_issuer(struct str der, const struct deny_entry *entry)
{
    unsigned char digest[NAME_DIGEST];
    const unsigned char *p = (const unsigned char *)der.p;
    X509 *x = der.n > 0 ? d2i_X509(NULL, &p, (long)der.n) : NULL;
    bool has = x != NULL && name_digest(X509_get_issuer_name(x), digest) == 0 &&
               memcmp(digest, entry->issuer, NAME_DIGEST) == 0;
    X509_free(x);
    return has;
}

static bool take(void *arg, const struct record *r)
{
    struct cert_ca *c = arg;
    c->is = c->entry->kind == DENY_FINGERPRINT || has_issuer(r->certificate, c->entry);
    return ca_withdraw_note(&c->found, r);
}

/* Returns 0 with c->is, or a negative err_code with e. */
static int find(struct cert_ca *c, struct err *e)
{
    const struct str fingerprint = {(const char *)c->entry->fingerprint, DENY_DIGEST};
    struct err inner = {0};
    int rc = c->entry->kind == DENY_FINGERPRINT
                 ? record_show_fingerprint(&c->life, fingerprint, take, c, &inner)
                 : record_show_serial(&c->life, str_of(c->entry->serial), take, c, &inner);
    return rc == 0 || rc == -ERR_NOT_FOUND ? 0 : err_set(e, inner.code, "%s", inner.text);
}

/* Nothing was ever issued where there is no database. */
static bool has_ca(const struct conf *conf)
{
    return conf->ca.certificate.p != NULL &&
           (access(conf->ca.store.p, F_OK) == 0 || errno != ENOENT);
}

/* Returns 0 with c->is, or a negative err_code with e; close_ca() in any case. */
static int open_ca(struct cert_ca *c, const struct conf *conf, struct err *e)
{
    struct err inner = {0};
    c->life.conf = &conf->ca;
    c->life.rule = &conf->identity;
    c->by = (struct ca_withdraw){&c->life, conf, &c->here, "cert"};
    c->found.by = &c->by;
    int rc = db_open(conf->ca.store.p, false, &c->life.db, &inner);
    rc = rc == 0 ? ca_operator_here(&c->here, &inner) : rc;
    rc = rc == 0 ? find(c, &inner) : rc;
    return rc == 0 ? 0
                   : err_set(e, inner.code,
                             "%s; give the command again as somebody who can write to %s",
                             inner.text, conf->ca.store.p);
}

static void close_ca(struct cert_ca *c)
{
    db_close(c->life.db);
    c->life.db = NULL;
}

/* What another has to do who may, to be copied from the screen. */
static void name_command(const struct cert_ca *c, const char *verb, const char *reason)
{
    (void)fprintf(stderr, "an operator does it by: countersign request %s -c %s %s%s%s\n", verb,
                  c->config, c->found.id, reason[0] != '\0' ? " --reason " : "", reason);
}

/* Who withdraws is in a hurry: what can be refused is refused now, and the rest said. */
static int deny_alone(const struct cert_ca *c, int rc, const struct err *why)
{
    (void)withdraw_add("cert", c->by.conf, c->entry);
    (void)fprintf(stderr, "countersign cert: the CA's record does not say so: %s\n", why->text);
    if (c->is && rc == -ERR_DENIED) {
        name_command(c, "withdraw", deny_reason_name(c->entry->reason));
    }
    return 1;
}

static int withdraw_known(const struct cert_ca *c)
{
    struct err e = {0};
    int code = withdraw_reason_of(str_of(deny_reason_name(c->entry->reason)));
    int rc = ca_withdraw_record(&c->found, code, &e);
    if (rc == -ERR_MALFORMED) {
        return complain(e.text);
    }
    if (rc != 0 && rc != -ERR_EXISTS) {
        return deny_alone(c, rc, &e);
    }
    (void)puts(rc == 0 ? "withdrawn by the CA" : "withdrawn already");
    rc = ca_withdraw_tell(&c->by, &e);
    return rc == 0 ? 0 : complain(e.text);
}

int cert_ca_withdraw(const struct conf *conf, const char *config, const struct deny_entry *entry)
{
    static struct cert_ca c;
    struct err e = {0};
    if (!has_ca(conf)) {
        return CERT_CA_NONE;
    }
    c = (struct cert_ca){.config = config, .entry = entry};
    int rc = open_ca(&c, conf, &e);
    int status = rc != 0 ? deny_alone(&c, rc, &e) : c.is ? withdraw_known(&c) : CERT_CA_NONE;
    close_ca(&c);
    if (status == CERT_CA_NONE) {
        (void)puts("the CA here has not issued it: its revocation list will not name it");
    }
    return status;
}

/* What was put into the list by hand, or when the record could not be told, goes too. */
static int restore_known(const struct cert_ca *c)
{
    struct err e = {0};
    int rc = ca_withdraw_lift(&c->found, &e);
    if (rc == -ERR_CLOSED) {
        return CERT_CA_NONE;
    }
    if (rc != 0) {
        (void)complain(e.text);
        if (!c->found.may) {
            name_command(c, "lift", "");
        }
        return 1;
    }
    (void)puts("lifted by the CA");
    rc = ca_withdraw_tell(&c->by, &e);
    return rc == 0 ? withdraw_remove("cert", c->by.conf, c->entry, false) : complain(e.text);
}

int cert_ca_restore(const struct conf *conf, const char *config, const struct deny_entry *entry)
{
    static struct cert_ca c;
    struct err e = {0};
    if (!has_ca(conf)) {
        return CERT_CA_NONE;
    }
    c = (struct cert_ca){.config = config, .entry = entry};
    int rc = open_ca(&c, conf, &e);
    int status = rc != 0 ? complain(e.text) : c.is ? restore_known(&c) : CERT_CA_NONE;
    close_ca(&c);
    return status;
}
