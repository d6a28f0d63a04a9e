/* Owns: the step from the configuration to sites that can be resumed. Not: what is done with a
 * ticket (resume.c). At start and reload. */
#include "base/err.h"
#include "proxy/tls/resume.h"
#include "proxy/tls/site.h"

/* Octets of entropy that a secret must have at least. */
#define SECRET_MIN 32

/* Permission bits that the file must not have, as for a private key. */
#define SECRET_MODE_FORBIDDEN 027

static const char key[] = "resumption.secret_file";

static bool check_secret(const struct conf_text *file, struct str secret, mode_t mode,
                         bool insecure_permissions, struct diags *diags)
{
    if (secret.n < SECRET_MIN) {
        diag_add(diags, DIAG_ERROR, file->at, key, "Make it by openssl rand -out FILE 48.",
                 "%s holds %zu octets, and %d are needed", file->p, secret.n, SECRET_MIN);
        return false;
    }
    if ((mode & SECRET_MODE_FORBIDDEN) != 0 && !insecure_permissions) {
        diag_add(diags, DIAG_ERROR, file->at, key, "Use chmod 600, or 640 with a group of its own.",
                 "%s is open to other users of this machine (mode %04o)", file->p, (unsigned)mode);
        return false;
    }
    return true;
}

bool tls_sites_resume(struct tls_sites *t, const struct conf_listener *c,
                      const struct conf_resumption *r, bool insecure_key_permissions,
                      struct files *files, struct diags *diags)
{
    char text[ADDR_TEXT_MAX];
    struct err e = {.code = ERR_OK};
    struct str secret = STR_NONE;
    const struct conf_text *file = &r->secret_file;
    if (!r->enabled) {
        return true;
    }
    if (files_read(files, file->p != NULL ? file->p : TLS_TICKET_SECRET, &secret, &e) != 0) {
        diag_add(diags, DIAG_ERROR, file->at, key, NULL, "%s", e.text);
        return false;
    }
    if (file->p != NULL &&
        !check_secret(file, secret, files_mode(files, file->p), insecure_key_permissions, diags)) {
        return false;
    }
    if (resume_enable(t, r, secret, addr_text(&c->address, text)) != 0) {
        diag_add(diags, DIAG_ERROR, c->at, "resumption", NULL, "cannot be prepared: out of memory");
        return false;
    }
    return true;
}
