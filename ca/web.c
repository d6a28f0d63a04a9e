/* Owns: what a call must and must not do, and what its failures are called. Leaves the protocol to
 * libcurl. */
#include "ca/web.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "ca/web_library.h"

#define CONNECT_MS    10000L
#define SECRET_MAX    1024
#define EVERYBODY_MAY 007U
#define GROUP_WRITES  020U

/* One call, while it is made. */
struct web {
    const struct web_library *lib;
    CURL *handle;
    const struct web_self *self;
    struct web_reply *reply;
    struct curl_slist *fields;
    bool refused; /* the library did not take an option */
    bool too_large;
    char passphrase[SECRET_MAX];
    char basic[SECRET_MAX];
    char fault[CURL_ERROR_SIZE];
};

int web_check_url(const char *url, struct err *e)
{
    struct str s = str_of(url);
    struct str authority = STR_NONE;
    struct str rest;
    if (s.n > WEB_URL_MAX || str_has_control(s) || str_chr(s, ' ') != STR_NPOS) {
        return err_set(e, ERR_CONFIG, "a URL of at most %d octets without blanks is needed",
                       WEB_URL_MAX);
    }
    if (!str_starts(s, STR("https://"))) {
        return err_set(e, ERR_CONFIG, "a URL must begin with https://");
    }
    (void)str_cut(str_slice(s, strlen("https://"), s.n), '/', &authority, &rest);
    if (authority.n == 0 || str_chr(authority, '?') != STR_NPOS ||
        str_chr(authority, '#') != STR_NPOS) {
        return err_set(e, ERR_CONFIG, "a URL must name a host and a path: https://HOST/PATH");
    }
    if (str_chr(authority, '@') != STR_NPOS) {
        return err_set(e, ERR_CONFIG,
                       "a URL must not hold a user or a password: name a file that does");
    }
    return 0;
}

/* Others who could write it could put their own in its place. */
static int open_secret(const char *path, int *fd, struct err *e)
{
    struct stat s;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0) {
        return err_set_errno(e, ERR_CONFIG, errno, "%s", path);
    }
    if (fstat(*fd, &s) != 0 || !S_ISREG(s.st_mode)) {
        return err_set(e, ERR_CONFIG, "%s: is not a file", path);
    }
    if ((s.st_mode & (EVERYBODY_MAY | GROUP_WRITES)) != 0) {
        return err_set(e, ERR_CONFIG,
                       "%s: holds a secret, and its mode %04o lets others in: chmod 600", path,
                       (unsigned)s.st_mode & 07777U);
    }
    return 0;
}

int web_read_secret(const char *path, char *out, size_t size, struct err *e)
{
    int fd = -1;
    int rc = open_secret(path, &fd, e);
    ssize_t n = rc == 0 ? read(fd, out, size) : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (rc != 0) {
        return rc;
    }
    if (n < 0) {
        return err_set_errno(e, ERR_CONFIG, errno, "%s", path);
    }
    const char *end = memchr(out, '\n', (size_t)n);
    size_t length = end != NULL ? (size_t)(end - out) : (size_t)n;
    if (length > 0 && out[length - 1] == '\r') {
        length--;
    }
    if (length >= size || memchr(out, '\0', length) != NULL) {
        mem_wipe(out, size);
        return err_set(e, ERR_CONFIG, "%s: its first line is too long, or no text", path);
    }
    mem_wipe(out + length, size - length);
    return 0;
}

/* The library opens these again; what it would only call a fault of the certificate is told here.
 */
static int check_file(const char *path, bool secret, struct err *e)
{
    int fd = -1;
    int rc = 0;
    if (path == NULL) {
        return 0;
    }
    if (secret) {
        rc = open_secret(path, &fd, e);
    } else if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) < 0) {
        rc = err_set_errno(e, ERR_CONFIG, errno, "%s", path);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}

