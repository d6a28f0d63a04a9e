/* Owns: the rows of what the upstream is told: fields, token, signature. Constant data. */
#include "conf/keys_rows.h"
#include "conf/model.h"
#include "conf/syntax.h"

#define IDENTITY_FIELD(key_name, fallback_name, what)                                              \
    {                                                                                              \
        .name = #key_name, .type = KEY_TEXT, AT(conf_headers, key_name), .empty_ok = true,         \
        .check = syntax_identity_field, .fallback = (fallback_name), .meaning = (what)             \
    }

static const struct key headers_keys[] = {
    IDENTITY_FIELD(user, "X-Client-User", "The user's name, folded as identity says."),
    IDENTITY_FIELD(subject, "X-Client-Subject", "The certificate's subject (RFC 2253)."),
    IDENTITY_FIELD(issuer, "X-Client-Issuer", "The certificate's issuer (RFC 2253)."),
    IDENTITY_FIELD(serial, "X-Client-Serial", "The certificate's serial number, hexadecimal."),
    IDENTITY_FIELD(fingerprint, "X-Client-Fingerprint", "SHA-256 of the certificate."),
    IDENTITY_FIELD(verify, "X-Client-Verify", "What was proven of the client."),
    {.name = "dialects",
     .type = KEY_TEXTS,
     AT(conf_headers, dialects),
     .check = syntax_dialect,
     .example = "rfc9440",
     .fallback_note = "own",
     .meaning = "In whose words the upstream is told: own (the six names above), rfc9440, xfcc, "
                "nginx, apache, traefik, haproxy; see headers.md."},
    {.name = "chain",
     .type = KEY_BOOL,
     AT(conf_headers, chain),
     .fallback = "false",
     .meaning = "Tell the chain by which a certificate was judged, too, where the dialect has a "
                "place for it (rfc9440, xfcc, traefik). Excludes resumption.enabled: a "
                "resumed session has no chain."},
    {.name = "fields",
     .type = KEY_PAIRS,
     TWO(conf_headers, fields, field_count),
     .check = syntax_printable,
     .check_name = syntax_own_field,
     .example = "{ X-Dept: \"{subject.OU}\" }",
     .meaning = "Further fields by name, each with a template such as \"{subject.OU}\"; see "
                "headers.md. One of which a part has no value is left out."},
    {.name = "generated_max",
     .type = KEY_SIZE_32,
     AT(conf_headers, generated_bytes),
     .min = KIB(1),
     .max = KIB(256),
     .fallback = "16KiB",
     .meaning = "Octets of all identity fields of a request together, names included; a request "
                "that would have more is refused with 403."},
    {.name = "x_forwarded",
     .type = KEY_BOOL,
     AT(conf_headers, x_forwarded),
     .fallback = "true",
     .meaning = "Add X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host."},
    {.name = "forwarded",
     .type = KEY_BOOL,
     AT(conf_headers, forwarded),
     .fallback = "false",
     .meaning = "Add Forwarded (RFC 7239)."},
    {.name = "via",
     .type = KEY_BOOL,
     AT(conf_headers, via),
     .fallback = "true",
     .meaning = "Add Via."},
    {.name = "via_name",
     .type = KEY_TEXT,
     AT(conf_headers, via_name),
     .check = syntax_token,
     .fallback = "countersign",
     .meaning = "Our name in Via."},
    {.name = "trusted_proxies",
     .type = KEY_RANGES,
     TWO(conf_headers, trusted_proxies, trusted_proxy_count),
     .example = "10.0.0.0/8",
     .meaning = "Address ranges of proxies in front whose X-Forwarded-For and X-Request-Id are "
                "kept; \"unix:\" means every peer on a Unix socket."},
    {.name = "remove",
     .type = KEY_TEXTS,
     AT(conf_headers, remove),
     .check = syntax_removed_field,
     .example = "X-Internal-Role",
     .meaning = "Further fields that are never taken from a client."},
};

const struct key_section keys_headers = {
    .intro = "Names of the fields that tell the upstream who asks. An empty name leaves the field "
             "out. Whatever a client sends under any of these names, or those of any dialect, is "
             "removed first.",
    .keys = headers_keys,
    .count = COUNT(headers_keys),
    .at_offset = KEY_NOWHERE};

static const struct key token_keys[] = {
    {.name = "keys",
     .type = KEY_FILES,
     AT(conf_token, keys),
     .example = "token.key",
     .fallback_note = "none: no token",
     .meaning = "PEM files with an EC P-256 private key each. The first signs; all of them are "
                "published as /.well-known/jwks.json of the admin listener."},
    {.name = "header",
     .type = KEY_TEXT,
     AT(conf_token, header),
     .empty_ok = true,
     .check = syntax_identity_field,
     .fallback = "X-Identity-Token",
     .meaning = "The field that holds the token (JWT, ES256); empty: no token."},
    {.name = "issuer",
     .type = KEY_TEXT,
     AT(conf_token, issuer),
     .check = syntax_printable,
     .example = "https://proxy.example.com",
     .meaning = "The claim iss. Required with keys."},
    {.name = "audience",
     .type = KEY_TEXT,
     AT(conf_token, audience),
     .check = syntax_printable,
     .example = "orders",
     .meaning = "The claim aud, by which an upstream knows that a token is for it. Required with "
                "keys."},
    {.name = "life",
     .type = KEY_DURATION,
     AT(conf_token, life_ms),
     .min = SECONDS(5),
     .max = HOURS(1),
     .fallback = "60s",
     .meaning = "From iat to exp. A token is used again on its connection for half of that."},
    {.name = "bind_request",
     .type = KEY_BOOL,
     AT(conf_token, bind_request),
     .fallback = "false",
     .meaning = "Make a token for each request, with its method (htm), URI (htu) and an identifier "
                "(jti)."},
};

const struct key_section keys_token = {
    .intro = "A signed statement of who asks (JWT), for upstreams that want proof; see headers.md.",
    .keys = token_keys,
    .count = COUNT(token_keys),
    .at_offset = KEY_NOWHERE};

static const struct key signature_keys[] = {
    {.name = "keys",
     .type = KEY_FILES,
     AT(conf_signature, keys),
     .example = "signature.key",
     .fallback_note = "none: no signature",
     .meaning = "As token.keys."},
    {.name = "label",
     .type = KEY_TEXT,
     AT(conf_signature, label),
     .check = syntax_sf_key,
     .fallback = "countersign",
     .meaning = "Name of the signature in Signature-Input and Signature."},
    {.name = "components",
     .type = KEY_TEXTS,
     AT(conf_signature, components),
     .check = syntax_component,
     .example = "content-type",
     .fallback_note = "@method, @authority, @path, @query",
     .meaning = "What is signed besides the identity fields, which always are: @method, "
                "@authority, @scheme, @target-uri, @request-target, @path, @query, or names of "
                "fields in lower case, but of none that is made anew for the upstream or never "
                "forwarded. A field that a request does not have is left out."},
    {.name = "life",
     .type = KEY_DURATION,
     AT(conf_signature, life_ms),
     .min = SECONDS(5),
     .max = HOURS(1),
     .fallback = "60s",
     .meaning = "From created to expires."},
};

const struct key_section keys_signature = {
    .intro = "A signature over each request (RFC 9421, ecdsa-p256-sha256); see headers.md.",
    .keys = signature_keys,
    .count = COUNT(signature_keys),
    .at_offset = KEY_NOWHERE};
