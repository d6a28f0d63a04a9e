/* Owns: syntax and filling in of templates. Not: which fields have one (plan). Parsing at start and
 * reload, rendering on the loop's thread. */
#include "auth/headers/template.h"

#include <openssl/err.h>

#include "base/clock.h"
#include "base/mem.h"

enum part_kind {
    PART_TEXT,
    PART_USER,
    PART_GROUPS,
    PART_SUBJECT,
    PART_ISSUER,
    PART_SUBJECT_ATTRIBUTE,
    PART_ISSUER_ATTRIBUTE,
    PART_SERIAL,
    PART_SERIAL_DECIMAL,
    PART_SHA256,
    PART_SHA1,
    PART_NOT_BEFORE,
    PART_NOT_AFTER,
    PART_CERTIFICATE,
    PART_SAN_DNS,
    PART_SAN_EMAIL,
    PART_SAN_URI,
    PART_SAN_IP
};

struct part {
    enum part_kind kind;
    struct str text;   /* of PART_TEXT; borrows the template's copy */
    ASN1_OBJECT *type; /* of an attribute; owned */
};

struct template
{
    char *text; /* owned */
    struct part *parts;
    size_t n;
};

static const struct {
    const char *name;
    enum part_kind kind;
} words[] = {
    {"user", PART_USER},
    {"groups", PART_GROUPS},
    {"subject", PART_SUBJECT},
    {"issuer", PART_ISSUER},
    {"serial", PART_SERIAL},
    {"serial.decimal", PART_SERIAL_DECIMAL},
    {"fingerprint", PART_SHA256},
    {"fingerprint.sha1", PART_SHA1},
    {"not_before", PART_NOT_BEFORE},
    {"not_after", PART_NOT_AFTER},
    {"certificate", PART_CERTIFICATE},
    {"san.dns", PART_SAN_DNS},
    {"san.email", PART_SAN_EMAIL},
    {"san.uri", PART_SAN_URI},
    {"san.ip", PART_SAN_IP},
};

static int parse_attribute(struct str name, struct part *out, struct err *e)
{
    bool subject = str_starts(name, STR("subject."));
    char text[80];
    struct str type = str_slice(name, subject ? strlen("subject.") : strlen("issuer."), name.n);
    if (type.n == 0 || type.n >= sizeof(text)) {
        return err_set(e, ERR_MALFORMED, "names no attribute");
    }
    memcpy(text, type.p, type.n);
    text[type.n] = '\0';
    out->kind = subject ? PART_SUBJECT_ATTRIBUTE : PART_ISSUER_ATTRIBUTE;
    out->type = OBJ_txt2obj(text, 0);
    ERR_clear_error();
    return out->type != NULL
               ? 0
               : err_set(
                     e, ERR_MALFORMED,
                     "there is no attribute \"%s\": write it as in OU, emailAddress or 2.5.4.11",
                     text);
}

static int parse_name(struct str name, struct part *out, struct err *e)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (str_eq(name, str_of(words[i].name))) {
            out->kind = words[i].kind;
            return 0;
        }
    }
    if (str_starts(name, STR("subject.")) || str_starts(name, STR("issuer."))) {
        return parse_attribute(name, out, e);
    }
    return err_set(e, ERR_MALFORMED, "there is no \"{%.*s}\"", (int)(name.n < 64 ? name.n : 64),
                   name.p != NULL ? name.p : "");
}

/* Read one part at *at of text and go past it. */
static int parse_part(struct str text, size_t *at, struct part *out, struct err *e)
{
    struct str rest = str_slice(text, *at, text.n);
    if (str_starts(rest, STR("{{")) || str_starts(rest, STR("}}"))) {
        out->text = str_slice(rest, 0, 1);
        *at += 2;
        return 0;
    }
    if (rest.p[0] == '}') {
        return err_set(e, ERR_MALFORMED, "a \"}\" without \"{\": write \"}}\" for the character");
    }
    if (rest.p[0] != '{') {
        size_t n = 0;
        while (n < rest.n && rest.p[n] != '{' && rest.p[n] != '}') {
            if (rest.p[n] < ' ' || rest.p[n] > '~') {
                *at += n;
                return err_set(e, ERR_MALFORMED, "may hold only printable ASCII");
            }
            n++;
        }
        out->text = str_slice(rest, 0, n);
        *at += n;
        return 0;
    }
    size_t end = str_chr(rest, '}');
    if (end == STR_NPOS) {
        return err_set(e, ERR_MALFORMED, "a \"{\" without \"}\": write \"{{\" for the character");
    }
    int rc = parse_name(str_slice(rest, 1, end), out, e);
    *at += rc == 0 ? end + 1 : 0;
    return rc;
}