static int read_secrets(struct web *c, struct err *e)
{
    const struct web_self *s = c->self;
    int rc = check_file(s->ca_file, false, e);
    rc = rc == 0 ? check_file(s->certificate_file, false, e) : rc;
    rc = rc == 0 ? check_file(s->key_file, true, e) : rc;
    if (rc == 0 && s->passphrase_file != NULL) {
        rc = web_read_secret(s->passphrase_file, c->passphrase, sizeof(c->passphrase), e);
    }
    if (rc == 0 && s->basic_file != NULL) {
        rc = web_read_secret(s->basic_file, c->basic, sizeof(c->basic), e);
        if (rc == 0 && strchr(c->basic, ':') == NULL) {
            rc = err_set(e, ERR_CONFIG, "%s: its first line must be USER:PASSWORD", s->basic_file);
        }
    }
    return rc;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): its type is the library's */
static size_t take_body(char *octets, size_t size, size_t n, void *arg)
{
    struct web *c = arg;
    c->too_large = buf_append(&c->reply->body, (struct str){octets, size * n}) != 0;
    return c->too_large ? 0 : size * n;
}

static int look_up(void *arg, curl_off_t a, curl_off_t b, curl_off_t d, curl_off_t f)
{
    const struct web *c = arg;
    (void)a;
    (void)b;
    (void)d;
    (void)f;
    return c->self->stop != NULL && *c->self->stop != 0;
}

#define SET(c, option, value)                                                                      \
    ((c)->refused = (c)->lib->set((c)->handle, (option), (value)) != CURLE_OK || (c)->refused)

