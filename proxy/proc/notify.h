/* Telling the service manager how we are (sd_notify(3)), without its library. Private to
 * proxy/proc. */
#ifndef PROXY_PROC_NOTIFY_H
#define PROXY_PROC_NOTIFY_H

#include <stdint.h>

/* Every worker serves. */
void notify_ready(void);

/* A reload begins; notify_ready() ends it. */
void notify_reloading(void);

/* The end has begun. */
void notify_stopping(void);

/* Still alive. */
void notify_watchdog(void);

/* How often notify_watchdog() is due, in ms (half of WATCHDOG_USEC); 0: nobody asks. */
uint64_t notify_watchdog_ms(void);

#endif