struct template *template_parse(struct str text, size_t *at, struct err *e)
{
    struct template *t = mem_calloc(1, sizeof(*t));
    *at = 0;
    if (t != NULL && text.n <= TEMPLATE_MAX) {
        t->text = mem_dup(text.p, text.n);
        t->parts = mem_calloc(text.n + 1, sizeof(*t->parts));
    }
    if (t == NULL || t->text == NULL || t->parts == NULL) {
        (void)err_set(e, text.n > TEMPLATE_MAX ? ERR_TOO_LARGE : ERR_NOMEM, "%s",
                      text.n > TEMPLATE_MAX ? "is longer than 1024 octets" : "out of memory");
        template_free(t);
        return NULL;
    }
    struct str copy = {t->text, text.n};
    while (*at < copy.n) {
        if (parse_part(copy, at, &t->parts[t->n], e) != 0) {
            template_free(t);
            return NULL;
        }
        t->n++;
    }
    if (t->n == 0) {
        (void)err_set(e, ERR_MALFORMED, "is empty");
        template_free(t);
        return NULL;
    }
    return t;
}

void template_free(struct template *t)
{
    if (t == NULL) {
        return;
    }
    for (size_t i = 0; i < t->n; i++) {
        ASN1_OBJECT_free(t->parts[i].type);
    }
    mem_free(t->parts);
    mem_free(t->text);
    mem_free(t);
}

bool template_is_dynamic(const struct template *t)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->parts[i].kind == PART_USER || t->parts[i].kind == PART_GROUPS) {
            return true;
        }
    }
    return false;
}

static void value(struct render *out, struct str s)
{
    render_escaped(out, s, "%,", "%");
}

static bool one(struct render *out, struct str s)
{
    value(out, s);
    return s.n > 0;
}

static bool attributes(struct render *out, const struct facts_name *of, const ASN1_OBJECT *type)
{
    bool any = false;
    for (size_t i = 0; i < of->n; i++) {
        if (OBJ_cmp(of->v[i].type, type) == 0 && of->v[i].value.n > 0) {
            render_put(out, any ? STR(",") : STR(""));
            value(out, of->v[i].value);
            any = true;
        }
    }
    return any;
}

static bool sans(struct render *out, const struct facts *facts, enum facts_san_kind kind)
{
    bool any = false;
    for (size_t i = 0; i < facts->san_count; i++) {
        if (facts->sans[i].kind == kind) {
            render_put(out, any ? STR(",") : STR(""));
            value(out, facts->sans[i].value);
            any = true;
        }
    }
    return any;
}

static bool groups(struct render *out, const struct template_request *request)
{
    for (size_t i = 0; i < request->group_count; i++) {
        render_put(out, i > 0 ? STR(",") : STR(""));
        value(out, request->groups[i]);
    }
    return request->group_count > 0;
}

static bool date(struct render *out, int64_t seconds)
{
    char text[CLOCK_RFC3339_LEN + 1];
    clock_rfc3339(seconds * 1000, text);
    render_put(out, str_of(text));
    return true;
}

/* Text that is printable already: not escaped, as its own escapes would be. */
static bool printed(struct render *out, struct str s)
{
    render_put(out, s);
    return s.n > 0;
}

static bool of_certificate(const struct part *p, const struct facts *f, struct render *out)
{
    switch (p->kind) {
    case PART_SUBJECT:
        return printed(out, f->subject.text);
    case PART_ISSUER:
        return printed(out, f->issuer.text);
    case PART_SUBJECT_ATTRIBUTE:
        return attributes(out, &f->subject, p->type);
    case PART_ISSUER_ATTRIBUTE:
        return attributes(out, &f->issuer, p->type);
    case PART_SERIAL:
        return printed(out, f->serial);
    case PART_SERIAL_DECIMAL:
        return printed(out, f->serial_decimal);
    case PART_SHA256:
        return printed(out, f->sha256);
    case PART_SHA1:
        return printed(out, f->sha1);
    case PART_NOT_BEFORE:
        return date(out, f->not_before_s);
    case PART_NOT_AFTER:
        return date(out, f->not_after_s);
    case PART_CERTIFICATE:
        render_base64(out, f->der);
        return true;
    case PART_SAN_DNS:
        return sans(out, f, FACTS_SAN_DNS);
    case PART_SAN_EMAIL:
        return sans(out, f, FACTS_SAN_EMAIL);
    case PART_SAN_URI:
        return sans(out, f, FACTS_SAN_URI);
    case PART_SAN_IP:
        return sans(out, f, FACTS_SAN_IP);
    case PART_TEXT:
    case PART_USER:
    case PART_GROUPS:
    default:
        return false;
    }
}

bool template_render(const struct template *t, const struct facts *facts,
                     const struct template_request *request, struct render *out)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct part *p = &t->parts[i];
        bool has = false;
        if (p->kind == PART_TEXT) {
            has = printed(out, p->text);
        } else if (p->kind == PART_USER) {
            has = one(out, request->user);
        } else if (p->kind == PART_GROUPS) {
            has = groups(out, request);
        } else {
            has = facts != NULL && of_certificate(p, facts, out);
        }
        if (!has) {
            return false;
        }
    }
    return true;
}
