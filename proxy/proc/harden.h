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

#endif
