/* Owns: the job's form, and webhooks. Leaves mail to mail. */
#include "ca/send.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/clock.h"
#include "base/enc.h"
#include "base/mem.h"
#include "ca/mail.h"
#include "ca/web.h"

#define SECRET_MAX 1024
#define FIELD_MAX  160

static int write_pair(struct buf *out, const char *name, const char *value)
{
    if (value == NULL) {
        return 0;
    }
    int rc = buf_printf(out, "\"%s\":", name);
    rc = rc == 0 ? enc_json_string(out, str_of(value)) : rc;
    return rc == 0 ? buf_append(out, STR(",")) : rc;
}

int send_write_job(const struct conf_notifier *n, struct str message, struct buf *out,
                   struct err *e)
{
    const struct {
        const char *name;
        const char *value;
    } members[] = {{"smtp", n->smtp.p},
                   {"webhook", n->webhook.p},
                   {"from", n->from.p},
                   {"user", n->user.p},
                   {"password_file", n->password_file.p},
                   {"secret_file", n->secret_file.p},
                   {"ca_file", n->ca_file.p}};
    int rc = buf_append(out, STR("{"));
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]) && rc == 0; i++) {
        rc = write_pair(out, members[i].name, members[i].value);
    }
    rc = rc == 0 ? buf_printf(out, "\"plain\":%s,\"timeout\":%u,\"message\":",
                              n->insecure_plain ? "true" : "false", n->timeout_ms)
                 : rc;
    rc = rc == 0 ? enc_json_string(out, message) : rc;
    rc = rc == 0 ? buf_append(out, STR("}")) : rc;
    return rc == 0 ? 0 : err_set(e, (enum err_code) - rc, "the message is too long");
}

static const char *text_of(const json_t *o, const char *name)
{
    return json_string_value(json_object_get(o, name));
}

/* "t=SECONDS,v1=HEX": HMAC-SHA256 over "SECONDS.BODY", so that an old one cannot be sent again. */
static int sign(const char *path, struct str body, char field[FIELD_MAX], struct err *e)
{
    char secret[SECRET_MAX];
    char when[32];
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    struct buf signed_octets;
    char hex[65] = "";
    buf_init(&signed_octets, SEND_JOB_MAX);
    (void)snprintf(when, sizeof(when), "%lld", (long long)(clock_wall_ms() / 1000));
    int rc = web_read_secret(path, secret, sizeof(secret), e);
    if (rc == 0 && (buf_printf(&signed_octets, "%s.%.*s", when, STR_ARG(body)) != 0 ||
                    HMAC(EVP_sha256(), secret, (int)strlen(secret),
                         (const unsigned char *)buf_str(&signed_octets).p, buf_len(&signed_octets),
                         mac, &n) == NULL ||
                    n != 32)) {
        rc = err_set(e, ERR_CRYPTO, "the message cannot be signed");
    }
    if (rc == 0) {
        enc_hex(mac, n, hex);
        (void)snprintf(field, FIELD_MAX, "Countersign-Signature: t=%s,v1=%s", when, hex);
    }
    mem_wipe(secret, sizeof(secret));
    buf_wipe(&signed_octets);
    return rc;
}

static int post(const json_t *job, struct str message, struct err *e)
{
    char field[FIELD_MAX];
    const char *const fields[] = {field};
    const char *secret_file = text_of(job, "secret_file");
    const struct web_self self = {
        .ca_file = text_of(job, "ca_file"),
        .total_ms = (uint32_t)json_integer_value(json_object_get(job, "timeout"))};
    struct web_wish wish = {.url = text_of(job, "webhook"),
                            .type = "application/json",
                            .body = message,
                            .fields = fields};
    struct web_reply reply;
    if (secret_file != NULL) {
        int rc = sign(secret_file, message, field, e);
        if (rc != 0) {
            return rc;
        }
        wish.field_count = 1;
    }
    int rc = web_call(&self, &wish, &reply, e);
    if (rc == 0 && reply.status / 100 != 2) {
        rc = err_set(e, ERR_IO, "the webhook answered %u", reply.status);
    }
    web_reply_fini(&reply);
    return rc;
}

static int send_mail(const json_t *job, struct str message, struct err *e)
{
    json_t *m = json_loadb(message.p, message.n, 0, NULL);
    const struct mail_server server = {
        .url = text_of(job, "smtp"),
        .user = text_of(job, "user"),
        .password_file = text_of(job, "password_file"),
        .ca_file = text_of(job, "ca_file"),
        .plain = json_is_true(json_object_get(job, "plain")),
        .timeout_ms = (uint32_t)json_integer_value(json_object_get(job, "timeout"))};
    const struct mail mail = {.from = str_of(text_of(job, "from")),
                              .to = str_of(text_of(m, "to")),
                              .subject = str_of(text_of(m, "subject")),
                              .text = str_of(text_of(m, "text"))};
    int rc = m != NULL ? mail_send(&server, &mail, e)
                       : err_set(e, ERR_MALFORMED, "the message is not JSON");
    json_decref(m);
    return rc;
}

int send_job(struct str job, struct err *e)
{
    json_t *root = json_loadb(job.n > 0 ? job.p : "", job.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *text = json_object_get(root, "message");
    struct str message = {json_string_value(text), json_string_length(text)};
    int rc = message.p == NULL                  ? err_set(e, ERR_MALFORMED, "the job is not JSON")
             : text_of(root, "webhook") != NULL ? post(root, message, e)
             : text_of(root, "smtp") != NULL    ? send_mail(root, message, e)
                                                : err_set(e, ERR_MALFORMED, "the job says no way");
    json_decref(root);
    return rc;
}
