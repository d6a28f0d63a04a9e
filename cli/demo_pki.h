/* Throw-away certificates for the demonstration: one CA, a server, clients, a CRL. Keys are P-256
 * and good for a day. Not for use: "countersign ca" is. */
#ifndef CLI_DEMO_PKI_H
#define CLI_DEMO_PKI_H

#include <stdbool.h>

#include "base/err.h"

struct demo_pki;

/* A new CA whose certificate is written to DIRECTORY/ca.crt. directory is borrowed until
 * demo_pki_free(). NULL with e. */
struct demo_pki *demo_pki_new(const char *directory, struct err *e);

/* Free it; NULL is fine. */
void demo_pki_free(struct demo_pki *p);

/* Issue a certificate and write DIRECTORY/stem.crt and stem.key (mode 0600). common_name: of the
 * subject; is_server: for localhost and 127.0.0.1, else for client authentication; withdrawn: it
 * will stand in the CRL. Returns 0 or a negative err_code with e. */
int demo_pki_issue(struct demo_pki *p, const char *stem, const char *common_name, bool is_server,
                   bool withdrawn, struct err *e) __attribute__((warn_unused_result));

/* Write DIRECTORY/ca.crl with every withdrawn certificate. Returns as above. */
int demo_pki_write_crl(struct demo_pki *p, struct err *e) __attribute__((warn_unused_result));

#endif
