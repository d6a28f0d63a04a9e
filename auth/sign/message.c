/* Owns: components, signature base and fields of RFC 9421, for requests. Not: keys (es256), what
 * the identity fields are (forward). Loop thread. */
#include "auth/sign/message.h"

#include "base/enc.h"
#include "base/err.h"

#define TEXT_MAX ((size_t)4 * 1024 * 1024) /* a whole head, and more */

static bool ends_with_port(struct str authority, struct str scheme, size_t *without)
{
    struct str port = str_eq(scheme, STR("https")) ? STR(":443") : STR(":80");
    *without = authority.n - (str_ends(authority, port) ? port.n : 0);
    return *without < authority.n;
}

/* RFC 9421 2.2.3: in lower case, without the scheme's own port. */
static int put_authority(const struct message *m, struct buf *out)
{
    size_t n = 0;
    (void)ends_with_port(m->authority, m->scheme, &n);
    char *to = buf_reserve(out, n);
    if (to == NULL) {
        return -ERR_FULL;
    }
    for (size_t i = 0; i < n; i++) {
        to[i] = str_lower(m->authority.p[i]);
    }
    buf_commit(out, n);
    return 0;
}

static int put_target_uri(const struct message *m, struct buf *out)
{
    int rc = buf_append(out, m->scheme);
    rc = rc == 0 ? buf_append(out, STR("://")) : rc;
    rc = rc == 0 ? put_authority(m, out) : rc;
    return rc == 0 ? buf_append(out, m->target) : rc;
}

/* RFC 9421 2.2. */
static int put_derived(const struct message *m, struct str name, struct buf *out)
{
    struct str path;
    struct str query;
    (void)str_cut(m->target, '?', &path, &query);
    if (str_eq(name, STR("@method"))) {
        return buf_append(out, m->method);
    }
    if (str_eq(name, STR("@authority"))) {
        return put_authority(m, out);
    }
    if (str_eq(name, STR("@scheme"))) {
        return buf_append(out, m->scheme);
    }
    if (str_eq(name, STR("@target-uri"))) {
        return put_target_uri(m, out);
    }
    if (str_eq(name, STR("@request-target"))) {
        return buf_append(out, m->target);
    }
    if (str_eq(name, STR("@path"))) {
        return buf_append(out, path.n > 0 ? path : STR("/"));
    }
    if (str_eq(name, STR("@query"))) {
        int rc = buf_append(out, STR("?"));
        return rc == 0 ? buf_append(out, query) : rc;
    }
    return -ERR_NOT_FOUND;
}

/* RFC 9421 2.1: the values of all lines of the field, joined. */
static int put_field(const struct message *m, struct str name, struct buf *out)
{
    bool any = false;
    int rc = 0;
    for (size_t i = 0; i < m->fields->n && rc == 0; i++) {
        if (str_ieq(m->fields->v[i].name, name)) {
            rc = any ? buf_append(out, STR(", ")) : 0;
            rc = rc == 0 ? buf_append(out, str_trim(m->fields->v[i].value)) : rc;
            any = true;
        }
    }
    return rc == 0 && !any ? -ERR_NOT_FOUND : rc;
}

static bool is_derived(struct str name)
{
    return name.n > 0 && name.p[0] == '@';
}

bool message_has(const struct message *m, struct str component)
{
    return is_derived(component) || fields_count(m->fields, component) > 0;
}

int message_input(const struct str *components, size_t n, const struct message_params *p,
                  struct buf *out)
{
    int rc = buf_append(out, STR("("));
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = buf_printf(out, "%s\"%.*s\"", i > 0 ? " " : "", STR_ARG(components[i]));
    }
    rc = rc == 0 ? buf_printf(out, ");created=%lld", (long long)p->created_s) : rc;
    if (rc == 0 && p->expires_s != 0) {
        rc = buf_printf(out, ";expires=%lld", (long long)p->expires_s);
    }
    rc = rc == 0 ? buf_printf(out, ";keyid=\"%.*s\"", STR_ARG(p->key_name)) : rc;
    if (rc == 0 && p->algorithm.n > 0) {
        rc = buf_printf(out, ";alg=\"%.*s\"", STR_ARG(p->algorithm));
    }
    return rc;
}

