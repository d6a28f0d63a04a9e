/* Whether what the CA alone may have is out of the workers' reach. */
#ifndef PROXY_PROC_APART_H
#define PROXY_PROC_APART_H

#include "conf/diag.h"
#include "conf/model.h"

/* Look at the users that workers and the CA's process run as, and, where they are two, at the
 * rights to the CA's key, its passphrase and its database. Errors: ca.user is not known, or is the
 * workers' user; workers could read the key or the passphrase, or read, write or replace the
 * database, with which certificates could be had. Warnings: they are not told apart, or one of them
 * is root. Files that are not there yet have nothing to hide. Findings go to diags; nothing is done
 * where the configuration has no CA. */
void apart_check(const struct conf *conf, struct diags *diags);

#endif
