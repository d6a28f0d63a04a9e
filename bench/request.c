/* Owns: the form of requests. Any thread. */
#include "bench/request.h"

#include "base/buf.h"
#include "base/enc.h"
#include "base/mem.h"

#define REQUEST_MAX 65536

static int append_credentials(struct buf *out, struct str user, struct str password)
{
    struct buf pair;
    buf_init(&pair, REQUEST_MAX);
    int rc = buf_printf(&pair, "%.*s:%.*s", STR_ARG(user), STR_ARG(password));
    if (rc == 0) {
        rc = buf_append(out, STR("Authorization: Basic "));
    }
    if (rc == 0) {
        char *to = buf_reserve(out, ENC_BASE64_LEN(buf_len(&pair)));
        rc = to != NULL ? 0 : -ERR_NOMEM;
        if (to != NULL) {
            buf_commit(out, enc_base64(buf_str(&pair), to));
        }
    }
    buf_wipe(&pair);
    return rc == 0 ? buf_append(out, STR("\r\n")) : rc;
}

/* A body of no octets is said where the method expects one (RFC 9110 8.6). */
static bool says_length(const struct options *o)
{
    struct str method = str_of(o->method);
    return o->body_bytes > 0 || str_eq(method, STR("POST")) || str_eq(method, STR("PUT")) ||
           str_eq(method, STR("PATCH"));
}

static int append_all(const struct options *o, struct str user, struct str password,
                      struct buf *out)
{
    int rc = buf_printf(out,
                        "%s %s HTTP/1.1\r\nHost: %s\r\n"
                        "User-Agent: countersign-bench/" COUNTERSIGN_VERSION "\r\n",
                        o->method, o->path, o->server);
    if (rc == 0 && user.p != NULL) {
        rc = append_credentials(out, user, password);
    }
    for (size_t i = 0; i < o->header_count && rc == 0; i++) {
        rc = buf_printf(out, "%s\r\n", o->headers[i]);
    }
    if (rc == 0 && says_length(o)) {
        rc = buf_printf(out, "Content-Length: %llu\r\n", (unsigned long long)o->body_bytes);
    }
    if (rc == 0 && o->mode != MODE_KEEPALIVE) {
        rc = buf_append(out, STR("Connection: close\r\n"));
    }
    return rc == 0 ? buf_append(out, STR("\r\n")) : rc;
}

struct str request_make(const struct options *o, struct str user, struct str password)
{
    struct buf out;
    struct str made = STR_NONE;
    buf_init(&out, REQUEST_MAX);
    if (append_all(o, user, password, &out) == 0) {
        made = (struct str){mem_dup(buf_str(&out).p, buf_len(&out)), buf_len(&out)};
    }
    buf_wipe(&out);
    return made;
}

void request_free(struct str request)
{
    if (request.p != NULL) {
        char *p = (char *)(uintptr_t)request.p;
        mem_wipe(p, request.n);
        mem_free(p);
    }
}
