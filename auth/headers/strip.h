/* What is never taken over from a client: fields that upstreams believe to be the proxy's. */
#ifndef AUTH_HEADERS_STRIP_H
#define AUTH_HEADERS_STRIP_H

#include <stdbool.h>

#include "base/field.h"
#include "base/str.h"
#include "conf/model.h"

/* True if name, in any spelling that is alike (base/field.h), is one of: our identity fields (the
 * configured names), the identity fields of other proxies' dialects (Client-Cert*, X-SSL-*,
 * X-Client-*, X-Forwarded-Client-Cert, X-Forwarded-Tls-*, X-Forwarded-User, -Email, -Groups,
 * -Preferred-Username, X-Auth-Request-*, X-Remote-*, Remote-User, SSL-Client-*, ...), Forwarded,
 * X-Forwarded-*, X-Real-IP, and headers.remove. X-Forwarded-For/-Proto/-Host/-Port, Forwarded and
 * X-Real-IP count too: the caller reads what it trusts before. */
bool strip_is_reserved(struct str name, const struct conf_headers *names);

/* Remove every such field from f. Returns how many went. */
size_t strip_inbound(struct fields *f, const struct conf_headers *names);

#endif
