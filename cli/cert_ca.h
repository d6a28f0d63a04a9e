/* countersign cert withdraw, restore, of a certificate that the CA of the same configuration has
 * issued: then its record changes too, or revocation list and responder would say otherwise. */
#ifndef CLI_CERT_CA_H
#define CLI_CERT_CA_H

#include "auth/revoke/deny_line.h"
#include "conf/model.h"

#define CERT_CA_NONE (-1) /* no CA here knows the certificate: the deny list alone tells of it */

/* Withdraw entry (a certificate, with its reason) in the CA's record and at the proxies, as
 * countersign request withdraw does. What the record cannot be told, or not by who runs the
 * command, is refused by the proxies all the same, and said with what to do. config: its path, for
 * that. Returns the exit status, 1 if one of the two is not done, or CERT_CA_NONE. */
int cert_ca_withdraw(const struct conf *conf, const char *config, const struct deny_entry *entry);

/* Lift its hold in both. One that is withdrawn for good stays so, whatever the deny list says of
 * it. Returns as above; CERT_CA_NONE also if the record has it in use. */
int cert_ca_restore(const struct conf *conf, const char *config, const struct deny_entry *entry);

#endif
