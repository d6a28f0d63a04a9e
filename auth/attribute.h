/* Reading one attribute out of a name, or an e-mail address out of a SAN, so that no two readers
 * can take it for different texts. Of certificates and of requests. Pure. */
#ifndef AUTH_ATTRIBUTE_H
#define AUTH_ATTRIBUTE_H

#include <stddef.h>

#include <openssl/x509v3.h>

#include "base/reason.h"

#define ATTRIBUTE_MAX 255 /* octets of a text */

/* A text with a NUL behind. */
struct attribute {
    char text[ATTRIBUTE_MAX + 1];
    size_t n;
};

/* Read the value of the one attribute nid of name, wherever in an RDN it stands, into *out:
 * decodable to UTF-8, 1 to ATTRIBUTE_MAX octets, no control character, no space at either end. For
 * emailAddress only IA5String and UTF8String of ASCII are taken, and no blank, comma, semicolon or
 * angle bracket. Returns REASON_OK, or REASON_CERT_IDENTITY_MISSING, _REPEATED or _MALFORMED. */
enum reason attribute_read(const X509_NAME *name, int nid, struct attribute *out);

/* The same for the one rfc822Name of a SAN. */
enum reason attribute_read_san(const GENERAL_NAMES *names, struct attribute *out);

#endif
