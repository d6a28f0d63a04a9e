/* Owns: the fields that nginx users make of the variables $ssl_client_*, with the values of those.
 * Any thread. */
#include "auth/headers/dialect.h"

enum { VERIFY, SUBJECT, ISSUER, SERIAL, FINGERPRINT, BEGIN, END, CERTIFICATE };

static const char *const names[] = {[VERIFY] = "X-SSL-Client-Verify",
                                    [SUBJECT] = "X-SSL-Client-S-DN",
                                    [ISSUER] = "X-SSL-Client-I-DN",
                                    [SERIAL] = "X-SSL-Client-Serial",
                                    [FINGERPRINT] = "X-SSL-Client-Fingerprint",
                                    [BEGIN] = "X-SSL-Client-V-Start",
                                    [END] = "X-SSL-Client-V-End",
                                    [CERTIFICATE] = "X-SSL-Client-Cert",
                                    [CERTIFICATE + 1] = NULL};

static void render(const struct facts *facts, bool chain, struct render *out)
{
    (void)chain;
    render_value(out, names[VERIFY], facts != NULL ? STR("SUCCESS") : STR("NONE"));
    if (facts == NULL) {
        return;
    }
    render_value(out, names[SUBJECT], facts->subject.text);
    render_value(out, names[ISSUER], facts->issuer.text);
    render_value(out, names[SERIAL], facts->serial);
    render_value(out, names[FINGERPRINT], facts->sha1);
    render_date(out, facts->not_before_s);
    render_field(out, names[BEGIN]);
    render_date(out, facts->not_after_s);
    render_field(out, names[END]);
    render_percent_pem(out, facts->der);
    render_field(out, names[CERTIFICATE]);
}

const struct dialect dialect_nginx = {"nginx", names, render};
