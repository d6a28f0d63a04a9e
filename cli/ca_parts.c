/* Owns: passphrases and directories of the verbs that make CAs. */
#include "cli/ca_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/x509.h>

#include "auth/revoke/asn1time.h"
#include "base/enc.h"
#include "base/mem.h"
#include "cli/secret.h"

int ca_complain(const struct err *e)
{
    (void)fprintf(stderr, "countersign ca: %s\n", e->text);
    return 1;
}

const char *ca_path(const struct ca_wish *w, const char *name, char out[CA_PATH_MAX])
{
    (void)snprintf(out, CA_PATH_MAX, "%s/%s", w->directory, name);
    return out;
}

int ca_make_room(const struct ca_wish *w, const char *const *names, struct err *e)
{
    char path[CA_PATH_MAX];
    struct stat s;
    if (mkdir(w->directory, 0700) != 0 && errno != EEXIST) {
        return err_set_errno(e, ERR_IO, errno, "%s", w->directory);
    }
    for (; *names != NULL; names++) {
        if (lstat(ca_path(w, *names, path), &s) == 0 || errno != ENOENT) {
            return err_set(e, ERR_EXISTS,
                           "%s: is there already, and never written over: name another directory",
                           path);
        }
    }
    return 0;
}

static int ask(const char *prompt, const char *again, struct key_passphrase *p, struct err *e)
{
    char scratch[SECRET_MAX];
    struct str secret = STR_NONE;
    int rc = secret_read(prompt, again, false, scratch, &secret, e);
    if (rc == 0) {
        memcpy(p->text, secret.p, secret.n);
        p->text[secret.n] = '\0';
        p->n = secret.n;
        p->given = true;
    }
    mem_wipe(scratch, sizeof(scratch));
    return rc;
}

int ca_ask(const char *prompt, struct key_passphrase *p, struct err *e)
{
    return ask(prompt, NULL, p, e);
}

int ca_new_passphrase(const struct ca_wish *w, struct key_passphrase *p, struct err *e)
{
    p->given = false;
    int rc = 0;
    if (w->passphrase_file != NULL) {
        rc = key_file_passphrase(w->passphrase_file, p, e);
    } else if (w->encrypt) {
        rc = ask("Passphrase for the key: ", "Once more: ", p, e);
    }
    if (rc == 0 && p->given && p->n == 0) {
        rc = err_set(e, ERR_MALFORMED, "an empty passphrase protects nothing");
    }
    return rc;
}

struct str ca_passphrase_text(const struct key_passphrase *p)
{
    return p->given ? (struct str){p->text, p->n} : STR_NONE;
}

int ca_open_key(const struct ca_wish *w, const char *where, struct key_passphrase *p,
                EVP_PKEY **out, struct err *e)
{
    struct err first = {0};
    char prompt[CA_PATH_MAX + 32];
    *p = (struct key_passphrase){.given = false};
    *out = NULL;
    int rc = w->passphrase_file != NULL ? key_file_passphrase(w->passphrase_file, p, e) : 0;
    if (rc != 0) {
        return rc;
    }
    rc = key_file_open(where, p, out, &first);
    if (rc == -ERR_DENIED && !p->given) {
        bool uri = key_file_is_uri(where);
        (void)snprintf(prompt, sizeof(prompt), uri ? "PIN: " : "Passphrase of %s: ", where);
        rc = ask(prompt, NULL, p, e);
        return rc == 0 ? key_file_open(where, p, out, e) : rc;
    }
    if (rc != 0) {
        return err_set(e, first.code, "%s", first.text);
    }
    return 0;
}

void ca_print_of(EVP_PKEY *key, char out[CA_PRINT_LEN + 1])
{
    unsigned char *der = NULL;
    unsigned char digest[32];
    int n = i2d_PUBKEY(key, &der);
    out[0] = '\0';
    if (n > 0 && enc_sha256((struct str){(const char *)der, (size_t)n}, digest) == 0) {
        for (size_t i = 0; i < sizeof(digest); i++) {
            (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
        }
    }
    OPENSSL_free(der);
}

void ca_last_day(const X509 *x, char out[16])
{
    int64_t s = 0;
    struct tm t = {0};
    out[0] = '\0';
    if (asn1time_seconds(X509_get0_notAfter(x), &s)) {
        time_t at = (time_t)s;
        (void)gmtime_r(&at, &t);
        (void)strftime(out, 16, "%Y-%m-%d", &t);
    }
}
