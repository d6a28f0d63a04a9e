/* Owns: the list of field names that only a proxy may set. Leaves reading what is trusted of them
 * to the caller, before. Loop thread.
 *
 * Names are compared without case and with '_' as '-', because upstreams that turn names into
 * environment variables cannot tell the two. */
#include "auth/headers/strip.h"

/* Everything that begins like this. Lower case, '-' for '_'. */
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

/* And exactly these. */
static const char *const exact[] = {
    "cf-connecting-ip", "forwarded",   "true-client-ip",
    "x-arr-clientcert", "x-auth-user", "x-original-forwarded-for",
    "x-proxy-user",     "x-real-ip",   "x-user",
    "x-user-email",     "x-username",  "x-verified-user",
};

static char fold(char c)
{
    if (c == '_') {
        return '-';
    }
    return str_lower(c);
}

/* True if the first octets of name are those of folded (which is folded already). */
static bool begins_with(struct str name, struct str folded)
{
    if (name.n < folded.n) {
        return false;
    }
    for (size_t i = 0; i < folded.n; i++) {
        if (fold(name.p[i]) != folded.p[i]) {
            return false;
        }
    }
    return true;
}

static bool is_same(struct str name, const char *other)
{
    struct str o = str_of(other);
    if (o.n == 0 || o.n != name.n) {
        return false;
    }
    for (size_t i = 0; i < o.n; i++) {
        if (fold(name.p[i]) != fold(o.p[i])) {
            return false;
        }
    }
    return true;
}

/* Spares the tables for most names: they begin with one of these letters. */
static bool may_be_listed(struct str name)
{
    switch (fold(name.p[0])) {
    case 'c':
    case 'f':
    case 'o':
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
        if (begins_with(name, str_of(prefixes[i]))) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof(exact) / sizeof(exact[0]); i++) {
        if (is_same(name, exact[i])) {
            return true;
        }
    }
    return false;
}

static bool is_configured(struct str name, const struct conf_headers *names)
{
    const char *const own[] = {
        names->user.p,   names->subject.p,     names->issuer.p,
        names->serial.p, names->fingerprint.p, names->verify.p,
    };
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (is_same(name, own[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < names->remove.n; i++) {
        if (is_same(name, names->remove.v[i].p)) {
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
