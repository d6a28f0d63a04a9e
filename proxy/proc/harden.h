/* What every process of ours does for its own safety. Private to proxy/proc. */
#ifndef PROXY_PROC_HARDEN_H
#define PROXY_PROC_HARDEN_H

/* Once, at the start of the master, inherited by the workers: no SIGPIPE, no group or world rights
 * on new files, no core dumps, no privileges by way of another program, as many descriptors as the
 * hard limit allows. */
void harden_process(void);

/* Memory that holds keys is for nobody's debugger or core file. Again after every change of user,
 * which undoes it. */
void harden_memory(void);

/* Keep memory out of swap: OpenSSL's heap for private keys, and where the limits allow it (root
 * raises them, so this comes before a change of user) all memory of this process. Once, before any
 * key is read; for a process that holds a CA's key. */
void harden_lock(void);

#endif
