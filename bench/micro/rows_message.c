/* Owns: single steps of messages: heads read, changed and written, in both directions; fields that
 * tell of a certificate; the line of the access log. */
#include <stdlib.h>

#include "auth/headers/plan.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/logfile.h"
#include "bench/micro/need.h"
#include "bench/micro/rows.h"
#include "conf/diag.h"
#include "proxy/exchange/forward.h"
#include "proxy/http/h1_reader.h"
#include "proxy/http/h1_write.h"
#include "proxy/observe/access.h"

enum { ARENA_MAX = 1 << 20, ACCESS_BATCH = 32 * 1024 };

#define REQUEST_ID STR("0123456789abcdef0000000001")

static const char request[] = "GET /api/v1/things?page=2 HTTP/1.1\r\n"
                              "Host: www.example\r\n"
                              "User-Agent: some-client/1.0 (of an usual length)\r\n"
                              "Accept: application/json\r\n"
                              "Accept-Encoding: gzip, deflate\r\n"
                              "Cookie: session=0123456789abcdef0123456789abcdef\r\n"
                              "Authorization: " SCENE_BASIC "\r\n"
                              "\r\n";

static const char answer[] = "HTTP/1.1 200 OK\r\n"
                             "Date: Sat, 21 Nov 2026 18:16:54 GMT\r\n"
                             "Server: some-application/1.0\r\n"
                             "Content-Type: application/json\r\n"
                             "Content-Length: 100\r\n"
                             "Cache-Control: no-store\r\n"
                             "Connection: keep-alive\r\n"
                             "\r\n";

struct messages {
    const struct scene *scene;
    struct arena arena;
    struct h1_reader *requests;
    struct h1_reader *answers;
    struct buf out;
    struct plan *plan;
    struct told *told;
    struct logfile *file;
    struct access_log *access;
};

static void read_head(struct messages *m, struct h1_reader *reader, struct str octets)
{
    size_t used = 0;
    arena_reset(&m->arena);
    h1_reader_begin(reader, &m->arena, HTTP_METHOD_GET);
    need(h1_reader_next(reader, octets, &used) == H1_HEAD && used == octets.n, "reading a head");
}

static void row_request(void *state)
{
    struct messages *m = state;
    read_head(m, m->requests, STR(request));
}

static void row_request_passed(void *state)
{
    struct messages *m = state;
    const struct identity *id = m->scene->identity;
    read_head(m, m->requests, STR(request));
    const struct forward_facts facts = {
        .names = &m->scene->conf->headers,
        .own = {.user = id->user,
                .subject = id->subject,
                .issuer = id->issuer,
                .serial = id->serial,
                .fingerprint = {id->fingerprint, 64},
                .certificate = true},
        .client_text = STR("127.0.0.1"),
        .client_kind = ADDR_INET,
        .secure = true,
        .request_id = REQUEST_ID,
    };
    struct http_request *head = h1_reader_request(m->requests);
    buf_clear(&m->out);
    need(forward_request(&facts, head) == 0 && h1_write_request(&m->out, head) == 0,
         "writing a request's head");
}

static void row_answer(void *state)
{
    struct messages *m = state;
    read_head(m, m->answers, STR(answer));
}

static void row_answer_passed(void *state)
{
    struct messages *m = state;
    read_head(m, m->answers, STR(answer));
    struct http_response *head = h1_reader_response(m->answers);
    buf_clear(&m->out);
    need(forward_response(&m->scene->conf->headers, REQUEST_ID, clock_wall_ms(), head) == 0 &&
             h1_write_response(&m->out, head, 1) == 0,
         "writing an answer's head");
}

static void row_told(void *state)
{
    struct messages *m = state;
    struct told *told = NULL;
    need(told_new(m->plan, m->scene->pki->clients[0], NULL, &told) == 0 && told != NULL,
         "telling of a certificate");
    told_free(told);
}

static void row_told_again(void *state)
{
    struct messages *m = state;
    struct fields fields;
    arena_reset(&m->arena);
    fields_init(&fields, &m->arena);
    need(told_add(m->told, m->scene->identity->user, NULL, 0, &fields) == 0 && fields.n > 0,
         "telling of a certificate again");
}

static void row_access(void *state)
{
    struct messages *m = state;
    const struct identity *id = m->scene->identity;
    const struct access_record r = {
        .wall_ms = clock_wall_ms(),
        .request_id = REQUEST_ID,
        .client = STR("127.0.0.1"),
        .listener = STR("127.0.0.1:443"),
        .user = id->user,
        .method = STR("GET"),
        .target = STR("/api/v1/things?page=2"),
        .host = STR("www.example"),
        .minor = 1,
        .status = 200,
        .step = STR("user"),
        .allowed = true,
        .sent_octets = 100,
        .duration_us = 1234,
        .upstream_us = 1000,
        .upstream = STR("127.0.0.1:2"),
        .tls_version = STR("TLSv1.3"),
        .tls_cipher = STR("TLS_AES_128_GCM_SHA256"),
        .tls_name = STR("www.example"),
        .client_serial = id->serial,
        .client_fingerprint = {id->fingerprint, 64},
        .user_agent = STR("some-client/1.0 (of an usual length)"),
    };
    access_write(m->access, &r);
}

static void *set_up(const struct scene *s)
{
    static const struct h1_limits limits = {.head_bytes = 16384,
                                            .field_count = 100,
                                            .target_bytes = 8192,
                                            .chunk_line_bytes = 256,
                                            .trailer_bytes = 8192,
                                            .body_bytes = UINT64_MAX};
    struct err e = {0};
    struct diags *diags = diags_new();
    struct messages *m = calloc(1, sizeof(*m));
    need(m != NULL && diags != NULL, "asking for memory");
    m->scene = s;
    arena_init(&m->arena, ARENA_MAX);
    buf_init(&m->out, ARENA_MAX);
    m->requests = h1_reader_new(false, &limits);
    m->answers = h1_reader_new(true, &limits);
    m->plan = plan_new(s->conf, diags);
    need(m->requests != NULL && m->answers != NULL && m->plan != NULL &&
             told_new(m->plan, s->pki->clients[0], NULL, &m->told) == 0,
         "making what messages need");
    m->file = logfile_open("/dev/null", ACCESS_BATCH, &e);
    m->access = m->file != NULL ? access_new(m->file, s->conf->log.access_format) : NULL;
    need(m->access != NULL, "opening an access log");
    diags_free(diags);
    return m;
}

static void tear_down(void *state)
{
    struct messages *m = state;
    access_free(m->access);
    logfile_close(m->file);
    told_free(m->told);
    plan_free(m->plan);
    h1_reader_free(m->requests);
    h1_reader_free(m->answers);
    buf_release(&m->out);
    arena_release(&m->arena);
    free(m);
}

static const struct row rows[] = {
    {"request_head", "a request's head: guard, parse, check", row_request},
    {"request_passed", "the same, forwarded and written for upstream", row_request_passed},
    {"answer_head", "an answer's head: guard, parse, check", row_answer},
    {"answer_passed", "the same, forwarded and written for the client", row_answer_passed},
    {"told", "fields of a certificate, nginx's and two templates", row_told},
    {"told_again", "the same, told in another request", row_told_again},
    {"access_line", "a line of the access log, and its part of a write", row_access},
};

const struct row_group rows_of_messages = {set_up, tear_down, sizeof(rows) / sizeof(rows[0]), rows};
