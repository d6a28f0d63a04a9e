/* Owns: the list of field names that only a proxy may set. Leaves reading what is trusted of them
 * to the caller, before. Loop thread.
 *
 * Names count in every spelling that is alike (base/field.h). */
#include "auth/headers/strip.h"

#include "auth/headers/plan.h"

/* Everything that begins like this. */
static const char *const prefixes[] = {
    "cf-access-",      /* Cloudflare */
    "client-cert",     /* RFC 9440: Client-Cert, Client-Cert-Chain */
    "oidc-claim-",     /* mod_auth_openidc */
    "remote-",         /* Authelia: Remote-User, -Groups, -Name, -Email */
    "ssl-client-",     /* Apache, ingress-nginx */
    "x-amzn-mtls-",    /* AWS */
    "x-amzn-oidc-",    /* AWS */
    "x-auth-request-", /* oauth2-proxy */
    "x-authenticated-",
    "x-authentik-",
    "x-client-",   /* ours by default */
    "x-consumer-", /* Kong */
    "x-credential-",
    "x-forwarded-",
    "x-goog-authenticated-", /* Google */
    "x-ms-client-principal", /* Azure */
    "x-pomerium-",
    "x-remote-",
    "x-ssl-",
    "x-tls-client-",
    "x-webauth-", /* Grafana */
};

/* And exactly these. "Proxy" is HTTP_PROXY behind CGI, which HTTP clients there obey. */
static const char *const exact[] = {
    "cf-connecting-ip",
    "forwarded",
    "proxy",
    "true-client-ip",
    "x-arr-clientcert",
    "x-auth-user",
    "x-original-forwarded-for",
    "x-proxy-user",
    "x-real-ip",
    "x-user",
    "x-user-email",
    "x-username",
    "x-verified-user",
};

/* Spares the tables for most names: they begin with one of these letters. */
static bool may_be_listed(struct str name)
{
    switch (str_lower(name.p[0])) {
    case 'c':
    case 'f':
    case 'o':
    case 'p':
    case 'r':
    case 's':
    case 't':
    case 'x':
        return true;
    default:
        return false;
    }
}

static bool is_listed(struct str name)
{
    if (!may_be_listed(name)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (field_begins_alike(name, str_of(prefixes[i]))) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof(exact) / sizeof(exact[0]); i++) {
        if (field_alike(name, str_of(exact[i]))) {
            return true;
        }
    }
    return plan_is_dialect_field(name);
}

static bool is_configured(struct str name, const struct conf_headers *names)
{
    const char *const own[] = {
        names->user.p,   names->subject.p,     names->issuer.p,
        names->serial.p, names->fingerprint.p, names->verify.p,
    };
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (field_alike(name, str_of(own[i]))) {
            return true;
        }
    }
    for (size_t i = 0; i < names->reserved.n; i++) {
        if (field_alike(name, str_of(names->reserved.v[i].p))) {
            return true;
        }
    }
    for (size_t i = 0; i < names->remove.n; i++) {
        if (field_alike(name, str_of(names->remove.v[i].p))) {
            return true;
        }
    }
    return false;
}

bool strip_is_reserved(struct str name, const struct conf_headers *names)
{
    return name.n > 0 && (is_listed(name) || is_configured(name, names));
}

static bool drop(struct str name, void *arg)
{
    const struct conf_headers *names = arg;
    return strip_is_reserved(name, names);
}

size_t strip_inbound(struct fields *f, const struct conf_headers *names)
{
    size_t before = f->n;
    fields_remove_if(f, drop, (void *)(uintptr_t)names);
    return before - f->n;
}