int message_base(const struct message *m, const struct str *components, size_t n, struct str input,
                 struct buf *out)
{
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = buf_printf(out, "\"%.*s\": ", STR_ARG(components[i]));
        if (rc == 0) {
            rc = is_derived(components[i]) ? put_derived(m, components[i], out)
                                           : put_field(m, components[i], out);
        }
        rc = rc == 0 ? buf_append(out, STR("\n")) : rc;
    }
    rc = rc == 0 ? buf_append(out, STR("\"@signature-params\": ")) : rc;
    return rc == 0 ? buf_append(out, input) : rc;
}

static bool is_among(const struct str *components, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(components[i], name)) {
            return true;
        }
    }
    return false;
}

static struct str lower(struct arena *a, struct str name)
{
    struct str copy = arena_dup(a, name);
    char *p = (char *)(uintptr_t)copy.p;
    for (size_t i = 0; p != NULL && i < copy.n; i++) {
        p[i] = str_lower(p[i]);
    }
    return copy;
}

/* What is covered: each once. */
static int choose(const struct conf_signature *conf, const struct message *m, const size_t own[2],
                  struct arena *a, struct str **out, size_t *n)
{
    struct str *v = arena_alloc(a, (conf->components.n + own[1] - own[0] + 1) * sizeof(*v));
    *out = v;
    *n = 0;
    if (v == NULL) {
        return -ERR_NOMEM;
    }
    for (size_t i = 0; i < conf->components.n; i++) {
        struct str name = str_of(conf->components.v[i].p);
        if (message_has(m, name)) {
            v[(*n)++] = name;
        }
    }
    for (size_t i = own[0]; i < own[1]; i++) {
        struct str name = lower(a, m->fields->v[i].name);
        if (name.p == NULL) {
            return -ERR_NOMEM;
        }
        if (!is_among(v, *n, name)) {
            v[(*n)++] = name;
        }
    }
    return 0;
}

/* Add both fields; input: the inner list with its parameters. */
static int add_fields(const char *label, struct str input, const unsigned char *signature,
                      struct fields *out)
{
    char text[ENC_BASE64_LEN(ES256_SIGNATURE)];
    size_t n = enc_base64((struct str){(const char *)signature, ES256_SIGNATURE}, text);
    struct str first = arena_printf(out->arena, "%s=%.*s", label, STR_ARG(input));
    struct str second = arena_printf(out->arena, "%s=:%.*s:", label, (int)n, text);
    if (first.p == NULL || second.p == NULL ||
        fields_add(out, STR("Signature-Input"), first) != 0) {
        return -ERR_NOMEM;
    }
    return fields_add(out, STR("Signature"), second);
}

int message_sign(const struct conf_signature *conf, const struct es256 *keys,
                 const struct message *m, const size_t own[2], int64_t wall_ms, struct fields *out)
{
    struct str *components = NULL;
    size_t n = 0;
    unsigned char signature[ES256_SIGNATURE];
    struct buf input;
    struct buf base;
    const struct message_params p = {.created_s = wall_ms / 1000,
                                     .expires_s = wall_ms / 1000 + conf->life_ms / 1000,
                                     .key_name = es256_name(keys, 0),
                                     .algorithm = STR("ecdsa-p256-sha256")};
    buf_init(&input, TEXT_MAX);
    buf_init(&base, TEXT_MAX);
    int rc = choose(conf, m, own, out->arena, &components, &n);
    rc = rc == 0 ? message_input(components, n, &p, &input) : rc;
    rc = rc == 0 ? message_base(m, components, n, buf_str(&input), &base) : rc;
    rc = rc == 0 ? es256_sign(keys, buf_str(&base), signature) : rc;
    rc = rc == 0 ? add_fields(conf->label.p, buf_str(&input), signature, out) : rc;
    buf_release(&input);
    buf_release(&base);
    return rc == 0 || rc == -ERR_CRYPTO ? rc : -ERR_NOMEM;
}
