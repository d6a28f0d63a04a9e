/* Telling people: messages go out by the notifiers of the configuration, each in a process of its
 * own, so that nothing here waits for a server. Codes and passwords are in memory alone, until they
 * are sent or nobody could use them any more; all else is in the outbox. One thread. */
#ifndef CA_NOTIFY_H
#define CA_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "ca/life.h"
#include "ca/message.h"

struct notify;

/* The notifier for a kind of message, or NULL: none is configured. */
const struct conf_notifier *notify_by(const struct conf_ca *conf, enum message_kind kind);

/* life and log (NULL: none) are borrowed. resident: it goes on running, tries again, and sends what
 * is in the outbox; otherwise each message is tried once (notify_wait()). Returns 0 with *out
 * (notify_close()), or a negative err_code with e. */
int notify_open(const struct life *l, struct log *log, bool resident, struct notify **out,
                struct err *e) __attribute__((warn_unused_result));

/* Ends what runs; what was not sent is given up. NULL is fine. */
void notify_close(struct notify *n);

/* Send a code or a password by its notifier; it is tried until m->until_ms, or for an hour. Returns
 * 0 if that has begun, -ERR_NOT_FOUND (there is no notifier), -ERR_FULL (too many wait), or
 * another, with e. */
int notify_post(struct notify *n, const struct message *m, struct err *e)
    __attribute__((warn_unused_result));

/* Look after what runs, and begin what is due. Does not wait. */
void notify_run(struct notify *n);

/* Wait until everything that was posted is sent, or has failed once. Returns 0, or -ERR_IO with e:
 * why the first of them was not sent. */
int notify_wait(struct notify *n, struct err *e) __attribute__((warn_unused_result));

#endif
