/* Owns: from what a user of the command names to a deny entry. */
#include "cli/cert_name.h"

#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "auth/revoke/asn1time.h"
#include "auth/revoke/deny.h"
#include "auth/revoke/name_digest.h"

/* The first certificate of text, or NULL. */
static X509 *read_certificate(struct str text)
{
    BIO *bio = text.n < INT32_MAX ? BIO_new_mem_buf(text.p, (int)text.n) : NULL;
    X509 *x = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    if (bio != NULL && x == NULL) {
        (void)BIO_reset(bio);
        x = d2i_X509_bio(bio, NULL);
    }
    BIO_free(bio);
    ERR_clear_error();
    return x;
}

static X509 *load(struct files *files, const char *path, struct err *e)
{
    struct str text = STR_NONE;
    if (files_read(files, path, &text, e) != 0) {
        return NULL;
    }
    X509 *x = read_certificate(text);
    if (x == NULL) {
        (void)err_set(e, ERR_MALFORMED, "%s holds no certificate", path);
    }
    return x;
}

/* RFC 2253 text into out; empty if it does not fit. */
static void print_name(const X509_NAME *name, char out[DENY_TEXT_MAX + 1])
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *p = NULL;
    out[0] = '\0';
    if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
        long n = BIO_get_mem_data(bio, &p);
        struct str text = {p, n > 0 ? (size_t)n : 0};
        if (text.n <= DENY_TEXT_MAX && str_is_utf8(text) && !str_has_control(text)) {
            memcpy(out, text.p, text.n);
            out[text.n] = '\0';
        }
    }
    BIO_free(bio);
}

static int digest_issuer(const X509_NAME *name, struct deny_entry *entry)
{
    int rc = name_digest(name, entry->issuer);
    return rc == 0 ? deny_spelled_digest(name, entry->spelled) : rc;
}

static int from_certificate(const X509 *x, struct deny_entry *entry, struct err *e)
{
    int64_t until = INT64_MAX;
    if (deny_serial_of(x, entry->serial) != 0 ||
        digest_issuer(X509_get_issuer_name(x), entry) != 0 ||
        !asn1time_seconds(X509_get0_notAfter(x), &until)) {
        return err_set(e, ERR_MALFORMED, "serial number, issuer or dates cannot be read");
    }
    entry->until_s = until;
    print_name(X509_get_subject_name(x), entry->subject);
    print_name(X509_get_issuer_name(x), entry->issuer_name);
    return 0;
}

int cert_name_file(const char *path, struct deny_entry *entry, struct err *e)
{
    deny_entry_init(entry, DENY_SERIAL);
    struct files *files = files_new();
    if (files == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    X509 *x = load(files, path, e);
    int rc = x != NULL ? from_certificate(x, entry, e) : -ERR_MALFORMED;
    X509_free(x);
    files_free(files);
    return rc;
}

static int take_issuer(const X509_NAME *name, struct deny_entry *entry, struct err *e)
{
    print_name(name, entry->issuer_name);
    return digest_issuer(name, entry) == 0 ? 0 : err_set(e, ERR_CRYPTO, "SHA-256 is not available");
}

/* Look for the CA called wanted in one bundle. */
static bool find_in(struct str text, const char *wanted, struct deny_entry *entry)
{
    char name[DENY_TEXT_MAX + 1];
    bool found = false;
    BIO *bio = text.n < INT32_MAX ? BIO_new_mem_buf(text.p, (int)text.n) : NULL;
    X509 *x = NULL;
    while (bio != NULL && !found && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        print_name(X509_get_subject_name(x), name);
        found = str_eq(str_of(name), str_of(wanted)) &&
                take_issuer(X509_get_subject_name(x), entry, NULL) == 0;
        X509_free(x);
    }
    BIO_free(bio);
    ERR_clear_error();
    return found;
}

static bool find_in_conf(const struct conf *conf, struct files *files, const char *wanted,
                         struct deny_entry *entry)
{
    for (size_t i = 0; i < conf->listener_count; i++) {
        const struct conf_listener *l = &conf->listeners[i];
        for (size_t j = 0; j < l->site_count; j++) {
            const struct conf_texts *ca = &l->sites[j].client.ca;
            for (size_t k = 0; k < ca->n; k++) {
                struct str text = STR_NONE;
                if (files_read(files, ca->v[k].p, &text, NULL) == 0 &&
                    find_in(text, wanted, entry)) {
                    return true;
                }
            }
        }
    }
    return false;
}

int cert_name_serial(const char *serial, const char *issuer, const struct conf *conf,
                     struct files *files, struct deny_entry *entry, struct err *e)
{
    deny_entry_init(entry, DENY_SERIAL);
    if (!deny_serial_read(str_of(serial), entry->serial)) {
        return err_set(e, ERR_MALFORMED, "%.100s is no serial number in hexadecimal", serial);
    }
    if (access(issuer, F_OK) == 0) {
        X509 *x = load(files, issuer, e);
        int rc = x != NULL ? take_issuer(X509_get_subject_name(x), entry, e) : -ERR_MALFORMED;
        X509_free(x);
        return rc;
    }
    if (find_in_conf(conf, files, issuer, entry)) {
        return 0;
    }
    return err_set(e, ERR_NOT_FOUND,
                   "no CA that the configuration trusts is called \"%.100s\": give a file with "
                   "the CA's certificate as --issuer",
                   issuer);
}
