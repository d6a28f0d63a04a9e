/* What a text in a configuration may look like. Private to conf. */
#ifndef CONF_SYNTAX_H
#define CONF_SYNTAX_H

#include "base/str.h"

/* Each returns NULL if s is fine, or what is wrong with it, fit to follow "KEY: ". Pure. */

/* A server name as a client sends it: labels, or "*." and at least two labels. No IP address. */
const char *syntax_server_name(struct str s);

/* A host of a route: as a server name, or an IP address as it stands in a URL. */
const char *syntax_host(struct str s);

/* A path prefix: begins with "/", holds nothing that another reader could take differently, escaped
 * or not. */
const char *syntax_route_path(struct str s);

/* The name of a field that we may add: a token, and none that frames or forwards a message; or
 * empty, which leaves the field out. */
const char *syntax_identity_field(struct str s);

/* The name of a field that we may remove from a request. */
const char *syntax_removed_field(struct str s);

/* As syntax_identity_field(), but not empty. */
const char *syntax_own_field(struct str s);

/* The name of a dialect: own, rfc9440, xfcc, nginx, apache, traefik, haproxy. */
const char *syntax_dialect(struct str s);

/* The name of a group of key exchange: X25519, P-256, P-384, P-521. */
const char *syntax_group_name(struct str s);

/* A key of structured fields (RFC 8941 3.1.2). */
const char *syntax_sf_key(struct str s);

/* What a signature may cover: a component derived from a request (RFC 9421 2.2) that we know, or
 * the lower-case name of a field. */
const char *syntax_component(struct str s);

/* token (RFC 9110 5.6.2). */
const char *syntax_token(struct str s);

/* The name of an upstream: letters, digits, ".", "_", "-". */
const char *syntax_label(struct str s);

/* A user name of RFC 7617: no colon. */
const char *syntax_user(struct str s);

/* The name of the field that holds a one-time code: as syntax_identity_field(), not empty. */
const char *syntax_code_field(struct str s);

/* A method that is let in. */
const char *syntax_method(struct str s);

/* The name of a group: 1 to 64 octets without blanks, commas and control characters. */
const char *syntax_group(struct str s);

/* Printable ASCII. */
const char *syntax_printable(struct str s);

/* What begins a PKCS#11 URI (RFC 7512), whichever letters are capital in the configuration. */
#define SYNTAX_PKCS11 STR("pkcs11:")

/* The octets of the scheme that s begins with (RFC 3986 3.1), without its colon; 0: it is no URI.
 * In a loaded configuration, where paths are absolute, the key of a site is a URI or a path by
 * this, and a scheme is in lower case. */
size_t syntax_scheme(struct str s);

/* A URI that names a key: printable ASCII without blanks. The words do not quote s. */
const char *syntax_key_uri(struct str s);

/* A PKCS#11 URI that names a key: attributes of printable ASCII without blanks; no PIN, which
 * belongs in a file; a module-path, if any, is absolute and written plainly. The words do not quote
 * s, which may hold a PIN. */
const char *syntax_pkcs11(struct str s);

/* A kind of key that is certified: p256, p384, ed25519, rsa. */
const char *syntax_ca_key(struct str s);

/* A URL that begins with http:// and has a host; printable ASCII without blanks, at most 512
 * octets. */
const char *syntax_http_url(struct str s);

/* A URL that begins with https:// and has a host, and perhaps a port and a path: printable ASCII
 * without blanks, user, query, fragment and a "/" at the end; at most 512 octets. */
const char *syntax_base_url(struct str s);

/* A URL that begins with https:// and has a host, without user and fragment; printable ASCII
 * without blanks, at most 512 octets. */
const char *syntax_https_url(struct str s);

/* smtp://HOST[:PORT] or smtps://HOST[:PORT]. */
const char *syntax_smtp_url(struct str s);

/* An e-mail address: local@domain of printable ASCII, none of it special in a header. */
const char *syntax_address(struct str s);

/* A number of days from 1 to 365. */
const char *syntax_days(struct str s);

#endif
