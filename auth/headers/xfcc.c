/* Owns: X-Forwarded-Client-Cert as Envoy defines it, one element, quoted right also where Envoy
 * does not. Any thread. */
#include "auth/headers/dialect.h"

static const char *const names[] = {"X-Forwarded-Client-Cert", NULL};

/* In an RFC 2253 text a backslash before a quotation mark, or another, or at the end, would be
 * taken for XFCC's own; RFC 2253 knows \XX for every octet, and with it both ways of reading agree.
 */
static void subject(struct render *out, struct str text)
{
    render_put(out, STR(";Subject=\""));
    for (size_t i = 0; i < text.n; i++) {
        bool escape = text.p[i] == '\\' && i + 1 < text.n;
        if (escape && (text.p[i + 1] == '"' || text.p[i + 1] == '\\')) {
            i++;
            render_put(out, text.p[i] == '"' ? STR("\\22") : STR("\\5C"));
        } else {
            render_put(out, str_slice(text, i, i + 1));
        }
    }
    render_put(out, STR("\""));
}

static bool needs_quotes(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (strchr(",;=\"\\ ", s.p[i]) != NULL) {
            return true;
        }
    }
    return s.n == 0;
}

/* Neither a URI nor a host name has a place for a backslash or an octet outside ASCII: %HH. */
static void san(struct render *out, const char *key, struct str value)
{
    bool quotes = needs_quotes(value);
    render_printf(out, ";%s=%s", key, quotes ? "\"" : "");
    struct str rest = value;
    struct str part;
    bool more = true;
    while (more) {
        more = str_cut(rest, '"', &part, &rest);
        render_escaped(out, part, "\\", "%");
        render_put(out, more ? STR("\\\"") : STR(""));
    }
    render_put(out, quotes ? STR("\"") : STR(""));
}

static void sans(struct render *out, const struct facts *facts, enum facts_san_kind kind,
                 const char *key)
{
    for (size_t i = 0; i < facts->san_count; i++) {
        if (facts->sans[i].kind == kind) {
            san(out, key, facts->sans[i].value);
        }
    }
}

static void render(const struct facts *facts, bool chain, struct render *out)
{
    if (facts == NULL) {
        return;
    }
    render_put(out, STR("Hash="));
    render_put(out, facts->sha256);
    render_put(out, STR(";Cert=\""));
    render_percent_pem(out, facts->der);
    render_put(out, STR("\""));
    if (chain) {
        render_put(out, STR(";Chain=\""));
        render_percent_pem(out, facts->der);
        for (size_t i = 0; i < facts->chain_count; i++) {
            render_percent_pem(out, facts->chain[i]);
        }
        render_put(out, STR("\""));
    }
    subject(out, facts->subject.text);
    sans(out, facts, FACTS_SAN_URI, "URI");
    sans(out, facts, FACTS_SAN_DNS, "DNS");
    render_field(out, names[0]);
}

const struct dialect dialect_xfcc = {"xfcc", names, render};