/* How far one trusts, and how long one waits. */
static void set_bounds(struct web *c)
{
    uint32_t total_ms = c->self->total_ms > 0 ? c->self->total_ms : WEB_TOTAL_MS;
    SET(c, CURLOPT_PROTOCOLS_STR, "https");
    SET(c, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(c, CURLOPT_SSL_VERIFYPEER, 1L);
    SET(c, CURLOPT_SSL_VERIFYHOST, 2L);
    SET(c, CURLOPT_FOLLOWLOCATION, 0L);
    SET(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(c, CURLOPT_NOSIGNAL, 1L);
    SET(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    SET(c, CURLOPT_TIMEOUT_MS, (long)total_ms);
    SET(c, CURLOPT_NOPROGRESS, 0L);
    SET(c, CURLOPT_XFERINFOFUNCTION, look_up);
    SET(c, CURLOPT_XFERINFODATA, c);
    SET(c, CURLOPT_WRITEFUNCTION, take_body);
    SET(c, CURLOPT_WRITEDATA, c);
    SET(c, CURLOPT_ERRORBUFFER, c->fault);
}

/* An empty passphrase is one too: without any, the library would ask the terminal. */
static void set_self(struct web *c)
{
    const struct web_self *s = c->self;
    if (s->ca_file != NULL) {
        SET(c, CURLOPT_CAINFO, s->ca_file);
        SET(c, CURLOPT_CAPATH, NULL);
    }
    if (s->certificate_file != NULL) {
        SET(c, CURLOPT_SSLCERT, s->certificate_file);
    }
    if (s->key_file != NULL) {
        SET(c, CURLOPT_SSLKEY, s->key_file);
    }
    SET(c, CURLOPT_KEYPASSWD, c->passphrase);
    if (s->basic_file != NULL) {
        char *colon = strchr(c->basic, ':');
        *colon = '\0';
        SET(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        SET(c, CURLOPT_USERNAME, c->basic);
        SET(c, CURLOPT_PASSWORD, colon + 1);
    }
}

static void add_field(struct web *c, const char *field)
{
    struct curl_slist *longer = c->lib->append(c->fields, field);
    c->refused = longer == NULL || c->refused;
    c->fields = longer != NULL ? longer : c->fields;
}

static void set_wish(struct web *c, const struct web_wish *w)
{
    SET(c, CURLOPT_URL, w->url);
    SET(c, CURLOPT_USERAGENT, "countersign/" COUNTERSIGN_VERSION);
    if (w->type != NULL) {
        char type[WEB_TYPE_MAX + 16];
        (void)snprintf(type, sizeof(type), "Content-Type: %s", w->type);
        add_field(c, type);
        add_field(c, "Expect:");
        SET(c, CURLOPT_POST, 1L);
        SET(c, CURLOPT_POSTFIELDS, w->body.n > 0 ? w->body.p : "");
        SET(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)w->body.n);
    }
    for (size_t i = 0; i < w->field_count && i < WEB_FIELD_MAX; i++) {
        add_field(c, w->fields[i]);
    }
    SET(c, CURLOPT_HTTPHEADER, c->fields);
}

static enum err_code code_of(const struct web *c, CURLcode got)
{
    static const struct {
        CURLcode got;
        enum err_code code;
    } codes[] = {
        {CURLE_PEER_FAILED_VERIFICATION, ERR_DENIED},
        {CURLE_SSL_CONNECT_ERROR, ERR_DENIED},
        {CURLE_SSL_CIPHER, ERR_DENIED},
        {CURLE_SSL_CERTPROBLEM, ERR_CONFIG},
        {CURLE_SSL_CACERT_BADFILE, ERR_CONFIG},
        {CURLE_URL_MALFORMAT, ERR_CONFIG},
        {CURLE_ABORTED_BY_CALLBACK, ERR_CLOSED},
        {CURLE_OUT_OF_MEMORY, ERR_NOMEM},
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i].got == got) {
            return codes[i].code;
        }
    }
    return c->too_large ? ERR_TOO_LARGE : ERR_IO;
}

/* A TLS alert that comes once TLS 1.3 has shaken hands is a failed read to the library. */
static bool is_alert(const struct web *c)
{
    return strstr(c->fault, "alert") != NULL;
}

static int perform(struct web *c, struct err *e)
{
    long status = 0;
    const char *type = NULL;
    curl_off_t retry = 0;
    CURLcode got = c->lib->perform(c->handle);
    if (got != CURLE_OK) {
        enum err_code code = is_alert(c) ? ERR_DENIED : code_of(c, got);
        return code == ERR_TOO_LARGE
                   ? err_set(e, code, "the answer has more than %d octets", WEB_BODY_MAX)
                   : err_set(e, code, "%s", c->fault[0] != '\0' ? c->fault : c->lib->text(got));
    }
    (void)c->lib->info(c->handle, CURLINFO_RESPONSE_CODE, &status);
    (void)c->lib->info(c->handle, CURLINFO_CONTENT_TYPE, &type);
    (void)c->lib->info(c->handle, CURLINFO_RETRY_AFTER, &retry);
    c->reply->status = (unsigned)status;
    c->reply->retry_after_s = retry > 0 && retry < UINT32_MAX ? (uint32_t)retry : 0;
    (void)snprintf(c->reply->type, sizeof(c->reply->type), "%s", type != NULL ? type : "");
    return 0;
}

int web_call(const struct web_self *self, const struct web_wish *w, struct web_reply *r,
             struct err *e)
{
    struct web c = {.self = self, .reply = r};
    *r = (struct web_reply){.status = 0};
    buf_init(&r->body, WEB_BODY_MAX);
    int rc = web_check_url(w->url, e);
    rc = rc == 0 ? read_secrets(&c, e) : rc;
    rc = rc == 0 ? web_library(&c.lib, e) : rc;
    if (rc == 0 && (c.handle = c.lib->init()) == NULL) {
        rc = err_set(e, ERR_NOMEM, "out of memory");
    }
    if (rc == 0) {
        set_bounds(&c);
        set_self(&c);
        set_wish(&c, w);
        rc = c.refused ? err_set(e, ERR_UNSUPPORTED, "this libcurl lacks what is needed") : 0;
    }
    rc = rc == 0 ? perform(&c, e) : rc;
    if (c.lib != NULL) {
        c.lib->free_list(c.fields);
        c.lib->cleanup(c.handle);
    }
    mem_wipe(&c, sizeof(c));
    return rc;
}

void web_reply_fini(struct web_reply *r)
{
    buf_wipe(&r->body);
}

const char *web_client(void)
{
    return web_library_version();
}
