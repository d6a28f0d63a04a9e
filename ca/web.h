/* Calls to HTTPS servers: our own API through the proxy, and webhooks. The server's certificate and
 * its name are always checked, TLS is 1.2 at least, redirects are not followed, and nothing is
 * waited for or read without a bound. Uses libcurl, which is loaded by the first call: processes
 * that make none do not hold it. Blocks; one thread at a time. */
#ifndef CA_WEB_H
#define CA_WEB_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define WEB_URL_MAX   2048
#define WEB_BODY_MAX  1048576 /* octets of an answer that are read */
#define WEB_TOTAL_MS  30000   /* a call's time, if nothing else is said */
#define WEB_TYPE_MAX  96
#define WEB_FIELD_MAX 8

/* Who calls, and whom they trust; borrowed. All but stop are paths, NULL: none. Files with secrets
 * must not be readable for everybody, nor writable for others. */
struct web_self {
    const char *ca_file;          /* PEM, the CAs that the server's may be of; NULL: the system's */
    const char *certificate_file; /* PEM, shown to the server, with intermediates behind it */
    const char *key_file;         /* its key, PEM; may be the same file */
    const char *passphrase_file;  /* its first line: the key's passphrase */
    const char *basic_file;       /* its first line: "USER:PASSWORD", for Basic authentication */
    uint32_t total_ms;            /* all of a call's time; 0: WEB_TOTAL_MS */
    const volatile sig_atomic_t *stop; /* a call ends within seconds when it is set; NULL: never */
};

struct web_wish {
    const char *url;           /* https://HOST[:PORT]/PATH, without user or password in it */
    const char *type;          /* of the body; NULL: this is a GET, otherwise a POST */
    struct str body;           /* of a POST; may be empty */
    const char *const *fields; /* further ones, as "Name: value"; at most WEB_FIELD_MAX */
    size_t field_count;
};

struct web_reply {
    unsigned status; /* any, also 3xx to 5xx */
    uint32_t retry_after_s;
    char type[WEB_TYPE_MAX]; /* Content-Type; empty: none */
    struct buf body;
};

/* Whether a call can be made to url: https, a host, no user or password in it, no blank, at most
 * WEB_URL_MAX octets. Returns 0 or -ERR_CONFIG with e. */
int web_check_url(const char *url, struct err *e) __attribute__((warn_unused_result));

/* Make one call. Returns 0 with *r, whatever the status; or, with e, which never holds a secret:
 * -ERR_CONFIG (the url, or a file of self that is missing, unreadable, or readable for everybody),
 * -ERR_DENIED (the TLS handshake failed: who answers is not to be trusted, or does not want our
 * certificate), -ERR_TOO_LARGE (the answer), -ERR_IO (there is no answer; trying again may help),
 * -ERR_CLOSED (stop was set), -ERR_UNSUPPORTED (libcurl is not there), -ERR_NOMEM.
 * web_reply_fini() in any case. */
int web_call(const struct web_self *self, const struct web_wish *w, struct web_reply *r,
             struct err *e) __attribute__((warn_unused_result));

/* "libcurl 7.88.1": the library that would be loaded; "libcurl: not installed" without. */
const char *web_client(void);

/* Wipe and free what r holds; a cleared one is fine. */
void web_reply_fini(struct web_reply *r);

/* The first line of a file with a secret, without its line end, into out (size octets, NUL-ended);
 * nothing of it is kept in a stdio buffer. Returns 0 or -ERR_CONFIG with e; the caller wipes out.
 */
int web_read_secret(const char *path, char *out, size_t size, struct err *e)
    __attribute__((warn_unused_result));

#endif
