/* Owns: the fields of the examples in HAProxy's manual, and the three that OpenShift's router adds
 * to them. Names in its one-line form, with what would be ambiguous there as \xHH. Any thread. */
#include <stdio.h>
#include <time.h>

#include <openssl/objects.h>

#include "auth/headers/dialect.h"

enum { TLS, VERIFY, SUBJECT, CN, ISSUER, BEGIN, END, SERIAL, DIGEST, CERTIFICATE };

static const char *const names[] = {[TLS] = "X-SSL",
                                    [VERIFY] = "X-SSL-Client-Verify",
                                    [SUBJECT] = "X-SSL-Client-DN",
                                    [CN] = "X-SSL-Client-CN",
                                    [ISSUER] = "X-SSL-Issuer",
                                    [BEGIN] = "X-SSL-Client-NotBefore",
                                    [END] = "X-SSL-Client-NotAfter",
                                    [SERIAL] = "X-SSL-Client-Serial",
                                    [DIGEST] = "X-SSL-Client-SHA1",
                                    [CERTIFICATE] = "X-SSL-Client-DER",
                                    [CERTIFICATE + 1] = NULL};

static void text(struct render *out, struct str value)
{
    render_escaped(out, value, "\"\\/", "\\x");
}

/* "/C=FR/CN=alice", in quotation marks as %{+Q} writes it. */
static void one_line(struct render *out, const struct facts_name *of)
{
    render_put(out, STR("\""));
    for (size_t i = 0; i < of->n; i++) {
        int nid = OBJ_obj2nid(of->v[i].type);
        char oid[128];
        const char *key = nid != NID_undef ? OBJ_nid2sn(nid) : oid;
        if (nid == NID_undef) {
            (void)OBJ_obj2txt(oid, sizeof(oid), of->v[i].type, 1);
        }
        render_printf(out, "/%s=", key);
        text(out, of->v[i].value);
    }
    render_put(out, STR("\""));
}

/* YYMMDDhhmmssZ, as in the certificate until 2049. */
static void date(struct render *out, int64_t seconds)
{
    struct tm tm;
    time_t t = (time_t)seconds;
    if (gmtime_r(&t, &tm) != NULL) {
        int year = tm.tm_year + 1900;
        bool two = year >= 1950 && year < 2050;
        render_printf(out, "\"%0*d", two ? 2 : 4, two ? year % 100 : year);
        render_printf(out, "%02d%02d%02d%02d%02dZ\"", tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                      tm.tm_min, tm.tm_sec);
    }
}

static void common_name(struct render *out, const struct facts *facts)
{
    struct str value;
    if (facts_count(&facts->subject, OBJ_nid2obj(NID_commonName), &value) == 1) {
        render_put(out, STR("\""));
        text(out, value);
        render_put(out, STR("\""));
    }
    render_field(out, names[CN]);
}

static void upper(struct render *out, struct str hex)
{
    for (size_t i = 0; i < hex.n; i++) {
        char c = hex.p[i] >= 'a' ? (char)(hex.p[i] - ('a' - 'A')) : hex.p[i];
        render_put(out, (struct str){&c, 1});
    }
}

/* HAProxy's ssl_c_verify is 0 for a good certificate and for none alike: without one, it is left
 * out here. */
static void render(const struct facts *facts, bool chain, struct render *out)
{
    (void)chain;
    render_value(out, names[TLS], STR("1"));
    if (facts == NULL) {
        return;
    }
    render_value(out, names[VERIFY], STR("0"));
    one_line(out, &facts->subject);
    render_field(out, names[SUBJECT]);
    common_name(out, facts);
    one_line(out, &facts->issuer);
    render_field(out, names[ISSUER]);
    date(out, facts->not_before_s);
    render_field(out, names[BEGIN]);
    date(out, facts->not_after_s);
    render_field(out, names[END]);
    render_value(out, names[SERIAL], facts->serial);
    upper(out, facts->sha1);
    render_field(out, names[DIGEST]);
    render_base64(out, facts->der);
    render_field(out, names[CERTIFICATE]);
}

const struct dialect dialect_haproxy = {"haproxy", names, render};
