/* Owns: X-Forwarded-Tls-Client-Cert and its -Info as Traefik's PassTLSClientCert writes them, with
 * quotation marks inside values escaped, which Traefik forgets. Any thread. */
#include <openssl/objects.h>

#include "auth/headers/dialect.h"
#include "base/enc.h"

static const char *const names[] = {"X-Forwarded-Tls-Client-Cert",
                                    "X-Forwarded-Tls-Client-Cert-Info", NULL};

/* The attributes in Traefik's order; it tells no OU of an issuer. */
static const struct {
    int nid;
    const char *key;
    bool of_issuer;
} attributes[] = {
    {NID_domainComponent, "DC", true},     {NID_countryName, "C", true},
    {NID_stateOrProvinceName, "ST", true}, {NID_localityName, "L", true},
    {NID_organizationName, "O", true},     {NID_organizationalUnitName, "OU", false},
    {NID_serialNumber, "SN", true},        {NID_commonName, "CN", true},
};

/* The text is percent-encoded as a whole later, so that any octet may stand in it; what would end
 * the value or make it two is escaped. */
static void value(struct render *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (strchr("\"\\,", s.p[i]) != NULL && s.p[i] != '\0') {
            render_put(out, STR("\\"));
        }
        render_put(out, str_slice(s, i, i + 1));
    }
}

static void name(struct render *out, const char *key, const struct facts_name *of, bool issuer)
{
    bool any = false;
    for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
        const ASN1_OBJECT *type = OBJ_nid2obj(attributes[i].nid);
        for (size_t k = 0; k < of->n && (attributes[i].of_issuer || !issuer); k++) {
            if (OBJ_cmp(of->v[k].type, type) == 0 && of->v[k].value.n > 0) {
                render_put(out, any ? STR(",") : str_of(key));
                render_put(out, any ? STR("") : STR("=\""));
                render_printf(out, "%s=", attributes[i].key);
                value(out, of->v[k].value);
                any = true;
            }
        }
    }
    render_put(out, any ? STR("\";") : STR(""));
}

static void sans(struct render *out, const struct facts *facts)
{
    static const enum facts_san_kind order[] = {FACTS_SAN_DNS, FACTS_SAN_EMAIL, FACTS_SAN_IP,
                                                FACTS_SAN_URI};
    bool any = false;
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        for (size_t k = 0; k < facts->san_count; k++) {
            if (facts->sans[k].kind == order[i]) {
                render_put(out, any ? STR(",") : STR(";SAN=\""));
                value(out, facts->sans[k].value);
                any = true;
            }
        }
    }
    render_put(out, any ? STR("\"") : STR(""));
}

static void info(struct render *out, const struct facts *facts)
{
    name(out, "Subject", &facts->subject, false);
    name(out, "Issuer", &facts->issuer, true);
    render_put(out, STR("SerialNumber=\""));
    render_put(out, facts->serial_decimal);
    render_printf(out, "\";NB=\"%lld\";NA=\"%lld\"", (long long)facts->not_before_s,
                  (long long)facts->not_after_s);
    sans(out, facts);
}

static void render(const struct facts *facts, bool chain, struct render *out)
{
    if (facts == NULL) {
        return;
    }
    render_base64(out, facts->der);
    for (size_t i = 0; chain && i < facts->chain_count; i++) {
        render_put(out, STR(","));
        render_base64(out, facts->chain[i]);
    }
    render_field(out, names[0]);
    struct render plain;
    render_init(&plain, out->out, out->text.cap);
    info(&plain, facts);
    if (out->rc == 0) {
        out->rc = plain.rc == 0 ? enc_percent(&out->text, buf_str(&plain.text)) : plain.rc;
    }
    (void)render_fini(&plain);
    render_field(out, names[1]);
}

const struct dialect dialect_traefik = {"traefik", names, render};
