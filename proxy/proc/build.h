/* From a loaded configuration to what a worker runs: step one of a reload; it may fail and leaves
 * no trace. */
#ifndef PROXY_PROC_BUILD_H
#define PROXY_PROC_BUILD_H

#include "conf/diag.h"
#include "conf/files.h"
#include "proxy/exchange/env.h"
#include "proxy/tls/site.h"

/* Load everything that path and files name: configuration, certificates, keys, CAs, CRLs, users.
 * Nothing is bound and nothing connects. loop and metrics NULL (command "check", the master): no
 * upstream set is made. keys: the master, which forks, must not open keys in tokens. Findings go to
 * diags. Returns a runtime with one reference, or NULL. */
struct runtime *build_runtime(const char *path, struct files *files, struct loop *loop,
                              struct metrics *metrics, struct diags *diags, enum tls_keys keys);

/* What only a start looks at: the user and the group that workers run as are known here, logs and
 * sockets have directories to be made in, and what the CA alone may have is apart (apart.h).
 * Findings go to diags. */
void build_check_process(const struct conf *conf, struct diags *diags);

/* One reference less. */
void build_unref(struct runtime *r);

#endif
