/* proxy/tls/client.c against a server made of a session and a blocking socket, in a thread. */
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

#include "proxy/tls/client.h"
#include "tests/unit/proxy/tls/lab_client.h"

struct server {
    int listening;
    struct addr address;
    struct tls_sites *sites;
    const char *answer; /* NULL: take the connection and say nothing */
    bool rude;          /* close without close_notify */
};

static bool send_out(int fd, struct tls_session *s)
{
    struct buf *out = tls_session_out(s);
    while (buf_len(out) > 0) {
        struct str o = buf_str(out);
        ssize_t n = send(fd, o.p, o.n, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        buf_consume(out, (size_t)n);
    }
    return true;
}

/* Handshake, one read, the answer. */
static void serve(const struct server *v, int fd, struct tls_session *s)
{
    char octets[8192];
    char request[1024];
    size_t n = 0;
    enum tls_result r = TLS_WANT;
    bool established = false;
    while (r == TLS_WANT) {
        ssize_t k = recv(fd, octets, sizeof(octets), 0);
        if (k <= 0) {
            return;
        }
        tls_session_input(s, (struct str){octets, (size_t)k});
        if (!established) {
            r = tls_session_handshake(s);
            established = r == TLS_OK;
        }
        if (established) {
            r = tls_session_read(s, request, sizeof(request), &n);
        }
        if (tls_session_settle(s) != 0 || !send_out(fd, s)) {
            return;
        }
    }
    if (r == TLS_OK && v->answer != NULL) {
        (void)tls_session_write(s, str_of(v->answer));
        if (!v->rude) {
            tls_session_shutdown(s);
        }
        (void)send_out(fd, s);
    }
}

static void *server_main(void *arg)
{
    const struct server *v = arg;
    int fd = accept(v->listening, NULL, NULL);
    struct tls_session *s = tls_session_new(v->sites);
    if (fd >= 0 && s != NULL) {
        serve(v, fd, s);
        char scratch[4096];
        if (v->answer != NULL) {
            (void)shutdown(fd, SHUT_WR);
        }
        while (recv(fd, scratch, sizeof(scratch), 0) > 0) {
        }
    }
    (void)close(fd);
    tls_session_free(s);
    return NULL;
}

static void listen_here(struct server *v)
{
    struct err e = {.code = ERR_OK};
    assert_int_equal(addr_parse(STR("127.0.0.1:0"), true, &v->address, &e), 0);
    v->listening = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(v->listening, &v->address.sa, addr_len(&v->address)), 0);
    assert_int_equal(listen(v->listening, 1), 0);
    socklen_t n = sizeof(v->address.in4);
    assert_int_equal(getsockname(v->listening, &v->address.sa, &n), 0);
}

#define LENGTH_5 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define TO_END   "HTTP/1.1 200 OK\r\n\r\nhello"

static const struct row {
    const char *what;
    const char *answer;
    const char *name;
    const char *ca;
    bool with_certificate;
    bool rude;
    int code;          /* of the error */
    const char *words; /* of the error */
} rows[] = {
    {"an answer with a length", LENGTH_5, "www.example", "ca.crt", true, false, 0, NULL},
    {"an answer up to the end", TO_END, "www.example", "ca.crt", true, false, 0, NULL},
    {"cut off", TO_END, "www.example", "ca.crt", true, true, ERR_CRYPTO, "unexpected eof"},
    {"no certificate", LENGTH_5, "www.example", "ca.crt", false, false, ERR_DENIED,
     "alert certificate required"},
    {"another name", LENGTH_5, "other.example", "ca.crt", true, false, ERR_DENIED, "mismatch"},
    {"another CA", LENGTH_5, "www.example", "stranger.crt", true, false, ERR_DENIED,
     "not accepted"},
    {"no such CA file", LENGTH_5, "www.example", "none.crt", true, false, ERR_CRYPTO, "none.crt"},
    {"no answer", NULL, "www.example", "ca.crt", true, false, ERR_IO, "no answer within"},
};

static void run_row(const struct row *row)
{
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    struct server v = {.answer = row->answer, .rude = row->rude, .sites = lab_sites(&s.listener)};
    listen_here(&v);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, server_main, &v), 0);
    const struct tls_client_options o = {
        .address = v.address,
        .server_name = row->name,
        .ca_file = lab_path(&lab, row->ca),
        .certificate_file = row->with_certificate ? lab_path(&lab, "alice.crt") : NULL,
        .key_file = lab_path(&lab, "alice.key"),
        .timeout_ms = row->answer != NULL ? 20000 : 300,
    };
    struct buf answer;
    struct err e = {.code = ERR_OK};
    buf_init(&answer, 65536);
    int r = tls_client_exchange(&o, STR("GET / HTTP/1.1\r\n\r\n"), &answer, &e);
    assert_int_equal(pthread_join(thread, NULL), 0);
    if (r != -row->code || (row->words != NULL && strstr(e.text, row->words) == NULL)) {
        fail_msg("%s: %d, \"%s\"", row->what, r, e.text);
    }
    if (row->code == 0) {
        assert_true(str_ends(buf_str(&answer), STR("hello")));
    }
    buf_release(&answer);
    assert_int_equal(close(v.listening), 0);
    tls_sites_unref(v.sites);
}

static void exchanges(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        run_row(&rows[i]);
    }
}

static void nobody_there(void **state)
{
    (void)state;
    struct server v = {.answer = NULL};
    listen_here(&v);
    assert_int_equal(close(v.listening), 0);
    const struct tls_client_options o = {.address = v.address,
                                         .server_name = "www.example",
                                         .ca_file = lab_path(&lab, "ca.crt"),
                                         .timeout_ms = 5000};
    struct buf answer;
    struct err e = {.code = ERR_OK};
    buf_init(&answer, 1024);
    assert_int_equal(tls_client_exchange(&o, STR("x"), &answer, &e), -ERR_IO);
    assert_non_null(strstr(e.text, "cannot connect to 127.0.0.1:"));
    buf_release(&answer);
}

/* The client goes by the real clock, so the certificates here are of today. */
static int set_up(void **state)
{
    int64_t now = (int64_t)time(NULL);
    (void)lab_set_up(state);
    clock_fake(-1, -1);
    X509_free(lab.ca);
    lab.ca = pki_cert(&(struct pki_spec){.common_name = "Lab CA",
                                         .ca = true,
                                         .not_before_s = now - 60,
                                         .not_after_s = now + PKI_DAY_S},
                      lab.ca_key, NULL, NULL);
    lab_write(&lab, "ca.crt", pki_cert_pem(lab.ca));
    lab_server(&lab, "server",
               &(struct pki_spec){.common_name = "www.example",
                                  .purpose = "serverAuth",
                                  .san = "DNS:www.example",
                                  .not_before_s = now - 60,
                                  .not_after_s = now + 30 * PKI_DAY_S});
    lab_server(&lab, "alice",
               &(struct pki_spec){
                   .common_name = "alice", .not_before_s = now - 60, .not_after_s = now + 3600});
    EVP_PKEY *key = pki_key();
    X509 *stranger = pki_ca("Stranger", key);
    lab_write(&lab, "stranger.crt", pki_cert_pem(stranger));
    X509_free(stranger);
    EVP_PKEY_free(key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exchanges),
        cmocka_unit_test(nobody_there),
    };
    return cmocka_run_group_tests(tests, set_up, lab_tear_down);
}
