/* Taking in certificates that this CA has signed before it had this database. */
#ifndef CA_IMPORT_H
#define CA_IMPORT_H

#include "ca/life.h"

/* Take in the certificate in octets (PEM, DER, or base64 without armour), which l->key's CA must
 * have signed and which must be a client's. It becomes active, or expired; its user is its one
 * common name. Returns 0 with *id, -ERR_EXISTS (is here already), -ERR_DENIED (not by this CA, a CA
 * itself, no common name, another company than the account's), -ERR_MALFORMED, or another, with e.
 */
int import(const struct life *l, const struct actor *who, struct str profile, struct str octets,
           struct life_id *id, struct err *e) __attribute__((warn_unused_result));

#endif
