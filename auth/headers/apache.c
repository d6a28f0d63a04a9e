/* Owns: the variables SSL_CLIENT_* of Apache's mod_ssl as fields, as RequestHeader sets them. Any
 * thread. */
#include <openssl/objects.h>

#include "auth/headers/dialect.h"

enum { VERIFY, SERIAL, SUBJECT, ISSUER, BEGIN, END, CERTIFICATE, CN, O, OU, UID, MAIL, SAN_MAIL };

static const char *const names[] = {[VERIFY] = "SSL_CLIENT_VERIFY",
                                    [SERIAL] = "SSL_CLIENT_M_SERIAL",
                                    [SUBJECT] = "SSL_CLIENT_S_DN",
                                    [ISSUER] = "SSL_CLIENT_I_DN",
                                    [BEGIN] = "SSL_CLIENT_V_START",
                                    [END] = "SSL_CLIENT_V_END",
                                    [CERTIFICATE] = "SSL_CLIENT_CERT",
                                    [CN] = "SSL_CLIENT_S_DN_CN",
                                    [O] = "SSL_CLIENT_S_DN_O",
                                    [OU] = "SSL_CLIENT_S_DN_OU",
                                    [UID] = "SSL_CLIENT_S_DN_UID",
                                    [MAIL] = "SSL_CLIENT_S_DN_Email",
                                    [SAN_MAIL] = "SSL_CLIENT_SAN_Email_0",
                                    [SAN_MAIL + 1] = NULL};

/* As in the texts of names: \XX, which the backslash itself then needs, too. */
static void text(struct render *out, struct str value)
{
    render_escaped(out, value, "\\", "\\");
}

/* mod_ssl gives the first of several as the one; who reads that takes a part for the whole. */
static void attribute(struct render *out, const struct facts *facts, int nid, const char *name)
{
    struct str value;
    if (facts_count(&facts->subject, OBJ_nid2obj(nid), &value) == 1) {
        text(out, value);
    }
    render_field(out, name);
}

static void san_mail(struct render *out, const struct facts *facts)
{
    struct str only = STR_NONE;
    size_t n = 0;
    for (size_t i = 0; i < facts->san_count; i++) {
        if (facts->sans[i].kind == FACTS_SAN_EMAIL) {
            only = facts->sans[i].value;
            n++;
        }
    }
    if (n == 1) {
        text(out, only);
    }
    render_field(out, names[SAN_MAIL]);
}

static void render(const struct facts *facts, bool chain, struct render *out)
{
    (void)chain;
    render_value(out, names[VERIFY], facts != NULL ? STR("SUCCESS") : STR("NONE"));
    if (facts == NULL) {
        return;
    }
    render_value(out, names[SERIAL], facts->serial);
    render_value(out, names[SUBJECT], facts->subject.text);
    render_value(out, names[ISSUER], facts->issuer.text);
    render_date(out, facts->not_before_s);
    render_field(out, names[BEGIN]);
    render_date(out, facts->not_after_s);
    render_field(out, names[END]);
    attribute(out, facts, NID_commonName, names[CN]);
    attribute(out, facts, NID_organizationName, names[O]);
    attribute(out, facts, NID_organizationalUnitName, names[OU]);
    attribute(out, facts, NID_userId, names[UID]);
    attribute(out, facts, NID_pkcs9_emailAddress, names[MAIL]);
    san_mail(out, facts);
    render_pem(out, facts->der, STR(" ")); /* mod_headers makes spaces of line ends */
    render_field(out, names[CERTIFICATE]);
}

const struct dialect dialect_apache = {"apache", names, render};
