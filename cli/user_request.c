/* Owns: what the verbs of countersign user share: complaints, and a request as a change of a
 * record. */
#include "cli/user_request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/enc.h"

int user_complain(const struct err *e)
{
    (void)fprintf(stderr, "countersign user: %s\n", e->text);
    return 1;
}

bool user_changes_fields(const struct user_request *r)
{
    return r->certificate != NULL || r->groups != NULL || r->company != NULL ||
           r->expires != NULL || r->disabled != NULL || r->pin_count > 0 || r->no_pin;
}

static int pin_of_file(const char *path, char hex[65], struct err *e)
{
    unsigned char digest[32];
    unsigned n = 0;
    errno = 0;
    BIO *bio = BIO_new_file(path, "r");
    if (bio == NULL) {
        return err_set_errno(e, ERR_NOT_FOUND, errno, "cannot read %s", path);
    }
    X509 *leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    if (leaf == NULL) {
        (void)BIO_reset(bio);
        leaf = d2i_X509_bio(bio, NULL);
    }
    int rc = leaf != NULL && X509_digest(leaf, EVP_sha256(), digest, &n) == 1 && n == sizeof digest
                 ? 0
                 : err_set(e, ERR_MALFORMED, "%s holds no certificate", path);
    if (rc == 0) {
        enc_hex(digest, sizeof digest, hex);
        hex[64] = '\0';
    }
    X509_free(leaf);
    BIO_free(bio);
    return rc;
}

/* A change and the room that it needs until it is made. */
struct edit {
    const struct user_request *r;
    struct str hash; /* empty: as it is */
};

static int set_field(struct user_draft *d, const char *key, const char *value, struct err *e)
{
    const char *fault = value != NULL ? user_draft_set(d, str_of(key), str_of(value)) : NULL;
    return fault == NULL ? 0 : err_set(e, ERR_MALFORMED, "%s", fault);
}

static int set_pins(struct user_draft *d, const struct user_request *r, struct err *e)
{
    int rc = r->no_pin ? set_field(d, "pin", "", e) : 0;
    for (size_t i = 0; i < r->pin_count && rc == 0; i++) {
        char hex[65];
        const char *pin = r->pins[i];
        if (strchr(pin, '/') != NULL || access(pin, F_OK) == 0) {
            rc = pin_of_file(pin, hex, e);
            pin = hex;
        }
        rc = rc == 0 ? set_field(d, "pin", pin, e) : rc;
    }
    return rc;
}

static int apply_edit(void *arg, struct user_draft *d, struct err *e)
{
    const struct edit *edit = arg;
    if (edit->hash.n > 0) {
        d->user.hash = edit->hash;
    }
    int rc = set_field(d, "certificate", edit->r->certificate, e);
    rc = rc == 0 ? set_field(d, "groups", edit->r->groups, e) : rc;
    rc = rc == 0 ? set_field(d, "company", edit->r->company, e) : rc;
    rc = rc == 0 ? set_field(d, "expires", edit->r->expires, e) : rc;
    rc = rc == 0 ? set_field(d, "disabled", edit->r->disabled, e) : rc;
    return rc == 0 ? set_pins(d, edit->r, e) : rc;
}

int user_change(const struct user_request *r, enum store_change what, struct str hash,
                struct err *e)
{
    struct edit edit = {r, hash};
    return store_change(r->store, what, str_of(r->name), apply_edit, &edit, e);
}
