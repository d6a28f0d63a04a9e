/* Templates of field values: text with {names} of what is known of the client. Private to
 * auth/headers. */
#ifndef AUTH_HEADERS_TEMPLATE_H
#define AUTH_HEADERS_TEMPLATE_H

#include "auth/headers/facts.h"
#include "auth/headers/render.h"
#include "base/err.h"

struct template;

/* Octets of a template. */
#define TEMPLATE_MAX 1024

/* Read text:
 *   {user} {groups} {subject} {issuer} {serial} {serial.decimal} {fingerprint} {fingerprint.sha1}
 *   {not_before} {not_after} {certificate} {san.email} {san.dns} {san.uri} {san.ip}
 *   {subject.NAME} {issuer.NAME}: an attribute, NAME as openssl knows it (OU, emailAddress) or a
 *   number such as 2.5.4.11
 *   {{ and }}: the brackets themselves; anything else stands for itself.
 * Returns the template (template_free), or NULL with e set; *at is then the octet (from 0) of the
 * mistake. */
struct template *template_parse(struct str text, size_t *at, struct err *e);

/* Free it; NULL is fine. */
void template_free(struct template *t);

/* True if t tells what may differ from request to request: {user}, {groups}. */
bool template_is_dynamic(const struct template *t);

/* What a request adds to the certificate. */
struct template_request {
    struct str user;
    const struct str *groups;
    size_t group_count;
};

/* Write t into out. facts NULL: no accepted certificate. Octets outside printable ASCII, "%" and
 * "," inside values become %HH; several values are joined by commas. Returns false if a part of t
 * has no value: then out holds a part of the text, and there is to be no field. */
bool template_render(const struct template *t, const struct facts *facts,
                     const struct template_request *request, struct render *out);

#endif
