/* countersign user totp: a secret for one-time codes, made here and shown once. */
#include <stdio.h>
#include <sys/random.h>

#include "auth/totp.h"
#include "base/enc.h"
#include "base/mem.h"
#include "cli/secret.h"
#include "cli/user_request.h"

enum { URI_MAX = 2048, HEX_SIZE = 2 * TOTP_SECRET_MADE + 1 };

static int set_totp(void *arg, struct user_draft *d, struct err *e)
{
    const char *hex = arg;
    const char *fault = user_draft_set(d, STR("totp"), str_of(hex));
    if (fault == NULL) {
        fault = user_draft_set(d, STR("totp_required"), hex[0] != '\0' ? STR("yes") : STR("no"));
    }
    return fault == NULL ? 0 : err_set(e, ERR_MALFORMED, "%s", fault);
}

static const struct conf_totp usual = {.algorithm = CONF_TOTP_SHA1, .digits = CONF_TOTP_SIX};

static int print_uri(const struct conf *conf, const char *name, struct str secret)
{
    struct str issuer = conf != NULL ? str_of(conf->users.realm.p) : STR("countersign");
    struct buf uri;
    buf_init(&uri, URI_MAX);
    int rc = totp_uri(conf != NULL ? &conf->totp : &usual, issuer, str_of(name), secret, &uri);
    if (rc == 0) {
        (void)printf("%.*s\n", STR_ARG(buf_str(&uri)));
        rc = fflush(stdout) == 0 ? 0 : -ERR_IO;
    }
    buf_wipe(&uri);
    return rc;
}

/* The secret is shown before it is in force: one that nobody could read would shut the user out. */
static int enrol(const struct user_request *r, const struct conf *conf)
{
    struct err e = {0};
    unsigned char secret[TOTP_SECRET_MADE];
    char hex[HEX_SIZE];
    int rc = 0;
    secret_hide();
    if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret)) {
        return user_complain(&(struct err){ERR_IO, "no random numbers"});
    }
    enc_hex(secret, sizeof(secret), hex);
    hex[HEX_SIZE - 1] = '\0';
    struct user *user = NULL;
    rc = store_find(r->store, str_of(r->name), &user, &e);
    if (rc == 0) {
        rc = print_uri(conf, r->name, (struct str){(const char *)secret, sizeof(secret)});
        rc = rc == 0 ? store_change(r->store, STORE_SET, str_of(r->name), set_totp, hex, &e)
                     : err_set(&e, ERR_IO, "the secret cannot be shown, so nothing was changed");
    }
    user_unref(user);
    mem_wipe(secret, sizeof(secret));
    mem_wipe(hex, sizeof(hex));
    if (rc != 0) {
        return user_complain(&e);
    }
    (void)fputs("Let an authenticator read this URI (qrencode -t ansiutf8 shows it as a picture). "
                "It is not shown again.\n",
                stderr);
    if (conf == NULL) {
        (void)fputs("It makes codes of 6 digits with SHA1, as proxies ask for by default: where "
                    "totp.algorithm or totp.digits say something else, name the configuration "
                    "with -c and enrol again.\n",
                    stderr);
    }
    return 0;
}

int user_totp(const struct user_request *r)
{
    struct err e = {0};
    char none[] = "";
    if (r->off) {
        int rc = store_change(r->store, STORE_SET, str_of(r->name), set_totp, none, &e);
        return rc == 0 ? 0 : user_complain(&e);
    }
    if (r->loaded.conf != NULL) {
        return enrol(r, r->loaded.conf);
    }
    /* -f or -s names the users, so they came without a configuration. */
    struct loaded named = {0};
    int status = r->config_named ? loaded_open(&named, r->config) : 0;
    status = status == 0 ? enrol(r, named.conf) : status;
    loaded_close(&named);
    return status;
}
