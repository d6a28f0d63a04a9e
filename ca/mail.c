/* Owns: what a mail looks like, and how a server must answer. Leaves the protocol to libcurl. */
#include "ca/mail.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/rand.h>

#include "base/clock.h"
#include "base/enc.h"
#include "base/mem.h"
#include "ca/address.h"
#include "ca/web.h"
#include "ca/web_library.h"

#define MAIL_MAX   32768
#define LINE_MAX_N 57 /* octets that are 76 in base64 */
#define SECRET_MAX 1024
#define ID_OCTETS  12
#define CONNECT_MS 10000L

static bool is_line(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < ' ' || s.p[i] > '~') {
            return false;
        }
    }
    return s.n > 0 && s.n < 200;
}

static int write_head(const struct mail *m, struct buf *out)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    unsigned char octets[ID_OCTETS];
    char id[2 * ID_OCTETS + 1] = "";
    time_t now = (time_t)(clock_wall_ms() / 1000);
    struct tm t;
    struct str name;
    struct str domain;
    if (RAND_bytes(octets, sizeof(octets)) != 1 || gmtime_r(&now, &t) == NULL) {
        return -ERR_CRYPTO;
    }
    enc_hex(octets, sizeof(octets), id);
    (void)str_cut(m->from, '@', &name, &domain);
    return buf_printf(out,
                      "Date: %s, %02d %s %d %02d:%02d:%02d +0000\r\nFrom: <%.*s>\r\nTo: <%.*s>\r\n"
                      "Subject: %.*s\r\nMessage-ID: <%s@%.*s>\r\nAuto-Submitted: auto-generated\r\n"
                      "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                      "Content-Transfer-Encoding: base64\r\n\r\n",
                      days[t.tm_wday % 7], t.tm_mday, months[t.tm_mon % 12], t.tm_year + 1900,
                      t.tm_hour, t.tm_min, t.tm_sec, STR_ARG(m->from), STR_ARG(m->to),
                      STR_ARG(m->subject), id, STR_ARG(domain));
}

int mail_write(const struct mail *m, struct buf *out, struct err *e)
{
    char line[ENC_BASE64_LEN(LINE_MAX_N) + 2];
    if (!address_is(m->from) || !address_is(m->to)) {
        return err_set(e, ERR_MALFORMED, "there is no address that mail could go to");
    }
    if (!is_line(m->subject)) {
        return err_set(e, ERR_MALFORMED, "the subject is not one line of ASCII");
    }
    int rc = write_head(m, out);
    for (size_t at = 0; at < m->text.n && rc == 0; at += LINE_MAX_N) {
        size_t n = enc_base64(str_slice(m->text, at, at + LINE_MAX_N), line);
        line[n] = '\r';
        line[n + 1] = '\n';
        rc = buf_append(out, (struct str){line, n + 2});
    }
    mem_wipe(line, sizeof(line));
    return rc == 0 ? 0 : err_set(e, (enum err_code) - rc, "the mail cannot be written");
}

static size_t on_read(char *to, size_t size, size_t count, void *arg)
{
    struct buf *b = arg;
    size_t n = size * count < buf_len(b) ? size * count : buf_len(b);
    memcpy(to, buf_str(b).p, n);
    buf_consume(b, n);
    return n;
}

/* What the server says is not shown to anybody.
 * NOLINTNEXTLINE(readability-non-const-parameter): its type is the library's */
static size_t on_write(char *from, size_t size, size_t count, void *arg)
{
    (void)from;
    (void)arg;
    return size * count;
}

struct call {
    const struct web_library *lib;
    CURL *handle;
    struct curl_slist *to;
    char from[ADDRESS_MAX + 3];
    char password[SECRET_MAX];
    char fault[CURL_ERROR_SIZE];
    bool refused;
};

#define SET(c, option, value)                                                                      \
    ((c)->refused = (c)->lib->set((c)->handle, (option), (value)) != CURLE_OK || (c)->refused)

static void set_up(struct call *c, const struct mail_server *s, struct buf *octets)
{
    SET(c, CURLOPT_URL, s->url);
    SET(c, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    SET(c, CURLOPT_USE_SSL, s->plain ? (long)CURLUSESSL_NONE : (long)CURLUSESSL_ALL);
    SET(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(c, CURLOPT_PROXY, "");
    SET(c, CURLOPT_NOSIGNAL, 1L);
    SET(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    SET(c, CURLOPT_TIMEOUT_MS, (long)s->timeout_ms);
    SET(c, CURLOPT_ERRORBUFFER, c->fault);
    SET(c, CURLOPT_MAIL_FROM, c->from);
    SET(c, CURLOPT_MAIL_RCPT, c->to);
    SET(c, CURLOPT_UPLOAD, 1L);
    SET(c, CURLOPT_READFUNCTION, on_read);
    SET(c, CURLOPT_READDATA, octets);
    SET(c, CURLOPT_WRITEFUNCTION, on_write);
    if (s->ca_file != NULL) {
        SET(c, CURLOPT_CAINFO, s->ca_file);
        SET(c, CURLOPT_CAPATH, NULL);
    }
    if (s->user != NULL) {
        SET(c, CURLOPT_USERNAME, s->user);
        SET(c, CURLOPT_PASSWORD, c->password);
    }
}

static int code_of(CURLcode code)
{
    switch ((int)code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_USE_SSL_FAILED:
    case CURLE_LOGIN_DENIED:
        return ERR_DENIED;
    case CURLE_SSL_CACERT_BADFILE:
        return ERR_CONFIG;
    case CURLE_OUT_OF_MEMORY:
        return ERR_NOMEM;
    default:
        return ERR_IO;
    }
}

static int perform(struct call *c, const struct mail_server *s, const struct mail *m,
                   struct buf *octets, struct err *e)
{
    char to[ADDRESS_MAX + 3];
    (void)snprintf(c->from, sizeof(c->from), "<%.*s>", STR_ARG(m->from));
    (void)snprintf(to, sizeof(to), "<%.*s>", STR_ARG(m->to));
    c->handle = c->lib->init();
    c->to = c->lib->append(NULL, to);
    if (c->handle == NULL || c->to == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    set_up(c, s, octets);
    if (c->refused) {
        return err_set(e, ERR_UNSUPPORTED, "this libcurl lacks what is needed");
    }
    CURLcode code = c->lib->perform(c->handle);
    return code == CURLE_OK ? 0
                            : err_set(e, (enum err_code)code_of(code), "%s: %s", s->url,
                                      c->fault[0] != '\0' ? c->fault : c->lib->text(code));
}

int mail_send(const struct mail_server *s, const struct mail *m, struct err *e)
{
    struct call c = {.lib = NULL};
    struct buf octets;
    buf_init(&octets, MAIL_MAX);
    int rc = mail_write(m, &octets, e);
    rc = rc == 0 && s->user != NULL
             ? web_read_secret(s->password_file != NULL ? s->password_file : "", c.password,
                               sizeof(c.password), e)
             : rc;
    rc = rc == 0 ? web_library(&c.lib, e) : rc;
    rc = rc == 0 ? perform(&c, s, m, &octets, e) : rc;
    if (c.lib != NULL) {
        c.lib->free_list(c.to);
        c.lib->cleanup(c.handle);
    }
    mem_wipe(&c, sizeof(c));
    buf_wipe(&octets);
    return rc;
}
