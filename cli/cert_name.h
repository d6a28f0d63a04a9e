/* Which certificate a command means: read from a file, or from a serial number with an issuer. */
#ifndef CLI_CERT_NAME_H
#define CLI_CERT_NAME_H

#include "auth/revoke/deny_line.h"
#include "base/err.h"
#include "conf/files.h"
#include "conf/model.h"

/* The entry for the first certificate in path (PEM or DER): serial number and issuer, until its
 * end. Returns 0 or a negative err_code with e. */
int cert_name_file(const char *path, struct deny_entry *entry, struct err *e)
    __attribute__((warn_unused_result));

/* The entry for a serial number of issuer: a file with the CA's certificate, or the CA's name as
 * RFC 2253 text, which is then looked for among the CAs that conf's listeners trust (read through
 * files). Returns as above. */
int cert_name_serial(const char *serial, const char *issuer, const struct conf *conf,
                     struct files *files, struct deny_entry *entry, struct err *e)
    __attribute__((warn_unused_result));

#endif
