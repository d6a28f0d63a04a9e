/* Owns: the claims and the writing of tokens, and one kept token a connection. Not: keys (es256),
 * the field (forward). Loop thread. */
#include "auth/sign/token.h"

#include "base/enc.h"
#include "base/err.h"
#include "base/mem.h"

/* A path can be as long as limits.target allows. */
#define CLAIMS_MAX ((size_t)1 << 20)

static int member(struct buf *out, const char *name, struct str value)
{
    int rc = buf_printf(out, ",\"%s\":", name);
    return rc == 0 ? enc_json_string(out, value) : rc;
}

/* RFC 8705 3.1: the certificate that the user showed. */
static int confirmation(struct buf *out, const unsigned char *digest)
{
    char text[ENC_BASE64_LEN(32)];
    size_t n = enc_base64url((struct str){(const char *)digest, 32}, text);
    return buf_printf(out, ",\"cnf\":{\"x5t#S256\":\"%.*s\"}", (int)n, text);
}

static int binding(struct buf *out, const struct token_facts *f)
{
    struct buf uri;
    buf_init(&uri, CLAIMS_MAX);
    int rc = member(out, "htm", f->method);
    rc = rc == 0 ? buf_append(&uri, STR("https://")) : rc;
    rc = rc == 0 ? buf_append(&uri, f->authority) : rc;
    rc = rc == 0 ? buf_append(&uri, f->path) : rc;
    rc = rc == 0 ? member(out, "htu", buf_str(&uri)) : rc;
    buf_release(&uri);
    return rc == 0 ? member(out, "jti", f->request_id) : rc;
}

static int write_claims(const struct conf_token *conf, const struct token_facts *f, struct buf *out)
{
    int64_t issued_s = f->wall_ms / 1000;
    int rc = buf_append(out, STR("{\"iss\":"));
    rc = rc == 0 ? enc_json_string(out, str_of(conf->issuer.p)) : rc;
    rc = rc == 0 ? member(out, "sub", f->user) : rc;
    rc = rc == 0 ? member(out, "aud", str_of(conf->audience.p)) : rc;
    rc = rc == 0 ? buf_printf(out, ",\"iat\":%lld,\"exp\":%lld", (long long)issued_s,
                              (long long)(issued_s + conf->life_ms / 1000))
                 : rc;
    rc = rc == 0 && f->digest != NULL ? confirmation(out, f->digest) : rc;
    rc = rc == 0 && conf->bind_request ? binding(out, f) : rc;
    return rc == 0 ? buf_append(out, STR("}")) : rc;
}

static int put_base64url(struct buf *out, struct str s)
{
    char *to = buf_reserve(out, ENC_BASE64_LEN(s.n));
    if (to == NULL) {
        return -ERR_NOMEM;
    }
    buf_commit(out, enc_base64url(s, to));
    return 0;
}

static int put_signature(const struct es256 *keys, struct buf *out)
{
    unsigned char signature[ES256_SIGNATURE];
    int rc = es256_sign(keys, buf_str(out), signature);
    rc = rc == 0 ? buf_append(out, STR(".")) : rc;
    return rc == 0 ? put_base64url(out, (struct str){(const char *)signature, sizeof(signature)})
                   : rc;
}

/* The compact serialisation (RFC 7515 3.1) into out. */
static int write_token(const struct conf_token *conf, const struct es256 *keys,
                       const struct token_facts *f, struct buf *out)
{
    struct buf part;
    buf_init(&part, CLAIMS_MAX);
    int rc = buf_printf(&part, "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%.*s\"}",
                        STR_ARG(es256_name(keys, 0)));
    rc = rc == 0 ? put_base64url(out, buf_str(&part)) : rc;
    buf_clear(&part);
    rc = rc == 0 ? write_claims(conf, f, &part) : rc;
    rc = rc == 0 ? buf_append(out, STR(".")) : rc;
    rc = rc == 0 ? put_base64url(out, buf_str(&part)) : rc;
    buf_release(&part);
    return rc == 0 ? put_signature(keys, out) : rc;
}

static bool is_fresh(const struct conf_token *conf, const struct token_slot *slot,
                     const struct token_facts *f)
{
    if (conf->bind_request || slot == NULL || slot->text == NULL ||
        !str_eq(str_of(slot->user), f->user) || slot->confirms != (f->digest != NULL)) {
        return false;
    }
    int64_t age_ms = f->wall_ms - slot->issued_ms;
    return age_ms >= 0 && age_ms < conf->life_ms / 2;
}

/* No memory to keep it is no reason to refuse a request. */
static void keep(struct token_slot *slot, const struct token_facts *f, struct str text)
{
    token_clear(slot);
    slot->user = mem_dup(f->user.p, f->user.n);
    slot->text = mem_dup(text.p, text.n);
    slot->issued_ms = f->wall_ms;
    slot->confirms = f->digest != NULL;
    if (slot->user == NULL || slot->text == NULL) {
        token_clear(slot);
    }
}

int token_get(const struct conf_token *conf, const struct es256 *keys, struct token_slot *slot,
              const struct token_facts *f, struct arena *a, struct str *out)
{
    bool fresh = is_fresh(conf, slot, f);
    if (slot != NULL) {
        slot->reused = fresh;
    }
    if (fresh) {
        *out = arena_dup(a, str_of(slot->text));
        return out->p != NULL ? 0 : -ERR_NOMEM;
    }
    struct buf text;
    buf_init(&text, 2 * CLAIMS_MAX);
    int rc = write_token(conf, keys, f, &text);
    if (rc == 0) {
        *out = arena_dup(a, buf_str(&text));
        rc = out->p != NULL ? 0 : -ERR_NOMEM;
    }
    if (rc == 0 && slot != NULL && !conf->bind_request) {
        keep(slot, f, *out);
    }
    buf_release(&text);
    return rc == 0 || rc == -ERR_CRYPTO ? rc : -ERR_NOMEM;
}

void token_clear(struct token_slot *slot)
{
    mem_free(slot->user);
    mem_free(slot->text);
    *slot = (struct token_slot){.user = NULL};
}
